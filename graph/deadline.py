"""The time that a request has, and what ends it sooner: a client that has gone.

Time runs while statements may run, and stands still while a request waits for its turn at a
connection (a crowd is slow, never refused) and while a commit is under way, which is never cut. A
client that goes ends the wait for a turn too (`graph/turns.py`).
Where it ends, the task is cancelled at what it waits for; the drivers then cancel the statement
in their server (`server/database.py`). It knows nothing of databases itself.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hierarchy.errors import TooCostly

UNTIL_WATCHED = 0.2
"""Seconds until it is looked whether the client is still there: most requests have ended by then
and are spared the looking."""

UntilGone = Callable[[], Awaitable[None]]
"""Ends when the client has gone."""


class TookTooLong(TooCostly):
    """The request was cut short: nothing of it is stored."""

    def __init__(self, seconds: float | None) -> None:
        limit = "" if seconds is None else f"{seconds:g}"
        super().__init__("The request took longer than {limit} seconds and was ended.", limit=limit)


class ClientGone(Exception):
    """The request was cut short, for nobody waits for the answer: nothing of it is stored."""


class Deadline:
    """The time of one request: `seconds` in all, without end where null."""

    def __init__(self, seconds: float | None = None, until_gone: UntilGone | None = None) -> None:
        self._seconds = seconds
        self._left = seconds
        self._until_gone = until_gone
        self._begun = time.monotonic()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Lets time run within the block, which must not commit. Where time ends the block is
        cancelled, and `TookTooLong` is raised, or `ClientGone`."""
        began = time.monotonic()
        try:
            async with self._ending(self._left):
                yield
        finally:
            if self._left is not None:
                self._left = max(0.0, self._left - (time.monotonic() - began))

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Lets no time run within the block: only the client's going ends it, by `ClientGone`."""
        async with self._ending(None):
            yield

    @asynccontextmanager
    async def _ending(self, seconds: float | None) -> AsyncIterator[None]:
        timeout = asyncio.timeout(seconds)
        watch = self._watch(timeout)
        try:
            async with timeout:
                yield
        except Exception:
            if not timeout.expired():
                raise
            if watch is not None and watch.has_gone:
                raise ClientGone from None
            raise TookTooLong(self._seconds) from None
        finally:
            if watch is not None:
                watch.end()

    def _watch(self, timeout: asyncio.Timeout) -> "_Watch | None":
        """What ends the time once the client has gone."""
        if self._until_gone is None:
            return None
        unwatched = max(0.0, self._begun + UNTIL_WATCHED - time.monotonic())
        return _Watch(self._until_gone, timeout, unwatched)


class _Watch:
    """Looks out for the client's going, some seconds from now on."""

    def __init__(self, until_gone: UntilGone, timeout: asyncio.Timeout, seconds: float) -> None:
        self._until_gone = until_gone
        self._timeout = timeout
        self._looking: asyncio.Task[None] | None = None
        self.has_gone = False
        self._start = asyncio.get_running_loop().call_later(seconds, self._begin)

    def end(self) -> None:
        self._start.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _begin(self) -> None:
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        await self._until_gone()
        self.has_gone = True
        if not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time())
