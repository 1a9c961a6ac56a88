"""Who holds which offices today, of everybody at once: what a change of the policy is measured by.

Queries only, for an operator: nothing here is cut by anybody's rights.
"""

from collections.abc import AsyncIterator
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from authz import grants
from authz.policy import Held
from authz.tables import appointment, grant
from hierarchy.placements import on
from hierarchy.scope import Base
from hierarchy.tables import placement, unit

AT_ONCE = 5_000


async def roles_held(connection: AsyncConnection, today: date) -> dict[str, int]:
    """The roles of the appointments in force or to come, with how many: those at units that are
    closed give nothing any more."""
    rows = await connection.execute(
        select(appointment.c.role, func.count().label("held"))
        .join(unit, unit.c.id == appointment.c.unit_id)
        .where(_ends_after(today))
        .group_by(appointment.c.role)
    )
    return {row.role: row.held for row in rows}


async def offices(connection: AsyncConnection, today: date) -> AsyncIterator[list[Held]]:
    """The offices that are in force today and stand on today's tree, viewer by viewer."""
    statement = (
        select(
            appointment.c.principal,
            appointment.c.role,
            placement.c.kind,
            placement.c.unit_id,
            placement.c.path,
            placement.c.depth,
            placement.c.rank,
        )
        .join(unit, unit.c.id == appointment.c.unit_id)
        .join(placement, and_(placement.c.unit_id == unit.c.id, on(placement.c, today)))
        .where(appointment.c.valid_from <= today, _ends_after(today))
        .order_by(appointment.c.principal)
    )
    rest: list[Any] = []
    async with connection.stream(statement) as result:
        async for rows in result.partitions(AT_ONCE):
            viewers = [list(some) for _, some in groupby([*rest, *rows], attrgetter("principal"))]
            rest = viewers.pop()
            for viewer in viewers:
                yield _held(viewer)
    if rest:
        yield _held(rest)


async def are_grants_in_force(connection: AsyncConnection, today: date) -> bool:
    """Whether anybody sees something by a grant today."""
    to = await connection.scalars(select(grant.c.to_unit_id).distinct())
    return bool(await grants.in_force(connection, set(to), today))


def _ends_after(today: date) -> ColumnElement[bool]:
    """That an appointment has not ended, nor its unit been closed."""
    return and_(
        or_(appointment.c.valid_to.is_(None), appointment.c.valid_to > today),
        or_(unit.c.closed_on.is_(None), unit.c.closed_on > today),
    )


def _held(viewer: list[Any]) -> list[Held]:
    return [Held(row.role, row.kind, Base(row.unit_id, *row[4:])) for row in viewer]
