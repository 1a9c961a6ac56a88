"""Columns of a file: texts of cells as values, each form read strictly.

An empty cell is null. Nothing is trimmed, and a number, day or truth has exactly one form. Most
cells of a file are alike, so a column remembers what it has read. It never judges a value:
whether a count may be so large is asked in `records/rules.py`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from server.folder.faults import Report, shown
from server.folder.lines import Lines

MOST_DIGITS = 18
"""An integer of more digits is refused unread."""
_REMEMBERED = 20_000
_REMEMBERED_LENGTH = 64

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INTEGER = re.compile(f"-?[0-9]{{1,{MOST_DIGITS}}}")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """In the place of a value: why the cell has none."""

    message: str


Read = Callable[[str], Any]
"""The value of a cell that is not empty, or `Unreadable`."""


class Column:
    """A column by its name, how its cells are read, and whether one may be empty.

    `failed` says whether a cell was unreadable since it was last set to false.
    """

    def __init__(self, name: str, read: Read, required: bool = True) -> None:
        self.name = name
        self.failed = False
        self._read = read
        self._required = required
        self._known = _Remembered(self._value)

    def values(self, texts: Iterable[str]) -> list[Any]:
        return list(map(self._known.__getitem__, texts))

    def _value(self, text: str) -> Any:
        value: Any = Unreadable("is empty") if self._required else None
        if text:
            value = self._read(text)
        self.failed = self.failed or isinstance(value, Unreadable)
        return value


class _Remembered(dict[str, Any]):
    """Values by their texts, read once; not of ever more texts, nor of long ones."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def __missing__(self, text: str) -> Any:
        value = self._read(text)
        short = len(text) <= _REMEMBERED_LENGTH and len(self) < _REMEMBERED
        if short and not isinstance(value, Unreadable):
            self[text] = value
        return value


@dataclass(frozen=True, slots=True)
class Cells:
    """The readable rows of a batch, column by column; `lines` are where the rows begin."""

    lines: list[int]
    columns: list[list[Any]]


def cells(batch: Lines, columns: Sequence[Column], report: Report) -> Cells:
    """Reads the cells of a batch; rows with an unreadable one are reported and left out."""
    if not batch.rows:
        return Cells([], [[] for _ in columns])
    for column in columns:
        column.failed = False
    texts = zip(*batch.rows, strict=True)
    read = [column.values(cells) for column, cells in zip(columns, texts, strict=True)]
    if any(column.failed for column in columns):
        return _readable(batch, columns, read, report)
    return Cells(batch.lines, read)


def _readable(
    batch: Lines, columns: Sequence[Column], read: list[list[Any]], report: Report
) -> Cells:
    bad = set()
    for at, column in enumerate(columns):
        for row, value in enumerate(read[at]) if column.failed else ():
            if isinstance(value, Unreadable):
                cell = batch.rows[row][at]
                report(batch.lines[row], " ".join([column.name, *_quoted(cell), value.message]))
                bad.add(row)
    kept = [row for row in range(len(batch.rows)) if row not in bad]
    return Cells([batch.lines[row] for row in kept], [[each[row] for row in kept] for each in read])


def _quoted(cell: str) -> list[str]:
    return [shown(cell)] if cell else []


def text(cell: str) -> str:
    return cell


def day(cell: str) -> date | Unreadable:
    """YYYY-MM-DD, and no other form of ISO 8601."""
    try:
        return date.fromisoformat(cell if _DAY.fullmatch(cell) else "")
    except ValueError:
        return Unreadable("is no date of the form YYYY-MM-DD")


def integer(cell: str) -> int | Unreadable:
    return int(cell) if _INTEGER.fullmatch(cell) else Unreadable("is no whole number")


def decimal(cell: str) -> float | Unreadable:
    """A number as GraphQL writes a Float: no NaN, no infinity by name. -0 is 0."""
    return float(cell) + 0.0 if _DECIMAL.fullmatch(cell) else Unreadable("is no decimal number")


def truth(cell: str) -> bool | Unreadable:
    return _TRUTHS.get(cell, Unreadable("is neither true nor false"))


_TRUTHS: dict[str, bool | Unreadable] = {"true": True, "false": False}


def one_of(values: type[Enum]) -> Read:
    """How the name of an enumeration's value is read, written as in the schema."""
    names: dict[str, Any] = dict(values.__members__)
    other = Unreadable(f"is none of {', '.join(names)}")

    def read(cell: str) -> Any:
        return names.get(cell, other)

    return read
