"""Until when the records of a year are written, and from where afterwards.

A rule is a row with its days (`year_closing`): the records of a year are recorded, revised and
withdrawn by those who have the right until a day of the next year, that day included; later only
through an office further above than the one that recorded them. Pure: it is told the rows, the
day, and where units stand. It never asks who holds an office.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, date

from hierarchy.scope import Located
from hierarchy.unit import Placed
from records.record import (
    Entry,
    Evaluation,
    EvaluationEntry,
    Meeting,
    MeetingEntry,
    Record,
)


@dataclass(frozen=True, slots=True)
class YearClosing:
    """That records of the years whose last day lies from `valid_from` to before `valid_to` (null
    is without end) are open until a day of the next year. A day that its month does not have is
    the month's last."""

    valid_from: date
    valid_to: date | None
    month: int
    day: int

    def holds(self, year: int) -> bool:
        """Whether the rule is for the records of that year."""
        end = date(year, 12, 31)
        return self.valid_from <= end and (self.valid_to is None or end < self.valid_to)

    def last_day(self, year: int) -> date | None:
        """The last day on which records of the year are open; null where no date is so late."""
        if year == MAXYEAR:
            return None
        _, days = monthrange(year + 1, self.month)
        return date(year + 1, self.month, min(self.day, days))


def last_day(closings: Iterable[YearClosing], year: int) -> date | None:
    """The last day on which records of the year are open; null where they are never closed. Of
    several rules for the year the newest one decides."""
    holding = [each for each in closings if each.holds(year)]
    if not holding:
        return None
    return max(holding, key=lambda each: each.valid_from).last_day(year)


def years_of(*records: Entry | Record) -> set[int]:
    """The years that records are of: an evaluation's own, else that of the record's day."""
    return {year for record in records if (year := _year(record)) is not None}


def _year(record: Entry | Record) -> int | None:
    if isinstance(record, EvaluationEntry | Evaluation):
        return record.year
    day = record.held_on if isinstance(record, MeetingEntry | Meeting) else record.day
    return None if day is None else day.year


def directly_above(unit: Placed, path: Iterable[Placed]) -> Placed:
    """The lowest unit of a path that is above the unit in rank too; the unit itself at the top.
    One that was merged stands under its successor, which is none above it."""
    above = [each for each in path if each.rank < unit.rank]
    return max(above, key=lambda each: each.depth, default=unit)


def is_further_above(office: Located, than: Located) -> bool:
    """Whether an office is held at a unit strictly above another, in place and in rank."""
    is_under = office.path != than.path and than.path.startswith(office.path)
    return is_under and office.rank < than.rank
