"""The hierarchy store in a Neo4j graph: placements through time, and the ledger behind them.

What the graph holds, and the statements, stand in `hierarchy/cypher.py`; here is how they are
run. A transaction of Neo4j lives in the server's memory, 6 kB a unit, and a country does not fit.
So one transaction holds the tree's lock, asks the rules (`hierarchy/timeline.py`) and at last sets
the tree's version; others beside it write what is new in batches, of a version that no reader
looks at yet. What changes about units that were there is written in the publishing transaction
itself. What a broken write leaves is swept away by the next writer, who takes over the stage: a
writer that has lost the lock unawares can neither write on nor publish.

The ledger only grows, and each read of it looks at lines up to one version: however long it
takes, it sees one state. It never writes the records' database and never lets a message of the
driver out: what goes wrong with the graph database is a `StoreError` that names its address.
"""

from asyncio import Lock
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from datetime import date, datetime
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
    AsyncTransaction,
    NotificationMinimumSeverity,
)
from neo4j.exceptions import AuthError, ConfigurationError, DriverError, Neo4jError

from hierarchy import cypher
from hierarchy.cypher import Addition, Part, Row
from hierarchy.decision import Change, Decision, Proposal, Reversal
from hierarchy.errors import StoreError
from hierarchy.founding import code_fault, text_fault
from hierarchy.gathering import gather, gather_above
from hierarchy.store import Entry, HierarchyStore, Told
from hierarchy.timeline import Judged, judge, new_proposals, refuse, reversal, tried
from hierarchy.unit import Founding, Kinds

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
BATCH = 5_000
CONNECTS_WITHIN = 10.0
RETRIES_WITHIN = 15.0

T = TypeVar("T")
Transaction = AsyncManagedTransaction | AsyncTransaction
Guard = Callable[[], AbstractContextManager[None]]


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
        self._lock = Lock()

    async def prepare(self) -> None:
        """Makes the constraints and the empty tree where they are not there yet."""
        with self._errors():
            await self._driver.verify_connectivity()
        async with self._session(WRITE_ACCESS) as session:
            for statement in cypher.SCHEMA:
                await session.execute_write(_run, statement)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[HierarchyStore]:
        """Several writes as one: the store bound to a transaction that holds the tree's lock.

        Its calls, one at a time, see what it has written; nobody else does before the block is
        left. An exception leaves nothing. Other writers wait meanwhile, those of this store too.
        """
        async with self._lock, AsyncExitStack() as stack:
            with self._errors():
                session = await stack.enter_async_context(self._bare_session(WRITE_ACCESS))
                transaction = await session.begin_transaction()
                stack.push_async_exit(transaction)
                bound = await self._bound(transaction)
            try:
                yield bound
            except Exception:
                with suppress(DriverError, Neo4jError, OSError):
                    await transaction.rollback()
                raise
            with self._errors():
                await transaction.commit()

    async def version(self) -> int:
        return await self._read(_Bound.version)

    async def extend(
        self, foundings: Sequence[Founding], decisions: Sequence[Proposal], kinds: Kinds
    ) -> int:
        async with self._lock, self._session(WRITE_ACCESS) as session:
            return await session.execute_write(self._extend, foundings, decisions, kinds)

    async def reverse(self, number: str, reason: str, at: datetime, kinds: Kinds) -> int:
        async with self.writing() as bound:
            return await bound.reverse(number, reason, at, kinds)

    async def judged(self, decision: Proposal, kinds: Kinds) -> Judged:
        return await self._read(lambda bound: bound.judged(decision, kinds))

    async def lines_of(self, codes: Collection[str]) -> list[Told]:
        return await self._read(lambda bound: bound.lines_of(codes))

    async def lines_naming(self, codes: Collection[str]) -> list[Told]:
        return await self._read(lambda bound: bound.lines_naming(codes))

    async def lines_of_parts(self, codes: Collection[str]) -> list[Told]:
        return await self._read(lambda bound: bound.lines_of_parts(codes))

    async def decision(self, number: str) -> tuple[Decision, Reversal | None, list[Change]] | None:
        return await self._read(lambda bound: bound.decision(number))

    async def issued_by(self, codes: Collection[str]) -> list[str]:
        return await self._read(lambda bound: bound.issued_by(codes))

    async def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        last = await self.version()
        async with self._session(READ_ACCESS) as session:
            lines = await session.run(cypher.ENTRIES, after=after, last=last)
            async for labels, fields in lines:
                yield _entry(labels, fields)

    async def parent(self, code: str, as_of: date) -> str | None:
        return await self._read(lambda bound: bound.parent(code, as_of))

    async def ancestors(self, code: str, as_of: date) -> list[str]:
        return await self._read(lambda bound: bound.ancestors(code, as_of))

    async def subtree(self, code: str, as_of: date) -> list[str]:
        return await self._read(lambda bound: bound.subtree(code, as_of))

    async def _read(self, work: Callable[["_Bound"], Awaitable[T]]) -> T:
        async def once(transaction: AsyncManagedTransaction) -> T:
            return await work(_Bound(transaction, await self._version(transaction)))

        async with self._session(READ_ACCESS) as session:
            return await session.execute_read(once)

    async def _extend(
        self,
        lock: AsyncManagedTransaction,
        foundings: Sequence[Founding],
        decisions: Sequence[Proposal],
        kinds: Kinds,
    ) -> int:
        async with self._session(WRITE_ACCESS) as session:
            bound, stage = await self._locked(lock, session)
            added = await bound.addition(foundings, decisions, kinds)
            if added is None:
                return await bound.version()
            for part in added.new:
                await stage.write(part)
            await stage.hold(lock)
        return await bound.publish(added)

    async def _bound(self, transaction: Transaction) -> "_Bound":
        """The store on a transaction that keeps lock and stage until its end."""
        async with self._bare_session(WRITE_ACCESS) as session:
            bound, stage = await self._locked(transaction, session, self._errors)
            await stage.hold(transaction)
        return bound

    async def _locked(
        self, lock: Transaction, session: AsyncSession, guard: Guard = nullcontext
    ) -> tuple["_Bound", "_Stage"]:
        """Waits for the tree's lock, takes the stage and sweeps it."""
        await _run(lock, cypher.LOCK)
        version = await self._version(lock)
        stage = await _Stage.take(session, self._uri)
        # Fails where the lock was lost before the stage was taken from whoever got it.
        await _run(lock, cypher.LOCK)
        await stage.sweep(version)
        return _Bound(lock, version, guard), stage

    async def _version(self, transaction: Transaction) -> int:
        versions = await _values(transaction, cypher.VERSION)
        if not versions:
            raise StoreError("The graph database at {uri} holds no tree.", uri=self._uri)
        return int(versions[0])

    @asynccontextmanager
    async def _session(self, access: str) -> AsyncIterator[AsyncSession]:
        with self._errors():
            async with self._bare_session(access) as session:
                yield session

    def _bare_session(self, access: str) -> AsyncSession:
        return self._driver.session(
            database=self._database,
            default_access_mode=access,
            bookmark_manager=self._driver.execute_query_bookmark_manager,
        )

    def _errors(self) -> AbstractContextManager[None]:
        return _errors(self._uri, self._database)


class _Bound:
    """The store on one transaction. Its ledger ends with `last`, the version that was there when
    it began or that it has written since: only who holds the tree's lock may write."""

    def __init__(self, transaction: Transaction, last: int, guard: Guard = nullcontext) -> None:
        self._transaction = transaction
        self._last = last
        self._guard = guard

    async def version(self) -> int:
        return self._last

    async def extend(
        self, foundings: Sequence[Founding], decisions: Sequence[Proposal], kinds: Kinds
    ) -> int:
        added = await self.addition(foundings, decisions, kinds)
        if added is None:
            return self._last
        for part in added.new:
            await self._write(part)
        return await self.publish(added)

    async def addition(
        self, foundings: Sequence[Founding], decisions: Sequence[Proposal], kinds: Kinds
    ) -> Addition | None:
        """What is new, faultless; null where nothing is. Raises what `extend` raises."""
        fresh, taken = await new_proposals(self, decisions)
        judged = judge(await self._known(foundings, fresh), foundings, fresh, kinds)
        refuse(judged, foundings, taken)
        if not judged.foundings and not fresh:
            return None
        return cypher.addition(self._last + 1, judged, fresh)

    async def publish(self, added: Addition) -> int:
        """Makes what was added the newest version."""
        for part in added.in_place:
            await self._write(part)
        await self._run(cypher.PUBLISH, version=added.version)
        self._last = added.version
        return self._last

    async def reverse(self, number: str, reason: str, at: datetime, kinds: Kinds) -> int:
        judged = await reversal(self, number, kinds)
        version = self._last + 1
        values = {"number": number, "version": version, "reason": reason, "at": at}
        await self._run(cypher.REVERSE, **values)
        await self._run(cypher.END_SUCCESSION, number=number)
        changed = cypher.changed(judged.changed, judged.lifelines)
        return await self.publish(Addition(version, (), changed))

    async def judged(self, decision: Proposal, kinds: Kinds) -> Judged:
        return await tried(self, decision, kinds)

    async def lines_of(self, codes: Collection[str]) -> list[Told]:
        return [told async for told in self._told(codes, cypher.LINES_OF)]

    async def lines_naming(self, codes: Collection[str]) -> list[Told]:
        queries = (cypher.FOUNDED_UNDER, cypher.CHANGES_NAMING)
        return [told async for told in self._told(codes, *queries)]

    async def decision(self, number: str) -> tuple[Decision, Reversal | None, list[Change]] | None:
        if text_fault("", number):
            return None
        async for fields, is_reversed in self._rows(cypher.DECISION, number=number):
            reversal = cypher.reversal_of(fields) if is_reversed else None
            lines = self._rows(cypher.CHANGES, number=number)
            changes = [cypher.change_of(line) async for (line,) in lines]
            return cypher.decision_of(fields), reversal, changes
        return None

    async def issued_by(self, codes: Collection[str]) -> list[str]:
        return [number async for (number,) in self._rows(cypher.ISSUED_BY, codes=list(codes))]

    async def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        async for labels, fields in self._rows(cypher.ENTRIES, after=after):
            yield _entry(labels, fields)

    async def parent(self, code: str, as_of: date) -> str | None:
        chain = await self.ancestors(code, as_of)
        return chain[-2] if len(chain) > 1 else None

    async def ancestors(self, code: str, as_of: date) -> list[str]:
        found = await self._settled(cypher.ABOVE, code, as_of)
        return list(found[0]) if found else []

    async def subtree(self, code: str, as_of: date) -> list[str]:
        return sorted(await self._settled(cypher.BELOW, code, as_of))

    async def _settled(self, query: LiteralString, code: str, as_of: date) -> list[Any]:
        """What holds on a tree of one version: placements change in place while one is asked."""
        if code_fault(code):
            return []
        while True:
            values = {"code": code, "as_of": as_of}
            found = [value async for (value,) in self._rows(query, **values)]
            versions = [version async for (version,) in self._rows(cypher.VERSION)]
            if versions == [self._last]:
                return found
            self._last = versions[0]

    async def _known(
        self, foundings: Sequence[Founding], fresh: Sequence[Proposal]
    ) -> Iterable[Told]:
        """The lines that judging needs."""
        if not foundings:
            return await gather(self, fresh) if fresh else []
        decided = [row async for row in self._rows(cypher.ANY_DECISION)]
        if fresh or decided:
            return [told async for told in self._tell(cypher.TOLD)]
        return await self._above(foundings)

    async def _above(self, foundings: Sequence[Founding]) -> Iterable[Told]:
        """The root, the units of these codes and those above them, of a tree without decisions."""
        codes = {founding.code for founding in foundings}
        codes |= {founding.parent_code for founding in foundings if founding.parent_code}
        above = await gather_above(self, codes)
        root = [told async for told in self._tell(cypher.ROOT)]
        return {(told.version, told.position): told for told in (*root, *above)}.values()

    async def lines_of_parts(self, codes: Collection[str]) -> list[Told]:
        return [told async for told in self._told(codes, cypher.SPLITS)]

    async def _told(self, codes: Collection[str], *queries: LiteralString) -> AsyncIterator[Told]:
        for batch in _batches([code for code in set(codes) if not code_fault(code)]):
            for query in queries:
                async for told in self._tell(query, codes=batch):
                    yield told

    async def _tell(self, query: LiteralString, **values: Any) -> AsyncIterator[Told]:
        async for labels, fields, is_reversed in self._rows(query, **values):
            yield cypher.told_of(labels, fields, is_reversed)

    async def _rows(self, query: LiteralString, **values: Any) -> AsyncIterator[list[Any]]:
        with self._guard():
            values.setdefault("last", self._last)
            async for row in await self._transaction.run(query, **values):
                yield row.values()

    async def _write(self, part: Part) -> None:
        statement, rows = part
        for batch in _batches(rows):
            await self._run(statement, rows=batch)

    async def _run(self, query: LiteralString, **values: Any) -> None:
        with self._guard():
            await _run(self._transaction, query, **values)


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
        await session.execute_write(_run, cypher.OPEN_STAGE, writer=writer)
        return cls(session, writer, uri)

    async def hold(self, transaction: Transaction) -> None:
        """Keeps others from taking it until the transaction ends; raises where one has."""
        await _run(transaction, cypher.LOCK_STAGE)
        if await _values(transaction, cypher.WRITER) != [self._writer]:
            raise StoreError("Another writer took over the tree at {uri}.", uri=self._uri)

    async def sweep(self, version: int) -> None:
        """Deletes what broken writes left: all that is of a later version than the tree."""
        for statement in cypher.SWEEPS:
            while await self._session.execute_write(self._sweep_batch, statement, version):
                pass

    async def write(self, part: Part) -> None:
        statement, rows = part
        for batch in _batches(rows):
            await self._session.execute_write(self._write_batch, statement, batch)

    async def _sweep_batch(
        self, transaction: AsyncManagedTransaction, statement: LiteralString, version: int
    ) -> bool:
        await self.hold(transaction)
        return await _values(transaction, statement, version=version, batch=BATCH) != [0]

    async def _write_batch(
        self, transaction: AsyncManagedTransaction, statement: LiteralString, rows: Sequence[Row]
    ) -> None:
        await self.hold(transaction)
        await _run(transaction, statement, rows=rows)


@asynccontextmanager
async def open_store(
    uri: str,
    user: str,
    password: str,
    database: str = "neo4j",
    around: Callable[[AsyncDriver], AsyncDriver] = lambda driver: driver,
) -> AsyncIterator[Neo4jStore]:
    """The store in a graph database, prepared; its connections are closed at the end. `around`
    makes of the driver the one through which all statements go.

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
        store = Neo4jStore(around(driver), database, uri)
        await store.prepare()
        yield store


def _is_address(uri: str) -> bool:
    """Whether it has a scheme of Neo4j's own protocol, a host, and a port where it names one."""
    try:
        parts = urlsplit(uri)
        return parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


async def _run(transaction: Transaction, /, query: LiteralString, **values: Any) -> None:
    await (await transaction.run(query, **values)).consume()


async def _values(transaction: Transaction, /, query: LiteralString, **values: Any) -> list[Any]:
    return await (await transaction.run(query, **values)).value()


def _entry(labels: Collection[str], fields: Row) -> Entry:
    return Entry(fields["version"], fields["position"], cypher.line_of(labels, fields))


def _batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]


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
