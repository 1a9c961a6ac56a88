"""Explanations agree with the server, say what is true, and say no more than the asker may read.

The worlds are those of the law (`worlds.py`); how many are tried is set alike.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.evidence import read_evidence
from authz.explaining import Asked, Finding, Outcome, explain
from authz.policy import Policy
from authz.policy import Rule as PolicyRule
from authz.tables import appointment, grant
from hierarchy.placements import raise_policy_version
from hierarchy.unit import Founding
from server.database import Database
from tests.authz.test_law import LAW, asked_of, case_of, executor_on, pairs
from tests.authz.worlds import (
    FIRST_DAY,
    LAST_DAY,
    RANKS,
    TODAY,
    Given,
    Limit,
    Oracle,
    Post,
    Rule,
    World,
    stored,
    worlds,
)

DAY = timedelta(days=1)
BEGINNINGS = st.sampled_from([FIRST_DAY, FIRST_DAY, TODAY, TODAY + DAY])
ENDS = st.sampled_from([LAST_DAY, LAST_DAY, TODAY, TODAY + DAY])
PAIRS = [*pairs(), ("record", "meeting")]


FIELDS = " ".join(
    f'{action}_{resource}: explain(unitCode: $code, action: "{action}", resource: "{resource}", '
    "principal: $principal) { ...told }"
    for action, resource in pairs()
)
EXPLAIN = f"""query ($code: String!, $principal: String) {{ {FIELDS} }}
  fragment told on Explanation {{ allowed reason steps {{ outcome rule
    appointment {{ id role unit {{ code }} }} grant {{ id of {{ code }} to {{ code }} }} }} }}"""


# ---- any world


@LAW
@given(world=worlds())
async def test_it_is_allowed_where_the_server_allows_it_and_by_what(
    database: Database, world: World
) -> None:
    """What is found first is what decided; nothing that was held is left out of a no."""
    async with case_of(database, world) as case:
        policy = policy_of(world)
        evidence = await read_evidence(case.connection, "viewer", TODAY)
        whole = evidence.rights(policy)
        held = sum(post.principal == "viewer" for post in world.posts)
        for unit in (await case.placed(TODAY)).values():
            for action, resource in PAIRS:
                decision = case.rights.decide(action, resource, unit)
                assert whole.decide(action, resource, unit) == decision
                found = explain(Asked(action, resource, unit), decision.allowed, evidence, policy)
                named = found[0].appointment or found[0].grant
                assert (found[0].outcome is Outcome.GIVEN) == decision.allowed
                if decision.allowed:
                    assert found[0].rule == decision.rule
                    assert decision.held is not None and named is not None
                    assert str(named.id) == decision.held.name
                elif decision.rule is not None:
                    assert found[0].outcome is Outcome.DENIED
                if not decision.allowed and not gives_itself(case.oracle, action, resource, unit):
                    assert sum(each.appointment is not None for each in found) == held


def gives_itself(oracle: Oracle, action: str, resource: str, unit: Any) -> bool:
    """Whether an appointment would do, were it not for what another is denied."""
    return any(is_given(oracle, [post], action, resource, unit.code) for post in oracle.posts)


@st.composite
def late_worlds(draw: st.DrawFn) -> World:
    """Worlds in which much is over or to come, and grants lack nothing else but rank."""
    world = draw(worlds())
    posts = [
        replace(post, valid_from=draw(BEGINNINGS), valid_to=draw(ENDS)) for post in world.posts
    ]
    grants = [
        replace(
            given,
            valid_from=draw(BEGINNINGS),
            valid_to=draw(ENDS),
            max_rank=draw(st.sampled_from([None, None, 2])),
            revoked=draw(st.integers(0, 5)) == 5,
            grantor=None,
            limits=tuple(Limit(*pair, given.of, "subtree", "allow") for pair in given.pairs),
        )
        for given in world.grants
    ]
    return replace(world, posts=posts, grants=tuple(grants))


@LAW
@given(world=worlds() | late_worlds())
async def test_every_finding_is_true(database: Database, world: World) -> None:
    """Held against the rules, the days and the tree by hand."""
    async with case_of(database, world) as case:
        policy, oracle = policy_of(world), case.oracle
        evidence = await read_evidence(case.connection, "viewer", TODAY)
        for unit in (await case.placed(TODAY)).values():
            for action, resource in PAIRS:
                allowed = oracle.covers(action, resource, unit.code, TODAY)
                for found in explain(Asked(action, resource, unit), allowed, evidence, policy):
                    truth = Truth(oracle, action, resource, unit.code)
                    assert truth.holds(found), found
                    assert found.said(lambda message, values: message.format(**values))


class Truth:
    """What is true of an appointment or a grant, as far as one question goes."""

    def __init__(self, oracle: Oracle, action: str, resource: str, code: str) -> None:
        self.oracle = oracle
        self.asked = action, resource, code

    def holds(self, found: Finding) -> bool:
        if found.appointment is not None:
            return self._of_post(found, self.oracle.world.posts[found.appointment.id.int])
        if found.grant is not None:
            return self._of_grant(found, self.oracle.world.grants[found.grant.id.int])
        return self._of_all(found)

    def _of_all(self, found: Finding) -> bool:
        action, resource, code = self.asked
        match found.outcome:
            case Outcome.NOTHING:
                return not any(post.principal == "viewer" for post in self.oracle.world.posts)
            case Outcome.CLOSED_UNIT:
                return action == "record" and not self.oracle.is_open(code, TODAY)
            case Outcome.NOT_ON_SIGNS:
                shown = self.oracle.covers_on_signs(action, code, "nobody's unit", TODAY)
                return resource == "inspection" and not shown
        return False

    def _of_post(self, found: Finding, post: Post) -> bool:
        in_force = post in self.oracle.posts
        day: Any = found.values.get("day")
        is_ever = post.valid_to is None or post.valid_from < post.valid_to
        would = is_ever and is_given(self.oracle, [post], *self.asked)
        match found.outcome:
            case Outcome.GIVEN:
                return in_force and would and self._applies(found, post)
            case Outcome.DENIED:
                return in_force and self._applies(found, post, "deny")
            case Outcome.EXPIRED:
                return would and day == post.valid_to and day <= TODAY
            case Outcome.BEGINS:
                return would and day == post.valid_from and day > TODAY
            case Outcome.CLOSED:
                closed_on = self.oracle.units[post.unit].closed_on
                return would and day == closed_on and day <= TODAY
            case Outcome.NOT_STANDING:
                return not self.oracle.stands(post.unit, TODAY)
            case Outcome.IDLE:
                return not in_force and not would
        return in_force and not would and self._is_short(found, post)

    def _is_short(self, found: Finding, post: Post, is_granted: bool = False) -> bool:
        """That the rule is one for the office, and does not reach the unit for the reason told."""
        rule, (action, resource, code) = found.rule, self.asked
        inside = self.oracle.is_within(code, post.unit)
        if found.outcome is Outcome.NO_RIGHT:
            return rule is None and not self._allowing(post, action)
        if found.outcome is Outcome.FIGURES:
            figures = is_given(self.oracle, [post], "summarise", resource, code)
            return action == "read" and figures and not self._allowing(post, "read")
        if rule is None or Rule(**as_dict(rule)) not in self._allowing(post, action):
            return False
        match found.outcome:
            case Outcome.ELSEWHERE:
                return not inside
            case Outcome.ONLY_OWN:
                return inside and rule.reach in ("own", "above" if is_granted else "")
            case Outcome.ONLY_CHILDREN | Outcome.ONLY_BELOW | Outcome.ONLY_ABOVE:
                return inside and rule.reach == found.outcome.name.lower().removeprefix("only_")
            case Outcome.RANK | Outcome.FIGURES_BELOW:
                own = RANKS[self.oracle.units[code].kind]
                rank: Any = found.values["rank"]
                told = found.values["own"] == own > rank and rule.reach == f"rank<={rank}"
                figures = is_given(self.oracle, [post], "summarise", resource, code)
                has_figures = action == "read" and not is_granted and figures
                return inside and told and (found.outcome is Outcome.FIGURES_BELOW) == has_figures
        return False

    def _allowing(self, post: Post, action: str) -> list[Rule]:
        """The rules that allow the action to an office like that, however far."""
        kind = self.oracle.units[post.unit].kind
        return [
            rule
            for rule in self.oracle.world.rules
            if (rule.role, rule.action, rule.resource, rule.eft)
            == (post.role, action, self.asked[1], "allow")
            and (rule.at == "*" or kind in rule.at.split("|"))
        ]

    def _applies(self, found: Finding, post: Post, eft: str = "allow") -> bool:
        assert found.rule is not None
        rule = Rule(**as_dict(found.rule))
        is_asked = (rule.action, rule.resource, rule.eft) == (*self.asked[:2], eft)
        return is_asked and self.oracle._applies(rule, post, self.asked[2], TODAY)

    def _of_grant(self, found: Finding, given: Given) -> bool:
        held = self._as_if_held()
        in_force = given in self.oracle.grants
        day: Any = found.values.get("day")
        is_shown = self.oracle._shows(given, *self.asked, TODAY)
        would = held._shows(given, *self.asked, TODAY)
        there = [Post("viewer", role, given.of, FIRST_DAY, None) for role in given.roles]
        closed = [self.oracle.units[code].closed_on for code in (given.of, given.to)]
        match found.outcome:
            case Outcome.GIVEN:
                return in_force and is_shown
            case Outcome.REVOKED:
                return is_shown and given.revoked and day == TODAY
            case Outcome.EXPIRED:
                return is_shown and day == given.valid_to and day <= TODAY
            case Outcome.BEGINS:
                return is_shown and day == given.valid_from and day > TODAY
            case Outcome.CLOSED:
                return is_shown and day in closed and day <= TODAY
            case Outcome.NOT_HELD:
                return (
                    in_force and would and not is_shown and str(found.values["role"]) in given.roles
                )
            case Outcome.IDLE:
                return not (in_force and is_shown)
        if not in_force or is_shown:
            return False
        match found.outcome:
            case Outcome.DENIED:
                return any(self._applies(found, post, "deny") for post in there)
            case Outcome.BEYOND_RANK:
                own, most = RANKS[self.oracle.units[self.asked[2]].kind], given.max_rank
                told = found.values["own"], found.values["rank"]
                return most is not None and told == (own, most) and own > most
            case Outcome.OTHER_PAIR:
                return self.asked[:2] not in given.pairs
            case Outcome.BEYOND_GRANTOR:
                return not self.oracle._is_under_ceiling(given, *self.asked, TODAY)
        return any(self._is_short(found, post, is_granted=True) for post in there)

    def _as_if_held(self) -> Oracle:
        """As if everything that the viewer ever holds were in force."""
        held = Oracle(self.oracle.world)
        held.posts = [post for post in held.world.posts if post.principal == "viewer"]
        return held


def is_given(oracle: Oracle, posts: list[Post], action: str, resource: str, code: str) -> bool:
    """Whether these appointments would give it together, if they were in force."""
    if oracle._denies(posts, action, resource, code, TODAY):
        return False
    return bool(oracle.held_by(posts, "allow", action, resource, code, TODAY))


@LAW
@given(world=worlds(), data=st.data())
async def test_of_oneself_everything_is_told(
    database: Database, world: World, data: st.DataObject
) -> None:
    """At any unit in sight, by the API: what is allowed there, and nothing that may not be read."""
    async with case_of(database, world) as case:
        codes = sorted(case.oracle.in_sight(TODAY))
        if not codes:
            return
        code = data.draw(st.sampled_from(codes))
        executor = executor_on(case.connection)
        answer, errors = await asked_of(executor, EXPLAIN, {"code": code})
        assert not errors
        for action, resource in pairs():
            explained = answer[f"{action}_{resource}"]
            assert explained["allowed"] == case.oracle.covers(action, resource, code, TODAY)
            assert explained["reason"] == explained["steps"][0]["outcome"]
            assert not any("may not read" in each["outcome"] for each in explained["steps"])


# ---- what the asker may not read


@LAW
@given(world=worlds(), data=st.data())
async def test_what_may_not_be_read_changes_nothing_that_is_told(
    database: Database, world: World, data: st.DataObject
) -> None:
    """The same world without the appointments and grants that the asker may not read: every step
    is the same wherever the server still decides the same; and the server decides as it is told."""
    tops = st.sampled_from([unit.code for unit in world.units])
    top, top_of_grants = data.draw(tops), data.draw(tops)
    asked = with_asker(world, top, top_of_grants)
    oracle = Oracle(asked)
    hidden = [
        UUID(int=at)
        for at, post in enumerate(world.posts)
        if post.principal == "viewer"
        and not (oracle.stands(post.unit, TODAY) and oracle.is_within(post.unit, top))
    ]
    hidden_grants = [
        UUID(int=at)
        for at, one in enumerate(world.grants)
        if not any(
            oracle.stands(code, TODAY) and oracle.is_within(code, top_of_grants)
            for code in (one.of, one.to)
        )
    ]
    codes = sorted(Oracle(asked, "asker").covered("read", "appointment", TODAY))
    codes = data.draw(st.lists(st.sampled_from(codes), max_size=3)) if codes else []
    async with stored(database, asked) as connection:
        before = await told(connection, codes)
        await connection.execute(delete(appointment).where(appointment.c.id.in_(hidden)))
        await connection.execute(delete(grant).where(grant.c.id.in_(hidden_grants)))
        await raise_policy_version(connection)
        after = await told(connection, codes)
    for key, explained in before.items():
        assert explained["allowed"] == oracle.covers(*key, TODAY)
        if explained["allowed"] == after[key]["allowed"]:
            assert explained == after[key]


def with_asker(world: World, top: str, top_of_grants: str) -> World:
    """The world and one who may read appointments in one subtree and grants in another."""
    tops = {"appointment": top, "grant": top_of_grants}
    rules = [
        Rule(f"{resource} reader", "*", each, "read", "subtree", "allow")
        for resource in tops
        for each in (resource, "unit")
    ]
    posts = [
        Post("asker", f"{resource} reader", code, FIRST_DAY, None)
        for resource, code in tops.items()
    ]
    return replace(world, rules=[*world.rules, *rules], posts=[*world.posts, *posts])


async def told(connection: AsyncConnection, codes: list[str]) -> dict[tuple[str, str, str], Any]:
    """What the asker is told of the viewer at units."""
    executor, found = executor_on(connection), {}
    for code in codes:
        variables = {"code": code, "principal": "viewer"}
        data, errors = await asked_of(executor, EXPLAIN, variables, "asker")
        assert not errors
        for action, resource in pairs():
            found[action, resource, code] = data[f"{action}_{resource}"]
    return found


# ---- one world by hand


async def test_the_nearest_comes_first(database: Database) -> None:
    """What lacks only time, then what lacks reach, then what was never given; from below up."""
    posts = [
        Post("viewer", "auditor", "b", FIRST_DAY, None),
        Post("viewer", "leader", "c", FIRST_DAY, None),
        Post("viewer", "secretary", "a", FIRST_DAY, None),
        Post("viewer", "leader", "a", TODAY + DAY, None),
        Post("viewer", "leader", "a", FIRST_DAY, TODAY),
        Post("viewer", "leader", "b", FIRST_DAY, TODAY - DAY),
        Post("viewer", "auditor", "a", FIRST_DAY, TODAY),
    ]
    async with stored(database, by_hand(posts)) as connection:
        outcomes = await outcomes_at(connection, by_hand(posts), "b")
    assert outcomes == [
        (Outcome.EXPIRED, "b"),
        (Outcome.EXPIRED, "a"),
        (Outcome.BEGINS, "a"),
        (Outcome.RANK, "a"),
        (Outcome.ELSEWHERE, "c"),
        (Outcome.NO_RIGHT, "b"),
        (Outcome.IDLE, "a"),
    ]


async def test_a_grant_fails_after_appointments_that_lack_time_alone(database: Database) -> None:
    """And by the greatest of what is in its way."""
    posts = [
        Post("viewer", "leader", "c", FIRST_DAY, None),
        Post("viewer", "leader", "b", FIRST_DAY, TODAY),
        Post("viewer", "leader", "b", TODAY + DAY, None),
    ]
    whole = (Limit("read", "meeting", "b", "subtree", "allow"),)
    days = FIRST_DAY, TODAY + DAY
    of_b = Given("b", "c", ("leader",), ("meeting",), ("read",), None, *days, False, None, whole)
    figures = replace(of_b, actions=("summarise",))
    grants = (
        replace(figures, of="c"),
        figures,
        replace(of_b, limits=()),
        replace(of_b, max_rank=1),
        replace(of_b, revoked=True),
        replace(of_b, valid_to=TODAY),
    )
    world = replace(by_hand(posts), grants=grants)
    async with stored(database, world) as connection:
        outcomes = await outcomes_at(connection, world, "b")
    assert outcomes == [
        (Outcome.EXPIRED, "b"),
        (Outcome.BEGINS, "b"),
        (Outcome.EXPIRED, "c"),
        (Outcome.REVOKED, "c"),
        (Outcome.BEYOND_RANK, "c"),
        (Outcome.OTHER_PAIR, "c"),
        (Outcome.BEYOND_GRANTOR, "c"),
        (Outcome.ELSEWHERE, "c"),
        (Outcome.ELSEWHERE, "c"),
    ]


async def test_a_grant_is_for_nothing_above_its_unit(database: Database) -> None:
    """Not even to roles that reach what stands above theirs."""
    limits = (Limit("read", "meeting", "a", "subtree", "allow"),)
    days = FIRST_DAY, TODAY + DAY
    of_b = Given("b", "c", ("usher",), ("meeting",), ("read",), None, *days, False, None, limits)
    world = by_hand([Post("viewer", "usher", "c", FIRST_DAY, None)])
    usher = Rule("usher", "g", "meeting", "read", "above", "allow")
    world = replace(world, rules=[*world.rules, usher], grants=(of_b,))
    denied = replace(world, rules=[*world.rules, replace(usher, eft="deny")])
    for one in (world, denied):
        async with stored(database, one) as connection:
            found = await outcomes_at(connection, one, "a")
        assert found == [(Outcome.ELSEWHERE, "c"), (Outcome.NO_RIGHT, "c")]


async def test_what_one_office_is_denied_is_denied_whatever_another_gives(
    database: Database,
) -> None:
    """The rule is told, not that something may not be read."""
    posts = [
        Post("viewer", "leader", "b", FIRST_DAY, None),
        Post("viewer", "auditor", "a", FIRST_DAY, None),
    ]
    world = by_hand(posts)
    denial = Rule("auditor", "*", "meeting", "read", "subtree", "deny")
    world = replace(world, rules=[*world.rules, denial])
    async with stored(database, world) as connection:
        assert await outcomes_at(connection, world, "b") == [(Outcome.DENIED, "a")]


async def test_more_than_twenty_are_cut(database: Database) -> None:
    world = by_hand([Post("viewer", "auditor", "b", FIRST_DAY, None)] * 30)
    async with stored(database, world) as connection:
        assert len(await outcomes_at(connection, world, "b")) == 20


def by_hand(posts: list[Post]) -> World:
    """A top `a` with `b` and `c` below it; leaders read meetings, an auditor nothing."""
    units = [
        Founding(code, parent, f"Name {code}", kind, None, FIRST_DAY, None)
        for code, parent, kind in (("a", None, "top"), ("b", "a", "g"), ("c", "a", "d"))
    ]
    rules = [
        Rule("leader", "*", "meeting", "read", "subtree", "allow"),
        Rule("secretary", "*", "meeting", "read", "rank<=2", "allow"),
        Rule("auditor", "*", "unit", "read", "subtree", "allow"),
    ]
    return World(units, rules, posts, [], [])


async def outcomes_at(
    connection: AsyncConnection, world: World, code: str
) -> list[tuple[Outcome, str]]:
    """The outcomes of reading meetings at a unit, each with the appointment's unit or the one
    granted to."""
    evidence = await read_evidence(connection, "viewer", TODAY)
    [unit] = [each for each in (await units_of(connection, world)) if each.code == code]
    found = explain(Asked("read", "meeting", unit), False, evidence, policy_of(world))
    codes = {each.unit_id: each.code for each in await units_of(connection, world)}
    return [(each.outcome, codes[unit_id_of(each)]) for each in found]


def unit_id_of(found: Finding) -> int:
    if found.appointment is not None:
        return found.appointment.unit_id
    assert found.grant is not None
    return found.grant.to_unit_id


async def units_of(connection: AsyncConnection, world: World) -> list[Any]:
    from hierarchy import placements
    from tests.authz.worlds import unit_ids

    ids = await unit_ids(connection)
    return list((await placements.placed(connection, ids.values(), TODAY)).values())


# ---- small things


def policy_of(world: World) -> Policy:
    return Policy(PolicyRule(**vars(rule)) for rule in world.rules)


def as_dict(rule: PolicyRule) -> dict[str, str]:
    return {name: getattr(rule, name) for name in PolicyRule.__slots__}
