"""Units of a synthetic tree, and how grassroots organisations are grown under their committees.

A shape says which committees there are and which organisations stand under them; here these get
their branches, sections, groups, members and dates, in exact totals. It writes no file and knows
no place.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice
from random import Random

from server.generation.organisations import (
    ARMED,
    COMMUNE,
    PARTY,
    PRIVATE_ENTERPRISE,
    SCHOOL,
    Pattern,
    branches_of_body,
    branches_of_hamlets,
    branches_of_place,
)
from server.generation.streams import apportion, stream

QUALITY_OF_CATEGORY = {
    ARMED: 0.08,
    PARTY: 0.05,
    SCHOOL: 0.02,
    COMMUNE: -0.02,
    PRIVATE_ENTERPRISE: -0.06,
}
BRANCH_KINDS = ("branch", "grassroots_branch")
GRASSROOTS_KINDS = ("grassroots", "grassroots_branch")
UNEVEN_KINDS = ("province", "district", "commune")
LEAST_MEMBERS = 3
RECENT_SHARE = 0.012


@dataclass(frozen=True, slots=True)
class SyntheticUnit:
    """A row of `units.csv` and what its records are drawn from.

    `stands_from` is the first day it stands in the tree (its parent's, where that is later),
    `members` how many a branch or group has today (0 above), `quality` how well it works (0 to 1),
    `growth` by what share its members grow in a year.
    """

    code: str
    parent_code: str | None
    name: str
    kind: str
    category: str | None
    established_on: date
    closed_on: date | None
    stands_from: date
    members: int
    quality: float
    growth: float

    def members_before(self, years: float) -> int:
        """How many members it had `years` years before today; never below the least."""
        return max(LEAST_MEMBERS, round(self.members * (1 - self.growth * years)))

    def stands_on(self, day: date) -> bool:
        return self.stands_from <= day and (self.closed_on is None or day < self.closed_on)


@dataclass(frozen=True, slots=True)
class Region:
    """One part of a tree that is written at a time: units, each after the one it stands under.

    `meetings_a_year` is the exact number of meetings in each year; None: one for every month of
    every branch. `name` names its streams.
    """

    name: str
    units: list[SyntheticUnit]
    meetings_a_year: int | None


@dataclass(frozen=True, slots=True)
class Organisation:
    """A grassroots organisation yet to be grown: `name` lacks "Đảng bộ" or "Chi bộ".

    `size` is its usual number of branches. `hamlet` is what the hamlets it reaches are called; one
    with a `place` has the bodies of that commune too, and always a committee.
    """

    above: SyntheticUnit
    code: str
    name: str
    category: str
    size: float
    place: str = ""
    hamlet: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a region's open units add up to; `sectioned` and `grouped` have 3 sections, 2 groups."""

    committees: int
    branches: int
    members: int
    sectioned: int = 0
    grouped: int = 0
    closed: int = 0


def found(
    above: SyntheticUnit | None,
    code: str,
    name: str,
    kind: str,
    category: str | None,
    established_on: date,
    random: Random,
    members: int = 0,
) -> SyntheticUnit:
    """A unit under `above`, working about as well as the one above it."""
    usual = above.quality * 0.85 + 0.11 if above else 0.74
    shift = QUALITY_OF_CATEGORY.get(category or "", 0.0)
    spread = 0.1 if kind in UNEVEN_KINDS else 0.065
    quality = min(0.98, max(0.2, random.gauss(usual + shift, spread)))
    stands_from = max(above.stands_from, established_on) if above else established_on
    return SyntheticUnit(
        code,
        above.code if above else None,
        name,
        kind,
        category,
        established_on,
        None,
        stands_from,
        members,
        quality,
        random.uniform(-0.012, 0.02),
    )


def founded_on(random: Random, today: date, recent_share: float = 0.0) -> date:
    """A day of founding before 2016, or in the three years before today for the recent share."""
    if random.random() < recent_share:
        return today - timedelta(days=random.randrange(30, 1100))
    latest = min(date(2015, 12, 31), today - timedelta(days=1500))
    return date.fromordinal(random.randint(date(1946, 1, 1).toordinal(), latest.toordinal()))


def plan(
    above: SyntheticUnit,
    patterns: Iterable[Pattern],
    count: int,
    spoken: str,
    bare: str,
    random: Random,
) -> Iterator[Organisation]:
    """The first `count` bodies of `patterns` under `above`, numbered from 001."""
    for number, pattern in enumerate(islice(patterns, count), 1):
        name = pattern.name.format(u=spoken, n=bare)
        size = pattern.size * random.lognormvariate(0, 0.2)
        yield Organisation(above, f"{above.code}.{number:03d}", name, pattern.category, size)


def grow(
    organisations: list[Organisation], totals: Totals, seed: int, name: str, today: date
) -> list[SyntheticUnit]:
    """The organisations and all below them, each unit after the one it stands under."""
    random = stream(seed, name, "tree")
    committees = _with_committee(organisations, totals.committees)
    shares = _branches_of(committees, totals.branches, random)
    head_count = totals.branches + len(organisations) - totals.committees
    members = iter(_members(head_count, totals.members, random))
    sectioned = sorted(shares, key=lambda code: (-shares[code], code))[: totals.sectioned]
    units: list[SyntheticUnit] = []
    for organisation in organisations:
        kind = "grassroots" if organisation.code in shares else "grassroots_branch"
        unit = _organisation_unit(organisation, kind, random, today, members)
        units.append(unit)
        if kind == "grassroots":
            sections = _sections(unit, random) if unit.code in sectioned else []
            count = shares[unit.code]
            units += sections
            units += _branches(organisation, sections or [unit], count, members, random, today)
    units += _groups(units, totals.grouped, random)
    return units + _closed(organisations, units, totals.closed, stream(seed, name, "closed"), today)


def headcount(units: list[SyntheticUnit]) -> dict[str, int]:
    """Today's members of every unit's subtree, by code; groups are members of their branch."""
    counts = {unit.code: unit.members if unit.kind in BRANCH_KINDS else 0 for unit in units}
    for unit in reversed(units):
        if unit.parent_code in counts and unit.kind != "group" and unit.closed_on is None:
            counts[unit.parent_code] += counts[unit.code]
    return counts


def _with_committee(organisations: list[Organisation], count: int) -> list[Organisation]:
    """The largest ones have a committee, communes before all others; in the order given."""
    ranked = sorted(organisations, key=lambda each: (not each.place, -each.size, each.code))
    chosen = {organisation.code for organisation in ranked[:count]}
    return [organisation for organisation in organisations if organisation.code in chosen]


def _branches_of(committees: list[Organisation], branches: int, random: Random) -> dict[str, int]:
    weights = [each.size * random.lognormvariate(0, 0.2) for each in committees]
    shares = apportion(branches, weights, least=2)
    return {each.code: share for each, share in zip(committees, shares, strict=True)}


def _members(units: int, members: int, random: Random) -> list[int]:
    weights = [random.gammavariate(3.2, 1.0) for _ in range(units)]
    return apportion(members, weights, LEAST_MEMBERS)


def _organisation_unit(
    organisation: Organisation, kind: str, random: Random, today: date, members: Iterator[int]
) -> SyntheticUnit:
    title = "Đảng bộ" if kind == "grassroots" else "Chi bộ"
    count = next(members) if kind == "grassroots_branch" else 0
    recent = 0.0 if organisation.place else RECENT_SHARE
    return found(
        organisation.above,
        organisation.code,
        f"{title} {organisation.name}",
        kind,
        organisation.category,
        founded_on(random, today, recent),
        random,
        count,
    )


def _sections(unit: SyntheticUnit, random: Random) -> list[SyntheticUnit]:
    return [
        found(
            unit,
            f"{unit.code}.BP{number}",
            f"Đảng bộ bộ phận số {number}",
            "section",
            unit.category,
            unit.established_on,
            random,
        )
        for number in (1, 2, 3)
    ]


def _branches(
    organisation: Organisation,
    parents: list[SyntheticUnit],
    count: int,
    members: Iterator[int],
    random: Random,
    today: date,
) -> Iterator[SyntheticUnit]:
    """Branches numbered from 01; where there are sections, each has its stretch of them."""
    names = islice(_branch_names(organisation), count)
    for at, (name, category) in enumerate(names):
        parent = parents[at * len(parents) // count]
        established = founded_on(random, today, RECENT_SHARE)
        code = f"{organisation.code}.{at + 1:02d}"
        yield found(parent, code, name, "branch", category, established, random, next(members))


def _branch_names(organisation: Organisation) -> Iterator[tuple[str, str]]:
    if organisation.place:
        place, hamlet = organisation.place, organisation.hamlet
        return branches_of_place(place, hamlet, organisation.category)
    if organisation.hamlet:
        return branches_of_hamlets(organisation.hamlet, organisation.category)
    return branches_of_body(organisation.category)


def _groups(
    units: Iterable[SyntheticUnit], grouped: int, random: Random
) -> Iterator[SyntheticUnit]:
    """Two groups in each of the largest branches, who share its members."""
    branches = [unit for unit in units if unit.kind == "branch"]
    for branch in sorted(branches, key=lambda unit: (-unit.members, unit.code))[:grouped]:
        for number, members in (
            (1, branch.members // 2),
            (2, branch.members - branch.members // 2),
        ):
            yield found(
                branch,
                f"{branch.code}.T{number}",
                f"Tổ đảng số {number}",
                "group",
                branch.category,
                branch.established_on,
                random,
                members,
            )


def _closed(
    organisations: list[Organisation],
    units: list[SyntheticUnit],
    count: int,
    random: Random,
    today: date,
) -> list[SyntheticUnit]:
    """Branches closed in the last years, and one dissolved organisation whose branches went first.

    Fewer where the units above have not stood long enough for anything to have closed under them.
    """
    committees = [unit for unit in units if unit.kind == "grassroots"]
    hamlets = {each.code: each.hamlet for each in organisations}
    closed: list[SyntheticUnit] = []
    for number, parent in enumerate(random.choices(committees, k=count) if count else [], 1):
        what = hamlets[parent.code] or "Tổ"
        closed.append(_former(parent, f"Chi bộ {what} cũ số {number}", number, random, today))
    if count:
        enterprises = [each for each in committees if each.category == PRIVATE_ENTERPRISE]
        beside = (enterprises or committees)[-1].code
        parent = next(each.above for each in organisations if each.code == beside)
        closed += _dissolved(parent, random, today)
    return [unit for unit in closed if unit.closed_on and unit.closed_on > unit.stands_from]


def _former(
    parent: SyntheticUnit, name: str, number: int, random: Random, today: date
) -> SyntheticUnit:
    unit = found(
        parent,
        f"{parent.code}.C{number:02d}",
        name,
        "branch",
        parent.category,
        founded_on(random, today),
        random,
        random.randint(5, 16),
    )
    return replace(unit, closed_on=_closing_day(random, today))


def _closing_day(random: Random, today: date) -> date:
    day = today - timedelta(days=random.randrange(40, 5 * 365))
    return day.replace(day=1)


def _dissolved(parent: SyntheticUnit, random: Random, today: date) -> list[SyntheticUnit]:
    day = (today - timedelta(days=random.randrange(200, 700))).replace(day=1)
    top = replace(
        found(
            parent,
            f"{parent.code}.GT",
            "Đảng bộ Công ty Cổ phần Cơ khí (đã giải thể)",
            "grassroots",
            PRIVATE_ENTERPRISE,
            founded_on(random, today),
            random,
        ),
        closed_on=day,
    )
    below = [_former(top, f"Chi bộ Phân xưởng {at}", at, random, today) for at in (1, 2, 3)]
    return [top, *(replace(unit, closed_on=day) for unit in below)]
