"""Yearly evaluations of a region: each unit below its top, decided by the committee above it.

Within the units of one kind under one committee EXCELLENT never passes 20 % of those rated GOOD or
better (guidance 21-HD of 2019) and mostly stands right below it. The members' counts of a unit
above the branch are the sums over the branches below it. It rates nobody by name.
"""

from collections.abc import Iterator
from datetime import date
from random import Random

from server.generation.parts import Chapter
from server.generation.streams import stream
from server.generation.tree import BRANCH_KINDS, Region, SyntheticUnit

Row = tuple[str | int | None, ...]
Counts = tuple[int, int, int, int]

CAP = 5  # one EXCELLENT for every five rated GOOD or better
REGULATIONS = ((2023, "132-QĐ/TW"), (2025, "124-QĐ/TW"))
LATEST_REGULATION = "366-QĐ/TW"
GOODS_KEPT = {"EXCELLENT": 0.995, "GOOD": 0.965, "COMPLETED": 0.72, "NOT_COMPLETED": 0.3}
COLUMNS = (
    "unit_code",
    "year",
    "rating",
    "regulation",
    "political_task",
    "meeting_quality",
    "unity_discipline",
    "cadres_members",
    "members_rated",
    "members_excellent",
    "members_good",
    "members_completed",
    "members_not_completed",
)


def evaluations(chapter: Chapter, seed: int) -> Iterator[Row]:
    """Rows of `evaluations.csv` for the calendar years that end in the chapter, the oldest first;
    none for the present year."""
    region = chapter.region
    for year in chapter.rated:
        random = stream(seed, region.name, "evaluations", str(year))
        units = list(_rated(region, year, random))
        ratings = _ratings(units, random)
        members = _members(units, ratings, chapter.last.year - year, random)
        for unit in units:
            yield _row(unit, year, ratings[unit.code], members[unit.code], random)


def regulation(year: int) -> str:
    """The regulation a year is rated under: 132-QĐ/TW, from 2023 124-QĐ/TW, from 2025 366-QĐ/TW."""
    return next((name for until, name in REGULATIONS if year < until), LATEST_REGULATION)


def _rated(region: Region, year: int, random: Random) -> Iterator[SyntheticUnit]:
    """Units that stand at the end of the year; a few are late and have no rating yet."""
    last_day = date(year, 12, 31)
    for unit in region.units:
        late = unit.kind in BRANCH_KINDS and random.random() > 0.993
        rated = unit.kind != "group" and unit.parent_code is not None
        if rated and not late and unit.stands_on(last_day):
            yield unit


def _ratings(units: list[SyntheticUnit], random: Random) -> dict[str, str]:
    """Each unit's rating, by its quality among those of its kind under the same committee."""
    groups: dict[tuple[str | None, str], list[tuple[float, str]]] = {}
    for unit in units:
        merit = random.gauss(unit.quality, 0.09)
        groups.setdefault((unit.parent_code, unit.kind), []).append((merit, unit.code))
    ratings: dict[str, str] = {}
    for group in groups.values():
        ratings.update(_group_ratings(sorted(group, reverse=True), random))
    return ratings


def _group_ratings(group: list[tuple[float, str]], random: Random) -> dict[str, str]:
    """Of a group given best first: the cap is counted on those GOOD, the best of them rise."""
    ratings = {code: _by_merit(merit) for merit, code in group}
    good = [code for _, code in group if ratings[code] == "GOOD"]
    cap = len(good) // CAP
    spared = cap > 3 and random.random() < 0.4
    ratings.update(dict.fromkeys(good[: cap - spared], "EXCELLENT"))
    return ratings


def _by_merit(merit: float) -> str:
    if merit < 0.3:
        return "NOT_COMPLETED"
    return "COMPLETED" if merit < 0.49 else "GOOD"


def _members(
    units: list[SyntheticUnit], ratings: dict[str, str], years_back: int, random: Random
) -> dict[str, Counts]:
    """Members by rating: drawn for branches, summed above them."""
    counts: dict[str, Counts] = {}
    for unit in reversed(units):
        if unit.kind in BRANCH_KINDS:
            counts[unit.code] = _branch_members(unit, ratings[unit.code], years_back, random)
        own = counts.setdefault(unit.code, (0, 0, 0, 0))
        if unit.parent_code is not None:
            sums = counts.get(unit.parent_code, (0, 0, 0, 0))
            counts[unit.parent_code] = (
                sums[0] + own[0],
                sums[1] + own[1],
                sums[2] + own[2],
                sums[3] + own[3],
            )
    return counts


def _branch_members(unit: SyntheticUnit, rating: str, years_back: int, random: Random) -> Counts:
    """A few members are not rated (exempt, newly moved); few at the lowest ratings."""
    rated = max(1, unit.members_before(years_back) - random.choice((0, 0, 0, 1, 1, 2)))
    low = 0 if random.random() < 0.985 else 1
    weight = 0.04 if rating in ("EXCELLENT", "GOOD") else 0.16
    completed = min(rated - low, int(rated * weight * random.uniform(0.3, 2.2) + 0.4))
    better = rated - low - completed
    excellent = better // CAP
    return excellent, better - excellent, completed, low


def _row(unit: SyntheticUnit, year: int, rating: str, members: Counts, random: Random) -> Row:
    kept = GOODS_KEPT[rating]
    goods = [_good(kept, random.random()) for _ in range(4)]
    return (unit.code, year, rating, regulation(year), *goods, sum(members), *members)


def _good(kept: float, draw: float) -> str | None:
    """One of the four goods; a small part is not told."""
    if draw > 0.985:
        return None
    return "true" if draw < kept * 0.985 else "false"
