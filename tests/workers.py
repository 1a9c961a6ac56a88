"""`chibo serve` in processes of its own, on loopback: started, asked and stopped by tests."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil

from server.identity import development_token
from tests import province
from tests.oracle.served import CHIBO, environment
from tests.province import TODAY

QUERY = "{ viewer { name } units { totalCount } }"


@dataclass
class Running:
    """A server in processes of its own."""

    process: subprocess.Popen[bytes]
    port: int
    token: str
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept-Language": "en"}

    def ask(self, client: httpx.Client | Any = httpx) -> httpx.Response:
        found: httpx.Response = client.post(
            f"{self.url}/graphql", json={"query": QUERY}, headers=self.headers, timeout=20
        )
        return found

    def workers(self) -> list[psutil.Process]:
        """The processes that answer, where there are several."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if answers(child)]

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=30)


def answers(child: psutil.Process) -> bool:
    """Whether a process is a worker that lives: one that ends while it is looked at does not."""
    try:
        return "spawn_main" in " ".join(child.cmdline())
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running(
    home: Path, url: str, *options: str, today: date = TODAY, port: int | None = None
) -> Iterator[Running]:
    """`chibo serve` on a port, else a free one, ready to answer; ended with the block."""
    port = port or free_port()
    log = home / f"log-{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [CHIBO, "serve", "--port", str(port), *options],
            env=environment(home, today, url),
            cwd=home,
            stdout=output,
            stderr=output,
        )
    token = development_token(province.settings_of(home, url), "leader_t", 600)
    server = Running(process, port, token, log)
    try:
        await_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def await_ready(server: Running) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if httpx.get(f"{server.url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(server.log.read_text())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
