"""Appointments and policy rows as they are stored.

An appointment at a unit gives nothing from the day the unit is closed. Who may see an appointment
is not decided here: what is read for a viewer is cut in the database by the `Scope` that is given,
on the tree of today. Who may appoint is looked at before anything is stored here.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    and_,
    bindparam,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.policy import Rule
from authz.tables import appointment, policy_rule
from hierarchy.given import given, is_postgresql
from hierarchy.placements import on, storable
from hierarchy.scope import Scope, subtree
from hierarchy.tables import placement, unit
from hierarchy.unit import Placed

MAX_PRINCIPAL_LENGTH = 255
"""In characters; OpenID Connect Core 1.0 bounds the claim `sub` alike."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """A principal's office at a unit, from a day (included) to a day (excluded)."""

    id: UUID
    principal: str
    role: str
    unit_id: int
    unit_code: str
    valid_from: date
    valid_to: date | None


async def in_force(
    connection: AsyncConnection, principal: str, today: date
) -> tuple[Appointment, ...]:
    """The principal's appointments that are in force today, by unit code, role, first day.

    One at a unit that is closed today is not; one at a unit that is yet to stand is, and gives
    what it gives on the trees on which the unit stands.
    """
    rows = await connection.execute(
        _appointments()
        .where(appointment.c.principal == principal, _in_force_on(today))
        .order_by(unit.c.code, appointment.c.role, appointment.c.valid_from, appointment.c.id)
    )
    return tuple(Appointment(*row) for row in rows)


async def ever_of(
    connection: AsyncConnection, principal: str, today: date
) -> list[tuple[Appointment, bool]]:
    """All appointments of a principal, past ones and those to come too, each with whether it is
    `in_force` today; in the same order."""
    # Nobody is named by what no store can hold; the statement is asked all the same.
    values = {"principal": principal if storable(principal) else "", "today": today}
    rows = await connection.execute(_ever_of(), values)
    return [(Appointment(*row[:-1]), bool(row[-1])) for row in rows]


@cache
def _ever_of() -> Select[Any]:
    """The statement, made once."""
    return (
        _appointments()
        .add_columns(_in_force_on(bindparam("today", type_=Date)))
        .where(appointment.c.principal == bindparam("principal"))
        .order_by(unit.c.code, appointment.c.role, appointment.c.valid_from, appointment.c.id)
    )


async def appointed_at(
    connection: AsyncConnection, unit_ids: Collection[int]
) -> tuple[Appointment, ...]:
    """All appointments at the units, past ones and those to come too, by principal."""
    rows = await connection.execute(
        _appointments()
        .where(appointment.c.unit_id.in_(list(unit_ids)))
        .order_by(appointment.c.principal, appointment.c.id)
    )
    return tuple(Appointment(*row) for row in rows)


async def in_force_at(
    connection: AsyncConnection, unit_ids: Collection[int], day: date
) -> tuple[Appointment, ...]:
    """The appointments at the units whose time includes the day, by unit code, role, principal;
    whether a unit is open on it is not looked at."""
    wanted = given(is_postgresql(connection), "wanted", key=list(unit_ids))
    rows = await connection.execute(
        _appointments()
        .where(appointment.c.unit_id.in_(select(wanted.c.key)), _includes(day))
        .order_by(unit.c.code, appointment.c.role, appointment.c.principal, appointment.c.id)
    )
    return tuple(Appointment(*row) for row in rows)


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed: at the units of which subtree of today's tree, of which principal, in force
    on which day; null leaves out, and without a day past ones and those to come are listed too."""

    within: Placed | None = None
    principal: str | None = None
    in_force_on: date | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where an appointment stands in a list."""

    unit_code: str
    role: str
    valid_from: date
    principal: str
    id: UUID


async def first_appointments(
    connection: AsyncConnection,
    scope: Scope,
    today: date,
    listing: Listing,
    after: Position | None,
    limit: int,
) -> list[Appointment]:
    """The first `limit` appointments in the scope after a position: by unit code, role, first
    day, principal, id."""
    here = tuple_(*_ORDER)
    rows = await connection.execute(
        _readable(_appointments(), scope, today)
        .where(_listed(listing), true() if after is None else here > _place(after))
        .order_by(*_ORDER)
        .limit(limit)
    )
    return [Appointment(*row) for row in rows]


async def count_appointments(
    connection: AsyncConnection,
    scope: Scope,
    today: date,
    listing: Listing,
    up_to: Position | None = None,
) -> int:
    """How many appointments the list has, all or up to and with a position."""
    here = tuple_(*_ORDER)
    counted = select(func.count()).join_from(appointment, unit, unit.c.id == appointment.c.unit_id)
    rows = await connection.execute(
        _readable(counted, scope, today).where(
            _listed(listing), true() if up_to is None else here <= _place(up_to)
        )
    )
    return int(rows.scalar_one())


async def find(
    connection: AsyncConnection, scope: Scope, today: date, ids: Collection[UUID]
) -> dict[UUID, Appointment]:
    """Those of the appointments that are in the scope, by id."""
    rows = await connection.execute(
        _readable(_appointments(), scope, today).where(appointment.c.id.in_(list(ids)))
    )
    return {row[0]: Appointment(*row) for row in rows}


async def store(connection: AsyncConnection, made: Appointment) -> None:
    """Stores an appointment. Whoever does so raises the policy's version."""
    columns = {name: getattr(made, name) for name in appointment.c.keys()}  # noqa: SIM118
    await connection.execute(insert(appointment).values(columns))


async def end(connection: AsyncConnection, id: UUID, day: date) -> None:
    """From that day on it no longer holds. Whoever does so raises the policy's version."""
    await connection.execute(update(appointment).where(appointment.c.id == id).values(valid_to=day))


_ORDER = (
    placement.c.code,
    appointment.c.role,
    appointment.c.valid_from,
    appointment.c.principal,
    appointment.c.id,
)


def _place(position: Position) -> Any:
    return tuple_(
        position.unit_code, position.role, position.valid_from, position.principal, position.id
    )


def _readable(statement: Select[Any], scope: Scope, today: date) -> Select[Any]:
    """Cut to the units that the scope covers on today's tree."""
    return statement.join(placement, placement.c.unit_id == appointment.c.unit_id).where(
        on(placement.c, today), scope.predicate(placement.c)
    )


def _listed(listing: Listing) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if listing.within is not None:
        conditions.append(subtree(placement.c.path, listing.within.path))
    if listing.principal is not None:
        is_theirs = appointment.c.principal == listing.principal
        conditions.append(is_theirs if storable(listing.principal) else false())
    if listing.in_force_on is not None:
        conditions.append(_in_force_on(listing.in_force_on))
    return and_(*conditions)


def _in_force_on(day: Any) -> ColumnElement[bool]:
    """That its time includes the day, and its unit is not closed on it."""
    return and_(_includes(day), or_(unit.c.closed_on.is_(None), unit.c.closed_on > day))


def _includes(day: Any) -> ColumnElement[bool]:
    is_not_over = or_(appointment.c.valid_to.is_(None), appointment.c.valid_to > day)
    return and_(appointment.c.valid_from <= day, is_not_over)


def _appointments() -> Select[Any]:
    return select(
        appointment.c.id,
        appointment.c.principal,
        appointment.c.role,
        appointment.c.unit_id,
        unit.c.code,
        appointment.c.valid_from,
        appointment.c.valid_to,
    ).join(unit, unit.c.id == appointment.c.unit_id)


async def read_rules(connection: AsyncConnection) -> list[Rule]:
    """All rows of the policy, in their order."""
    rows = await connection.execute(
        select(
            policy_rule.c.role,
            policy_rule.c.at,
            policy_rule.c.resource,
            policy_rule.c.action,
            policy_rule.c.reach,
            policy_rule.c.eft,
        ).order_by(policy_rule.c.id)
    )
    return [Rule(*row) for row in rows]


async def store_rules(connection: AsyncConnection, rules: Sequence[Rule]) -> None:
    """Puts these rules, in their order, in the place of all that are there."""
    await connection.execute(delete(policy_rule))
    rows = [{"id": id_, **asdict(rule)} for id_, rule in enumerate(rules, 1)]
    await connection.execute(insert(policy_rule), rows)
