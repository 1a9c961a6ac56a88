"""The hierarchy store in a Neo4j graph: placements through time, and the ledger behind them.

    (:Tree {id: 1, version})                      its lock serialises the writers
    (:Unit {code, version, established_on, stands_from, closed_on})
    (:Unit)-[:PART_OF {from, to}]->(:Unit)        from a day (included) to a day (excluded) or on
    (:Entry:Founding {version, position, …})-[:FOUNDED]->(:Unit)
    (:Stage {id: 1, writer})                      whose batches are taken

A transaction of Neo4j lives in the server's memory, 6 kB a unit, and a country does not fit. So
one transaction holds the lock, asks the rules (`hierarchy/founding.py`) and at last sets the
tree's version; others beside it write the units in batches, of a version that no reader looks at
yet. What a broken write leaves is swept away by the next writer, who takes over the stage: a
writer that has lost the lock unawares can neither write on nor publish.

It never keeps a session, never writes the records' database and never lets a message of the
driver out: what goes wrong with the graph database is a `StoreError` that names its address.
"""

from asyncio import Lock
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import date
from typing import Any, LiteralString, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from neo4j import (
    READ_ACCESS,
    WRITE_ACCESS,
    AsyncDriver,
    AsyncGraphDatabase,
    AsyncManagedTransaction,
    AsyncSession,
    NotificationMinimumSeverity,
)
from neo4j.exceptions import AuthError, ConfigurationError, DriverError, Neo4jError

from hierarchy.errors import StoreError
from hierarchy.founding import Known, check, code_fault, in_order
from hierarchy.store import Entry
from hierarchy.unit import Founding, Kinds, Life

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
BATCH = 5_000
CONNECTS_WITHIN = 10.0
RETRIES_WITHIN = 15.0

T = TypeVar("T")

_SCHEMA: tuple[LiteralString, ...] = (
    "CREATE CONSTRAINT tree_id IF NOT EXISTS FOR (tree:Tree) REQUIRE tree.id IS UNIQUE",
    "CREATE CONSTRAINT stage_id IF NOT EXISTS FOR (stage:Stage) REQUIRE stage.id IS UNIQUE",
    "CREATE CONSTRAINT unit_code IF NOT EXISTS FOR (unit:Unit) REQUIRE unit.code IS UNIQUE",
    "CREATE CONSTRAINT entry_position IF NOT EXISTS "
    "FOR (entry:Entry) REQUIRE (entry.version, entry.position) IS UNIQUE",
)
_TREE: LiteralString = (
    "MERGE (tree:Tree {id: 1}) ON CREATE SET tree.version = 0 MERGE (:Stage {id: 1})"
)
_LOCK: LiteralString = "MATCH (tree:Tree {id: 1}) SET tree.lock = true"
_VERSION: LiteralString = "MATCH (tree:Tree {id: 1}) RETURN tree.version"
_PUBLISH: LiteralString = "MATCH (tree:Tree {id: 1}) SET tree.version = $version"

_OPEN_STAGE: LiteralString = "MATCH (stage:Stage {id: 1}) SET stage.writer = $writer"
_LOCK_STAGE: LiteralString = "MATCH (stage:Stage {id: 1}) SET stage.lock = true"
_WRITER: LiteralString = "MATCH (stage:Stage {id: 1}) RETURN stage.writer"
_SWEEP: LiteralString = """
MATCH (entry:Entry) USING INDEX entry:Entry(version, position)
WHERE entry.version > $version AND entry.position >= 0
WITH entry LIMIT $batch
MATCH (entry)-[:FOUNDED]->(unit:Unit)
DETACH DELETE entry, unit
RETURN count(entry)
"""

_FIELDS: LiteralString = (
    "entry.code, entry.parent_code, entry.name, entry.kind, entry.category, "
    "entry.established_on, entry.closed_on"
)
_ROOT: LiteralString = (
    "MATCH (entry:Entry {version: 1, position: 0})-[:FOUNDED]->(unit:Unit) "
    f"RETURN {_FIELDS}, unit.stands_from"
)
_KNOWN: LiteralString = (
    "UNWIND $codes AS code MATCH (unit:Unit {code: code}) USING INDEX unit:Unit(code) "
    "MATCH (unit)<-[:FOUNDED]-(entry:Founding) "
    f"RETURN {_FIELDS}, unit.stands_from"
)
_ENTRIES: LiteralString = (
    "MATCH (entry:Entry) USING INDEX entry:Entry(version, position) "
    "WHERE $after < entry.version <= $last AND entry.position >= 0 "
    f"RETURN entry.version, entry.position, {_FIELDS} ORDER BY entry.version, entry.position"
)
_FOUND: LiteralString = """
UNWIND $lines AS line
CREATE (unit:Unit {
    code: line.code, version: $version, established_on: line.established_on,
    stands_from: line.stands_from, closed_on: line.closed_on
})
CREATE (entry:Entry:Founding {
    version: $version, position: line.position,
    code: line.code, parent_code: line.parent_code, name: line.name, kind: line.kind,
    category: line.category, established_on: line.established_on, closed_on: line.closed_on
})
CREATE (entry)-[:FOUNDED]->(unit)
"""
_PLACE: LiteralString = """
UNWIND $lines AS line
MATCH (unit:Unit {code: line.code}) USING INDEX unit:Unit(code)
MATCH (above:Unit {code: line.parent_code}) USING INDEX above:Unit(code)
CREATE (unit)-[:PART_OF {from: line.stands_from}]->(above)
"""

_ON_THE_DAY: LiteralString = (
    "placement.from <= $as_of AND (placement.to IS NULL OR $as_of < placement.to)"
)
_STANDING: LiteralString = """
MATCH (tree:Tree {id: 1})
MATCH (unit:Unit {code: $code})
WHERE unit.version <= tree.version AND unit.stands_from <= $as_of
"""
_ABOVE: LiteralString = f"""{_STANDING}
MATCH way = (unit)-[placements:PART_OF*0..]->(:Unit)
WHERE all(placement IN placements WHERE {_ON_THE_DAY})
RETURN [above IN reverse(nodes(way)) | above.code] ORDER BY length(way) DESC LIMIT 1
"""
_BELOW: LiteralString = f"""{_STANDING}
MATCH (unit)<-[placements:PART_OF*0..]-(below:Unit)
WHERE all(placement IN placements WHERE {_ON_THE_DAY}) AND below.version <= tree.version
RETURN below.code
"""


class Neo4jStore:
    """The store on one database of a driver. See `HierarchyStore` for what its calls promise.

    `uri` is the address that errors name. Reads see at least what was written or read before
    through the same driver, on whichever server they land.
    """

    def __init__(self, driver: AsyncDriver, database: str, uri: str = "neo4j") -> None:
        self._driver = driver
        self._database = database
        self._uri = uri
        # Writers that wait hold a connection each: without this they could hold the whole pool.
        self._writing = Lock()

    async def prepare(self) -> None:
        """Makes the constraints and the empty tree where they are not there yet."""
        with _errors(self._uri, self._database):
            await self._driver.verify_connectivity()
        async with self._session(WRITE_ACCESS) as session:
            for statement in (*_SCHEMA, _TREE):
                await session.execute_write(_run, statement)

    async def version(self) -> int:
        async with self._session(READ_ACCESS) as session:
            return self._existing(await session.execute_read(_values, _VERSION))

    async def found(self, foundings: Sequence[Founding], kinds: Kinds) -> int:
        async with self._writing, self._session(WRITE_ACCESS) as session:
            return await session.execute_write(self._found, foundings, kinds)

    async def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        last = await self.version()
        async with self._session(READ_ACCESS) as session:
            lines = await session.run(_ENTRIES, after=after, last=last)
            async for version, position, *fields in lines:
                yield Entry(version, position, _founding(fields))

    async def parent(self, code: str, as_of: date) -> str | None:
        chain = await self.ancestors(code, as_of)
        return chain[-2] if len(chain) > 1 else None

    async def ancestors(self, code: str, as_of: date) -> list[str]:
        if code_fault(code):
            return []
        found = await self._read(_ABOVE, code, as_of)
        return list(found[0]) if found else []

    async def subtree(self, code: str, as_of: date) -> list[str]:
        if code_fault(code):
            return []
        return sorted(await self._read(_BELOW, code, as_of))

    async def _read(self, query: LiteralString, code: str, as_of: date) -> list[Any]:
        async with self._session(READ_ACCESS) as session:
            return await session.execute_read(_values, query, code=code, as_of=as_of)

    async def _found(
        self, lock: AsyncManagedTransaction, foundings: Sequence[Founding], kinds: Kinds
    ) -> int:
        await _run(lock, _LOCK)
        version = self._existing(await _values(lock, _VERSION))
        async with self._session(WRITE_ACCESS) as session:
            stage = await _Stage.take(session, self._uri)
            # Fails where the lock was lost before the stage was taken from whoever got it.
            await _run(lock, _LOCK)
            await stage.sweep(version)
            known = await _known(lock, foundings) if version else {}
            check(foundings, known, kinds)
            ordered = in_order(foundings, known)
            if not ordered:
                return version
            await stage.write(version + 1, ordered)
            await stage.hold(lock)
        await _run(lock, _PUBLISH, version=version + 1)
        return version + 1

    def _existing(self, versions: list[Any]) -> int:
        if not versions:
            raise StoreError("The graph database at {uri} holds no tree.", uri=self._uri)
        return int(versions[0])

    @asynccontextmanager
    async def _session(self, access: str) -> AsyncIterator[AsyncSession]:
        with _errors(self._uri, self._database):
            async with self._driver.session(
                database=self._database,
                default_access_mode=access,
                bookmark_manager=self._driver.execute_query_bookmark_manager,
            ) as session:
                yield session


class _Stage:
    """The right to write beside the lock: one writer's at a time, until the next one takes it."""

    def __init__(self, session: AsyncSession, writer: str, uri: str) -> None:
        self._session = session
        self._writer = writer
        self._uri = uri

    @classmethod
    async def take(cls, session: AsyncSession, uri: str) -> "_Stage":
        """Takes it once a batch that is under way has ended."""
        writer = uuid4().hex
        await session.execute_write(_run, _OPEN_STAGE, writer=writer)
        return cls(session, writer, uri)

    async def hold(self, transaction: AsyncManagedTransaction) -> None:
        """Keeps others from taking it until the transaction ends; raises where one has."""
        await _run(transaction, _LOCK_STAGE)
        if await _values(transaction, _WRITER) != [self._writer]:
            raise StoreError("Another writer took over the tree at {uri}.", uri=self._uri)

    async def sweep(self, version: int) -> None:
        """Deletes what broken writes left: all that is of a later version than the tree."""
        while await self._session.execute_write(self._sweep_batch, version):
            pass

    async def write(self, version: int, ordered: Sequence[tuple[Founding, Life]]) -> None:
        lines = [
            asdict(founding) | {"position": position, "stands_from": life.stands_from}
            for position, (founding, life) in enumerate(ordered)
        ]
        for batch in _batches(lines):
            await self._session.execute_write(self._write_batch, version, batch)

    async def _sweep_batch(self, transaction: AsyncManagedTransaction, version: int) -> bool:
        await self.hold(transaction)
        return await _values(transaction, _SWEEP, version=version, batch=BATCH) != [0]

    async def _write_batch(
        self, transaction: AsyncManagedTransaction, version: int, lines: Sequence[dict[str, Any]]
    ) -> None:
        await self.hold(transaction)
        await _run(transaction, _FOUND, lines=lines, version=version)
        await _run(transaction, _PLACE, lines=lines)


@asynccontextmanager
async def open_store(
    uri: str, user: str, password: str, database: str = "neo4j"
) -> AsyncIterator[Neo4jStore]:
    """The store in a graph database, prepared; its connections are closed at the end.

    Raises StoreError at once where nothing answers at `uri` or the login is refused.
    """
    if not _is_address(uri):
        raise StoreError("{uri!r} is no address of a graph database.", uri=uri)
    with _errors(uri, database):
        driver = AsyncGraphDatabase.driver(
            uri,
            auth=(user, password),
            connection_timeout=CONNECTS_WITHIN,
            max_transaction_retry_time=RETRIES_WITHIN,
            notifications_min_severity=NotificationMinimumSeverity.OFF,
        )
    async with driver:
        store = Neo4jStore(driver, database, uri)
        await store.prepare()
        yield store


def _is_address(uri: str) -> bool:
    """Whether it has a scheme of Neo4j's own protocol, a host, and a port where it names one."""
    try:
        parts = urlsplit(uri)
        return parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


async def _run(
    transaction: AsyncManagedTransaction, /, query: LiteralString, **values: Any
) -> None:
    await (await transaction.run(query, **values)).consume()


async def _values(
    transaction: AsyncManagedTransaction, /, query: LiteralString, **values: Any
) -> list[Any]:
    return await (await transaction.run(query, **values)).value()


async def _known(
    transaction: AsyncManagedTransaction, foundings: Sequence[Founding]
) -> dict[str, Known]:
    """The root (the ledger's first line), the units of these codes and those named as parents."""
    codes = {founding.code for founding in foundings}
    codes.update(founding.parent_code for founding in foundings if founding.parent_code)
    rows = [row async for row in await transaction.run(_ROOT)]
    for batch in _batches([code for code in codes if not code_fault(code)]):
        rows += [row async for row in await transaction.run(_KNOWN, codes=batch)]
    units = [(_founding(fields), stands_from.to_native()) for *fields, stands_from in rows]
    return {unit.code: Known(unit, Life(day, unit.closed_on)) for unit, day in units}


def _batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]


def _founding(fields: Sequence[Any]) -> Founding:
    code, parent_code, name, kind, category, *days = fields
    established_on, closed_on = (day and day.to_native() for day in days)
    return Founding(code, parent_code, name, kind, category, established_on, closed_on)


@contextmanager
def _errors(uri: str, database: str) -> Iterator[None]:
    """Turns the driver's errors into one that says what the operator can mend."""
    try:
        yield
    except (DriverError, Neo4jError, OSError) as error:
        code = getattr(error, "code", None) or ""
        message = _what_is_wrong(error, code)
        raise StoreError(message, uri=uri, database=database, code=code) from error


def _what_is_wrong(error: Exception, code: str) -> str:
    if isinstance(error, ConfigurationError):
        return "{uri!r} is no address that a graph database can be reached at."
    if isinstance(error, AuthError):
        return "The graph database at {uri} refuses the user and password given."
    if code.endswith("DatabaseNotFound"):
        return "The graph database at {uri} has no database {database!r}."
    if "OutOfMemory" in code:
        return "The graph database at {uri} has too little memory for a write of this size."
    if isinstance(error, Neo4jError):
        return "The graph database at {uri} could not do what was asked of it ({code})."
    return "The graph database at {uri} cannot be reached."
