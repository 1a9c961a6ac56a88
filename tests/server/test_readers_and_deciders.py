"""Readers on two workers while the tree is reorganised: PostgreSQL with Neo4j.

Two deciders take and reverse what they draw, each by the databases' connections of a worker of
their own; twenty readers ask both workers for all units that they see. What each reader was shown
is held against the ledger at the version of its snapshot, told by a dict.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from graph.execution import Executor, Request
from hierarchy.decision import Change, ChangeKind, Decision, Reversal
from hierarchy.placements import read_revision
from hierarchy.store import Entry
from hierarchy.unit import Founding
from server.database import Database
from server.loading import load
from server.settings import Settings
from server.stores import Stores, open_stores
from server.verifying import violations
from tests import province
from tests.graph.reorganised import DECIDE, decision, establish, merge, rename, transfer
from tests.province import TODAY
from tests.servers import Server

DISTRICTS = ("D1", "D2", "D3")
UNITS = "\n".join(
    [
        "T,,Tỉnh ủy,province,,2000-01-01,",
        *(f"{code},T,Huyện ủy {code},district,,2000-01-01," for code in DISTRICTS),
        *(f"G{at},D{at % 3 + 1},Đảng bộ G{at},grassroots,,2000-01-01," for at in range(6)),
        *(f"B{at},G{at % 6},Chi bộ B{at},branch,,2000-01-01," for at in range(12)),
    ]
)
READERS = ("leader_t", "leader_d1", "leader_g0")
APPOINTMENTS = "\n".join(
    f"{principal},leader,{principal.split('_')[1].upper()},2020-01-01," for principal in READERS
)
UNITS_SEEN = (
    "{ units(filter: {status: ANY}, first: 200) "
    "{ totalCount nodes { code name closedOn parent { code } path { code } } } }"
)
REVERSE = """mutation ($number: String!) {
  reverseDecision(number: $number, reason: "-") { number } }"""
DRAWN = 6
DAYS = ("2024-06-01", "2024-06-08", "2024-06-15")

Shown = tuple[str | None, str, str | None, tuple[str, ...]]
"""The unit above, the name, the day of its end, and the path from the top."""
Tree = dict[str, Shown]


# ---- a worker, and who reads and decides there

_version: ContextVar[int] = ContextVar("version")
"""The tree's version in the snapshot that the task read last."""


@dataclass
class Watched:
    """A worker's database that tells of each snapshot which version of the tree it shows."""

    database: Database

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        async with self.database.reading() as connection:
            yield connection
            _version.set((await read_revision(connection)).tree_version)

    def writing(self) -> Any:
        return self.database.writing()

    def is_retryable(self, error: DBAPIError) -> bool:
        return self.database.is_retryable(error)

    async def wait_before(self, attempt: int) -> None:
        await self.database.wait_before(attempt)


@dataclass
class Read:
    """What one reader was shown. `answered`: how many acts had been answered when it asked."""

    principal: str
    answered: int
    version: int
    tree: Tree


@dataclass
class Course:
    """What happened: acts in the order in which they were answered, and what was read."""

    acts: list[tuple[str, bool]] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    is_over: bool = False


@dataclass
class Worker:
    """One process of a server, as far as answers go."""

    executor: Executor
    stores: Stores

    async def ask(self, principal: str, query: str, **variables: Any) -> dict[str, Any]:
        answer = await self.executor.answer(Request(query, variables, None, "en"), principal)
        return answer.body

    async def units(self, principal: str) -> Tree:
        body = await self.ask(principal, UNITS_SEEN)
        assert "errors" not in body, body
        shown = body["data"]["units"]
        assert shown["totalCount"] == len(shown["nodes"])
        return {
            node["code"]: (
                node["parent"] and node["parent"]["code"],
                node["name"],
                node["closedOn"],
                tuple(above["code"] for above in node["path"]),
            )
            for node in shown["nodes"]
        }


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Worker]:
    async with open_stores(settings) as stores:
        database, limits = Watched(stores.database), settings.limits()
        yield Worker(Executor(database, limits, b"-", settings.today, stores), stores)


async def read_on(worker: Worker, principal: str, course: Course, chance: random.Random) -> None:
    while not course.is_over:
        answered = len(course.acts)
        tree = await worker.units(principal)
        course.reads.append(Read(principal, answered, _version.get(), tree))
        await asyncio.sleep(chance.uniform(0, 1))


async def decide_on(worker: Worker, name: str, course: Course, chance: random.Random) -> None:
    """Draws decisions and takes them; what the other decider was in the way of is refused."""
    for drawn in range(1, DRAWN + 1):
        number = f"{name}{drawn}"
        given = draw(await worker.units("leader_t"), number, chance)
        if await is_done(worker, DECIDE, input=given):
            course.acts.append((number, False))
            if drawn % 3 == 0 and await is_done(worker, REVERSE, number=number):
                course.acts.append((number, True))


async def is_done(worker: Worker, mutation: str, **variables: Any) -> bool:
    """Whether it is; it may be refused for what others decided, and fail for nothing else."""
    body = await worker.ask("leader_t", mutation, **variables)
    codes = {error["extensions"]["code"] for error in body.get("errors", ())}
    assert codes <= {"CONFLICT", "BAD_USER_INPUT"}, body
    return not codes


def draw(tree: Tree, number: str, chance: random.Random) -> Any:
    """A decision that can be taken on this tree unless somebody comes between. G0, whose leader
    reads along, moves but never ends."""
    is_open = {code for code, unit in tree.items() if unit[2] is None}
    communes = sorted(code for code in is_open if code[0] in "GN" and code != "G0")
    branches = sorted(code for code in is_open if code[0] == "B")
    commune, branch = chance.choice(communes), chance.choice(branches)
    district, new = chance.choice(DISTRICTS), f"N{number}"
    changes = {
        "rename": [rename(chance.choice([commune, branch, district]), f"Tên {number}")],
        "commune": [transfer(commune, district), rename(commune, f"Tên {number}")],
        "branch": [transfer(branch, chance.choice([commune, "G0"]))],
        "merge": [establish(new, district), merge(commune, into=new)],
        "moved leader": [transfer("G0", chance.choice(sorted({*DISTRICTS} - {tree["G0"][0]})))],
    }
    kinds = chance.sample(sorted(changes), 2)
    lines = [line for kind in kinds for line in changes[kind]]
    return decision(number, "T", chance.choice(DAYS), *lines)


# ---- what the ledger says


def tree_at(entries: Iterable[Entry], version: int) -> Tree:
    """Today's tree at a version of the ledger: one line after the other, on a dict."""
    known = [entry for entry in entries if entry.version <= version]
    gone = {entry.line.number for entry in known if isinstance(entry.line, Reversal)}
    lines: list[tuple[date, int, int, Any]] = []
    head: Decision | None = None
    for entry in known:
        if isinstance(entry.line, Decision):
            head = entry.line
        elif isinstance(entry.line, Founding):
            lines.append((date.min, entry.version, entry.position, entry.line))
        elif head is not None and isinstance(entry.line, Change) and head.number not in gone:
            lines.append((head.effective_on, entry.version, entry.position, entry.line))
    above: dict[str, str | None] = {}
    names: dict[str, str] = {}
    ends: dict[str, str] = {}
    for day, _, _, line in sorted(lines, key=lambda each: each[:3]):
        if isinstance(line, Founding):
            above[line.code], names[line.code] = line.parent_code, line.name
            continue
        if line.change in (ChangeKind.ESTABLISH, ChangeKind.TRANSFER, ChangeKind.MERGE):
            above[line.unit_code] = line.other_code
        if line.change in (ChangeKind.ESTABLISH, ChangeKind.RENAME):
            names[line.unit_code] = line.name
        if line.change is ChangeKind.DISSOLVE:
            ends[line.unit_code] = day.isoformat()
    return {
        code: (above[code], names[code], ends.get(code), path_of(above, code)) for code in above
    }


def path_of(above: dict[str, str | None], code: str) -> tuple[str, ...]:
    parent = above[code]
    return (*(path_of(above, parent) if parent is not None else ()), code)


def seen_by(principal: str, tree: Tree) -> Tree:
    """What stands under the principal's unit or above it."""
    own = principal.split("_")[1].upper()
    return {code: unit for code, unit in tree.items() if own in unit[3] or code in tree[own][3]}


async def test_no_reader_sees_a_tree_that_no_decision_made(
    fresh_database: Callable[[str], str], empty_neo4j: Server, tmp_path: Path
) -> None:
    """Each answer is one version's tree, whole; whoever asks after a decision was answered sees
    it, on either worker."""
    login = {"neo4j_uri": empty_neo4j.uri, "neo4j_user": empty_neo4j.user}
    url, password = fresh_database("postgresql"), empty_neo4j.password
    settings = province.settings_of(tmp_path, url, **login, neo4j_password=password)
    async with working(settings) as one, working(settings) as other:
        await one.stores.prepare()
        files = {"units": UNITS, "appointments": APPOINTMENTS}
        folder = province.write(tmp_path / "data", files)
        await load(one.stores.database, one.stores.graph, folder, TODAY)
        course = await reorganise(one, other)
        assert not await violations(one.stores)
        assert one.stores.graph is not None
        entries = [entry async for entry in one.stores.graph.entries()]
    check(course, entries)


async def reorganise(one: Worker, other: Worker) -> Course:
    """Two deciders and twenty readers, until the deciders are done."""
    course = Course()
    async with asyncio.timeout(60), asyncio.TaskGroup() as everyone:
        for at in range(20):
            worker, principal = (one, other)[at % 2], READERS[at % 3]
            everyone.create_task(read_on(worker, principal, course, random.Random(at)))
        deciders = [
            everyone.create_task(decide_on(worker, name, course, random.Random(name)))
            for worker, name in ((one, "a"), (other, "b"))
        ]
        await asyncio.wait(deciders)
        course.is_over = True
    return course


def check(course: Course, entries: list[Entry]) -> None:
    taken = {e.line.number: e.version for e in entries if isinstance(e.line, Decision)}
    reversed_at = {e.line.number: e.version for e in entries if isinstance(e.line, Reversal)}
    versions = [
        (reversed_at if is_reversed else taken)[number] for number, is_reversed in course.acts
    ]
    trees = {read.version: tree_at(entries, read.version) for read in course.reads}
    for read in course.reads:
        assert read.tree == seen_by(read.principal, trees[read.version])
        assert read.version >= max(versions[: read.answered], default=1)
    assert len(trees) > DRAWN
    assert {number[0] for number in taken} == {"a", "b"} and reversed_at
