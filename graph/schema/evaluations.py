"""Evaluations as clients see them: single ones, their lists and their sums."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graph.schema.enumerations import Rating
from graph.schema.paging import Connection, Node
from records import record

if TYPE_CHECKING:
    from graph.schema.units import Unit, UnitKind

UnitType = Annotated["Unit", strawberry.lazy("graph.schema.units")]
UnitKindType = Annotated["UnitKind", strawberry.lazy("graph.schema.units")]


@strawberry.type(description="A unit's yearly evaluation, as decided above it.")
class Evaluation(Node):
    revision: int = strawberry.field(
        description="1 when first recorded, one more with each revision."
    )
    recorded_at: datetime
    unit: UnitType
    year: int
    rating: Rating
    regulation: str = strawberry.field(
        description="The regulation it was made under, e.g. 132-QĐ/TW."
    )
    political_task: bool | None
    meeting_quality: bool | None
    unity_discipline: bool | None
    cadres_members: bool | None
    four_goods: bool | None = strawberry.field(
        description="Null when one of the four is null, else whether all are true."
    )
    members_rated: int
    members_excellent: int
    members_good: int
    members_completed: int
    members_not_completed: int

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, record.Evaluation)


EvaluationConnection = Connection[Evaluation]


@strawberry.enum(description="What sums of evaluations can be grouped by.")
class EvaluationGrouping(Enum):
    CHILD = "CHILD"
    UNIT_KIND = "UNIT_KIND"
    UNIT_CATEGORY = "UNIT_CATEGORY"
    YEAR = "YEAR"
    RATING = "RATING"


@strawberry.type(description="Sums of evaluations: one row a group.")
class EvaluationSummary:
    child: UnitType | None = strawberry.field(
        description="The child of `within` the records fall under; null for within's own. Set, "
        "like the other groups, where grouped by it, else null."
    )
    unit_kind: UnitKindType | None
    unit_category: str | None
    year: int | None
    rating: Rating | None
    evaluations: int = strawberry.field(
        description="One a unit and year; the next four count by rating."
    )
    excellent: int
    good: int
    completed: int
    not_completed: int
    four_goods: int
    good_or_better_rate: float | None = strawberry.field(
        description="(excellent + good) / evaluations; null where there are none."
    )
    members_rated: int
    members_excellent: int
    members_good: int
    members_completed: int
    members_not_completed: int
