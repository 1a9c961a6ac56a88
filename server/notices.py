"""Hearing from PostgreSQL that there are changes: one connection of a worker's own, that listens.

Nothing depends on what is heard: whoever is called looks at the store, and looks by itself about
once a second too. A connection that is lost is made again.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from records.changes import CHANNEL
from server.database import Database

logger = structlog.get_logger(__name__)

AGAIN_SECONDS = 2.0


async def listen(database: Database, heard: Callable[[], None]) -> None:
    """Calls `heard` whenever changes were numbered, and once whenever it begins to listen; until
    it is cancelled. `database` has no other use."""
    while True:
        try:
            await _listen_once(database, heard)
        except Exception as error:
            logger.warning("not listening for changes", reason=type(error).__name__)
        await asyncio.sleep(AGAIN_SECONDS)


async def _listen_once(database: Database, heard: Callable[[], None]) -> None:
    """Listens until the connection is lost."""
    lost = asyncio.Event()
    alone = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with alone.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        raw.add_termination_listener(lambda _: lost.set())
        await raw.add_listener(CHANNEL, lambda *_: heard())
        heard()
        try:
            await lost.wait()
        finally:
            await connection.invalidate()
