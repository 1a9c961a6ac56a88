"""How units are found, listed and walked from one to the next.

A unit in an answer is a `Placed`: it carries the day it was asked for, and so do its parent, path
and children. What is out of sight is answered with its own fields alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any, TypeVar

from graph.resolvers.connections import Connection, empty, page_size
from graph.resolvers.context import Context
from graph.resolvers.cursors import ListName, code_after
from hierarchy import placements
from hierarchy.errors import BadInput, Forbidden, NotFound
from hierarchy.placements import UnitFilter
from hierarchy.scope import Scope
from hierarchy.unit import Kind, Placed, units_of_path

T = TypeVar("T")
Query = Callable[..., Awaitable[T]]


async def find(context: Context, code: str, day: date) -> Placed | None:
    """The unit of a code in sight on a day."""
    return await context.ask(placements.find, context.sight(day), code, day)


async def within(context: Context, code: str | None, day: date) -> Placed | None:
    """The unit that a question is narrowed to. Raises `NotFound` where it is out of sight."""
    if code is None:
        return None
    found = await find(context, code, day)
    if found is None:
        raise NotFound
    return found


async def readable(context: Context, resource: str, inside: Placed | None) -> Scope:
    """What the viewer may read of a resource; raises `Forbidden` where that is nothing at all, or
    nothing in the subtree that was asked for."""
    scope = context.rights.scope("read", resource, context.today)
    path = "" if inside is None else inside.path
    if scope.surely_reaches(path) or (inside is not None and scope.covers(inside)):
        return scope
    if not await context.ask(placements.reached, scope, context.today, [path]):
        raise Forbidden
    return scope


def check_kinds(context: Context, kinds: tuple[str, ...] | None, field: str) -> None:
    """Raises `BadInput` for a kind of unit that there is none of."""
    for code in kinds or ():
        if code not in context.kinds:
            raise BadInput("Unknown kind of unit: {kind}.", field=field, kind=code)


async def listed(
    context: Context,
    within_code: str | None,
    chosen: UnitFilter,
    as_of: date | None,
    first: int | None,
    after: str | None,
) -> Connection[Placed]:
    """The units in sight, within one unit's subtree or all."""
    size = page_size(first)
    check_kinds(context, chosen.kind, "kind")
    name = ListName(context.cursor_key, ("units", within_code, chosen, as_of))
    start = code_after(name, after)
    day = as_of or context.today
    inside = await within(context, within_code, day)
    scope = context.sight(day)
    if not context.rights.through_time("read", "unit").windows:
        raise Forbidden
    ask = context.ask
    return Connection(
        size,
        lambda: ask(placements.first_units, scope, day, inside, chosen, start, size + 1),
        lambda: ask(placements.count_units, scope, day, inside, chosen),
        None
        if start is None
        else (lambda: ask(placements.count_units, scope, day, inside, chosen, start)),
        lambda unit: name.cursor(unit.code),
    )


async def children(
    context: Context,
    parents: list[Placed],
    chosen: UnitFilter,
    first: int | None,
    after: str | None,
) -> list[Connection[Placed]]:
    """The children of each unit that are in sight on its day."""
    size = page_size(first)
    check_kinds(context, chosen.kind, "kind")
    names = [
        ListName(context.cursor_key, ("children", unit.code, unit.day, chosen)) for unit in parents
    ]
    starts = [code_after(name, after) for name in names]

    def connection(unit: Placed, name: ListName, start: str | None) -> Connection[Placed]:
        lists = _Children(context, unit.day, chosen)
        return Connection(
            size,
            lambda: lists.first(unit, start, size + 1),
            lambda: lists.count(unit, None),
            None if start is None else (lambda: lists.count(unit, start)),
            lambda child: name.cursor(child.code),
        )

    return [
        connection(unit, name, start) if is_seen else empty()
        for unit, name, start, is_seen in zip(
            parents, names, starts, await context.see(parents), strict=True
        )
    ]


class _Children:
    """The lists of children of many units on one day, one statement for all of them."""

    def __init__(self, context: Context, day: date, chosen: UnitFilter) -> None:
        self._context = context
        self._day = day
        self._chosen = chosen

    def first(self, unit: Placed, after: str | None, limit: int) -> Awaitable[list[Placed]]:
        async def load(parents: list[int]) -> Mapping[int, list[Placed]]:
            return await self._ask(placements.first_children, parents, after, limit)

        name = ("children", self._day, self._chosen, after, limit)
        return self._context.loader(name, load).load(unit.unit_id)

    def count(self, unit: Placed, up_to: str | None) -> Awaitable[int]:
        async def load(parents: list[int]) -> Mapping[int, int]:
            return await self._ask(placements.count_children, parents, up_to)

        name = ("count of children", self._day, self._chosen, up_to)
        return self._context.loader(name, load).load(unit.unit_id)

    async def _ask(self, query: Query[T], parents: list[int], *rest: Any) -> T:
        scope = self._context.sight(self._day)
        return await self._context.ask(query, scope, self._day, parents, self._chosen, *rest)


async def parent(context: Context, unit: Placed) -> Placed | None:
    """The unit above; null at the top, and where the unit itself is out of sight."""
    if unit.parent_id is None or not await context.sees(unit):
        return None
    found = await context.units([unit.parent_id], unit.day)
    return found[0]


async def path(context: Context, unit: Placed) -> list[Placed]:
    """From the top of the tree to the unit; itself alone where it is out of sight."""
    if unit.parent_id is None or not await context.sees(unit):
        return [unit]
    return [*await context.units(units_of_path(unit.path)[:-1], unit.day), unit]


def kind(context: Context, unit: Placed) -> Kind:
    return context.kinds.kinds[unit.kind]


def closed_on(unit: Placed) -> date | None:
    """The closing day once it has come by the day asked for."""
    return None if unit.is_open else unit.closed_on
