"""The two stores as one: the records' database, and the tree's where it lives in a graph.

Opened from the settings by the server and by the command line alike. It brings the tables to
their newest form, the projection up to the tree, and the trail under its seals; it never reads a
record.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from neo4j import AsyncDriver
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy import projection
from hierarchy.embedded import EmbeddedStore
from hierarchy.neo4j import Neo4jStore, open_store
from hierarchy.store import HierarchyStore
from records import changes, sealing
from server.database import Database
from server.settings import Settings

HOME_DATABASE = "neo4j"


@dataclass(frozen=True)
class Stores:
    """`graph` is null where the tree is kept in the records' database; `watch` is a connection
    apart, so that whether the stores are well is told even when all others are at work."""

    database: Database
    watch: Database
    graph: Neo4jStore | None

    async def prepare(self) -> None:
        """Makes the stores ready: tables, and a projection that is current."""
        await self.database.migrate()
        if not await self.is_current():
            await self.catch_up()

    async def is_current(self) -> bool:
        """Whether the projection shows the newest version of the tree."""
        return await self.lag() == 0

    async def lag(self) -> int:
        """By how many versions the projection is behind the tree."""
        async with self.watch.reading() as connection:
            projected = await projection.projected_version(connection)
            return await self.tree(connection).version() - projected

    async def catch_up(self) -> None:
        """Applies to the projection what it misses."""
        async with self.database.writing() as connection:
            await projection.apply(connection, self.tree(connection))

    async def has_unsealed(self) -> bool:
        """Whether the trail has entries that no seal holds."""
        async with self.watch.reading() as connection:
            return await sealing.has_unsealed(connection)

    async def seal(self) -> int:
        """Seals what the trail has new, and tells how many entries that were; none where another
        process is at it."""
        try:
            async with self.database.writing() as connection:
                return await sealing.seal(connection, datetime.now(UTC))
        except DBAPIError as error:
            if isinstance(error, IntegrityError) or self.database.is_retryable(error):
                return 0
            raise

    async def has_unnumbered(self) -> bool:
        """Whether there are changes that have no place yet."""
        async with self.watch.reading() as connection:
            return await changes.has_unnumbered(connection)

    async def number(self) -> int:
        """Gives places to the changes that are committed, and tells how many those were; none
        where another process came between, and then they are left for the next time."""
        return await self._changed(changes.number)

    async def forget(self, before: datetime) -> int:
        """Forgets the changes that are older than a moment, and tells how many those were."""
        return await self._changed(partial(changes.forget, before=before))

    async def _changed(self, change: Callable[[AsyncConnection], Awaitable[int]]) -> int:
        try:
            async with self.database.writing() as connection:
                return await change(connection)
        except DBAPIError as error:
            if self.database.is_retryable(error):
                return 0
            raise

    def tree(self, connection: AsyncConnection) -> HierarchyStore:
        """The store of the tree: the graph, or the embedded one on this connection."""
        return self.graph or EmbeddedStore(connection)

    @asynccontextmanager
    async def deciding(self, connection: AsyncConnection) -> AsyncIterator[HierarchyStore]:
        """The store of the tree, to be written: in the graph, what the block wrote is stored when
        it ends well; the embedded one's is stored with all else on the connection."""
        if self.graph is None:
            yield EmbeddedStore(connection)
            return
        async with self.graph.writing() as tree:
            yield tree


class Traces(Protocol):
    """Makes spans of the statements to either store (`server/tracing.py`)."""

    def of_database(self, database: Database) -> None: ...
    def of_graph(self, driver: AsyncDriver) -> AsyncDriver: ...


@asynccontextmanager
async def open_stores(settings: Settings, traces: Traces | None = None) -> AsyncIterator[Stores]:
    """The stores that the settings name, closed at the end."""
    database, watch = Database(settings.database_url), Database(settings.database_url, 1)
    more = {}
    if traces is not None:
        traces.of_database(database)
        more["around"] = traces.of_graph
    try:
        if settings.neo4j_uri is None:
            yield Stores(database, watch, None)
            return
        user, password = settings.neo4j_login() or ("", "")
        async with open_store(
            settings.neo4j_uri, user, password, settings.neo4j_database or HOME_DATABASE, **more
        ) as graph:
            yield Stores(database, watch, graph)
    finally:
        await database.close()
        await watch.close()
