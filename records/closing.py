"""Until when the records of a year are written, and from where afterwards.

A rule is a row with its days (`year_closing`): the records of a year are recorded, revised and
withdrawn by those who have the right until a day of the next year, that day included; later only
through an office further above than the one that recorded them. Pure: it is told the rows, the
day, and where units stand by their paths. It never asks who holds an office.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, date

from hierarchy.unit import prefixes
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


def recorded_at_path(path: str, by_the_unit_above: bool) -> str:
    """The path of the unit that records for the unit at `path`, where nobody has recorded yet or
    it is not known who did: the one directly above, or the unit itself, as the top always is."""
    above = prefixes(path)[-2:]
    return above[0] if by_the_unit_above else path


def is_further_above(path: str, than: str) -> bool:
    """Whether the unit at a path stands strictly above another."""
    return than != path and than.startswith(path)
