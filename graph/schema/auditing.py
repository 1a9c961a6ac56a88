"""The trail as clients see it: who did what, when, to which unit's things."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graph.resolvers import auditing
from graph.schema.paging import Connection, Info

if TYPE_CHECKING:
    from graph.schema.units import Unit

UnitType = Annotated["Unit", strawberry.lazy("graph.schema.units")]


@strawberry.type(
    description="An entry of the trail. One about a record is seen by who may see or count that "
    "record."
)
class AuditEntry:
    at: datetime = strawberry.field(description="When it was done.")
    principal: str = strawberry.field(description="Who did it; `cli` is the command line.")
    action: str = strawberry.field(
        description="One of record, revise, withdraw, decide, reverse, appoint, end, grant, "
        "revoke, save, delete, set, load, explain; read: a request showed open inspections on "
        "signs."
    )
    resource: str = strawberry.field(
        description="One of meeting, evaluation, inspection, decision, appointment, grant, view, "
        "policy, folder."
    )

    @strawberry.field(
        description="The unit that it is about, as it stands today. Of what a request has shown: "
        "the unit of all that the viewer may see of it, null where there are several."
    )
    async def unit(self, info: Info) -> UnitType | None:
        entry: Any = self
        found: Any = await auditing.unit_of(info.context, entry)
        return found

    @strawberry.field(
        description="The global id of what was written, also where it is not there any more; null "
        "where it has none."
    )
    def subject(self) -> strawberry.ID | None:
        entry: Any = self
        found: Any = auditing.subject(entry)
        return found

    @strawberry.field(
        description="What was done, as a sentence in the language of the request; never what a "
        "record says."
    )
    async def detail(self, info: Info) -> str:
        entry: Any = self
        return await auditing.detail(info.context, entry)

    hash: str = strawberry.field(
        description="SHA-256 over the entry with a salt, as `chibo audit export` has it."
    )


AuditConnection = Connection[AuditEntry]
