"""The chain that holds the trail together: seals, each of a batch of entries that were committed.

Whoever writes an entry never waits for another writer: entries are sealed afterwards, in the order
of their ids, by whichever process comes to it first. A seal's hash is taken over the seal before
it, the moment, and the id and hash of each of its entries; so none can be altered, left out or put
in without every later seal saying something else. An entry that was committed late, with an id
before some that are sealed, goes into the next seal. What is not sealed yet is held by its own hash
alone; and whoever can write the database can make a chain anew, which a head that is kept elsewhere
betrays (`server/auditing.py`). It decides nothing about who may see an entry.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.given import is_postgresql
from records.tables import audit_entry, audit_seal, audit_shown
from records.trail import AuditEntry

SEALED_AT_ONCE = 10_000
"""The most entries of one seal: as many are held in memory when the chain is walked."""
FIRST = "0" * 64
"""Stands for the hash of the seal before the first."""
SEAL_LOCK = 0x5365616C
"""The advisory lock on PostgreSQL under which one process at a time seals."""

_ALTERED_UNSEALED = "an entry that is not sealed was altered"
_COLUMNS = [column for column in audit_entry.c if column.name != "seal"]
_UNSEALED = audit_entry.c.seal.is_(None)


@dataclass(frozen=True, slots=True)
class Seal:
    """One link of the chain: `contents` are the ids and hashes of its entries as JSON."""

    number: int
    sealed_at: datetime
    contents: str
    hash: str


def contents_of(entries: Iterable[AuditEntry]) -> str:
    """What a seal holds of entries, which are in the order of their ids."""
    return orjson.dumps([(each.id.hex, each.hash) for each in entries]).decode()


def chained(previous: str, sealed_at: datetime, contents: str) -> str:
    """The hash of a seal: SHA-256 in hex over the hash before it, the moment in UTC and the
    contents."""
    at = sealed_at.astimezone(UTC).isoformat(timespec="microseconds")
    return sha256(f"{previous}{at}{contents}".encode()).hexdigest()


# ---- sealing


async def has_unsealed(connection: AsyncConnection) -> bool:
    """Whether there is anything to seal: one look at an index."""
    return await connection.scalar(select(audit_entry.c.id).where(_UNSEALED).limit(1)) is not None


async def seal(connection: AsyncConnection, now: datetime) -> int:
    """Seals what is committed, in the caller's writing transaction, and tells how many entries
    that were; none where another process is at it."""
    if is_postgresql(connection):
        alone = await connection.scalar(select(func.pg_try_advisory_xact_lock(SEAL_LOCK)))
        if not alone:
            return 0
    sealed = 0
    last = await head(connection)
    while found := await _unsealed(connection):
        contents = orjson.dumps([(id_.hex, hash_) for id_, hash_ in found]).decode()
        number, previous = (0, FIRST) if last is None else (last.number, last.hash)
        last = Seal(number + 1, now, contents, chained(previous, now, contents))
        await _store(connection, last, found[-1][0])
        sealed += len(found)
    return sealed


async def _unsealed(connection: AsyncConnection) -> Sequence[Any]:
    columns = audit_entry.c
    asked = select(columns.id, columns.hash).where(_UNSEALED).order_by(columns.id)
    return (await connection.execute(asked.limit(SEALED_AT_ONCE))).all()


async def _store(connection: AsyncConnection, made: Seal, last_id: UUID) -> None:
    """Stores a seal and stamps its entries: what is unsealed up to the last of them. The
    transaction sees none that was committed since it read them."""
    named = {name: getattr(made, name) for name in ("number", "sealed_at", "contents", "hash")}
    await connection.execute(insert(audit_seal), named)
    await connection.execute(
        update(audit_entry).where(_UNSEALED, audit_entry.c.id <= last_id).values(seal=made.number)
    )


async def head(connection: AsyncConnection) -> Seal | None:
    """The last seal; null where there is none."""
    rows = await connection.execute(
        select(audit_seal).order_by(audit_seal.c.number.desc()).limit(1)
    )
    row = rows.first()
    return None if row is None else Seal(*row)


async def find(connection: AsyncConnection, number: int) -> Seal | None:
    """The seal of a number; null where there is none."""
    rows = await connection.execute(select(audit_seal).where(audit_seal.c.number == number))
    row = rows.first()
    return None if row is None else Seal(*row)


async def seals(connection: AsyncConnection) -> AsyncIterator[Seal]:
    """All seals in their order, one held at a time."""
    number: int | None = None
    while True:
        asked = select(audit_seal).order_by(audit_seal.c.number).limit(1)
        if number is not None:
            asked = asked.where(audit_seal.c.number > number)
        row = (await connection.execute(asked)).first()
        if row is None:
            return
        yield Seal(*row)
        number = row.number


async def entries_of(connection: AsyncConnection, number: int) -> list[AuditEntry]:
    """The entries of one seal by id."""
    return await _entries(connection, audit_entry.c.seal == number)


async def entry(connection: AsyncConnection, id: UUID) -> AuditEntry | None:
    """The entry of an id; null where there is none."""
    found = await _entries(connection, audit_entry.c.id == id)
    return found[0] if found else None


async def _entries(
    connection: AsyncConnection, condition: ColumnElement[bool], limit: int | None = None
) -> list[AuditEntry]:
    chosen = select(audit_entry).where(condition).order_by(audit_entry.c.id).limit(limit)
    asked = chosen.with_only_columns(*_COLUMNS)
    rows = (await connection.execute(asked)).all()
    shown = await _shown(connection, chosen.with_only_columns(audit_entry.c.id))
    return [_entry(row, shown.get(row.id, ())) for row in rows]


def _entry(row: Any, shown: tuple[UUID, ...]) -> AuditEntry:
    """The entry of a row of `_COLUMNS`, whose last three stand behind what was shown."""
    fields: tuple[Any, ...] = (*row[:-3], shown, *row[-3:])
    return AuditEntry(*fields)


async def _shown(connection: AsyncConnection, ids: Any) -> dict[UUID, tuple[UUID, ...]]:
    """The records that entries have shown, by entry."""
    columns = audit_shown.c
    rows = await connection.execute(
        select(columns.entry_id, columns.record_id)
        .where(columns.entry_id.in_(ids.subquery().select()))
        .order_by(columns.entry_id, columns.record_id)
    )
    pairs = groupby(rows.all(), lambda row: row.entry_id)
    return {entry_id: tuple(row.record_id for row in found) for entry_id, found in pairs}


# ---- the walk


async def first_fault(connection: AsyncConnection) -> str | None:
    """The first thing in the trail that was altered, left out or put in, in words: seals in their
    order, in each its entries by id, then what is unsealed. Null where all is whole."""
    last = Seal(0, datetime.min, "", FIRST)
    try:
        async for each in seals(connection):
            if each.number != last.number + 1:
                return f"seal {last.number + 1} was left out of the trail"
            if each.hash != chained(last.hash, each.sealed_at, each.contents):
                return f"seal {each.number} was altered"
            if fault := await _fault_in(connection, each):
                return fault
            last = each
    except (ValueError, TypeError):
        return f"seal {last.number + 1} was altered"
    return await _fault_behind(connection, last.number)


async def _fault_in(connection: AsyncConnection, sealed: Seal) -> str | None:
    """The first fault among the entries of a seal whose own hash is right."""
    held: dict[str, str] = dict(orjson.loads(sealed.contents))
    try:
        entries = {each.id.hex: each for each in await entries_of(connection, sealed.number)}
    except (ValueError, TypeError):
        return await _unreadable(connection, sealed.number, held)
    for id_ in sorted(held.keys() | entries.keys()):
        found = entries.get(id_)
        if found is None:
            return await _missing(connection, id_, sealed.number)
        if id_ not in held:
            return f"{_named(found)} was put into seal {sealed.number}"
        if found.hash != held[id_] or not is_whole(found):
            return f"{_named(found)} was altered"
    return None


async def _missing(connection: AsyncConnection, id_: str, number: int) -> str:
    """An entry that its seal names: it is gone, or it is said to be in another seal."""
    try:
        found = await entry(connection, UUID(hex=id_))
    except (ValueError, TypeError):
        found = None
    if found is None:
        return f"entry {id_} ({_moment(id_)}) was left out of seal {number}"
    return f"{_named(found)} was altered: it belongs to seal {number}"


async def _unreadable(connection: AsyncConnection, number: int, held: Collection[str]) -> str:
    """Which entry of a seal holds what no entry can, so that they cannot be read together."""
    for id_ in sorted(held):
        try:
            found = await entry(connection, UUID(hex=id_))
        except (ValueError, TypeError):
            return f"entry {id_} ({_moment(id_)}) was altered"
        if found is None:
            return await _missing(connection, id_, number)
    return f"an entry was put into seal {number}"


async def _fault_behind(connection: AsyncConnection, last: int) -> str | None:
    """The first fault beyond the last seal: a stamp of a seal that is not there, an unsealed
    entry that is not whole, something shown of an entry that is not there."""
    columns = audit_entry.c
    beyond = or_(columns.seal > last, columns.seal < 1)
    try:
        if found := await _entries(connection, beyond, 1):
            return f"a seal was left out of the trail: none there is holds {_named(found[0])}"
        async for each in _all_unsealed(connection):
            if not is_whole(each):
                return f"{_named(each)} was altered"
    except (ValueError, TypeError):
        return _ALTERED_UNSEALED
    lost = ~select(columns.id).where(columns.id == audit_shown.c.entry_id).exists()
    row = (await connection.execute(select(audit_shown).where(lost).limit(1))).first()
    if row is None:
        return None
    return f"entry {row.entry_id.hex} ({_moment(row.entry_id.hex)}) was left out of the trail"


async def _all_unsealed(connection: AsyncConnection) -> AsyncIterator[AuditEntry]:
    after: ColumnElement[bool] = _UNSEALED
    while found := await _entries(connection, after, SEALED_AT_ONCE):
        for each in found:
            yield each
        after = and_(_UNSEALED, audit_entry.c.id > found[-1].id)


def is_whole(given: AuditEntry) -> bool:
    """Whether an entry says what it said when it was hashed, whatever its fields hold now."""
    try:
        return given.is_whole
    except (ValueError, TypeError, AttributeError):
        return False


def _named(given: AuditEntry) -> str:
    return f"entry {given.id.hex} ({_iso(given.at)}, {given.action} {given.resource})"


def _moment(id_: str) -> str:
    """When an entry was made, by its id: a UUID of version 7 begins with the milliseconds."""
    try:
        return _iso(datetime.fromtimestamp(int(id_[:12], 16) / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return "of no time that an id tells"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
