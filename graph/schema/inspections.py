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
    recorded_at: datetime
    unit: UnitType = strawberry.field(description="The unit inspected.")
    body: InspectionBody
    kind: InspectionKind
    ground: InspectionGround
    theme: str | None
    planned_for: date | None = strawberry.field(
        description="First day of the quarter it is planned for; null where unplanned. An "
        "inspection's date is concludedOn, else openedOn, else plannedFor."
    )
    opened_on: date | None
    concluded_on: date | None
    status: InspectionStatus
    members_covered: int
    members_in_violation: int
    members_sanctioned: int

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


@strawberry.enum(description="What sums of inspections can be grouped by.")
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
    unit_kind: UnitKindType | None
    unit_category: str | None
    kind: InspectionKind | None
    ground: InspectionGround | None
    body: InspectionBody | None
    status: InspectionStatus | None
    period: date | None = strawberry.field(
        description="First day of the year or quarter of plannedFor; null where unplanned."
    )
    inspections: int = strawberry.field(
        description="planned, open, concluded and cancelled count by status."
    )
    planned: int
    open: int
    concluded: int
    cancelled: int
    completion_rate: float | None = strawberry.field(
        description="Of those with plannedFor and not cancelled, the share concluded; null where "
        "there are none."
    )
    units_inspected: int = strawberry.field(description="Units with one that is open or concluded.")
    members_covered: int
    members_in_violation: int
    members_sanctioned: int
