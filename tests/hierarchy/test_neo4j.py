"""What only the Neo4j engine has: batches on a stage, other processes, a server out of reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import neo4j as driver
import pytest
import pytest_asyncio

from hierarchy.errors import StoreError
from hierarchy.neo4j import Neo4jStore, open_store
from tests import servers
from tests.hierarchy.engines import Graph
from tests.hierarchy.trees import KINDS, Oracle, day, founding

ROOT = founding("A")
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


async def staged(raw: driver.AsyncDriver) -> None:
    """Returns when the first batch of a write is in the database."""
    while not (await raw.execute_query("MATCH (entry:Entry) RETURN 1 LIMIT 1")).records:
        await asyncio.sleep(0.01)


async def found(graph: Graph, *foundings: object) -> int:
    async with graph.open() as store:
        return await store.found(foundings, KINDS)  # type: ignore[arg-type]


async def test_nobody_sees_a_write_before_all_of_it(
    graph: Graph, raw: driver.AsyncDriver, small_batches: None
) -> None:
    """Its batches are in the database, and every read still gives the tree before."""
    write = asyncio.create_task(found(graph, *MANY))
    await staged(raw)
    async with graph.open() as store:
        assert [entry async for entry in store.entries()] == []
        assert await store.subtree("A", day(0)) == []
        assert await store.ancestors("A", day(0)) == []
        assert not write.done()
        assert await write == 1
        assert len([entry async for entry in store.entries()]) == len(MANY)


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
    graph: Graph, raw: driver.AsyncDriver, small_batches: None
) -> None:
    """Its lock's transaction is ended by the server, another writer comes in between: only what
    the other wrote is there, whatever the first one still tried."""
    first = asyncio.create_task(found(graph, *MANY))
    await staged(raw)
    oldest = "SHOW TRANSACTIONS YIELD transactionId, elapsedTime RETURN transactionId "
    running = await raw.execute_query(f"{oldest} ORDER BY elapsedTime DESC LIMIT 1")
    await raw.execute_query("TERMINATE TRANSACTION $id", id=running.records[0][0])
    assert await found(graph, founding("Z")) == 1
    with pytest.raises(StoreError):
        await first
    async with graph.open() as store:
        assert [entry.founding async for entry in store.entries()] == [founding("Z")]
        assert await store.version() == 1
    nodes = await raw.execute_query("MATCH (unit:Unit) RETURN unit.code")
    assert [record.value() for record in nodes.records] == ["Z"]


async def test_a_writer_whose_stage_is_taken_stops(
    graph: Graph, raw: driver.AsyncDriver, small_batches: None
) -> None:
    write = asyncio.create_task(found(graph, *MANY))
    await staged(raw)
    await raw.execute_query("MATCH (stage:Stage) SET stage.writer = 'another'")
    with pytest.raises(StoreError, match="Another writer took over"):
        await write
    async with graph.open() as store:
        assert await store.version() == 0
        assert [entry async for entry in store.entries()] == []


async def test_one_store_serves_many_at_once(graph: Graph) -> None:
    """Writers and readers of one process share a driver and never a session."""
    children = [founding(f"B{number}", "A", "level1") for number in range(8)]
    async with graph.open() as store:
        await store.found([ROOT], KINDS)
        writes = [store.found([child], KINDS) for child in children]
        reads = [store.ancestors("A", day(0)) for _ in range(20)]
        answers = await asyncio.gather(*writes, *reads)
        assert sorted(answers[:8]) == list(range(2, 10))  # type: ignore[type-var]
        assert answers[8:] == [["A"]] * 20


async def test_entries_may_be_left_halfway(graph: Graph) -> None:
    await found(graph, *MANY)
    async with graph.open() as store:
        async with aclosing(store.entries()) as entries:  # type: ignore[type-var]
            assert (await anext(entries)).founding == ROOT
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
    graph: Graph, raw: driver.AsyncDriver, small_batches: None
) -> None:
    """A worker starts, and answers with the tree before, while another one loads."""
    write = asyncio.create_task(found(graph, *MANY))
    await staged(raw)
    async with graph.open() as store:
        assert await store.version() == 0
    assert not write.done()
    assert await write == 1


async def test_a_database_that_was_not_prepared_holds_no_tree(
    graph: Graph, raw: driver.AsyncDriver
) -> None:
    store = Neo4jStore(raw, "neo4j", graph.server.uri)
    with pytest.raises(StoreError, match="holds no tree"):
        await store.version()
    with pytest.raises(StoreError, match="holds no tree"):
        await store.found([ROOT], KINDS)


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
