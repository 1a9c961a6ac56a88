"""What 2,000 open streams cost one worker: its memory, and how soon an event has reached them all.

Each stream is another principal's, over WebSocket or server-sent events, on PostgreSQL. Two
documents are asked: one that asks nothing of the viewer's rights, and one that asks which units
they see. The client is as thin as can be: it waits for an event's first bytes.
"""

import asyncio
import base64
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson

from benchmarks.province import Store
from benchmarks.servers import Server, chibo
from server.database import Database
from server.identity import development_token
from tests import province
from tests.servers import fresh_postgres_database

STREAMS = 2_000
EVENTS = 3
AT_ONCE = 25
"""Streams that are begun at the same time."""

ALIKE = """subscription { recordChanges(since: "SINCE") { cursor change kind id unit { code name }
  record { id ... on Meeting { revision heldOn topic membersPresent } } at } }"""
OF_SIGHT = """subscription { recordChanges(since: "SINCE") { cursor change id
  unit { code path { code name } }
  record { id ... on Meeting { revision heldOn topic } } } }"""
DOCUMENTS = {"alike for all": ALIKE, "by what each sees": OF_SIGHT}
RECORD = """mutation { recordMeeting(input: {unitCode: "B", heldOn: "2024-06-01", kind: GROUP,
  form: ONLINE, topic: "Họp tổ", membersExpected: 1, membersPresent: 1}) { id } }"""
PING = b"\x89\x04"
EVENT = b'"recordChanges"'


@dataclass(frozen=True, slots=True)
class Found:
    """Of one way of listening: MiB of the worker before and with its streams, and of each event
    the seconds from the answer to its mutation until all had it."""

    title: str
    before: int
    memory: int
    seconds: list[float]


class _Listener(asyncio.Protocol):
    """One stream: counts its events."""

    def __init__(self, asked: list[bytes], counted: "_Counted") -> None:
        self._asked = asked
        self._counted = counted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._transport.write(self._asked.pop(0))

    def data_received(self, data: bytes) -> None:
        if data.startswith(PING):
            self._transport.write(b"\x8a\x84" + bytes(4) + data[2:6])
        while self._asked:
            self._transport.write(self._asked.pop(0))
        self._counted.add(data.count(EVENT))

    def connection_lost(self, error: Exception | None) -> None:
        self._counted.lost += 1


class _Counted:
    """How many events all listeners have, and waiting for a number of them."""

    def __init__(self) -> None:
        self.events = 0
        self.lost = 0
        self._wanted = 0
        self._reached = asyncio.Event()

    def add(self, events: int) -> None:
        self.events += events
        if self.events >= self._wanted:
            self._reached.set()

    async def reach(self, events: int) -> None:
        self._wanted = events
        self._reached.clear()
        if self.events < events:
            await asyncio.wait_for(self._reached.wait(), 60)


def measure() -> Iterator[Found]:
    """Of both protocols and both documents."""
    with _store() as store:
        for protocol in (_of_websocket, _of_events):
            for name, document in DOCUMENTS.items():
                with chibo(store) as server:
                    title = f"{protocol.__doc__}, {name}"
                    told = _ask(store, server, "{ recordChangesCursor }")["recordChangesCursor"]
                    since = document.replace("SINCE", told)
                    asked = [protocol(_token(store, each), since) for each in range(STREAMS)]
                    yield asyncio.run(_measured(title, store, server, asked))


async def _measured(title: str, store: Store, server: Server, asked: list[list[bytes]]) -> Found:
    counted, before = _Counted(), server.memory()["Rss"]
    loop = asyncio.get_running_loop()
    for at in range(0, len(asked), AT_ONCE):
        begun = [
            loop.create_connection(
                lambda one=one: _Listener(one, counted), "127.0.0.1", server.port
            )
            for one in asked[at : at + AT_ONCE]
        ]
        await asyncio.gather(*begun)
        await asyncio.sleep(0.2)
    seconds = []
    for turn in range(1, EVENTS + 2):
        await asyncio.to_thread(_ask, store, server, RECORD)
        committed = time.perf_counter()
        await counted.reach(turn * STREAMS)
        seconds.append(time.perf_counter() - committed)
        await asyncio.sleep(0.5)
    assert not counted.lost
    # The first event finds streams that are still to begin.
    return Found(title, before, server.memory()["Rss"], seconds[1:])


def _ask(store: Store, server: Server, document: str) -> dict[str, str]:
    """What is answered to a secretary."""
    answer = httpx.post(
        f"http://127.0.0.1:{server.port}/graphql",
        json={"query": document},
        headers=_bearer(store, "secretary_b"),
        timeout=60,
    )
    found: dict[str, str] = answer.json()["data"]
    return found


@contextmanager
def _store() -> Iterator[Store]:
    """The small province on PostgreSQL, with a leader at a district for each stream."""
    with tempfile.TemporaryDirectory() as folder, fresh_postgres_database() as url:
        home = Path(folder)
        leaders = "\n".join(f"{_name(each)},leader,D,2020-01-01," for each in range(STREAMS))
        files = province.SMALL | {"appointments": f"{province.APPOINTMENTS}\n{leaders}"}

        async def fill() -> None:
            database = Database(url)
            await province.fill(database, home / "data", files)
            await database.close()

        asyncio.run(fill())
        yield Store("PostgreSQL", home, url, today=province.TODAY)


def _name(number: int) -> str:
    return f"leader_{number}"


def _token(store: Store, number: int) -> str:
    return _bearer(store, _name(number))["Authorization"]


def _bearer(store: Store, principal: str) -> dict[str, str]:
    settings = province.settings_of(store.home, store.url)
    return {"Authorization": f"Bearer {development_token(settings, principal, 3600)}"}


def _of_websocket(authorization: str, document: str) -> list[bytes]:
    """WebSocket"""
    key = base64.b64encode(b"0123456789abcdef").decode()
    handshake = (
        "GET /graphql HTTP/1.1\r\nHost: chibo\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    begin = {"type": "connection_init", "payload": {"authorization": authorization}}
    subscribe = {"id": "1", "type": "subscribe", "payload": {"query": document}}
    return [handshake.encode(), _frame(begin) + _frame(subscribe)]


def _frame(message: object) -> bytes:
    """A frame of text, its mask nought."""
    text = orjson.dumps(message)
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text


def _of_events(authorization: str, document: str) -> list[bytes]:
    """Server-sent events"""
    body = orjson.dumps({"query": document})
    head = (
        "POST /graphql HTTP/1.1\r\nHost: chibo\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nAuthorization: {authorization}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return [head.encode() + body]
