"""The scalars of Chibo's own: a day in one form only, and a moment with its offset."""

import re
from datetime import date, datetime
from typing import Any

from graphql import GraphQLError, StringValueNode, ValueNode
from strawberry import scalar

RFC_3339 = "https://www.rfc-editor.org/rfc/rfc3339#section-5.6"

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse_day(value: Any) -> date:
    """YYYY-MM-DD, and no other form of ISO 8601."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise GraphQLError("Date is written YYYY-MM-DD and is a day of the calendar.")


def _parse_day_literal(node: ValueNode, _variables: Any = None) -> date:
    """The same of a literal, whose place is told."""
    try:
        return parse_day(node.value if isinstance(node, StringValueNode) else None)
    except GraphQLError as error:
        raise GraphQLError(error.message, node) from None


def _parse_moment(value: Any) -> datetime:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment
    raise GraphQLError("DateTime is written in ISO 8601 with an offset.")


DATE = scalar(
    name="Date",
    description="A day: YYYY-MM-DD, and no other form of ISO 8601 (the full-date of RFC 3339).",
    specified_by_url=RFC_3339,
    serialize=date.isoformat,
    parse_value=parse_day,
    parse_literal=_parse_day_literal,
)

DATE_TIME = scalar(
    name="DateTime",
    description="A moment in ISO 8601 with its offset, answered as the date-time of RFC 3339.",
    specified_by_url=RFC_3339,
    serialize=datetime.isoformat,
    parse_value=_parse_moment,
)
