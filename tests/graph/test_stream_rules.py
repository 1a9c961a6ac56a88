"""What streams keep to beside telling the right changes: bounds, budgets, heads, silence, rights
that become fewer while nobody reads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import parse
from sqlalchemy import text

from graph import events
from graph.documents import GRAPHQL_SCHEMA
from graph.limits import Limits, cost
from records import changes
from records.changes import Bounds
from server import app as application
from server.database import Database
from tests import province
from tests.graph.test_changes import END, PLAIN, Listening, World, record
from tests.province import Client

APPOINT = """mutation ($unit: String!) { appoint(input: {principal: "passing", role: "office",
  unitCode: $unit, validFrom: "2024-06-01", validTo: "2025-06-01"}) { id } }"""

Start = Callable[..., Awaitable[World]]


@pytest_asyncio.fixture
async def start(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Start]:
    """The small province, served with settings of its own."""
    async with AsyncExitStack() as running:

        async def started(**given: Any) -> World:
            settings = province.settings_of(tmp_path, sqlite_url, **given)
            app = application.make_app(settings, "127.0.0.1")
            await running.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            http = httpx.AsyncClient(transport=transport, base_url="http://chibo")
            await running.enter_async_context(http)
            database = Database(sqlite_url)
            running.push_async_callback(database.close)
            return World(Client(settings, http), app, database)

        yield started


@dataclass
class Line:
    """What lies between an application and a client: all that was sent, and taken by the client
    only while it is `open`."""

    app: Any
    sent: list[dict[str, Any]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: dict[str, Any]) -> None:
            self.sent.append(message)
            await self.open.wait()
            await send(message)

        self.open.set()
        await self.app(scope, receive, sending)

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not is_so():
                await asyncio.sleep(0.01)


def over(line: Line, world: World) -> World:
    """The same world, listened to over a line."""
    return World(world.client, line, world.database)


def code_of(stream: Listening) -> str:
    """Of a stream that was refused, why."""
    [event] = stream.events
    assert stream.is_complete
    return str(event["errors"][0]["extensions"]["code"])


# ---- rights


@pytest.mark.parametrize("is_all_lost", [False, True])
async def test_what_waits_to_be_read_is_not_sent_when_rights_are_fewer(
    start: Start, is_all_lost: bool
) -> None:
    """A client that reads nothing is given, when it reads again, what its rights allow now: of a
    unit that it lost nothing that waited, FORBIDDEN where it lost all."""
    world = await start()
    units = "B" if is_all_lost else "BC"
    made = [await world.client.data("administrator_t", APPOINT, {"unit": each}) for each in units]
    line = Line(world.app)
    async with (
        world.listening("leader_d") as reading,
        over(line, world).listening("passing") as stalled,
    ):
        line.open.clear()
        first = await record(world, "secretary_b", "B")
        await reading.until(1)
        await line.until(lambda: first.encode() in line.sent[-1].get("body", b""))
        await record(world, "secretary_b", "B")
        await reading.until(2)
        await world.client.data("administrator_t", END, {"id": made[0]["appoint"]["id"]})
        last = await record(world, "secretary_c", "C")
        # Whoever reads is told of it in a turn in which all rights were looked up anew.
        await reading.until(3)
        line.open.set()
        await stalled.until(2)
        [*_, ending] = stalled.events
        if is_all_lost:
            assert ending["errors"][0]["extensions"]["code"] == "FORBIDDEN"
            assert len(stalled.events) == 2 and stalled.is_complete
        else:
            assert [each[2] for each in stalled.told] == [first, last]


# ---- how many


async def test_a_principal_has_so_many_streams_open_and_no_more(start: Start) -> None:
    """The next one is QUERY_TOO_COSTLY; another principal's is not, nor one after an end."""
    world = await start(max_streams_per_principal=1)
    async with (
        world.listening("leader_d"),
        world.listening("leader_d") as second,
        world.listening("leader_t") as other,
    ):
        assert code_of(second) == "QUERY_TOO_COSTLY"
        assert other.events == [] and not other.is_complete
    async with world.listening("leader_d") as again:
        assert again.events == [] and not again.is_complete


async def test_a_worker_has_so_many_streams_open_and_no_more(start: Start) -> None:
    """Whoever asks for the next one."""
    world = await start(max_streams=2)
    async with (
        world.listening("leader_d"),
        world.listening("leader_t"),
        world.listening("secretary_b") as third,
    ):
        assert code_of(third) == "QUERY_TOO_COSTLY"
    async with world.listening("secretary_b") as again:
        assert again.events == [] and not again.is_complete


@pytest.mark.parametrize(
    ("settings", "listener"),
    [({"max_streams_per_principal": 1}, "leader_d"), ({"max_streams": 1}, "leader_t")],
)
async def test_streams_over_websocket_are_counted_with_the_others(
    start: Start, settings: dict[str, int], listener: str
) -> None:
    """The next stream is QUERY_TOO_COSTLY, whether the one before is an event stream or of the
    same connection."""
    world = await start(**settings)
    async with talking(world, "leader_d") as talk:
        async with world.listening(listener):
            await talk.say({"id": "1", "type": "subscribe", "payload": {"query": PLAIN}})
            assert refusal(await talk.hear(), "1") == "QUERY_TOO_COSTLY"
        await talk.say({"id": "2", "type": "subscribe", "payload": {"query": PLAIN}})
        await talk.say({"id": "3", "type": "subscribe", "payload": {"query": PLAIN}})
        assert refusal(await talk.hear(), "3") == "QUERY_TOO_COSTLY"
        async with world.listening(listener) as beside:
            assert code_of(beside) == "QUERY_TOO_COSTLY"


@dataclass
class Talk:
    """A WebSocket over ASGI."""

    asked: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    answered: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def say(self, message: dict[str, Any]) -> None:
        await self.asked.put({"type": "websocket.receive", "text": json.dumps(message)})

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        found = await asyncio.wait_for(self.answered.get(), 15)
        assert found["type"] == "websocket.send", found
        message: dict[str, Any] = json.loads(found["text"])
        return message


@asynccontextmanager
async def talking(world: World, principal: str) -> AsyncIterator[Talk]:
    """A connection that says who it is."""
    talk = Talk()
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "scheme": "ws",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "subprotocols": ["graphql-transport-ws"],
        "client": ("127.0.0.1", 1),
        "server": ("chibo", 80),
    }
    task = asyncio.create_task(world.app(scope, talk.asked.get, talk.answered.put))
    await talk.asked.put({"type": "websocket.connect"})
    assert (await talk.answered.get())["type"] == "websocket.accept"
    await talk.say({"type": "connection_init", "payload": world.client.bearer(principal)})
    assert await talk.hear() == {"type": "connection_ack"}
    yield talk
    await talk.asked.put({"type": "websocket.disconnect", "code": 1000})
    await asyncio.wait_for(task, 10)


def refusal(message: dict[str, Any], id_: str) -> str:
    assert (message["type"], message["id"]) == ("error", id_), message
    return str(message["payload"][0]["extensions"]["code"])


async def test_a_stream_is_charged_like_a_request(start: Start) -> None:
    """What is left of the minute is less by it; where it does not suffice there is no stream."""
    charged = cost(parse(PLAIN), Limits(), GRAPHQL_SCHEMA, {}, None)
    per_minute = charged + charged // 2
    world = await start(cost_per_minute=per_minute, max_cost=per_minute)
    async with world.listening("leader_d") as first:
        body = await world.client.ask("leader_d", "{ viewer { name } }")
        assert body["extensions"]["cost"]["left"] < charged
        async with world.listening("leader_d") as second:
            assert code_of(second) == "QUERY_TOO_COSTLY"
            told = second.events[0]["extensions"]["cost"]
            assert told["estimated"] == charged and told["left"] < charged
        assert first.events == [] and not first.is_complete


# ---- over HTTP


async def test_a_quiet_stream_says_so(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments come while nothing happens, and nothing on the way keeps or buffers them."""
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.02)
    world = await start()
    line = Line(world.app)
    async with over(line, world).listening("leader_d") as stream:
        await line.until(lambda: len(line.sent) > 3)
        head, *comments = line.sent
        assert stream.events == [] and {each["body"] for each in comments} == {b":\n\n"}
    headers = {name.decode(): value.decode() for name, value in head["headers"]}
    assert headers["content-type"].startswith("text/event-stream")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")


async def test_pages_of_named_origins_may_resume_streams(start: Start) -> None:
    """A preflight that asks for Last-Event-ID is allowed."""
    world = await start(cors_origins="https://a.example")
    preflight = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, last-event-id",
    }
    answer = await world.client.http.options("/graphql", headers=preflight)
    assert answer.status_code == 200
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert "last-event-id" in allowed


# ---- kept


async def test_a_server_forgets_changes_of_long_ago(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those older by a day than they are promised to be kept, while it runs; others stay."""
    monkeypatch.setattr(application, "FORGET_SECONDS", 0.02)
    world = await start(changes_kept_days=1)
    for unit in "BC":
        await record(world, f"secretary_{unit.lower()}", unit)
    await world.settled()
    long_ago = datetime.now(UTC) - timedelta(hours=49)
    async with world.database.writing() as connection:
        statement = text("UPDATE record_change SET at = :at WHERE position = 1")
        await connection.execute(statement, {"at": long_ago.strftime("%Y-%m-%d %H:%M:%S.%f")})
    async with asyncio.timeout(10):
        while await bounds(world) != Bounds(last=2, forgotten=1):
            await asyncio.sleep(0.02)
    async with world.database.reading() as connection:
        assert [each.position for each in await changes.after(connection, 0, 9)] == [2]


async def bounds(world: World) -> Bounds:
    async with world.database.reading() as connection:
        return await changes.bounds(connection)
