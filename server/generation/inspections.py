"""Inspections of a region: programmes by quarter, and what signs and complaints bring.

Committees above the grassroots inspect what stands directly under them, and so do grassroots
committees with their branches; a branch now and then inspects its own members. Quarters to come
have their programme already. Statuses follow from the dates and today.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from server.generation import topics
from server.generation.days import month_index, quarter_start, quarters, years_before
from server.generation.parts import Chapter
from server.generation.streams import stream
from server.generation.tree import BRANCH_KINDS, Region, SyntheticUnit, headcount

Row = tuple[str | int | date | None, ...]

QUARTERS_AHEAD = 3
A_QUARTER = {"central": 6, "province": 4, "district": 5, "bloc": 6, "direct": 3, "commune": 1}
GRASSROOTS_CHANCE = 0.62
OWN_CHANCE = 0.012
UNPLANNED_CHANCE = {"SIGNS": 0.6, "COMPLAINT": 0.45}
KINDS = ("INSPECTION", "INSPECTION", "SUPERVISION")
THEMES = {
    "PROGRAMME": topics.INSPECTION_THEMES,
    "SIGNS": topics.SIGNS_THEMES,
    "COMPLAINT": topics.COMPLAINT_THEMES,
}
COLUMNS = (
    "unit_code",
    "by_unit_code",
    "body",
    "kind",
    "ground",
    "theme",
    "planned_for",
    "opened_on",
    "concluded_on",
    "status",
    "members_covered",
    "members_in_violation",
    "members_sanctioned",
)


@dataclass(frozen=True, slots=True)
class Course:
    """How far an inspection has come, in the order of the columns from `planned_for`."""

    planned_for: date | None
    opened_on: date | None
    concluded_on: date | None
    status: str

    @property
    def is_done(self) -> bool:
        return self.status in ("CONCLUDED", "CANCELLED")

    @property
    def first_day(self) -> date:
        days = (self.planned_for, self.opened_on, self.concluded_on)
        return min(day for day in days if day is not None)


@dataclass(frozen=True, slots=True)
class Case:
    """Who inspects whom, and on what ground."""

    unit: SyntheticUnit
    by: SyntheticUnit
    body: str
    ground: str


def inspections(chapter: Chapter, seed: int) -> Iterator[Row]:
    """Rows of `inspections.csv` from the first year to the quarters ahead, by quarter; of a
    chapter that is over, those that came to their end."""
    region, today = chapter.region, chapter.last
    random = stream(seed, region.name, "inspections")
    below = _open_below(region)
    counts = headcount(region.units)
    first = quarter_start(years_before(today, chapter.years))
    last = month_index(quarter_start(today)) + 3 * QUARTERS_AHEAD
    for quarter in quarters(first, (last - month_index(first)) // 3 + 1):
        for case in _cases(region, below, random):
            course = _course(case.ground, quarter, today, random)
            if course and case.unit.stands_on(course.first_day):
                row = _row(case, course, counts[case.unit.code], random)
                if _lies_in(chapter, course):
                    yield row


def _lies_in(chapter: Chapter, course: Course) -> bool:
    if chapter.is_over and (not course.is_done or course.first_day > chapter.last):
        return False
    return chapter.first is None or chapter.first <= course.first_day


def _open_below(region: Region) -> dict[str, list[SyntheticUnit]]:
    """The units directly under each, without closed ones and groups."""
    below: dict[str, list[SyntheticUnit]] = {}
    for unit in region.units:
        if unit.parent_code and unit.closed_on is None and unit.kind != "group":
            below.setdefault(unit.parent_code, []).append(unit)
    return below


def _cases(region: Region, below: dict[str, list[SyntheticUnit]], random: Random) -> Iterator[Case]:
    """One quarter's cases, by the units that inspect."""
    for unit in region.units:
        if unit.closed_on is not None:
            continue
        if unit.kind in BRANCH_KINDS:
            if random.random() < OWN_CHANCE:
                yield Case(unit, unit, "BRANCH", "PROGRAMME")
        elif unit.code in below and unit.kind != "section":
            yield from _cases_of_committee(unit, below[unit.code], random)


def _cases_of_committee(
    unit: SyntheticUnit, below: list[SyntheticUnit], random: Random
) -> Iterator[Case]:
    usual = A_QUARTER.get(unit.kind)
    planned = usual if usual is not None else int(random.random() < GRASSROOTS_CHANCE)
    for inspected in random.sample(below, min(planned, len(below))):
        body = random.choice(("COMMITTEE", "INSPECTION_COMMISSION"))
        yield Case(inspected, unit, body, "PROGRAMME")
    for ground, chance in UNPLANNED_CHANCE.items():
        if random.random() < (chance if usual else chance / 40):
            inspected = _weakest(random.sample(below, min(4, len(below))))
            yield Case(inspected, unit, "INSPECTION_COMMISSION", ground)


def _weakest(units: list[SyntheticUnit]) -> SyntheticUnit:
    return min(units, key=lambda unit: (unit.quality, unit.code))


def _course(ground: str, quarter: date, today: date, random: Random) -> Course | None:
    """What has become of a case of this quarter by today; None where it has not come up yet."""
    start = quarter + timedelta(days=random.randrange(3, 80))
    if ground != "PROGRAMME":
        return _unplanned_course(start, today, random)
    fate = random.random()
    if fate < 0.035:
        return Course(quarter, None, None, "CANCELLED")
    if fate < 0.12:
        start += timedelta(days=random.randrange(40, 140))
    if start > today or fate > 0.985:
        return Course(quarter, None, None, "PLANNED")
    return _opened(quarter, start, today, random)


def _unplanned_course(start: date, today: date, random: Random) -> Course | None:
    return None if start > today else _opened(None, start, today, random)


def _opened(planned: date | None, start: date, today: date, random: Random) -> Course:
    end = start + timedelta(days=random.randrange(15, 75))
    if end > today:
        return Course(planned, start, None, "OPEN")
    return Course(planned, start, end, "CONCLUDED")


def _row(case: Case, course: Course, members: int, random: Random) -> Row:
    kind = "INSPECTION" if case.ground != "PROGRAMME" else random.choice(KINDS)
    covered = _covered(case, members, random)
    found, sanctioned = _findings(case, course, covered, random)
    return (
        case.unit.code,
        case.by.code,
        case.body,
        kind,
        case.ground,
        random.choice(THEMES[case.ground]),
        course.planned_for,
        course.opened_on,
        course.concluded_on,
        course.status,
        covered,
        found,
        sanctioned,
    )


def _covered(case: Case, members: int, random: Random) -> int:
    """A branch's members all or some; of a larger unit those who answer for it."""
    if case.body == "BRANCH" or case.unit.kind not in BRANCH_KINDS:
        return random.randint(1, max(1, min(members, 12)))
    return max(1, members if random.random() < 0.4 else min(members, random.randint(1, 6)))


def _findings(case: Case, course: Course, covered: int, random: Random) -> tuple[int, int]:
    """Members in violation, and of them those sanctioned; known once it is concluded."""
    likely = 0.7 if case.ground == "SIGNS" else 0.25 if case.ground == "COMPLAINT" else 0.08
    if course.status != "CONCLUDED" or random.random() > likely:
        return 0, 0
    found = min(covered, random.choice((1, 1, 1, 2, 2, 3)))
    return found, random.randint(0, found) if case.ground == "PROGRAMME" else found
