"""What another policy would change is exactly what the naive oracle finds, viewer by viewer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from authz import policy
from authz.foreseeing import Foreseen, Foresight
from authz.policy import Held, Policy
from hierarchy.scope import Base
from hierarchy.unit import Founding, label
from tests.authz.worlds import (
    FIRST_DAY,
    LAST_DAY,
    RANKS,
    RULES,
    TODAY,
    Oracle,
    Post,
    Rule,
    World,
    posts_at,
)

VIEWERS = ("one", "two", "three")
KINDS = list(RANKS)


@dataclass(frozen=True)
class Unit:
    path: str
    depth: int
    rank: int


@dataclass(frozen=True)
class Change:
    """A tree, who is appointed, and two policies."""

    units: list[Founding]
    posts: list[Post]
    before: list[Rule]
    after: list[Rule]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Of more units than one byte has bits, in deep trees; a rule is in one policy or in both."""
    count = draw(st.integers(9, 26))
    units = [draw(unit_of(index)) for index in range(count)]
    post = posts_at([unit.code for unit in units])
    posts = [
        replace(each, principal=draw(st.sampled_from(VIEWERS)))
        for each in draw(st.lists(post, min_size=3, max_size=8))
    ]
    rules = list(
        dict.fromkeys(
            rule for some in draw(st.lists(RULES, min_size=3, max_size=7)) for rule in some
        )
    )
    sides = [draw(st.integers(0, 3)) for _ in rules]
    before = [rule for rule, side in zip(rules, sides, strict=True) if side != 1]
    after = [rule for rule, side in zip(rules, sides, strict=True) if side != 2]
    return Change(units, posts, before, after)


@st.composite
def unit_of(draw: st.DrawFn, index: int) -> Founding:
    parent = f"u{draw(st.integers(max(0, index - 5), index - 1))}" if index else None
    closed = draw(st.sampled_from([None, None, None, TODAY, LAST_DAY]))
    kind = draw(st.sampled_from(KINDS))
    return Founding(f"u{index}", parent, "Name", kind, None, FIRST_DAY, closed)


def placed(units: list[Founding]) -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for index, unit in enumerate(units):
        above = found[unit.parent_code].path if unit.parent_code else ""
        found[unit.code] = Unit(above + label(index), len(above) // 4, RANKS[unit.kind])
    return found


def offices(change: Change, viewer: str) -> list[Held]:
    """Those in force today, as they are read from the store."""
    places = placed(change.units)
    kinds = {unit.code: unit.kind for unit in change.units}
    return [
        Held(post.role, kinds[post.unit], Base(0, place.path, place.depth, place.rank))
        for post in Oracle(World(change.units, [], change.posts, [], []), viewer).posts
        if (place := places[post.unit])
    ]


def policy_of(rules: list[Rule]) -> Policy:
    return Policy([policy.Rule(**vars(rule)) for rule in rules])


def foreseen(change: Change) -> list[Foreseen]:
    tree = sorted(placed(change.units).values(), key=lambda unit: unit.path)
    foresight = Foresight(tree, policy_of(change.before), policy_of(change.after))
    for viewer in VIEWERS:
        foresight.add(offices(change, viewer))
    return foresight.foreseen()


def found_one_by_one(change: Change) -> Iterator[Foreseen]:
    """The naive answer: every unit under both policies, for every viewer."""
    pairs = [(rule.action, rule.resource) for rule in change.before if rule not in change.after]
    pairs += [(rule.action, rule.resource) for rule in change.after if rule not in change.before]
    for pair in dict.fromkeys(pairs):
        gains, losses = [], []
        for viewer in VIEWERS:
            before, after = (
                Oracle(World(change.units, rules, change.posts, [], []), viewer).covered(
                    *pair, TODAY
                )
                for rules in (change.before, change.after)
            )
            gains.append(after - before)
            losses.append(before - after)
        yield Foreseen(
            *pair,
            sum(map(bool, gains)),
            len(set().union(*gains)),
            sum(map(bool, losses)),
            len(set().union(*losses)),
        )


@settings(max_examples=80, deadline=None)
@given(changes())
def test_what_is_foreseen_is_what_would_be(change: Change) -> None:
    """Of whatever reaches, denials and viewers with several offices."""
    assert foreseen(change) == list(found_one_by_one(change))


def test_a_deny_of_one_office_takes_from_another() -> None:
    """The leader of the top loses what their office at a branch is now denied; two viewers who
    lose the same unit lose one unit."""
    units = [
        Founding("u0", None, "Name", "top", None, FIRST_DAY, None),
        Founding("u1", "u0", "Name", "g", None, FIRST_DAY, None),
        Founding("u2", "u1", "Name", "s", None, FIRST_DAY, None),
    ]
    leader, other = "leader", "guest"
    posts = [Post(viewer, leader, "u0", FIRST_DAY, None) for viewer in VIEWERS]
    posts += [Post(viewer, other, "u1", FIRST_DAY, None) for viewer in VIEWERS[:2]]
    seeing = Rule(leader, "*", "meeting", "read", "subtree", "allow")
    denial = Rule(other, "*", "meeting", "read", "below", "deny")
    change = Change(units, posts, [seeing], [seeing, denial])
    assert foreseen(change) == [Foreseen("read", "meeting", 0, 0, 2, 1)]
    assert foreseen(replace(change, before=change.after, after=change.before)) == [
        Foreseen("read", "meeting", 2, 1, 0, 0)
    ]


def test_nothing_is_foreseen_where_the_rules_are_the_same_in_another_order() -> None:
    rules = [
        Rule("leader", "*", "meeting", action, "own", "allow") for action in ("read", "summarise")
    ]
    assert foreseen(Change([], [], rules, rules[::-1])) == []
