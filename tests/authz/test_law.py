"""The law: policy, scope, SQL, lists, sums and answers never disagree, whatever the world.

Each world is random (`worlds.py`), and every answer is held against the naive oracle. How many
worlds are tried is set by `CHIBO_TEST_WORLDS` (12 a test and database by default).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from authz import appointments, grants
from authz.policy import Held, Policy, Rule
from authz.rights import Rights, RightsKeeper
from authz.tables import grant
from graph.execution import Executor, Request
from graph.limits import Limits
from graph.resolvers.summaries import INSPECTIONS as INSPECTION_FORM
from graph.resolvers.summaries import MEETINGS as MEETING_FORM
from hierarchy import placements
from hierarchy.placements import on
from hierarchy.scope import Base, Scope
from hierarchy.tables import placement
from hierarchy.unit import Placed
from records import lists, summaries
from records.filters import InspectionFilter, MeetingFilter
from records.lists import INSPECTIONS, MEETINGS, Listing, RecordOrder
from records.summaries import Attribution, Counting
from server.database import Database
from tests.authz.checks import same
from tests.authz.worlds import (
    ACTIONS,
    FIRST_DAY,
    LAST_DAY,
    RECORDED_AT,
    RESOURCES,
    TODAY,
    Oracle,
    World,
    ahead,
    behind,
    over_nothing,
    stored,
    taken_away,
    upward,
    worlds,
)

LAW = settings(
    max_examples=int(os.environ.get("CHIBO_TEST_WORLDS", "12")),
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)
DAYS = st.sampled_from([TODAY, TODAY, LAST_DAY, TODAY - timedelta(days=4), FIRST_DAY])
EVERYTHING = {MEETINGS: MeetingFilter(), INSPECTIONS: InspectionFilter()}


@dataclass
class Case:
    """A stored world, the viewer's rights in it, and what is true of it."""

    connection: AsyncConnection
    rights: Rights
    oracle: Oracle

    async def placed(self, day: date) -> dict[str, Placed]:
        """Every unit that stands on the day, by code; whether the viewer sees it or not."""
        rows = await self.connection.execute(
            select(placement.c.unit_id).where(on(placement.c, day))
        )
        units = await placements.placed(self.connection, rows.scalars(), day)
        return {unit.code: unit for unit in units.values()}

    async def codes_where(self, day: date, condition: Any) -> set[str]:
        rows = await self.connection.execute(
            select(placement.c.code).where(on(placement.c, day), condition)
        )
        return set(rows.scalars())


@asynccontextmanager
async def case_of(database: Database, world: World) -> AsyncIterator[Case]:
    async with stored(database, world) as connection:
        revision = await placements.read_revision(connection)
        rights = await RightsKeeper().rights(connection, "viewer", revision, TODAY)
        yield Case(connection, rights, Oracle(world))


# ---- units


@LAW
@given(world=worlds())
@example(world=upward())
@example(world=taken_away())
async def test_policy_scope_and_sql_cover_the_same_units(database: Database, world: World) -> None:
    """On the tree of any day; today the decision about each unit too."""
    async with case_of(database, world) as case:
        policy = Policy(Rule(**vars(rule)) for rule in world.rules)
        for day in sorted({FIRST_DAY, TODAY - timedelta(days=4), TODAY, LAST_DAY}):
            await check_units(case, policy, day)


async def check_units(case: Case, policy: Policy, day: date) -> None:
    units = await case.placed(day)
    assert units.keys() == set(case.oracle.standing(day))
    held, every = held_of(case.oracle, units), len(units)
    for action, resource in pairs():
        scope = case.rights.scope(action, resource, day)
        covered = case.oracle.covered(action, resource, day)
        same({code for code, unit in units.items() if scope.covers(unit)}, covered, every)
        same(await case.codes_where(day, scope.predicate(placement.c)), covered, every)
        by_office = case.oracle.covered_by_office(action, resource, day)
        same(decided(policy, held, action, resource, units), by_office, every)
        assert bool(scope) or not covered
        if day == TODAY:
            decide = case.rights.decide
            allowed = {code for code in units if decide(action, resource, units[code]).allowed}
            same(allowed, covered, every)


@LAW
@given(world=worlds(), day=DAYS)
@example(world=over_nothing("below"), day=TODAY)
@example(world=over_nothing("children"), day=TODAY)
async def test_what_is_in_sight_above_and_within_reach(
    database: Database, world: World, day: date
) -> None:
    """In sight: covered, or above what is. The lowest unit above all that is covered; the
    subtrees that hold something covered; how many are covered."""
    async with case_of(database, world) as case:
        units, connection = await case.placed(day), case.connection
        sight = case.rights.scope("read", "unit", day)
        seen = case.oracle.in_sight(day)
        every = len(units)
        shown = await case.codes_where(day, placements.in_sight(sight, placement.c, day))
        same(shown, seen, every)
        ids = [unit.unit_id for unit in units.values()]
        sighted = await placements.sighted(connection, sight, ids, day)
        same({unit.code for unit in sighted.values()}, seen, every)
        found = {code for code in units if await placements.find(connection, sight, code, day)}
        same(found, seen, every)
        for action, resource in pairs():
            scope = case.rights.scope(action, resource, day)
            covered = case.oracle.covered(action, resource, day)
            lowest = await placements.lowest_above(connection, scope, day)
            same(lowest and lowest.code, case.oracle.lowest_above(covered))
            same(await placements.size(connection, scope, day), len(covered))
            holding = {above for code in covered for above in case.oracle.above(code)}
            paths = [unit.path for unit in units.values()]
            reached = await placements.reached(connection, scope, day, paths)
            held = {code for code, unit in units.items() if unit.path in reached}
            same(held, holding, every)
            sure = {code for code, unit in units.items() if scope.surely_reaches(unit.path)}
            assert sure <= holding


@LAW
@given(world=worlds(), day=DAYS)
async def test_open_inspections_on_signs_need_an_office_above(
    database: Database, world: World, day: date
) -> None:
    """For every unit and every unit that may inspect it: scope, SQL and oracle agree."""
    async with case_of(database, world) as case:
        units = await case.placed(day)
        for action in ACTIONS:
            scope = case.rights.scope(action, "inspection", day)
            for by in units.values():
                expected = {
                    code
                    for code in units
                    if case.oracle.covers_on_signs(action, code, by.code, day)
                }
                predicate = scope.predicate_on_signs(placement.c, by.unit_id)
                same(await case.codes_where(day, predicate), expected, len(units))
                covered = {
                    code for code, unit in units.items() if scope.covers_on_signs(unit, by.unit_id)
                }
                same(covered, expected, len(units))


@LAW
@given(world=worlds(), days=st.sets(st.dates(FIRST_DAY, LAST_DAY), min_size=3, max_size=5))
async def test_the_scope_through_time_is_the_scope_of_each_day(
    database: Database, world: World, days: set[date]
) -> None:
    async with case_of(database, world) as case:
        for action, resource in pairs():
            through = case.rights.through_time(action, resource)
            for day in days:
                covered = case.oracle.covered(action, resource, day)
                found = await case.codes_where(day, through.predicate(placement.c, literal(day)))
                same(found, covered, len(case.oracle.standing(day)))


# ---- what ends between two requests

EVERY_UNIT = "{ units(first: 200, filter: {status: ANY}) { nodes { code } } }"


@LAW
@given(world=worlds(), data=st.data())
async def test_what_ended_is_dead_at_the_next_request(
    database: Database, world: World, data: st.DataObject
) -> None:
    """Appointments that end today and grants that end or are revoked: by the rights that the very
    same keeper makes next, and in the next answer of the same server."""
    async with case_of(database, world) as case:
        keeper, executor = RightsKeeper(), executor_on(case.connection)
        await checked_against(case, keeper, executor, world)
        ended = data.draw(ends_of(world))
        await store_ends(case.connection, world, ended)
        await placements.raise_policy_version(case.connection)
        await checked_against(case, keeper, executor, ended)


@st.composite
def ends_of(draw: st.DrawFn, world: World) -> World:
    """Half of the appointments, half of the grants, or of both, have ended."""
    half = st.booleans()
    posts = [replace(each, valid_to=TODAY) if draw(half) else each for each in world.posts]
    grants = tuple(
        draw(st.sampled_from([each, replace(each, revoked=True), replace(each, valid_to=TODAY)]))
        for each in world.grants
    )
    which = draw(st.sampled_from(["appointments", "grants", "both"]))
    return replace(
        world,
        posts=world.posts if which == "grants" else posts,
        # What a grantor could see is kept with the grant: it outlives the office.
        grants=world.grants if which == "appointments" else grants,
    )


async def store_ends(connection: AsyncConnection, world: World, ended: World) -> None:
    for at, (was, post) in enumerate(zip(world.posts, ended.posts, strict=True)):
        if post != was:
            await appointments.end(connection, UUID(int=at), TODAY)
    for at, each in enumerate(ended.grants):
        if each.revoked and not world.grants[at].revoked:
            await grants.revoke(connection, UUID(int=at), RECORDED_AT, TODAY)
        end = update(grant).where(grant.c.id == UUID(int=at)).values(valid_to=each.valid_to)
        await connection.execute(end)


async def checked_against(
    case: Case, keeper: RightsKeeper, executor: Executor, world: World
) -> None:
    revision = await placements.read_revision(case.connection)
    rights = await keeper.rights(case.connection, "viewer", revision, TODAY)
    oracle, units = Oracle(world), await case.placed(TODAY)
    for action, resource in pairs():
        scope = rights.scope(action, resource, TODAY)
        covered = {code for code, unit in units.items() if scope.covers(unit)}
        same(covered, oracle.covered(action, resource, TODAY), len(units))
    answer, _ = await asked_of(executor, EVERY_UNIT, {})
    seen = {each["code"] for each in (answer["units"] or {"nodes": []})["nodes"]}
    same(seen, oracle.in_sight(TODAY), len(oracle.units))


# ---- records


@LAW
@given(world=worlds(), size=st.integers(2, 5), few_units=st.booleans(), data=st.data())
async def test_a_list_is_what_single_look_ups_allow(
    database: Database, world: World, size: int, few_units: bool, data: st.DataObject
) -> None:
    """Whole, within a unit, counted, and unit by unit; by either plan, in either order."""
    async with case_of(database, world) as case:
        for series, records in ((MEETINGS, world.meetings), (INSPECTIONS, world.inspections)):
            scope = case.rights.scope("read", series.resource, TODAY)
            allowed = [each for each in records if case.oracle.reads(each)]
            single = {
                each.id
                for each in records
                if await lists.find(case.connection, series, scope, TODAY, each.id)
            }
            same(single, {each.id for each in allowed}, len(records))
            units = [*(await case.placed(TODAY)).values()]
            one = [data.draw(st.sampled_from(units))] if units else []
            for within in (None, *one):
                inside = [
                    each
                    for each in allowed
                    if within is None or case.oracle.is_within(each.unit, within.code)
                ]
                await check_list(case, series, scope, within, inside, size, few_units)
            await check_own_lists(case, series, scope, allowed, size)


async def check_list(
    case: Case,
    series: Any,
    scope: Scope,
    within: Placed | None,
    expected: list[Any],
    size: int,
    few_units: bool,
) -> None:
    newest = [each.id for each in sorted(expected, key=lambda each: (each.day, each.id))][::-1]
    for order, ids in (
        (RecordOrder.NEWEST_FIRST, newest),
        (RecordOrder.OLDEST_FIRST, newest[::-1]),
    ):
        listing = Listing(EVERYTHING[series], order, within)
        asked = (case.connection, series, scope, TODAY, listing)
        found = page = await lists.first_records(*asked, None, size, few_units)
        while page:
            after = series.position(page[-1])
            page = await lists.first_records(*asked, after, size, few_units)
            found = found + page
            assert len(found) <= len(ids)
        same([each.id for each in found], ids)
        same(await lists.count_records(*asked), len(ids))


async def check_own_lists(
    case: Case, series: Any, scope: Scope, allowed: list[Any], size: int
) -> None:
    units = await case.placed(TODAY)
    ids = [unit.unit_id for unit in units.values()]
    asked = (case.connection, series, scope, TODAY, ids, Listing(EVERYTHING[series]), None)
    firsts = await lists.first_of_units(*asked, size)
    counts = await lists.count_of_units(*asked)
    for code, unit in units.items():
        own = sorted(
            (each for each in allowed if each.unit == code), key=lambda each: (each.day, each.id)
        )
        newest = [each.id for each in own[::-1]]
        same([each.id for each in firsts[unit.unit_id]], newest[:size])
        same(counts[unit.unit_id], len(own))


@LAW
@given(world=worlds())
async def test_a_sum_is_the_sum_over_the_list(database: Database, world: World) -> None:
    """The list cut by the scope of `summarise`, added up by hand, in any grouping."""
    async with case_of(database, world) as case:
        scope = case.rights.scope("summarise", "meeting", TODAY)
        listing = Listing(MeetingFilter())
        counting = counting_of(case, "meeting", TODAY, Attribution.AS_OF)
        listed = await lists.first_records(
            case.connection, MEETINGS, scope, TODAY, listing, None, 100, False
        )
        for keys, group in GROUPINGS.items():
            sums = await summaries.sums(
                case.connection,
                MEETING_FORM.summary,
                counting,
                MeetingFilter(),
                keys,
                ("meetings", "units_met", "members_present"),
                None,
            )
            by_hand: dict[Any, list[Any]] = {}
            for each in listed:
                by_hand.setdefault(group(each), []).append(each)
            expected = {
                groups: {
                    "meetings": len(some),
                    "units_met": len({each.unit_id for each in some}),
                    "members_present": sum(each.members_present for each in some),
                }
                for groups, some in (by_hand.items() if keys else [((), listed)])
            }
            same({row.groups: row.measures for row in sums}, expected)


GROUPINGS: dict[tuple[str, ...], Callable[[Any], tuple[Any, ...]]] = {
    (): lambda meeting: (),
    ("KIND",): lambda meeting: (meeting.kind,),
    ("UNIT_KIND",): lambda meeting: (meeting.unit.kind,),
    ("UNIT_KIND", "KIND"): lambda meeting: (meeting.unit.kind, meeting.kind),
    ("MONTH",): lambda meeting: (meeting.held_on.replace(day=1),),
}


@LAW
@given(world=worlds(), day=DAYS, attribution=st.sampled_from(Attribution))
@example(world=ahead(), day=LAST_DAY, attribution=Attribution.AS_OF)
async def test_what_counts_under_each_unit(
    database: Database, world: World, day: date, attribution: Attribution
) -> None:
    """On the tree of any day, or as recorded; by child, for all units at once and one by one."""
    async with case_of(database, world) as case:
        units = {unit.unit_id: code for code, unit in (await case.placed(day)).items()}
        for form, records in ((MEETING_FORM, world.meetings), (INSPECTION_FORM, world.inspections)):
            series = form.summary.series
            name = f"{series.resource}s"
            asked = (
                case.connection,
                form.summary,
                counting_of(case, series.resource, day, attribution),
                EVERYTHING[series],
                ["CHILD"],
                [name],
            )
            counted = [each for each in records if counts(case.oracle, each, day, attribution)]
            ids = await every_unit(case)
            many = await summaries.sums_of_units(*asked, list(units))
            for unit_id, code in units.items():
                expected = Counter(
                    case.oracle.child(code, each.unit)
                    for each in counted
                    if case.oracle.is_within(each.unit, code)
                )
                same(by_child(many[unit_id], name, ids), expected)
            for code, unit in (await case.placed(day)).items():
                one = await summaries.sums(*asked, unit)
                same(
                    (code, by_child(one, name, ids)),
                    (code, by_child(many[unit.unit_id], name, ids)),
                )


# ---- answers

ANSWERS = """query ($code: String!) { unit(code: $code) {
  code parent { code } path { code } children(first: 200) { nodes { code } totalCount }
  meetings(first: 200) { nodes { id } totalCount } inspections { totalCount }
  meetingSummary { meetings } inspectionSummary { inspections } } }"""
ROOTS = """{ units(first: 200) { nodes { code } totalCount }
  meetings { totalCount } inspections { totalCount }
  meetingSummary { meetings } inspectionSummary { inspections } }"""


@LAW
@given(world=worlds())
async def test_answers_show_the_viewers_part_and_null_for_the_rest(
    database: Database, world: World
) -> None:
    """Units in sight and no others; records null where they may not be read, figures null where
    nothing below may be summarised, FORBIDDEN at the root: never a nought instead."""
    async with case_of(database, world) as case:
        executor = executor_on(case.connection)
        visible = case.oracle.in_sight(TODAY)
        status = {code for code in visible if case.oracle.is_open(code, TODAY)}
        roots, codes = await asked_of(executor, ROOTS, {})
        listed = roots["units"]
        if not case.oracle.posts or listed is None:
            assert not visible
        else:
            same({each["code"] for each in listed["nodes"]}, status)
            same(listed["totalCount"], len(status))
        assert set(codes) <= {"FORBIDDEN"}
        for resource, records in (("meeting", world.meetings), ("inspection", world.inspections)):
            read = sum(case.oracle.reads(each) for each in records)
            count = roots[f"{resource}s"]
            may_read = bool(case.oracle.covered("read", resource, TODAY))
            same(count, {"totalCount": read} if may_read else None)
            may_count = bool(case.oracle.covered("summarise", resource, TODAY))
            counted = sum(case.oracle.counts(each, TODAY) for each in records)
            rows = roots[f"{resource}Summary"]
            same(rows, [{f"{resource}s": counted}] if may_count else None)
        for code in case.oracle.units:
            answer, errors = await asked_of(executor, ANSWERS, {"code": code})
            assert not errors
            same(answer["unit"], expected_unit(case.oracle, code, answer["unit"]))


BEHIND = """{ inspections(first: 200) { nodes { unit { ...shown } by { ...shown } } } }
  fragment shown on Unit { code name parent { code } path { code } children { totalCount }
    meetings { totalCount } meetingSummary { meetings } }"""


@LAW
@given(world=worlds())
@example(world=behind())
async def test_a_unit_behind_a_record_shows_no_more_than_it_may(
    database: Database, world: World
) -> None:
    """Who may read an inspection sees both its units' own fields; where such a unit is out of
    sight otherwise: a path of itself alone, no parent, children, records or figures."""
    async with case_of(database, world) as case:
        data, _ = await asked_of(executor_on(case.connection), BEHIND, {})
        visible = case.oracle.in_sight(TODAY)
        for record in (data["inspections"] or {"nodes": []})["nodes"]:
            for shown in record.values():
                code = shown["code"]
                assert shown["name"] == f"Name {code}"
                if code in visible:
                    path = [each["code"] for each in shown["path"]]
                    same(path, case.oracle.above(code)[::-1])
                else:
                    alone = {
                        "code": code,
                        "name": f"Name {code}",
                        "parent": None,
                        "path": [{"code": code}],
                        "children": {"totalCount": 0},
                        "meetings": None,
                        "meetingSummary": None,
                    }
                    same(shown, alone)


def expected_unit(oracle: Oracle, code: str, answered: Any) -> dict[str, Any] | None:
    seen = oracle.in_sight(TODAY)
    if code not in seen:
        return None
    path = [{"code": above} for above in oracle.above(code)][::-1]
    children = sorted(
        (
            child
            for child in seen
            if oracle.units[child].parent_code == code and oracle.is_open(child, TODAY)
        ),
        key=str.encode,
    )
    expected = {
        "code": code,
        "parent": path[-2] if len(path) > 1 else None,
        "path": path,
        "children": {
            "nodes": [{"code": child} for child in children],
            "totalCount": len(children),
        },
    }
    for resource, records in (
        ("meeting", oracle.world.meetings),
        ("inspection", oracle.world.inspections),
    ):
        own = sum(oracle.reads(each) for each in records if each.unit == code)
        may_read = oracle.covers("read", resource, code, TODAY)
        expected[f"{resource}s"] = {"totalCount": own} if may_read else None
        if resource == "meeting" and may_read:
            expected["meetings"] = {"nodes": answered["meetings"]["nodes"], "totalCount": own}
            assert len(answered["meetings"]["nodes"]) == own
        covered = oracle.covered("summarise", resource, TODAY)
        within = [each for each in records if oracle.is_within(each.unit, code)]
        counted = sum(oracle.counts(each, TODAY) for each in within)
        holds = any(oracle.is_within(one, code) for one in covered)
        expected[f"{resource}Summary"] = [{f"{resource}s": counted}] if holds else None
    return expected


class OneConnection:
    """The store of an executor that works inside a transaction which is already open."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        yield self._connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """What the trail is to tell."""
        yield self._connection


def executor_on(connection: AsyncConnection) -> Executor:
    store: Any = OneConnection(connection)
    return Executor(store, Limits(), b"k" * 32, lambda: TODAY)


async def asked_of(
    executor: Executor, query: str, variables: dict[str, Any], principal: str = "viewer"
) -> tuple[dict[str, Any], list[str]]:
    answer = await executor.answer(Request(query, variables, None, "en"), principal)
    errors = [error["extensions"]["code"] for error in answer.body.get("errors", ())]
    return answer.body["data"], errors


# ---- small things


def pairs() -> list[tuple[str, str]]:
    return [(action, resource) for action in ACTIONS for resource in RESOURCES]


def held_of(oracle: Oracle, units: dict[str, Placed]) -> list[Held]:
    """The viewer's offices as they stand on a tree."""
    held = []
    for post in oracle.posts:
        if post.unit in units:
            unit = units[post.unit]
            base = Base(unit.unit_id, unit.path, unit.depth, unit.rank)
            held.append(Held(post.role, unit.kind, base))
    return held


def decided(
    policy: Policy, held: list[Held], action: str, resource: str, units: dict[str, Placed]
) -> set[str]:
    return {
        code for code, unit in units.items() if policy.decide(held, action, resource, unit).allowed
    }


def counting_of(case: Case, resource: str, day: date, attribution: Attribution) -> Counting:
    rights = case.rights
    return Counting(
        attribution,
        day,
        TODAY,
        rights.scope("summarise", resource, day),
        rights.scope("summarise", resource, TODAY),
        rights.through_time("summarise", resource),
    )


def counts(oracle: Oracle, record: Any, day: date, attribution: Attribution) -> bool:
    if attribution is Attribution.AS_OF:
        return oracle.counts(record, day)
    return oracle.counts_as_recorded(record)


async def every_unit(case: Case) -> dict[int, str]:
    rows = await case.connection.execute(select(placement.c.unit_id, placement.c.code))
    return {row[0]: row[1] for row in rows}


def by_child(sums: Iterable[Any], name: str, codes: dict[int, str]) -> dict[str | None, int]:
    return {codes.get(row.groups[0]): row.measures[name] for row in sums}
