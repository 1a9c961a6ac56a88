"""The calendar a party organisation lives by: months, quarters, Tết and the harvests.

Plain arithmetic on days. It never draws anything at random and reads no clock.
"""

from dataclasses import dataclass
from datetime import date, timedelta

# Tết falls in January or February; the years of this century in which it falls in January.
TET_IN_JANUARY = frozenset({2001, 2004, 2006, 2009, 2012, 2014, 2017, 2020, 2023, 2025, 2028, 2031})
HARVEST_DIPS = {5: 0.035, 6: 0.055, 9: 0.03, 10: 0.04}
TET_DIP = 0.085


def month_index(day: date) -> int:
    """Months since the year nought; successive months differ by one."""
    return day.year * 12 + day.month - 1


def first_of_month(index: int) -> date:
    return date(index // 12, index % 12 + 1, 1)


def quarter_start(day: date) -> date:
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def quarters(first: date, count: int) -> list[date]:
    """The first days of `count` quarters, beginning with the quarter of `first`."""
    start = month_index(quarter_start(first))
    return [first_of_month(start + 3 * at) for at in range(count)]


def years_before(day: date, years: int) -> date:
    return first_of_month(month_index(day) - 12 * years) + timedelta(days=min(day.day, 28) - 1)


def season_dip(index: int, rural: float) -> float:
    """What Tết and the harvests take off attendance in a month, as a share of the members.

    `rural` is 0 for an office and 1 for a commune: the harvests matter where there are fields.
    """
    month = index % 12 + 1
    tet_month = 1 if index // 12 in TET_IN_JANUARY else 2
    tet = TET_DIP * (0.5 + rural / 2) if month == tet_month else 0.0
    return tet + rural * HARVEST_DIPS.get(month, 0.0)


@dataclass(frozen=True, slots=True)
class Diary:
    """The days of a span as ISO texts, addressed by how many days after its first one they are.

    `starts` has the address of the first day of each month, by month index.
    """

    first: date
    texts: list[str]
    starts: dict[int, int]

    @classmethod
    def of(cls, first: date, last: date) -> "Diary":
        """From the first day of a month."""
        days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
        starts = {month_index(day): at for at, day in enumerate(days) if day.day == 1}
        return cls(first, [day.isoformat() for day in days], starts)

    def at(self, day: date) -> int:
        return (day - self.first).days
