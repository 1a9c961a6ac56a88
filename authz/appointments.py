"""Appointments and policy rows as they are stored.

Queries only: an appointment at a unit gives nothing from the day the unit is closed. Who may see
an appointment is not decided here.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.policy import Rule
from authz.tables import appointment, policy_rule
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
        select(
            appointment.c.id,
            appointment.c.principal,
            appointment.c.role,
            appointment.c.unit_id,
            unit.c.code,
            appointment.c.valid_from,
            appointment.c.valid_to,
        )
        .join(unit, unit.c.id == appointment.c.unit_id)
        .where(
            appointment.c.principal == principal,
            appointment.c.valid_from <= today,
            or_(appointment.c.valid_to.is_(None), appointment.c.valid_to > today),
            or_(unit.c.closed_on.is_(None), unit.c.closed_on > today),
        )
        .order_by(unit.c.code, appointment.c.role, appointment.c.valid_from, appointment.c.id)
    )
    return tuple(Appointment(*row) for row in rows)


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
