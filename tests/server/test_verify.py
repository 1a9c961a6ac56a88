"""`chibo verify` finds whatever does not hold, and finds nothing where all holds."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import select

from authz import grants
from authz.grants import Grant
from hierarchy.decision import Decision
from hierarchy.embedded import EmbeddedStore
from hierarchy.projection import apply, read_kinds
from hierarchy.proposing import dissolve, establish, proposal, rename, transfer
from hierarchy.tables import unit
from records import changes, writing
from records.changes import Changed
from records.record import RecordChangeKind
from server.database import Database
from server.stores import open_stores
from server.verifying import violations
from tests import province
from tests.oracle.served import environment, run_chibo
from tests.province import TODAY

KEYED = "B,2024-03-05,GROUP,ONLINE,,1,1,,true,false,,key-1"


@pytest_asyncio.fixture(scope="module")
async def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which all holds; it is copied, never opened."""
    folder = tmp_path_factory.mktemp("sound")
    database = Database(f"sqlite+aiosqlite:///{folder / 'chibo.db'}")
    await province.fill(database, folder / "data", province.SMALL)
    (folder / "keyed").mkdir()
    header = province.HEADERS["meetings"] + ",client_key"
    (folder / "keyed" / "meetings.csv").write_text(f"{header}\n{KEYED}\n", "utf-8")
    from server.loading import load

    await load(database, None, folder / "keyed", TODAY)
    await decide(database)
    await give(database)
    await change(database)
    await database.close()
    return folder / "chibo.db"


async def decide(database: Database) -> None:
    """Closes a unit and moves another as of days before their records, renames one, and takes a
    decision back: all of it leaves nothing amiss."""
    taken = [
        ("1", date(2024, 2, 1), transfer(0, "H", "E")),
        ("2", date(2024, 1, 31), dissolve(0, "C")),
        ("3", date(2024, 9, 1), rename(0, "F", "Đảng bộ F mới")),
        ("4", date(2024, 3, 1), establish(0, "N", "D", "Đảng bộ N", "grassroots", None)),
    ]
    async with database.writing() as connection:
        store, kinds = EmbeddedStore(connection), await read_kinds(connection)
        for number, day, steps in taken:
            head = Decision(number, "Quyết định", "T", day, day, datetime.now(UTC))
            await store.extend((), [proposal(head, [steps])], kinds)
        await store.reverse("4", "Nhầm", datetime.now(UTC), kinds)
        await apply(connection, store)


async def give(database: Database) -> None:
    """A grant of G to E, made under a client key."""
    async with database.writing() as connection:
        of, to = [
            (await connection.execute(select(unit.c.id).where(unit.c.code == code))).scalar_one()
            for code in "GE"
        ]
        lists = ("leader",), ("meeting",), ("read",)
        days = date(2024, 1, 1), date(2025, 1, 1)
        by = "leader_d", datetime.now(UTC), province.TODAY
        made = Grant(UUID(int=1), of, to, *lists, None, "Phối hợp", *days, *by, None, {})
        await grants.store(connection, made)
        await writing.remember(connection, "grant", "leader_d", "k", "content", made.id)


async def change(database: Database) -> None:
    """Three changes that were numbered, the first of them forgotten, and one that is new."""
    moments = [datetime(2024, 6, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    async with database.writing() as connection:
        for moment in moments:
            if moment == moments[-1]:
                await changes.number(connection)
                await changes.forget(connection, moments[1] + changes.SLACK)
            facts = RecordChangeKind.WITHDRAWN, "meeting", UUID(int=moment.day), 1, None, False
            await changes.tell(connection, Changed(*facts, moment))


def damaged(sound: Path, folder: Path, *statements: str) -> Path:
    """A copy, changed behind everybody's back."""
    shutil.copy(sound, folder / "chibo.db")
    connection = sqlite3.connect(folder / "chibo.db")
    for statement in statements:
        assert connection.execute(statement).rowcount, statement
    connection.commit()
    connection.close()
    return folder


async def found(home: Path) -> list[str]:
    settings = province.settings_of(home, f"sqlite+aiosqlite:///{home / 'chibo.db'}")
    async with open_stores(settings) as stores:
        return await violations(stores)


async def test_nothing_is_found_where_all_holds(sound: Path, tmp_path: Path) -> None:
    assert await found(damaged(sound, tmp_path)) == []


B = "(SELECT id FROM unit WHERE code = 'B')"
DAMAGE = {
    "a placement's path": ("UPDATE placement SET path = path || '0001' WHERE code = 'B'", "placem"),
    "a placement's name": ("UPDATE placement SET name = 'x' WHERE code = 'B'", "placement"),
    "a placement's folded name": ("UPDATE placement SET name_folded='x' WHERE code='B'", "placem"),
    "a placement's rank": ("UPDATE placement SET rank = 1 WHERE code = 'B'", "placement"),
    "a placement's parent": ("UPDATE placement SET parent_id = 0 WHERE code = 'B'", "placement"),
    "a placement's day": ("UPDATE placement SET valid_from='2020-01-01' WHERE code='B'", "placem"),
    "a lost placement": ("DELETE FROM placement WHERE code = 'B'", "placement"),
    "a placement too many": (
        "INSERT INTO placement SELECT 99, valid_from, valid_to, parent_id, path || '001d', depth,"
        " rank, 'new', name, name_folded, kind, category, established_on, closed_on, last_open_on"
        " FROM placement WHERE code = 'B'",
        "placement",
    ),
    "a unit's life": ("UPDATE unit SET closed_on = '2024-01-01' WHERE code = 'C'", "unit"),
    "a ledger's name": ("UPDATE ledger SET name = 'x' WHERE code = 'B'", "ledger"),
    "a ledger's parent": ("UPDATE ledger SET other_code = 'H' WHERE code = 'B'", "B"),
    "a ledger's kind": ("UPDATE ledger SET kind = 'province' WHERE code = 'B'", "province"),
    "a ledger's closing": ("UPDATE ledger SET closed_on='2001-01-01' WHERE code='G'", "outlives"),
    "a lost line of the ledger": ("DELETE FROM ledger WHERE code = 'B'", "B"),
    "a line's place": ("UPDATE ledger SET other_code='T' WHERE change='TRANSFER'", "placement"),
    "a line of a closed unit": ("UPDATE ledger SET code='O' WHERE change = 'RENAME'", "closed"),
    "a line of no unit": ("UPDATE ledger SET code='nobody' WHERE change='TRANSFER'", "nobody"),
    "a lost line": ("DELETE FROM ledger WHERE change = 'DISSOLVE'", "placement"),
    "a decision's day": ("UPDATE decision SET effective_on='2024-02-02' WHERE number='1'", "decis"),
    "a decision in the ledger": ("UPDATE ledger_decision SET title = 'x'", "decision"),
    "a reversal undone": ("UPDATE decision SET reversed_at = NULL", "decision"),
    "a change's kind": ("UPDATE change SET change='MERGE' WHERE change='TRANSFER'", "change"),
    "a lost change": ("DELETE FROM change WHERE number = '3'", "change"),
    "a placement that ends late": (
        "UPDATE placement SET valid_to = '2024-02-03' WHERE code = 'H' AND valid_to IS NOT NULL",
        "placement",
    ),
    "a unit that never was": (
        "UPDATE appointment SET unit_id = (SELECT id FROM unit WHERE code = 'N')",
        "never stood",
    ),
    "a version": ("UPDATE tree SET version = version + 1", "version"),
    "a kind's rank": ("UPDATE unit_kind SET rank = 4 WHERE code = 'branch'", "placement"),
    "a rule's reach": ("UPDATE policy_rule SET reach = 'all' WHERE id = 1", "all"),
    "a rule's effect": ("UPDATE policy_rule SET eft = 'Allow' WHERE id = 1", "Allow"),
    "a role that is none": ("UPDATE appointment SET role = 'king'", "king"),
    "an appointment of no day": ("UPDATE appointment SET valid_to = valid_from", "appointments"),
    "a grant of a unit that never was": (
        "UPDATE \"grant\" SET of_unit_id = (SELECT id FROM unit WHERE code = 'N')",
        "never stood",
    ),
    "a grant to a unit that never was": (
        "UPDATE \"grant\" SET to_unit_id = (SELECT id FROM unit WHERE code = 'N')",
        "never stood",
    ),
    "a grant to a role that is none": ('UPDATE "grant" SET roles = \'["king"]\'', "king"),
    "a grant of no day": ('UPDATE "grant" SET valid_to = valid_from', "grants"),
    "a lost grant of a key": ('DELETE FROM "grant"', "key"),
    "a view of a unit that never was": (
        "INSERT INTO view SELECT '" + "0" * 32 + "', id, 'v', 'V', '{ __typename }', 1, 'leader_d',"
        " '2024-06-15' FROM unit WHERE code = 'N'",
        "views",
    ),
    "a meeting before its unit": ("UPDATE meeting SET held_on = '1999-12-31'", "life"),
    "a meeting after its unit": (
        "UPDATE meeting SET held_on = '2023-07-01' WHERE held_on = '2023-06-05'",
        "life",
    ),
    "a meeting after a closing that was known": (
        "UPDATE meeting SET recorded_at = '2100-01-01', held_on = '2024-02-01' WHERE unit_id ="
        " (SELECT id FROM unit WHERE code = 'C')",
        "life",
    ),
    "an inspection from where the unit was no more": (
        "UPDATE inspection SET recorded_at = '2100-01-01' WHERE status = 'PLANNED'",
        "inspecting",
    ),
    "an evaluation before its unit": (
        "UPDATE evaluation SET year = 1999, day = '1999-12-31' WHERE rating = 'EXCELLENT'",
        "life",
    ),
    "an inspection before its unit": ("UPDATE inspection SET day = '1999-12-31'", "life"),
    "more present than expected": ("UPDATE meeting SET members_present = 99", "present"),
    "a score": ("UPDATE meeting SET score = 101", "score"),
    "documents after the meeting": ("UPDATE meeting SET documents_sent_on='2024-06-14'", "docum"),
    "members rated": ("UPDATE evaluation SET members_rated = 7", "sum"),
    "concluded before opened": ("UPDATE inspection SET concluded_on='2020-01-01'", "concluded"),
    "more in violation": ("UPDATE inspection SET members_in_violation = 99", "violation"),
    "a count below nought": ("UPDATE inspection SET members_sanctioned = -1", "count"),
    "a count too large": ("UPDATE meeting SET members_expected = 1000001", "count"),
    "a status": ("UPDATE inspection SET status = 'PLANNED' WHERE status = 'OPEN'", "status"),
    "another status": ("UPDATE inspection SET status = 'OPEN' WHERE status = 'PLANNED'", "status"),
    "no quarter": ("UPDATE inspection SET planned_for = '2024-05-01'", "quarter"),
    "an inspection's day": ("UPDATE inspection SET day = '2024-05-03'", "day"),
    "an evaluation's day": ("UPDATE evaluation SET day = '2022-12-31'", "day"),
    "an inspecting unit beside": (
        "UPDATE inspection SET by_unit_id = (SELECT id FROM unit WHERE code = 'E')",
        "inspecting",
    ),
    "an inspecting unit below": (
        f"UPDATE inspection SET by_unit_id = {B}, unit_id = 1 WHERE status = 'OPEN'",
        "inspecting",
    ),
    "no numbering of changes": ("DELETE FROM change_numbering", "0 rows"),
    "a lost change of a record": ("DELETE FROM record_change WHERE position = 2", "1 of the"),
    "a lost last change": ("DELETE FROM record_change WHERE position = 3", "1 of the"),
    "changes beyond the last": ("UPDATE change_numbering SET last = 2", "1 changes are numbered"),
    "a change that was forgotten": (
        "UPDATE record_change SET position = 1 WHERE position IS NULL",
        "1 changes are numbered",
    ),
    "changes forgotten and never given": (
        "UPDATE change_numbering SET forgotten = 4",
        "forgotten up to 4",
    ),
    "a change of no unit": ("UPDATE record_change SET unit_id = 99", "do not exist"),
    "a change by no unit": (
        "UPDATE record_change SET by_unit_id = 99 WHERE position IS NULL",
        "1 changes are of units",
    ),
    "a lost record of a key": ("DELETE FROM meeting WHERE held_on = '2024-03-05'", "key"),
}


@pytest.mark.parametrize("what", DAMAGE)
async def test_damage_is_found(sound: Path, tmp_path: Path, what: str) -> None:
    statement, word = DAMAGE[what]
    told = await found(damaged(sound, tmp_path, statement))
    assert told and any(word in line for line in told), told


def test_the_command_lists_it_and_ends_with_1(sound: Path, tmp_path: Path) -> None:
    damaged(sound, tmp_path, DAMAGE["a placement's path"][0], DAMAGE["a score"][0])
    outcome = run_chibo(["verify"], environment(tmp_path, TODAY))
    assert (outcome.exit_code, outcome.output) == (1, "")
    lines = outcome.errors.strip().splitlines()
    assert any("placement" in line for line in lines) and any("score" in line for line in lines)
    assert "Traceback" not in outcome.errors


async def test_nothing_is_changed(sound: Path, tmp_path: Path) -> None:
    """Not even what could be healed."""
    home = damaged(sound, tmp_path, DAMAGE["a placement's name"][0])
    assert await found(home) == await found(home) != []
