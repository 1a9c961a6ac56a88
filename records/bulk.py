"""Many records stored at once, and what keeps a load from being stored twice.

It works inside the transaction that the caller opened and commits, and holds records against no
rule: that was done before. `client_key` and `loaded_file` are read and written here.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from itertools import islice, repeat
from operator import attrgetter
from typing import Any

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex
from uuid_utils import uuid7

from hierarchy.given import is_postgresql
from hierarchy.inserting import Columns, insert_batches, insert_columns
from records.record import Entry, EvaluationEntry, InspectionEntry, MeetingEntry
from records.tables import client_key, evaluation, inspection, loaded_file, meeting

TABLES = {table.name: table for table in (meeting, evaluation, inspection)}
_ENTRIES: dict[str, type[Entry]] = {
    "meeting": MeetingEntry,
    "evaluation": EvaluationEntry,
    "inspection": InspectionEntry,
}
_ASKED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one resource, field by field; `by_unit_ids` only of inspections. Where an office
    records them, `recorded_from_ids` has its unit for each."""

    resource: str
    unit_ids: Sequence[int]
    by_unit_ids: Sequence[int] | None
    entries: Sequence[Entry]
    recorded_from_ids: Sequence[int | None] | None = None


def new_ids(count: int) -> list[str]:
    """Ids for records, in hex: UUIDs of version 7, so that later ones come later."""
    return [uuid7().hex for _ in range(count)]


async def store(
    connection: AsyncConnection, ids: Sequence[str], records: Records, recorded_at: datetime
) -> None:
    """Stores records at their first revision, under ids that `new_ids` made."""
    if records.entries:
        table, names = TABLES[records.resource], _names(records.resource)
        columns = _columns(ids, records, recorded_at)
        if records.recorded_from_ids is not None:
            names, columns = [*names, "recorded_from_id"], [*columns, records.recorded_from_ids]
        await insert_columns(connection, table, dict(zip(names, columns, strict=True)))


async def store_all(
    connection: AsyncConnection,
    resource: str,
    batches: AsyncIterable[Records],
    recorded_at: datetime,
) -> None:
    """Stores batches of one resource without a pause between them, under new ids.

    Nothing may be asked of the connection while it runs.
    """
    given = (
        _columns(new_ids(len(records.entries)), records, recorded_at)
        async for records in batches
        if records.entries
    )
    await insert_batches(connection, TABLES[resource], _names(resource), given)


@asynccontextmanager
async def filling(connection: AsyncConnection, resource: str) -> AsyncIterator[None]:
    """A block in which a resource's table is filled. An empty one of PostgreSQL is filled without
    its indexes and references, which are made when all rows are there; its readers wait meanwhile.
    """
    table = TABLES[resource]
    # SQLite gains nothing from it: it sorts an index in memory, and keeps its references.
    if not (is_postgresql(connection) and await _is_empty(connection, table)):
        yield
        return
    for index in table.indexes:
        await connection.execute(DropIndex(index))
    for reference in table.foreign_key_constraints:
        await connection.execute(DropConstraint(reference))
    yield
    for reference in table.foreign_key_constraints:
        await connection.execute(AddConstraint(reference))
    for index in table.indexes:
        await connection.execute(CreateIndex(index))


async def _is_empty(connection: AsyncConnection, table: Table) -> bool:
    return await connection.scalar(select(table.c.id).limit(1)) is None


async def stored_contents(
    connection: AsyncConnection, principal: str, keys: Iterable[str]
) -> dict[str, str]:
    """What the records said that a principal stored under these keys, by key (see `content.py`)."""
    found: dict[str, str] = {}
    asked = iter(keys)
    while chunk := list(islice(asked, _ASKED_AT_ONCE)):
        rows = await connection.execute(
            select(client_key.c.key, client_key.c.content).where(
                client_key.c.principal == principal, client_key.c.key.in_(chunk)
            )
        )
        found.update((key, content) for key, content in rows)
    return found


async def has_keys(connection: AsyncConnection, principal: str) -> bool:
    """Whether the principal has stored anything under a key."""
    one = select(client_key.c.key).where(client_key.c.principal == principal).limit(1)
    return await connection.scalar(one) is not None


async def store_keys(
    connection: AsyncConnection,
    principal: str,
    resource: str,
    stored: Sequence[tuple[str, str, str]],
) -> None:
    """Remembers keys, what was stored under each, and the id it got (in hex)."""
    if stored:
        keys, contents, ids = zip(*stored, strict=True)
        columns = {
            "principal": repeat(principal),
            "key": keys,
            "resource": repeat(resource),
            "content": contents,
            "record_id": ids,
        }
        await insert_columns(connection, client_key, columns)


async def was_loaded(connection: AsyncConnection, digest: str) -> bool:
    """Whether a file of these very bytes was loaded before."""
    one = select(loaded_file.c.digest).where(loaded_file.c.digest == digest)
    return await connection.scalar(one) is not None


async def remember_file(
    connection: AsyncConnection, digest: str, name: str, loaded_at: datetime
) -> None:
    """Remembers the bytes of a loaded file; their first load stays the one remembered."""
    if not await was_loaded(connection, digest):
        row = {"digest": digest, "name": name, "loaded_at": loaded_at}
        await connection.execute(insert(loaded_file), row)


@cache
def _names(resource: str) -> list[str]:
    """The columns of a resource's table in the order of `_columns`."""
    above = ["by_unit_id"] if "by_unit_id" in TABLES[resource].c else []
    return ["id", "unit_id", *above, "revision", "recorded_at", *_fields(resource)]


def _columns(ids: Sequence[str], records: Records, recorded_at: datetime) -> Columns:
    above = [] if records.by_unit_ids is None else [records.by_unit_ids]
    read = attrgetter(*_fields(records.resource))
    fields = zip(*map(read, records.entries), strict=True)
    return [ids, records.unit_ids, *above, repeat(1), repeat(recorded_at), *fields]


@cache
def _fields(resource: str) -> tuple[str, ...]:
    """The fields of an entry, and its own day where the table keeps one beside them."""
    entry_type: Any = _ENTRIES[resource]
    names = tuple(field.name for field in fields(entry_type))
    return (*names, "day") if "day" in TABLES[resource].c else names
