"""What every test may ask for: the real servers, and databases that nobody else has touched.

Tests run in as many processes as `-n` says, each module in one of them. There is one Neo4j: a
module that uses it has it alone until its end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Literal

import pytest

from tests import servers

Engine = Literal["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL database of this session's own, empty when the session starts."""
    with servers.fresh_postgres_database() as url:
        yield url


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Engine], str]]:
    """A factory: `fresh_database("postgresql")` is the address of a new, empty database.

    The databases live until the session ends.
    """
    numbers = count(1)
    with ExitStack() as databases:

        def make(engine: Engine) -> str:
            if engine == "sqlite":
                folder = tmp_path_factory.mktemp("sqlite")
                return f"sqlite+aiosqlite:///{folder / f'chibo-{next(numbers)}.db'}"
            return databases.enter_context(servers.fresh_postgres_database())

        yield make


@pytest.fixture(scope="module")
def neo4j() -> Iterator[servers.Server]:
    """The Neo4j server, this module's alone until it ends, without constraints or indexes.

    Community has one database: it is emptied before and after, and a server that the environment
    names is refused where it already holds something.
    """
    with servers.locked("neo4j-use"):
        server = servers.neo4j_server()
        if "CHIBO_NEO4J_URI" in os.environ and not servers.is_empty(server):
            pytest.fail("CHIBO_NEO4J_URI names a database that is not empty: tests would delete it")
        servers.wipe(server, schema=True)
        yield server
        servers.wipe(server, schema=True)


@pytest.fixture
def empty_neo4j(neo4j: servers.Server) -> servers.Server:
    """The Neo4j server without a node; constraints and indexes stay through a module."""
    servers.wipe(neo4j)
    return neo4j
