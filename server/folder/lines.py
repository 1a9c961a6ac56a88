"""CSV files as batches of rows, each row with the line on which it begins.

The form alone is judged here: UTF-8, quotes, the header, the number of cells. Nothing is trimmed
and no cell is read. Empty lines carry no row. It never holds more than one batch of a file.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hierarchy.errors import BadInput
from server.folder.faults import Report

BATCH = 2_048
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows of one file, each of as many cells as the header; `lines` are where they begin."""

    lines: list[int]
    rows: list[list[str]]


class Sheet:
    """One reading of one CSV file, from its beginning to its end.

    `header` is what was found of `headers`, the forms it may have; `digest` (SHA-256, in hex) is
    that of the very bytes that were read; `whole` says whether every row to the end was given.
    """

    def __init__(self, path: Path, headers: Sequence[tuple[str, ...]]) -> None:
        self.header = headers[0]
        self.whole = True
        self._ended = False
        self._headers = headers
        self._path = path
        self._file = _opened(path)
        self._reader = _reader(self._file)
        self._line = 1

    @property
    def digest(self) -> str:
        return self._file.sha256.hexdigest()

    @property
    def bytes_read(self) -> int:
        return self._file.bytes_read

    def batches(self, report: Report) -> Iterator[Lines]:
        """The rows of the right width. What is wrong with the form is reported; where the rest
        cannot be read, it ends."""
        with self._file:
            readable = self._reads_header(report)
            while readable and not self._ended:
                batch = Lines([], [])
                readable = self._fills(batch, BATCH, report)
                yield self._of_width(batch, report)
            self.whole = self.whole and readable

    def _reads_header(self, report: Report) -> bool:
        first = Lines([], [])
        if not self._fills(first, 1, report):
            return False
        for header in self._headers:
            if first.rows == [list(header)]:
                self.header = header
                return True
        report(1, f"the header is not {','.join(self._headers[0])}")
        return False

    def _fills(self, batch: Lines, size: int, report: Report) -> bool:
        """Adds rows to the batch; false where nothing can be read after them."""
        try:
            self._fill(batch, size)
        except UnicodeDecodeError:
            report(_line_that_is_not_utf_8(self._path), "not UTF-8")
        except csv.Error as error:
            report(self._line, _form_fault(error))
        else:
            return True
        return False

    def _fill(self, batch: Lines, size: int) -> None:
        reader = self._reader
        for row in reader:
            if row:
                batch.lines.append(self._line)
                batch.rows.append(row)
            self._line = reader.line_num + 1
            if len(batch.rows) == size:
                return
        self._ended = True

    def _of_width(self, batch: Lines, report: Report) -> Lines:
        width = len(self.header)
        if not batch.rows or set(map(len, batch.rows)) == {width}:
            return batch
        self.whole = False
        kept = Lines([], [])
        for line, row in zip(batch.lines, batch.rows, strict=True):
            if len(row) == width:
                kept.lines.append(line)
                kept.rows.append(row)
            else:
                report(line, f"{len(row)} cells, and the header has {width}")
        return kept


class _Hashed(io.FileIO):
    """A file whose bytes are counted and hashed as they are read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sha256 = hashlib.sha256()
        self.bytes_read = 0

    def readinto(self, buffer: Any, /) -> int | None:
        count = super().readinto(buffer)
        self.sha256.update(memoryview(buffer)[:count])
        self.bytes_read += count or 0
        return count


def _opened(path: Path) -> _Hashed:
    try:
        return _Hashed(path)
    except OSError:
        raise BadInput("{file}: cannot be read", file=str(path)) from None


def _reader(file: _Hashed) -> Any:
    buffered = io.BufferedReader(file, _BUFFER)
    text = io.TextIOWrapper(buffered, encoding="utf-8-sig", newline="")
    return csv.reader(text, strict=True)


def _form_fault(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"a cell of more than {csv.field_size_limit():,} characters"
    return "a quote that is out of place or never closed"


def _line_that_is_not_utf_8(path: Path) -> int:
    number = 1
    with path.open("rb") as file:
        for line in file:
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return number + _breaks(line[: error.start])
            number += _breaks(line)
    return number


def _breaks(text: bytes) -> int:
    """How many lines end in the bytes: by LF, CR or both."""
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
