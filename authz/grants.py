"""Grants: sight of a unit's subtree for those who hold roles at another unit, as it is stored.

A grant works like an appointment at `of` for whoever holds one of its roles at `to`, narrowed to
its resources, actions and rank and to its ceiling: what the grantor's own rights gave at `of` when
it was made. It gives sight of records or figures, and of the units they are about; never the right
to record, never an open inspection on SIGNS (`design.md`, 3, Grants). What a role may do is asked
of the policy by `authz/rights.py`; here are the values, the queries, and the narrowing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.tables import grant
from hierarchy.placements import on
from hierarchy.scope import Base, Hold, Narrowed, Reach, Scope, subtree
from hierarchy.tables import placement, unit
from hierarchy.unit import Placed

RESOURCES = ("meeting", "evaluation", "inspection")
ACTIONS = ("read", "summarise")
UNIT_READ = ("read", "unit")
"""What every grant gives beside: who may see something of units sees the units."""

Pair = tuple[str, str]
"""An action and a resource."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A reach taken from a unit, wherever that stands."""

    unit_id: int
    reach: str


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What somebody's own rights to one pair gave in a unit's subtree: what is allowed less what
    is denied. `held` and `withheld` are the same as it was held, at whatever unit: what those
    rights gave on earlier trees, on which the unit stood elsewhere."""

    allowed: tuple[Taken, ...]
    denied: tuple[Taken, ...] = ()
    held: tuple[Taken, ...] = ()
    withheld: tuple[Taken, ...] = ()

    @property
    def taken(self) -> tuple[Taken, ...]:
        return self.allowed + self.denied + self.held + self.withheld

    def scope(self, bases: Mapping[int, Base]) -> Scope:
        """The same on a tree, where its units stand as `bases` says."""
        return Scope(_holds(self.allowed, bases), _holds(self.denied, bases))

    def scope_before(self, bases: Mapping[int, Base]) -> Scope:
        """What the rights gave on a tree of a day before."""
        return Scope(_holds(self.held, bases), _holds(self.withheld, bases))


def _holds(taken: Iterable[Taken], bases: Mapping[int, Base]) -> tuple[Hold, ...]:
    return tuple(
        Hold(bases[each.unit_id], Reach.parse(each.reach))
        for each in taken
        if each.unit_id in bases
    )


@dataclass(frozen=True, slots=True)
class Grant:
    """Sight of `of_unit_id`'s subtree for holders of `roles` at `to_unit_id`, from a day
    (included) to a day (excluded); `max_rank` is null without one. `granted_on` is the day of
    `granted_at` where the server stands: trees of days before it show no more than they showed the
    grantor."""

    id: UUID
    of_unit_id: int
    to_unit_id: int
    roles: tuple[str, ...]
    resources: tuple[str, ...]
    actions: tuple[str, ...]
    max_rank: int | None
    purpose: str
    valid_from: date
    valid_to: date
    granted_by: str
    granted_at: datetime
    granted_on: date
    revoked_at: datetime | None
    ceiling: Mapping[Pair, Ceiling]

    def gives(self, action: str, resource: str) -> bool:
        pair = action, resource
        return pair == UNIT_READ or (action in self.actions and resource in self.resources)

    @property
    def unit_ids(self) -> set[int]:
        """The units that it is measured by."""
        taken = (each for one in self.ceiling.values() for each in one.taken)
        return {self.of_unit_id, *(each.unit_id for each in taken)}

    def narrowed(
        self, scope: Scope, pair: Pair, day: date, bases: Mapping[int, Base]
    ) -> Iterator[Narrowed]:
        """What is left of a scope that a role would have at `of`, on the tree of a day, where units
        stand as `bases` says."""
        of, ceiling = bases[self.of_unit_id], self.ceiling.get(pair)
        if ceiling is None or not ceiling.scope(bases):
            return
        limits = tuple(self._limits(Hold(of, Reach("subtree")), scope, ceiling.scope(bases)))
        if day < self.granted_on:
            limits = (*limits, ceiling.scope_before(bases))
        for hold in scope.allowed:
            within = Reach("own") if hold.reach.form == "above" else hold.reach
            yield Narrowed(Hold(of, within), limits)

    def _limits(self, whole: Hold, scope: Scope, highest: Scope) -> Iterator[Scope]:
        """What narrows further than the `whole` subtree."""
        if scope.denied:
            yield Scope((whole,), scope.denied)
        if self.max_rank is not None:
            yield Scope((Hold(whole.base, Reach("rank", self.max_rank)),))
        if highest.denied or whole not in highest.allowed:
            yield highest


def ceiling_of(scope: Scope, of: Base) -> Ceiling:
    """What a scope, on one tree, covers in a unit's subtree, taken from that unit or from what
    stands below it: so it moves with the unit, whatever becomes of who stood above."""
    allowed = (taken for hold in scope.allowed for taken in _taken_from(hold, of))
    denied = (taken for hold in scope.denied for taken in _taken_from(hold, of))
    held = (_as_held(holds) for holds in (scope.allowed, scope.denied))
    return Ceiling(tuple(dict.fromkeys(allowed)), tuple(dict.fromkeys(denied)), *held)


def _as_held(holds: Iterable[Hold]) -> tuple[Taken, ...]:
    return tuple(Taken(hold.base.unit_id, str(hold.reach)) for hold in holds)


def _taken_from(hold: Hold, of: Base) -> Iterator[Taken]:
    base, reach = hold.base, hold.reach
    if base.path.startswith(of.path):
        yield Taken(base.unit_id, str(reach))
    elif of.path.startswith(base.path) and (found := _from_above(reach, of.depth - base.depth)):
        yield Taken(of.unit_id, found)


def _from_above(reach: Reach, levels: int) -> str | None:
    """What a reach from a unit that stands so many levels above leaves of the subtree."""
    if reach.form in ("subtree", "below"):
        return "subtree"
    if reach.form == "rank":
        return str(reach)
    return "own" if reach.form == "children" and levels == 1 else None


# ---- as they are stored


async def in_force(
    connection: AsyncConnection, to_unit_ids: Collection[int], today: date
) -> tuple[Grant, ...]:
    """The grants to those units that are in force today, by id: both units are open."""
    if not to_unit_ids:
        return ()
    rows = await connection.execute(
        _grants()
        .where(grant.c.to_unit_id.in_(sorted(to_unit_ids)), _in_force_on(today))
        .order_by(grant.c.id)
    )
    return tuple(_grant(row) for row in rows)


async def ever_to(
    connection: AsyncConnection, to_unit_ids: Collection[int], today: date
) -> list[tuple[Grant, date | None, bool]]:
    """All grants to those units, past ones and those to come too, by id: each with the day of its
    revocation and whether it is `in_force` today."""
    values = {"units": sorted(to_unit_ids), "today": today}
    rows = await connection.execute(_ever_to(), values)
    return [(_grant(row[:-2]), row[-2], bool(row[-1])) for row in rows]


@cache
def _ever_to() -> Select[Any]:
    """The statement, made once."""
    return (
        _grants()
        .add_columns(grant.c.revoked_on, _in_force_on(bindparam("today", type_=Date)))
        .where(grant.c.to_unit_id.in_(bindparam("units", expanding=True)))
        .order_by(grant.c.id)
    )


def _in_force_on(day: Any) -> ColumnElement[bool]:
    """From its first day to before its last, until the day of its revocation, while both its units
    are open."""
    columns = grant.c
    closed = select(unit.c.id).where(
        unit.c.id.in_((columns.of_unit_id, columns.to_unit_id)), unit.c.closed_on <= day
    )
    return and_(
        columns.valid_from <= day,
        columns.valid_to > day,
        or_(columns.revoked_on.is_(None), columns.revoked_on > day),
        ~closed.correlate(grant).exists(),
    )


@dataclass(frozen=True, slots=True)
class Position:
    """Where a grant stands in the list: by the code of `of`, its first day, its id."""

    code: str
    valid_from: date
    id: UUID


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed: of or to a unit within that subtree of today's tree, in force on a day;
    null is all."""

    within: Placed | None = None
    in_force_on: date | None = None


_OF, _TO = placement.alias("of"), placement.alias("to")


async def first_grants(
    connection: AsyncConnection,
    scope: Scope,
    today: date,
    listing: Listing,
    after: Position | None,
    limit: int,
) -> list[tuple[str, Grant]]:
    """The first grants after a position, each with the code of its `of`. Seen are those of or to a
    unit that the scope covers on today's tree."""
    code, first, id_ = _OF.c.code, grant.c.valid_from, grant.c.id
    rows = await connection.execute(
        _placed(scope, today, listing)
        .add_columns(code)
        .where(_after(after) if after else true())
        .order_by(code, first, id_)
        .limit(limit)
    )
    return [(row[-1], _grant(row[:-1])) for row in rows]


async def count_grants(
    connection: AsyncConnection,
    scope: Scope,
    today: date,
    listing: Listing,
    up_to: Position | None = None,
) -> int:
    """How many grants the list has, all or up to and with a position."""
    listed = _placed(scope, today, listing).where(~_after(up_to) if up_to else true())
    rows = await connection.execute(select(func.count()).select_from(listed.subquery()))
    return int(rows.scalar_one())


async def find(connection: AsyncConnection, scope: Scope, today: date, id: UUID) -> Grant | None:
    """The grant of an id; null where there is none or it is out of sight."""
    rows = await connection.execute(_placed(scope, today, Listing()).where(grant.c.id == id))
    row = rows.first()
    return _grant(row) if row else None


async def count_at(connection: AsyncConnection, unit_ids: Collection[int]) -> int:
    """How many grants, past ones and those to come too, are of or to the units."""
    wanted = list(unit_ids)
    held = or_(grant.c.of_unit_id.in_(wanted), grant.c.to_unit_id.in_(wanted))
    rows = await connection.execute(select(func.count()).select_from(grant).where(held))
    return int(rows.scalar_one())


async def store(connection: AsyncConnection, given: Grant) -> None:
    """Stores a new grant."""
    names = [name for name in _COLUMNS if name != "ceiling"]
    row = {name: getattr(given, name) for name in names} | {"ceiling": _kept(given.ceiling)}
    await connection.execute(insert(grant), row)


async def revoke(connection: AsyncConnection, id: UUID, at: datetime, on: date) -> None:
    """Revokes a grant that is not."""
    values = {"revoked_at": at, "revoked_on": on}
    await connection.execute(update(grant).where(grant.c.id == id).values(**values))


def _placed(scope: Scope, today: date, listing: Listing) -> Select[Any]:
    """The grants in sight, with both units where they stand today."""
    of, to = _OF.c, _TO.c
    conditions = [or_(scope.predicate(of), scope.predicate(to))]
    if listing.within is not None:
        top = listing.within.path
        conditions.append(or_(subtree(of.path, top), subtree(to.path, top)))
    if listing.in_force_on is not None:
        conditions.append(_in_force_on(listing.in_force_on))
    return (
        _grants()
        .join(_OF, and_(of.unit_id == grant.c.of_unit_id, on(of, today)))
        .join(_TO, and_(to.unit_id == grant.c.to_unit_id, on(to, today)))
        .where(*conditions)
    )


def _after(position: Position) -> ColumnElement[bool]:
    here = _OF.c.code, grant.c.valid_from, grant.c.id
    there = position.code, position.valid_from, position.id
    later: ColumnElement[bool] = here[2] > there[2]
    for mine, other in zip(here[1::-1], there[1::-1], strict=True):
        later = or_(mine > other, and_(mine == other, later))
    return later


_COLUMNS = (
    "id",
    "of_unit_id",
    "to_unit_id",
    "roles",
    "resources",
    "actions",
    "max_rank",
    "purpose",
    "valid_from",
    "valid_to",
    "granted_by",
    "granted_at",
    "granted_on",
    "revoked_at",
    "ceiling",
)


def _grants() -> Select[Any]:
    return select(*(grant.c[name] for name in _COLUMNS)).select_from(grant)


def _grant(row: Any) -> Grant:
    values = dict(zip(_COLUMNS, row, strict=True))
    lists = {name: tuple(values[name]) for name in ("roles", "resources", "actions")}
    return Grant(**values | lists | {"ceiling": _read(values["ceiling"])})


def _kept(ceiling: Mapping[Pair, Ceiling]) -> list[Any]:
    """As JSON: action, resource, and the ceiling's four lists."""
    return [
        [*pair, *map(_pairs, (one.allowed, one.denied, one.held, one.withheld))]
        for pair, one in ceiling.items()
    ]


def _pairs(taken: Iterable[Taken]) -> list[Any]:
    return [[each.unit_id, each.reach] for each in taken]


def _read(kept: Iterable[Any]) -> dict[Pair, Ceiling]:
    return {
        (action, resource): Ceiling(*(tuple(Taken(*each) for each in some) for some in lists))
        for action, resource, *lists in kept
    }
