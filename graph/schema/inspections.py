"""Inspections as clients see them: single ones, their lists and their sums."""

from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graph.resolvers import records
from graph.schema.enumerations import (
    InspectionBody,
    InspectionGround,
    InspectionKind,
    InspectionStatus,
    enumeration,
)
from graph.schema.paging import Connection, Info, Node
from records import record

if TYPE_CHECKING:
    from graph.schema.units import Unit, UnitKind

UnitType = Annotated["Unit", strawberry.lazy("graph.schema.units")]
UnitKindType = Annotated["UnitKind", strawberry.lazy("graph.schema.units")]


@strawberry.type(description="An inspection or supervision of a unit.")
class Inspection(Node):
    revision: int = strawberry.field(
        description="1 when first recorded, one more with each revision."
    )
    recorded_at: datetime = strawberry.field(description="When this revision was recorded.")
    unit: UnitType = strawberry.field(description="The unit inspected.")
    body: InspectionBody = strawberry.field(
        description="The body of the inspecting unit that inspects."
    )
    kind: InspectionKind = strawberry.field(description="Inspection or supervision.")
    ground: InspectionGround = strawberry.field(description="Why the unit is inspected.")
    theme: str | None = strawberry.field(description="What is looked at.")
    planned_for: date | None = strawberry.field(
        description="First day of the quarter it is planned for; null where unplanned. An "
        "inspection's date is concludedOn, else openedOn, else plannedFor."
    )
    opened_on: date | None = strawberry.field(description="The day it was opened; null before.")
    concluded_on: date | None = strawberry.field(
        description="The day it was concluded; null before."
    )
    status: InspectionStatus = strawberry.field(description="How far it has come.")
    members_covered: int = strawberry.field(description="How many members it covers.")
    members_in_violation: int = strawberry.field(
        description="How many of them were found in violation."
    )
    members_sanctioned: int = strawberry.field(description="How many of them were sanctioned.")

    @strawberry.field(
        description="The unit that inspects. Where the viewer may not see it otherwise: its own "
        "fields, a path of itself alone, no children, no records, no figures."
    )
    async def by(self, info: Info) -> UnitType:
        inspection: Any = self
        found: Any = await records.unit_of(info.context, inspection.by_unit_id)
        return found

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, record.Inspection)


InspectionConnection = Connection[Inspection]


@enumeration(
    "What sums of inspections can be grouped by.",
    CHILD="The child of `within` it falls under.",
    UNIT_KIND="The unit's kind.",
    UNIT_CATEGORY="The unit's category.",
    KIND="Inspection or supervision.",
    GROUND="The ground.",
    BODY="The body that inspects.",
    STATUS="How far it has come.",
    YEAR="The year of plannedFor.",
    QUARTER="The quarter of plannedFor.",
)
class InspectionGrouping(Enum):
    CHILD = "CHILD"
    UNIT_KIND = "UNIT_KIND"
    UNIT_CATEGORY = "UNIT_CATEGORY"
    KIND = "KIND"
    GROUND = "GROUND"
    BODY = "BODY"
    STATUS = "STATUS"
    YEAR = "YEAR"
    QUARTER = "QUARTER"


@strawberry.type(description="Sums of inspections: one row a group.")
class InspectionSummary:
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
    kind: InspectionKind | None = strawberry.field(
        description="Inspection or supervision; set where grouped by it."
    )
    ground: InspectionGround | None = strawberry.field(
        description="The ground; set where grouped by it."
    )
    body: InspectionBody | None = strawberry.field(description="The body; set where grouped by it.")
    status: InspectionStatus | None = strawberry.field(
        description="The status; set where grouped by it."
    )
    period: date | None = strawberry.field(
        description="First day of the year or quarter of plannedFor; null where unplanned."
    )
    inspections: int = strawberry.field(
        description="How many; planned, open, concluded and cancelled count by status."
    )
    planned: int = strawberry.field(description="Inspections that are planned.")
    open: int = strawberry.field(description="Inspections that are open.")
    concluded: int = strawberry.field(description="Inspections that are concluded.")
    cancelled: int = strawberry.field(description="Inspections that were cancelled.")
    completion_rate: float | None = strawberry.field(
        description="Of those with plannedFor and not cancelled, the share concluded; null where "
        "there are none."
    )
    units_inspected: int = strawberry.field(description="Units with one that is open or concluded.")
    members_covered: int = strawberry.field(description="Members covered.")
    members_in_violation: int = strawberry.field(description="Members found in violation.")
    members_sanctioned: int = strawberry.field(description="Members sanctioned.")
