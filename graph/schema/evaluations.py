"""Evaluations as clients see them: single ones, their lists and their sums."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graph.schema.enumerations import Rating, enumeration
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
    recorded_at: datetime = strawberry.field(description="When this revision was recorded.")
    unit: UnitType = strawberry.field(description="The unit evaluated.")
    year: int = strawberry.field(description="The year evaluated.")
    rating: Rating = strawberry.field(description="The unit's rating.")
    regulation: str = strawberry.field(
        description="The regulation it was made under, e.g. 132-QĐ/TW."
    )
    political_task: bool | None = strawberry.field(
        description="Good at the political task, the first of the four goods (bốn tốt); null "
        "where not judged."
    )
    meeting_quality: bool | None = strawberry.field(
        description="Good meetings, the second; null where not judged."
    )
    unity_discipline: bool | None = strawberry.field(
        description="Good unity and discipline, the third; null where not judged."
    )
    cadres_members: bool | None = strawberry.field(
        description="Good cadres and members, the fourth; null where not judged."
    )
    four_goods: bool | None = strawberry.field(
        description="Null when one of the four is null, else whether all are true."
    )
    members_rated: int = strawberry.field(description="How many members were rated.")
    members_excellent: int = strawberry.field(description="How many of them EXCELLENT.")
    members_good: int = strawberry.field(description="How many of them GOOD.")
    members_completed: int = strawberry.field(description="How many of them COMPLETED.")
    members_not_completed: int = strawberry.field(description="How many of them NOT_COMPLETED.")

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, record.Evaluation)


EvaluationConnection = Connection[Evaluation]


@enumeration(
    "What sums of evaluations can be grouped by.",
    CHILD="The child of `within` it falls under.",
    UNIT_KIND="The unit's kind.",
    UNIT_CATEGORY="The unit's category.",
    YEAR="The year.",
    RATING="The rating.",
)
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
    unit_kind: UnitKindType | None = strawberry.field(
        description="The kind of the units; set where grouped by it."
    )
    unit_category: str | None = strawberry.field(
        description="The category of the units; set where grouped by it."
    )
    year: int | None = strawberry.field(description="The year; set where grouped by it.")
    rating: Rating | None = strawberry.field(description="The rating; set where grouped by it.")
    evaluations: int = strawberry.field(
        description="One a unit and year; the next four count by rating."
    )
    excellent: int = strawberry.field(description="Evaluations rated EXCELLENT.")
    good: int = strawberry.field(description="Evaluations rated GOOD.")
    completed: int = strawberry.field(description="Evaluations rated COMPLETED.")
    not_completed: int = strawberry.field(description="Evaluations rated NOT_COMPLETED.")
    four_goods: int = strawberry.field(description="Evaluations with all four goods.")
    good_or_better_rate: float | None = strawberry.field(
        description="(excellent + good) / evaluations; null where there are none."
    )
    members_rated: int = strawberry.field(description="Members rated.")
    members_excellent: int = strawberry.field(description="Members rated EXCELLENT.")
    members_good: int = strawberry.field(description="Members rated GOOD.")
    members_completed: int = strawberry.field(description="Members rated COMPLETED.")
    members_not_completed: int = strawberry.field(description="Members rated NOT_COMPLETED.")
