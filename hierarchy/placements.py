"""Units as they stand on a day, for those who may see them.

Every list is cut in the database by the viewer's scope of `unit read` on the tree of the day. A
unit is in sight where the scope covers it or one below it, so that what stands above is in sight
too. Names are searched without case and diacritics. Lists are by code, bytewise, and are walked by
the last code seen, never by an offset. It writes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.given import first_of_each, given, given_later, is_postgresql, kept, keys_given
from hierarchy.scope import Scope, ScopeThroughTime, Window, subtree
from hierarchy.tables import placement, revision, unit
from hierarchy.unit import AFTER_LABELS, Life, Placed, folded, prefixes

Columns = Any

MAX_NEEDLE = 2_000
"""A longer part of a name is in no name: folding takes long where marks are heaped."""


class UnitStatus(Enum):
    """Whether a unit is open on the day asked for."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    ANY = "ANY"


@dataclass(frozen=True, slots=True)
class UnitFilter:
    """What narrows a list of units; null leaves out, an empty list matches nothing."""

    kind: tuple[str, ...] | None = None
    category: tuple[str, ...] | None = None
    name_contains: str | None = None
    status: UnitStatus = UnitStatus.OPEN


@dataclass(frozen=True, slots=True)
class Revision:
    """What the answers of one snapshot depend on."""

    tree_version: int
    policy_version: int


_PLACED = (
    "unit_id",
    "code",
    "name",
    "kind",
    "category",
    "rank",
    "parent_id",
    "path",
    "depth",
    "established_on",
    "closed_on",
)


_REVISION = select(revision.c.tree_version, revision.c.policy_version)
_REVISION_KEPT = _REVISION.with_for_update(read=True)


async def read_revision(connection: AsyncConnection) -> Revision:
    """The revision of the snapshot: the first statement of every request."""
    return Revision(*(await connection.execute(_REVISION)).one())


async def lock_revision(connection: AsyncConnection, alone: bool = False) -> Revision:
    """The revision, kept as it is until the transaction ends: what a writer reads first. Who is
    going to change it keeps it for itself `alone`."""
    if is_postgresql(connection):
        # Unlike a locked row, a locked table is waited for without a snapshot that grows old.
        mode = "EXCLUSIVE" if alone else "ROW SHARE"
        await connection.exec_driver_sql(f"LOCK TABLE revision IN {mode} MODE")
    elif alone:
        # A write is a lock; SQLite knows no other.
        await connection.execute(update(revision).values(tree_version=revision.c.tree_version))
    return Revision(*(await connection.execute(_REVISION_KEPT)).one())


async def raise_policy_version(connection: AsyncConnection) -> None:
    """Whoever has changed appointments, grants or the policy says so: what processes keep of
    anybody's rights is of an older revision from then on. The revision is locked alone."""
    version = revision.c.policy_version + 1
    await connection.execute(update(revision).values(policy_version=version))


def on(columns: Columns, day: Any) -> ColumnElement[bool]:
    """That a placement is the unit's on a day (a date or an expression)."""
    return and_(columns.valid_from <= day, or_(columns.valid_to.is_(None), columns.valid_to > day))


def in_sight(scope: Scope, columns: Columns, day: date) -> ColumnElement[bool]:
    """That the viewer may see the unit: the scope covers it, or one below it."""
    covered: ColumnElement[bool] = scope.predicate(columns)
    if not scope:
        return covered
    if scope.is_solid:
        return or_(covered, columns.path.in_(scope.bases_above()))
    below = placement.alias("below")
    return or_(
        covered,
        select(below.c.unit_id)
        .where(
            on(below.c, day),
            below.c.path > columns.path,
            subtree(below.c.path, columns.path),
            scope.predicate(below.c),
        )
        .correlate(columns.path.table)
        .exists(),
    )


async def find(connection: AsyncConnection, scope: Scope, code: str, day: date) -> Placed | None:
    """The unit of a code on a day; null where it does not stand or is out of sight."""
    if not storable(code):
        return None
    rows = await connection.execute(_in_sight(None, scope, day), {"code": code})
    row = rows.first()
    return unit_of_row(row, day) if row else None


@kept
def _in_sight(_: None, scope: Scope, day: date) -> Select[Any]:
    """The unit of the parameter `code`."""
    columns = placement.c
    return _placed(columns).where(
        columns.code == bindparam("code", type_=columns.code.type),
        on(columns, day),
        in_sight(scope, columns, day),
    )


async def of_code(connection: AsyncConnection, code: str, day: date) -> Placed | None:
    """The unit of a code as it stands on a day, in sight or not: for the other end of a grant, and
    whoever may make it."""
    if not storable(code):
        return None
    rows = await connection.execute(
        _placed(placement.c).where(placement.c.code == code, on(placement.c, day))
    )
    row = rows.first()
    return unit_of_row(row, day) if row else None


async def placed(
    connection: AsyncConnection, unit_ids: Iterable[int], day: date
) -> dict[int, Placed]:
    """Units by id as they stand on a day, for whoever has been shown them already."""
    postgresql = is_postgresql(connection)
    values = {"keys": keys_given(postgresql, list(unit_ids)), "day": day}
    rows = await connection.execute(_placed_by_key(postgresql), values)
    return {row[0]: unit_of_row(row, day) for row in rows}


@cache
def _placed_by_key(postgresql: bool) -> Select[Any]:
    """The statement, made once."""
    wanted = given_later(postgresql)
    return (
        _placed(placement.c)
        .join_from(wanted, placement, placement.c.unit_id == wanted.c.key)
        .where(on(placement.c, bindparam("day", type_=Date)))
    )


async def below(connection: AsyncConnection, above: Placed, day: date) -> list[Placed]:
    """All units of a subtree as they stand on a day, for whoever may know of them."""
    rows = await connection.execute(
        _placed(placement.c).where(on(placement.c, day), subtree(placement.c.path, above.path))
    )
    return [unit_of_row(row, day) for row in rows]


async def life(connection: AsyncConnection, unit_id: int) -> Life:
    """The days that a unit stands open, for whoever has been shown it already."""
    rows = await connection.execute(
        select(unit.c.stands_from, unit.c.closed_on).where(unit.c.id == unit_id)
    )
    return Life(*rows.one())


async def sighted(
    connection: AsyncConnection, scope: Scope, unit_ids: Iterable[int], day: date
) -> dict[int, Placed]:
    """Those of the units that are in sight on a day, by id."""
    wanted = given(is_postgresql(connection), "wanted", key=list(unit_ids))
    rows = await connection.execute(
        _placed(placement.c)
        .join_from(wanted, placement, placement.c.unit_id == wanted.c.key)
        .where(on(placement.c, day), in_sight(scope, placement.c, day))
    )
    return {row[0]: unit_of_row(row, day) for row in rows}


async def first_units(
    connection: AsyncConnection,
    scope: Scope,
    day: date,
    within: Placed | None,
    chosen: UnitFilter,
    after: str | None,
    limit: int,
) -> list[Placed]:
    """The first `limit` units in sight after a code, by code."""
    statement = _first_units(chosen, scope, day, within, after, limit)
    return [unit_of_row(row, day) for row in (await connection.execute(statement)).all()]


@kept
def _first_units(
    chosen: UnitFilter,
    scope: Scope,
    day: date,
    within: Placed | None,
    after: str | None,
    limit: int,
) -> Select[Any]:
    columns = placement.c
    return (
        _placed(columns)
        .where(_listed(scope, columns, day, within, chosen), _after(columns, after))
        .order_by(columns.code)
        .limit(limit)
    )


async def count_units(
    connection: AsyncConnection,
    scope: Scope,
    day: date,
    within: Placed | None,
    chosen: UnitFilter,
    up_to: str | None = None,
) -> int:
    """How many units in sight there are, all or up to and with a code."""
    columns = placement.c
    rows = await connection.execute(
        select(func.count())
        .select_from(placement)
        .where(
            _listed(scope, columns, day, within, chosen),
            columns.code <= up_to if up_to is not None else true(),
        )
    )
    return int(rows.scalar_one())


async def first_children(
    connection: AsyncConnection,
    scope: Scope,
    day: date,
    parents: Sequence[int],
    chosen: UnitFilter,
    after: str | None,
    limit: int,
) -> dict[int, list[Placed]]:
    """The first `limit` children in sight of each parent after a code, by code."""
    postgresql = is_postgresql(connection)
    rows = await connection.execute(
        _first_children(chosen, postgresql, scope, day, after, limit),
        {"keys": keys_given(postgresql, parents)},
    )
    return _by_parent(parents, (unit_of_row(row, day) for row in rows.all()))


@kept
def _first_children(
    chosen: UnitFilter,
    postgresql: bool,
    scope: Scope,
    day: date,
    after: str | None,
    limit: int,
) -> Select[Any]:
    """The first children of each unit of the parameter `keys`."""
    wanted = given_later(postgresql)

    def are_children(columns: Columns) -> ColumnElement[bool]:
        return and_(
            columns.parent_id == wanted.c.key,
            _listed(scope, columns, day, None, chosen),
            _after(columns, after),
        )

    joined, columns = first_of_each(
        postgresql,
        wanted,
        placement,
        "unit_id",
        are_children,
        lambda columns: (columns.code,),
        limit,
    )
    return _placed(columns).select_from(joined).where(on(columns, day)).order_by(columns.code)


async def count_children(
    connection: AsyncConnection,
    scope: Scope,
    day: date,
    parents: Sequence[int],
    chosen: UnitFilter,
    up_to: str | None = None,
) -> dict[int, int]:
    """How many children in sight each parent has, all or up to and with a code."""
    wanted = given(is_postgresql(connection), "wanted", key=list(parents))
    columns = placement.c
    rows = await connection.execute(
        select(columns.parent_id, func.count())
        .join_from(wanted, placement, columns.parent_id == wanted.c.key)
        .where(
            _listed(scope, columns, day, None, chosen),
            columns.code <= up_to if up_to is not None else true(),
        )
        .group_by(columns.parent_id)
    )
    counts: dict[int, int] = {row[0]: row[1] for row in rows}
    return {parent: counts.get(parent, 0) for parent in parents}


async def open_children(
    connection: AsyncConnection, scope: Scope, day: date, parents: Sequence[int], limit: int
) -> dict[int, list[Placed]]:
    """All children in sight that are open on the day, `limit` a parent at the most, by code."""
    return await first_children(connection, scope, day, parents, UnitFilter(), None, limit)


async def reached(
    connection: AsyncConnection, scope: Scope, day: date, paths: Sequence[str]
) -> set[str]:
    """The paths of the day's tree in whose subtree the scope covers at least one unit."""
    if not scope or not paths:
        return set()
    wanted = given(is_postgresql(connection), "wanted", path=list(paths))
    inner = placement.alias("inner")
    found = (
        select(inner.c.unit_id)
        .where(
            on(inner.c, day),
            inner.c.path >= wanted.c.path,
            inner.c.path < wanted.c.path + AFTER_LABELS,
            scope.predicate(inner.c),
        )
        .correlate(wanted)
        .exists()
    )
    return set((await connection.execute(select(wanted.c.path).where(found))).scalars())


async def reached_ahead(
    connection: AsyncConnection,
    scope: Scope,
    scopes: ScopeThroughTime,
    day: date,
    today: date,
    paths: Sequence[str],
) -> set[str]:
    """The paths of the tree of a day to come in whose subtree the scope of that day covers a unit
    that comes to stand after today, or that the scope of some day so far covered there: what is
    counted of one that is yet to come is nothing (`contract.graphql`, top)."""
    if not scope or not paths:
        return set()
    wanted = given(is_postgresql(connection), "wanted", path=list(paths))
    inner, earlier = placement.alias("inner"), placement.alias("earlier")
    before = and_(earlier.c.unit_id == inner.c.unit_id, earlier.c.valid_from <= today)
    windows = [window for window in scopes.windows if window.valid_from <= today]
    covered = or_(false(), *(_covers_for_a_while(window, earlier.c) for window in windows))
    found = (
        select(inner.c.unit_id)
        .where(
            on(inner.c, day),
            inner.c.path >= wanted.c.path,
            inner.c.path < wanted.c.path + AFTER_LABELS,
            scope.predicate(inner.c),
            or_(
                ~select(earlier.c.unit_id).where(before).correlate(inner).exists(),
                select(earlier.c.unit_id).where(before, covered).correlate(inner).exists(),
            ),
        )
        .correlate(wanted)
        .exists()
    )
    return set((await connection.execute(select(wanted.c.path).where(found))).scalars())


async def ever_reached(
    connection: AsyncConnection, scopes: ScopeThroughTime, until: date, unit_ids: Sequence[int]
) -> set[int]:
    """The units in whose subtree the scope of some day up to `until` covers at least one unit, on
    the tree of that day."""
    windows = [window for window in scopes.windows if window.valid_from <= until]
    if not windows or not unit_ids:
        return set()
    wanted = given(is_postgresql(connection), "wanted", key=list(unit_ids))
    above, inner = placement.alias("above"), placement.alias("inner")
    found = (
        select(inner.c.unit_id)
        .join_from(
            above,
            inner,
            and_(
                inner.c.path >= above.c.path,
                inner.c.path < above.c.path + AFTER_LABELS,
                _overlap(above.c, inner.c),
            ),
        )
        .where(
            above.c.unit_id == wanted.c.key,
            above.c.valid_from <= until,
            inner.c.valid_from <= until,
            or_(*(_covers_for_a_while(window, inner.c, above.c) for window in windows)),
        )
        .correlate(wanted)
        .exists()
    )
    return set((await connection.execute(select(wanted.c.key).where(found))).scalars())


def _covers_for_a_while(window: Window, *placed: Columns) -> ColumnElement[bool]:
    """That the window's scope covers the first placement, on a day that it has with them all."""
    days = [
        or_(columns.valid_to.is_(None), columns.valid_to > window.valid_from) for columns in placed
    ]
    if window.valid_to is not None:
        days += [columns.valid_from < window.valid_to for columns in placed]
    return and_(*days, window.scope.predicate(placed[0]))


def _overlap(one: Columns, other: Columns) -> ColumnElement[bool]:
    return and_(
        or_(one.valid_to.is_(None), other.valid_from < one.valid_to),
        or_(other.valid_to.is_(None), one.valid_from < other.valid_to),
    )


async def last_under(
    connection: AsyncConnection, unit_ids: Iterable[int], above: Iterable[int], until: date
) -> dict[int, Placed]:
    """Units as they stood on the last day, up to `until`, on which they were directly under one
    of the others."""
    columns = placement.c
    postgresql = is_postgresql(connection)
    units = given(postgresql, "units", key=list(unit_ids))
    parents = given(postgresql, "parents", key=list(above))
    rows = await connection.execute(
        select(columns.valid_to, *placed_columns(columns))
        .where(
            columns.unit_id.in_(select(units.c.key)),
            columns.parent_id.in_(select(parents.c.key)),
            columns.valid_from <= until,
        )
        .order_by(columns.valid_from)
    )
    found = {}
    for end, *row in rows:
        day = until if end is None or end > until else end - timedelta(days=1)
        found[row[0]] = unit_of_row(row, day)
    return found


async def lowest_above(connection: AsyncConnection, scope: Scope, day: date) -> Placed | None:
    """The lowest unit that is above or at all that the scope covers; null where that is nothing."""
    columns = placement.c

    def outermost(end: Any) -> Any:
        """By itself in its statement, so that SQLite too finds it at one end of the index."""
        covered = select(end).where(on(columns, day), scope.predicate(columns))
        return covered.scalar_subquery()

    rows = await connection.execute(
        select(outermost(func.min(columns.path)), outermost(func.max(columns.path)))
    )
    first, last = rows.one()
    if first is None:
        return None
    shared = [path for path in prefixes(first) if last.startswith(path)]
    found = await connection.execute(
        _placed(columns).where(columns.path == shared[-1], on(columns, day))
    )
    return unit_of_row(found.one(), day)


async def size(
    connection: AsyncConnection, scope: Scope | None, day: date, within: Placed | None = None
) -> int:
    """How many units the scope covers on a day, within one unit's subtree or in all; without a
    scope, how many stand at all."""
    covered = true() if scope is None else scope.predicate(placement.c)
    inside = true() if within is None else subtree(placement.c.path, within.path)
    rows = await connection.execute(
        select(func.count()).select_from(placement).where(on(placement.c, day), covered, inside)
    )
    return int(rows.scalar_one())


def placed_columns(columns: Columns) -> list[Any]:
    """The columns that `unit_of_row` makes a unit of."""
    return [columns[name] for name in _PLACED]


def unit_of_row(row: Any, day: date) -> Placed:
    """The unit of a row of `placed_columns`, as it stands on the day."""
    return Placed(*(*row, day))


def _placed(columns: Columns) -> Select[Any]:
    return select(*placed_columns(columns))


def storable(text: str) -> bool:
    """Whether the databases can hold, and so compare, the text at all."""
    return "\0" not in text and not any("\ud800" <= mark <= "\udfff" for mark in text)


def _after(columns: Columns, after: str | None) -> ColumnElement[bool]:
    return columns.code > after if after is not None else true()


def _listed(
    scope: Scope, columns: Columns, day: date, within: Placed | None, chosen: UnitFilter
) -> ColumnElement[bool]:
    conditions = [on(columns, day), in_sight(scope, columns, day), *_chosen(columns, day, chosen)]
    if within is not None:
        conditions.append(subtree(columns.path, within.path))
    return and_(*conditions)


def _chosen(columns: Columns, day: date, chosen: UnitFilter) -> Iterable[ColumnElement[bool]]:
    if chosen.kind is not None:
        yield columns.kind.in_(chosen.kind)
    if chosen.category is not None:
        yield columns.category.in_([text for text in chosen.category if storable(text)])
    if chosen.name_contains is not None:
        yield _name_contains(columns, chosen.name_contains)
    is_open = or_(columns.closed_on.is_(None), columns.closed_on > day)
    if chosen.status is UnitStatus.OPEN:
        yield is_open
    elif chosen.status is UnitStatus.CLOSED:
        yield and_(columns.closed_on.is_not(None), columns.closed_on <= day)


def _name_contains(columns: Columns, part: str) -> ColumnElement[bool]:
    """Without a pattern: a name that loses something when the part is taken out has it."""
    if len(part) > MAX_NEEDLE or not storable(part):
        return false()
    needle = folded(part)
    return (
        func.replace(columns.name_folded, needle, "") != columns.name_folded if needle else true()
    )


def _by_parent(parents: Sequence[int], units: Iterable[Placed]) -> dict[int, list[Placed]]:
    children: dict[int, list[Placed]] = {parent: [] for parent in parents}
    for child in units:
        if child.parent_id is not None:
            children[child.parent_id].append(child)
    return children
