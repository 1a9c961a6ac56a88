"""What all lists share: nodes with an id, and what a page tells of itself."""

from typing import Any, Generic, TypeVar

import strawberry

from graph.plain import GATHERED, of_all
from graph.resolvers import connections

Info = strawberry.Info[Any, Any]
T = TypeVar("T")


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


@strawberry.type(description="An element of a list and where it stands.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(
        description="Where the element stands: given to `after`, the page begins behind it."
    )
    node: T = strawberry.field(description="The element.")


@strawberry.type(description="A page of a list, with what clients ask about the list.")
class Connection(Generic[T]):
    @strawberry.field(
        description="The elements of the page, each with its cursor.", metadata=GATHERED
    )
    async def edges(self) -> list[Edge[T]]:
        found: Any = await of_all(self, connections.edges_of)
        return found

    @strawberry.field(description="The elements of the page.", metadata=GATHERED)
    async def nodes(self) -> list[T]:
        found: Any = await of_all(self, connections.nodes_of)
        return found

    @strawberry.field(description="Where the page lies in the list.")
    def page_info(self) -> PageInfo:
        found: Any = self
        return found

    @strawberry.field(description="How many elements the whole list has, exactly.")
    async def total_count(self) -> int:
        return await connection(self).total_count()


def connection(source: Any) -> connections.Connection[Any]:
    """What stands behind a connection's type and behind its page info."""
    found: connections.Connection[Any] = source
    return found
