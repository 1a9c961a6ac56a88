"""What the trail costs writers: meetings recorded on PostgreSQL with it and without it, in turn.

Sixteen clients, each the secretary of a branch of its own, record without a pause. They ask the
executor itself, in one process: what HTTP and the clients would add to both sides is left out, so
that the ratio is the harshest. With the trail, entries are sealed meanwhile as a worker does it,
and what is left at the end of a round counts into the round; without it, nothing is appended, for
the measurement alone.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.measuring import Times
from benchmarks.province import TODAY
from graph.execution import Executor, Request
from graph.limits import Limits
from records import trail
from records.tables import audit_entry, meeting
from records.trail import AuditEntry
from server.app import SEAL_SECONDS
from server.database import Database
from server.loading import load
from server.stores import Stores
from tests.servers import fresh_postgres_database

WRITERS = 16
ROUNDS = 24
SECONDS = 2.0

_MEETING = """mutation($unit: String!) { recordMeeting(input: {unitCode: $unit,
heldOn: "2025-06-01", kind: REGULAR, form: IN_PERSON, membersExpected: 20, membersPresent: 18,
minutesKept: true}) { id } }"""


@dataclass(frozen=True, slots=True)
class TrailFigures:
    """Meetings recorded in a second, of each round. A round with the trail stands beside one
    without it, and `ratio` is the median of theirs: other work on the machine falls on both."""

    with_trail: tuple[float, ...]
    without: tuple[float, ...]

    @property
    def ratio(self) -> float:
        pairs = zip(self.with_trail, self.without, strict=True)
        return Times(tuple(one / other for one, other in pairs)).at(50)


def measure() -> TrailFigures:
    """The figures on a small store of its own, gone afterwards."""
    with fresh_postgres_database() as url, tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(url, Path(folder)))


async def _measure(url: str, folder: Path) -> TrailFigures:
    stores = Stores(Database(url), Database(url, 1), None)
    await stores.prepare()
    await load(stores.database, None, _drawn(folder), TODAY)
    writing = _Writing(stores)
    await writing.round(True)
    figures: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS):
        for with_trail in (True, False) if number % 2 else (False, True):
            figures[with_trail].append(await writing.round(with_trail))
    await writing.check()
    await stores.database.close()
    await stores.watch.close()
    return TrailFigures(tuple(figures[True]), tuple(figures[False]))


def _drawn(folder: Path) -> Path:
    """A folder of one commune and its branches, each with a secretary."""
    branches = [f"B{number}" for number in range(WRITERS)]
    units = ["T,,Tỉnh,province,,2000-01-01,", "G,T,Xã,grassroots,xã,2000-01-01,"]
    units += [f"{code},G,Chi bộ {code},branch,,2000-01-01," for code in branches]
    appointments = [f"secretary_{code},secretary,{code},2020-01-01," for code in branches]
    heads = {
        "units": ("code,parent_code,name,kind,category,established_on,closed_on", units),
        "appointments": ("principal,role,unit_code,valid_from,valid_to", appointments),
    }
    for name, (head, lines) in heads.items():
        (folder / f"{name}.csv").write_text("\n".join([head, *lines]) + "\n", "utf-8")
    return folder


class _Writing:
    """Rounds of the same work on one store."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._executor = Executor(stores.database, Limits(), b"key", lambda: TODAY, stores)
        self._told = 0

    async def round(self, with_trail: bool) -> float:
        """Meetings a second of all writers together."""
        if not with_trail:
            with _untold():
                return await self._recorded()
        async with self._sealing():
            return await self._recorded(self._stores.seal)

    async def _recorded(self, last: Any = None) -> float:
        begun = time.perf_counter()
        until = begun + SECONDS
        counts = await asyncio.gather(*(self._write(at, until) for at in range(WRITERS)))
        if last is not None:
            self._told += sum(counts)
            await last()
        return sum(counts) / (time.perf_counter() - begun)

    async def _write(self, number: int, until: float) -> int:
        count = 0
        asked = Request(_MEETING, {"unit": f"B{number}"}, None, "en")
        while time.perf_counter() < until:
            answer = await self._executor.answer(asked, f"secretary_B{number}")
            if "errors" in answer.body:
                raise RuntimeError(answer.body)
            count += 1
        return count

    @asynccontextmanager
    async def _sealing(self) -> AsyncIterator[None]:
        """Entries are sealed as a worker does it."""

        async def keep_sealed() -> None:
            while True:
                await asyncio.sleep(SEAL_SECONDS)
                if await self._stores.has_unsealed():
                    await self._stores.seal()

        tending = asyncio.create_task(keep_sealed())
        try:
            yield
        finally:
            tending.cancel()
            with suppress(asyncio.CancelledError):
                await tending

    async def check(self) -> None:
        """Raises `RuntimeError` where the trail does not tell what was recorded with it."""
        async with self._stores.database.reading() as connection:
            told = await connection.scalar(
                select(func.count()).where(
                    audit_entry.c.action == "record", audit_entry.c.seal.is_not(None)
                )
            )
            stored = await connection.scalar(select(func.count()).select_from(meeting))
        if told != self._told or not stored or stored <= self._told:
            raise RuntimeError(f"{told} entries of {self._told} meetings, {stored} stored")


@contextmanager
def _untold() -> Iterator[None]:
    """A server that appends nothing to its trail."""
    kept = trail.append

    async def append(_connection: AsyncConnection, _entries: Sequence[AuditEntry]) -> None:
        return

    trail.append = append
    try:
        yield
    finally:
        trail.append = kept
