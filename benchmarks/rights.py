"""How long rights take by themselves: a scope made of appointments, and one unit asked of it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.rights import RightsKeeper
from authz.tables import appointment
from benchmarks.measuring import Times
from benchmarks.province import TODAY, Store
from benchmarks.questions import DISTRICT_LEADER
from hierarchy.placements import Revision, UnitFilter, first_units, read_revision
from hierarchy.scope import Scope
from hierarchy.unit import Placed
from server.database import Database

PRINCIPALS = 300
POLICIES = 20
MOST_UNITS = 20_000
ROUNDS = 50


@dataclass(frozen=True, slots=True)
class RightsFigures:
    """`cold`: a viewer's first scope; `with_policy`: where the policy's rows are read anew too;
    `covers`: units of its own subtree that a district's scope is asked of in a second."""

    cold: Times
    with_policy: Times
    covers: float


def measure(store: Store) -> RightsFigures:
    """The figures on one store, without a server."""
    return asyncio.run(_measure(store))


async def _measure(store: Store) -> RightsFigures:
    database = Database(store.url)
    try:
        async with database.reading() as connection:
            asked = _Asked(connection, await read_revision(connection))
            found = await connection.execute(select(appointment.c.principal).limit(PRINCIPALS))
            principals = list(dict.fromkeys(found.scalars()))
            with_policy = [
                await asked.timed(RightsKeeper(), principal) for principal in principals[:POLICIES]
            ]
            keeper = RightsKeeper()
            await asked.scope(keeper, DISTRICT_LEADER)
            cold = [await asked.timed(keeper, principal) for principal in principals]
            scope = await asked.scope(keeper, DISTRICT_LEADER)
            units = await first_units(
                connection, scope, TODAY, None, UnitFilter(), None, MOST_UNITS
            )
    finally:
        await database.close()
    covered = [unit for unit in units if scope.covers(unit)]
    return RightsFigures(Times(tuple(cold)), Times(tuple(with_policy)), _speed(scope, covered))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Scopes asked for in one snapshot."""

    connection: AsyncConnection
    revision: Revision

    async def scope(self, keeper: RightsKeeper, principal: str) -> Scope:
        rights = await keeper.rights(self.connection, principal, self.revision, TODAY)
        return rights.scope("read", "meeting", TODAY)

    async def timed(self, keeper: RightsKeeper, principal: str) -> float:
        begun = time.perf_counter()
        await self.scope(keeper, principal)
        return (time.perf_counter() - begun) * 1000


def _speed(scope: Scope, units: Sequence[Placed]) -> float:
    """The best of some rounds. Covered units are the dearer ones: nothing cuts the question
    short."""
    return max(_speed_of_a_round(scope, units) for _ in range(ROUNDS))


def _speed_of_a_round(scope: Scope, units: Sequence[Placed]) -> float:
    begun = time.perf_counter()
    for unit in units:
        scope.covers(unit)
    return len(units) / (time.perf_counter() - begun)
