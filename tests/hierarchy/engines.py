"""The engines of the hierarchy store, each on a real database, behind one small adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hierarchy.embedded import EmbeddedStore
from hierarchy.neo4j import Neo4jStore, open_store
from hierarchy.store import HierarchyStore
from hierarchy.tables import (
    change,
    decision,
    ledger,
    ledger_decision,
    metadata,
    placement,
    revision,
    tree,
    unit,
    unit_kind,
    unit_kind_standing,
)
from tests import servers
from tests.hierarchy.trees import KINDS


class Engine(Protocol):
    """A database with one tree in it."""

    async def empty(self) -> None:
        """Makes it what it was before anything was founded."""
        ...

    def open(self) -> AbstractAsyncContextManager[HierarchyStore]:
        """A store on a connection of its own; what an engine leaves to the caller is committed
        at the end of the block and rolled back where it raises."""
        ...


class Relational:
    """The records' database: the embedded store's, and the projection's."""

    def __init__(self, url: str) -> None:
        # How many seconds SQLite's writers wait for each other, and asyncpg for a login.
        self.database: AsyncEngine = create_async_engine(url, connect_args={"timeout": 30})

    async def create(self) -> None:
        async with self.database.begin() as connection:
            await connection.run_sync(metadata.create_all)

    async def empty(self) -> None:
        async with self.database.begin() as connection:
            await empty(connection)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[HierarchyStore]:
        async with self.database.begin() as connection:
            yield EmbeddedStore(connection)


class Graph:
    """A Neo4j, each time through a driver of its own, as another process would."""

    def __init__(self, server: servers.Server) -> None:
        self.server = server

    async def empty(self) -> None:
        servers.wipe(self.server)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Neo4jStore]:
        async with open_store(self.server.uri, self.server.user, self.server.password) as store:
            yield store


async def empty(connection: AsyncConnection) -> None:
    """Leaves the rows of a fresh database with the tests' kinds."""
    projected, kept = (change, decision, placement, unit), (ledger, ledger_decision)
    for table in (*projected, *kept, tree, revision, unit_kind_standing, unit_kind):
        await connection.execute(delete(table))
    await connection.execute(insert(tree).values(id=1, version=0))
    await connection.execute(insert(revision).values(id=1, tree_version=0, policy_version=0))
    kinds = [{"code": kind.code, "name": kind.name, "rank": kind.rank} for kind in KINDS]
    await connection.execute(insert(unit_kind), kinds)
    standings = [{"kind": kind, "under": under} for kind, under in sorted(KINDS.standings)]
    await connection.execute(insert(unit_kind_standing), standings)
