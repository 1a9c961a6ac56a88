"""Random tales of foundings, decisions and reversals: what the timeline, both engines and the
projection make of them is what a naive replay makes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.decision import Change, ChangeKind, Decision, Problem, Proposal, Reversal, Step
from hierarchy.embedded import EmbeddedStore
from hierarchy.errors import Conflict, NotFound, Refused
from hierarchy.gathering import gather
from hierarchy.neo4j import Neo4jStore, open_store
from hierarchy.projection import apply, differences
from hierarchy.store import HierarchyStore, Told
from hierarchy.tables import change, decision, placement, revision, unit
from hierarchy.timeline import Lifeline, judge, judge_reversal, lifelines, reversal
from hierarchy.unit import Founding, folded, units_of_path
from tests import servers
from tests.hierarchy.decisions import (
    KINDS,
    MOMENT,
    Chronicle,
    Complaint,
    Event,
    Extend,
    Replay,
    Reverse,
    Tree,
    Verdict,
    ancestors,
    subtree,
    tales,
)
from tests.hierarchy.engines import Relational
from tests.hierarchy.trees import day, founding

LENIENT = [
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.function_scoped_fixture,
]


def _units(*units: Founding) -> Extend:
    return Extend((founding("A"), *units))


def _taken(number: int, effective: int, *changes: Change) -> Extend:
    head = Decision(str(number), "a title", "A", day(0), day(effective), MOMENT)
    steps = tuple(Step(place, each) for place, each in enumerate(changes))
    return Extend(proposals=(Proposal(head, steps),))


ESTABLISHED = Change(ChangeKind.ESTABLISH, "X", "A", "X", "level1")
SPLIT = Change(ChangeKind.SPLIT, "X", "B", "X")
FOLDER_CLOSES = _units(founding("B", "A", "level1", closed=9), founding("C", "A", "level1"))
OUT_OF_B = Change(ChangeKind.TRANSFER, "X", "C")
WITH_PART = [_units(founding("B", "A", "level1")), _taken(1, 9, SPLIT)]
RARE = {
    "what a folder closes is left by a decision of that day": [
        _units(*FOLDER_CLOSES.foundings[1:], founding("X", "B", "level2", closed=9)),
        _taken(1, 9, Change(ChangeKind.MERGE, "X", "C")),
        _taken(2, 5, Change(ChangeKind.RENAME, "X", name="another")),
    ],
    "both are given at once": [
        replace(
            _units(*FOLDER_CLOSES.foundings[1:], founding("X", "B", "level3")),
            proposals=_taken(1, 9, OUT_OF_B).proposals,
        ),
        _taken(2, 5, Change(ChangeKind.RENAME, "X", name="another")),
    ],
    "a unit of a folder stands under what a decision founded": [
        _units(),
        _taken(1, 3, ESTABLISHED),
        Extend((founding("B", "X", "level2", established=5),)),
        Reverse("1"),
    ],
    "a part is of the kind that what was split had then": [
        *WITH_PART,
        _taken(2, 10, Change(ChangeKind.ESTABLISH, "Y", "X", "Y", "level3")),
        _taken(3, 5, Change(ChangeKind.RECLASSIFY, "B", kind="level4")),
    ],
    "and so are the units of a folder under it": [
        *WITH_PART,
        Extend((founding("Y", "X", "level3"),)),
        _taken(3, 5, Change(ChangeKind.RECLASSIFY, "B", kind="level4")),
    ],
    "a part stands beside what was split as that stood then": [
        _units(founding("B", "A", "level2"), founding("C", "A", "level1", closed=20)),
        _taken(1, 16, SPLIT, Change(ChangeKind.DISSOLVE, "B")),
        _taken(2, 5, Change(ChangeKind.TRANSFER, "B", "C")),
    ],
    "into itself, by the way of what stands under it": [
        _units(founding("B", "A", "level1"), founding("C", "B", "level3")),
        _taken(
            1,
            5,
            Change(ChangeKind.RECLASSIFY, "B", kind="level4"),
            Change(ChangeKind.TRANSFER, "B", "C"),
        ),
    ],
    "into itself only on a later day": [
        _units(founding("B", "A", "level1"), founding("C", "A", "level1")),
        _taken(1, 9, Change(ChangeKind.RECLASSIFY, "B", kind="level4")),
        _taken(2, 9, Change(ChangeKind.TRANSFER, "B", "C")),
        _taken(
            3,
            5,
            Change(ChangeKind.RECLASSIFY, "C", kind="level2"),
            Change(ChangeKind.TRANSFER, "C", "B"),
        ),
    ],
    "a part takes what does not stand under what is split": [
        _units(founding("B", "A", "level1"), founding("C", "A", "level3")),
        replace(
            _taken(1, 5),
            proposals=(
                Proposal(
                    _taken(1, 5).proposals[0].decision,
                    (Step(0, SPLIT), Step(0, Change(ChangeKind.TRANSFER, "C", "X"), "B")),
                ),
            ),
        ),
    ],
    "what a unit is merged into leaves it later in the decision": [
        _units(founding("B", "A", "level1"), founding("C", "B", "level2")),
        _taken(1, 5, Change(ChangeKind.MERGE, "B", "C"), Change(ChangeKind.TRANSFER, "C", "A")),
    ],
    "a cycle within a decision that its end undoes": [
        _units(founding("B", "A", "level1"), founding("C", "B", "level3")),
        _taken(
            1,
            5,
            Change(ChangeKind.TRANSFER, "B", "C"),
            Change(ChangeKind.TRANSFER, "C", "A"),
            Change(ChangeKind.RECLASSIFY, "B", kind="level4"),
        ),
    ],
}
"""Tales that random ones seldom tell."""


@pytest.mark.parametrize("tale", RARE.values(), ids=RARE.keys())
def test_what_seldom_happens_is_judged_as_the_documents_say(tale: list[Event]) -> None:
    _judge(tale)


@settings(max_examples=90, deadline=None, suppress_health_check=LENIENT)
@given(tale=tales())
def test_the_timeline_judges_as_the_documents_say(tale: list[Event]) -> None:
    """From the whole ledger, and from no more than what is gathered of it."""
    _judge(tale)


def _judge(tale: list[Event]) -> None:
    chronicle = Chronicle()
    for event in tale:
        if isinstance(event, Extend):
            _hold_extension(chronicle, event)
        else:
            _hold_reversal(chronicle, event)
        _hold_lives(lifelines(chronicle.told()), chronicle.replay())


def _hold_extension(chronicle: Chronicle, event: Extend) -> None:
    new, proposed = chronicle.fresh(event.foundings, event.proposals)
    if any(each.decision.number in chronicle.decisions for each in proposed):
        return
    before, known, ledger = chronicle.replay(), chronicle.told(), InMemory(chronicle)
    judged = judge(known, event.foundings, proposed, KINDS)
    if not new:
        gathered = asyncio.run(gather(ledger, proposed))
        by_little = judge(gathered, (), proposed, KINDS)
        assert by_little.problems == judged.problems
        assert by_little.kept == judged.kept
    verdict = chronicle.follow(event.foundings, event.proposals)
    told = [problem for problems in judged.problems for problem in problems]
    if verdict.is_open and (judged.faults or told):
        return
    assert bool(judged.faults or told) is not verdict.is_taken, verdict.complaints
    if not verdict.is_taken:
        if not new and len(proposed) == 1:
            hold_problems(verdict, proposed[0], judged.problems[0])
        return
    assert [[*kept] for kept in judged.kept] == [
        verdict.replay.kept[each.decision.number] for each in proposed
    ]
    assert sorted(map(str, judged.foundings)) == sorted(map(str, new))
    _hold_lives(judged.lifelines, verdict.replay)
    assert _changed(before, verdict.replay) <= judged.changed


def _hold_reversal(chronicle: Chronicle, event: Reverse) -> None:
    before, known, ledger = chronicle.replay(), chronicle.told(), InMemory(chronicle)
    verdict = chronicle.follow_reversal(event.number)
    if verdict is None:
        return
    whole = judge_reversal(known, event.number, KINDS)
    told = asyncio.run(_in_the_way(ledger, event.number))
    assert list(told)[: len(whole.problems[0])] == whole.problems[0]
    assert bool(told) is not verdict.is_taken, verdict.complaints
    if verdict.is_taken:
        _hold_lives(whole.lifelines, verdict.replay)
        assert _changed(before, verdict.replay) <= whole.changed
    else:
        hold_late(verdict.complaints, told)


async def _in_the_way(ledger: InMemory, number: str) -> Sequence[Problem]:
    try:
        await reversal(ledger, number, KINDS)
    except Refused as refused:
        return refused.problems
    return ()


class InMemory:
    """A chronicle's lines as a ledger to be asked."""

    def __init__(self, chronicle: Chronicle) -> None:
        self._lines = chronicle.told()
        self._decisions = dict(chronicle.decisions)

    async def lines_of(self, codes: Collection[str]) -> list[Told]:
        return [told for told in self._lines if _names(told)[0] in codes]

    async def lines_naming(self, codes: Collection[str]) -> list[Told]:
        return [told for told in self._lines if _names(told)[1] in codes]

    async def lines_of_parts(self, codes: Collection[str]) -> list[Told]:
        named = await self.lines_naming(codes)
        changes = [told for told in named if isinstance(told.line, Change)]
        return [each for each in changes if each.line.founds and each.line.kind is None]

    async def decision(self, number: str) -> tuple[Decision, Reversal | None, list[Change]] | None:
        taken = self._decisions[number]
        return taken.decision, None, [step.change for step in taken.steps]

    async def issued_by(self, codes: Collection[str]) -> list[str]:
        return [
            number
            for number, taken in self._decisions.items()
            if taken.decision.issued_by in codes and not taken.is_reversed
        ]


def _names(told: Told) -> tuple[str, str | None]:
    if isinstance(told.line, Founding):
        return told.line.code, told.line.parent_code
    return told.line.unit_code, told.line.other_code


def hold_problems(verdict: Verdict, proposal: Proposal, told: Sequence[Problem]) -> None:
    """Every problem that is certain is told at a place that is to blame, and no other place is
    blamed."""
    mine = [each for each in verdict.complaints if not each.is_late]
    for each in mine:
        if each.certain:
            assert any(
                problem.change in each.places and problem.code in each.codes for problem in told
            ), (each, told)
    late = [each for each in verdict.complaints if each.is_late]
    places = {place for each in mine for place in each.places}
    if not late:
        assert {problem.change for problem in told} <= places, (told, mine)
    if not mine:
        hold_late(late, told)


def hold_late(late: Sequence[Complaint], told: Sequence[Problem]) -> None:
    """The first decision that stands in the way is named, and none that does not."""
    named = {number for problem in told for number in problem.later}
    assert named <= {each.number for each in late}, (late, told)
    first = next(each.number for each in late if each.certain)
    assert first is None or first in named, (late, told)
    for problem in told:
        assert problem.code == "CONFLICT" or not problem.later


def _changed(before: Replay, after: Replay) -> set[str]:
    """Units whose own fields or days are not what they were."""
    codes = before.last.keys() | after.last.keys()
    return {code for code in codes if _told(before, code) != _told(after, code)}


def _told(replay: Replay, code: str) -> object:
    stood = replay.last.get(code)
    spans = [(since, each.own) for since, each in replay.spans(code)]
    return stood and (stood.closed_on, stood.closed_by, stood.established_on, spans)


def _hold_lives(lives: dict[str, Lifeline], replay: Replay) -> None:
    """Every unit that was ever founded has its life told, and no other."""
    assert lives.keys() == replay.last.keys()
    for code, life in lives.items():
        stood, spans = replay.last[code], replay.spans(code)
        assert (life.code, life.stands_from) == (code, spans[0][0])
        assert life.established_on == stood.established_on
        assert (life.closed_on, life.closed_by) == (stood.closed_on, stood.closed_by)
        told = [
            (each.valid_from, (each.parent_code, each.name, each.kind, each.category))
            for each in life.versions
        ]
        assert told == [(since, each.own) for since, each in spans]
        for version, (since, each) in zip(life.versions, spans, strict=True):
            is_given = code in replay.foundings and since == spans[0][0]
            assert version.number in each.touched or (is_given and version.number is None)


# The stores and the projection

ON_SERVERS = settings(
    deadline=None,
    suppress_health_check=LENIENT,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
"""Tales are not made shorter where one fails: the timeline's test above does that in less time."""


@settings(ON_SERVERS, max_examples=12)
@given(tale=tales())
async def test_the_embedded_store_and_its_projection(sqlite: Relational, tale: list[Event]) -> None:
    await sqlite.empty()
    async with sqlite.database.begin() as connection:
        await _live_through(EmbeddedStore(connection), connection, tale)


@settings(ON_SERVERS, max_examples=4)
@given(tale=tales())
async def test_the_embedded_store_on_postgresql(postgresql: Relational, tale: list[Event]) -> None:
    await postgresql.empty()
    async with postgresql.database.begin() as connection:
        await _live_through(EmbeddedStore(connection), connection, tale)


@pytest_asyncio.fixture(scope="module")
async def graph(neo4j: servers.Server) -> AsyncIterator[Neo4jStore]:
    """One driver for all tales: to log in takes longer than most of them."""
    async with open_store(neo4j.uri, neo4j.user, neo4j.password) as store:
        yield store


@settings(ON_SERVERS, max_examples=3)
@given(tale=tales(most=5))
async def test_the_graph_and_its_projection(
    neo4j: servers.Server, graph: Neo4jStore, sqlite: Relational, tale: list[Event]
) -> None:
    servers.wipe(neo4j)
    await graph.prepare()
    await sqlite.empty()
    async with sqlite.database.begin() as connection:
        await _live_through(graph, connection, tale)


async def _live_through(
    store: HierarchyStore, connection: AsyncConnection, tale: list[Event]
) -> None:
    """Everything that happens, one after the other; after each the projection is brought up, and
    at the end it is made anew."""
    chronicle = Chronicle()
    for event in tale:
        await _happen(chronicle, store, event)
        await _hold_projection(connection, store, chronicle)
    await _hold_reads(store, chronicle)
    await _hold_ledger(store, chronicle)
    step_by_step = await _rows(connection)
    await _forget(connection)
    await apply(connection, store)
    assert await _rows(connection) == step_by_step


async def _happen(chronicle: Chronicle, store: HierarchyStore, event: Event) -> None:
    """The store takes it or refuses it as the chronicle does; where that is left open, the
    chronicle goes by the store."""
    before = [entry async for entry in store.entries()]
    try:
        if isinstance(event, Reverse):
            await store.reverse(event.number, "a reason", MOMENT, KINDS)
        else:
            await store.extend(event.foundings, event.proposals, KINDS)
    except (Conflict, NotFound) as error:
        assert [entry async for entry in store.entries()] == before
        verdict = _follow(chronicle.copy(), event)
        assert verdict is None or verdict.is_open or not verdict.is_taken, error
    else:
        verdict = _follow(chronicle, event)
        assert verdict is not None and verdict.is_taken, verdict
    assert await store.version() == chronicle.version


def _follow(chronicle: Chronicle, event: Event) -> Verdict | None:
    if isinstance(event, Reverse):
        return chronicle.follow_reversal(event.number)
    return chronicle.follow(event.foundings, event.proposals)


async def _hold_reads(store: HierarchyStore, chronicle: Chronicle) -> None:
    """On the day before the tree and on a few of those on which something happens."""
    replay = chronicle.replay()
    days = [day(-1), *replay.days[:: max(1, len(replay.days) // 3)], *replay.days[-1:]]
    for today in days:
        tree = replay.on(today)
        for code in [*replay.last, "nowhere"]:
            above = ancestors(tree, code)
            assert await store.ancestors(code, today) == above
            assert await store.parent(code, today) == (above[-2] if len(above) > 1 else None)
        for code in list(replay.last)[::4]:
            assert await store.subtree(code, today) == subtree(tree, code)


async def _hold_ledger(store: HierarchyStore, chronicle: Chronicle) -> None:
    """What was told is what comes back: entries by version, look-ups by code."""
    entries = [entry async for entry in store.entries()]
    places = [(entry.version, entry.position) for entry in entries]
    assert places == sorted(set(places))
    kept: dict[str, list[Change]] = {}
    for entry in entries:
        if isinstance(entry.line, Decision):
            kept[entry.line.number] = []
        elif isinstance(entry.line, Change):
            kept[list(kept)[-1]].append(entry.line)
    for number, taken in chronicle.decisions.items():
        lines = [step.change for step in taken.steps]
        assert kept[number] == lines
        found = await store.decision(number)
        assert found is not None
        assert (found[0], found[2]) == (taken.decision, lines)
        assert (found[1] is not None) is taken.is_reversed
    assert kept.keys() == chronicle.decisions.keys()
    assert {e.line for e in entries if isinstance(e.line, Founding)} == {
        founding for founding, _, _ in chronicle.foundings.values()
    }


async def _hold_projection(
    connection: AsyncConnection, store: HierarchyStore, chronicle: Chronicle
) -> None:
    """On every day one row for each unit of the tree, with all that it was on that day."""
    assert await apply(connection, store) == chronicle.version
    assert await differences(connection, store) == []
    replay = chronicle.replay()
    units, placements, _, _ = await _rows(connection)
    codes = {row["id"]: row["code"] for row in units}
    by_day = {today: replay.on(today) for today in [day(-1), *replay.days]}
    for today, tree in by_day.items():
        rows = {
            row["code"]: row
            for row in placements
            if row["valid_from"] <= today and (row["valid_to"] is None or today < row["valid_to"])
        }
        assert rows.keys() == tree.keys()
        for code, row in rows.items():
            _hold_row(row, code, tree, replay, codes)
    _hold_spans(placements)


def _hold_row(
    row: dict[str, Any], code: str, tree: Tree, replay: Replay, codes: dict[int, str]
) -> None:
    stood, closed_on = tree[code], replay.last[code].closed_on
    above = [codes[unit_id] for unit_id in units_of_path(row["path"])]
    assert above == ancestors(tree, code)
    assert (row["depth"], codes[row["unit_id"]]) == (len(above) - 1, code)
    assert row["parent_id"] is None or codes[row["parent_id"]] == stood.parent
    assert (row["parent_id"] is None) is (stood.parent is None)
    assert (row["name"], row["kind"], row["category"]) == stood.own[1:]
    assert (row["name_folded"], row["rank"]) == (folded(stood.name), KINDS.rank(stood.kind))
    assert (row["established_on"], row["closed_on"]) == (stood.established_on, closed_on)
    assert row["last_open_on"] == (closed_on and closed_on - timedelta(days=1))


def _hold_spans(placements: list[dict[str, Any]]) -> None:
    """A unit's rows follow each other without a gap, and no two in a row say the same."""
    before: dict[str, Any] | None = None
    for row in placements:
        if before is not None and before["unit_id"] == row["unit_id"]:
            assert before["valid_to"] == row["valid_from"]
            assert any(before[name] != row[name] for name in ("path", "name", "kind", "category"))
        elif before is not None:
            assert before["valid_to"] is None
        before = row


async def _rows(connection: AsyncConnection) -> list[list[dict[str, Any]]]:
    every = []
    for table in (unit, placement, decision, change):
        rows = await connection.execute(select(table).order_by(*table.primary_key.columns))
        every.append([dict(row) for row in rows.mappings()])
    return every


async def _forget(connection: AsyncConnection) -> None:
    for table in (change, decision, placement, unit):
        await connection.execute(delete(table))
    await connection.execute(update(revision).values(tree_version=0))
