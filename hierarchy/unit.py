"""Units, their kinds, and where a unit stands: the values of the tree.

Pure: it never reads a database and builds on the standard library alone. A day is a `date`; a
code is a text compared exactly; a path is a text of fixed-width labels from the root, one a unit,
so that a subtree is one range of paths.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from hierarchy.words import Word

LABEL_WIDTH = 4
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
MAX_UNITS = len(_DIGITS) ** LABEL_WIDTH
AFTER_LABELS = "~"


def label(unit_id: int) -> str:
    """A unit's label in paths: `LABEL_WIDTH` digits of base 62, in bytewise order of the id."""
    if not 0 <= unit_id < MAX_UNITS:
        raise ValueError(f"unit id {unit_id} has no label")
    digits = []
    for _ in range(LABEL_WIDTH):
        unit_id, digit = divmod(unit_id, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def unit_of_label(text: str) -> int:
    """The unit id that `label` made this text of."""
    unit_id = 0
    for digit in text:
        unit_id = unit_id * len(_DIGITS) + _VALUES[digit]
    return unit_id


def units_of_path(path: str) -> list[int]:
    """The ids of the units on a path, from the root to the unit itself."""
    return [unit_of_label(path[at : at + LABEL_WIDTH]) for at in range(0, len(path), LABEL_WIDTH)]


def prefixes(path: str) -> list[str]:
    """The paths of a unit and of all that stand above it, from the root down."""
    return [path[:end] for end in range(LABEL_WIDTH, len(path) + 1, LABEL_WIDTH)]


def folded(text: str) -> str:
    """A name as it is searched: without case and diacritics, đ as d."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    bare = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
    return bare.replace("đ", "d")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of unit (`domain.md`, 2): `rank` 0 is the centre, and grows downwards."""

    code: str
    name: str
    rank: int


@dataclass(frozen=True, slots=True)
class Standing:
    """That a kind may stand under another, from a day (included) to a day (excluded)."""

    kind: str
    under: str
    valid_from: date | None = None
    valid_to: date | None = None

    def holds(self, day: date) -> bool:
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class Kinds:
    """All kinds and which may stand under which, and when: rows, read once and passed along."""

    kinds: dict[str, Kind]
    standings: dict[tuple[str, str], tuple[Standing, ...]]

    @classmethod
    def of(cls, kinds: Iterable[Kind], standings: Iterable[Standing]) -> "Kinds":
        periods: dict[tuple[str, str], tuple[Standing, ...]] = {}
        for standing in standings:
            pair = standing.kind, standing.under
            periods[pair] = (*periods.get(pair, ()), standing)
        return cls({kind.code: kind for kind in kinds}, periods)

    def __contains__(self, code: object) -> bool:
        return code in self.kinds

    def __iter__(self) -> Iterator[Kind]:
        return iter(self.kinds.values())

    def rank(self, code: str) -> int:
        return self.kinds[code].rank

    def word(self, code: str) -> Word:
        """A kind as a sentence names it."""
        kind = self.kinds.get(code)
        return Word("UnitKind", code, None if kind is None else kind.name)

    def may_stand(self, kind: str, under: str, day: date | None = None) -> bool:
        """Whether the kind may stand under the other: on the day that a decision puts it there;
        without one on any day, which is all that loaded trees and what stands obey."""
        periods = self.standings.get((kind, under), ())
        return any(day is None or period.holds(day) for period in periods)


@dataclass(frozen=True, slots=True)
class Founding:
    """A unit as a folder gives it: its first parent, name, kind and category, and its life.

    `closed_on` is the first day on which it is no more; both days may lie ahead. It stands in
    the tree from `established_on`, or from the day its parent does where that is later.
    """

    code: str
    parent_code: str | None
    name: str
    kind: str
    category: str | None
    established_on: date
    closed_on: date | None


@dataclass(frozen=True, slots=True)
class Life:
    """The days a unit stands open in the tree: from `stands_from` to before `closed_on`."""

    stands_from: date
    closed_on: date | None

    def holds(self, day: date) -> bool:
        return self.stands_from <= day and (self.closed_on is None or day < self.closed_on)

    @property
    def last_day(self) -> date | None:
        """The last day on which it was open; null while it is not to be closed."""
        return self.closed_on and date.fromordinal(self.closed_on.toordinal() - 1)


@dataclass(frozen=True, slots=True)
class Placed:
    """A unit as it stands on one tree: what is asked of a single day.

    `path` and `depth` (0 at the root) place it; `closed_on` is its closing day wherever that
    lies, `day` the day of the tree.
    """

    unit_id: int
    code: str
    name: str
    kind: str
    category: str | None
    rank: int
    parent_id: int | None
    path: str
    depth: int
    established_on: date
    closed_on: date | None
    day: date

    @property
    def is_open(self) -> bool:
        return self.closed_on is None or self.closed_on > self.day
