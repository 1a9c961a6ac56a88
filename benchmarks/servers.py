"""The two servers of a run, each one process on a free port of loopback, and ended with its block.

Chibo is `chibo serve` as an operator starts it, its log thrown away; the floor is
`benchmarks/floor.py`.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import make_url

from benchmarks import floor
from benchmarks.province import CHIBO, ROOT, Store

READY_WITHIN = 60
MEBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves on a port."""

    process: int
    port: int

    def memory(self) -> dict[str, int]:
        """What the process holds, in MiB: all of it, and its share where pages are shared."""
        lines = Path(f"/proc/{self.process}/smaps_rollup").read_text().splitlines()
        kibibytes = {name: int(size[0]) for name, *size in map(str.split, lines[1:])}
        return {name: kibibytes[f"{name}:"] // MEBIBYTE for name in ("Rss", "Pss")}


@contextmanager
def chibo(store: Store) -> Iterator[Server]:
    """`chibo serve` on a store."""
    port = _free_port()
    with _served([CHIBO, "serve", "--port", str(port)], store.variables, port) as server:
        yield server


@contextmanager
def hand_written(store: Store) -> Iterator[Server]:
    """The floor on the same store."""
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.floor", str(port)]
    with _served(command, os.environ | {floor.ADDRESS: _address(store)}, port) as server:
        yield server


def _address(store: Store) -> str:
    url = make_url(store.url)
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return store.url.replace("postgresql+asyncpg://", "postgresql://", 1)


@contextmanager
def _served(command: list[str], variables: dict[str, str], port: int) -> Iterator[Server]:
    process = subprocess.Popen(command, env=variables, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        _await_ready(process, port)
        yield Server(process.pid, port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} does not serve")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
