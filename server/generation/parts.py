"""What a data folder is written from: parts of a tree, the chapters of their lives, decisions.

A shape hands over one part at a time. A chapter is a span of days in which a part's units stood as
one region says; its records lie on those days alone. A part that is reorganised has two of them,
and the decision that lies between. Values only: nothing is drawn and nothing is written here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from hierarchy.decision import Change, ChangeKind
from server.generation.days import month_index
from server.generation.tree import Region, SyntheticUnit

Row = tuple[str | int | date | None, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """The days from `first` (None: as far back as `years` years reach) to `last`, on which
    `region` stood.

    `years` are those that end on `last` and hold all of these days, `rated` the years whose
    evaluations lie in it. It `is_over` where today is later than `last`.
    """

    region: Region
    first: date | None
    last: date
    years: int
    rated: range
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """One decision of `decisions.csv`, with its changes in order."""

    number: str
    title: str
    issued_by: str
    issued_on: date
    effective_on: date
    changes: Sequence[Change]

    def rows(self) -> Iterable[Row]:
        """A row a change, positions counted from 1; of a SPLIT the unit split is `from_code`."""
        head = (self.number, self.title, self.issued_by, self.issued_on, self.effective_on)
        for position, line in enumerate(self.changes, 1):
            is_split = line.change is ChangeKind.SPLIT
            to_code = None if is_split else line.other_code
            from_code = line.other_code if is_split else None
            own = (line.unit_code, to_code, from_code, line.name, line.kind, line.category)
            yield (*head, position, line.change.value, *own)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a tree: the units that `units.csv` founds, each after the one it stands under,
    its appointments, its decisions, and its chapters, the oldest first.

    Appointments are asked for when they are written, so that they need not be held.
    """

    units: Sequence[SyntheticUnit]
    appointments: Callable[[], Iterable[Row]]
    chapters: Sequence[Chapter]
    rulings: Sequence[Ruling] = ()


def whole_years(region: Region, years: int, today: date) -> list[Chapter]:
    """The one chapter of a region that is never reorganised; none without years."""
    rated = range(today.year - years, today.year)
    return [Chapter(region, None, today, years, rated)] if years else []


def chapter(region: Region, first: date, last: date, today: date) -> list[Chapter]:
    """The chapter of these days as far as they are not after today; none where none is left."""
    end = min(last, today)
    if end < first:
        return []
    years = (month_index(end) - month_index(first)) // 12 + 1
    until = end.year + (end == date(end.year, 12, 31) and end < today)
    return [Chapter(region, first, end, years, range(first.year, until), end < today)]
