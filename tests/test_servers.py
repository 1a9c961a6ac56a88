"""The servers that the tests start: real, empty, and one run's alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from neo4j import AsyncGraphDatabase
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers import Server, neo4j_server, postgres_url


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_a_fresh_database_is_empty_and_takes_a_table(
    engine: str, fresh_database: Callable[[str], str]
) -> None:
    """Two databases of one engine are two: what is made in one is not in the other."""
    for _ in range(2):
        database = create_async_engine(fresh_database(engine))
        async with database.begin() as connection:
            await connection.execute(text("CREATE TABLE note (line TEXT)"))
        await database.dispose()


async def test_postgresql_is_18_and_takes_many_connections(postgres_url: str) -> None:
    """The version that production runs; 200 connections, so that pools of several tests fit."""
    database = create_async_engine(postgres_url)
    async with database.connect() as connection:
        version = (await connection.execute(text("SHOW server_version_num"))).scalar_one()
        connections = (await connection.execute(text("SHOW max_connections"))).scalar_one()
    await database.dispose()
    assert int(version) // 10_000 == 18
    assert int(connections) >= 100


@pytest.mark.parametrize("once_more", [False, True])
async def test_neo4j_is_5_26_and_empty_for_each_test(once_more: bool, empty_neo4j: Server) -> None:
    """What one test leaves behind the next does not find."""
    login = (empty_neo4j.user, empty_neo4j.password)
    async with AsyncGraphDatabase.driver(empty_neo4j.uri, auth=login) as driver:
        nodes, _, _ = await driver.execute_query("MATCH (n) RETURN count(n)")
        version, _, _ = await driver.execute_query("CALL dbms.components() YIELD versions")
        await driver.execute_query("UNWIND range(1, 10000) AS n CREATE (:Unit {code: n})")
    assert nodes[0][0] == 0
    assert version[0][0][0].startswith("5.")


def test_a_running_server_is_used_again(neo4j: Server) -> None:
    """Asking twice starts one server."""
    assert neo4j_server() == neo4j
    assert postgres_url() == postgres_url()
