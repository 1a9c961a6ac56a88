"""What one connection may do to a server: how much runs at once, who is let in, what is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from graph.execution import Answer, Executor, Request
from graph.limits import Limits
from graph.streams import Bearer, Streams
from graph.turns import AT_ONCE, Turns
from graph.websocket import OPERATIONS_AT_ONCE, PROTOCOL, WebSocketEndpoint
from server.database import Database
from tests.graph.test_deadline import RECORD, answer, wait_until
from tests.province import TODAY

NAME = "{ viewer { name } }"
CHANGES = "subscription { recordChanges { id } }"


@dataclass
class Held:
    """A database whose snapshots are held until all may go on."""

    database: Database
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    written: int = 0

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        async with self.database.reading() as connection:
            self.begun += 1
            await self.may_go_on.wait()
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Any]:
        self.written += 1
        async with self.database.writing() as connection:
            yield connection

    def is_retryable(self, error: Any) -> bool:
        return self.database.is_retryable(error)

    async def wait_before(self, attempt: int) -> None:
        await self.database.wait_before(attempt)


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[Held]:
    found = Held(Database(sqlite_url, 20))
    yield found
    found.may_go_on.set()
    await settled()
    await found.database.close()


def executor_of(store: Held, **given: Any) -> Executor:
    return Executor(store, Limits(), b"k" * 32, lambda: TODAY, **given)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0.02)


# ---- turns


async def test_a_principal_has_so_many_turns_at_once_and_the_rest_wait(store: Held) -> None:
    """Others do not wait for them; all are answered at last, and nothing is kept."""
    executor = executor_of(store, turns=Turns(2))
    asked = [asyncio.create_task(answer(executor, NAME)) for _ in range(6)]
    await settled()
    assert store.begun == 2
    other = asyncio.create_task(_answer_of(executor, "leader_g"))
    await settled()
    assert store.begun == 3
    store.may_go_on.set()
    for each in [*asked, other]:
        assert "errors" not in (await each).body
    assert store.begun == 7
    assert len(executor.turns) == 0


async def _answer_of(executor: Executor, principal: str) -> Answer:
    return await executor.answer(Request(NAME, None, None, "en"), principal)


async def test_who_goes_before_their_turn_never_needs_a_connection(store: Held) -> None:
    executor, gone = executor_of(store, turns=Turns(2)), asyncio.Event()

    async def until_gone() -> None:
        await gone.wait()

    asked = [asyncio.create_task(answer(executor, NAME)) for _ in range(2)]
    left = [asyncio.create_task(answer(executor, NAME, until_gone)) for _ in range(4)]
    last = asyncio.create_task(answer(executor, NAME))
    await settled()
    gone.set()
    async with asyncio.timeout(10):
        for each in left:
            assert (await each).body["data"] is None
    store.may_go_on.set()
    for each in [*asked, last]:
        assert "errors" not in (await each).body
    assert store.begun == 3
    assert len(executor.turns) == 0


# ---- connections


@dataclass(eq=False)
class Spoken:
    """A connection: what was said to its client, and whether it was cut off."""

    endpoint: WebSocketEndpoint
    said: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None
    reason: str = ""
    is_cut: bool = False
    messages: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    task: asyncio.Task[None] | None = None

    def begin(self) -> Spoken:
        scope = {
            "type": "websocket",
            "headers": [],
            "subprotocols": [PROTOCOL],
            "state": {"abort": self._abort},
        }
        self.messages.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(self.endpoint(scope, self.messages.get, self._send))
        return self

    def say(self, *messages: Any) -> Spoken:
        for each in messages:
            text = each if isinstance(each, str) else json.dumps(each)
            self.messages.put_nowait({"type": "websocket.receive", "text": text})
        return self

    async def end(self) -> None:
        self.messages.put_nowait({"type": "websocket.disconnect"})
        assert self.task is not None
        await self.task

    def kinds(self) -> list[str]:
        return [each["type"] for each in self.said]

    def _abort(self) -> None:
        self.is_cut = True
        self.messages.put_nowait({"type": "websocket.disconnect"})

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self.said.append(json.loads(message["text"]))
        elif message["type"] == "websocket.close":
            self.code, self.reason = message["code"], message["reason"]
            self.messages.put_nowait({"type": "websocket.disconnect"})


def endpoint_of(store: Held, seconds: float = 600, **given: Any) -> WebSocketEndpoint:
    async def bearer(authorization: str | None) -> Bearer | None:
        if authorization == "broken":
            raise ValueError(authorization)
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        return Bearer(authorization, expires) if authorization else None

    executor = executor_of(store)
    return WebSocketEndpoint(
        executor, Streams(executor, 10, 10), bearer, 10.0, **{"most": 10, "most_of_one": 10} | given
    )


def init(principal: str = "secretary_b") -> dict[str, Any]:
    return {"type": "connection_init", "payload": {"authorization": principal}}


def asks(id_: str, query: str = NAME) -> dict[str, Any]:
    return {"type": "subscribe", "id": id_, "payload": {"query": query}}


async def test_what_runs_on_keeps_its_place_when_nobody_listens(store: Held) -> None:
    """An operation that is let go of and runs is counted until it ends; one that waits for its
    turn ends at once."""
    spoken = Spoken(endpoint_of(store)).begin().say(init())
    numbers = [str(number) for number in range(OPERATIONS_AT_ONCE)]
    spoken.say(*[asks(number) for number in numbers])
    await settled()
    assert store.begun == AT_ONCE
    spoken.say(*[{"type": "complete", "id": number} for number in numbers])

    async def is_left() -> bool:
        return len(spoken.endpoint.running) == AT_ONCE

    await wait_until(is_left)
    spoken.said.clear()
    spoken.say(*[asks(number) for number in numbers])
    await settled()
    assert spoken.kinds() == ["error"] * AT_ONCE
    assert store.begun == AT_ONCE
    store.may_go_on.set()

    async def is_done() -> bool:
        return spoken.kinds().count("complete") == OPERATIONS_AT_ONCE - AT_ONCE

    await wait_until(is_done)
    assert store.begun == OPERATIONS_AT_ONCE
    await spoken.end()


async def test_who_never_says_who_they_are_keeps_nobody_out(store: Held) -> None:
    """They are counted apart, and the oldest of them is dropped for another."""
    endpoint = endpoint_of(store, most=1, most_unbegun=3)
    silent = [Spoken(endpoint).begin() for _ in range(3)]
    await settled()
    valid = Spoken(endpoint).begin().say(init())
    await settled()
    assert valid.kinds() == ["connection_ack"]
    assert [each.is_cut for each in silent] == [True, False, False]
    other = Spoken(endpoint).begin().say(init("leader_g"))
    await settled()
    assert (other.kinds(), other.code) == ([], 1013)
    for each in [*silent[1:], valid]:
        await each.end()
    assert not endpoint.unbegun and not endpoint.held


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (4400, ['{"type":"ping","payload":{"x":' + "[" * 300 + "]" * 300 + "}}"]),
        (1011, [init("broken")]),
        (4409, [init(), asks("😀" * 50), asks("😀" * 50)]),
    ],
)
async def test_nothing_that_is_said_ends_a_connection_without_a_code(
    store: Held, code: int, said: list[Any]
) -> None:
    """Whoever says it; a reason to close fits into its frame."""
    spoken = Spoken(endpoint_of(store)).begin().say(*said)
    await settled()
    assert spoken.code == code
    assert len(spoken.reason.encode()) <= 123
    assert spoken.task is not None and spoken.task.done() and not spoken.task.exception()


async def test_nothing_begins_after_the_token_has_run_out(store: Held) -> None:
    """Not even what was sent before and waits to be read."""
    spoken = Spoken(endpoint_of(store, seconds=0)).begin().say(init(), asks("1", RECORD))
    await settled()
    assert spoken.code == 4401
    assert store.written == 0


async def test_a_stream_whose_token_ran_out_is_told_apart_from_one_that_was_left(
    store: Held,
) -> None:
    """To whoever watches the server: both end with their connection."""
    store.may_go_on.set()
    reasons: list[str] = []
    for seconds in (1, 600):
        endpoint = endpoint_of(store, seconds=seconds)
        endpoint.streams.ended = reasons.append
        spoken = Spoken(endpoint).begin().say(init(), asks("1", CHANGES))
        await wait_until(partial(_has, endpoint.streams._open, 1))
        if seconds > 1:
            await spoken.end()
        await wait_until(partial(_has, reasons, 1 if seconds == 1 else 2))
    assert reasons == ["expired", "left"]


async def _has(found: Collection[Any], count: int) -> bool:
    return len(found) >= count
