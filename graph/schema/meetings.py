"""Meetings as clients see them: single ones, their lists and their sums."""

from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graph.schema.enumerations import MeetingForm, MeetingKind
from graph.schema.paging import Connection, Node
from records import record

if TYPE_CHECKING:
    from graph.schema.units import Unit, UnitKind

UnitType = Annotated["Unit", strawberry.lazy("graph.schema.units")]
UnitKindType = Annotated["UnitKind", strawberry.lazy("graph.schema.units")]


@strawberry.type(description="A meeting of a unit.")
class Meeting(Node):
    revision: int = strawberry.field(
        description="1 when first recorded, one more with each revision."
    )
    recorded_at: datetime
    unit: UnitType
    held_on: date
    kind: MeetingKind
    form: MeetingForm
    topic: str | None
    members_expected: int
    members_present: int
    documents_sent_on: date | None
    minutes_kept: bool
    attended_by_higher_committee: bool
    score: float | None = strawberry.field(description="0 to 100; null until scored.")

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, record.Meeting)


MeetingConnection = Connection[Meeting]


@strawberry.enum(description="What sums of meetings can be grouped by.")
class MeetingGrouping(Enum):
    CHILD = "CHILD"
    UNIT_KIND = "UNIT_KIND"
    UNIT_CATEGORY = "UNIT_CATEGORY"
    KIND = "KIND"
    FORM = "FORM"
    YEAR = "YEAR"
    QUARTER = "QUARTER"
    MONTH = "MONTH"


@strawberry.type(description="Sums of meetings: one row a group.")
class MeetingSummary:
    child: UnitType | None = strawberry.field(
        description="The child of `within` the records fall under; null for within's own. Set, "
        "like the other groups, where grouped by it, else null."
    )
    unit_kind: UnitKindType | None
    unit_category: str | None
    kind: MeetingKind | None
    form: MeetingForm | None
    period: date | None = strawberry.field(description="First day of the year, quarter or month.")
    meetings: int
    units_met: int = strawberry.field(description="Units that met at least once.")
    members_expected: int
    members_present: int
    attendance_rate: float | None = strawberry.field(
        description="membersPresent / membersExpected; null where nobody was expected."
    )
    average_score: float | None = strawberry.field(
        description="Mean over scored meetings; null where none is scored."
    )
    minutes_kept: int
