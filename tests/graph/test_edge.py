"""The edge of a request where the tree lives in Neo4j: two databases, stored as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest_asyncio
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from graph.errors import INTERNAL
from graph.execution import Executor, Request
from graph.limits import Limits
from hierarchy.decision import Change, ChangeKind, Decision, Proposal, Step
from hierarchy.neo4j import Neo4jStore, open_store
from hierarchy.projection import read_kinds
from server.database import Database
from server.loading import load
from server.stores import Stores
from tests import province, servers
from tests.graph.reorganised import DECIDE, PREVIEW, decision, establish, rename, transfer
from tests.province import TODAY


@dataclass
class World:
    """The small province in PostgreSQL, its tree in a graph, and a worker over both."""

    database: Database
    graph: Neo4jStore
    executor: Executor

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        request = Request(query, variables, None, "en")
        return (await self.executor.answer(request, "leader_d")).body

    async def kept(self) -> tuple[int, int]:
        """The tree's version, which is the projected one, and the decisions projected."""
        assert await Stores(self.database, self.database, self.graph).is_current()
        async with self.database.reading() as connection:
            return await self.graph.version(), await province.count(connection, "decision")


@pytest_asyncio.fixture
async def world(
    fresh_database: Callable[[str], str], tmp_path: Path, empty_neo4j: servers.Server
) -> AsyncIterator[World]:
    database = Database(fresh_database("postgresql"))
    await database.migrate()
    login = empty_neo4j.uri, empty_neo4j.user, empty_neo4j.password
    async with open_store(*login) as graph:
        folder = province.write(tmp_path / "data", province.SMALL)
        await load(database, graph, folder, TODAY)
        stores = Stores(database, database, graph)
        yield World(database, graph, Executor(database, Limits(), b"k" * 32, lambda: TODAY, stores))
    await database.close()


TWO = """mutation ($input: DecisionInput!, $more: DecisionInput!) { ...Both }
  fragment Both on Mutation {
    decide(input: $input) { number } more: decide(input: $more) { number } }"""


async def test_decisions_of_one_request_are_kept_together_or_not_at_all(world: World) -> None:
    """In the graph too: what a later mutation of the request is refused for undoes the first."""
    first = decision("1", "D", "2024-06-15", establish("N", "D"))
    for change, kept in ((rename("D", "x"), 0), (transfer("B", "N"), 2)):
        before = await world.graph.version()
        body = await world.ask(TWO, input=first, more=decision("2", "D", "2024-06-15", change))
        assert ("errors" in body) == (kept == 0), body
        known = [await world.graph.decision(number) is not None for number in ("1", "2")]
        assert known == [kept == 2] * 2
        assert await world.kept() == (before + kept, kept)


async def test_deciders_at_once_take_turns(world: World) -> None:
    """And so does whoever records meanwhile: each is answered, and every decision is kept."""
    given = [
        decision(str(at), "D", "2024-06-15", establish(f"N{at}", "D"), clientKey=f"k{at}")
        for at in range(3)
    ]
    answers = await asyncio.gather(*(world.ask(DECIDE, input=each) for each in given))
    assert [each["data"]["decide"]["number"] for each in answers] == ["0", "1", "2"]
    assert (await world.kept())[1] == 3


class Lost(Exception):
    """The records' database went away before it had stored what the graph had."""


@dataclass
class Losing:
    """A records' database whose next transaction is lost at its end."""

    database: Database
    is_losing: bool = True

    def reading(self) -> Any:
        return self.database.reading()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        async with self.database.writing() as connection:
            yield connection
            if self.is_losing:
                raise Lost

    def is_retryable(self, error: DBAPIError) -> bool:
        return self.database.is_retryable(error)

    async def wait_before(self, attempt: int) -> None:
        await self.database.wait_before(attempt)


async def test_a_client_that_tries_again_finds_what_the_graph_has_kept(world: World) -> None:
    """Under its key; without one, or under another, the number is taken."""
    losing = Losing(world.database)
    world.executor.store = losing
    given = decision("1", "D", "2024-06-15", rename("G", "x"), clientKey="k")
    for _ in range(2):
        try:
            await world.ask(DECIDE, input=given)
            raise AssertionError("it was stored")
        except Lost:
            pass
        assert await world.graph.decision("1") is not None
    losing.is_losing = False
    other = await world.ask(DECIDE, input=given | {"clientKey": "other"})
    assert other["errors"][0]["extensions"]["code"] == "CONFLICT"
    changed = await world.ask(DECIDE, input=given | {"title": "Khác"})
    assert changed["errors"][0]["extensions"]["code"] == "CONFLICT"
    version = await world.graph.version()
    found = await world.ask(DECIDE, input=given)
    assert found["data"]["decide"]["number"] == "1"
    assert await world.ask(DECIDE, input=given) == found
    assert await world.kept() == (version, 1)


async def test_a_preview_waits_until_the_tree_is_projected(world: World) -> None:
    """What the graph has kept and nobody has projected yet would be foreseen on another tree."""
    async with world.database.reading() as connection:
        kinds = await read_kinds(connection)
    now = datetime.now(UTC)
    taken = Decision("1", "x", "D", TODAY, TODAY, now)
    step = Step(0, Change(ChangeKind.RENAME, "G", name="x"))
    await world.graph.extend([], [Proposal(taken, (step,))], kinds)
    given = decision("2", "D", "2024-06-15", rename("G", "y"))
    body = await world.ask(PREVIEW, input=given)
    assert body["data"] == {"previewDecision": None}
    assert body["errors"][0]["message"] == "The tree is being changed: ask again in a moment."
    await Stores(world.database, world.database, world.graph).catch_up()
    assert (await world.ask(PREVIEW, input=given))["data"]["previewDecision"]["problems"] == []


async def test_a_graph_that_cannot_be_reached_is_nobodys_to_know(world: World) -> None:
    """Where it lives and what is wrong with it stands in the log, not in the answer."""
    await world.graph._driver.close()
    given = decision("1", "D", "2024-06-15", rename("G", "y"))
    body = await world.ask(PREVIEW, input=given)
    [error] = body["errors"]
    assert (error["extensions"], error["message"]) == ({"code": "INTERNAL"}, INTERNAL)
