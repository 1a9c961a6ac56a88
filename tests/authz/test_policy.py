"""The policy: Casbin decides, and a scope is everything that it would allow."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

import pytest

from authz.policy import Held, Policy, Rule
from hierarchy.errors import StoreError
from hierarchy.scope import Base

ROLES = (
    *("leader", "secretary", "officer", "organisation_board", "inspection_commission", "office"),
    *("auditor", "administrator"),
)


@dataclass(frozen=True)
class Unit:
    """A place on the tree: its path tells what stands above it."""

    path: str
    rank: int

    @property
    def depth(self) -> int:
        return len(self.path) // 4 - 1


TOP = Unit("0000", 0)
LEFT = Unit("00000001", 2)
RIGHT = Unit("00000002", 2)
LOW = Unit("000000010003", 3)
LOWEST = Unit("0000000100030004", 6)
UNITS = {"top": TOP, "left": LEFT, "right": RIGHT, "low": LOW, "lowest": LOWEST}


def held(unit: Unit, role: str = "leader", kind: str = "district") -> Held:
    return Held(role, kind, Base(int(unit.path[-4:]), unit.path, unit.depth, unit.rank), "office")


def rule(reach: str, eft: str = "allow", at: str = "*", role: str = "leader") -> Rule:
    return Rule(role, at, "meeting", "read", reach, eft)


def allowed(rules: list[Rule], offices: list[Held]) -> set[str]:
    """What is allowed, once decision and scope are seen to agree."""
    policy = Policy(rules)
    scope = policy.scope(offices, "read", "meeting")
    covered = {name for name, unit in UNITS.items() if scope.covers(unit)}
    for name, unit in UNITS.items():
        assert policy.decide(offices, "read", "meeting", unit).allowed is (name in covered)
    return covered


@pytest.mark.parametrize(
    ("reach", "covered"),
    [
        ("own", {"left"}),
        ("children", {"low"}),
        ("subtree", {"left", "low", "lowest"}),
        ("below", {"low", "lowest"}),
        ("above", {"left", "top"}),
        ("rank<=1", set()),
        ("rank<=2", {"left"}),
        ("rank<=3", {"left", "low"}),
        ("rank<=99", {"left", "low", "lowest"}),
    ],
)
def test_each_reach_from_one_unit(reach: str, covered: set[str]) -> None:
    assert allowed([rule(reach)], [held(LEFT)]) == covered


def test_nothing_is_allowed_without_rules_or_offices() -> None:
    assert allowed([], [held(TOP)]) == set()
    assert allowed([rule("subtree")], []) == set()
    assert not Policy([]).scope([held(TOP)], "read", "meeting")


def test_a_lone_deny_denies() -> None:
    """With a deny and nothing else nothing is allowed, however far either reaches."""
    assert allowed([rule("subtree", "deny")], [held(TOP)]) == set()
    assert allowed([rule("own", "deny")], [held(LOW)]) == set()


def test_a_deny_overrides_whatever_allows() -> None:
    """Over a part of a subtree, through another office, and in any order of the rules."""
    rules = [rule("subtree"), rule("below", "deny", role="guard")]
    offices = [held(TOP), held(LEFT, "guard")]
    for ordered in (rules, rules[::-1]):
        assert allowed(ordered, offices) == {"top", "left", "right"}
    assert allowed([rule("subtree"), rule("subtree", "deny")], [held(TOP)]) == set()


def test_several_offices_add_up() -> None:
    assert allowed([rule("own")], [held(RIGHT), held(LOW)]) == {"right", "low"}


@pytest.mark.parametrize(
    ("at", "fits"),
    [
        ("*", True),
        ("district", True),
        ("bloc|district", True),
        ("district|district", True),
        ("", False),
        ("|", False),
        ("dist", False),
        ("districts", False),
        ("bloc", False),
        ("District", False),
        ("dist.*", False),
        ("bloc|*", False),
    ],
)
def test_a_rule_is_for_the_kinds_it_names(at: str, fits: bool) -> None:
    """`*` by itself is any; a name is a whole name, never a part or a pattern."""
    assert allowed([rule("own", at=at)], [held(LEFT)]) == ({"left"} if fits else set())


@pytest.mark.parametrize("name", ["a, b", 'say "so"', "p", "r.held", "", " leader", "true", "#"])
def test_values_are_texts_and_nothing_else(name: str) -> None:
    """Commas, quotes and words of the model's own mean nothing in a role, resource or action."""
    policy = Policy([Rule(name, "*", name, name, "subtree")])
    assert policy.decide([held(TOP, name)], name, name, LOW).allowed
    assert policy.scope([held(TOP, name)], name, name).covers(LOW)
    assert not policy.decide([held(TOP)], name, name, LOW).allowed


def test_another_action_or_resource_is_not_allowed() -> None:
    policy = Policy([rule("subtree")])
    for action, resource in (("record", "meeting"), ("read", "evaluation"), ("", "")):
        assert not policy.decide([held(TOP)], action, resource, TOP).allowed
        assert not policy.scope([held(TOP)], action, resource)


def test_a_decision_names_the_rule_and_the_office() -> None:
    policy = Policy([rule("own", role="other"), rule("subtree"), rule("own", "deny", role="guard")])
    offices = [held(RIGHT, "other"), held(LEFT), held(LOWEST, "guard")]
    yes = policy.decide(offices, "read", "meeting", LOW)
    assert (yes.allowed, yes.rule, yes.held) == (True, rule("subtree"), offices[1])
    no = policy.decide(offices, "read", "meeting", LOWEST)
    assert (no.allowed, no.rule, no.held) == (False, rule("own", "deny", role="guard"), offices[2])
    nothing = policy.decide(offices, "read", "meeting", TOP)
    assert (nothing.allowed, nothing.rule, nothing.held) == (False, None, None)


def test_a_rule_twice_is_one() -> None:
    assert allowed([rule("own"), rule("own")], [held(LEFT), held(LEFT)]) == {"left"}
    scope = Policy([rule("own")]).scope([held(LEFT), held(LEFT)], "read", "meeting")
    assert len(scope.allowed) == 1


@pytest.mark.parametrize(
    "reach", ["", "all", "rank", "rank<=", "rank<=-1", "rank<=x", "Own", "own "]
)
def test_a_reach_that_is_none_is_refused(reach: str) -> None:
    with pytest.raises(StoreError):
        Policy([rule(reach)])


@pytest.mark.parametrize("eft", ["", "Allow", "denied", "allow "])
def test_an_effect_that_is_none_is_refused(eft: str) -> None:
    """A misspelt deny that allowed would be the worst of faults."""
    with pytest.raises(StoreError):
        Policy([rule("own", eft)])


# ---- the default policy


def default_rules() -> list[Rule]:
    with (files("authz") / "default_policy.csv").open(encoding="utf-8") as lines:
        return [Rule(**row) for row in csv.DictReader(lines)]


def test_the_default_policy_is_short_and_of_known_roles() -> None:
    policy = Policy(default_rules())
    assert len(policy.rules) < 100
    assert policy.roles == set(ROLES)
    assert len(set(policy.rules)) == len(policy.rules)
    assert {rule.eft for rule in policy.rules} == {"allow"}


@pytest.mark.parametrize("role", ROLES)
def test_every_role_reads_units_and_no_body_reads_anothers_business(role: str) -> None:
    """`design.md`, 3: at a district, of its whole subtree."""
    policy = Policy(default_rules())
    offices = [held(LEFT, role)]
    assert policy.decide(offices, "read", "unit", LOWEST).allowed
    reads = {
        resource
        for resource in ("meeting", "evaluation", "inspection")
        if policy.decide(offices, "read", resource, LOWEST).allowed
    }
    committee = {"meeting", "evaluation", "inspection"}
    expected = {
        "organisation_board": {"meeting", "evaluation"},
        "office": {"meeting"},
        "inspection_commission": {"inspection"},
        "auditor": set(),
        "administrator": set(),
    }
    assert reads == expected.get(role, committee)


@pytest.mark.parametrize("kind", ["province", "central"])
def test_a_province_reads_down_to_the_grassroots_and_counts_below(kind: str) -> None:
    """`004_…`, II.6: in detail to the grassroots organisation, the rest in figures."""
    policy = Policy(default_rules())
    offices = [held(TOP, kind=kind)]
    for resource in ("meeting", "evaluation", "inspection"):
        assert policy.decide(offices, "read", resource, LOW).allowed
        assert not policy.decide(offices, "read", resource, LOWEST).allowed
        assert policy.decide(offices, "summarise", resource, LOWEST).allowed


def test_who_records_what() -> None:
    policy = Policy(default_rules())

    def may(role: str, resource: str) -> set[str]:
        return {
            name
            for name, unit in UNITS.items()
            if policy.decide([held(LEFT, role)], "record", resource, unit).allowed
        }

    assert may("secretary", "meeting") == may("office", "meeting") == {"left"}
    assert may("secretary", "evaluation") == may("organisation_board", "evaluation")
    assert may("secretary", "evaluation") == {"low", "lowest"}
    assert may("inspection_commission", "inspection") == {"left", "low", "lowest"}
    for role in ("leader", "officer", "auditor", "administrator"):
        assert not may(role, "meeting") | may(role, "evaluation") | may(role, "inspection")
