"""Meetings of a region, year by year, to an exact number.

A year is twelve months ending on the last day of the chapter. Every branch meets once a month, on
its usual day; in one month of most quarters that meeting is the thematic one. Committees meet
monthly or quarterly, assemblies and groups come on top.

How the exact number is met: first each unit's months are planned as twelve bits, missed ones (weak
branches, Tết, harvests) left out; then single monthly meetings, chosen at random, are struck out
or put back until the bits of the year add up. Extra meetings of committees, assemblies and
grassroots branches are thus balanced by monthly ones that were not held. For Nghệ An the number is
12 for each of the 10,148 subordinate branches, 121,776 a year and 608,880 in five; where units
have not stood long enough for so many, as many as there can be.

It holds the plan of one region and year, never the rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from server.generation import topics
from server.generation.days import (
    Diary,
    first_of_month,
    month_index,
    season_dip,
    years_before,
)
from server.generation.organisations import COMMUNE, PRIVATE_ENTERPRISE, WARD
from server.generation.parts import Chapter
from server.generation.streams import pool, stream
from server.generation.tree import BRANCH_KINDS, Region, SyntheticUnit, headcount

Row = tuple[str | int | None, ...]

EVERY_MONTH = 0xFFF
QUARTERLY = 0b001001001001
HALF_YEARLY = 0b000001000001
RURAL = {COMMUNE: 1.0, WARD: 0.5, PRIVATE_ENTERPRISE: 0.4}
COMMITTEE_SEATS = {
    "central": (180, 180),
    "province": (52, 65),
    "district": (33, 41),
    "bloc": (33, 39),
    "direct": (19, 29),
    "commune": (24, 33),
    "grassroots": (7, 15),
    "section": (5, 7),
}
SCORES = [f"{half / 2:g}" for half in range(201)]
COLUMNS = (
    "unit_code",
    "held_on",
    "kind",
    "form",
    "topic",
    "members_expected",
    "members_present",
    "documents_sent_on",
    "minutes_kept",
    "attended_by_higher_committee",
    "score",
)


@dataclass(frozen=True, slots=True)
class Habit:
    """How one unit holds its meetings of one kind.

    `months` has bit 0 for January; `day` is the usual day of the month, 1 to 28; `thematic` the
    month of a quarter, 0 to 2, in which a branch's meeting is thematic, else None. `size` counts
    who is expected today, `growth` its yearly change; `attendance` is the usual share present.
    """

    unit: SyntheticUnit
    kind: str
    months: int
    day: int
    thematic: int | None
    size: int
    growth: float
    attendance: float
    rural: float

    @property
    def monthly(self) -> bool:
        """One that the exact number may strike out or put back."""
        return self.unit.kind in BRANCH_KINDS

    def expected(self, years: float) -> int:
        return max(3, round(self.size * (1 - self.growth * years)))


@dataclass(frozen=True, slots=True)
class Pools:
    """Draws made once; a row picks from them by bits of one random number."""

    noise: list[float]
    shift: list[int]
    forms: dict[str, list[str]]
    topics: dict[str, list[str | None]]
    sent_before: dict[str, list[int | None]]
    higher: list[str]
    score_noise: list[int]


def meetings(chapter: Chapter, seed: int) -> Iterator[Row]:
    """Rows of `meetings.csv`, the oldest year first, by unit within a year."""
    rows = _meetings(chapter.region, chapter.years, seed, chapter.last)
    if chapter.first is None:
        return rows
    first = chapter.first.isoformat()
    return (row for row in rows if str(row[1]) >= first)


def _meetings(region: Region, years: int, seed: int, today: date) -> Iterator[Row]:
    habits = _habits(region, stream(seed, region.name, "habits"))
    pools = _pools(stream(seed, "meeting pools"))
    diary = Diary.of(years_before(today, years + 1).replace(day=1), today)
    for back in range(years - 1, -1, -1):
        random = stream(seed, region.name, "meetings", str(back))
        held = _plan(habits, back, region.meetings_a_year, today, random)
        for habit, months in zip(habits, held, strict=True):
            if months:
                yield from _rows(habit, months, back, today, diary, pools, random)


def _habits(region: Region, random: Random) -> list[Habit]:
    counts = headcount(region.units)
    habits = []
    for unit in region.units:
        if unit.kind in BRANCH_KINDS:
            habits.append(_branch_habit(unit, random))
        elif unit.kind == "group":
            habits.append(_habit(unit, "GROUP", QUARTERLY << 1, unit.members, random))
        else:
            habits += _committee_habits(unit, counts[unit.code], random)
    return habits


def _branch_habit(unit: SyntheticUnit, random: Random) -> Habit:
    return _habit(unit, "REGULAR", EVERY_MONTH, unit.members, random, random.randrange(3))


def _committee_habits(unit: SyntheticUnit, members: int, random: Random) -> Iterator[Habit]:
    often = unit.kind not in ("grassroots", "section") or random.random() < 0.25
    months = EVERY_MONTH if often else QUARTERLY << random.randrange(3)
    seats = random.randint(*COMMITTEE_SEATS[unit.kind])
    yield _habit(unit, "COMMITTEE", months, seats, random)
    if unit.kind == "grassroots" and random.random() < 0.35 + unit.quality * 0.4:
        yield _habit(unit, "ASSEMBLY", HALF_YEARLY << random.randrange(6), members, random)


def _habit(
    unit: SyntheticUnit,
    kind: str,
    months: int,
    size: int,
    random: Random,
    thematic: int | None = None,
) -> Habit:
    usual = 0.70 + 0.27 * unit.quality - (0.06 if kind == "ASSEMBLY" else 0.0)
    return Habit(
        unit,
        kind,
        months,
        random.choice((1, 2, 3, 3, 4, 5, 5, 6, 8, 10, 15, 20, 25, 26, 28)),
        thematic,
        size,
        0.0 if kind == "COMMITTEE" else unit.growth,
        min(0.98, random.gauss(usual, 0.025)),
        RURAL.get(unit.category or "", 0.0),
    )


def _last_month(habit: Habit, back: int, today: date) -> int:
    """The last of the twelve months: its usual day is not after today."""
    return month_index(today) - (habit.day > today.day) - 12 * back


def _plan(
    habits: list[Habit], back: int, number: int | None, today: date, random: Random
) -> list[int]:
    """For each habit the months held, bit 0 the first of the twelve, `number` bits in all."""
    standing = [_standing(habit, back, today) for habit in habits]
    held = [_kept(habit, months, random) for habit, months in zip(habits, standing, strict=True)]
    monthly = [at for at, habit in enumerate(habits) if habit.monthly and standing[at]]
    possible = sum(standing[at].bit_count() for at in monthly)
    total = sum(months.bit_count() for months in held)
    free = total - sum(held[at].bit_count() for at in monthly)
    number = possible if number is None else number
    wanted = max(free, min(number, possible + free))
    _settle(held, standing, monthly, wanted - total, random)
    return held


def _standing(habit: Habit, back: int, today: date) -> int:
    """The months of the habit in which its unit stands in the tree on the usual day."""
    first = _last_month(habit, back, today) - 11
    turn = first % 12
    months = ((habit.months >> turn) | (habit.months << (12 - turn))) & EVERY_MONTH
    unit = habit.unit
    if unit.closed_on is None and unit.stands_from <= first_of_month(first):
        return months
    days = (first_of_month(first + at) + timedelta(days=habit.day - 1) for at in range(12))
    stands = sum(1 << at for at, day in enumerate(days) if unit.stands_on(day))
    return months & stands


def _kept(habit: Habit, months: int, random: Random) -> int:
    missing = 0.01 + 0.9 * max(0.0, 0.97 - habit.unit.quality) ** 2.4 + 0.01 * habit.rural
    if habit.monthly:
        missing *= 1.15
    draw = random.random
    for at in range(12):
        if draw() < missing:
            months &= ~(1 << at)
    return months


def _settle(
    held: list[int], standing: list[int], monthly: list[int], missing: int, random: Random
) -> None:
    """Puts back (`missing` > 0) or strikes out single monthly meetings until none is missing."""
    while missing:
        at = random.choice(monthly)
        bit = 1 << random.randrange(12)
        if standing[at] & bit and bool(held[at] & bit) == (missing < 0):
            held[at] ^= bit
            missing += -1 if missing > 0 else 1


def _rows(
    habit: Habit, held: int, back: int, today: date, diary: Diary, pools: Pools, random: Random
) -> Iterator[Row]:
    """One habit's meetings of one year.

    Each is drawn from one random number: bits 0-9 noise, 10-15 shift of day, 16-19 form, 20-27
    topic, 28-33 documents, 34-38 minutes, 39-44 higher committee, 45-54 score, 55-59 scored,
    60-63 thematic.
    """
    code, texts, thematic = habit.unit.code, diary.texts, habit.thematic
    first = _last_month(habit, back, today) - 11
    span = _span(habit, diary, today)
    sizes = habit.expected(back + 0.5), habit.expected(back)
    for at in range(12):
        if not held >> at & 1:
            continue
        bits = random.getrandbits(64)
        month = first + at
        kind = "THEMATIC" if month % 3 == thematic and bits >> 60 < 13 else habit.kind
        day = _day(diary.starts[month] + habit.day - 1, span, pools.shift[bits >> 10 & 63])
        sent = pools.sent_before[kind][bits >> 28 & 63]
        dip = season_dip(month, habit.rural)
        share = habit.attendance - dip + pools.noise[bits & 1023]
        expected = sizes[at // 6]
        yield (
            code,
            texts[day],
            kind,
            pools.forms[kind][bits >> 16 & 15],
            pools.topics[kind][bits >> 20 & 255],
            expected,
            min(expected, max(1, int(expected * share + 0.5))),
            None if sent is None or day < sent else texts[day - sent],
            *_conduct(habit.unit.quality, share, bits, pools),
        )


def _day(usual: int, span: tuple[int, int], shift: int) -> int:
    """The usual day or one near it, where the unit stands then."""
    return usual + shift if span[0] <= usual + shift <= span[1] else usual


def _conduct(quality: float, share: float, bits: int, pools: Pools) -> tuple[str, str, str | None]:
    """Minutes kept, higher committee there, score: poorer and later told in a weak unit."""
    minutes_lost, unscored = (3, 12) if quality < 0.6 else (1, 5)
    score = int(60 + 92 * quality + 40 * share) + pools.score_noise[bits >> 45 & 1023]
    return (
        "true" if bits >> 34 & 31 >= minutes_lost else "false",
        pools.higher[bits >> 39 & 63],
        SCORES[min(200, max(60, score))] if bits >> 55 & 31 >= unscored else None,
    )


def _span(habit: Habit, diary: Diary, today: date) -> tuple[int, int]:
    """The first and last day, in the diary, on which the unit could meet."""
    unit = habit.unit
    last = today if unit.closed_on is None else min(today, unit.closed_on - timedelta(days=1))
    return max(0, diary.at(unit.stands_from)), diary.at(last)


def _pools(random: Random) -> Pools:
    in_person = ("IN_PERSON", "HYBRID", "ONLINE")
    rare, often = (13, 2, 1), (9, 4, 3)
    subjects = {
        "REGULAR": topics.REGULAR,
        "THEMATIC": topics.THEMATIC,
        "COMMITTEE": topics.COMMITTEE,
        "ASSEMBLY": topics.ASSEMBLY,
        "GROUP": topics.GROUP,
    }
    lead_days = (None, 0, 1, 2, 3, 4, 5, 7)
    seldom_sent, mostly_sent = (40, 3, 5, 5, 22, 14, 8, 3), (3, 2, 4, 6, 34, 24, 18, 9)
    return Pools(
        [random.gauss(0, 0.055) for _ in range(1024)],
        pool(random, (0, -2, -1, 1, 2, 4), (50, 3, 4, 5, 3, 2), 6),
        {
            kind: pool(random, in_person, often if kind == "COMMITTEE" else rare, 4)
            for kind in subjects
        },
        {
            kind: pool(random, (None, *texts), (0.6, *[1.0] * len(texts)), 8)
            for kind, texts in subjects.items()
        },
        {
            kind: pool(random, lead_days, mostly_sent if kind == "COMMITTEE" else seldom_sent, 6)
            for kind in subjects
        },
        pool(random, ("true", "false"), (2, 10), 6),
        [round(random.gauss(0, 7)) for _ in range(1024)],
    )
