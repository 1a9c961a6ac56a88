"""The time of a request: what runs too long is ended in the database, a commit never."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from graph.deadline import UntilGone
from graph.execution import Answer, Executor, Request
from graph.limits import Limits
from server.app import make_app
from server.database import Database
from server.identity import development_token
from tests import province
from tests.province import SMALL, TODAY

LIST = "{ meetings { nodes { heldOn } } }"
NESTED = '{ unit(code: "G") { children { nodes { code meetings { nodes { heldOn } } } } } }'
RECORD = """mutation { recordMeeting(input: {unitCode: "B", heldOn: "2024-06-01", kind: GROUP,
  form: ONLINE, membersExpected: 1, membersPresent: 1}) { id } }"""
RUNNING = """SELECT count(*) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'
  AND wait_event_type = 'Lock'"""


def executor_of(store: Any, seconds: float | None) -> Executor:
    return Executor(store, Limits(), b"k" * 32, lambda: TODAY, max_seconds=seconds)


async def answer(executor: Executor, query: str, until_gone: UntilGone | None = None) -> Answer:
    request = Request(query, None, None, "en", until_gone=until_gone)
    return await executor.answer(request, "secretary_b")


def is_too_long(found: Answer) -> bool:
    [error] = found.body["errors"]
    assert error["extensions"]["code"] == "QUERY_TOO_COSTLY", found.body
    assert error["message"] == "The request took longer than 0.3 seconds and was ended."
    return found.body["data"] is None and found.was_run and found.cost is not None


async def wait_until(is_so: Callable[[], Any]) -> None:
    for _ in range(400):
        if await is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to be")


@asynccontextmanager
async def locked(database: Database, table: str = "meeting") -> AsyncIterator[None]:
    """Nobody else may so much as read the table within the block."""
    async with database.engine.connect() as connection:
        await connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield
        await connection.rollback()


async def waiting(database: Database) -> int:
    """Statements of others that wait for a lock."""
    async with database.engine.connect() as connection:
        return int((await connection.execute(text(RUNNING))).scalar_one())


@pytest.fixture
async def postgresql(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> AsyncIterator[Database]:
    """The small province with one connection, so that whoever comes next gets the same."""
    database = Database(fresh_database("postgresql"), 1)
    await province.fill(database, tmp_path / "data", SMALL)
    yield database
    await database.close()


async def test_a_statement_on_postgresql_is_cancelled_when_time_is_over(
    postgresql: Database,
) -> None:
    """Nothing runs on in the database, and the next who asks is answered by a connection that is
    well."""
    watch = Database(postgresql.url, 2)
    async with locked(watch):
        assert is_too_long(await answer(executor_of(postgresql, 0.3), LIST))
        await wait_until(lambda: _none_waits(watch))
    assert "errors" not in (await answer(executor_of(postgresql, None), LIST)).body
    await watch.close()


async def test_whatever_statement_a_request_waits_for_is_cancelled(postgresql: Database) -> None:
    """A list, what loaders ask for many parents, a mutation: seen at work in the database, then
    gone from it, with nothing stored."""
    watch, executor = Database(postgresql.url, 2), executor_of(postgresql, None)
    before = (await answer(executor, LIST)).body
    async with locked(watch):
        for query in (LIST, NESTED, RECORD):
            gone = asyncio.Event()
            asked = asyncio.create_task(answer(executor, query, partial(_until, gone)))
            await wait_until(lambda: waiting(watch))
            gone.set()
            ended = await asked
            assert (ended.body, ended.is_unheard) == ({"data": None}, True)
            await wait_until(lambda: _none_waits(watch))
    assert (await answer(executor, LIST)).body == before
    await watch.close()


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _none_waits(database: Database) -> bool:
    return await waiting(database) == 0


@dataclass
class Slow:
    """A statement of SQLite that never ends, in the place of one that reads meetings; `steps` are
    those it has made."""

    database: Database
    steps: int = 0
    is_slow: bool = False

    def step(self) -> int:
        self.steps += 1
        return 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        engine = self.database.engine.sync_engine

        def connect(connection: Any, _record: Any) -> None:
            connection.create_function("step", 0, self.step)

        def replace(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> Any:
            if not (self.is_slow and "held_on" in statement):
                return statement, values
            return (
                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + step() FROM n) "
                "SELECT count(*) FROM n",
                (),
            )

        event.listen(engine, "connect", connect)
        event.listen(engine, "before_cursor_execute", replace, retval=True)
        yield
        event.remove(engine, "before_cursor_execute", replace)
        event.remove(engine, "connect", connect)


async def test_a_statement_on_sqlite_is_interrupted_when_time_is_over(sqlite_url: str) -> None:
    """It makes not one more step, and what is asked next is answered."""
    database = Database(sqlite_url, 1)
    slow, executor = Slow(database), executor_of(database, 0.3)
    with slow.at_work():
        for query in (LIST, NESTED):
            slow.is_slow = True
            assert is_too_long(await answer(executor, query))
            made = slow.steps
            assert made > 0
            await asyncio.sleep(0.1)
            assert slow.steps == made
            slow.is_slow = False
            assert "errors" not in (await answer(executor, query)).body
    await database.close()


@dataclass
class SlowToStore:
    """A store whose commits take longer than a request may."""

    database: Database
    stored: int = field(default=0)

    def reading(self) -> Any:
        return self.database.reading()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        async with self.database.writing() as connection:
            yield connection
            await asyncio.sleep(0.5)
            self.stored += 1

    def is_retryable(self, error: DBAPIError) -> bool:
        return self.database.is_retryable(error)

    async def wait_before(self, attempt: int) -> None:
        await self.database.wait_before(attempt)


async def test_a_commit_that_has_begun_is_never_cut(sqlite_url: str) -> None:
    store = SlowToStore(Database(sqlite_url))
    found = await answer(executor_of(store, 0.3), RECORD)
    assert "errors" not in found.body
    assert store.stored == 1
    await store.database.close()


async def test_waiting_for_a_turn_is_not_counted(sqlite_url: str) -> None:
    """A crowd is slow, never refused: time begins when there is a connection."""
    database = Database(sqlite_url, 1)
    executor = executor_of(database, 0.3)
    async with database.reading():
        asked = asyncio.create_task(answer(executor, LIST))
        await asyncio.sleep(0.5)
        assert not asked.done()
    assert "errors" not in (await asked).body
    await database.close()


async def test_what_a_client_asked_that_has_gone_is_ended(
    postgresql: Database, tmp_path: Path
) -> None:
    """Over HTTP: the statement is cancelled while the lock that it waited for is still held."""
    watch, gone = Database(postgresql.url, 2), asyncio.Event()
    settings = province.settings_of(tmp_path, postgresql.url.render_as_string(hide_password=False))
    body = json.dumps({"query": LIST}).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        """Nobody is there to be answered."""

    app = make_app(settings, "127.0.0.1")
    token = development_token(settings, "secretary_b", 60)
    headers = [
        (b"content-type", b"application/json"),
        (b"authorization", f"Bearer {token}".encode()),
    ]
    asked = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers}
    async with app.router.lifespan_context(app), locked(watch):
        answered = asyncio.create_task(app(asked | {"query_string": b""}, receive, send))
        await wait_until(lambda: waiting(watch))
        gone.set()
        await wait_until(lambda: _none_waits(watch))
        await answered
    await watch.close()
