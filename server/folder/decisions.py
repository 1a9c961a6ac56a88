"""`decisions.csv`: decisions of reorganisation, one row a change.

Rows of one number are one decision, their changes in the order of `position`; decisions come by
their day, then in the order of their first rows. The form alone is judged here: whether the
decisions can be taken is asked in `server/folder/tree.py`, together with the units of the folder.
It never takes one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from hierarchy import proposing
from hierarchy.decision import ChangeKind, Decision, Proposal, Step
from hierarchy.proposing import Part, input_problems
from hierarchy.unit import Kinds
from server.folder.columns import Column, Read, cells, day, integer, one_of, text
from server.folder.faults import Report, shown
from server.folder.lines import Sheet

FILE = "decisions.csv"
HEADER = (
    "number",
    "title",
    "issued_by",
    "issued_on",
    "effective_on",
    "position",
    "change",
    "unit_code",
    "to_code",
    "from_code",
    "name",
    "kind",
    "category",
)
_READINGS: dict[str, Read] = {
    "issued_on": day,
    "effective_on": day,
    "position": integer,
    "change": one_of(ChangeKind),
}
_OPTIONAL = HEADER[-5:]
_NEEDED = {
    ChangeKind.ESTABLISH: {"to_code", "name", "kind"},
    ChangeKind.TRANSFER: {"to_code"},
    ChangeKind.MERGE: {"to_code"},
    ChangeKind.SPLIT: {"from_code"},
    ChangeKind.RENAME: {"name"},
}
_ALLOWED = {
    ChangeKind.ESTABLISH: {"category"},
    ChangeKind.SPLIT: {"name", "category"},
    ChangeKind.RECLASSIFY: {"kind", "category"},
}


@dataclass(frozen=True, slots=True)
class Given:
    """A decision of the file; `lines` are those of its rows, by the place of a change."""

    proposal: Proposal
    lines: list[int]


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of the file, in the order in which they apply.

    `named` are the codes of all units that rows are about, readable or not; `whole` says whether
    every row was given, `sound` whether none of them is at fault by itself.
    """

    given: list[Given] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    whole: bool = True
    sound: bool = True

    @property
    def rows(self) -> int:
        return sum(len(given.lines) for given in self.given)

    def founded(self) -> Iterator[str]:
        """The codes of the units that the decisions establish or split off."""
        for given in self.given:
            for step in given.proposal.steps:
                if step.change.founds:
                    yield step.change.unit_code


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it stands; its fields are in the order of the header."""

    line: int
    number: str
    title: str
    issued_by: str
    issued_on: date
    effective_on: date
    position: int
    change: ChangeKind
    unit_code: str
    to_code: str | None
    from_code: str | None
    name: str | None
    kind: str | None
    category: str | None

    @property
    def head(self) -> tuple[str, str, date, date]:
        return self.title, self.issued_by, self.issued_on, self.effective_on


def read_decisions(sheet: Sheet, kinds: Kinds, recorded_at: datetime, report: Report) -> Decisions:
    """Reads the file and reports every fault that shows without looking at the tree."""
    faults = 0

    def told(line: int, message: str) -> None:
        nonlocal faults
        faults += 1
        report(line, message)

    rows, named = _rows(sheet, told)
    given = []
    for of_one in _by_number(rows):
        wrong = list(_faults(of_one))
        for line, message in wrong:
            told(line, message)
        if not wrong:
            given.append(_given(of_one, kinds, recorded_at, told))
    given.sort(key=lambda each: each.proposal.decision.effective_on)
    return Decisions(given, named, sheet.whole, not faults)


def _rows(sheet: Sheet, report: Report) -> tuple[list[_Row], set[str]]:
    """The readable rows, and the codes that any row is about."""
    columns = [
        Column(name, _READINGS.get(name, text), required=name not in _OPTIONAL) for name in HEADER
    ]
    rows: list[_Row] = []
    named: set[str] = set()
    for batch in sheet.batches(report):
        named.update(row[HEADER.index("unit_code")] for row in batch.rows)
        read = cells(batch, columns, report)
        rows += map(_Row, read.lines, *read.columns)
    return rows, named


def _by_number(rows: Sequence[_Row]) -> list[list[_Row]]:
    """The rows of each decision by position, decisions by their first rows."""
    found: dict[str, list[_Row]] = {}
    for row in rows:
        found.setdefault(row.number, []).append(row)
    return [sorted(each, key=lambda row: row.position) for each in found.values()]


def _faults(rows: Sequence[_Row]) -> Iterator[tuple[int, str]]:
    """What is wrong with the rows of one decision, each with its line."""
    first = min(rows, key=lambda row: row.line)
    for before, row in zip([None, *rows], rows, strict=False):
        if row.head != first.head:
            same = f"decision {shown(row.number)} says otherwise on line {first.line}"
            yield row.line, f"title, issued_by and dates of a decision are the same: {same}"
        if before is not None and before.position == row.position:
            yield row.line, f"position {row.position} of {shown(row.number)} a second time"
        yield from ((row.line, message) for message in _cell_faults(row))


def _cell_faults(row: _Row) -> Iterator[str]:
    """Cells that the kind of change needs and that are empty, and the other way round."""
    needed = _NEEDED.get(row.change, set())
    allowed = needed | _ALLOWED.get(row.change, set())
    for name in _OPTIONAL:
        if name in needed and not getattr(row, name):
            yield f"{name} is empty"
        if name not in allowed and getattr(row, name):
            yield f"{name} {shown(getattr(row, name))} is nothing that a {row.change.value} has"


def _given(rows: Sequence[_Row], kinds: Kinds, recorded_at: datetime, report: Report) -> Given:
    decision = Decision(rows[0].number, *rows[0].head, recorded_at)
    steps = [_steps(place, row) for place, row in enumerate(rows)]
    lines = [row.line for row in rows]
    for problem in input_problems(decision, steps, kinds):
        report(lines[problem.change], str(problem))
    return Given(proposing.proposal(decision, steps), lines)


def _steps(place: int, row: _Row) -> list[Step]:
    unit, other, name = row.unit_code, row.to_code or row.from_code or "", row.name or ""
    match row.change:
        case ChangeKind.ESTABLISH:
            return proposing.establish(place, unit, other, name, row.kind or "", row.category)
        case ChangeKind.TRANSFER:
            return proposing.transfer(place, unit, other)
        case ChangeKind.MERGE:
            return proposing.merge(place, [unit], other)
        case ChangeKind.SPLIT:
            return proposing.split(place, other, [Part(unit, row.name, row.category, ())], False)
        case ChangeKind.DISSOLVE:
            return proposing.dissolve(place, unit)
        case ChangeKind.RENAME:
            return proposing.rename(place, unit, name)
        case ChangeKind.RECLASSIFY:
            keeps = row.category is None
            return proposing.reclassify(place, unit, row.kind, row.category, keeps)
