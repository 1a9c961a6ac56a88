"""Decisions as clients see them, and what one would do before it is taken."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graph.errors import problem_said
from graph.resolvers import decisions, histories
from graph.schema.enumerations import ChangeKind
from graph.schema.paging import Connection, Info, Node
from hierarchy.decisions import DecisionSeen

if TYPE_CHECKING:
    from graph.schema.units import Unit, UnitKind

UnitType = Annotated["Unit", strawberry.lazy("graph.schema.units")]
UnitKindType = Annotated["UnitKind", strawberry.lazy("graph.schema.units")]


@strawberry.type(
    description="One change of a decision. A SPLIT's `unit` is the one split, `to` the part. Units "
    "read as today where they stand today, else as on `effectiveOn`."
)
class Change:
    @strawberry.field(description="What was changed.")
    def kind(self) -> ChangeKind:
        change: Any = self
        found: ChangeKind = change.change
        return found

    unit: UnitType = strawberry.field(description="The unit that is changed.")
    to: UnitType | None = strawberry.field(
        description="Where it went: the new parent, the successor."
    )

    @strawberry.field(
        description="What the change did, as a sentence in the language of the request, made of "
        "what the viewer may see."
    )
    def detail(self, info: Info) -> str:
        change: Any = self
        return decisions.detail(info.context, change)


@strawberry.type(
    description="A decision of reorganisation: many changes, in force as a whole from one day. "
    "Seen by whoever sees one of its units, today or on the tree of its day."
)
class Decision(Node):
    number: str = strawberry.field(description="Used once: that of a reversed decision too.")
    title: str | None = strawberry.field(
        description="Null where the viewer does not see every unit it changes."
    )
    issued_by: UnitType = strawberry.field(
        description="The unit whose committee decided. Where the viewer may not see it otherwise: "
        "its own fields, a path of itself alone, no children, no records, no figures."
    )
    issued_on: date = strawberry.field(description="The day it was signed.")
    effective_on: date = strawberry.field(
        description="The first day on which it holds. May lie ahead, or back."
    )
    recorded_at: datetime = strawberry.field(description="When Chibo took it.")
    reversed_at: datetime | None = strawberry.field(
        description="When it was taken back; null while it stands."
    )

    @strawberry.field(
        description="The changes whose units the viewer sees, as kept in the ledger: each MERGE is "
        "followed by a TRANSFER of each open unit directly under it, by code, and its DISSOLVE; "
        "the SPLITs of one split, in the order of its parts, by the TRANSFERs and, where it "
        "closes, the DISSOLVE."
    )
    async def changes(self, info: Info) -> list[Change]:
        decision: Any = self
        found: Any = await decisions.changes(info.context, decision)
        return found

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, DecisionSeen)


DecisionConnection = Connection[Decision]


@strawberry.type(description="A span of a unit's life without a change of its own fields.")
class UnitVersion:
    @strawberry.field(name="from", description="Its first day.")
    def valid_from(self) -> date:
        version: Any = self
        found: date = version.valid_from
        return found

    @strawberry.field(
        name="to", description="The first day on which it no longer holds; null while it does."
    )
    def valid_to(self) -> date | None:
        version: Any = self
        found: date | None = version.valid_to
        return found

    name: str = strawberry.field(description="What the unit was called.")

    @strawberry.field(description="Its kind.")
    def kind(self, info: Info) -> UnitKindType:
        version: Any = self
        found: Any = info.context.kinds.kinds[version.kind]
        return found

    category: str | None = strawberry.field(description="Its category.")
    parent: UnitType | None = strawberry.field(
        description="The unit above, as on the first day, or else as today; null where the viewer "
        "sees it on neither."
    )

    @strawberry.field(description="The decision it began with; null where it is not in sight.")
    async def decision(self, info: Info) -> Decision | None:
        version: Any = self
        found: Any = await histories.decision(info.context, version)
        return found


@strawberry.type(description="Why a decision cannot be taken.")
class DecisionProblem:
    change: int = strawberry.field(
        description="Index of the change in the input, from 0; 0 too of the decision as a whole."
    )
    code: str = strawberry.field(description="One of the error codes.")

    @strawberry.field(description="In the language of the request.")
    def message(self, info: Info) -> str:
        problem: Any = self
        return problem_said(problem, info.context.language)


@strawberry.type(description="An appointment whose holder would see other units than now.")
class SightChange:
    principal: str = strawberry.field(description="The holder.")
    role: str = strawberry.field(description="The role appointed to.")
    unit: UnitType = strawberry.field(description="The unit appointed at.")
    gained: int = strawberry.field(description="Units they would see and do not see now.")
    lost: int = strawberry.field(description="Units they see now and would no longer see.")


@strawberry.type(
    description="What `decide` would do, without doing it, on the day of effect. Whatever would "
    "make it fail is a problem, missing rights too."
)
class DecisionPreview:
    problems: list[DecisionProblem] = strawberry.field(
        description="Empty where it would be accepted; else each reason with the change's place."
    )
    units_moved: int = strawberry.field(
        description="Units open before and after, and the units above differ."
    )
    units_closed: int = strawberry.field(description="Units that it closes.")
    units_established: int = strawberry.field(description="Units that it establishes.")
    meetings_moved: int | None = strawberry.field(
        description="Meetings that would count under another unit than now, of those the viewer "
        "may summarise; null where they may summarise none."
    )
    evaluations_moved: int | None = strawberry.field(description="Evaluations likewise.")
    inspections_moved: int | None = strawberry.field(description="Inspections likewise.")
    sight_changes: list[SightChange] = strawberry.field(
        description="Appointments in force that day whose holder would reach more or fewer units, "
        "those above not counted; only those the viewer may read."
    )
