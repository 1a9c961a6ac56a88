"""What all lists share: nodes with an id, and what a page tells of itself."""

from typing import Any

import strawberry

from graph.resolvers.connections import Connection

Info = strawberry.Info[Any, Any]


@strawberry.interface(description="Whatever has a global id.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque, and the same for as long as it is.")


@strawberry.type(description="Where a page lies in its list. Both has…Page are exact.")
class PageInfo:
    @strawberry.field(description="Whether there are elements after the page.")
    async def has_next_page(self) -> bool:
        return await connection(self).has_next_page()

    @strawberry.field(description="Whether there are elements before the page.")
    async def has_previous_page(self) -> bool:
        return await connection(self).has_previous_page()

    @strawberry.field(description="The cursor of the first element; null on an empty page.")
    async def start_cursor(self) -> str | None:
        return await connection(self).start_cursor()

    @strawberry.field(description="The cursor of the last element; null on an empty page.")
    async def end_cursor(self) -> str | None:
        return await connection(self).end_cursor()


def connection(source: Any) -> Connection[Any]:
    """What stands behind a connection's type and behind its page info."""
    found: Connection[Any] = source
    return found
