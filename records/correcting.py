"""One stored record revised or withdrawn for a principal; every version before is kept.

A revision replaces what the record says and raises its number; a withdrawal takes it away. What
it said before goes to `record_version`, whole enough to be restored; the change is put down for
those who listen. It works inside the transaction that the caller commits. Rights, the record's own
rules and the closing of its year were looked at before; that nobody else came first is looked at
here. It never touches the trail, but asks it who wrote a revision.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.errors import Conflict
from records import changes
from records.bulk import TABLES
from records.changes import Changed
from records.closing import YearClosing
from records.record import (
    Entry,
    InspectionEntry,
    InspectionGround,
    InspectionStatus,
    RecordChangeKind,
)
from records.tables import audit_entry, record_version, year_closing

_BESIDE = {"id", "unit_id", "by_unit_id", "recorded_from_id", "revision", "recorded_at"}
"""Columns of a record that are no part of what it says: a version keeps them in its own."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The stored record that is meant: a revision of one that may have another by now."""

    resource: str
    id: UUID
    revision: int

    @property
    def table(self) -> Table:
        return TABLES[self.resource]

    @property
    def condition(self) -> Any:
        return (self.table.c.id == self.id) & (self.table.c.revision == self.revision)


@dataclass(frozen=True, slots=True)
class Revision:
    """What a record says from now on. `by_unit_id` only of inspections; `recorded_from_id` is the
    unit whose office answers for it."""

    entry: Entry
    by_unit_id: int | None
    recorded_from_id: int | None


async def revise(
    connection: AsyncConnection, stored: Stored, revision: Revision, revised_at: datetime
) -> None:
    """Stores the next revision and keeps the one before.

    Raises `Conflict` where the record is no longer at the revision that is meant.
    """
    before = await _row(connection, stored)
    values = _values(stored.table, revision) | {
        "revision": stored.revision + 1,
        "recorded_at": revised_at,
    }
    changed = await connection.execute(update(stored.table).where(stored.condition).values(values))
    _check_first(changed.rowcount)
    await _keep(connection, stored, before, withdrawn=False)
    on_signs = isinstance(revision.entry, InspectionEntry) and revision.entry.is_open_on_signs
    done = RecordChangeKind.REVISED, stored.resource, stored.id, before["unit_id"]
    await changes.tell(connection, Changed(*done, revision.by_unit_id, on_signs, revised_at))


async def withdraw(connection: AsyncConnection, stored: Stored, withdrawn_at: datetime) -> None:
    """Takes the record away and keeps its last version. Raises `Conflict` as `revise` does."""
    before = await _row(connection, stored)
    gone = await connection.execute(delete(stored.table).where(stored.condition))
    _check_first(gone.rowcount)
    await _keep(connection, stored, before, withdrawn=True)
    done = RecordChangeKind.WITHDRAWN, stored.resource, stored.id, before["unit_id"]
    by_unit_id, on_signs = before.get("by_unit_id"), _is_on_signs(before)
    await changes.tell(connection, Changed(*done, by_unit_id, on_signs, withdrawn_at))


async def recorded_from(connection: AsyncConnection, stored: Stored) -> int | None:
    """The unit whose office recorded it; null where an operator did."""
    rows = await connection.execute(
        select(stored.table.c.recorded_from_id).where(stored.table.c.id == stored.id)
    )
    found: int | None = rows.scalar_one_or_none()
    return found


async def written_by(connection: AsyncConnection, stored: Stored) -> str | None:
    """The principal who wrote the revision; null where an operator did."""
    rows = await connection.execute(
        select(audit_entry.c.principal, audit_entry.c.detail).where(
            audit_entry.c.record_id == stored.id, audit_entry.c.action.in_(("record", "revise"))
        )
    )
    told = {orjson.loads(row.detail)["revision"]: str(row.principal) for row in rows}
    return told.get(stored.revision)


async def closings(connection: AsyncConnection, resource: str) -> list[YearClosing]:
    """The rules by which years of a resource are closed."""
    columns = year_closing.c
    rows = await connection.execute(
        select(columns.valid_from, columns.valid_to, columns.month, columns.day).where(
            columns.resource == resource
        )
    )
    return [YearClosing(*row) for row in rows]


async def _row(connection: AsyncConnection, stored: Stored) -> Mapping[str, Any]:
    rows = await connection.execute(select(stored.table).where(stored.condition))
    row = rows.mappings().first()
    _check_first(row is not None)
    return dict(row or {})


def _check_first(found: int) -> None:
    """Raises `Conflict` where somebody else came first: PostgreSQL mostly says so by itself."""
    if not found:
        raise Conflict("It has been changed since.", field="revision")


def _values(table: Table, revision: Revision) -> dict[str, Any]:
    entry: Any = revision.entry
    names = [each.name for each in fields(entry)] + (["day"] if "day" in table.c else [])
    values = {name: getattr(entry, name) for name in names}
    if "by_unit_id" in table.c:
        values["by_unit_id"] = revision.by_unit_id
    return values | {"recorded_from_id": revision.recorded_from_id}


async def _keep(
    connection: AsyncConnection, stored: Stored, row: Mapping[str, Any], withdrawn: bool
) -> None:
    content = {str(name): value for name, value in row.items() if name not in _BESIDE}
    version = {
        "record_id": stored.id,
        "revision": stored.revision,
        "resource": stored.resource,
        "unit_id": row["unit_id"],
        "by_unit_id": row.get("by_unit_id"),
        "content": orjson.loads(orjson.dumps(content)),
        "recorded_at": row["recorded_at"],
        "recorded_from_id": row["recorded_from_id"],
        "on_signs": _is_on_signs(row),
        "withdrawn": withdrawn,
    }
    await connection.execute(insert(record_version), version)


def _is_on_signs(row: Mapping[str, Any]) -> bool:
    """Whether it is an inspection on SIGNS that was not concluded (`domain.md`, 5)."""
    on_signs = row.get("ground") is InspectionGround.SIGNS
    return on_signs and row["status"] is not InspectionStatus.CONCLUDED
