"""CSV files of a data folder, written in batches as the rows come.

UTF-8, comma, LF, as `formats.md` reads them: null is an empty cell, a date is ISO. It never holds
more than one batch of rows.
"""

import csv
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Progress = Callable[[int, str], None]
BATCH = 8192


class RecordFile:
    """One file open for writing; `progress` hears how many rows it has, after every batch."""

    def __init__(self, path: Path, columns: tuple[str, ...], progress: Progress | None) -> None:
        self._name = path.name
        self._progress = progress
        self._rows = 0
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(columns)

    def write(self, rows: Iterable[tuple[Any, ...]]) -> None:
        source = iter(rows)
        while batch := list(islice(source, BATCH)):
            self._writer.writerows(batch)
            self._rows += len(batch)
            if self._progress:
                self._progress(self._rows, self._name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
