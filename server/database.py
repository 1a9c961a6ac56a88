"""The records' database: how it is opened, and what one transaction of it is.

SQLite (in WAL mode) and PostgreSQL are used by the same code; what differs between them when a
transaction begins is here. A reading sees one snapshot from its first statement to its end; a
writing takes its place among writers at once on SQLite and is refused by PostgreSQL where a
concurrent one came first (`is_retryable`). It holds no query of its own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, event, func, make_url, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

SERIALIZATION_FAILURES = ("40001", "40P01")

POSTGRESQL_SETTINGS = {
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "client_connection_check_interval": "1000",
}
"""Of each session. A plan is made for the very scope and limit, whose sizes differ by thousands;
pages are priced as memory's and flash's: at the price of a turning disk a district's year would
read the whole table instead of one short range a unit. A statement ends soon after its connection:
where one is cancelled just as it begins, PostgreSQL may not hear of it otherwise."""
TURN_SECONDS = 300
"""How long a request waits for its turn at a connection: a crowd is slow, never refused."""
KEPT_STATEMENTS = 150
"""Statements kept compiled: each combination of filters and groups is one, of some 100 kB."""
MIGRATION_LOCK = 0x43686962
"""The advisory lock on PostgreSQL that processes migrating at once wait for."""


class Database:
    """An engine with its two kinds of transaction."""

    def __init__(self, url: str | URL, pool_size: int = 10) -> None:
        self.url = make_url(url)
        self.engine = _engine(url, pool_size)
        self._reader, self._writer = _modes(self.engine)

    @property
    def is_postgresql(self) -> bool:
        return self.url.get_backend_name() == "postgresql"

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """One snapshot, never written to."""
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: stored whole when the block ends well, else not at all."""
        async with self._writer.begin() as connection:
            yield connection

    async def migrate(self) -> None:
        """Brings the tables to the newest form, one process at a time."""
        async with self.engine.execution_options(writing=True).begin() as connection:
            if self.is_postgresql:
                await connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            await connection.run_sync(_upgrade)

    def is_retryable(self, error: DBAPIError) -> bool:
        """Whether the same transaction may succeed when it is run again."""
        return getattr(error.orig, "sqlstate", None) in SERIALIZATION_FAILURES

    async def wait_before(self, attempt: int) -> None:
        """A moment's wait before a transaction is tried again, longer each time."""
        await asyncio.sleep(0.02 * 2**attempt)

    async def close(self) -> None:
        await self.engine.dispose()


def _engine(url: str | URL, pool_size: int) -> AsyncEngine:
    made = make_url(url)
    if made.get_backend_name() == "postgresql":
        return create_async_engine(
            made,
            pool_size=pool_size,
            pool_use_lifo=True,
            max_overflow=0,
            pool_timeout=TURN_SECONDS,
            hide_parameters=True,
            query_cache_size=KEPT_STATEMENTS,
            connect_args={"server_settings": POSTGRESQL_SETTINGS},
        )
    if made.database and made.database != ":memory:":
        Path(made.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        made,
        pool_size=pool_size,
        pool_use_lifo=True,
        max_overflow=0,
        pool_timeout=TURN_SECONDS,
        hide_parameters=True,
        query_cache_size=KEPT_STATEMENTS,
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    event.listen(engine.sync_engine, "invalidate", _interrupt_sqlite)
    return engine


def _modes(engine: AsyncEngine) -> tuple[AsyncEngine, AsyncEngine]:
    """The engine for reading and the one for writing, over the same pool."""
    if engine.dialect.name == "postgresql":
        isolated = {"isolation_level": "REPEATABLE READ"}
        return (
            engine.execution_options(**isolated, postgresql_readonly=True),
            engine.execution_options(**isolated),
        )
    return engine, engine.execution_options(writing=True)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """The driver begins no transaction by itself; `_begin_sqlite` does."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "busy_timeout = 30000",
        "cache_size = -8192",
        "temp_store = MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _interrupt_sqlite(connection: Any, _record: Any, _error: BaseException | None) -> None:
    """A request that was cut short leaves a statement running in the driver's thread: it ends.
    PostgreSQL's driver cancels it by itself."""
    with suppress(ValueError):  # it is closed already
        connection.run_async(lambda driver: driver.interrupt())


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option(
        "script_location", str(files("server") / "migrations").replace("%", "%%")
    )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
