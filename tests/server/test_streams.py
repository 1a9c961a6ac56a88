"""Streams as clients have them: real servers, real sockets, and the clients that front ends use."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from page.bundle import node_and_npm
from server.database import Database
from server.identity import development_token
from tests import clients, province
from tests.workers import Running, running

DOCUMENT = """subscription ($since: String) { recordChanges(since: $since) {
  cursor change id unit { code } record { id } } }"""
RECORD = """mutation { recordMeeting(input: {unitCode: "B", heldOn: "2024-06-01", kind: GROUP,
  form: ONLINE, membersExpected: 1, membersPresent: 1}) { id } }"""
APPOINT = """mutation { appoint(input: {principal: "passing", role: "office", unitCode: "B",
  validFrom: "2024-06-01", validTo: "2025-06-01"}) { id } }"""
END = 'mutation ($id: ID!) { endAppointment(id: $id, on: "2024-06-15") { validTo } }'
INIT, ACK = {"type": "connection_init"}, {"type": "connection_ack"}


@dataclass
class Served:
    """Servers over one province."""

    home: Path
    url: str
    servers: list[Running]

    def token(self, principal: str, seconds: int = 600) -> str:
        return development_token(province.settings_of(self.home, self.url), principal, seconds)

    def ask(self, principal: str, document: str, at: int = 0, **variables: Any) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.servers[at].url}/graphql",
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {self.token(principal)}"},
            timeout=30,
        )
        body: dict[str, Any] = answer.json()
        assert "errors" not in body, body
        found: dict[str, Any] = body["data"]
        return found

    def record(self, at: int = 0) -> str:
        return str(self.ask("secretary_b", RECORD, at)["recordMeeting"]["id"])

    def socket(self, **given: Any) -> Any:
        address = f"ws://127.0.0.1:{self.servers[0].port}/graphql"
        return connect(address, **{"subprotocols": ["graphql-transport-ws"], **given})

    @contextmanager
    def client(
        self, script: str, count: int, principal: str, at: int = 0, **more: str
    ) -> Iterator[Said]:
        """A client of npm's that listens through one of the servers."""
        scheme = "ws" if script == "websocket.mjs" else "http"
        address = f"{scheme}://127.0.0.1:{self.servers[at].port}/graphql"
        variables = {
            "CHIBO_TOKEN": more.pop("token", "") or self.token(principal),
            "CHIBO_DOCUMENT": DOCUMENT,
            "PATH": os.environ["PATH"],
        }
        node, _ = node_and_npm()
        process = subprocess.Popen(
            [
                node,
                str(clients.FOLDER / script),
                address,
                str(count),
            ],
            env=variables | more,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Said(process)
        finally:
            process.kill()
            process.wait()


@dataclass
class Said:
    """What a client says that listens."""

    process: subprocess.Popen[str]

    def next(self, what: str) -> Any:
        """The next thing of a name that it says; what else it says is passed over."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = json.loads(line)
            if what in found:
                return found[what]
        raise AssertionError(f"it ended without {what}")

    def change(self) -> dict[str, Any]:
        found: dict[str, Any] = self.next("next")["data"]["recordChanges"]
        return found


@contextmanager
def served(home: Path, url: str, *options: str, count: int = 1) -> Iterator[Served]:
    async def fill() -> None:
        database = Database(url)
        await province.fill(database, home / "data", province.SMALL)
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(fill()))
    thread.start()
    thread.join()
    with running(home, url, *options) as one:
        if count == 1:
            yield Served(home, url, [one])
            return
        with running(home, url, *options) as other:
            yield Served(home, url, [one, other])


@pytest.fixture(scope="module")
def two(
    fresh_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Two servers on one PostgreSQL, which drop a reader after a second."""
    os.environ["CHIBO_SLOW_READER_SECONDS"] = "1"
    try:
        with served(tmp_path_factory.mktemp("two"), fresh_database("postgresql"), count=2) as found:
            yield found
    finally:
        del os.environ["CHIBO_SLOW_READER_SECONDS"]


SCRIPTS = ["websocket.mjs", "events.mjs"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_is_written_through_one_server_arrives_at_the_other(two: Served, script: str) -> None:
    """With the clients of npm; they go on where they were, at either server."""
    with two.client(script, 1, "secretary_g", at=1) as client:
        client.next("connected")
        time.sleep(0.5)
        first = two.record(at=0)
        change = client.change()
        assert change["id"] == first
    second, third = two.record(at=0), two.record(at=1)
    since = json.dumps({"since": change["cursor"]})
    with two.client(script, 2, "secretary_g", at=0, CHIBO_VARIABLES=since) as client:
        assert [client.change()["id"], client.change()["id"]] == [second, third]


@pytest.mark.parametrize("script", SCRIPTS)
def test_who_is_revoked_on_one_server_hears_no_more_on_the_other(two: Served, script: str) -> None:
    """FORBIDDEN, and the end."""
    made = two.ask("administrator_t", APPOINT, at=0)
    with two.client(script, 9, "passing", at=1) as client:
        client.next("connected")
        time.sleep(0.5)
        two.ask("administrator_t", END, at=0, id=made["appoint"]["id"])
        if script == "websocket.mjs":
            [error] = client.next("error")
        else:
            [error] = client.next("next")["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert client.process.wait(timeout=20) == 0


def test_clients_are_told_that_their_token_has_run_out(two: Served) -> None:
    """graphql-ws by 4401, which it does not try again after; graphql-sse by an error, then 401."""
    short = two.token("secretary_g", 4)
    with two.client("websocket.mjs", 1, "secretary_g", token=short) as client:
        assert client.next("pong") is True
        assert client.next("closed") == 4401
    with two.client("websocket.mjs", 1, "secretary_g", token="no.such.token") as client:
        assert client.next("closed") == 4401
    with two.client("events.mjs", 2, "secretary_g", token=two.token("secretary_g", 2)) as client:
        [error] = client.next("next")["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"
    with two.client("events.mjs", 1, "secretary_g", token=short) as client:
        assert client.next("error")["status"] == 401


def receive(connection: ClientConnection) -> Any:
    return json.loads(connection.recv(timeout=20))


def say(connection: ClientConnection, *messages: Any) -> None:
    for message in messages:
        connection.send(message if isinstance(message, str | bytes) else json.dumps(message))


@contextmanager
def begun(two: Served, principal: str = "secretary_g") -> Iterator[ClientConnection]:
    """A connection that was acknowledged."""
    with two.socket() as connection:
        say(connection, INIT | {"payload": {"AUTHORIZATION": f"Bearer {two.token(principal)}"}})
        assert receive(connection) == ACK
        yield connection


SUBSCRIBE = {"id": "1", "type": "subscribe", "payload": {"query": DOCUMENT}}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (4400, ["no json"]),
        (4400, ["[]"]),
        (4400, [b"{}"]),
        (4400, [{"type": ["ping"]}]),
        (4400, [{"type": "subscribe", "id": 1, "payload": {"query": DOCUMENT}}]),
        (4400, [{"type": "ping", "payload": 1}]),
        (4400, [{"type": "subscribe", "id": "1", "payload": [{"query": DOCUMENT}]}]),
        (1009, ["x" * (1024 * 1024 + 1)]),
        (4409, [SUBSCRIBE, SUBSCRIBE]),
        (4429, [INIT]),
    ],
)
def test_what_is_not_the_protocol_closes_the_connection(
    two: Served, code: int, said: list[Any]
) -> None:
    """With the protocol's code, whatever was said."""
    with begun(two) as connection:
        say(connection, *said)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                receive(connection)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == code


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (4401, [SUBSCRIBE]),
        (4401, [INIT]),
        (4401, [INIT | {"payload": {"authorization": "Bearer a.b.c"}}]),
        (4401, [INIT | {"payload": {"authorization": 1}}]),
        (4408, []),
    ],
)
def test_who_does_not_say_who_they_are_is_shut_out(two: Served, code: int, said: list[Any]) -> None:
    with two.socket() as connection:
        say(connection, *said)
        with pytest.raises(ConnectionClosed) as closed:
            receive(connection)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == code


def test_only_the_one_subprotocol_is_spoken(two: Served) -> None:
    with two.socket(subprotocols=["graphql-ws"]) as connection:
        assert connection.subprotocol is None
        with pytest.raises(ConnectionClosed) as closed:
            receive(connection)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4406


def test_a_connection_answers_everything_that_is_asked(two: Served) -> None:
    """Queries, mutations and streams beside each other, each under its id; an id is free when its
    operation has ended; what is at fault is told by the operation's error."""
    header = {"Authorization": f"Bearer {two.token('secretary_b')}", "Accept-Language": "en"}
    with two.socket(additional_headers=header) as connection:
        say(connection, INIT, {"type": "ping", "payload": {"a": 1}}, {"type": "pong"})
        assert [receive(connection), receive(connection)] == [
            ACK,
            {"type": "pong", "payload": {"a": 1}},
        ]
        say(connection, SUBSCRIBE | {"id": "live"})
        say(connection, SUBSCRIBE | {"payload": {"query": "{ viewer { name } }"}})
        told, end = receive(connection), receive(connection)
        assert (told["id"], told["type"]) == ("1", "next")
        assert told["payload"]["data"] == {"viewer": {"name": "secretary_b"}}
        assert end == {"id": "1", "type": "complete"}
        say(connection, SUBSCRIBE | {"payload": {"query": RECORD}})
        found: set[tuple[str, str]] = set()
        while len(found) < 3:
            message = receive(connection)
            found.add((message["id"], message["type"]))
        assert found == {("1", "next"), ("1", "complete"), ("live", "next")}
        say(connection, {"id": "live", "type": "complete"}, SUBSCRIBE | {"id": "live"})
        for payload, code in (
            ({"query": "{ nothing }"}, "BAD_USER_INPUT"),
            ({"query": 1}, "BAD_USER_INPUT"),
            ({"query": DOCUMENT, "variables": {"since": "x"}}, "BAD_USER_INPUT"),
            ({"query": DOCUMENT.replace("(since: $since)", '(within: "E")')}, "BAD_USER_INPUT"),
            ({"query": 'subscription { recordChanges(within: "E") { id } }'}, "NOT_FOUND"),
        ):
            say(connection, SUBSCRIBE | {"payload": payload})
            message = receive(connection)
            assert (message["id"], message["type"]) == ("1", "error")
            assert message["payload"][0]["extensions"]["code"] == code


def test_a_reader_who_does_not_read_is_cut_off(two: Served) -> None:
    """Nothing is held for them: the connection is gone, and others hear what they always did."""
    above = "unit { path { path { path { code name establishedOn } } } }"
    units = " ".join(f"a{number}: {above}" for number in range(90))
    large = f"subscription {{ recordChanges {{ {units} }} }}"
    body = json.dumps({"query": large})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAccept: "
        f"text/event-stream\r\nAuthorization: Bearer {two.token('secretary_g')}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect(("127.0.0.1", two.servers[0].port))
        silent.sendall(head.encode())
        deadline = time.monotonic() + 60
        while '"reason": "slow"' not in two.servers[0].log.read_text():
            assert time.monotonic() < deadline
            two.record()
        with begun(two) as connection:
            say(connection, SUBSCRIBE)
            time.sleep(0.5)
            assert receive_id(two, connection)
        silent.settimeout(20)
        with pytest.raises(ConnectionError):
            while silent.recv(1 << 20):
                pass
            raise ConnectionError


def receive_id(two: Served, connection: ClientConnection) -> bool:
    id_ = two.record()
    return bool(receive(connection)["payload"]["data"]["recordChanges"]["id"] == id_)


def test_streams_do_not_keep_a_server_from_stopping(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    """It stops at once; clients come back to the next one and have missed nothing."""
    with served(tmp_path, fresh_database("sqlite")) as one, ExitStack() as stack:
        port = one.servers[0].port
        start = one.ask("secretary_g", "{ recordChangesCursor }")["recordChangesCursor"]
        tried = {"CHIBO_VARIABLES": json.dumps({"since": start}), "CHIBO_RETRIES": "500"}
        listening = [
            stack.enter_context(one.client(script, 3, "secretary_g", **tried)) for script in SCRIPTS
        ]
        first = one.record()
        assert [client.change()["id"] for client in listening] == [first, first]
        begin = time.monotonic()
        assert one.servers[0].stop() == 0
        assert time.monotonic() - begin < 10
        assert "Traceback" not in one.servers[0].log.read_text()
        one.servers[0] = stack.enter_context(running(tmp_path, one.url, port=port))
        second = one.record()
        for client in listening:
            found = client.change()["id"]
            assert (client.change()["id"] if found == first else found) == second
