"""The one connection of a request: asked in turn, whoever is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import MISSING, fields
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from graph.resolvers.context import Context
from server.database import Database

SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900000) "
    "SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(0.3)",
}


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def context(
    request: pytest.FixtureRequest, fresh_database: Callable[[str], str]
) -> AsyncIterator[Context]:
    """A request's own values but for its connection are of no account here."""
    database = Database(fresh_database(request.param))
    async with database.reading() as connection:
        given: dict[str, Any] = {
            each.name: None
            for each in fields(Context)
            if each.default is MISSING and each.default_factory is MISSING
        }
        yield Context(**{**given, "connection": connection})
    await database.close()


async def ask(connection: AsyncConnection, statement: str) -> Any:
    return (await connection.execute(text(statement))).scalar()


def slow(context: Context) -> str:
    return SLOW[context.connection.dialect.name]


async def test_a_statement_whose_asker_was_cancelled_leaves_the_connection_whole(
    context: Context,
) -> None:
    """Another field's failure cancels whoever waits for it; what is asked next is answered."""
    asking = asyncio.create_task(context.ask(ask, slow(context)))
    await asyncio.sleep(0.05)
    asking.cancel()
    assert await context.ask(ask, "SELECT 1") == 1
    assert asking.cancelled()


async def test_nothing_is_asked_of_the_connection_once_the_request_is_over(
    context: Context,
) -> None:
    """Neither by who was waiting for their turn nor by who comes later; what runs is awaited."""
    running, waiting = (
        asyncio.create_task(context.ask(ask, each)) for each in (slow(context), "SELECT 1")
    )
    await asyncio.sleep(0.05)
    await context.end()
    await asyncio.wait([running, waiting])
    assert running.exception() is None
    assert waiting.cancelled()
    with pytest.raises(asyncio.CancelledError):
        await context.ask(ask, "SELECT 1")


async def test_a_request_that_is_cut_short_cuts_off_its_statement(context: Context) -> None:
    running = asyncio.create_task(context.ask(ask, slow(context)))
    await asyncio.sleep(0.05)
    await context.end(at_once=True)
    await asyncio.wait([running])
    assert running.cancelled()
