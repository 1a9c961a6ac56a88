"""Meetings as clients see them: single ones, their lists and their sums."""

from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graph.schema.enumerations import MeetingForm, MeetingKind, enumeration
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
    recorded_at: datetime = strawberry.field(description="When this revision was recorded.")
    unit: UnitType = strawberry.field(description="The unit that met.")
    held_on: date = strawberry.field(description="The day it was held.")
    kind: MeetingKind = strawberry.field(description="The kind of meeting.")
    form: MeetingForm = strawberry.field(description="How it was held.")
    topic: str | None = strawberry.field(description="What it was about.")
    members_expected: int = strawberry.field(description="How many members were to be there.")
    members_present: int = strawberry.field(description="How many of them were there.")
    documents_sent_on: date | None = strawberry.field(
        description="The day its documents were sent to the members; null where none were."
    )
    minutes_kept: bool = strawberry.field(description="Whether minutes were kept.")
    attended_by_higher_committee: bool = strawberry.field(
        description="Whether a member of a higher committee attended."
    )
    score: float | None = strawberry.field(description="0 to 100; null until scored.")

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, record.Meeting)


MeetingConnection = Connection[Meeting]


@enumeration(
    "What sums of meetings can be grouped by.",
    CHILD="The child of `within` it falls under.",
    UNIT_KIND="The unit's kind.",
    UNIT_CATEGORY="The unit's category.",
    KIND="The kind of meeting.",
    FORM="How it was held.",
    YEAR="The year.",
    QUARTER="The quarter.",
    MONTH="The month.",
)
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
    unit_kind: UnitKindType | None = strawberry.field(
        description="The kind of the units; set where grouped by it."
    )
    unit_category: str | None = strawberry.field(
        description="The category of the units; set where grouped by it."
    )
    kind: MeetingKind | None = strawberry.field(
        description="The kind of meeting; set where grouped by it."
    )
    form: MeetingForm | None = strawberry.field(
        description="How they were held; set where grouped by it."
    )
    period: date | None = strawberry.field(description="First day of the year, quarter or month.")
    meetings: int = strawberry.field(description="How many meetings.")
    units_met: int = strawberry.field(description="Units that met at least once.")
    members_expected: int = strawberry.field(
        description="Members who were to be there, over all meetings."
    )
    members_present: int = strawberry.field(
        description="Members who were there, over all meetings."
    )
    attendance_rate: float | None = strawberry.field(
        description="The share membersPresent / membersExpected; null where nobody was expected."
    )
    average_score: float | None = strawberry.field(
        description="Mean over scored meetings; null where none is scored."
    )
    minutes_kept: int = strawberry.field(description="Meetings of which minutes were kept.")
