"""Units as clients see them, with all that hangs from a unit: lists and sums of its records."""

from datetime import date
from functools import partial
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from graph.plain import GATHERED, of_all, of_each
from graph.resolvers import histories, records, summaries, units
from graph.schema.arguments import (
    FILTER,
    GROUP_BY,
    UNIT_FILTER,
    After,
    Attributed,
    First,
    OrderBy,
)
from graph.schema.asking import NO_GROUPS, list_of, measures_of
from graph.schema.decisions import UnitVersion
from graph.schema.enumerations import Attribution, RecordOrder
from graph.schema.evaluations import EvaluationConnection, EvaluationGrouping, EvaluationSummary
from graph.schema.filters import (
    EvaluationFilter,
    InspectionFilter,
    MeetingFilter,
    UnitFilter,
    evaluation_filter,
    given,
    inspection_filter,
    meeting_filter,
    unit_filter,
)
from graph.schema.inspections import InspectionConnection, InspectionGrouping, InspectionSummary
from graph.schema.meetings import MeetingConnection, MeetingGrouping, MeetingSummary
from graph.schema.paging import Connection, Info, Node
from hierarchy.unit import Placed
from records.lists import EVALUATIONS, INSPECTIONS, MEETINGS


@strawberry.type(description="Kinds of unit are data: code, official name, rank.")
class UnitKind:
    code: str = strawberry.field(description="What it is named by in filters and decisions.")
    name: str = strawberry.field(description="The official name, Vietnamese.")
    rank: int = strawberry.field(
        description="Where it stands among kinds: 0 is the top. Rank is not depth."
    )


@strawberry.type(description="A unit (tổ chức đảng) as the tree stood on the day asked for.")
class Unit(Node):
    code: str = strawberry.field(description="Names the unit for ever, whatever becomes of it.")
    name: str = strawberry.field(description="What it is called.")
    category: str | None = strawberry.field(
        description="Its category (loại hình): units are compared within it; null where it has "
        "none."
    )
    established_on: date = strawberry.field(description="First day on which it stands.")

    @strawberry.field(description="Its kind.", metadata=GATHERED)
    def kind(self, info: Info) -> UnitKind:
        found: Any = of_each(self, partial(units.kind, info.context))
        return found

    @strawberry.field(
        description="Set once the unit is closed (dissolved, merged, split up) on the day asked "
        "for; it stays addressable.",
        metadata=GATHERED,
    )
    def closed_on(self) -> date | None:
        found: Any = of_each(self, units.closed_on)
        return found

    @strawberry.field(
        description="The unit above; null at the top, and where this unit is in sight only as an "
        "inspecting one."
    )
    async def parent(self, info: Info) -> "Unit | None":
        found: Any = await units.parent(info.context, _placed(self))
        return found

    @strawberry.field(description="From the top of the tree to this unit.")
    async def path(self, info: Info) -> list["Unit"]:
        found: Any = await units.path(info.context, _placed(self))
        return found

    @strawberry.field(
        description="The units directly below that the viewer may see, by code.", metadata=GATHERED
    )
    async def children(
        self,
        info: Info,
        filter: Annotated[UnitFilter | None, UNIT_FILTER] = UNSET,
        first: First = 50,
        after: After = UNSET,
    ) -> Connection["Unit"]:
        asked = unit_filter(filter), first, given(after)
        found: Any = await of_all(self, lambda many: units.children(info.context, many, *asked))
        return found

    @strawberry.field(
        description="Names, kinds, categories, parents over time, oldest first, what is decided "
        "ahead included: one version for each span without a change, the first from the day it "
        "stands in the tree, the last to closedOn. Shown are versions on whose first day, or "
        "today, the viewer sees the unit."
    )
    async def history(self, info: Info) -> list[UnitVersion]:
        found: Any = await histories.history(info.context, _placed(self))
        return found

    @strawberry.field(
        description="Units that took over from it (merge, split): directly, by decisions in force "
        "on the day asked for, those in sight, by code."
    )
    async def successors(self, info: Info) -> list["Unit"]:
        found: Any = await histories.successors(info.context, _placed(self))
        return found

    @strawberry.field(description="Units that it took over from, likewise.")
    async def predecessors(self, info: Info) -> list["Unit"]:
        found: Any = await histories.predecessors(info.context, _placed(self))
        return found

    @strawberry.field(description="The unit's own meetings.", metadata=GATHERED)
    async def meetings(
        self,
        info: Info,
        filter: Annotated[MeetingFilter | None, FILTER] = UNSET,
        order_by: OrderBy = RecordOrder.NEWEST_FIRST,
        first: First = 50,
        after: After = UNSET,
    ) -> MeetingConnection | None:
        asked = list_of(info, meeting_filter(filter), order_by, first, after)
        found: Any = await of_all(
            self, lambda many: records.of_units(info.context, MEETINGS, many, asked)
        )
        return found

    @strawberry.field(description="The unit's own evaluations.", metadata=GATHERED)
    async def evaluations(
        self,
        info: Info,
        filter: Annotated[EvaluationFilter | None, FILTER] = UNSET,
        order_by: OrderBy = RecordOrder.NEWEST_FIRST,
        first: First = 50,
        after: After = UNSET,
    ) -> EvaluationConnection | None:
        asked = list_of(info, evaluation_filter(filter), order_by, first, after)
        found: Any = await of_all(
            self, lambda many: records.of_units(info.context, EVALUATIONS, many, asked)
        )
        return found

    @strawberry.field(description="The inspections of the unit itself.", metadata=GATHERED)
    async def inspections(
        self,
        info: Info,
        filter: Annotated[InspectionFilter | None, FILTER] = UNSET,
        order_by: OrderBy = RecordOrder.NEWEST_FIRST,
        first: First = 50,
        after: After = UNSET,
    ) -> InspectionConnection | None:
        asked = list_of(info, inspection_filter(filter), order_by, first, after)
        found: Any = await of_all(
            self, lambda many: records.of_units(info.context, INSPECTIONS, many, asked)
        )
        return found

    @strawberry.field(description="Sums over this unit's subtree, itself included.")
    async def meeting_summary(
        self,
        info: Info,
        filter: Annotated[MeetingFilter | None, FILTER] = UNSET,
        group_by: Annotated[list[MeetingGrouping] | None, GROUP_BY] = NO_GROUPS,
        attribution: Attributed = Attribution.AS_OF,
    ) -> list[MeetingSummary] | None:
        asked = measures_of(info, meeting_filter(filter), group_by, attribution)
        found: Any = await summaries.of_unit(info.context, summaries.MEETINGS, _placed(self), asked)
        return found

    @strawberry.field(description="Sums over this unit's subtree, itself included.")
    async def evaluation_summary(
        self,
        info: Info,
        filter: Annotated[EvaluationFilter | None, FILTER] = UNSET,
        group_by: Annotated[list[EvaluationGrouping] | None, GROUP_BY] = NO_GROUPS,
        attribution: Attributed = Attribution.AS_OF,
    ) -> list[EvaluationSummary] | None:
        asked = measures_of(info, evaluation_filter(filter), group_by, attribution)
        found: Any = await summaries.of_unit(
            info.context, summaries.EVALUATIONS, _placed(self), asked
        )
        return found

    @strawberry.field(description="Sums over this unit's subtree, itself included.")
    async def inspection_summary(
        self,
        info: Info,
        filter: Annotated[InspectionFilter | None, FILTER] = UNSET,
        group_by: Annotated[list[InspectionGrouping] | None, GROUP_BY] = NO_GROUPS,
        attribution: Attributed = Attribution.AS_OF,
    ) -> list[InspectionSummary] | None:
        asked = measures_of(info, inspection_filter(filter), group_by, attribution)
        found: Any = await summaries.of_unit(
            info.context, summaries.INSPECTIONS, _placed(self), asked
        )
        return found

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, Placed)


def _placed(unit: Any) -> Placed:
    """What stands behind the type: a unit as it is placed on the day asked for."""
    found: Placed = unit
    return found


UnitConnection = Connection[Unit]
