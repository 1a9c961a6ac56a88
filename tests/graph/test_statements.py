"""How much is asked of the database: one statement a level, few rows, and only what is selected.

Statements are counted for one parent and for fifty. Rows read are those that PostgreSQL counts
itself and those that SQLite's plan can walk; nothing here measures time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from graph.execution import Executor, Request
from graph.limits import Limits
from graph.resolvers.sizes import SizeKeeper
from hierarchy import placements
from hierarchy.scope import Base, Hold, Reach, Scope
from records import lists
from records.filters import MeetingFilter
from records.lists import MEETINGS, Listing
from server.database import Database
from tests import province
from tests.province import TODAY

CHILDREN = 50
FIXED = 1
"""The revision. Rights and kinds are kept from request to request."""


def wide() -> dict[str, str]:
    """A province of fifty districts, of which D01 has one child and D02 fifty; each child of
    those has two branches, and everybody a few records."""
    units, meetings, inspections = ["T,,Tỉnh,province,,2000-01-01,"], [], []
    for d in range(1, CHILDREN + 1):
        units.append(f"D{d:02},T,Huyện,district,,2000-01-01,")
        for g in range({1: 1, 2: CHILDREN}.get(d, 0)):
            code = f"D{d:02}G{g:02}"
            units.append(f"{code},D{d:02},Xã,grassroots,,2000-01-01,")
            units += [f"{code}B{b},{code},Chi bộ,branch,,2000-01-01," for b in range(2)]
    for line in units:
        code = line.partition(",")[0]
        for month in range(1, 6):
            meetings.append(f"{code},2024-{month:02}-01,REGULAR,IN_PERSON,,5,5,,true,false,")
        by = "T" if code == "T" else code[:3]
        inspections.append(f"{code},{by},COMMITTEE,INSPECTION,PROGRAMME,,,2024-05-01,,OPEN,1,0,0")
    return {
        "units": "\n".join(units),
        "appointments": "one,leader,D01,2020-01-01,\nmany,leader,D02,2020-01-01,\n"
        "all,leader,T,2020-01-01,",
        "meetings": "\n".join(meetings),
        "inspections": "\n".join(inspections),
    }


@pytest_asyncio.fixture(scope="module", params=["sqlite", "postgresql"])
async def executor(
    request: pytest.FixtureRequest,
    fresh_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Executor]:
    """A worker over the wide province, its caches warm."""
    database = Database(fresh_database(request.param))
    await province.fill(database, tmp_path_factory.mktemp("wide"), wide())
    made = Executor(database, Limits(), b"k" * 32, lambda: TODAY)
    for principal in ("one", "many", "all"):
        warm = "{ viewer { name } meetings { nodes { id } } inspections { nodes { id } } }"
        await answer(made, principal, warm)
    yield made
    await database.close()


async def answer(executor: Executor, principal: str, query: str) -> dict[str, Any]:
    found = await executor.answer(Request(query, None, None, "en"), principal)
    assert "errors" not in found.body, found.body
    data: dict[str, Any] = found.body["data"]
    return data


async def counted(executor: Executor, principal: str, query: str) -> int:
    """The statements of a query, apart from the fixed ones."""
    database: Any = executor.store
    with province.statements(database) as seen:
        await answer(executor, principal, query)
    return len(seen) - FIXED


# ---- statements

LEVELS = {
    # What is asked of a unit, and how many statements more than finding the unit that takes.
    "children(first: 200) { nodes { code } }": 1,
    "children(first: 200) { nodes { code meetings(first: 3) { nodes { heldOn } } } }": 2,
    "children(first: 200) { nodes { meetings(first: 3) { nodes { heldOn unit { code } } } } }": 2,
    "children(first: 200) { nodes { meetings(first: 3) { edges { cursor node { id } } } } }": 2,
    "children(first: 200) { nodes { meetings { totalCount } } }": 2,
    "children(first: 200) { nodes { meetings { totalCount nodes { id } } } }": 3,
    "children(first: 200) { nodes { a: meetings(first: 1) { nodes { id } } "
    "b: meetings(first: 2) { nodes { id } } } }": 3,
    "children(first: 200) { nodes { meetings(filter: {kind: REGULAR}) { nodes { id } } } }": 2,
    "children(first: 200) { nodes { children { nodes { code } } } }": 2,
    "children(first: 200) { nodes { children { totalCount } } }": 2,
    "children(first: 200) { nodes { children(first: 1) { nodes { code } "
    "pageInfo { hasNextPage endCursor startCursor hasPreviousPage } } } }": 2,
    "children(first: 200) { nodes { children(first: 2) { nodes { meetings(first: 2) { nodes "
    "{ unit { code parent { code } } } } } } } }": 4,
    "children(first: 200) { nodes { meetingSummary { meetings attendanceRate } } }": 2,
    "children(first: 200) { nodes { meetingSummary(groupBy: KIND) { kind meetings } "
    "inspectionSummary { inspections } } }": 3,
    "children(first: 200) { nodes { meetingSummary(groupBy: CHILD) { child { code } "
    "meetings } } }": 3,
    "children(first: 200) { nodes { path { code } parent { code } } }": 2,
    "children(first: 200) { nodes { inspections { nodes { by { code } } } } }": 3,
    "children(first: 200) { nodes { inspections { nodes { by { path { code } } } } } }": 4,
    "children(first: 200) { nodes { evaluations { nodes { year } } } }": 2,
}


@pytest.mark.parametrize("asked", LEVELS)
async def test_statements_are_one_a_level_whatever_the_parents(
    executor: Executor, asked: str
) -> None:
    """As many for a unit with one child as for one with fifty."""
    of_one = await counted(executor, "one", f'{{ unit(code: "D01") {{ {asked} }} }}')
    of_many = await counted(executor, "many", f'{{ unit(code: "D02") {{ {asked} }} }}')
    assert (of_one, of_many) == (1 + LEVELS[asked], 1 + LEVELS[asked])


ROOTS = {
    "units { nodes { code } }": 1,
    "units { totalCount }": 1,
    "units { nodes { parent { code } path { code } } }": 2,
    "meetings { nodes { id unit { code } } }": 1,
    "meetings { nodes { unit { parent { code } } } }": 2,
    "meetings { nodes { id } pageInfo { hasNextPage endCursor } }": 1,
    "meetings { nodes { id } totalCount }": 2,
    "inspections { nodes { by { code } unit { code } } }": 2,
    "meetingSummary { meetings unitsMet averageScore }": 1,
    "viewer { name appointments { role validFrom } }": 0,
    "viewer { appointments { unit { code path { code } } } }": 2,
}


@pytest.mark.parametrize("asked", ROOTS)
async def test_statements_at_the_root(executor: Executor, asked: str) -> None:
    for principal in ("one", "many"):
        assert await counted(executor, principal, f"{{ {asked} }}") == ROOTS[asked]


async def test_counting_runs_only_where_it_is_selected(executor: Executor) -> None:
    """`totalCount` and `hasPreviousPage` have a statement each, the other parts none; the first
    page asks nothing to know that it is the first."""
    page = await answer(executor, "all", "{ meetings(first: 2) { pageInfo { endCursor } } }")
    after = orjson.dumps(page["meetings"]["pageInfo"]["endCursor"]).decode()
    for selected, statements in (
        ("nodes { id }", 1),
        ("pageInfo { hasPreviousPage }", 1),
        ("nodes { id } pageInfo { hasNextPage startCursor }", 1),
        ("nodes { id } pageInfo { hasPreviousPage }", 2),
        ("nodes { id } totalCount", 2),
        ("totalCount", 1),
        ("totalCount nodes { id } pageInfo { hasPreviousPage hasNextPage }", 3),
    ):
        query = f"{{ meetings(first: 2, after: {after}) {{ {selected} }} }}"
        assert await counted(executor, "all", query) == statements, selected
    query = "{ meetings(first: 2) { nodes { id } pageInfo { hasPreviousPage } } }"
    assert await counted(executor, "all", query) == 1


async def test_what_is_the_same_is_fetched_once(executor: Executor) -> None:
    """Two aliases of one thing in one request, and a unit that many records share."""
    twice = "a: children { nodes { code } } b: children { nodes { code } }"
    assert await counted(executor, "all", f'{{ unit(code: "T") {{ {twice} }} }}') == 2


async def test_skipped_parts_are_not_fetched(executor: Executor) -> None:
    query = '{ unit(code: "T") { code children @skip(if: true) { nodes { code } } } }'
    assert await counted(executor, "all", query) == 1


async def test_a_cold_worker_asks_a_fixed_number_more(executor: Executor) -> None:
    """Kinds with their standings, appointments, policy, where they are held, grants to those who
    hold them: once a revision."""
    cold = Executor(executor.store, Limits(), b"k" * 32, lambda: TODAY)
    first = await counted(cold, "all", "{ viewer { name } }")
    assert first <= 6
    assert await counted(cold, "all", "{ viewer { name } }") == 0
    assert await counted(cold, "one", "{ viewer { name } }") == 3


# ---- rows read

UNITS_OF_LARGE, UNITS_OF_SMALL, MEETINGS_OF_EACH = 600, 5, 36


def districts() -> dict[str, str]:
    """A district of 600 grassroots branches and one of 5; three years of monthly meetings."""
    units = ["T,,Tỉnh,province,,2000-01-01,"]
    for code, many in (("L", UNITS_OF_LARGE), ("S", UNITS_OF_SMALL)):
        units.append(f"{code},T,Huyện,district,,2000-01-01,")
        units += [
            f"{code}{at:04},{code},Chi bộ,grassroots_branch,,2000-01-01," for at in range(many)
        ]
    meetings = []
    for line in units[1:]:
        code = line.partition(",")[0]
        for at in range(MEETINGS_OF_EACH):
            day = date(2024, 6, 1) - timedelta(days=30 * at + len(meetings) % 28)
            meetings.append(f"{code},{day},REGULAR,IN_PERSON,,5,5,,true,false,")
    return {"units": "\n".join(units), "meetings": "\n".join(meetings)}


WHOLE = Scope((Hold(Base(0, "", 0, 0), Reach("subtree")),))


@pytest_asyncio.fixture(scope="module")
async def large(
    fresh_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    """Both districts on PostgreSQL, which counts the rows it reads."""
    async for database in filled(fresh_database("postgresql"), tmp_path_factory):
        yield database


@pytest_asyncio.fixture(scope="module")
async def large_sqlite(
    fresh_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    async for database in filled(fresh_database("sqlite"), tmp_path_factory):
        yield database


async def filled(url: str, folders: pytest.TempPathFactory) -> AsyncIterator[Database]:
    database = Database(url)
    await province.fill(database, folders.mktemp("districts"), districts())
    yield database
    await database.close()


async def plan_for(connection: AsyncConnection, scope: Scope) -> bool:
    """Whether the newest hundred are gathered unit by unit, as the server chooses."""
    revision = await placements.read_revision(connection)
    return await SizeKeeper().is_small(connection, revision, scope, TODAY, 100)


async def rows_read(
    database: Database, connection: AsyncConnection, run: Callable[[], Any]
) -> Counter[str]:
    """The rows that PostgreSQL takes from each table for the one statement of `run`."""
    with province.captured(database) as seen:
        await run()
    [(statement, parameters)] = seen
    explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
    [whole] = (await connection.exec_driver_sql(explained, parameters)).scalar_one()
    read: Counter[str] = Counter()
    for node in nodes_of(whole["Plan"]):
        if "Relation Name" in node:
            read[node["Relation Name"]] += round(rows_of(node))
    return read


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)


def rows_of(node: dict[str, Any]) -> float:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    rows: float = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return rows


@pytest.mark.parametrize("code", ["T", "L", "S"])
async def test_the_newest_hundred_read_few_rows(large: Database, code: str) -> None:
    """Of 21,800 meetings a few hundred at most, in the subtree that holds nearly all of them and
    in the one that holds a hundredth: the plan is chosen by the subtree's size."""
    async with large.reading() as connection:
        scope = await scope_at(connection, code)
        few_units = await plan_for(connection, scope)
        asked = (connection, MEETINGS, scope, TODAY, Listing(MeetingFilter()), None, 100)
        assert len(await lists.first_records(*asked, few_units)) == 100
        read = await rows_read(large, connection, lambda: lists.first_records(*asked, few_units))
        assert read["meeting"] <= 300
        other = await rows_read(
            large, connection, lambda: lists.first_records(*asked, not few_units)
        )
        assert read["meeting"] <= other["meeting"]


async def test_the_first_of_many_units_read_few_rows(large: Database) -> None:
    """Three meetings of each of fifty units: three rows a unit, not all that it has."""
    async with large.reading() as connection:
        rows = await connection.execute(
            text("SELECT unit_id FROM placement WHERE code LIKE 'L00%' ORDER BY code LIMIT 50")
        )
        ids = list(rows.scalars())
        asked = (connection, MEETINGS, WHOLE, TODAY, ids, Listing(MeetingFilter()), None, 3)
        found = await lists.first_of_units(*asked)
        assert [len(some) for some in found.values()] == [3] * 50
        read = await rows_read(large, connection, lambda: lists.first_of_units(*asked))
        assert read["meeting"] <= 50 * 3


async def test_a_page_far_in_reads_no_more_than_the_first(large: Database) -> None:
    """Pages are found by their key: what was turned over is not read again."""
    async with large.reading() as connection:
        asked = (connection, MEETINGS, WHOLE, TODAY, Listing(MeetingFilter()))
        far = await lists.first_records(*asked, None, 15_000, False)
        after = MEETINGS.position(far[-1])
        read = await rows_read(
            large, connection, lambda: lists.first_records(*asked, after, 100, False)
        )
        assert read["meeting"] <= 110


@pytest.mark.parametrize("code", ["T", "L", "S"])
async def test_sqlite_reads_no_whole_table(large_sqlite: Database, code: str) -> None:
    """Records are walked by their day until the page is full, or looked up unit by unit."""
    async with large_sqlite.reading() as connection:
        scope = await scope_at(connection, code)
        few_units = await plan_for(connection, scope)
        with province.captured(large_sqlite) as seen:
            asked = (connection, MEETINGS, scope, TODAY, Listing(MeetingFilter()), None, 100)
            await lists.first_records(*asked, few_units)
        [(statement, parameters)] = seen
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [row.detail for row in plan]
        scans = [step for step in steps if step.startswith("SCAN")]
        if few_units:
            assert not scans, steps
        else:
            assert scans == ["SCAN meeting USING INDEX ix_meeting_held_on_id"], steps
            assert not any("ORDER BY" in step for step in steps), steps


async def scope_at(connection: AsyncConnection, code: str) -> Scope:
    """All of the subtree of a unit."""
    unit = await placements.find(connection, WHOLE, code, TODAY)
    assert unit is not None
    return Scope((Hold(Base(unit.unit_id, unit.path, unit.depth, unit.rank), Reach("subtree")),))
