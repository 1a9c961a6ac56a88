"""Random worlds - a tree, a policy, appointments, grants, records - and what is true of them.

`Oracle` is naive on purpose: recursion over a dict, loops over rules, appointments and records. It
shares no code with what it judges. `stored` lays a world into a database inside a transaction
that is never committed, so that one database serves every example.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import assume
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.grants import Ceiling, Taken, ceiling_of
from authz.grants import Grant as StoredGrant
from authz.grants import revoke as revoke_grant
from authz.grants import store as store_grant
from authz.rights import RightsKeeper
from authz.tables import appointment, policy_rule
from hierarchy import placements, projection
from hierarchy.embedded import EmbeddedStore
from hierarchy.scope import Base
from hierarchy.tables import unit as unit_table
from hierarchy.tables import unit_kind, unit_kind_standing
from hierarchy.unit import Founding, Kind, Kinds, Standing
from records import record, tables
from server.database import Database
from tests.hierarchy.trees import ODD_CODES

RANKS = {"top": 0, "p": 1, "d": 2, "b": 2, "g": 3, "gb": 3, "s": 5, "x": 9}
KINDS = Kinds.of(
    [Kind(code, code.upper(), rank) for code, rank in RANKS.items()],
    [Standing(low, high) for low in RANKS for high in RANKS if RANKS[low] > RANKS[high]],
)
ROLES = ("leader", 'the "other", of | them')
ACTIONS = ("read", "summarise")
RESOURCES = ("meeting", "inspection", "unit")
FIRST_DAY, LAST_DAY = date(2020, 1, 1), date(2020, 1, 20)
TODAY = date(2020, 1, 10)
RECORDED_AT = datetime(2020, 1, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Rule:
    role: str
    at: str
    resource: str
    action: str
    reach: str
    eft: str


@dataclass(frozen=True)
class Post:
    """An appointment."""

    principal: str
    role: str
    unit: str
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True)
class Limit:
    """A part of a grant's ceiling: a reach from a unit, for one pair; allow or deny."""

    action: str
    resource: str
    unit: str
    reach: str
    eft: str


@dataclass(frozen=True)
class Given:
    """A grant. Its ceiling is what the grantor's `posts` gave when it was made, today; where there
    is no grantor, the limits."""

    of: str
    to: str
    roles: tuple[str, ...]
    resources: tuple[str, ...]
    actions: tuple[str, ...]
    max_rank: int | None
    valid_from: date
    valid_to: date
    revoked: bool
    grantor: str | None
    limits: tuple[Limit, ...]
    posts: tuple[Post, ...] = ()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Actions and resources; what units there are is always shown."""
        named = [(action, resource) for action in self.actions for resource in self.resources]
        return [*named, ("read", "unit")]


@dataclass(frozen=True)
class Meeting:
    id: UUID
    unit: str
    day: date
    kind: str
    present: int


@dataclass(frozen=True)
class Inspection:
    id: UUID
    unit: str
    by: str
    day: date
    ground: str
    status: str


Record = Meeting | Inspection


@dataclass(frozen=True)
class World:
    units: list[Founding]
    rules: list[Rule]
    posts: list[Post]
    meetings: list[Meeting]
    inspections: list[Inspection]
    grants: tuple[Given, ...] = ()


def over_nothing(reach: str) -> World:
    """A unit alone, held by somebody who may see what is below: nothing."""
    alone = Founding("a", None, "Name a", "top", None, FIRST_DAY, None)
    rule = Rule("leader", "*", "unit", "read", reach, "allow")
    return World([alone], [rule], [Post("viewer", "leader", "a", FIRST_DAY, None)], [], [])


def ahead() -> World:
    """A unit that comes to stand tomorrow, with a record of its first day, below an office."""
    begins = TODAY + timedelta(days=1)
    top = Founding("a", None, "Name a", "top", None, FIRST_DAY, None)
    low = Founding("b", "a", "Name b", "g", None, begins, None)
    rule = Rule("leader", "*", "meeting", "summarise", "subtree", "allow")
    post = Post("viewer", "leader", "a", FIRST_DAY, None)
    meeting = Meeting(UUID(int=0), "b", begins, "GROUP", 1)
    return World([top, low], [rule], [post], [meeting], [])


def behind() -> World:
    """A viewer who may read and count records of every unit, and see none of the units."""
    top = Founding("a", None, "Name a", "top", None, FIRST_DAY, None)
    low = Founding("b", "a", "Name b", "g", None, FIRST_DAY, None)
    rules = [
        Rule("leader", "*", resource, action, "subtree", "allow")
        for resource in ("meeting", "inspection")
        for action in ACTIONS
    ]
    post = Post("viewer", "leader", "a", FIRST_DAY, None)
    inspection = Inspection(UUID(int=0), "b", "a", FIRST_DAY, "PROGRAMME", "OPEN")
    return World([top, low], rules, [post], [], [inspection])


def upward() -> World:
    """A unit granted to whose role sees what stands above: of this the grant gives it alone."""
    places = [("a", None, "top"), ("b", "a", "p"), ("c", "a", "p"), ("d", "b", "g")]
    units = [
        Founding(code, above, f"Name {code}", kind, None, FIRST_DAY, None)
        for code, above, kind in places
    ]
    rules = [Rule("leader", "*", each, "read", "above", "allow") for each in ("meeting", "unit")]
    limits = tuple(Limit("read", each, "d", "subtree", "allow") for each in ("meeting", "unit"))
    shown = ("leader",), ("meeting",), ("read",), None
    given = Given("d", "c", *shown, FIRST_DAY, LAST_DAY, False, None, limits)
    return World(units, rules, [Post("viewer", "leader", "c", FIRST_DAY, None)], [], [], (given,))


def taken_away() -> World:
    """A unit granted to whom another of their offices denies it."""
    places = [("a", None, "top"), ("b", "a", "p"), ("c", "a", "p")]
    units = [
        Founding(code, above, f"Name {code}", kind, None, FIRST_DAY, None)
        for code, above, kind in places
    ]
    role, other = ROLES
    rules = [
        Rule(role, "*", "meeting", "read", "subtree", "allow"),
        Rule(other, "top", "meeting", "read", "children", "deny"),
    ]
    shown = (role,), ("meeting",), ("read",), None
    limits = (Limit("read", "meeting", "b", "subtree", "allow"),)
    given = Given("b", "c", *shown, FIRST_DAY, LAST_DAY, False, None, limits)
    posts = [Post("viewer", each, at, FIRST_DAY, None) for each, at in ((role, "c"), (other, "a"))]
    return World(units, rules, posts, [], [], (given,))


# ---- drawing


@st.composite
def worlds(draw: st.DrawFn) -> World:
    units = draw(trees())
    codes = [unit.code for unit in units]
    rules = [rule for some in draw(st.lists(RULES, min_size=3, max_size=8)) for rule in some]
    rules = list(dict.fromkeys(rules))
    posts = draw(st.lists(posts_at(codes), min_size=3, max_size=6))
    before = Oracle(World(units, rules, posts, [], []))
    grants = tuple(draw(st.lists(grants_in(before), min_size=2, max_size=4)))
    oracle = Oracle(World(units, rules, posts, [], [], grants))
    if draw(st.integers(0, 9)):  # Worlds in which nobody may do anything teach little.
        assume(any(oracle.covered(action, resource, TODAY) for resource, action in PAIRS))
    meetings = [draw(meeting_of(oracle, UUID(int=at), codes)) for at in range(draw(FEW))]
    inspections = [draw(inspection_of(oracle, UUID(int=at), codes)) for at in range(draw(FEW))]
    return World(units, rules, posts, meetings, inspections, grants)


FEW = st.integers(3, 8)
ODD_KINDS = ["", "|", "to", "top|", "nobody", "nobody|d|b|gb", "top|p|x", "g|s", "top|nobody|p"]
AT = st.sampled_from(["*"] * 16 + ODD_KINDS)
FORMS = ["own", "children", "subtree", "subtree", "below", "above"]
REACHES = st.sampled_from([*FORMS, *(f"rank<={rank}" for rank in (0, 2, 3, 5, 12))])
RECORDS = ("meeting", "inspection")
PAIRS = [(resource, action) for resource in RESOURCES for action in ACTIONS]


@st.composite
def rules_of_a_role(draw: st.DrawFn) -> list[Rule]:
    """One reach for one role, of some actions on some resources."""
    role = draw(st.sampled_from([*ROLES * 6, "a role that nobody holds"]))
    at, reach = draw(AT), draw(REACHES)
    eft = draw(st.sampled_from(["allow"] * 4 + ["deny"]))
    some = draw(st.lists(st.sampled_from(PAIRS), min_size=2, max_size=6, unique=True))
    return [Rule(role, at, resource, action, reach, eft) for resource, action in some]


RULES = rules_of_a_role()


@st.composite
def trees(draw: st.DrawFn) -> list[Founding]:
    """Faultless foundings, parents first: kinds of any growing ranks, lives that overlap."""
    codes = draw(st.lists(st.sampled_from(ODD_CODES), min_size=3, max_size=10, unique=True))
    tree: list[Founding] = []
    for code in codes:
        holders = [unit for unit in tree if RANKS[unit.kind] < max(RANKS.values())]
        if tree and not holders:
            break
        above = draw(st.sampled_from(holders)) if tree else None
        tree.append(draw(unit_under(code, above, tree)))
    return tree


@st.composite
def unit_under(
    draw: st.DrawFn, code: str, above: Founding | None, tree: list[Founding]
) -> Founding:
    over = -1 if above is None else RANKS[above.kind]
    kind = draw(st.sampled_from([kind for kind, rank in RANKS.items() if rank > over][:3]))
    end = (above and above.closed_on) or LAST_DAY
    # Most stand on every day, so that most rules have somebody to reach.
    opens_later = draw(st.integers(0, 5)) == 5
    established = draw(st.dates(FIRST_DAY, end - timedelta(days=1))) if opens_later else FIRST_DAY
    begin = established
    if above is not None:
        begin = max(begin, Oracle(World(tree, [], [], [], [])).stands_from(above.code))
    closes = draw(st.integers(0, 5)) == 5
    closed = draw(st.dates(begin + timedelta(days=1), end)) if closes else None
    if above is not None and above.closed_on is not None:
        closed = closed or above.closed_on
    return Founding(code, above and above.code, f"Name {code}", kind, None, established, closed)


def posts_at(codes: list[str]) -> st.SearchStrategy[Post]:
    """The viewer's, and of somebody who has much to grant."""
    return posts_of("viewer", codes) | posts_of("viewer", codes) | posts_of("other", codes[:2])


def posts_of(principal: str, codes: list[str]) -> st.SearchStrategy[Post]:
    return st.builds(
        Post,
        st.just(principal),
        st.sampled_from(ROLES),
        st.sampled_from(codes),
        st.sampled_from([FIRST_DAY] * 8 + [TODAY, TODAY + timedelta(days=1)]),
        st.sampled_from([None] * 10 + [LAST_DAY, TODAY, TODAY + timedelta(days=1)]),
    )


@st.composite
def grants_in(draw: st.DrawFn, oracle: Oracle) -> Given:
    """Mostly in force, to where the viewer holds an office, and of what they cannot see else."""
    units = oracle.world.units
    held = draw(st.sampled_from(oracle.posts or oracle.world.posts))
    to = draw(st.sampled_from([held.unit] * 12 + [unit.code for unit in units]))
    more = unseen(oracle, held.role)
    given = Given(
        draw(st.sampled_from([*(more * 5), *(unit.code for unit in units)])),
        to,
        draw(st.sampled_from([(held.role,)] * 6 + [ROLES, ROLES[:1]])),
        draw(st.sampled_from([RECORDS] * 2 + [RECORDS[:1], RECORDS[1:]])),
        draw(st.sampled_from([ACTIONS] * 2 + [ACTIONS[:1], ACTIONS[1:]])),
        draw(st.sampled_from([None] * 6 + [*RANKS.values()])),
        draw(st.sampled_from([FIRST_DAY] * 9 + [TODAY, TODAY + timedelta(days=1)])),
        draw(st.sampled_from([LAST_DAY] * 9 + [TODAY, TODAY + timedelta(days=1)])),
        draw(st.integers(0, 9)) == 9,
        draw(st.sampled_from([None, None, "viewer", "other"])),
        (),
    )
    if given.grantor is None:
        return replace(given, limits=draw(limits_of(given, units)))
    return replace(given, posts=tuple(Oracle(oracle.world, given.grantor).posts))


def unseen(oracle: Oracle, role: str) -> list[str]:
    """The units that the viewer sees nothing of, but would by an office of the role there."""
    there = {code: [Post("viewer", role, code, FIRST_DAY, None)] for code in oracle.units}
    return [
        code
        for code in oracle.units
        if any(
            not oracle.covers(action, resource, code, TODAY)
            and oracle.held_by(there[code], "allow", action, resource, code, TODAY)
            for resource, action in PAIRS
        )
    ]


@st.composite
def limits_of(draw: st.DrawFn, given: Given, units: list[Founding]) -> tuple[Limit, ...]:
    """All there is, for each pair; else some reaches taken from the unit or from below it."""
    if draw(st.integers(0, 2)):
        return tuple(Limit(*pair, given.of, "subtree", "allow") for pair in given.pairs)
    oracle = Oracle(World(units, [], [], [], []))
    below = [code for code in oracle.units if oracle.is_within(code, given.of)]
    some = [Limit(*pair, given.of, draw(REACHES), "allow") for pair in given.pairs]
    pair = draw(st.sampled_from(given.pairs))
    eft = draw(st.sampled_from(["allow", "deny"]))
    return (*some, Limit(*pair, draw(st.sampled_from(below)), draw(REACHES), eft))


@st.composite
def meeting_of(draw: st.DrawFn, oracle: Oracle, id_: UUID, codes: list[str]) -> Meeting:
    code = draw(st.sampled_from(codes))
    day, kind = draw(day_of_life(oracle, code)), draw(st.sampled_from(["REGULAR", "GROUP"]))
    return Meeting(id_, code, day, kind, draw(st.integers(0, 5)))


@st.composite
def inspection_of(draw: st.DrawFn, oracle: Oracle, id_: UUID, codes: list[str]) -> Inspection:
    code = draw(st.sampled_from(codes))
    by, day = draw(st.sampled_from(oracle.above(code))), draw(day_of_life(oracle, code))
    ground = draw(st.sampled_from(["SIGNS", "SIGNS", "PROGRAMME"]))
    status = draw(st.sampled_from(["OPEN", "OPEN", "CONCLUDED"]))
    return Inspection(id_, code, by, day, ground, status)


def day_of_life(oracle: Oracle, code: str) -> st.SearchStrategy[date]:
    closed = oracle.units[code].closed_on
    return st.dates(oracle.stands_from(code), closed - timedelta(days=1) if closed else LAST_DAY)


# ---- what is true


class Oracle:
    """What a viewer may see and count in a world, on the tree of any day."""

    def __init__(self, world: World, principal: str = "viewer") -> None:
        self.world = world
        self.units = {unit.code: unit for unit in world.units}
        self.posts = [
            post for post in world.posts if post.principal == principal and self._gives_rights(post)
        ]
        self.grants = [given for given in world.grants if self._is_in_force(given)]

    def stands_from(self, code: str) -> date:
        its = self.units[code]
        if its.parent_code is None:
            return its.established_on
        return max(its.established_on, self.stands_from(its.parent_code))

    def stands(self, code: str, day: date) -> bool:
        return self.stands_from(code) <= day

    def is_open(self, code: str, day: date) -> bool:
        closed_on = self.units[code].closed_on
        return self.stands(code, day) and (closed_on is None or day < closed_on)

    def standing(self, day: date) -> list[str]:
        return [code for code in self.units if self.stands(code, day)]

    def above(self, code: str) -> list[str]:
        """The unit, the one above it, and so on."""
        parent = self.units[code].parent_code
        return [code, *(self.above(parent) if parent is not None else [])]

    def is_within(self, code: str, top: str) -> bool:
        return top in self.above(code)

    def covers(self, action: str, resource: str, code: str, day: date) -> bool:
        """By an appointment or a grant; what the appointments' rules deny is gone from both."""
        if self.covers_by_office(action, resource, code, day):
            return True
        if not self.stands(code, day) or self._denies(self.posts, action, resource, code, day):
            return False
        return any(self._shows(given, action, resource, code, day) for given in self.grants)

    def covers_by_office(self, action: str, resource: str, code: str, day: date) -> bool:
        return bool(self._giving(action, resource, code, day))

    def covered_by_office(self, action: str, resource: str, day: date) -> set[str]:
        return {code for code in self.units if self.covers_by_office(action, resource, code, day)}

    def covers_on_signs(self, action: str, code: str, by: str, day: date) -> bool:
        """Never by a grant."""
        giving = self._giving(action, "inspection", code, day)
        return any(
            post.unit == by or (post.unit != code and self.is_within(code, post.unit))
            for post in giving
        )

    def covered(self, action: str, resource: str, day: date) -> set[str]:
        return {code for code in self.units if self.covers(action, resource, code, day)}

    def in_sight(self, day: date) -> set[str]:
        return {above for code in self.covered("read", "unit", day) for above in self.above(code)}

    def reads(self, record: Record) -> bool:
        """Single records are measured on today's tree."""
        return self._may("read", record, TODAY)

    def counts(self, record: Record, day: date) -> bool:
        """On the tree asked for, and also on today's or that of the record's own day."""
        resource = _resource(record)
        return self._may("summarise", record, day) and any(
            self.covers("summarise", resource, record.unit, other)
            for other in (TODAY, self.own_day(record))
        )

    def counts_as_recorded(self, record: Record) -> bool:
        return self._may("summarise", record, self.own_day(record))

    def own_day(self, record: Record) -> date:
        return min(record.day, TODAY)

    def child(self, within: str, code: str) -> str | None:
        """The child of `within` that the unit falls under."""
        if code == within:
            return None
        parent = self.units[code].parent_code
        assert parent is not None
        return code if parent == within else self.child(within, parent)

    def lowest_above(self, covered: set[str]) -> str | None:
        shared = [code for code in self.units if all(self.is_within(one, code) for one in covered)]
        return max(shared, key=lambda code: len(self.above(code))) if covered else None

    def _may(self, action: str, record: Record, day: date) -> bool:
        if isinstance(record, Meeting):
            return self.covers(action, "meeting", record.unit, day)
        if record.ground != "SIGNS" or record.status == "CONCLUDED":
            return self.covers(action, "inspection", record.unit, day)
        return self.covers_on_signs(action, record.unit, record.by, day)

    def _gives_rights(self, post: Post) -> bool:
        """In force today, at a unit that is not closed today; it may be yet to stand."""
        ends = (post.valid_to, self.units[post.unit].closed_on)
        return post.valid_from <= TODAY and all(end is None or end > TODAY for end in ends)

    def _giving(self, action: str, resource: str, code: str, day: date) -> list[Post]:
        """The appointments that give the right; none where one rule denies it."""
        if not self.stands(code, day) or self._denies(self.posts, action, resource, code, day):
            return []
        return self.held_by(self.posts, "allow", action, resource, code, day)

    def _denies(
        self, posts: Iterable[Post], action: str, resource: str, code: str, day: date
    ) -> bool:
        return bool(self.held_by(posts, "deny", action, resource, code, day))

    def held_by(
        self, posts: Iterable[Post], eft: str, action: str, resource: str, code: str, day: date
    ) -> list[Post]:
        """The appointments that a rule of that effect, action and resource applies to."""
        held = []
        for rule in self.world.rules:
            for post in posts:
                if (rule.eft, rule.action, rule.resource) != (eft, action, resource):
                    continue
                if self._applies(rule, post, code, day):
                    held.append(post)
        return held

    def _is_in_force(self, given: Given) -> bool:
        ends = [given.valid_to, self.units[given.of].closed_on, self.units[given.to].closed_on]
        still = all(end is None or end > TODAY for end in ends)
        return still and given.valid_from <= TODAY and not given.revoked

    def _shows(self, given: Given, action: str, resource: str, code: str, day: date) -> bool:
        """Whether a grant shows a unit to the viewer: as an appointment there would, and less."""
        if (action, resource) not in given.pairs or not self.is_within(code, given.of):
            return False
        if given.max_rank is not None and RANKS[self.units[code].kind] > given.max_rank:
            return False
        if not self._is_under_ceiling(given, action, resource, code, day):
            return False
        for role in given.roles:
            if not any(self._is_held(post, role, given.to) for post in self.posts):
                continue
            there = [Post("viewer", role, given.of, FIRST_DAY, None)]
            allowed = self.held_by(there, "allow", action, resource, code, day)
            if allowed and not self._denies(there, action, resource, code, day):
                return True
        return False

    def _is_held(self, post: Post, role: str, code: str) -> bool:
        return post.role == role and post.unit == code and self.stands(code, TODAY)

    def _is_under_ceiling(
        self, given: Given, action: str, resource: str, code: str, day: date
    ) -> bool:
        """What the grantor's offices gave; nothing was given of or by a unit yet to stand."""
        if given.grantor:
            if not self.stands(given.of, TODAY):
                return False
            posts = [post for post in given.posts if self.stands(post.unit, TODAY)]
            allowed = self.held_by(posts, "allow", action, resource, code, day)
            return bool(allowed) and not self._denies(posts, action, resource, code, day)
        found = set()
        for limit in given.limits:
            if (limit.action, limit.resource) != (action, resource):
                continue
            if self.stands(limit.unit, day) and self._reaches(limit.reach, limit.unit, code):
                found.add(limit.eft)
        return found == {"allow"}

    def _applies(self, rule: Rule, post: Post, code: str, day: date) -> bool:
        kinds = rule.at.split("|")
        if post.role != rule.role or not self.stands(post.unit, day):
            return False
        if rule.at != "*" and self.units[post.unit].kind not in kinds:
            return False
        return self._reaches(rule.reach, post.unit, code)

    def _reaches(self, reach: str, base: str, code: str) -> bool:
        match reach:
            case "own":
                return code == base
            case "children":
                return self.units[code].parent_code == base
            case "subtree":
                return self.is_within(code, base)
            case "below":
                return code != base and self.is_within(code, base)
            case "above":
                return self.is_within(base, code)
        rank = int(reach.removeprefix("rank<="))
        return self.is_within(code, base) and RANKS[self.units[code].kind] <= rank


def _resource(record: Record) -> str:
    return "meeting" if isinstance(record, Meeting) else "inspection"


# ---- storing


@asynccontextmanager
async def stored(database: Database, world: World) -> AsyncIterator[AsyncConnection]:
    """A connection that sees the world alone; nobody else ever does."""
    async with database.engine.connect() as connection:
        for table in (unit_kind_standing, unit_kind, policy_rule):
            await connection.execute(delete(table))
        kinds = [{"code": kind.code, "name": kind.name, "rank": kind.rank} for kind in KINDS]
        standings = [{"kind": low, "under": high} for low, high in KINDS.standings]
        await connection.execute(insert(unit_kind), kinds)
        await connection.execute(insert(unit_kind_standing), standings)
        tree = EmbeddedStore(connection)
        await tree.extend(world.units, (), KINDS)
        await projection.apply(connection, tree)
        ids = await unit_ids(connection)
        for table, rows in _rows(world, ids):
            if rows:
                await connection.execute(insert(table), rows)
        for at, given in enumerate(world.grants):
            await store_grant(connection, await _stored(connection, at, given, ids))
            if given.revoked:
                await revoke_grant(connection, UUID(int=at), RECORDED_AT, TODAY)
        yield connection
        await connection.rollback()


async def unit_ids(connection: AsyncConnection) -> dict[str, int]:
    rows = await connection.execute(select(unit_table.c.code, unit_table.c.id))
    return {row[0]: row[1] for row in rows}


async def _stored(
    connection: AsyncConnection, at: int, given: Given, ids: dict[str, int]
) -> StoredGrant:
    ceiling = {
        pair: Ceiling(*[_taken(given, pair, eft, ids) for eft in ("allow", "deny")] * 2)
        for pair in given.pairs
    }
    if given.grantor:
        ceiling = await _ceiling_of(connection, given.grantor, given, ids)
    return StoredGrant(
        UUID(int=at),
        ids[given.of],
        ids[given.to],
        given.roles,
        given.resources,
        given.actions,
        given.max_rank,
        "a purpose",
        given.valid_from,
        given.valid_to,
        given.grantor or "somebody",
        RECORDED_AT,
        TODAY,
        None,
        ceiling,
    )


def _taken(given: Given, pair: tuple[str, str], eft: str, ids: dict[str, int]) -> tuple[Taken, ...]:
    return tuple(
        Taken(ids[limit.unit], limit.reach)
        for limit in given.limits
        if (limit.action, limit.resource) == pair and limit.eft == eft
    )


async def _ceiling_of(
    connection: AsyncConnection, grantor: str, given: Given, ids: dict[str, int]
) -> dict[tuple[str, str], Ceiling]:
    """As the server takes it; a unit that is yet to stand is nobody's to grant."""
    found = await placements.placed(connection, [ids[given.of]], TODAY)
    if not found:
        return {}
    revision = await placements.read_revision(connection)
    rights = await RightsKeeper().rights(connection, grantor, revision, TODAY)
    [of] = found.values()
    base = Base(of.unit_id, of.path, of.depth, of.rank)
    return {pair: ceiling_of(rights.own_scope(*pair), base) for pair in given.pairs}


def _rows(world: World, ids: dict[str, int]) -> Iterator[tuple[object, list[dict[str, object]]]]:
    yield policy_rule, [{"id": at, **vars(rule)} for at, rule in enumerate(world.rules)]
    yield (
        appointment,
        [
            {
                "id": UUID(int=at),
                "principal": post.principal,
                "role": post.role,
                "unit_id": ids[post.unit],
                "valid_from": post.valid_from,
                "valid_to": post.valid_to,
            }
            for at, post in enumerate(world.posts)
        ],
    )
    yield tables.meeting, [meeting_row(each, ids) for each in world.meetings]
    yield tables.inspection, [inspection_row(each, ids) for each in world.inspections]


def meeting_row(meeting: Meeting, ids: dict[str, int]) -> dict[str, object]:
    return {
        "id": meeting.id,
        "unit_id": ids[meeting.unit],
        "revision": 1,
        "recorded_at": RECORDED_AT,
        "held_on": meeting.day,
        "kind": record.MeetingKind(meeting.kind),
        "form": record.MeetingForm.IN_PERSON,
        "members_expected": 5,
        "members_present": meeting.present,
        "minutes_kept": True,
        "attended_by_higher_committee": False,
    }


def inspection_row(inspection: Inspection, ids: dict[str, int]) -> dict[str, object]:
    return {
        "id": inspection.id,
        "unit_id": ids[inspection.unit],
        "by_unit_id": ids[inspection.by],
        "revision": 1,
        "recorded_at": RECORDED_AT,
        "body": record.InspectionBody.COMMITTEE,
        "kind": record.InspectionKind.INSPECTION,
        "ground": record.InspectionGround(inspection.ground),
        "opened_on": inspection.day,
        "concluded_on": inspection.day if inspection.status == "CONCLUDED" else None,
        "day": inspection.day,
        "status": record.InspectionStatus(inspection.status),
        "members_covered": 1,
        "members_in_violation": 0,
        "members_sanctioned": 0,
    }
