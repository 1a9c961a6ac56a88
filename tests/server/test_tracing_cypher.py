"""Statements to Neo4j in a trace: each is a span, and none shows a value."""

from __future__ import annotations

import pytest

from hierarchy.errors import StoreError
from hierarchy.neo4j import open_store
from server.tracing import Tracing
from tests import servers
from tests.hierarchy.test_store_decisions import decision, rename
from tests.hierarchy.trees import KINDS, day, founding
from tests.server.test_tracing import Collector, collector

__all__ = ["collector"]


async def test_every_cypher_statement_is_a_span_without_its_values(
    collector: Collector, empty_neo4j: servers.Server
) -> None:
    """Of one statement by itself, of managed transactions and of one of our own; a failing one is
    marked and tells nothing more."""
    tracing = Tracing()
    server = empty_neo4j
    at = server.uri, server.user, server.password
    async with open_store(*at, around=tracing.of_graph) as store:
        await store.extend([founding("UNITCODE1")], [], KINDS)
        assert [entry async for entry in store.entries()]
        assert await store.ancestors("UNITCODE1", day(5)) == ["UNITCODE1"]
        renamed = decision("1", 3, rename("UNITCODE1", "Kept-topic"), issued_by="UNITCODE1")
        async with store.writing() as writing:
            await writing.extend([], [renamed], KINDS)
        with pytest.raises(StoreError):
            await store._read(lambda bound: bound._transaction.run("RETURN 1 +", x="UNITCODE1"))
    await tracing.close()
    spans = collector.named("cypher")
    statements = [each.value.string_value for span in spans for each in span.attributes]
    for word in ("CREATE CONSTRAINT", "MATCH", "RETURN"):
        assert any(word in each for each in statements), word
    assert [span.status.code for span in spans if span.status.code] == [2]
    everything = b"".join(collector.bodies)
    assert b"UNITCODE1" not in everything
    assert b"Kept-topic" not in everything
