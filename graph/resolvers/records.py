"""How lists of records and single records are answered: always on the tree of today.

The viewer's `read` scope cuts every list in the database. A list that the viewer may read nothing
of is null on a unit and FORBIDDEN at the root; out of reach reads like unknown. Open inspections
on SIGNS that are answered with are noted for the trail.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from graph.resolvers.connections import Connection, page_size
from graph.resolvers.context import Context
from graph.resolvers.cursors import ListName, record_after
from graph.resolvers.units import check_kinds, readable, within
from hierarchy.scope import Scope
from hierarchy.unit import Placed
from records import lists
from records.filters import RecordFilter
from records.lists import Listing, Position, RecordOrder, Series
from records.record import Inspection

T = TypeVar("T")
Query = Callable[..., Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks of a list of records."""

    chosen: RecordFilter
    order: RecordOrder | None
    first: int | None
    after: str | None
    with_unit: bool

    @property
    def listing(self) -> Listing:
        order = self.order or RecordOrder.NEWEST_FIRST
        return Listing(self.chosen, order, with_unit=self.with_unit)


async def listed(
    context: Context, series: Series[Any], within_code: str | None, asked: Asked
) -> Connection[Any]:
    """The records that the viewer may read, within one unit's subtree or all."""
    size = page_size(asked.first)
    check_kinds(context, asked.chosen.unit_kind, "unitKind")
    listing = asked.listing
    name = ListName(
        context.cursor_key, (series.resource, within_code, listing.chosen, listing.order)
    )
    start = record_after(name, asked.after)
    inside = await within(context, within_code, context.today)
    scope = await readable(context, series.resource, inside)
    listing = replace(listing, within=inside)
    return Connection(
        size,
        lambda: _first(context, series, scope, listing, start, size + 1),
        lambda: _count(context, series, scope, listing, None),
        None if start is None else (lambda: _count(context, series, scope, listing, start)),
        lambda record: _cursor(name, series, record),
        _shown(context, series),
    )


async def of_units(
    context: Context, series: Series[Any], units: list[Placed], asked: Asked
) -> list[Connection[Any] | None]:
    """The own records of each unit; null where the viewer may not read them, or sees the unit's
    own fields alone."""
    size = page_size(asked.first)
    check_kinds(context, asked.chosen.unit_kind, "unitKind")
    named = [(unit, _own_name(context, series, unit, asked)) for unit in units]
    starts = [record_after(name, asked.after) for _, name in named]
    scope = context.rights.scope("read", series.resource, context.today)
    own = _OwnRecords(context, series, scope, asked.listing)
    shown = _shown(context, series)

    def connection(unit: Placed, name: ListName, start: Position | None) -> Connection[Any]:
        return Connection(
            size,
            lambda: own.first(unit, start, size + 1),
            lambda: own.count(unit, None),
            None if start is None else (lambda: own.count(unit, start)),
            lambda record: _cursor(name, series, record),
            shown,
        )

    read = await _are_read(context, scope, units)
    return [
        connection(*about, start) if is_read else None
        for about, start, is_read in zip(named, starts, read, strict=True)
    ]


def _own_name(context: Context, series: Series[Any], unit: Placed, asked: Asked) -> ListName:
    listing = asked.listing
    parts = series.resource, "of", unit.code, listing.chosen, listing.order
    return ListName(context.cursor_key, parts)


async def _are_read(context: Context, scope: Scope, units: list[Placed]) -> list[bool]:
    """Whether the viewer may read each unit's records: its place of today is in the scope, and it
    is seen where it stands."""
    moved = [unit.unit_id for unit in units if unit.day != context.today]
    found = {each.unit_id: each for each in await context.units(moved, context.today)}
    standing = (unit if unit.day == context.today else found.get(unit.unit_id) for unit in units)
    covered = [place is not None and scope.covers(place) for place in standing]
    seen = iter(
        await context.see([unit for unit, is_in in zip(units, covered, strict=True) if is_in])
    )
    return [is_in and next(seen) for is_in in covered]


async def find(context: Context, series: Series[Any], id: UUID) -> Any:
    """The record of an id; null where there is none or it is out of reach."""
    scope = context.rights.scope("read", series.resource, context.today)
    return await context.ask(lists.find, series, scope, context.today, id)


def shown(context: Context, record: Any) -> Any:
    """The record, which is answered with: an open inspection on SIGNS is noted for the trail."""
    if isinstance(record, Inspection) and record.is_open_on_signs:
        context.shown_on_signs[record.id] = record.unit_id
    return record


def _shown(context: Context, series: Series[Any]) -> Callable[[list[Any]], None] | None:
    """What is told the elements of a page; null where none of them is ever noted."""

    def tell(page: list[Any]) -> None:
        for record in page:
            shown(context, record)

    return tell if series.has_signs else None


async def unit_of(context: Context, unit_id: int) -> Placed:
    """The unit of a record, as it stands today."""
    return (await context.units([unit_id], context.today))[0]


class _OwnRecords:
    """The own records of many units, one statement for all of them."""

    def __init__(
        self, context: Context, series: Series[Any], scope: Scope, listing: Listing
    ) -> None:
        self._context = context
        self._series = series
        self._scope = scope
        self._listing = listing

    def first(self, unit: Placed, after: Position | None, limit: int) -> Awaitable[list[Any]]:
        async def load(units: list[int]) -> Mapping[int, list[Any]]:
            return await self._ask(lists.first_of_units, units, after, limit)

        name = ("first of", self._series.resource, self._listing, after, limit)
        return self._context.loader(name, load).load(unit.unit_id)

    def count(self, unit: Placed, up_to: Position | None) -> Awaitable[int]:
        async def load(units: list[int]) -> Mapping[int, int]:
            return await self._ask(lists.count_of_units, units, up_to)

        name = ("count of", self._series.resource, self._listing, up_to)
        return self._context.loader(name, load).load(unit.unit_id)

    async def _ask(self, query: Query[T], units: list[int], *rest: Any) -> T:
        return await self._context.ask(
            query,
            self._series,
            self._scope,
            self._context.today,
            units,
            self._listing,
            *rest,
        )


async def _first(
    context: Context,
    series: Series[Any],
    scope: Scope,
    listing: Listing,
    after: Position | None,
    limit: int,
) -> list[Any]:
    few = await context.ask(
        context.sizes.is_small, context.revision, scope, context.today, limit, listing.within
    )
    found: list[Any] = await context.ask(
        lists.first_records, series, scope, context.today, listing, after, limit, few
    )
    return found


async def _count(
    context: Context,
    series: Series[Any],
    scope: Scope,
    listing: Listing,
    up_to: Position | None,
) -> int:
    return await context.ask(lists.count_records, series, scope, context.today, listing, up_to)


def _cursor(name: ListName, series: Series[Any], record: Any) -> str:
    position = series.position(record)
    return name.cursor(position.day, str(position.id))
