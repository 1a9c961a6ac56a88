"""Rights of one principal: which appointments give them, and how long they are kept."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pytest_asyncio
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from authz import appointments
from authz.rights import Rights, RightsKeeper
from authz.tables import appointment, policy_rule
from hierarchy.placements import Revision, read_revision
from hierarchy.tables import revision, unit
from server.database import Database
from tests import province
from tests.province import TODAY


@pytest_asyncio.fixture
async def connection(database: Database, tmp_path: Path) -> AsyncIterator[AsyncConnection]:
    """The small province, taken back when the test ends."""
    from hierarchy.embedded import EmbeddedStore
    from hierarchy.projection import apply, read_kinds
    from hierarchy.unit import Founding

    async with database.engine.connect() as connection:
        foundings = []
        for line in province.UNITS.strip().splitlines():
            code, parent, name, kind, category, begun, closed = line.split(",")
            closed_on = date.fromisoformat(closed) if closed else None
            begun_on = date.fromisoformat(begun)
            foundings.append(
                Founding(code, parent or None, name, kind, category or None, begun_on, closed_on)
            )
        tree = EmbeddedStore(connection)
        await tree.extend(foundings, (), await read_kinds(connection))
        await apply(connection, tree)
        yield connection
        await connection.rollback()


async def appoint(
    connection: AsyncConnection,
    role: str,
    code: str,
    valid_from: date = TODAY,
    valid_to: date | None = None,
    principal: str = "who",
) -> None:
    id_ = (await connection.execute(select(unit.c.id).where(unit.c.code == code))).scalar_one()
    row = {"id": uuid4(), "principal": principal, "role": role, "unit_id": id_}
    days = {"valid_from": valid_from, "valid_to": valid_to}
    await connection.execute(insert(appointment).values(**row, **days))


async def in_force(connection: AsyncConnection, today: date = TODAY) -> list[tuple[str, str]]:
    found = await appointments.in_force(connection, "who", today)
    return [(each.unit_code, each.role) for each in found]


async def test_an_appointment_holds_from_its_first_day_to_before_its_last(
    connection: AsyncConnection,
) -> None:
    await appoint(connection, "leader", "D", TODAY, TODAY + timedelta(days=2))
    days = [TODAY + timedelta(days=at) for at in (-1, 0, 1, 2)]
    held = [bool(await in_force(connection, day)) for day in days]
    assert held == [False, True, True, False]


async def test_an_appointment_at_a_closed_unit_gives_nothing(connection: AsyncConnection) -> None:
    """From the day it is closed on."""
    await appoint(connection, "secretary", "O", date(2020, 1, 1))
    closed_on = date(2023, 7, 1)
    assert await in_force(connection, closed_on - timedelta(days=1)) == [("O", "secretary")]
    assert await in_force(connection, closed_on) == []


async def test_principals_are_compared_exactly(connection: AsyncConnection) -> None:
    for other in ("Who", "who ", "wh", "w%", "who\u0301"):
        await appoint(connection, "leader", "D", principal=other)
    assert await in_force(connection) == []


async def test_they_come_by_unit_then_role_then_day(connection: AsyncConnection) -> None:
    for role, code, days in (("leader", "H", 0), ("leader", "D", 0), ("auditor", "D", 3)):
        await appoint(connection, role, code, TODAY - timedelta(days=days))
    await appoint(connection, "leader", "D", TODAY - timedelta(days=9))
    found = await appointments.in_force(connection, "who", TODAY)
    assert [(each.unit_code, each.role, (TODAY - each.valid_from).days) for each in found] == [
        ("D", "auditor", 3),
        ("D", "leader", 9),
        ("D", "leader", 0),
        ("H", "leader", 0),
    ]


# ---- what is kept


async def rights(keeper: RightsKeeper, connection: AsyncConnection, today: date) -> Rights:
    return await keeper.rights(connection, "who", await read_revision(connection), today)


async def bump(connection: AsyncConnection, column: str) -> Revision:
    await connection.execute(update(revision).values({column: revision.c[column] + 1}))
    return await read_revision(connection)


async def test_rights_are_kept_while_revision_and_day_stay(
    database: Database, connection: AsyncConnection
) -> None:
    """The same value without a statement; made anew for another day, principal or revision."""
    keeper = RightsKeeper()
    await appoint(connection, "leader", "D")
    first = await rights(keeper, connection, TODAY)
    with province.statements(database) as seen:
        assert await rights(keeper, connection, TODAY) is first
    assert len(seen) == 1  # the revision itself
    assert await rights(keeper, connection, TODAY + timedelta(days=1)) is not first
    other = await keeper.rights(connection, "else", await read_revision(connection), TODAY)
    assert other.appointments == ()
    for column in ("tree_version", "policy_version"):
        before = await rights(keeper, connection, TODAY)
        await bump(connection, column)
        assert await rights(keeper, connection, TODAY) is not before


async def test_superseded_revisions_are_forgotten(connection: AsyncConnection) -> None:
    """Each change of rights makes everybody's anew; what was made of earlier ones, a policy each
    time, does not stay in memory. The revision before stays: requests may still run in it."""
    keeper = RightsKeeper()
    await appoint(connection, "leader", "D")
    made = []
    for _ in range(4):
        at = await bump(connection, "policy_version")
        made.append((at, await keeper.rights(connection, "who", at, TODAY)))
    last = made[-1]
    assert await keeper.rights(connection, "who", last[0], TODAY) is last[1]
    assert await keeper.rights(connection, "who", made[-2][0], TODAY) is made[-2][1]
    kept = [weakref.ref(rights) for _, rights in made]
    del made, last
    gc.collect()
    assert [each() is None for each in kept] == [True, True, False, False]


async def test_a_new_policy_version_is_read(connection: AsyncConnection) -> None:
    keeper = RightsKeeper()
    await appoint(connection, "leader", "D")
    before = await rights(keeper, connection, TODAY)
    assert not before.scope("dance", "hall", TODAY)
    rule = {"role": "leader", "at": "*", "resource": "hall", "action": "dance"}
    await connection.execute(insert(policy_rule).values(id=900, **rule, reach="own", eft="allow"))
    await bump(connection, "policy_version")
    assert (await rights(keeper, connection, TODAY)).scope("dance", "hall", TODAY)
    assert not before.scope("dance", "hall", TODAY)


async def test_past_days_do_not_pile_up(connection: AsyncConnection) -> None:
    """Whoever asks for every day of a century keeps but few scopes."""
    await appoint(connection, "leader", "D")
    mine = await rights(RightsKeeper(), connection, TODAY)
    for day in range(1000):
        mine.scope("read", "unit", TODAY - timedelta(days=day))
    assert len(mine._scopes) <= 100


async def test_a_scope_is_of_the_tree_of_its_day(connection: AsyncConnection) -> None:
    """An office at a unit that did not stand yet covers nothing of that day."""
    await appoint(connection, "leader", "F", date(2020, 1, 1))
    mine = await rights(RightsKeeper(), connection, TODAY)
    assert mine.scope("read", "unit", TODAY)
    assert not mine.scope("read", "unit", date(2023, 12, 31))
    assert mine.scope("read", "unit", date(2024, 1, 1))
