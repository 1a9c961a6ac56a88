"""`chibo serve` as an operator runs it: processes on one store, started, asked and stopped."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from server.database import Database
from tests import province
from tests.province import told
from tests.workers import QUERY, running

ANSWER = {"data": {"viewer": {"name": "leader_t"}, "units": {"totalCount": 8}}}


@pytest.fixture
def filled(fresh_database: Callable[[str], str], tmp_path: Path) -> Callable[[str], str]:
    def fill(engine: str) -> str:
        url = fresh_database(engine)  # type: ignore[arg-type]

        async def load() -> None:
            database = Database(url)
            await province.fill(database, tmp_path / "data", province.SMALL)
            await database.close()

        thread = threading.Thread(target=lambda: asyncio.run(load()))
        thread.start()
        thread.join()
        return url

    return fill


def test_several_workers_answer_alike_and_stop_cleanly(
    filled: Callable[[str], str], tmp_path: Path
) -> None:
    """Two processes share a store; one that dies is replaced; the end is no failure."""
    with running(tmp_path, filled("postgresql"), "--workers", "2") as server:
        assert len(server.workers()) == 2
        assert [told(server.ask()) for _ in range(12)] == [ANSWER] * 12
        lost = server.workers()[0]
        lost.kill()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and lost in server.workers():
            time.sleep(0.1)
        assert [server.ask().status_code for _ in range(6)] == [200] * 6
        assert server.stop() == 0
        with pytest.raises(httpx.TransportError):
            server.ask()
        said = server.log.read_text()
        assert "Traceback" not in said and '"level": "error"' not in said


def test_a_request_that_runs_is_answered_before_the_end(
    filled: Callable[[str], str], tmp_path: Path
) -> None:
    """A body that is still on its way when the stop comes is read to its end and answered; new
    connections are not; and the exit code says that all is well."""
    with running(tmp_path, filled("sqlite")) as server:
        body = httpx.Request("POST", server.url, json={"query": QUERY}).content
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: chibo\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {server.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + body[:10])
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            with pytest.raises(httpx.TransportError):
                server.ask()
            connection.sendall(body[10:])
            answer = b""
            while part := connection.recv(65_536):
                answer += part
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"totalCount":8' in answer
        assert server.process.wait(timeout=30) == 0


def test_a_real_server_keeps_the_rules_of_http(
    filled: Callable[[str], str], tmp_path: Path
) -> None:
    """Over one connection that is kept: bodies in parts and too large ones, HEAD, a client that
    goes away; no name of the software in the answer's headers; no content in the log."""
    with (
        running(tmp_path, filled("sqlite")) as server,
        httpx.Client(base_url=server.url, timeout=20) as client,
    ):
        assert told(server.ask(client)) == ANSWER
        sent = server.headers | {"Content-Type": "application/json"}

        def parts(size: int) -> Iterator[bytes]:
            yield b'{"query": "{ viewer { name } }", "operationName": null'
            yield b" " * size + b"}"

        answer = client.post("/graphql", content=parts(10), headers=sent)
        assert answer.json()["data"]["viewer"] == {"name": "leader_t"}
        assert client.post("/graphql", content=parts(2**20), headers=sent).status_code == 413
        large = b"x" * (2**20 + 1)
        assert client.post("/graphql", content=large, headers=sent).status_code == 413
        assert client.get("/graphql", params={"query": QUERY}).status_code == 401
        assert client.head("/healthz").status_code in (200, 405)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{")
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
        last = server.ask(client)
        assert told(last) == ANSWER
        assert "server" not in last.headers
        assert server.stop() == 0
        said = server.log.read_text()
        assert "totalCount" not in said and "leader_t" not in said and server.token not in said
        assert " 500" not in said and '"status": 5' not in said
