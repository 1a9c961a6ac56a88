"""`meetings.csv`, `evaluations.csv`, `inspections.csv`: rows as records, held against the rules.

A file has a column for each field of its records, in their order, after the unit's (and the
inspecting unit's), and perhaps a client key. Files may be longer than memory: what is kept of
all rows is a few bytes each. It never stores a record; `rows` serves whoever does.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from itertools import repeat
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from hierarchy.unit import Life
from records import rules
from records.content import digest, key_fault
from records.record import Entry, EvaluationEntry, InspectionEntry, MeetingEntry
from server.folder.columns import Column, Read, cells, day, decimal, integer, one_of, text, truth
from server.folder.faults import Faults, Report, shown
from server.folder.lines import Lines, Sheet
from server.folder.units import Units

KEY = "client_key"
_UNREAD: Lines = Lines([], [])
_READS: dict[Any, Read] = {str: text, date: day, int: integer, float: decimal, bool: truth}


@dataclass(frozen=True)
class RecordFile:
    """One of the record files: its resource (and table) and what a row is as a value."""

    name: str
    resource: str
    entry: type[Entry]

    @property
    def unit_columns(self) -> tuple[str, ...]:
        inspected = self.entry is InspectionEntry
        return ("unit_code", "by_unit_code") if inspected else ("unit_code",)

    @property
    def headers(self) -> list[tuple[str, ...]]:
        """The header, and the header with a client key."""
        plain = (*self.unit_columns, *_fields(self.entry))
        return [plain, (*plain, KEY)]


MEETINGS = RecordFile("meetings.csv", "meeting", MeetingEntry)
EVALUATIONS = RecordFile("evaluations.csv", "evaluation", EvaluationEntry)
INSPECTIONS = RecordFile("inspections.csv", "inspection", InspectionEntry)
RECORD_FILES = (MEETINGS, EVALUATIONS, INSPECTIONS)


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch of records, field by field; `by_unit_codes` only of inspections.

    `keys` are null where a row, or the whole file, has none.
    """

    file: RecordFile
    lines: list[int]
    unit_codes: list[str]
    by_unit_codes: list[str] | None
    entries: list[Entry]
    keys: list[str | None]

    def contents(self) -> list[str | None]:
        """The digest of each row that has a key."""
        resource = self.file.resource
        above = self.by_unit_codes or repeat(None)
        given = zip(self.keys, self.unit_codes, above, self.entries, strict=False)
        return [key and digest(resource, code, by, entry) for key, code, by, entry in given]

    def but(self, skipped: set[int]) -> "Rows":
        """The rows apart from those at the given places."""
        if not skipped:
            return self
        kept = [at for at in range(len(self.lines)) if at not in skipped]
        above = self.by_unit_codes
        return Rows(
            self.file,
            [self.lines[at] for at in kept],
            [self.unit_codes[at] for at in kept],
            above and [above[at] for at in kept],
            [self.entries[at] for at in kept],
            [self.keys[at] for at in kept],
        )


def rows(file: RecordFile, sheet: Sheet, report: Report) -> Iterator[Rows]:
    """The file's readable rows, batch by batch; the others are reported."""
    columns: list[Column] = []
    for batch in sheet.batches(report):
        columns = columns or _columns(file, sheet.header)
        read = cells(batch, columns, report)
        fields = read.columns[: len(file.headers[0])]
        units = len(file.unit_columns)
        yield Rows(
            file,
            read.lines,
            fields[0],
            fields[1] if units > 1 else None,
            list(map(file.entry, *fields[units:])),
            read.columns[-1] if sheet.header[-1] == KEY else [None] * len(read.lines),
        )


class RecordCheck:
    """Holds the rows of all record files of a folder against the rules.

    `evaluated` are the units (by code) and years that the store has an evaluation of.
    """

    def __init__(self, units: Units, evaluated: Iterable[tuple[str, int]], today: date) -> None:
        self._units = units
        self._today = today
        self._years: dict[int, bytearray] = {}
        self._numbers = {code: number for number, code in enumerate(units.lives)}
        for code, year in evaluated:
            self._is_first(code, year)

    def check(self, given: Rows, report: Report) -> None:
        """Reports what is wrong with rows that are to be stored."""
        lives = list(map(self._units.life, given.unit_codes))
        above = given.by_unit_codes or given.unit_codes
        for line, code, by, life, entry in zip(
            given.lines, given.unit_codes, above, lives, given.entries, strict=True
        ):
            for fault in rules.faults(entry):
                report(line, f"{fault.field}: {fault}")
            if life is None:
                report(line, f"unknown unit {shown(code)}")
            else:
                self._check_beside(line, code, by, life, entry, report)

    def _check_beside(
        self, line: int, code: str, by: str, life: Life, entry: Entry, report: Report
    ) -> None:
        """What shows only beside the unit, today and other records."""
        for fault in rules.faults_of_day(entry, life, self._today):
            report(line, f"{fault.field}: {fault}")
        if by is not code:
            self._check_inspecting(line, code, by, entry, report)
        if isinstance(entry, EvaluationEntry) and not self._is_first(code, entry.year):
            report(line, f"a second evaluation of unit {shown(code)} for {entry.year}")

    def _check_inspecting(
        self, line: int, code: str, by: str, entry: Entry, report: Report
    ) -> None:
        day = entry.day if isinstance(entry, InspectionEntry) else None
        if self._units.life(by) is None:
            report(line, f"unknown unit {shown(by)}")
        elif day is not None and not self._units.holds(by, code, day):
            report(line, f"by_unit_code: {shown(by)} is neither the inspected unit nor above it")

    def _is_first(self, code: str, year: int) -> bool:
        number = self._numbers.get(code)
        if number is None:
            return True
        seen = self._years.setdefault(year, bytearray(len(self._numbers)))
        first = not seen[number]
        seen[number] = True
        return first


class Keys:
    """The client keys of a folder, so that none stands in it twice: eight bytes a key.

    Hashes alone are kept; where two are alike, the files are read again for the keys themselves.
    """

    _SLICE = 500_000

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, given: Rows, report: Report) -> None:
        """Takes the keys of a batch, and reports those that can be none."""
        if any(given.keys):
            self._hashes.extend(hash(key) for key in given.keys if key)
            for line, key in zip(given.lines, given.keys, strict=True):
                if key and (fault := key_fault(key)):
                    report(line, f"{KEY}: {fault}")

    def check(self, files: Sequence[tuple[RecordFile, Path]], faults: Faults) -> None:
        """Reports each row whose key stood in an earlier row, of whichever file."""
        doubtful = self._doubtful()
        seen: set[str] = set()
        for file, path in files if doubtful else ():
            report = faults.of(file.name)
            for given in rows(file, Sheet(path, file.headers), lambda *_: None):
                for line, key in zip(given.lines, given.keys, strict=True):
                    if key and hash(key) in doubtful:
                        if key in seen:
                            report(line, f"{KEY} {shown(key)} a second time")
                        seen.add(key)

    def _doubtful(self) -> set[int]:
        parts = len(self._hashes) // self._SLICE + 1
        found: set[int] = set()
        for part in range(parts):
            counts = Counter(each for each in self._hashes if each % parts == part)
            if len(counts) < counts.total():
                found.update(each for each, count in counts.items() if count > 1)
        return found


def _fields(entry: type[Entry]) -> dict[str, Any]:
    """Types of a record's fields, by name."""
    return get_type_hints(entry)


def _columns(file: RecordFile, header: tuple[str, ...]) -> list[Column]:
    units = [Column(name, text) for name in file.unit_columns]
    keys = [Column(KEY, text, required=False)] if header[-1] == KEY else []
    return [*units, *(_column(*field) for field in _fields(file.entry).items()), *keys]


def _column(name: str, hint: Any) -> Column:
    optional = isinstance(hint, UnionType)
    kind = next(each for each in get_args(hint) if each is not type(None)) if optional else hint
    read = one_of(kind) if issubclass(kind, Enum) else _READS[kind]
    return Column(name, read, required=not optional)
