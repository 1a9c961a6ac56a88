"""The questions that can be asked at the root."""

from datetime import date, datetime
from typing import Annotated, Any

import strawberry
from strawberry import UNSET, argument

from graph.resolvers import (
    appointments,
    auditing,
    changing,
    decisions,
    explaining,
    grants,
    labels,
    previewing,
    records,
    summaries,
    units,
    viewer,
    views,
)
from graph.schema.appointments import AppointmentConnection
from graph.schema.arguments import (
    FILTER,
    GROUP_BY,
    UNIT_FILTER,
    After,
    AsOf,
    Attributed,
    First,
    InForceOn,
    OrderBy,
    Within,
)
from graph.schema.asking import NO_GROUPS, list_of, measures_of, selected_names
from graph.schema.auditing import AuditConnection
from graph.schema.deciding import DecisionInput, given_decision
from graph.schema.decisions import Decision, DecisionConnection, DecisionPreview
from graph.schema.enumerations import Attribution, RecordOrder
from graph.schema.evaluations import EvaluationConnection, EvaluationGrouping, EvaluationSummary
from graph.schema.explaining import Explanation
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
from graph.schema.grants import GrantConnection
from graph.schema.inspections import InspectionConnection, InspectionGrouping, InspectionSummary
from graph.schema.labels import EnumerationLabels, enumerations
from graph.schema.meetings import MeetingConnection, MeetingGrouping, MeetingSummary
from graph.schema.paging import Info, Node
from graph.schema.units import Unit, UnitConnection
from graph.schema.viewer import Viewer
from graph.schema.views import ViewConnection
from records.lists import EVALUATIONS, INSPECTIONS, MEETINGS


@strawberry.type(description="Every answer is cut to what the viewer's rights allow.")
class Query:
    @strawberry.field(description="Who is asking.")
    def viewer(self, info: Info) -> Viewer:
        found: Any = viewer.viewer(info.context)
        return found

    @strawberry.field(description="Whatever a global id names; null where out of reach.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="As its `id` was answered.")],
    ) -> Node | None:
        found: Any = await viewer.node(info.context, id)
        return found

    @strawberry.field(
        description="A unit by its code, as the tree stood on `asOf` (today if left out): so are "
        "its parent, path, children and figures."
    )
    async def unit(
        self,
        info: Info,
        code: Annotated[str, argument(description="The unit's code.")],
        as_of: AsOf = UNSET,
    ) -> Unit | None:
        day = given(as_of) or info.context.today
        found: Any = await units.find(info.context, code, day)
        return found

    @strawberry.field(
        description="Units the viewer may see; `within` narrows to one unit's subtree."
    )
    async def units(
        self,
        info: Info,
        within: Within = UNSET,
        filter: Annotated[UnitFilter | None, UNIT_FILTER] = UNSET,
        as_of: AsOf = UNSET,
        first: First = 50,
        after: After = UNSET,
    ) -> UnitConnection | None:
        found: Any = await units.listed(
            info.context, given(within), unit_filter(filter), given(as_of), first, given(after)
        )
        return found

    @strawberry.field(description="Meetings the viewer may read, on the tree of today.")
    async def meetings(
        self,
        info: Info,
        within: Within = UNSET,
        filter: Annotated[MeetingFilter | None, FILTER] = UNSET,
        order_by: OrderBy = RecordOrder.NEWEST_FIRST,
        first: First = 50,
        after: After = UNSET,
    ) -> MeetingConnection | None:
        asked = list_of(info, meeting_filter(filter), order_by, first, after)
        found: Any = await records.listed(info.context, MEETINGS, given(within), asked)
        return found

    @strawberry.field(description="Evaluations the viewer may read, on the tree of today.")
    async def evaluations(
        self,
        info: Info,
        within: Within = UNSET,
        filter: Annotated[EvaluationFilter | None, FILTER] = UNSET,
        order_by: OrderBy = RecordOrder.NEWEST_FIRST,
        first: First = 50,
        after: After = UNSET,
    ) -> EvaluationConnection | None:
        asked = list_of(info, evaluation_filter(filter), order_by, first, after)
        found: Any = await records.listed(info.context, EVALUATIONS, given(within), asked)
        return found

    @strawberry.field(description="Inspections the viewer may read, on the tree of today.")
    async def inspections(
        self,
        info: Info,
        within: Within = UNSET,
        filter: Annotated[InspectionFilter | None, FILTER] = UNSET,
        order_by: OrderBy = RecordOrder.NEWEST_FIRST,
        first: First = 50,
        after: After = UNSET,
    ) -> InspectionConnection | None:
        asked = list_of(info, inspection_filter(filter), order_by, first, after)
        found: Any = await records.listed(info.context, INSPECTIONS, given(within), asked)
        return found

    @strawberry.field(
        description="One row a group; without `groupBy` exactly one row. Groups without records "
        "are left out; but where CHILD is the only key every child open on that day that the "
        "viewer may see has its row."
    )
    async def meeting_summary(
        self,
        info: Info,
        within: Within = UNSET,
        filter: Annotated[MeetingFilter | None, FILTER] = UNSET,
        group_by: Annotated[list[MeetingGrouping] | None, GROUP_BY] = NO_GROUPS,
        as_of: AsOf = UNSET,
        attribution: Attributed = Attribution.AS_OF,
    ) -> list[MeetingSummary] | None:
        asked = measures_of(info, meeting_filter(filter), group_by, attribution)
        found: Any = await summaries.summarised(
            info.context, summaries.MEETINGS, given(within), asked, given(as_of)
        )
        return found

    @strawberry.field(description="As `meetingSummary`, of evaluations.")
    async def evaluation_summary(
        self,
        info: Info,
        within: Within = UNSET,
        filter: Annotated[EvaluationFilter | None, FILTER] = UNSET,
        group_by: Annotated[list[EvaluationGrouping] | None, GROUP_BY] = NO_GROUPS,
        as_of: AsOf = UNSET,
        attribution: Attributed = Attribution.AS_OF,
    ) -> list[EvaluationSummary] | None:
        asked = measures_of(info, evaluation_filter(filter), group_by, attribution)
        found: Any = await summaries.summarised(
            info.context, summaries.EVALUATIONS, given(within), asked, given(as_of)
        )
        return found

    @strawberry.field(description="As `meetingSummary`, of inspections.")
    async def inspection_summary(
        self,
        info: Info,
        within: Within = UNSET,
        filter: Annotated[InspectionFilter | None, FILTER] = UNSET,
        group_by: Annotated[list[InspectionGrouping] | None, GROUP_BY] = NO_GROUPS,
        as_of: AsOf = UNSET,
        attribution: Attributed = Attribution.AS_OF,
    ) -> list[InspectionSummary] | None:
        asked = measures_of(info, inspection_filter(filter), group_by, attribution)
        found: Any = await summaries.summarised(
            info.context, summaries.INSPECTIONS, given(within), asked, given(as_of)
        )
        return found

    @strawberry.field(
        description="A decision by its number. Seen by who sees one of its units, today or on the "
        "tree of its day."
    )
    async def decision(
        self,
        info: Info,
        number: Annotated[str, argument(description="The decision's number.")],
    ) -> Decision | None:
        found: Any = await decisions.find(info.context, number)
        return found

    @strawberry.field(
        description="Decisions the viewer sees, by effectiveOn, newest first, then number. "
        "`within`: with a change of a unit in that subtree today, or on its day where the unit "
        "stands only then. Ranges include both ends."
    )
    async def decisions(
        self,
        info: Info,
        within: Within = UNSET,
        effective_from: Annotated[
            date | None, argument(description="In force from this day or later.")
        ] = UNSET,
        effective_to: Annotated[
            date | None, argument(description="In force from this day or before.")
        ] = UNSET,
        first: First = 50,
        after: After = UNSET,
    ) -> DecisionConnection | None:
        days = given(effective_from), given(effective_to)
        found: Any = await decisions.listed(info.context, given(within), *days, first, given(after))
        return found

    @strawberry.field(
        description="What `decide` would do, without doing it; `decide` fails with the first "
        "problem's code and all of them in extensions.problems."
    )
    async def preview_decision(
        self,
        info: Info,
        input: Annotated[DecisionInput, argument(description="The decision to be looked at.")],
    ) -> DecisionPreview | None:
        asked = given_decision(input), selected_names(info)
        found: Any = await previewing.preview(info.context, *asked)
        return found

    @strawberry.field(
        description="Appointments the viewer may read, past and to come too, by unit code, role, "
        "validFrom, principal. `inForceOn`: those whose time includes that day, at units not "
        "closed on it."
    )
    async def appointments(
        self,
        info: Info,
        within: Within = UNSET,
        principal: Annotated[
            str | None, argument(description="Whose they are; null: anybody's.")
        ] = UNSET,
        in_force_on: InForceOn = UNSET,
        first: First = 50,
        after: After = UNSET,
    ) -> AppointmentConnection | None:
        asked = given(within), given(principal), given(in_force_on), first, given(after)
        found: Any = await appointments.listed(info.context, *asked)
        return found

    @strawberry.field(
        description="Grants of or to a unit at which the viewer may read grants, by code of `of`, "
        "validFrom. `within`: either unit in that subtree. `inForceOn`: those that hold on the day."
    )
    async def grants(
        self,
        info: Info,
        within: Within = UNSET,
        in_force_on: InForceOn = UNSET,
        first: First = 50,
        after: After = UNSET,
    ) -> GrantConnection | None:
        asked = given(within), given(in_force_on), first, given(after)
        found: Any = await grants.listed(info.context, *asked)
        return found

    @strawberry.field(
        description="The viewer's part of the trail, newest first; `from` and `to` are both "
        "included. `within`: entries about that unit's subtree of today."
    )
    async def audit(
        self,
        info: Info,
        within: Within = UNSET,
        since: Annotated[
            datetime | None, argument(name="from", description="Done at this moment or later.")
        ] = UNSET,
        until: Annotated[
            datetime | None, argument(name="to", description="Done at this moment or before.")
        ] = UNSET,
        principal: Annotated[
            str | None, argument(description="Who did it; null: anybody.")
        ] = UNSET,
        action: Annotated[
            str | None,
            argument(description="What was done: an `action` of an entry; null: anything."),
        ] = UNSET,
        first: First = 50,
        after: After = UNSET,
    ) -> AuditConnection | None:
        chosen = given(within), given(since), given(until), given(principal), given(action)
        found: Any = await auditing.listed(
            info.context, auditing.Asked(*chosen, first, given(after))
        )
        return found

    @strawberry.field(
        description="Why the viewer may do something at a unit today, or may not; of another "
        "`principal` only for who may read appointments at that unit. A unit out of sight is "
        "NOT_FOUND."
    )
    async def explain(
        self,
        info: Info,
        action: Annotated[str, argument(description="What is to be done, as the policy names it.")],
        resource: Annotated[str, argument(description="To what, as the policy names it.")],
        unit_code: Annotated[str, argument(description="The code of the unit at which.")],
        principal: Annotated[
            str | None, argument(description="Who is to do it; null: the viewer.")
        ] = UNSET,
    ) -> Explanation | None:
        asked = action, resource, unit_code, given(principal)
        found: Any = await explaining.explain(info.context, *asked)
        return found

    @strawberry.field(
        description="Views of the viewer's own units and of the units above, by unit code, name. "
        "`within`: those that are kept in that unit's subtree."
    )
    async def views(
        self,
        info: Info,
        within: Within = UNSET,
        first: First = 50,
        after: After = UNSET,
    ) -> ViewConnection | None:
        found: Any = await views.listed(info.context, given(within), first, given(after))
        return found

    @strawberry.field(
        description="What codes are called, by name: the values of every enumeration, and the "
        "texts that are codes. Needs no right; a role that only this server's policy knows is not "
        "among them."
    )
    def labels(
        self,
        info: Info,
        language: Annotated[
            str | None, argument(description="vi or en; null is the request's language.")
        ] = UNSET,
    ) -> list[EnumerationLabels] | None:
        found: Any = labels.all_labels(info.context, enumerations(info), given(language))
        return found

    @strawberry.field(
        description="A cursor of this moment for `recordChanges(since:)`: asked beside a list in "
        "one request, nothing is lost between the two. It is another text each time."
    )
    async def record_changes_cursor(self, info: Info) -> str:
        return await changing.cursor_of_now(info.context)
