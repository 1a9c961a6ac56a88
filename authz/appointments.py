"""Appointments and policy rows as they are stored.

Queries only: an appointment at a unit gives nothing from the day the unit is closed. Who may see
an appointment is not decided here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.policy import Rule
from authz.tables import appointment, policy_rule
from hierarchy.given import given, is_postgresql
from hierarchy.tables import unit


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
        .where(
            appointment.c.principal == principal,
            appointment.c.valid_from <= today,
            or_(appointment.c.valid_to.is_(None), appointment.c.valid_to > today),
            or_(unit.c.closed_on.is_(None), unit.c.closed_on > today),
        )
        .order_by(unit.c.code, appointment.c.role, appointment.c.valid_from, appointment.c.id)
    )
    return tuple(Appointment(*row) for row in rows)


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
        .where(
            appointment.c.unit_id.in_(select(wanted.c.key)),
            appointment.c.valid_from <= day,
            or_(appointment.c.valid_to.is_(None), appointment.c.valid_to > day),
        )
        .order_by(unit.c.code, appointment.c.role, appointment.c.principal, appointment.c.id)
    )
    return tuple(Appointment(*row) for row in rows)


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
