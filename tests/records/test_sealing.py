"""The chain of seals: whatever is done to the trail behind its back is named, the first of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from records import sealing, trail
from records.sealing import first_fault, seal
from records.tables import audit_entry, audit_seal, audit_shown
from records.trail import AuditEntry
from server.database import Database

NOW = datetime(2024, 6, 15, 8, tzinfo=UTC)
SIGNS = (UUID(int=7), UUID(int=8))


@pytest_asyncio.fixture(scope="module", params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, fresh_database: Callable[[str], str]
) -> AsyncIterator[Database]:
    made = Database(fresh_database(request.param), pool_size=3)
    await made.migrate()
    yield made
    await made.close()


def made(number: int) -> AuditEntry:
    """The entry of a number: every third about a record, every third of what was shown."""
    who = NOW + timedelta(seconds=number), f"viewer {number}"
    if number % 3 == 0:
        return trail.entry(*who, "record", "meeting", 1, "ab", UUID(int=number), facts={"a": 1})
    if number % 3 == 1:
        return trail.entry(*who, "read", "inspection", shown=SIGNS)
    return trail.entry(*who, "set", "policy")


@dataclass(frozen=True)
class Trail:
    """A trail of two seals and a rest, in a transaction that is never committed."""

    connection: AsyncConnection
    seals: tuple[list[AuditEntry], list[AuditEntry]]
    rest: list[AuditEntry]

    @property
    def sealed(self) -> list[AuditEntry]:
        return [*self.seals[0], *self.seals[1]]

    async def fault_after(self, *changes: Any) -> str | None:
        """What is named once the changes are made; they are taken back."""
        savepoint = await self.connection.begin_nested()
        for change in changes:
            assert (await self.connection.execute(change)).rowcount, change
        found = await first_fault(self.connection)
        await savepoint.rollback()
        return found


@asynccontextmanager
async def a_trail(database: Database) -> AsyncIterator[Trail]:
    async with database.engine.connect() as connection:
        entries = [made(number) for number in range(14)]
        parts = entries[:6], entries[6:12]
        for part in parts:
            await trail.append(connection, part)
            assert await seal(connection, NOW) == len(part)
        await trail.append(connection, entries[12:])
        yield Trail(connection, parts, entries[12:])
        await connection.rollback()


def of(entry: AuditEntry) -> Any:
    return audit_entry.c.id == entry.id


def changed(entry: AuditEntry, **values: Any) -> Any:
    return update(audit_entry).where(of(entry)).values(**values)


def changes_of(entry: AuditEntry) -> dict[str, Any]:
    """Another value for every column of an entry but its id and its seal."""
    return {
        "at": entry.at + timedelta(microseconds=1),
        "principal": entry.principal + " ",
        "action": "revise",
        "resource": "grant",
        "unit_id": None if entry.unit_id else 0,
        "subject": None if entry.subject else "",
        "record_id": None if entry.record_id else UUID(int=0),
        "detail": entry.detail + " ",
        "salt": "00" * 16,
        "hash": "0" * 64,
    }


async def test_nothing_is_found_where_nothing_was_done(database: Database) -> None:
    async with database.engine.connect() as connection:
        assert await first_fault(connection) is None
        assert await seal(connection, NOW) == 0
    async with a_trail(database) as given:
        assert await first_fault(given.connection) is None


async def test_an_entry_that_was_altered_is_named(database: Database) -> None:
    """In any of its columns, sealed or not; what it showed is part of it."""
    async with a_trail(database) as given:
        for entry in [*given.sealed, *given.rest]:
            changes = changes_of(entry)
            assert changes.keys() == set(audit_entry.c.keys()) - {"id", "seal"}
            for name, value in changes.items():
                found = await given.fault_after(changed(entry, **{name: value}))
                assert found and entry.id.hex in found and "altered" in found, name
            more = insert(audit_shown).values(entry_id=entry.id, record_id=UUID(int=9))
            found = await given.fault_after(more)
            assert found and entry.id.hex in found and "altered" in found
        for entry in (each for each in given.sealed if each.shown):
            gone = delete(audit_shown).where(audit_shown.c.entry_id == entry.id)
            other = update(audit_shown).where(
                audit_shown.c.entry_id == entry.id, audit_shown.c.record_id == SIGNS[0]
            )
            for change in (gone, other.values(record_id=uuid4()), other.values(entry_id=uuid4())):
                found = await given.fault_after(change)
                assert found and entry.id.hex in found and "altered" in found


async def test_an_entry_that_was_moved_between_seals_is_named(database: Database) -> None:
    async with a_trail(database) as given:
        for entry in given.sealed:
            own = 1 if entry in given.seals[0] else 2
            for other in {1, 2, 3, 0, None} - {own}:
                found = await given.fault_after(changed(entry, seal=other))
                assert found and entry.id.hex in found, other
        for entry in given.rest:
            for other in (1, 2, 3, -1):
                found = await given.fault_after(changed(entry, seal=other))
                assert found and entry.id.hex in found, other


async def test_an_entry_that_was_left_out_is_named_with_its_time(database: Database) -> None:
    """By its id, which tells when it was made: nothing else of it is there."""
    async with a_trail(database) as given:
        for entry in given.sealed:
            number = 1 if entry in given.seals[0] else 2
            found = await given.fault_after(delete(audit_entry).where(of(entry)))
            moment = datetime.fromtimestamp(int(entry.id.hex[:12], 16) / 1000, UTC)
            told = f"({moment.isoformat(timespec='milliseconds')}) was left out of seal {number}"
            assert found == f"entry {entry.id.hex} {told}"
        lost = insert(audit_shown).values(entry_id=UUID(int=5), record_id=UUID(int=6))
        found = await given.fault_after(lost)
        assert found and UUID(int=5).hex in found and "left out" in found


async def test_an_entry_that_was_put_in_is_named(database: Database) -> None:
    """However whole it is by itself; one without a seal can only be told by its own hash."""
    async with a_trail(database) as given:
        forged = made(0)
        row = {
            each.name: getattr(forged, each.name) for each in audit_entry.c if each.name != "seal"
        }
        for number in (1, 2):
            found = await given.fault_after(insert(audit_entry).values(**row, seal=number))
            assert found and forged.id.hex in found
            assert f"{forged.at.isoformat(timespec='milliseconds')}, record meeting" in found
            assert f"put into seal {number}" in found
        for number in (0, 3):
            found = await given.fault_after(insert(audit_entry).values(**row, seal=number))
            assert found and forged.id.hex in found
        found = await given.fault_after(insert(audit_entry).values(**row | {"principal": "x"}))
        assert found and forged.id.hex in found
        found = await given.fault_after(changed(given.sealed[3], id=forged.id))
        assert found and given.sealed[3].id.hex in found


async def test_a_seal_that_was_altered_or_left_out_is_named(database: Database) -> None:
    async with a_trail(database) as given:
        for number in (1, 2):
            itself = audit_seal.c.number == number
            row = (await given.connection.execute(select(audit_seal).where(itself))).one()
            for name, value in {
                "sealed_at": row.sealed_at + timedelta(seconds=1),
                "contents": row.contents.replace("a", "b", 1),
                "hash": "0" * 64,
            }.items():
                change = update(audit_seal).where(itself).values(**{name: value})
                assert await given.fault_after(change) == f"seal {number} was altered"
            gone = await given.fault_after(delete(audit_seal).where(itself))
            assert gone and "seal" in gone and "was left out" in gone
            moved = update(audit_seal).where(itself).values(number=9)
            assert await given.fault_after(moved) == f"seal {number} was left out of the trail"


async def test_a_seal_made_anew_breaks_the_chain_behind_it(database: Database) -> None:
    """An entry and its seal made to suit each other no longer suit the next seal."""
    async with a_trail(database) as given:
        gone = given.seals[0][2]
        contents = sealing.contents_of(each for each in given.seals[0] if each is not gone)
        hashed = sealing.chained(sealing.FIRST, NOW, contents)
        anew = update(audit_seal).values(contents=contents, hash=hashed)
        changes = delete(audit_entry).where(of(gone)), anew.where(audit_seal.c.number == 1)
        assert not gone.shown
        assert await given.fault_after(*changes) == "seal 2 was altered"


async def test_the_first_of_several_is_named(database: Database) -> None:
    """By seals, in each by ids; what is unsealed comes last."""
    chance = random.Random(5)
    async with a_trail(database) as given:
        everything = [*given.sealed, *given.rest]
        for _ in range(40):
            some = chance.sample(everything, 3)
            changes = [changed(each, detail="{}" + " " * chance.randint(1, 3)) for each in some]
            found = await given.fault_after(*changes)
            assert found and min(some, key=everything.index).id.hex in found


async def test_what_cannot_even_be_read_is_named(fresh_database: Callable[[str], str]) -> None:
    """SQLite lets a column hold anything."""
    database = Database(fresh_database("sqlite"))
    await database.migrate()
    async with a_trail(database) as given:
        for entry in given.sealed:
            for value in ("'x'", "x'00ff'"):
                change = text(f"UPDATE audit_entry SET at = {value} WHERE id = '{entry.id.hex}'")
                found = await given.fault_after(change)
                assert found and entry.id.hex in found
            change = text(f"UPDATE audit_entry SET salt = 'no hex' WHERE id = '{entry.id.hex}'")
            found = await given.fault_after(change)
            assert found and entry.id.hex in found
        change = text("UPDATE audit_seal SET sealed_at = 'x' WHERE number = 2")
        assert await given.fault_after(change) == "seal 2 was altered"
    await database.close()


# ---- sealing


async def test_a_late_entry_goes_into_the_next_seal(database: Database) -> None:
    """One with an id before some that are sealed: its transaction took longer."""
    async with database.engine.connect() as connection:
        late, *others = [made(number) for number in range(4)]
        await trail.append(connection, others)
        await seal(connection, NOW)
        await trail.append(connection, [late])
        assert await seal(connection, NOW) == 1
        stamps = await connection.execute(select(audit_entry.c.id, audit_entry.c.seal))
        assert dict(stamps.all()) == {late.id: 2} | {each.id: 1 for each in others}  # type: ignore[arg-type]
        assert await first_fault(connection) is None
        await connection.rollback()


async def test_many_entries_are_sealed_in_batches(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of their ids, until none is left."""
    monkeypatch.setattr(sealing, "SEALED_AT_ONCE", 4)
    async with database.engine.connect() as connection:
        entries = [made(number) for number in range(10)]
        await trail.append(connection, list(reversed(entries)))
        assert await sealing.has_unsealed(connection)
        assert await seal(connection, NOW) == 10
        assert not await sealing.has_unsealed(connection)
        held = [each.contents async for each in sealing.seals(connection)]
        assert held == [sealing.contents_of(entries[at : at + 4]) for at in (0, 4, 8)]
        assert await first_fault(connection) is None
        await connection.rollback()


async def test_writers_and_sealers_beside_each_other_lose_nothing(database: Database) -> None:
    """Whatever was committed is sealed once; who finds another sealing leaves it to them."""

    async def write(entries: Iterable[AuditEntry]) -> None:
        for entry in entries:
            async with database.writing() as connection:
                await trail.append(connection, [entry])

    async def keep_sealing() -> None:
        for _ in range(15):
            try:
                async with database.writing() as connection:
                    await seal(connection, NOW)
            except Exception as error:
                assert "UniqueViolation" in str(error) or "Serialization" in str(error), error

    await asyncio.gather(
        *(write(made(number) for number in range(12)) for _ in range(3)),
        keep_sealing(),
        keep_sealing(),
    )
    async with database.writing() as connection:
        await seal(connection, NOW)
        assert await first_fault(connection) is None
        count = len((await connection.execute(select(audit_entry.c.id))).all())
        contents = [each.contents async for each in sealing.seals(connection)]
        assert count == sum(each.count("],[") + 1 for each in contents) == 36
        for table in (audit_entry, audit_shown, audit_seal):
            await connection.execute(delete(table))


async def test_one_process_seals_at_a_time(fresh_database: Callable[[str], str]) -> None:
    """On PostgreSQL, where writers do not wait for each other; the other goes away at once."""
    database = Database(fresh_database("postgresql"))
    await database.migrate()
    async with database.writing() as connection:
        await trail.append(connection, [made(0)])
    async with database.writing() as one, database.writing() as other:
        assert await seal(one, NOW) == 1
        assert await asyncio.wait_for(seal(other, NOW), 10) == 0
    await database.close()
