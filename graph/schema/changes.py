"""Changes of records as they are told to whoever listens."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET

from graph.resolvers import changing
from graph.schema.arguments import Within
from graph.schema.enumerations import RecordChangeKind, RecordKind
from graph.schema.filters import given
from graph.schema.paging import Info, Node

if TYPE_CHECKING:
    from graph.schema.units import Unit

UnitType = Annotated["Unit", strawberry.lazy("graph.schema.units")]


Kinds = Annotated[
    list[RecordKind] | None,
    strawberry.argument(description="Of these kinds; all where left out, none by an empty list."),
]
Since = Annotated[
    str | None,
    strawberry.argument(
        description="A cursor of a change, or of `recordChangesCursor`: what came after it is told "
        "first. Without it, from now on."
    ),
]


@strawberry.type(
    description="That a record was recorded, revised or withdrawn. The same change may be told "
    "again after a reconnect: its id and the record's revision tell it from others."
)
class RecordChange:
    cursor: str = strawberry.field(
        description="Goes into `since`; over SSE it is the event's id, and Last-Event-ID is "
        "`since`. It is another text each time."
    )
    change: RecordChangeKind = strawberry.field(description="What was done.")
    kind: RecordKind = strawberry.field(description="To which kind of record.")

    @strawberry.field(description="The record's id.")
    def id(self) -> strawberry.ID:
        told: Any = self
        return strawberry.ID(told.global_id)

    unit: UnitType = strawberry.field(description="The record's unit, as it stands today.")
    record: Node | None = strawberry.field(
        description="The record as it is when this is sent; null where it was withdrawn."
    )
    at: datetime = strawberry.field(description="When it was done.")


@strawberry.type(description="What is sent as it happens, over WebSocket or as an event stream.")
class Subscription:
    @strawberry.subscription(
        description="Changes to records that the viewer may read at the moment each is sent (a "
        "withdrawal: could read before it); rights are looked up anew every time, and where they "
        "end, the stream ends with FORBIDDEN."
    )
    async def record_changes(
        self,
        info: Info,
        within: Within = UNSET,
        kinds: Kinds = UNSET,
        since: Since = UNSET,
    ) -> AsyncGenerator[RecordChange, None]:
        wanted = given(kinds)
        asked = changing.Asked(
            given(within), None if wanted is None else tuple(wanted), given(since)
        )
        begun: Any = await changing.begin(info.context, asked)
        return begun
