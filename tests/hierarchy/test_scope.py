"""Scopes against a recursion over a dict, and against the databases that they cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Date, bindparam, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.scope import (
    Base,
    Hold,
    Narrowed,
    Reach,
    Scope,
    ScopeThroughTime,
    Window,
    subtree,
)
from hierarchy.tables import placement, unit
from hierarchy.unit import label
from tests.hierarchy.engines import Relational
from tests.hierarchy.trees import FIRST_DAY, day

REACHES = ["own", "children", "subtree", "below", "above", *(f"rank<={n}" for n in range(8))]


@dataclass(frozen=True)
class Node:
    """A unit of the oracle's tree: it knows its parent and its rank, and nothing of paths."""

    parent: int | None
    rank: int


Tree = dict[int, Node]


@st.composite
def shapes(draw: st.DrawFn) -> Tree:
    """Up to 25 units; ids near the turns of a label's digits, ranks that skip and differ."""
    size = draw(st.integers(1, 25))
    ids = draw(
        st.lists(
            st.integers(0, 40) | st.integers(55, 70) | st.integers(3_840, 3_850),
            min_size=size,
            max_size=size,
            unique=True,
        )
    )
    tree: Tree = {}
    for at, unit_id in enumerate(ids):
        parent = draw(st.sampled_from(ids[:at])) if at else None
        above = tree[parent].rank if parent is not None else -1
        tree[unit_id] = Node(parent, above + draw(st.integers(1, 3)))
    return tree


@st.composite
def scopes(draw: st.DrawFn, tree: Tree) -> Scope:
    held = st.builds(
        Hold,
        st.sampled_from([base(tree, unit_id) for unit_id in tree]),
        st.sampled_from(REACHES).map(Reach.parse),
    )
    allowed = draw(st.lists(held, max_size=4))
    denied = draw(st.lists(held, max_size=2))
    granted = draw(st.lists(narrowed_holds(tree, held), max_size=2))
    return Scope(tuple(allowed), tuple(denied), tuple(granted))


@st.composite
def narrowed_holds(draw: st.DrawFn, tree: Tree, held: st.SearchStrategy[Hold]) -> Narrowed:
    """Narrowed by what is taken from the same unit, from others, or by nothing at all."""
    hold = draw(held)
    same = st.builds(Hold, st.just(hold.base), st.sampled_from(REACHES).map(Reach.parse))
    some = st.lists(draw(st.sampled_from([same, held])), max_size=2).map(tuple)
    limits = st.builds(Scope, some, st.just(()) | st.lists(held, max_size=1).map(tuple))
    return Narrowed(hold, tuple(draw(st.lists(limits, max_size=2))))


def way_down(tree: Tree, unit_id: int) -> list[int]:
    parent = tree[unit_id].parent
    return [*(way_down(tree, parent) if parent is not None else []), unit_id]


def base(tree: Tree, unit_id: int) -> Base:
    way = way_down(tree, unit_id)
    return Base(unit_id, "".join(map(label, way)), len(way) - 1, tree[unit_id].rank)


def below(tree: Tree, unit_id: int) -> Iterator[int]:
    for child, node in tree.items():
        if node.parent == unit_id:
            yield child
            yield from below(tree, child)


def reached(tree: Tree, hold: Hold) -> set[int]:
    """The units that the words of `design.md`, 3 say."""
    at = hold.base.unit_id
    everything = {at, *below(tree, at)}
    match hold.reach.form:
        case "own":
            return {at}
        case "children":
            return {child for child in tree if tree[child].parent == at}
        case "subtree":
            return everything
        case "below":
            return everything - {at}
        case "above":
            return set(way_down(tree, at))
        case _:
            return {each for each in everything if tree[each].rank <= hold.reach.rank}


def covered(tree: Tree, scope: Scope) -> set[int]:
    allowed = {each for hold in scope.allowed for each in reached(tree, hold)}
    for narrowed in scope.granted:
        shown = [covered(tree, limit) for limit in narrowed.limits]
        allowed |= reached(tree, narrowed.hold).intersection(*shown)
    return allowed - {each for hold in scope.denied for each in reached(tree, hold)}


def covered_on_signs(tree: Tree, scope: Scope, inspected: int, inspecting: int) -> bool:
    """Through an office's hold strictly above the inspected unit, or at the inspecting one."""
    seen = [
        hold
        for hold in scope.allowed
        if inspected in reached(tree, hold)
        and (hold.base.unit_id in way_down(tree, inspected)[:-1] or hold.base.unit_id == inspecting)
    ]
    denied = any(inspected in reached(tree, hold) for hold in scope.denied)
    return bool(seen) and not denied


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_covers_says_what_the_words_say(data: st.DataObject) -> None:
    tree = data.draw(shapes())
    scope = data.draw(scopes(tree))
    assert {each for each in tree if scope.covers(base(tree, each))} == covered(tree, scope)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_an_open_inspection_on_signs(data: st.DataObject) -> None:
    tree = data.draw(shapes())
    scope = data.draw(scopes(tree))
    inspecting = data.draw(st.sampled_from(list(tree)))
    for each in tree:
        assert scope.covers_on_signs(base(tree, each), inspecting) == covered_on_signs(
            tree, scope, each, inspecting
        )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_solid_scope_has_no_holes(data: st.DataObject) -> None:
    """Above a covered unit every unit is covered too, or stands above a base; and every base is
    covered, so that what stands above it is above something."""
    tree = data.draw(shapes())
    scope = data.draw(scopes(tree))
    if data.draw(st.booleans()):
        scope = Scope(granted=scope.granted)
    inside = covered(tree, scope)
    above = {each for base in scope.bases for each in way_down(tree, base.unit_id)}
    if scope.is_solid:
        assert all(set(way_down(tree, each)) <= inside | above for each in inside)
        assert {base.unit_id for base in scope.bases} <= inside
    assert set(scope.bases_above()) == {base(tree, each).path for each in above}


def test_what_narrows_from_elsewhere_makes_holes() -> None:
    """Of a chain, the first and the last unit: not what stands between."""
    tree = {1: Node(None, 0), 2: Node(1, 1), 3: Node(2, 2)}
    ends = tuple(Hold(base(tree, each), Reach("own")) for each in (1, 3))
    whole = Hold(base(tree, 1), Reach("subtree"))
    for limit in (Scope(ends), Scope((whole,), (Hold(base(tree, 2), Reach("own")),))):
        scope = Scope(granted=(Narrowed(whole, (limit,)),))
        assert covered(tree, scope) == {1, 3}
        assert not scope.is_solid
    assert Scope(granted=(Narrowed(whole, (Scope((whole,)),)),)).is_solid


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_the_database_cuts_as_covers_does(
    any_relational: Relational, data: st.DataObject
) -> None:
    """The predicates of a scope, of one on signs, and of a subtree, on every unit of the tree."""
    tree = data.draw(shapes())
    scope = data.draw(scopes(tree))
    some = data.draw(st.sampled_from(list(tree)))
    await any_relational.empty()
    async with any_relational.database.connect() as connection:
        await lay_out(connection, tree)
        columns = placement.c
        assert await chosen(connection, scope.predicate(columns)) == covered(tree, scope)
        assert await chosen(connection, scope.predicate_on_signs(columns, literal(some))) == {
            each for each in tree if covered_on_signs(tree, scope, each, some)
        }
        assert await chosen(connection, subtree(columns.path, base(tree, some).path)) == {
            some,
            *below(tree, some),
        }


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_a_scope_through_time_is_that_of_the_day(
    any_relational: Relational, data: st.DataObject
) -> None:
    """The windows that hold the day, and nothing on a day of none."""
    tree = data.draw(shapes())
    ends = sorted(data.draw(st.sets(st.integers(0, 9), min_size=2, max_size=4)))
    windows = tuple(
        Window(day(start), day(end), data.draw(scopes(tree))) for start, end in pairwise(ends)
    )
    through = ScopeThroughTime((*windows, Window(day(ends[-1]), None, data.draw(scopes(tree)))))
    as_of: date = day(data.draw(st.integers(-1, 11)))
    inspecting = data.draw(st.sampled_from(list(tree)))
    valid = [window.scope for window in through.windows if window.holds(as_of)]
    assert len(valid) == (as_of >= day(ends[0]))
    await any_relational.empty()
    async with any_relational.database.connect() as connection:
        await lay_out(connection, tree)
        on = bindparam("as_of", as_of, Date())
        assert await chosen(connection, through.predicate(placement.c, on)) == {
            each for scope in valid for each in covered(tree, scope)
        }
        signs = through.predicate_on_signs(placement.c, literal(inspecting), on)
        assert await chosen(connection, signs) == {
            each
            for scope in valid
            for each in tree
            if covered_on_signs(tree, scope, each, inspecting)
        }


async def lay_out(connection: AsyncConnection, tree: Tree) -> None:
    """The tree as the projection would hold it."""
    units, places = [], []
    for unit_id in tree:
        its = base(tree, unit_id)
        days = {"established_on": FIRST_DAY, "closed_on": None}
        units.append({"id": unit_id, "code": str(unit_id), "stands_from": FIRST_DAY, **days})
        texts = {"code": str(unit_id), "name": "a", "name_folded": "a", "kind": "level0"}
        place = {"path": its.path, "depth": its.depth, "rank": its.rank}
        places.append({"unit_id": unit_id, "valid_from": FIRST_DAY, **days, **texts, **place})
    await connection.execute(insert(unit), units)
    await connection.execute(insert(placement), places)


async def chosen(connection: AsyncConnection, condition: object) -> set[int]:
    rows = await connection.execute(select(placement.c.unit_id).where(condition))  # type: ignore[arg-type]
    return set(rows.scalars())


@pytest.mark.parametrize("text", REACHES)
def test_a_reach_is_read(text: str) -> None:
    reach = Reach.parse(text)
    assert text in (reach.form, f"rank<={reach.rank}")


@pytest.mark.parametrize(
    "text", ["", "rank", "rank<=", "rank<=x", "rank<=-1", "rank<3", "Own", "own<=1"]
)
def test_what_is_no_reach(text: str) -> None:
    with pytest.raises(ValueError, match="is no reach"):
        Reach.parse(text)


def test_no_hold_covers_nothing() -> None:
    """Nor does a denied one alone."""
    root = Base(0, label(0), 0, 0)
    denying = Scope(denied=(Hold(root, Reach("subtree")),))
    for scope in (Scope(), denying):
        assert not scope
        assert not scope.covers(root)
    assert Scope((Hold(root, Reach("own")),)).covers(root)
