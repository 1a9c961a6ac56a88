"""The projection of the ledger: the same rows however it got there, and healed by `apply`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.decision import Change, ChangeKind, Decision, Proposal, Step
from hierarchy.embedded import EmbeddedStore
from hierarchy.projection import apply, differences, projected_version, read_kinds
from hierarchy.store import HierarchyStore
from hierarchy.tables import placement, revision, unit, unit_kind
from hierarchy.unit import Founding, folded, prefixes
from tests import servers
from tests.hierarchy.engines import Graph, Relational
from tests.hierarchy.trees import KINDS, Oracle, day, founding, trees

Rows = list[dict[str, Any]]

RECORDED = datetime(2024, 1, 1, tzinfo=UTC)

SMALL = [
    founding("A", established=2),
    founding("B", "A", "level1", closed=9),
    founding("C", "B", "level3", established=5, closed=8, name="Đảng bộ Ể"),
    founding("Ê", "A", "level2"),
]


async def rows(connection: AsyncConnection) -> tuple[Rows, Rows]:
    units = await connection.execute(select(unit).order_by(unit.c.id))
    placements = await connection.execute(select(placement).order_by(placement.c.unit_id))
    return [dict(row) for row in units.mappings()], [dict(row) for row in placements.mappings()]


async def project(relational: Relational, *parts: Sequence[Founding]) -> tuple[Rows, Rows]:
    """The rows after founding each part and applying it, on an emptied database."""
    await relational.empty()
    async with relational.database.begin() as connection:
        store = EmbeddedStore(connection)
        for number, part in enumerate(parts, 1):
            await store.extend(part, (), KINDS)
            assert await apply(connection, store) == number
            assert await projected_version(connection) == number
        assert await differences(connection, store) == []
        return await rows(connection)


async def test_an_empty_tree_is_projected(relational: Relational) -> None:
    async with relational.database.begin() as connection:
        assert await apply(connection, EmbeddedStore(connection)) == 0
        assert await differences(connection, EmbeddedStore(connection)) == []
        assert await rows(connection) == ([], [])


async def test_kinds_are_read_by_rank(relational: Relational) -> None:
    async with relational.database.connect() as connection:
        assert await read_kinds(connection) == KINDS


async def test_where_each_unit_stands(relational: Relational) -> None:
    """A row a unit: its path and depth, the days it stands, its last open day, its folded name."""
    units, placements = await project(relational, SMALL)
    assert [(row["id"], row["code"], row["stands_from"]) for row in units] == [
        (0, "A", day(2)),
        (1, "B", day(2)),
        (2, "Ê", day(2)),
        (3, "C", day(5)),
    ]
    assert [(row["path"], row["depth"], row["parent_id"]) for row in placements] == [
        ("0000", 0, None),
        ("00000001", 1, 0),
        ("00000002", 1, 0),
        ("000000010003", 2, 1),
    ]
    assert placements[3]["last_open_on"] == day(7)
    assert placements[3]["name_folded"] == "dang bo e"
    assert placements[0]["last_open_on"] is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=trees(), data=st.data())
async def test_every_row_says_what_the_oracle_says(
    any_relational: Relational, tree: list[Founding], data: st.DataObject
) -> None:
    """However the tree was founded: in pieces cut anywhere."""
    cuts = sorted(data.draw(st.sets(st.integers(1, len(tree)), max_size=3)) | {0, len(tree)})
    parts = [tree[start:end] for start, end in itertools.pairwise(cuts)]
    units, placements = await project(any_relational, *parts)
    oracle = Oracle(tree)
    codes = {row["path"]: row["code"] for row in placements}
    ids = {row["code"]: row["id"] for row in units}
    assert len(codes) == len(units) == len(tree)
    for row in placements:
        its = oracle.units[row["code"]]
        above = [codes[path] for path in prefixes(row["path"])]
        assert above == oracle.ancestors(its.code, day(10_000))
        assert row["depth"] == len(above) - 1
        assert row["rank"] == KINDS.rank(its.kind)
        assert row["unit_id"] == ids[its.code]
        assert row["parent_id"] == (its.parent_code and ids[its.parent_code])
        assert row["valid_from"] == oracle.stands_from(its.code)
        assert row["last_open_on"] == (its.closed_on and its.closed_on - timedelta(days=1))
        assert (row["name"], row["name_folded"]) == (its.name, folded(its.name))
        assert (row["kind"], row["category"]) == (its.kind, its.category)
        assert (row["established_on"], row["closed_on"]) == (its.established_on, its.closed_on)


@pytest.mark.parametrize("batch", [1, 2, 3])
async def test_one_go_and_pieces_give_the_same_rows(
    relational: Relational, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """The same ledger applied at its end, after each version, or in small batches."""
    parts = (SMALL[:1], SMALL[1:3], SMALL[3:])
    in_pieces = await project(relational, *parts)
    monkeypatch.setattr("hierarchy.projection.BATCH", batch)
    assert await project(relational, *parts) == in_pieces
    await relational.empty()
    async with relational.database.begin() as connection:
        store = EmbeddedStore(connection)
        for part in parts:
            await store.extend(part, (), KINDS)
        assert await apply(connection, store) == 3
        assert await rows(connection) == in_pieces


async def test_applying_what_is_applied_changes_nothing(relational: Relational) -> None:
    before = await project(relational, SMALL)
    async with relational.database.begin() as connection:
        assert await apply(connection, EmbeddedStore(connection)) == 1
        assert await rows(connection) == before


async def test_what_was_not_committed_is_applied_again(relational: Relational) -> None:
    """A process that dies while it applies leaves the version before, and no row."""
    expected = await project(relational, SMALL)
    await relational.empty()
    async with relational.open() as store:
        await store.extend(SMALL, (), KINDS)
    async with relational.database.connect() as dying:
        await apply(dying, EmbeddedStore(dying))
        await dying.rollback()
    async with relational.database.begin() as connection:
        assert await projected_version(connection) == 0
        assert await rows(connection) == ([], [])
        assert await apply(connection, EmbeddedStore(connection)) == 1
        assert await rows(connection) == expected


async def test_processes_that_apply_at_once_apply_once(relational: Relational) -> None:
    expected = await project(relational, SMALL)
    await relational.empty()
    async with relational.open() as store:
        await store.extend(SMALL, (), KINDS)

    async def heal() -> int:
        async with relational.database.begin() as connection:
            return await apply(connection, EmbeddedStore(connection))

    assert await asyncio.gather(*(heal() for _ in range(4))) == [1] * 4
    async with relational.database.begin() as connection:
        assert await rows(connection) == expected


@pytest.mark.parametrize(
    "damage",
    [
        update(placement).where(placement.c.code == "B").values(name="another"),
        update(placement).where(placement.c.code == "B").values(path="00000009"),
        update(placement).where(placement.c.code == "B").values(closed_on=None),
        update(placement).where(placement.c.code == "Ê").values(valid_to=day(9)),
        update(unit).where(unit.c.code == "B").values(stands_from=day(1)),
        delete(placement).where(placement.c.code == "B"),
        delete(placement).where(placement.c.code == "C"),
        update(unit_kind).where(unit_kind.c.code == "level2").values(rank=9),
    ],
)
async def test_differences_finds_what_was_altered(relational: Relational, damage: Any) -> None:
    await project(relational, SMALL)
    async with relational.database.begin() as connection:
        await connection.execute(damage)
        assert await differences(connection, EmbeddedStore(connection))


async def test_differences_finds_what_was_not_applied(relational: Relational) -> None:
    async with relational.database.begin() as connection:
        store = EmbeddedStore(connection)
        await store.extend(SMALL, (), KINDS)
        assert len(await differences(connection, store)) == 2 * len(SMALL)


async def heal(relational: Relational, store: HierarchyStore) -> tuple[Rows, Rows]:
    async with relational.database.begin() as connection:
        await apply(connection, store)
        assert await differences(connection, store) == []
        return await rows(connection)


async def test_a_graph_projects_as_the_embedded_store_does(
    relational: Relational, neo4j: servers.Server
) -> None:
    """After a crash between the two databases, too: what is missing is applied."""
    once = await project(relational, SMALL[:2])
    twice = await project(relational, SMALL[:2], SMALL[2:])
    await relational.empty()
    graph = Graph(neo4j)
    await graph.empty()
    async with graph.open() as store:
        await store.extend(SMALL[:2], (), KINDS)
        assert await heal(relational, store) == once
        await store.extend(SMALL[2:], (), KINDS)
        async with relational.database.connect() as connection:
            assert await differences(connection, store)
            assert await projected_version(connection) == 1
        assert await heal(relational, store) == twice


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(tree=trees())
async def test_random_trees_project_alike_from_both_engines(
    sqlite: Relational, neo4j: servers.Server, tree: list[Founding]
) -> None:
    embedded = await project(sqlite, tree)
    graph = Graph(neo4j)
    await graph.empty()
    await sqlite.empty()
    async with graph.open() as store:
        await store.extend(tree, (), KINDS)
        assert await heal(sqlite, store) == embedded


async def test_the_revision_is_one_row(relational: Relational) -> None:
    await project(relational, SMALL)
    async with relational.database.connect() as connection:
        assert (await connection.execute(select(revision))).all() == [(1, 1, 0)]


async def test_a_part_follows_what_becomes_of_the_unit_split(relational: Relational) -> None:
    """A decision that lies back moves the unit split, and with it the part that stood beside it."""
    tree = [
        founding("A"),
        founding("B", "A", "level1"),
        founding("C", "A", "level1"),
        founding("D", "B", "level2"),
    ]
    part = Change(ChangeKind.SPLIT, "P", "D", name="a part")
    for number, (on, line) in enumerate(((20, part), (10, Change(ChangeKind.TRANSFER, "D", "C")))):
        days = day(on), day(on), RECORDED
        head = Decision(str(number), "a title", "A", *days)
        if number == 0:
            await relational.empty()
        async with relational.database.begin() as connection:
            store = EmbeddedStore(connection)
            await store.extend(tree, [Proposal(head, (Step(0, line),))], KINDS)
            await apply(connection, store)
            assert await differences(connection, store) == []
    async with relational.database.begin() as connection:
        _, placements = await rows(connection)
    ids = {row["code"]: row["unit_id"] for row in placements}
    [placed] = [row for row in placements if row["code"] == "P"]
    assert placed["parent_id"] == ids["C"]
