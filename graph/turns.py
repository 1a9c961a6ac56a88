"""Turns: how many requests of one principal are answered at once by a process.

Whoever asks for more waits, first come first served, and is never refused for it: one principal's
flood is slow for that principal and leaves connections and time to everybody else. A request whose
client goes while it waits gives its place up and never needs a connection. Budgets say how much
may be asked in all (`graph/budget.py`); it knows nothing of what is asked.
"""

from asyncio import Semaphore
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from graph.deadline import Deadline

AT_ONCE = 8
"""Fewer than a process has connections (`server/database.py`), so that some are left to others."""


@dataclass
class _Gate:
    """One principal's: kept while anybody passes it or waits before it."""

    semaphore: Semaphore
    users: int = 0


class Turns:
    """The turns of one process, `at_once` for each principal."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._gates: dict[str, _Gate] = {}

    def __len__(self) -> int:
        """The principals that have or await a turn."""
        return len(self._gates)

    @asynccontextmanager
    async def turn(self, principal: str, deadline: Deadline) -> AsyncIterator[None]:
        """Holds a turn within the block. Raises `ClientGone` where the client went before."""
        gate = self._gates.setdefault(principal, _Gate(Semaphore(self._at_once)))
        gate.users += 1
        try:
            await _pass(gate.semaphore, deadline)
            try:
                yield
            finally:
                gate.semaphore.release()
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[principal]


async def _pass(semaphore: Semaphore, deadline: Deadline) -> None:
    if not semaphore.locked():
        await semaphore.acquire()
        return
    async with deadline.waiting():
        await semaphore.acquire()
