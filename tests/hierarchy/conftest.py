"""Databases of the tree's tests: made once, emptied for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.hierarchy.engines import Engine, Graph, Relational


@pytest_asyncio.fixture(scope="session")
async def sqlite(fresh_database: Callable[[str], str]) -> AsyncIterator[Relational]:
    made = Relational(fresh_database("sqlite"))
    await made.create()
    yield made
    await made.database.dispose()


@pytest_asyncio.fixture(scope="session")
async def postgresql(fresh_database: Callable[[str], str]) -> AsyncIterator[Relational]:
    made = Relational(fresh_database("postgresql"))
    await made.create()
    yield made
    await made.database.dispose()


@pytest.fixture(scope="module", params=["embedded-sqlite", "embedded-postgresql", "neo4j"])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn, as the test before left it."""
    if request.param == "neo4j":
        return Graph(request.getfixturevalue("neo4j"))
    made: Engine = request.getfixturevalue(request.param.removeprefix("embedded-"))
    return made


@pytest_asyncio.fixture
async def engine(any_engine: Engine) -> Engine:
    """Each engine in turn, with an empty tree."""
    await any_engine.empty()
    return any_engine


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def any_relational(request: pytest.FixtureRequest) -> Relational:
    """Each database that holds a projection, as the test before left it."""
    made: Relational = request.getfixturevalue(request.param)
    return made


@pytest_asyncio.fixture
async def relational(any_relational: Relational) -> Relational:
    """Each database that holds a projection, empty."""
    await any_relational.empty()
    return any_relational
