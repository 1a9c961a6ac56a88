"""`units.csv`, and the units that the other files of a folder may name.

The form of the file alone is judged here; whether its units may be founded is asked in
`server/folder/tree.py`. It never founds any.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from hierarchy.unit import Founding, Life
from server.folder.columns import Column, cells, day, text
from server.folder.faults import Report
from server.folder.lines import Sheet

FILE = "units.csv"
HEADER = ("code", "parent_code", "name", "kind", "category", "established_on", "closed_on")
ALWAYS = Life(date.min, None)
"""The life of a unit that is at fault: other files are not blamed for it."""

Moves = Sequence[tuple[date, str | None]]
"""The units that one stands under, each from a day on, in order."""


@dataclass(frozen=True, slots=True)
class Units:
    """The units of the folder and of the store, through time.

    `lives` and `parents` are by code; `moves` of those that do not stay under one unit. Where the
    tree is `at_fault`, lives and parents are not to be relied on; where `all_known` is false, not
    even the codes.
    """

    lives: dict[str, Life]
    parents: dict[str, str | None]
    moves: dict[str, Moves] = field(default_factory=dict)
    at_fault: bool = False
    all_known: bool = True

    def life(self, code: str) -> Life | None:
        """When a unit stands; null where there is none of this code."""
        found = self.lives.get(code)
        return ALWAYS if found is None and not self.all_known else found

    def holds(self, above: str, code: str, day: date) -> bool:
        """Whether a unit is the other or stands above it on a day."""
        at: str | None = code
        while at is not None and at != above:
            at = self._parent(at, day)
        return self.at_fault or at == above

    def _parent(self, code: str, day: date) -> str | None:
        if code not in self.moves:
            return self.parents.get(code)
        stood = [parent for since, parent in self.moves[code] if since <= day]
        return stood[-1] if stood else None


@dataclass(frozen=True, slots=True)
class GivenUnits:
    """The file as it was read: its readable units, and the line of each.

    `codes` are those of all rows, readable or not; `whole` says whether every row was given.
    """

    lines: list[int] = field(default_factory=list)
    foundings: list[Founding] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    whole: bool = True

    @property
    def sound(self) -> bool:
        return self.whole and len(self.codes) == len(self.foundings)


def read_units(sheet: Sheet, report: Report) -> GivenUnits:
    """Reads the file and reports every fault of its form."""
    lines: list[int] = []
    foundings: list[Founding] = []
    codes: list[str] = []
    columns = _columns()
    for batch in sheet.batches(report):
        codes += [row[0] for row in batch.rows]
        read = cells(batch, columns, report)
        lines += read.lines
        foundings += map(Founding, *read.columns)
    return GivenUnits(lines, foundings, codes, sheet.whole)


def _columns() -> list[Column]:
    readings = {"established_on": day, "closed_on": day}
    optional = {"parent_code", "category", "closed_on"}
    return [
        Column(name, readings.get(name, text), required=name not in optional) for name in HEADER
    ]
