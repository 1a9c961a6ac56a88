"""From the arguments of a field to what the resolvers are asked, with what is selected below it."""

import re
from collections.abc import Sequence
from enum import Enum
from typing import Any

from graph.resolvers import records, summaries
from graph.resolvers.selection import selected
from graph.schema.filters import given
from graph.schema.paging import Info
from records.filters import RecordFilter
from records.lists import RecordOrder
from records.summaries import Attribution

NO_GROUPS: list[Any] = []
"""What a summary is grouped by where nothing is said."""


def list_of(
    info: Info,
    chosen: RecordFilter,
    order: RecordOrder | None,
    first: int | None,
    after: str | None,
) -> records.Asked:
    """A list of records; each brings its unit where that is selected."""
    with_unit = "unit" in selected(info, "nodes") | selected(info, "edges", "node")
    return records.Asked(chosen, order, first, given(after), with_unit)


def measures_of(
    info: Info,
    chosen: RecordFilter,
    group_by: Sequence[Enum] | None,
    attribution: Attribution | None,
) -> summaries.Asked:
    """A summary; only what is selected is computed."""
    return summaries.Asked(
        chosen,
        tuple(key.value for key in group_by or ()),
        attribution or Attribution.AS_OF,
        selected_names(info),
    )


def selected_names(info: Info) -> frozenset[str]:
    """The names of the fields selected below this one, as they are called in the source."""
    return frozenset(_snake(name) for name in selected(info))


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)
