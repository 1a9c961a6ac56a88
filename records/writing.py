"""One record stored for a principal, and the client key that keeps it from being stored twice.

It works inside the transaction that the caller commits. Rights and the record's own rules were
looked at before; what only stored records show (a second evaluation of a year, a key used for
something else) is looked at here.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.errors import BadInput, Conflict
from records import bulk, changes
from records.changes import Changed
from records.record import Entry, EvaluationEntry, InspectionEntry, RecordChangeKind
from records.tables import client_key, evaluation


@dataclass(frozen=True, slots=True)
class Writing:
    """A record to be stored: for whom, under which key, and what it says (`content.digest`).
    `recorded_from_id` is the unit whose office records it."""

    resource: str
    unit_id: int
    by_unit_id: int | None
    recorded_from_id: int | None
    entry: Entry
    principal: str
    key: str | None
    content: str


async def stored_before(connection: AsyncConnection, writing: Writing) -> UUID | None:
    """The record that the same key has stored; null where the key is new or there is none.

    Raises `Conflict` where the key stored something else.
    """
    if writing.key is None:
        return None
    return await stored_under(connection, writing.principal, writing.key, writing.content)


async def stored_under(
    connection: AsyncConnection, principal: str, key: str, content: str
) -> UUID | None:
    """What a principal's key has stored; null where it is new. Raises `Conflict` where that was
    something else."""
    rows = await connection.execute(
        select(client_key.c.content, client_key.c.record_id).where(
            client_key.c.principal == principal, client_key.c.key == key
        )
    )
    row = rows.first()
    if row is None:
        return None
    if row.content != content:
        raise Conflict("This client key has stored something else.", field="client_key")
    found: UUID = row.record_id
    return found


async def remember(
    connection: AsyncConnection, resource: str, principal: str, key: str, content: str, id: UUID
) -> None:
    """Remembers under a principal's key what was stored elsewhere."""
    await bulk.store_keys(connection, principal, resource, [(key, content, id.hex)])


async def store(connection: AsyncConnection, writing: Writing, recorded_at: datetime) -> UUID:
    """Stores the record at its first revision and answers with its id.

    Raises `BadInput` for a second evaluation of a unit and year.
    """
    await _check_year(connection, writing)
    [id_] = bulk.new_ids(1)
    by = None if writing.by_unit_id is None else [writing.by_unit_id]
    office = [writing.recorded_from_id]
    records = bulk.Records(writing.resource, [writing.unit_id], by, [writing.entry], office)
    await bulk.store(connection, [id_], records, recorded_at)
    if writing.key is not None:
        kept = [(writing.key, writing.content, id_)]
        await bulk.store_keys(connection, writing.principal, writing.resource, kept)
    await changes.tell(connection, _changed(writing, UUID(hex=id_), recorded_at))
    return UUID(hex=id_)


def _changed(writing: Writing, id: UUID, at: datetime) -> Changed:
    entry = writing.entry
    on_signs = isinstance(entry, InspectionEntry) and entry.is_open_on_signs
    where = writing.unit_id, writing.by_unit_id
    return Changed(RecordChangeKind.RECORDED, writing.resource, id, *where, on_signs, at)


async def _check_year(connection: AsyncConnection, writing: Writing) -> None:
    if not isinstance(writing.entry, EvaluationEntry):
        return
    rows = await connection.execute(
        select(evaluation.c.id).where(
            evaluation.c.unit_id == writing.unit_id, evaluation.c.year == writing.entry.year
        )
    )
    if rows.first() is not None:
        raise BadInput("The unit has an evaluation of that year already.", field="year")
