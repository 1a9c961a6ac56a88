"""Loads a data folder: checks the whole of it, then stores the whole of it or nothing.

The tree is stored first where it lives in a graph database, in a transaction of its own; then
everything else in one transaction of the records' database, in which the projection is brought
up to the tree. So a load that is cut off in between is completed by running it again. What the
check relied on is verified in the storing transaction: where another writer came between, the
folder is checked anew. Each file is read twice, and never held in memory.
"""

import asyncio
import gc
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.tables import appointment
from hierarchy import projection
from hierarchy.embedded import EmbeddedStore
from hierarchy.errors import Conflict, StoreError
from hierarchy.inserting import insert_columns
from hierarchy.placements import lock_revision, raise_policy_version
from hierarchy.store import HierarchyStore
from hierarchy.tables import change, decision, placement, revision, unit
from records import bulk, trail
from records.tables import client_key
from server.database import Database
from server.folder.faults import LoadRefused
from server.folder.folder import (
    PRINCIPAL,
    Checked,
    CheckedFile,
    Counts,
    Progress,
    check,
    files_of,
    new_rows,
    watched,
)
from server.folder.lines import Sheet
from server.folder.records import Rows, rows

__all__ = ["Counts", "LoadRefused", "LoadSummary", "load"]

ATTEMPTS = 8
TWICE = "23505"
SQLITE_TWICE = (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE)
_ROWS_AT_ONCE = 5_000
_ANALYSED = (unit, placement, decision, change, appointment, *bulk.TABLES.values(), client_key)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """How many rows of each file were new and how many were skipped, by the file's name."""

    files: dict[str, Counts]


class _Overtaken(Exception):
    """What the check relied on has changed since: the store, or the folder itself."""


def _untold(name: str, done: int, total: int) -> None:
    """The progress of a load that nobody watches."""


async def load(
    database: Database,
    graph: HierarchyStore | None,
    folder: Path,
    today: date,
    again: bool = False,
    progress: Progress = _untold,
) -> LoadSummary:
    """Loads a folder into a migrated store, empty or not.

    `graph` is the store of the tree where it does not live in the records' database. Raises
    `LoadRefused` with the faults of the folder, `BadInput` where it cannot be read, and
    `StoreError` where the database stays locked by others.
    """
    files = files_of(folder)
    for attempt in range(ATTEMPTS):
        try:
            with _without_collecting():
                summary = await _load(database, graph, files, today, again, progress)
        except (_Overtaken, Conflict):
            pass
        except DBAPIError as error:
            if not is_passing(database, error):
                raise
        else:
            await _analyse(database)
            return summary
        await database.wait_before(attempt)
    raise StoreError("Others kept changing the store or the folder: nothing was loaded.")


async def _load(
    database: Database,
    graph: HierarchyStore | None,
    files: dict[str, Path],
    today: date,
    again: bool,
    progress: Progress,
) -> LoadSummary:
    now = datetime.now(UTC)
    async with database.writing() as connection:
        await projection.apply(connection, graph or EmbeddedStore(connection))
    async with database.reading() as connection:
        tree = graph or EmbeddedStore(connection)
        checked = await check(connection, tree, files, today, now, again, progress)
    if graph is not None and checked.changes_tree:
        await graph.extend(checked.foundings, checked.proposals, checked.kinds)
    async with database.writing() as connection:
        counts = await _Storing(connection, graph, checked, progress, now).run()
    return LoadSummary(counts)


class _Storing:
    """One writing transaction, on the store that the folder was checked against."""

    def __init__(
        self,
        connection: AsyncConnection,
        graph: HierarchyStore | None,
        checked: Checked,
        progress: Progress,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._graph = graph
        self._checked = checked
        self._progress = progress
        self._now = now

    async def run(self) -> dict[str, Counts]:
        await self._tree()
        ids = await self._unit_ids()
        await self._appointments(ids)
        counts = dict(self._checked.counts)
        for checked in self._checked.records:
            counts[checked.file.name] = await self._records(checked, ids)
        await self._tell(counts)
        return counts

    async def _tell(self, counts: dict[str, Counts]) -> None:
        """Tells the trail what is new, at the top of the tree."""
        if not any(each.new for each in counts.values()):
            return
        top = select(placement.c.unit_id).where(placement.c.depth == 0).limit(1)
        unit_id = await self._connection.scalar(top)
        files = {name: asdict(each) for name, each in counts.items()}
        who = self._now, PRINCIPAL
        told = trail.entry(*who, "load", "folder", unit_id, facts={"files": files})
        await trail.append(self._connection, [told])

    async def _tree(self) -> None:
        """Changes the tree where it lives here, and brings the projection up to it."""
        checked = self._checked
        embedded = EmbeddedStore(self._connection)
        # First of all, as every writer does: two who lock the tree first would wait for each other.
        await lock_revision(self._connection, alone=True)
        if self._graph is None and checked.changes_tree:
            await embedded.extend(checked.foundings, checked.proposals, checked.kinds)
        version = await projection.apply(self._connection, self._graph or embedded)
        policy_version = await self._connection.scalar(select(revision.c.policy_version))
        if (version, policy_version) != (
            checked.tree_version + checked.changes_tree,
            checked.policy_version,
        ):
            raise _Overtaken

    async def _unit_ids(self) -> dict[str, int]:
        found = await self._connection.execute(select(unit.c.code, unit.c.id))
        return {row.code: row.id for row in found}

    async def _appointments(self, ids: dict[str, int]) -> None:
        given = self._checked.appointments
        for start in range(0, len(given), _ROWS_AT_ONCE):
            some = given[start : start + _ROWS_AT_ONCE]
            principals, roles, codes, valid_from, valid_to = zip(*some, strict=True)
            columns = {
                "id": bulk.new_ids(len(some)),
                "principal": principals,
                "role": roles,
                "unit_id": [ids[code] for code in codes],
                "valid_from": valid_from,
                "valid_to": valid_to,
            }
            await insert_columns(self._connection, appointment, columns)
        if given:
            await raise_policy_version(self._connection)

    async def _records(self, checked: CheckedFile, ids: dict[str, int]) -> Counts:
        name, resource = checked.file.name, checked.file.resource
        sheet = Sheet(checked.path, checked.file.headers)
        tell = watched(sheet, checked.path, 1, self._progress)
        counts = self._checked.counts[name]
        async with (
            bulk.filling(self._connection, resource),
            aclosing(_ahead(rows(checked.file, sheet, _overtaken), tell)) as batches,
        ):
            if checked.keyed:
                counts = await self._store_keyed(batches, ids)
            else:
                records = (_records(given, ids) async for given in batches)
                await bulk.store_all(self._connection, resource, records, self._now)
        if sheet.digest != checked.digest:
            raise _Overtaken
        if checked.once:
            await bulk.remember_file(self._connection, checked.digest, name, self._now)
        return counts

    async def _store_keyed(self, batches: AsyncIterator[Rows], ids: dict[str, int]) -> Counts:
        stored_keys = await bulk.has_keys(self._connection, PRINCIPAL)
        new = skipped = 0
        async for given in batches:
            fresh = given
            if stored_keys:
                fresh = await new_rows(self._connection, given, _overtaken)
            await self._store_batch(fresh, ids)
            new += len(fresh.lines)
            skipped += len(given.lines) - len(fresh.lines)
        return Counts(new, skipped)

    async def _store_batch(self, given: Rows, ids: dict[str, int]) -> None:
        record_ids = bulk.new_ids(len(given.lines))
        await bulk.store(self._connection, record_ids, _records(given, ids), self._now)
        keyed = zip(given.keys, given.contents(), record_ids, strict=True)
        stored = [(key, content, id_) for key, content, id_ in keyed if key and content]
        await bulk.store_keys(self._connection, PRINCIPAL, given.file.resource, stored)


def _records(given: Rows, ids: dict[str, int]) -> bulk.Records:
    above = given.by_unit_codes
    try:
        unit_ids = [ids[code] for code in given.unit_codes]
        by_unit_ids = None if above is None else [ids[code] for code in above]
    except KeyError:
        raise _Overtaken from None
    return bulk.Records(given.file.resource, unit_ids, by_unit_ids, given.entries)


async def _ahead(batches: Iterator[T], tell: Callable[[], None]) -> AsyncGenerator[T]:
    """Each batch, while a thread makes the next one; `tell` is called as each is done with."""
    coming = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
    try:
        while (batch := await coming) is not None:
            coming = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
            yield batch
            tell()
    finally:
        await asyncio.wait([coming])


def _overtaken(line: int, message: str) -> None:
    """A row that the check allowed is now at fault."""
    raise _Overtaken


def is_passing(database: Database, error: DBAPIError) -> bool:
    """Whether another writer is still at it, or has stored the same: a new check will tell."""
    code = getattr(error.orig, "sqlite_errorcode", 0)
    is_locked = code & 0xFF == sqlite3.SQLITE_BUSY
    is_twice = code in SQLITE_TWICE or getattr(error.orig, "sqlstate", None) == TWICE
    return is_locked or is_twice or database.is_retryable(error)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Rows come and go by the hundred thousand, never in cycles: looking for some takes long."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _analyse(database: Database) -> None:
    """Tells the database's planner what its tables now hold."""
    async with database.writing() as connection:
        if database.is_postgresql:
            await connection.execute(text(f"ANALYZE {', '.join(each.name for each in _ANALYSED)}"))
        else:
            await connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
            await connection.exec_driver_sql("ANALYZE")
