"""Many clients at once: how many answers a second, Chibo and the floor in turn.

One process opens the connections and sends on each the next request once the last is answered, the
same client for both servers: what it costs falls on both, and both have what it leaves of the
processors. A server that is not asked waits. Each round is a few seconds; the first warms up.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop

from benchmarks.measuring import Times

CLIENTS = 64
ROUNDS = 4
SECONDS = 3.0


@dataclass
class Crowd:
    """All rounds of one server: milliseconds of each answer, and the seconds they took."""

    times: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds

    @property
    def answers(self) -> Times:
        return Times(tuple(self.times))


def in_turn(first: tuple[int, bytes], second: tuple[int, bytes]) -> tuple[Crowd, Crowd]:
    """The same question asked of the servers at two ports by a crowd.

    Raises `RuntimeError` where an answer's status is not 200.
    """
    return uvloop.run(_in_turn(first, second))


async def _in_turn(first: tuple[int, bytes], second: tuple[int, bytes]) -> tuple[Crowd, Crowd]:
    found = Crowd(), Crowd()
    for at in range(ROUNDS):
        for (port, request), crowd in zip((first, second), found, strict=True):
            await _round(port, request, Crowd() if at == 0 else crowd)
    return found


async def _round(port: int, request: bytes, crowd: Crowd) -> None:
    loop = asyncio.get_running_loop()
    until = time.perf_counter() + SECONDS
    clients = [_Client(request, crowd, until) for _ in range(CLIENTS)]
    begun = time.perf_counter()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(client.ended for client in clients))
    crowd.seconds += time.perf_counter() - begun


class _Client(asyncio.Protocol):
    """One connection: asks until the time is over. It knows the answers of these servers alone:
    HTTP/1.1, a body with its length."""

    def __init__(self, request: bytes, crowd: Crowd, until: float) -> None:
        self._request, self._crowd, self._until = request, crowd, until
        self._received = b""
        self._missing = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._received += data
            self._begin()
        if not self._missing and not self._received:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or RuntimeError("the server closed the connection"))

    def _ask(self) -> None:
        self._begun = time.perf_counter()
        self._transport.write(self._request)

    def _begin(self) -> None:
        """Reads the head of an answer once it is there."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].lower()
        if not head.startswith(b"http/1.1 200 "):
            self.ended.set_exception(RuntimeError(head.decode(errors="replace")))
            self._transport.close()
            return
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        self._missing = end + 4 + length - len(self._received)
        self._received = b""

    def _end(self) -> None:
        now = time.perf_counter()
        self._crowd.times.append((now - self._begun) * 1000)
        if now < self._until:
            self._ask()
        elif not self.ended.done():
            self.ended.set_result(None)
            self._transport.close()
