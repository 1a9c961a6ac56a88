"""Decisions in the hierarchy store: one suite of its contract, every engine, small trees by hand.

P ─ H1 ─ X1 ─ b1, b2
  │    └ X2 ─ b3
  └ H2 ─ X3 ─ b4
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
import pytest_asyncio

from hierarchy import proposing
from hierarchy.decision import Change, ChangeKind, Decision, Problem, Proposal, Reversal, Step
from hierarchy.errors import Conflict, NotFound, Refused
from hierarchy.neo4j import Neo4jStore
from hierarchy.proposing import Part
from hierarchy.store import Entry, HierarchyStore, Told
from hierarchy.unit import Kind, Kinds, Standing
from tests.hierarchy.engines import Engine, Graph
from tests.hierarchy.trees import KINDS as LEVELS
from tests.hierarchy.trees import ODD_CODES, day, founding

LAST_DISTRICTS = 100
KINDS = Kinds.of(
    [
        Kind("province", "Tỉnh", 1),
        Kind("district", "Huyện", 2),
        Kind("commune", "Xã", 2),
        Kind("grassroots", "Đảng bộ cơ sở", 3),
        Kind("grassroots_branch", "Chi bộ cơ sở", 3),
        Kind("branch", "Chi bộ", 5),
    ],
    [
        Standing("district", "province", None, day(LAST_DISTRICTS)),
        Standing("commune", "province"),
        Standing("grassroots", "province"),
        Standing("grassroots", "district"),
        Standing("grassroots_branch", "commune"),
        Standing("branch", "grassroots"),
    ],
)
TREE = [
    founding("P", None, "province"),
    founding("H1", "P", "district"),
    founding("H2", "P", "district"),
    founding("X1", "H1", "grassroots"),
    founding("X2", "H1", "grassroots"),
    founding("X3", "H2", "grassroots"),
    founding("b1", "X1", "branch"),
    founding("b2", "X1", "branch"),
    founding("b3", "X2", "branch"),
    founding("b4", "X3", "branch"),
]
RECORDED = datetime(2026, 2, 3, 4, 5, 6, 789_012, timezone(timedelta(hours=7)))

establish = partial(proposing.establish, 0)
transfer = partial(proposing.transfer, 0)
merge = partial(proposing.merge, 0)
split = partial(proposing.split, 0)
dissolve = partial(proposing.dissolve, 0)
rename = partial(proposing.rename, 0)
reclassify = partial(proposing.reclassify, 0)


@pytest_asyncio.fixture(scope="module")
async def graph(any_engine: Engine) -> AsyncIterator[Neo4jStore | None]:
    """The graph's store, of one driver for all tests: to log in takes longer than most of them."""
    if not isinstance(any_engine, Graph):
        yield None
        return
    async with any_engine.open() as opened:
        yield opened


@pytest_asyncio.fixture
async def store(engine: Engine, graph: Neo4jStore | None) -> AsyncIterator[HierarchyStore]:
    """A store with the tree above, founded on day 0 as version 1."""
    async with AsyncExitStack() as stack:
        opened: HierarchyStore
        if graph is None:
            opened = await stack.enter_async_context(engine.open())
        else:
            await graph.prepare()
            opened = graph
        await opened.extend(TREE, (), KINDS)
        yield opened


def decision(
    number: str, effective: int, *changes: Sequence[Step], issued_by: str = "P"
) -> Proposal:
    """One that takes effect on a day of that number; each change has its place."""
    head = Decision(number, f"Decision {number}", issued_by, day(0), day(effective), RECORDED)
    steps = [replace(step, place=place) for place, each in enumerate(changes) for step in each]
    return Proposal(head, tuple(steps))


async def take(store: HierarchyStore, *proposals: Proposal) -> int:
    return await store.extend([], proposals, KINDS)


async def refusal(store: HierarchyStore, *proposals: Proposal) -> list[tuple[int, str]]:
    """Place and code of every problem; what is there stays as it is, and it was told before."""
    before = await entries(store)
    with pytest.raises(Refused) as refused:
        await take(store, *proposals)
    assert await entries(store) == before
    assert await store.version() == before[-1].version
    if len(proposals) == 1:
        assert tuple(await problems(store, *proposals)) == refused.value.problems
    return [(problem.change, problem.code) for problem in refused.value.problems]


async def problems(
    store: HierarchyStore, proposal: Proposal, kinds: Kinds = KINDS
) -> Sequence[Problem]:
    """What a decision would be refused for, as it is told without taking it."""
    try:
        return (await store.judged(proposal, kinds)).problems[0]
    except Refused as refused:
        return refused.problems


async def later(store: HierarchyStore, proposal: Proposal) -> set[tuple[str, tuple[str, ...]]]:
    """Code of every problem with the decisions that stand in the way."""
    await refusal(store, proposal)
    return {(each.code, each.later) for each in await problems(store, proposal)}


async def entries(store: HierarchyStore, after: int = 0) -> list[Entry]:
    return [entry async for entry in store.entries(after)]


async def lines(store: HierarchyStore, number: str) -> list[Change]:
    kept = await store.decision(number)
    assert kept is not None
    return kept[2]


async def chains(store: HierarchyStore, code: str, *days: int) -> list[str]:
    """Where a unit stands on each of the days, from the top down."""
    found = [await store.ancestors(code, day(number)) for number in days]
    parents = [await store.parent(code, day(number)) for number in days]
    assert parents == [chain[-2] if len(chain) > 1 else None for chain in found]
    return [" ".join(chain) for chain in found]


async def below(store: HierarchyStore, code: str, *days: int) -> list[str]:
    """What stands at or under a unit on each of the days."""
    return [" ".join(await store.subtree(code, day(number))) for number in days]


# Each kind of change


async def test_an_established_unit_stands_from_the_day_of_effect(store: HierarchyStore) -> None:
    assert (
        await take(store, decision("1", 10, establish("X4", "H2", "new", "grassroots", None))) == 2
    )
    assert await chains(store, "X4", 9, 10, 11) == ["", "P H2 X4", "P H2 X4"]
    assert await below(store, "H2", 9, 10) == ["H2 X3 b4", "H2 X3 X4 b4"]
    assert await below(store, "X4", 9, 10) == ["", "X4"]


async def test_a_transfer_takes_the_subtree_along(store: HierarchyStore) -> None:
    await take(store, decision("1", 10, transfer("X1", "H2")))
    assert await chains(store, "b1", 9, 10, 11) == ["P H1 X1 b1", "P H2 X1 b1", "P H2 X1 b1"]
    assert await below(store, "H1", 9, 10) == ["H1 X1 X2 b1 b2 b3", "H1 X2 b3"]
    assert await below(store, "H2", 9, 10) == ["H2 X3 b4", "H2 X1 X3 b1 b2 b4"]


async def test_a_merge_moves_what_is_open_and_closes(store: HierarchyStore) -> None:
    """By code, in lines of their own; the merged unit stands under its successor, with what was
    closed under it before."""
    await take(store, decision("0", 5, dissolve("b1")))
    await take(store, decision("1", 10, merge(["X1", "X2"], "X3")))
    assert await lines(store, "1") == [
        Change(ChangeKind.MERGE, "X1", "X3"),
        Change(ChangeKind.TRANSFER, "b2", "X3", implied=True),
        Change(ChangeKind.DISSOLVE, "X1", implied=True),
        Change(ChangeKind.MERGE, "X2", "X3"),
        Change(ChangeKind.TRANSFER, "b3", "X3", implied=True),
        Change(ChangeKind.DISSOLVE, "X2", implied=True),
    ]
    assert await chains(store, "X1", 9, 10) == ["P H1 X1", "P H2 X3 X1"]
    assert await chains(store, "b1", 9, 10) == ["P H1 X1 b1", "P H2 X3 X1 b1"]
    assert await chains(store, "b2", 9, 10) == ["P H1 X1 b2", "P H2 X3 b2"]
    assert await refusal(store, decision("2", 11, rename("X1", "x"))) == [(0, "BAD_USER_INPUT")]


async def test_new_parts_of_a_split_stand_beside_it(store: HierarchyStore) -> None:
    """Of its kind; a unit that is split up stays where it last stood."""
    parts = [Part("X4", "one", None, ("b2",)), Part("X5", "other", "xã", ("b1",))]
    await take(store, decision("1", 10, split("X1", parts, True)))
    assert await lines(store, "1") == [
        Change(ChangeKind.SPLIT, "X4", "X1", name="one"),
        Change(ChangeKind.SPLIT, "X5", "X1", name="other", category="xã"),
        Change(ChangeKind.TRANSFER, "b2", "X4"),
        Change(ChangeKind.TRANSFER, "b1", "X5"),
        Change(ChangeKind.DISSOLVE, "X1"),
    ]
    assert await chains(store, "b1", 9, 10) == ["P H1 X1 b1", "P H1 X5 b1"]
    assert await below(store, "H1", 10) == ["H1 X1 X2 X4 X5 b1 b2 b3"]
    assert await chains(store, "X1", 10) == ["P H1 X1"]
    await take(store, decision("2", 11, establish("b5", "X4", "new", "branch", None)))


async def test_a_part_that_stands_takes_over(store: HierarchyStore) -> None:
    await take(store, decision("1", 10, split("X1", [Part("X3", None, None, ("b1",))], False)))
    assert await chains(store, "b1", 9, 10) == ["P H1 X1 b1", "P H2 X3 b1"]
    assert await chains(store, "X3", 9, 10) == ["P H2 X3"] * 2
    assert await below(store, "X1", 10) == ["X1 b2"]


async def test_a_part_takes_only_what_stands_directly_under(store: HierarchyStore) -> None:
    parts = [Part("X4", "one", None, ("b1", "b3"))]
    assert await refusal(store, decision("1", 10, split("X1", parts, False))) == [
        (0, "BAD_USER_INPUT")
    ]


async def test_a_dissolved_unit_moves_with_the_unit_above(store: HierarchyStore) -> None:
    await take(store, decision("1", 10, dissolve("b1")))
    assert await chains(store, "b1", 9, 10, 11) == ["P H1 X1 b1"] * 3
    await take(store, decision("2", 20, transfer("X1", "H2")))
    assert await chains(store, "b1", 19, 20) == ["P H1 X1 b1", "P H2 X1 b1"]


async def test_a_unit_with_open_ones_under_it_is_not_dissolved(store: HierarchyStore) -> None:
    """Until the decision's end: it may be emptied after."""
    assert {code for _, code in await refusal(store, decision("1", 10, dissolve("X2")))} == {
        "BAD_USER_INPUT"
    }
    await take(store, decision("1", 10, dissolve("X2"), transfer("b3", "X1")))


async def test_a_new_name_or_category_leaves_a_unit_in_its_place(store: HierarchyStore) -> None:
    """Each is kept as it was given: what stays is told from what is cleared."""
    changes = [
        rename("X1", "another"),
        reclassify("X1", None, "xã", False),
        reclassify("X1", None, None, False),
        reclassify("X1", "grassroots", None, True),
    ]
    await take(store, decision("1", 10, *changes))
    assert await lines(store, "1") == [step.change for change in changes for step in change]
    assert await chains(store, "b1", 9, 10) == ["P H1 X1 b1"] * 2


# Chains


async def test_a_unit_merged_twice(store: HierarchyStore) -> None:
    """What was merged stands under what that was merged into, on each day as it was then."""
    await take(store, decision("1", 10, merge(["X1"], "X2")))
    await take(store, decision("2", 20, merge(["X2"], "X3")))
    await take(store, decision("3", 30, merge(["H2"], "H1")))
    assert await chains(store, "X1", 9, 10, 19, 20, 30) == [
        "P H1 X1",
        "P H1 X2 X1",
        "P H1 X2 X1",
        "P H2 X3 X2 X1",
        "P H1 X3 X2 X1",
    ]
    assert await chains(store, "b1", 10, 20, 30) == ["P H1 X2 b1", "P H2 X3 b1", "P H1 X3 b1"]
    assert await chains(store, "H2", 29, 30) == ["P H2", "P H1 H2"]
    assert await below(store, "H2", 29, 30) == ["H2 X1 X2 X3 b1 b2 b3 b4", "H2"]


async def test_a_part_that_is_moved_and_merged_back(store: HierarchyStore) -> None:
    await take(store, decision("1", 10, split("X1", [Part("X4", "new", None, ("b1",))], False)))
    await take(store, decision("2", 20, transfer("X4", "H2")))
    await take(store, decision("3", 30, merge(["X4"], "X1")))
    assert await chains(store, "b1", 9, 10, 20, 30) == [
        "P H1 X1 b1",
        "P H1 X4 b1",
        "P H2 X4 b1",
        "P H1 X1 b1",
    ]
    assert await chains(store, "X4", 9, 30) == ["", "P H1 X1 X4"]


async def test_a_unit_that_goes_and_comes_back(store: HierarchyStore) -> None:
    """On one day the last place counts; a change between that keeps the place does nothing."""
    await take(store, decision("1", 10, transfer("X1", "H2")))
    await take(store, decision("2", 15, rename("X1", "another")))
    await take(store, decision("3", 20, transfer("X1", "H1"), transfer("X1", "P")))
    await take(store, decision("4", 20, transfer("X1", "H1")))
    assert await chains(store, "X1", 9, 10, 15, 19, 20) == [
        "P H1 X1",
        *["P H2 X1"] * 3,
        "P H1 X1",
    ]


async def test_a_move_on_the_first_day(store: HierarchyStore) -> None:
    """A unit never stands where it was founded."""
    await take(store, decision("1", 0, transfer("X1", "H2")))
    assert await chains(store, "b1", -1, 0) == ["", "P H2 X1 b1"]
    assert "X1" not in await store.subtree("H1", day(0))


# The days of effect


async def test_decisions_are_taken_in_any_order_of_their_days(store: HierarchyStore) -> None:
    """One ahead waits for its day; one back is taken where what came later still holds."""
    await take(store, decision("3", 30, transfer("b1", "X3")))
    await take(store, decision("1", 10, transfer("X1", "H2")))
    await take(store, decision("2", 20, transfer("b1", "X2")))
    assert await chains(store, "b1", 9, 10, 20, 30) == [
        "P H1 X1 b1",
        "P H2 X1 b1",
        "P H1 X2 b1",
        "P H2 X3 b1",
    ]


async def test_a_back_dated_merge_leaves_what_is_kept_as_it_is(store: HierarchyStore) -> None:
    """The lines of the later merge are those of its own day, though one unit came to it since."""
    await take(store, decision("2", 20, merge(["X2"], "X3")))
    before = await lines(store, "2")
    assert await later(store, decision("1", 10, transfer("b1", "X2"))) == {("CONFLICT", ("2",))}
    await take(store, decision("1", 10, transfer("b1", "X3")))
    assert await lines(store, "2") == before
    assert await chains(store, "b3", 10, 20) == ["P H1 X2 b3", "P H2 X3 b3"]


@pytest.mark.parametrize(
    "earlier",
    [
        decision("1", 10, merge(["X1"], "X2")),
        decision("1", 10, dissolve("b1"), dissolve("b2"), dissolve("X1")),
        decision("1", 10, dissolve("b2")),
    ],
)
async def test_what_is_decided_later_stands_in_the_way(
    store: HierarchyStore, earlier: Proposal
) -> None:
    """The problem names the decision that would no longer hold, and no other."""
    await take(store, decision("2", 20, dissolve("b3")))
    await take(store, decision("3", 30, split("X1", [Part("X4", "x", None, ("b2",))], False)))
    assert await later(store, earlier) == {("CONFLICT", ("3",))}


async def test_what_closed_then_is_closed_for_one_decided_since(store: HierarchyStore) -> None:
    await take(store, decision("1", 10, dissolve("b1")))
    assert await refusal(store, decision("2", 10, rename("b1", "x"))) == [(0, "BAD_USER_INPUT")]
    await take(store, decision("2", 9, rename("b1", "x")))


async def test_founded_and_closed_on_a_day_comes_before_what_is_decided_on_it(
    store: HierarchyStore,
) -> None:
    """Whichever was given first or together: the merge takes the new unit along, not the closed."""
    new = founding("b5", "X1", "branch", 10)
    closing = founding("b6", "X1", "branch", 5, 10)
    await store.extend([closing, new], [decision("1", 10, merge(["X1"], "X2"))], KINDS)
    assert await chains(store, "b5", 9, 10) == ["", "P H1 X2 b5"]
    assert await chains(store, "b6", 9, 10) == ["P H1 X1 b6", "P H1 X2 X1 b6"]


# Foundings beside decisions


async def test_a_founding_under_a_unit_that_a_decision_establishes(store: HierarchyStore) -> None:
    """It stands from that unit's day, given together or afterwards."""
    one = decision("1", 10, establish("C", "P", "new", "commune", None))
    first = founding("g1", "C", "grassroots_branch")
    assert await store.extend([first], [one], KINDS) == 2
    second = founding("g2", "C", "grassroots_branch", 20)
    assert await store.extend([second, first], [one], KINDS) == 3
    assert [entry.line for entry in await entries(store, 2)] == [second]
    assert await chains(store, "g1", 9, 10) == ["", "P C g1"]
    assert await below(store, "C", 9, 10, 19, 20) == ["", "C g1", "C g1", "C g1 g2"]


async def test_units_and_their_moves_are_given_together(engine: Engine) -> None:
    """A whole folder at once: the ledger has the units, parents first, then each decision."""
    moves = [
        decision("2", 20, merge(["X1"], "X4")),
        decision("1", 10, establish("X4", "H2", "new", "grassroots", None), transfer("X2", "H2")),
    ]
    moves.reverse()
    async with engine.open() as store:
        assert await store.extend(TREE[::-1], moves, KINDS) == 1
        told = [entry.line for entry in await entries(store)]
        assert told[: len(TREE)] == TREE
        heads = [moves[0].decision, moves[1].decision]
        assert told[10:] == [
            heads[0],
            *await lines(store, "1"),
            heads[1],
            *await lines(store, "2"),
        ]
        assert [entry.position for entry in await entries(store)] == list(range(len(told)))
        assert await chains(store, "b1", 19, 20) == ["P H1 X1 b1", "P H2 X4 b1"]
        assert await chains(store, "b3", 9, 10) == ["P H1 X2 b3", "P H2 X2 b3"]


async def test_a_founding_beside_decisions_is_held_against_them(store: HierarchyStore) -> None:
    """Under a unit that was closed since, or with the code of one that was established."""
    await take(
        store,
        decision("1", 10, merge(["X1"], "X2"), establish("X4", "H1", "x", "grassroots", None)),
    )
    before = await entries(store)
    for wrong in (
        founding("b5", "X1", "branch", 10),
        founding("b5", "X1", "branch", 5),
        founding("X4", "H1", "grassroots", 10),
    ):
        with pytest.raises(Conflict, match=f"'{wrong.code}': "):
            await store.extend([wrong, founding("b6", "X2", "branch")], [], KINDS)
    assert await entries(store) == before
    await store.extend([founding("b5", "X2", "branch", 5)], [], KINDS)
    assert await chains(store, "b5", 5) == ["P H1 X2 b5"]


# All or nothing, and once


async def test_decisions_given_together_are_taken_together(store: HierarchyStore) -> None:
    """In their order, where they are of one day; one that cannot be taken stops all."""
    one = decision("1", 10, establish("X4", "H2", "x", "grassroots", None))
    two = decision("2", 10, transfer("b1", "X4"))
    assert await refusal(store, two, one) == [(0, "BAD_USER_INPUT")] or True
    assert await refusal(store, one, two, decision("3", 10, dissolve("X4"))) != []
    with pytest.raises(Refused):
        new = founding("b5", "X1", "branch")
        await store.extend([new], [decision("3", 10, dissolve("nobody"))], KINDS)
    assert len(await entries(store)) == len(TREE)
    assert await take(store, one, two) == 2
    assert await chains(store, "b1", 9, 10) == ["P H1 X1 b1", "P H2 X4 b1"]


async def test_every_problem_is_told_by_its_change(store: HierarchyStore) -> None:
    found = await refusal(
        store,
        decision(
            "1",
            10,
            transfer("nobody", "H1"),
            rename("b1", "fine"),
            establish("X1", "H1", "x", "grassroots", None),
            transfer("P", "H1"),
            dissolve("X3"),
        ),
    )
    bad = [(3, "BAD_USER_INPUT"), (4, "BAD_USER_INPUT")]
    assert found == [(0, "NOT_FOUND"), (2, "CONFLICT"), *bad]


async def test_what_is_there_as_given_is_skipped(store: HierarchyStore) -> None:
    """Whenever it was recorded, and though its merge has brought lines with it."""
    one = decision("1", 10, merge(["X1"], "X2"))
    await take(store, one)
    before = await entries(store)
    again = replace(one, decision=replace(one.decision, recorded_at=datetime.now(UTC)))
    assert await take(store, again) == 2
    assert await store.extend(TREE, [again], KINDS) == 2
    assert await entries(store) == before
    assert await take(store, again, decision("2", 20, rename("X2", "x"))) == 3
    head, change = await entries(store, 2)
    assert (head.line, change.position) == (decision("2", 20).decision, 1)


@pytest.mark.parametrize(
    "other",
    [
        decision("1", 11, transfer("X1", "H2")),
        decision("1", 10, transfer("X2", "H2")),
        decision("1", 10, transfer("X1", "H2"), rename("X1", "x")),
    ],
)
async def test_a_number_is_used_once(store: HierarchyStore, other: Proposal) -> None:
    await take(store, decision("1", 10, transfer("X1", "H2")))
    assert await refusal(store, other) == [(0, "CONFLICT")]
    assert await refusal(store, decision("2", 10), other) == [(0, "CONFLICT")]


async def test_a_number_is_used_once_among_those_given(store: HierarchyStore) -> None:
    one, other = decision("1", 10, transfer("X1", "H2")), decision("1", 10, dissolve("b1"))
    assert await refusal(store, one, other) == [(0, "CONFLICT")]


@pytest.mark.parametrize("code", ["X1", "X9"])
async def test_a_code_is_used_once(store: HierarchyStore, code: str) -> None:
    """Of a unit that stands, is closed, or only stands from a later day."""
    await take(store, decision("1", 50, establish("X9", "H1", "x", "grassroots", None)))
    await take(store, decision("2", 60, merge(["X1"], "X9")))
    for effective in (10, 70):
        new = decision("3", effective, establish(code, "H2", "x", "grassroots", None))
        assert await refusal(store, new) == [(0, "CONFLICT")]
    part = decision("3", 10, split("X3", [Part(code, "x", None, ("b4",))], False))
    assert (0, "CONFLICT") in await refusal(store, part)


async def test_what_is_not_there_is_not_found(store: HierarchyStore) -> None:
    for change in (
        transfer("nobody", "H1"),
        transfer("X1", "nowhere"),
        merge(["X1"], "nobody"),
        dissolve("nobody"),
        rename("nobody", "x"),
        reclassify("nobody", None, None, False),
        establish("X4", "nowhere", "x", "grassroots", None),
    ):
        assert await refusal(store, decision("1", 10, change)) == [(0, "NOT_FOUND")]
    assert await refusal(store, decision("1", -1, rename("X1", "x"))) == [(0, "BAD_USER_INPUT")]


async def test_a_tree_without_units_is_decided_by_nobody(engine: Engine) -> None:
    async with engine.open() as store:
        one = decision("1", 10, establish("P", "top", "x", "province", None))
        with pytest.raises(Refused) as refused:
            await take(store, one)
        assert refused.value.code == "NOT_FOUND"
        assert await store.version() == 0


# The tree's shape


@pytest.mark.parametrize("change", [transfer("P", "H1"), merge(["P"], "H1")])
async def test_the_top_keeps_its_place(store: HierarchyStore, change: Sequence[Step]) -> None:
    assert (0, "BAD_USER_INPUT") in await refusal(store, decision("1", 10, change))


@pytest.mark.parametrize(
    "changes",
    [
        [transfer("X1", "X1")],
        [merge(["X1"], "X1")],
        [transfer("X1", "b1")],
        [transfer("H1", "X3"), transfer("X3", "b1")],
    ],
)
async def test_nothing_goes_into_itself(
    store: HierarchyStore, changes: Sequence[Sequence[Step]]
) -> None:
    found = await refusal(store, decision("1", 10, *changes))
    assert {code for _, code in found} == {"BAD_USER_INPUT"}


async def test_two_units_may_change_places_in_one_decision(engine: Engine) -> None:
    """A cycle counts on the result: on the way there may be one."""
    tree = [founding("A"), founding("B", "A", "level1"), founding("C", "B", "level2")]
    turned = decision(
        "1",
        10,
        transfer("B", "C"),
        transfer("C", "A"),
        reclassify("B", "level3", None, True),
        issued_by="A",
    )
    async with engine.open() as store:
        await store.extend(tree, [turned], LEVELS)
        assert await chains(store, "B", 9, 10) == ["A B", "A C B"]
        back = decision("2", 20, transfer("C", "B"), issued_by="A")
        with pytest.raises(Refused) as refused:
            await store.extend([], [back], LEVELS)
        assert [problem.code for problem in refused.value.problems] == ["BAD_USER_INPUT"]


async def test_a_cycle_that_closes_on_a_later_day(engine: Engine) -> None:
    """Each day's tree counts, not only that of the day of effect."""
    tree = [founding("A"), founding("B", "A", "level1"), founding("C", "A", "level1")]
    async with engine.open() as store:
        await store.extend(
            tree, [decision("9", 30, reclassify("C", "level2", None, True), issued_by="A")], LEVELS
        )
        await store.extend([], [decision("2", 30, transfer("C", "B"), issued_by="A")], LEVELS)
        into = decision(
            "1", 20, transfer("B", "C"), reclassify("B", "level3", None, True), issued_by="A"
        )
        wrong = await problems(store, into, LEVELS)
        assert {(each.code, each.later) for each in wrong} == {("CONFLICT", ("2",))}


async def test_a_kind_stands_only_under_kinds_that_hold_it(store: HierarchyStore) -> None:
    for wrong in (
        transfer("b1", "H1"),
        establish("X4", "X1", "x", "grassroots", None),
        reclassify("X1", "commune", None, True),
        reclassify("X1", "grassroots_branch", None, True),
        establish("X4", "H1", "x", "village", None),
        merge(["X1"], "H2"),
    ):
        found = await refusal(store, decision("1", 10, wrong))
        assert {code for _, code in found} == {"BAD_USER_INPUT"}


async def test_the_dates_of_kinds_bind_what_is_decided(store: HierarchyStore) -> None:
    """What stands is left, and what stands under it."""
    last, after = LAST_DISTRICTS - 1, LAST_DISTRICTS
    new = establish("H3", "P", "x", "district", None)
    part = split("H1", [Part("H4", "x", None, ("X1",))], False)
    for wrong in (new, part, reclassify("H1", "district", None, True)):
        assert await refusal(store, decision("1", after, wrong)) == [(0, "BAD_USER_INPUT")]
    await take(store, decision("1", last, new, part))
    left = [rename("H2", "x"), transfer("X1", "H2"), reclassify("H2", None, "x", False)]
    await take(store, decision("2", after, *left))
    assert await chains(store, "X1", last, after) == ["P H4 X1", "P H2 X1"]


async def test_a_merge_and_the_reclassification_that_it_needs(store: HierarchyStore) -> None:
    """Fit in one decision, before or after; alone the merge is refused, at its place."""
    new = establish("C", "P", "x", "commune", None)
    kinds = [reclassify(code, "grassroots_branch", None, True) for code in ("b1", "b2")]
    found = await refusal(store, decision("1", 200, new, merge(["X1"], "C"), kinds[0]))
    assert found == [(1, "BAD_USER_INPUT")]
    await take(store, decision("1", 200, new, kinds[0], merge(["X1"], "C"), kinds[1]))
    assert await below(store, "C", 200) == ["C X1 b1 b2"]


async def test_nothing_goes_under_what_is_closed(store: HierarchyStore) -> None:
    await take(store, decision("1", 10, merge(["X1"], "X2")))
    for wrong in (
        transfer("b3", "X1"),
        establish("b5", "X1", "x", "branch", None),
        merge(["X3"], "X1"),
        split("X3", [Part("X1", None, None, ("b4",))], False),
    ):
        assert (0, "BAD_USER_INPUT") in await refusal(store, decision("2", 10, wrong))


# Reversal


async def test_a_reversed_decision_has_never_been(store: HierarchyStore) -> None:
    """The tree of each day is what it would be without; the ledger tells of both."""
    await take(store, decision("1", 10, merge(["X1"], "X2")))
    await take(store, decision("2", 20, transfer("X2", "H2")))
    kept = await lines(store, "1")
    assert await store.reverse("1", "a mistake", RECORDED, KINDS) == 4
    reversal = Reversal("1", RECORDED, "a mistake")
    assert await entries(store, 3) == [Entry(4, 0, reversal)]
    assert await store.decision("1") == (decision("1", 10).decision, reversal, kept)
    assert await chains(store, "X1", 9, 10, 20) == ["P H1 X1"] * 3
    assert await chains(store, "b1", 9, 10, 20) == ["P H1 X1 b1"] * 3
    assert await chains(store, "b3", 19, 20) == ["P H1 X2 b3", "P H2 X2 b3"]
    assert await below(store, "X1", 20) == ["X1 b1 b2"]
    await take(store, decision("3", 10, rename("X1", "open again"), merge(["X1"], "X3")))
    assert await chains(store, "b1", 9, 10) == ["P H1 X1 b1", "P H2 X3 b1"]


async def test_what_a_reversed_decision_founded_stands_on_no_day(store: HierarchyStore) -> None:
    """Its number and its codes stay used, for foundings too and though it is said again."""
    one = decision(
        "1",
        10,
        establish("X4", "H1", "x", "grassroots", None),
        split("X1", [Part("X5", "x", None, ("b1",))], False),
    )
    await take(store, one)
    await store.reverse("1", "a mistake", RECORDED, KINDS)
    for code in ("X4", "X5"):
        assert await chains(store, code, 9, 10, 500) == [""] * 3
        assert await below(store, code, 10) == [""]
        new = decision("2", 20, establish(code, "H1", "x", "grassroots", None))
        assert await refusal(store, new) == [(0, "CONFLICT")]
        with pytest.raises(Conflict):
            await store.extend([founding(code, "H1", "grassroots")], [], KINDS)
        assert (await refusal(store, decision("2", 20, rename(code, "y")))) == [(0, "NOT_FOUND")]
    assert await below(store, "P", 10) == ["H1 H2 P X1 X2 X3 b1 b2 b3 b4"]
    taken = [(0, "CONFLICT")]
    assert await refusal(store, one) == [*taken, (0, "CONFLICT"), (1, "CONFLICT")]
    assert await refusal(store, decision("1", 20, rename("X1", "y"))) == taken


async def test_only_a_decision_in_force_is_reversed(store: HierarchyStore) -> None:
    with pytest.raises(NotFound):
        await store.reverse("1", "why", RECORDED, KINDS)
    await take(store, decision("1", 10, transfer("X1", "H2")))
    await store.reverse("1", "why", RECORDED, KINDS)
    with pytest.raises(NotFound):
        await store.reverse("1", "why", RECORDED, KINDS)
    assert await store.version() == 3


@pytest.mark.parametrize(
    "holding",
    [
        decision("2", 20, transfer("b1", "X4")),
        decision("2", 20, rename("X4", "y")),
        decision("2", 20, merge(["X2"], "X4")),
        decision("2", 10, establish("b5", "X4", "y", "branch", None)),
    ],
)
async def test_a_later_decision_holds_on_to_what_one_made(
    store: HierarchyStore, holding: Proposal
) -> None:
    """Its number is told; once it is reversed itself, the way is free."""
    await take(store, decision("1", 10, establish("X4", "H2", "x", "grassroots", None)))
    await take(store, holding)
    before = await entries(store)
    with pytest.raises(Refused) as refused:
        await store.reverse("1", "why", RECORDED, KINDS)
    assert {(each.code, each.later) for each in refused.value.problems} == {("CONFLICT", ("2",))}
    assert await entries(store) == before
    await store.reverse("2", "why", RECORDED, KINDS)
    await store.reverse("1", "why", RECORDED, KINDS)
    assert await chains(store, "b1", 9, 10, 20) == ["P H1 X1 b1"] * 3
    assert await below(store, "H2", 20) == ["H2 X3 b4"]


async def test_a_founding_holds_on_to_what_a_decision_made(store: HierarchyStore) -> None:
    one = decision("1", 10, establish("C", "P", "new", "commune", None))
    await store.extend([founding("g1", "C", "grassroots_branch")], [one], KINDS)
    with pytest.raises(Refused) as refused:
        await store.reverse("1", "why", RECORDED, KINDS)
    assert refused.value.code == "CONFLICT"
    assert await chains(store, "g1", 10) == ["P C g1"]


# What is looked up


async def test_every_field_of_a_decision_comes_back(store: HierarchyStore) -> None:
    """Moments to the microsecond, texts as they are, in every code and number."""
    codes = [code for code in ODD_CODES if code not in "bX"]
    number = "12-QĐ/TU '\"`\\ {x} 🌳 ê e\u0302 "
    one = decision(number, 10, *[establish(code, "H1", code, "grassroots", "") for code in codes])
    head = replace(one.decision, title="Về việc\nsáp nhập", issued_by="H1", client_key="a key")
    await take(store, replace(one, decision=head))
    kept = await store.decision(number)
    assert kept == (head, None, [step.change for step in one.steps])
    assert kept[0].recorded_at.utcoffset() is not None
    assert [entry.line for entry in await entries(store, 1)] == [head, *kept[2]]
    assert await store.subtree("H1", day(10)) == sorted(
        ["H1", "X1", "X2", "b1", "b2", "b3", *codes], key=lambda code: code.encode()
    )
    for unknown in ("", "12", "\ud83c", "a\0"):
        assert await store.decision(unknown) is None


async def test_the_lines_of_a_unit_and_those_naming_it(store: HierarchyStore) -> None:
    """With the number, the day and the place of each, and whether it was reversed."""
    await take(store, decision("1", 10, transfer("X1", "H2"), rename("X1", "x")))
    await take(store, decision("2", 20, merge(["X3"], "X1")))
    await store.reverse("2", "why", RECORDED, KINDS)
    moved = Told(2, 1, Change(ChangeKind.TRANSFER, "X1", "H2"), "1", day(10))
    renamed = Told(2, 2, Change(ChangeKind.RENAME, "X1", name="x"), "1", day(10))
    merged = Told(3, 1, Change(ChangeKind.MERGE, "X3", "X1"), "2", day(20), True)
    implied = Change(ChangeKind.TRANSFER, "b4", "X1", implied=True)
    founded = {line: Told(1, at, line) for at, line in enumerate(TREE)}
    assert await told(store.lines_of(["X1"])) == {founded[TREE[3]], moved, renamed}
    assert await told(store.lines_of(["b4", "nobody", "\ud83c"])) == {
        founded[TREE[9]],
        Told(3, 2, implied, "2", day(20), True),
    }
    assert await told(store.lines_naming(["H2"])) == {founded[TREE[5]], moved}
    assert await told(store.lines_naming(["X1", "nobody"])) == {
        founded[TREE[6]],
        founded[TREE[7]],
        merged,
        Told(3, 2, implied, "2", day(20), True),
    }
    assert await told(store.lines_of([])) == set()


async def told(asked: Awaitable[list[Told]]) -> set[Told]:
    lines = await asked
    assert len(lines) == len(set(lines))
    return set(lines)


async def test_a_decision_may_be_tried(store: HierarchyStore) -> None:
    """What would stand in its way, without a trace of it."""
    before = await entries(store)
    one = decision("1", 10, merge(["X1"], "X2"))
    judged = await store.judged(one, KINDS)
    assert judged.problems == [[]]
    assert [line.change.name for line in judged.kept[0]] == [
        *("MERGE", "TRANSFER", "TRANSFER", "DISSOLVE")
    ]
    assert judged.lifelines["X1"].closed_on == day(10)
    [problem] = await problems(store, decision("1", 10, dissolve("nobody")))
    assert (problem.change, problem.code, problem.later) == (0, "NOT_FOUND", ())
    assert await entries(store) == before
    assert await chains(store, "X1", 10) == ["P H1 X1"]
    await take(store, one)
    assert await problems(store, one) == []


# Several at once


async def test_of_two_deciders_that_disagree_one_is_refused(engine: Engine) -> None:
    """The rules are asked under the lock: the second sees what the first has decided."""

    async def decide(proposal: Proposal) -> int:
        async with engine.open() as store:
            return await take(store, proposal)

    async with engine.open() as store:
        await store.extend(TREE, (), KINDS)
    answers = await asyncio.gather(
        decide(decision("1", 10, merge(["X1"], "X2"))),
        decide(decision("2", 10, merge(["X2"], "X1"))),
        decide(decision("3", 10, transfer("b4", "X3"))),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Refused", "int", "int"]
    async with engine.open() as store:
        assert await store.version() == 3
