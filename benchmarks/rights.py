"""How long rights take by themselves: a scope made of appointments, and one unit asked of it."""

import asyncio
import time
from dataclasses import dataclass

from sqlalchemy import select

from authz.rights import RightsKeeper
from authz.tables import appointment
from benchmarks.measuring import Times
from benchmarks.province import TODAY, Store
from benchmarks.questions import DISTRICT_LEADER
from hierarchy.placements import UnitFilter, first_units, read_revision
from hierarchy.scope import Scope
from server.database import Database

PRINCIPALS = 300
MOST_UNITS = 20_000
ROUNDS = 10


@dataclass(frozen=True, slots=True)
class RightsFigures:
    """`cold`: a viewer's first scope; `with_policy`: where the policy's rows are read anew too;
    `covers`: units asked of a scope in a second."""

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
            revision = await read_revision(connection)
            keeper = RightsKeeper()
            found = await connection.execute(select(appointment.c.principal).limit(PRINCIPALS))
            principals = list(dict.fromkeys(found.scalars()))

            async def scope(kept: RightsKeeper, principal: str) -> Scope:
                rights = await kept.rights(connection, principal, revision, TODAY)
                return rights.scope("read", "meeting", TODAY)

            whole = await RightsKeeper().rights(connection, "leader@T.40", revision, TODAY)
            sight = whole.scope("read", "unit", TODAY)
            units = await first_units(
                connection, sight, TODAY, None, UnitFilter(), None, MOST_UNITS
            )
            with_policy, cold = [], []
            for principal in principals[:20]:
                begun = time.perf_counter()
                await scope(RightsKeeper(), principal)
                with_policy.append((time.perf_counter() - begun) * 1000)
            await scope(keeper, DISTRICT_LEADER)
            for principal in principals:
                begun = time.perf_counter()
                await scope(keeper, principal)
                cold.append((time.perf_counter() - begun) * 1000)
            district = await scope(keeper, DISTRICT_LEADER)
    finally:
        await database.close()
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        for unit in units:
            district.covers(unit)
    asked = ROUNDS * len(units)
    return RightsFigures(
        Times(tuple(cold)), Times(tuple(with_policy)), asked / (time.perf_counter() - begun)
    )
