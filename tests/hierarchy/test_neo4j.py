"""What only the Neo4j engine has: its graph, batches on a stage, writes of the caller's own
transaction, other processes, a server out of reach."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, LiteralString

import neo4j as driver
import pytest
import pytest_asyncio
from neo4j.time import Date

from hierarchy import proposing
from hierarchy.errors import Refused, StoreError
from hierarchy.neo4j import Neo4jStore, _Stage, open_store
from hierarchy.store import HierarchyStore
from tests import servers
from tests.hierarchy.engines import Graph
from tests.hierarchy.test_store_decisions import (
    RECORDED,
    chains,
    dissolve,
    entries,
    establish,
    merge,
    rename,
    split,
    transfer,
)
from tests.hierarchy.test_store_decisions import decision as issued
from tests.hierarchy.trees import KINDS, Oracle, day, founding

ROOT = founding("A")
TREE = [
    ROOT,
    founding("B", "A", "level1"),
    founding("C", "A", "level1"),
    founding("D", "B", "level2"),
]
decision = partial(issued, issued_by="A")
MANY = [ROOT] + [founding(f"B{number}", "A", "level1") for number in range(2_000)]


@pytest_asyncio.fixture
async def graph(neo4j: servers.Server) -> Graph:
    made = Graph(neo4j)
    await made.empty()
    return made


@pytest_asyncio.fixture
async def raw(neo4j: servers.Server) -> AsyncIterator[driver.AsyncDriver]:
    """The operator's own hand on the database."""
    login = (neo4j.user, neo4j.password)
    async with driver.AsyncGraphDatabase.driver(neo4j.uri, auth=login) as opened:
        yield opened


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hierarchy.neo4j.BATCH", 50)


class Pause:
    """A write that stops amid its batches: it has `reached` that, and waits until it may `go`."""

    def __init__(self) -> None:
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def until(self, write: asyncio.Task[int]) -> None:
        """Returns when the write has stopped; raises what broke it before."""
        reached = asyncio.ensure_future(self.reached.wait())
        await asyncio.wait([reached, write], return_when=asyncio.FIRST_COMPLETED)
        if not self.reached.is_set():
            raise AssertionError(f"{await write} is written without a stop")


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch, small_batches: None) -> Pause:
    """Stops the first write in small batches when some units are placed and others are not."""
    made, write_batch, batches = Pause(), _Stage._write_batch, itertools.count()

    async def paused(stage: Any, transaction: Any, statement: str, rows: Any) -> None:
        if "PART_OF" in statement and next(batches) == 3:
            made.reached.set()
            await made.go.wait()
        await write_batch(stage, transaction, statement, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(_Stage, "_write_batch", paused)
    return made


async def found(graph: Graph, *foundings: object) -> int:
    async with graph.open() as store:
        return await store.extend(foundings, (), KINDS)  # type: ignore[arg-type]


async def test_nobody_sees_a_write_before_all_of_it(
    graph: Graph, raw: driver.AsyncDriver, pause: Pause
) -> None:
    """Its batches are in the database, and every read still gives the tree before."""
    write = asyncio.create_task(found(graph, *MANY))
    await pause.until(write)
    async with graph.open() as store:
        assert [entry async for entry in store.entries()] == []
        assert await store.subtree("A", day(0)) == []
        assert await store.ancestors("A", day(0)) == []
        pause.go.set()
        assert await write == 1
        assert len([entry async for entry in store.entries()]) == len(MANY)


async def test_nobody_sees_a_decision_before_all_of_it(
    graph: Graph, raw: driver.AsyncDriver, pause: Pause
) -> None:
    """What it founds is in the database; neither that nor what it moves is seen."""
    await found(graph, *TREE)
    new = [establish(f"N{number}", "C", "x", "level2", None) for number in range(1_000)]
    one = decision("1", 10, *new, merge(["B"], "C"))
    async with graph.open() as store:
        write = asyncio.create_task(store.extend([], [one], KINDS))
        await pause.until(write)
        assert await store.subtree("A", day(10)) == ["A", "B", "C", "D"]
        assert await store.decision("1") is None
        assert len(await store.lines_of(["B"])) == len(await store.lines_naming(["B"])) == 1
        assert await chains(store, "D", 10) == ["A B D"]
        assert len(await entries(store)) == len(TREE)
        pause.go.set()
        assert await write == 2
        assert await chains(store, "D", 10) == ["A C D"]
        assert len(await store.subtree("C", day(10))) == 1_003


async def test_a_decision_that_is_broken_off_may_be_taken_again(
    graph: Graph, raw: driver.AsyncDriver, pause: Pause
) -> None:
    """Its number and codes are not used by what it left behind."""
    await found(graph, *TREE)
    new = [establish(f"N{number}", "C", "x", "level2", None) for number in range(1_000)]
    one = decision("1", 10, *new, merge(["B"], "C"))
    async with graph.open() as store:
        write = asyncio.create_task(store.extend([], [one], KINDS))
        await pause.until(write)
        write.cancel()
        await asyncio.wait([write])
        assert await store.version() == 1
        other = decision("1", 20, establish("N1", "B", "x", "level2", None))
        async with store.writing() as bound:
            assert await bound.extend([], [other], KINDS) == 2
        assert await chains(store, "N1", 10, 20) == ["", "A B N1"]
    left = await raw.execute_query("MATCH (unit:Unit) RETURN count(unit)")
    assert left.records[0].value() == len(TREE) + 1


async def test_the_graph_tells_placements_lineage_and_decisions(
    graph: Graph, raw: driver.AsyncDriver
) -> None:
    """As the operator may ask for them; a reversed decision leaves no lineage and no place."""
    parts = [proposing.Part("E", "part", None, ("D",))]
    async with graph.open() as store:
        await store.extend(TREE, [decision("1", 10, split("B", parts, False))], KINDS)
        await store.extend([], [decision("2", 20, rename("E", "x"), merge(["E"], "C"))], KINDS)
        assert await placements(raw, "D") == [("B", 0, 10), ("E", 10, 20), ("C", 20, None)]
        assert await placements(raw, "E") == [("A", 10, 20), ("C", 20, None)]
        assert await told(raw, SUCCESSIONS) == [["B", "E", "1", day(10)], ["E", "C", "2", day(20)]]
        assert await told(raw, LINES) == [
            ["1", "SPLIT", "E", "B"],
            ["1", "TRANSFER", "D", "E"],
            ["2", "RENAME", "E", None],
            ["2", "MERGE", "E", "C"],
            ["2", "TRANSFER", "D", "C"],
            ["2", "DISSOLVE", "E", None],
        ]
        closed = "MATCH (unit:Unit) WHERE unit.closed_on IS NOT NULL RETURN unit.code"
        assert await told(raw, closed) == [["E"]]
        await store.reverse("2", "a mistake", RECORDED, KINDS)
        assert await placements(raw, "D") == [("B", 0, 10), ("E", 10, None)]
        assert await told(raw, closed) == []
        assert await told(raw, SUCCESSIONS) == [["B", "E", "1", day(10)]]
        await store.reverse("1", "a mistake", RECORDED, KINDS)
        assert await placements(raw, "D") == [("B", 0, None)]
        assert await placements(raw, "E") == []
        assert await told(raw, SUCCESSIONS) == []


SUCCESSIONS = """
MATCH (unit:Unit)-[succession:SUCCEEDED_BY]->(successor:Unit)
RETURN unit.code, successor.code, succession.number, succession.from ORDER BY succession.number
"""
LINES = """
MATCH (decision:Decision)<-[:OF]-(line:Change)-[:CHANGES]->(unit:Unit)
OPTIONAL MATCH (line)-[:NAMES]->(other:Unit)
RETURN decision.number, line.change, unit.code, other.code ORDER BY line.version, line.position
"""


async def told(raw: driver.AsyncDriver, query: LiteralString) -> list[list[object]]:
    """The rows of a query, days as plain dates."""
    rows = (await raw.execute_query(query)).records
    return [[each.to_native() if isinstance(each, Date) else each for each in row] for row in rows]


async def placements(raw: driver.AsyncDriver, code: str) -> list[tuple[object, ...]]:
    """The units above one, each from a day to a day."""
    answer = await raw.execute_query(
        "MATCH (:Unit {code: $code})-[placement:PART_OF]->(above:Unit) "
        "RETURN above.code, placement.from, placement.to ORDER BY placement.from",
        code=code,
    )
    return [(above, number(since), number(until)) for above, since, until in answer.records]


def number(of: Date | None) -> int | None:
    """A day's place after the first."""
    return None if of is None else (of.to_native() - day(0)).days


# Several writes as one


async def test_several_writes_are_seen_at_once(graph: Graph) -> None:
    """Inside the block each sees those before; outside nobody sees one before all."""
    await found(graph, *TREE)
    async with graph.open() as outside, graph.open() as store:
        async with store.writing() as bound:
            before = await state(outside)
            assert await bound.extend([], [decision("1", 10, transfer("D", "C"))], KINDS) == 2
            assert await bound.extend([founding("E", "C", "level2")], [], KINDS) == 3
            assert await bound.extend([], [decision("2", 20, merge(["C"], "B"))], KINDS) == 4
            assert await bound.reverse("1", "a mistake", RECORDED, KINDS) == 5
            assert await chains(bound, "E", 19, 20) == ["A C E", "A B E"]
            inside = await state(bound)
            assert await state(outside) == before
        assert await state(outside) == inside
        assert await outside.version() == 5


async def state(store: HierarchyStore) -> tuple[object, ...]:
    """Everything that a store tells of its tree."""
    lines = [await store.lines_of(["D", "E"]), await store.lines_naming(["C"])]
    heads = [await store.decision(number) for number in "12"]
    trees = [await store.subtree("C", day(number)) for number in (0, 10, 20)]
    above = [await store.parent("D", day(number)) for number in (0, 10, 20)]
    told = [sorted(map(repr, each)) for each in lines]
    return await store.version(), await entries(store), told, heads, trees, above


@pytest.mark.parametrize("error", [OSError("of the caller's"), asyncio.CancelledError()])
async def test_an_exception_leaves_nothing(graph: Graph, error: BaseException) -> None:
    """It comes out as it is, and the next writer finds the tree as it was."""
    await found(graph, *TREE)
    async with graph.open() as store:
        before = await state(store)
        with pytest.raises(type(error)) as raised:
            async with store.writing() as bound:
                await bound.extend([founding("E", "C", "level2")], [], KINDS)
                await bound.extend([], [decision("1", 10, merge(["D"], "E"))], KINDS)
                raise error
        assert raised.value is error
        assert await state(store) == before
        assert await store.extend([], [decision("1", 10, dissolve("D"))], KINDS) == 2


async def test_what_is_refused_may_be_let_pass(graph: Graph) -> None:
    await found(graph, *TREE)
    async with graph.open() as store, store.writing() as bound:
        await bound.extend([], [decision("1", 10, transfer("D", "C"))], KINDS)
        with pytest.raises(Refused):
            await bound.extend([], [decision("2", 10, dissolve("C"))], KINDS)
        assert await bound.extend([], [decision("2", 10, dissolve("D"))], KINDS) == 3
    async with graph.open() as store:
        assert await store.version() == 3


@pytest.mark.parametrize("is_another", [False, True])
async def test_a_second_writer_waits(graph: Graph, is_another: bool) -> None:
    """Of the same process or another, and decides on what the first one left."""
    await found(graph, *TREE)
    async with graph.open() as first, graph.open() as other:
        async with first.writing() as bound:
            second = other if is_another else first
            late = [decision("2", 10, dissolve("B"))]
            write = asyncio.create_task(second.extend([], late, KINDS))
            await bound.extend([], [decision("1", 10, dissolve("D"))], KINDS)
            await asyncio.wait([write], timeout=0.3)
            assert not write.done()
            assert await second.version() == 1
        assert await write == 3


async def test_a_caller_that_lost_the_lock_commits_nothing(
    graph: Graph, raw: driver.AsyncDriver
) -> None:
    """Its transaction is ended by the server: what it does next says so, in our words."""
    await found(graph, *TREE)
    async with graph.open() as store:
        with pytest.raises(StoreError):
            async with store.writing() as bound:
                await bound.extend([], [decision("1", 10, dissolve("D"))], KINDS)
                await raw.execute_query("TERMINATE TRANSACTION $id", id=await oldest(raw))
                with pytest.raises(StoreError):
                    await bound.extend([], [decision("2", 10, dissolve("C"))], KINDS)
        assert await store.version() == 1
        assert await store.extend([], [decision("2", 10, dissolve("C"))], KINDS) == 2


async def oldest(raw: driver.AsyncDriver) -> str:
    """The id of the transaction that has run longest."""
    running = await raw.execute_query(
        "SHOW TRANSACTIONS YIELD transactionId, elapsedTime RETURN transactionId "
        "ORDER BY elapsedTime DESC LIMIT 1"
    )
    return str(running.records[0][0])


async def test_a_batch_finds_its_parents_in_others(graph: Graph, small_batches: None) -> None:
    chain = [ROOT] + [founding(f"C{rank}", f"C{rank - 1}", f"level{rank}") for rank in range(2, 7)]
    chain.insert(1, founding("C1", "A", "level1"))
    leaves = [founding(f"D{number}", f"C{number % 5 + 1}", "level6") for number in range(300)]
    await found(graph, *leaves, *chain)
    oracle = Oracle([*chain, *leaves])
    async with graph.open() as store:
        for code in ("D0", "D4", "D299", "C6"):
            assert await store.ancestors(code, day(0)) == oracle.ancestors(code, day(0))
        for code in ("A", "C3", "C6"):
            assert await store.subtree(code, day(0)) == oracle.subtree(code, day(0))


async def test_a_writer_that_lost_the_lock_publishes_nothing(
    graph: Graph, raw: driver.AsyncDriver, pause: Pause
) -> None:
    """Its lock's transaction is ended by the server, another writer comes in between: only what
    the other wrote is there, whatever the first one still tried."""
    first = asyncio.create_task(found(graph, *MANY))
    await pause.until(first)
    await raw.execute_query("TERMINATE TRANSACTION $id", id=await oldest(raw))
    pause.go.set()
    assert await found(graph, founding("Z")) == 1
    with pytest.raises(StoreError):
        await first
    async with graph.open() as store:
        assert [entry.line async for entry in store.entries()] == [founding("Z")]
        assert await store.version() == 1
    nodes = await raw.execute_query("MATCH (unit:Unit) RETURN unit.code")
    assert [record.value() for record in nodes.records] == ["Z"]


async def test_a_writer_whose_stage_is_taken_stops(
    graph: Graph, raw: driver.AsyncDriver, pause: Pause
) -> None:
    write = asyncio.create_task(found(graph, *MANY))
    await pause.until(write)
    await raw.execute_query("MATCH (stage:Stage) SET stage.writer = 'another'")
    pause.go.set()
    with pytest.raises(StoreError, match="Another writer took over"):
        await write
    async with graph.open() as store:
        assert await store.version() == 0
        assert [entry async for entry in store.entries()] == []


async def test_a_writer_whose_stage_is_taken_at_the_end_publishes_nothing(
    graph: Graph, raw: driver.AsyncDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of its batches are written, and still it looks once more before they are seen."""
    stop, write_part = Pause(), _Stage.write

    async def stopped(stage: _Stage, part: Any) -> None:
        await write_part(stage, part)
        if "PART_OF" in part[0]:
            stop.reached.set()
            await stop.go.wait()

    monkeypatch.setattr(_Stage, "write", stopped)
    write = asyncio.create_task(found(graph, *TREE))
    await stop.until(write)
    await raw.execute_query("MATCH (stage:Stage) SET stage.writer = 'another'")
    stop.go.set()
    with pytest.raises(StoreError, match="Another writer took over"):
        await write
    async with graph.open() as store:
        assert await store.version() == 0


async def test_one_store_serves_many_at_once(graph: Graph) -> None:
    """Writers and readers of one process share a driver and never a session."""
    children = [founding(f"B{number}", "A", "level1") for number in range(8)]
    async with graph.open() as store:
        await store.extend([ROOT], (), KINDS)
        writes = [store.extend([child], (), KINDS) for child in children]
        reads = [store.ancestors("A", day(0)) for _ in range(20)]
        answers = await asyncio.gather(*writes, *reads)
        assert sorted(answers[:8]) == list(range(2, 10))  # type: ignore[type-var]
        assert answers[8:] == [["A"]] * 20


async def test_entries_may_be_left_halfway(graph: Graph) -> None:
    await found(graph, *MANY)
    async with graph.open() as store:
        async with aclosing(store.entries()) as entries:  # type: ignore[type-var]
            assert (await anext(entries)).line == ROOT
        assert await store.version() == 1


async def test_several_processes_prepare_one_database(graph: Graph) -> None:
    """Constraints and the empty tree are made once."""
    servers.wipe(graph.server, schema=True)
    assert await asyncio.gather(*(found(graph, ROOT) for _ in range(4))) == [1, 1, 1, 1]


async def test_preparing_keeps_the_tree(graph: Graph) -> None:
    await found(graph, ROOT)
    async with graph.open() as store:
        assert await store.version() == 1


async def test_preparing_does_not_wait_for_a_long_write(
    graph: Graph, raw: driver.AsyncDriver, pause: Pause
) -> None:
    """A worker starts, and answers with the tree before, while another one loads."""
    write = asyncio.create_task(found(graph, *MANY))
    await pause.until(write)
    async with graph.open() as store:
        assert await store.version() == 0
    pause.go.set()
    assert await write == 1


async def test_a_database_that_was_not_prepared_holds_no_tree(
    graph: Graph, raw: driver.AsyncDriver
) -> None:
    store = Neo4jStore(raw, "neo4j", graph.server.uri)
    with pytest.raises(StoreError, match="holds no tree"):
        await store.version()
    with pytest.raises(StoreError, match="holds no tree"):
        await store.extend([ROOT], (), KINDS)


@pytest.mark.parametrize("uri", ["bolt://127.0.0.1:1", "neo4j://127.0.0.1:1"])
async def test_a_server_that_is_not_there(neo4j: servers.Server, uri: str) -> None:
    """An error at once that names the address and tells nothing of the driver."""
    async with asyncio.timeout(5):
        assert (
            await refusal(replace(neo4j, uri=uri))
            == f"The graph database at {uri} cannot be reached."
        )


@pytest.mark.parametrize("uri", ["http://127.0.0.1:7687", "nonsense", "", "bolt://", "bolt://:x"])
async def test_an_address_that_is_none(neo4j: servers.Server, uri: str) -> None:
    message = await refusal(replace(neo4j, uri=uri))
    assert message == f"{uri!r} is no address of a graph database."


async def test_a_wrong_password(neo4j: servers.Server) -> None:
    message = await refusal(replace(neo4j, password="wrong"))
    assert message == f"The graph database at {neo4j.uri} refuses the user and password given."


async def test_a_database_that_is_not_there(neo4j: servers.Server) -> None:
    with pytest.raises(StoreError, match="has no database 'elsewhere'"):
        async with open_store(neo4j.uri, neo4j.user, neo4j.password, "elsewhere"):
            pass


async def refusal(server: servers.Server) -> str:
    with pytest.raises(StoreError) as refused:
        async with open_store(server.uri, server.user, server.password):
            pass
    return str(refused.value)
