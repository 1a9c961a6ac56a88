"""Connections: a page of a list with what clients ask about it, each part fetched when asked for.

Nodes and page info share one statement; `totalCount` and `hasPreviousPage` have one each and run
only where they are selected. Every list has its hard maximum.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hierarchy.errors import BadInput

MAX_FIRST = 200
DEFAULT_FIRST = 50

T = TypeVar("T")


def page_size(first: int | None) -> int:
    """The elements of a page: null is 50. Raises `BadInput` outside 0 to 200."""
    if first is None:
        return DEFAULT_FIRST
    if not 0 <= first <= MAX_FIRST:
        raise BadInput("`first` lies between 0 and {limit}.", field="first", limit=MAX_FIRST)
    return first


@dataclass(frozen=True, slots=True)
class Edge(Generic[T]):
    """An element with its place in the list."""

    node: T
    connection: "Connection[T]"

    @property
    def cursor(self) -> str:
        return self.connection.cursor(self.node)


class Connection(Generic[T]):
    """A page of `first` elements. `fetch` gives one element more where there is one; `count` the
    length of the list; `before` how many elements lie before the page; `shown` is told the
    elements of the page where any are answered with."""

    def __init__(
        self,
        first: int,
        fetch: Callable[[], Awaitable[list[T]]],
        count: Callable[[], Awaitable[int]],
        before: Callable[[], Awaitable[int]] | None,
        cursor: Callable[[T], str],
        shown: Callable[[list[T]], None] | None = None,
    ) -> None:
        self.cursor = cursor
        self._shown = shown
        self._first = first
        self._fetch = fetch
        self._count = count
        self._before = before
        self._fetched: asyncio.Future[list[T]] | None = None

    async def nodes(self) -> list[T]:
        nodes = (await self._rows())[: self._first]
        if self._shown is not None:
            self._shown(nodes)
        return nodes

    async def total_count(self) -> int:
        return await self._count()

    async def has_next_page(self) -> bool:
        return len(await self._rows()) > self._first

    async def has_previous_page(self) -> bool:
        return self._before is not None and await self._before() > 0

    async def start_cursor(self) -> str | None:
        nodes = await self.nodes()
        return self.cursor(nodes[0]) if nodes else None

    async def end_cursor(self) -> str | None:
        nodes = await self.nodes()
        return self.cursor(nodes[-1]) if nodes else None

    def begin(self) -> "asyncio.Future[list[T]]":
        """Begins to fetch the page where that has not been begun."""
        if self._fetched is None:
            self._fetched = asyncio.ensure_future(self._fetch())
        return self._fetched

    async def _rows(self) -> list[T]:
        return await self.begin()


async def nodes_of(pages: list[Connection[T]]) -> list[list[T]]:
    """The elements of many pages, fetched together."""
    for page in pages:
        page.begin()
    return [await page.nodes() for page in pages]


async def edges_of(pages: list[Connection[T]]) -> list[list[Edge[T]]]:
    """The elements of many pages with their places."""
    found = await nodes_of(pages)
    return [[Edge(node, page) for node in nodes] for page, nodes in zip(pages, found, strict=True)]


async def _nothing() -> list[Any]:
    return []


async def _nought() -> int:
    return 0


def empty() -> Connection[Any]:
    """The connection of a list without elements."""
    return Connection(0, _nothing, _nought, None, str)
