"""Lists of single records, cut by the viewer's scope on the tree of today.

One statement a list, or a level of many lists; keyset pages over (day, id), exact counts apart.
An inspection on SIGNS that is not concluded is listed only through an office strictly above the
inspected unit or at the inspecting one. Every function takes a `Scope`; there is none without.
It writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import Enum
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, func, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.given import (
    Walked,
    first_of_each,
    given,
    given_later,
    is_postgresql,
    kept,
    keys_given,
)
from hierarchy.placements import on, placed_columns, unit_of_row
from hierarchy.scope import Scope, subtree
from hierarchy.tables import placement
from hierarchy.unit import Placed
from records import tables
from records.filters import RecordFilter
from records.record import Evaluation, Inspection, InspectionGround, InspectionStatus, Meeting

Columns = Any
RecordT = TypeVar("RecordT", Meeting, Evaluation, Inspection)


class RecordOrder(Enum):
    """By the record's day, ties by id."""

    NEWEST_FIRST = "NEWEST_FIRST"
    OLDEST_FIRST = "OLDEST_FIRST"


@dataclass(frozen=True)
class Series(Generic[RecordT]):
    """A kind of record as it is listed: its resource in the policy, its table and its order."""

    resource: str
    table: Table
    value: type[RecordT]
    ordered_by: str
    has_signs: bool = False

    @cached_property
    def own_columns(self) -> tuple[str, ...]:
        """The columns that make a record, apart from its unit's."""
        return tuple(each.name for each in fields(self.value) if each.name != "unit")

    def columns_of(self, columns: Columns, stood: Columns | None) -> list[Any]:
        """A record's columns, then its unit's where `stood` is given."""
        own = [columns[name] for name in self.own_columns]
        return own if stood is None else own + placed_columns(stood)

    def make(self, row: Any, today: date) -> RecordT:
        """The record of a row of `columns_of`."""
        own: int = len(self.own_columns)
        if len(row) == own:
            return self.value(*row)
        return self.value(*(*row[:own], unit_of_row(row[own:], today)))

    def seen(self, scope: Scope, record: Columns, stood: Columns) -> ColumnElement[bool]:
        """That the viewer may see the record of a unit placed so."""
        reached: ColumnElement[bool] = scope.predicate(stood)
        if not self.has_signs:
            return reached
        return and_(
            reached,
            or_(on_no_open_signs(record), scope.predicate_on_signs(stood, record.by_unit_id)),
        )

    def position(self, record: RecordT) -> "Position":
        return Position(getattr(record, self.ordered_by), record.id)


MEETINGS = Series("meeting", tables.meeting, Meeting, "held_on")
EVALUATIONS = Series("evaluation", tables.evaluation, Evaluation, "year")
INSPECTIONS = Series("inspection", tables.inspection, Inspection, "day", has_signs=True)
SERIES: dict[str, Series[Any]] = {
    each.value.__name__: each for each in (MEETINGS, EVALUATIONS, INSPECTIONS)
}
"""All of them, by the name of what they list."""


def on_no_open_signs(record: Columns) -> ColumnElement[bool]:
    """That an inspection is concluded or not on SIGNS (`domain.md`, 5)."""
    return or_(record.ground != InspectionGround.SIGNS, record.status == InspectionStatus.CONCLUDED)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record stands in a list: its day (an evaluation's year) and its id."""

    day: date | int
    id: UUID


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed: within which unit of today's tree (null is all), narrowed how, in which
    order, and whether each record brings its unit."""

    chosen: RecordFilter
    order: RecordOrder = RecordOrder.NEWEST_FIRST
    within: Placed | None = None
    with_unit: bool = True

    @property
    def stood(self) -> Columns | None:
        return placement.c if self.with_unit else None


async def first_records(
    connection: AsyncConnection,
    series: Series[RecordT],
    scope: Scope,
    today: date,
    listing: Listing,
    after: Position | None,
    limit: int,
    few_units: bool,
) -> list[RecordT]:
    """The first `limit` records after a position.

    `few_units`: the scope covers so little of the tree that one short range a unit is read;
    otherwise the dates are walked and each record's unit is tested.
    """
    if few_units and is_postgresql(connection):
        statement = _gathered(listing, series, scope, today, after, limit)
    else:
        statement = _walked(listing, series, scope, today, after, limit, few_units)
    return [series.make(row, today) for row in (await connection.execute(statement)).all()]


async def count_records(
    connection: AsyncConnection,
    series: Series[RecordT],
    scope: Scope,
    today: date,
    listing: Listing,
    up_to: Position | None = None,
) -> int:
    """How many records the list has, all or up to and with a position."""
    record = series.table.c
    rows = await connection.execute(
        select(func.count())
        .join_from(series.table, placement, placement.c.unit_id == record.unit_id)
        .where(
            _listed(series, scope, today, listing, record),
            _up_to(series, record, listing.order, up_to),
        )
    )
    return int(rows.scalar_one())


async def first_of_units(
    connection: AsyncConnection,
    series: Series[RecordT],
    scope: Scope,
    today: date,
    unit_ids: Sequence[int],
    listing: Listing,
    after: Position | None,
    limit: int,
) -> dict[int, list[RecordT]]:
    """The first `limit` records of each unit's own after a position, in one statement."""
    postgresql = is_postgresql(connection)
    rows = await connection.execute(
        _top_of_units(listing, postgresql, series, scope, today, after, limit),
        {"keys": keys_given(postgresql, unit_ids)},
    )
    found: dict[int, list[RecordT]] = {unit_id: [] for unit_id in unit_ids}
    for row in rows.all():
        value = series.make(row, today)
        found[value.unit_id].append(value)
    return found


async def count_of_units(
    connection: AsyncConnection,
    series: Series[RecordT],
    scope: Scope,
    today: date,
    unit_ids: Sequence[int],
    listing: Listing,
    up_to: Position | None = None,
) -> dict[int, int]:
    """How many records each unit's own list has, all or up to and with a position."""
    wanted = given(is_postgresql(connection), "wanted", key=list(unit_ids))
    record = series.table.c
    rows = await connection.execute(
        select(record.unit_id, func.count())
        .select_from(
            wanted.join(placement, placement.c.unit_id == wanted.c.key).join(
                series.table, record.unit_id == wanted.c.key
            )
        )
        .where(
            _listed(series, scope, today, listing, record),
            _up_to(series, record, listing.order, up_to),
        )
        .group_by(record.unit_id)
    )
    counts: dict[int, int] = {row[0]: row[1] for row in rows}
    return {unit_id: counts.get(unit_id, 0) for unit_id in unit_ids}


async def find(
    connection: AsyncConnection, series: Series[RecordT], scope: Scope, today: date, id: UUID
) -> RecordT | None:
    """The record of an id; null where there is none or it is out of reach."""
    record = series.table.c
    rows = await connection.execute(
        select(*series.columns_of(record, placement.c))
        .join_from(series.table, placement, placement.c.unit_id == record.unit_id)
        .where(record.id == id, on(placement.c, today), series.seen(scope, record, placement.c))
    )
    row = rows.first()
    return series.make(row, today) if row else None


@kept
def _walked(
    listing: Listing,
    series: Series[Any],
    scope: Scope,
    today: date,
    after: Position | None,
    limit: int,
    from_units: bool,
) -> Select[Any]:
    """Read from one end to the other: the dates and each record's unit, or (SQLite) the units and
    the records of each, in their order, up to the first that comes too late for the page."""
    record = series.table.c
    ends = (placement, series.table) if from_units else (series.table, placement)
    return (
        select(*series.columns_of(record, listing.stood))
        .select_from(Walked(*ends, placement.c.unit_id == record.unit_id))
        .where(
            _listed(series, scope, today, listing, record),
            _after(series, record, listing.order, after),
        )
        .order_by(*_order(series, record, listing.order))
        .limit(limit)
    )


@kept
def _top_of_units(
    listing: Listing,
    postgresql: bool,
    series: Series[Any],
    scope: Scope,
    today: date,
    after: Position | None,
    limit: int,
) -> Select[Any]:
    """The first records of each unit of the parameter `keys`."""
    wanted = given_later(postgresql)
    outer = wanted.join(
        placement, and_(placement.c.unit_id == wanted.c.key, on(placement.c, today))
    )
    joined, record = _top_of_unit(postgresql, outer, series, scope, listing, after, limit)
    return (
        select(*series.columns_of(record, listing.stood))
        .select_from(joined)
        .order_by(*_order(series, record, listing.order))
    )


@kept
def _gathered(
    listing: Listing,
    series: Series[Any],
    scope: Scope,
    today: date,
    after: Position | None,
    limit: int,
) -> Select[Any]:
    """The first records of each unit, and of these the first (PostgreSQL)."""
    joined, record = _top_of_unit(True, placement, series, scope, listing, after, limit)
    return (
        select(*series.columns_of(record, listing.stood))
        .select_from(joined)
        .where(on(placement.c, today), scope.predicate(placement.c), _within(listing, placement.c))
        .order_by(*_order(series, record, listing.order))
        .limit(limit)
    )


def _top_of_unit(
    postgresql: bool,
    outer: Any,
    series: Series[RecordT],
    scope: Scope,
    listing: Listing,
    after: Position | None,
    limit: int,
) -> tuple[Any, Columns]:
    """Joins the first records of its own to each placement of `outer`."""

    def chosen(record: Columns) -> ColumnElement[bool]:
        return and_(
            record.unit_id == placement.c.unit_id,
            series.seen(scope, record, placement.c),
            *listing.chosen.conditions(record, placement.c),
            _after(series, record, listing.order, after),
        )

    return first_of_each(
        postgresql,
        outer,
        series.table,
        "id",
        chosen,
        lambda record: _order(series, record, listing.order),
        limit,
    )


def _listed(
    series: Series[RecordT], scope: Scope, today: date, listing: Listing, record: Columns
) -> ColumnElement[bool]:
    return and_(
        on(placement.c, today),
        series.seen(scope, record, placement.c),
        _within(listing, placement.c),
        *listing.chosen.conditions(record, placement.c),
    )


def _within(listing: Listing, stood: Columns) -> ColumnElement[bool]:
    if listing.within is None:
        return true()
    return and_(subtree(stood.path, listing.within.path))


def _order(series: Series[RecordT], record: Columns, order: RecordOrder) -> Sequence[Any]:
    keys = (record[series.ordered_by], record.id)
    if order is RecordOrder.OLDEST_FIRST:
        return keys
    return [key.desc() for key in keys]


def _after(
    series: Series[RecordT], record: Columns, order: RecordOrder, after: Position | None
) -> ColumnElement[bool]:
    if after is None:
        return true()
    here = tuple_(record[series.ordered_by], record.id)
    there = tuple_(after.day, after.id)
    return here > there if order is RecordOrder.OLDEST_FIRST else here < there


def _up_to(
    series: Series[RecordT], record: Columns, order: RecordOrder, up_to: Position | None
) -> ColumnElement[bool]:
    if up_to is None:
        return true()
    here = tuple_(record[series.ordered_by], record.id)
    there = tuple_(up_to.day, up_to.id)
    return here <= there if order is RecordOrder.OLDEST_FIRST else here >= there
