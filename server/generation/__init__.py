"""Synthetic data folders in real proportions: what `chibo generate` and the demo write.

`generate` puts a shape's units, appointments, decisions and records into a folder that `chibo
load` takes as it is. The same shape, years, seed and today give the same bytes. Places are real
(`data/README.md`); figures are drawn; no person is named. It never reads a store and never loads.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

from server.folder import appointments as folder_appointments
from server.folder import decisions, units
from server.generation import (
    appointments,
    country,
    evaluations,
    inspections,
    meetings,
    nation,
    nghe_an,
    reorganisation,
)
from server.generation.files import Progress, RecordFile
from server.generation.parts import Chapter, Part, whole_years
from server.generation.tree import Region, SyntheticUnit

__all__ = ["SHAPES", "Progress", "generate", "write"]

REGIONS: dict[str, Callable[[int, date], Iterator[Region]]] = {
    "nghe-an": nghe_an.regions,
    "nation": nation.regions,
}
SHAPES = (*REGIONS, country.NAME)
COLUMNS = {
    units.FILE: units.HEADER,
    folder_appointments.FILE: folder_appointments.HEADER,
    decisions.FILE: decisions.HEADER,
    "meetings.csv": meetings.COLUMNS,
    "evaluations.csv": evaluations.COLUMNS,
    "inspections.csv": inspections.COLUMNS,
}
RECORDS: dict[str, Callable[[Chapter, int], Iterator[tuple[Any, ...]]]] = {
    "meetings.csv": meetings.meetings,
    "evaluations.csv": evaluations.evaluations,
    "inspections.csv": inspections.inspections,
}


def generate(
    folder: Path,
    shape: str,
    years: int,
    seed: int,
    today: date,
    progress: Progress | None = None,
) -> list[str]:
    """Writes a data folder of one of `SHAPES` with records of `years` years up to `today`; of
    `reorganisation-2025`, of the `years` calendar years before 2025 and of as many from 2025 on,
    none after today.

    Answers with what an operator should know about the folder, a place a line. Files of a data
    folder's names that are there are written over or, where the shape has none, removed; with
    `years` 0 there are no records. `progress(done_rows, file_name)` is called after every few
    thousand rows. ValueError: an unknown shape, or `years` below 0.
    """
    if shape not in SHAPES:
        raise ValueError(f"unknown shape {shape!r}: one of {', '.join(SHAPES)}")
    if years < 0:
        raise ValueError(f"years is {years}, below 0")
    if shape == country.NAME:
        write(folder, country.parts(years, seed, today), seed, progress)
        return list(reorganisation.remarks())
    regions = REGIONS[shape](seed, today)
    write(folder, (_part(region, years, seed, today) for region in regions), seed, progress)
    return []


def write(folder: Path, parts: Iterable[Part], seed: int, progress: Progress | None = None) -> None:
    """Writes the data folder of these parts, one at a time; `progress` as in `generate`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COLUMNS:
        (folder / name).unlink(missing_ok=True)
    with ExitStack() as opened:
        files: dict[str, RecordFile] = {}
        for part in parts:
            for name, rows in _files_of(part, seed):
                if name not in files:
                    file = RecordFile(folder / name, COLUMNS[name], progress)
                    files[name] = opened.enter_context(file)
                files[name].write(rows)


def _part(region: Region, years: int, seed: int, today: date) -> Part:
    return Part(
        region.units,
        lambda: appointments.appointments(region, seed, today),
        whole_years(region, years, today),
    )


def _files_of(part: Part, seed: int) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
    """What a part adds to which file."""
    yield "units.csv", map(_unit_row, part.units)
    yield "appointments.csv", part.appointments()
    for ruling in part.rulings:
        yield "decisions.csv", ruling.rows()
    for chapter in part.chapters:
        for name, rows in RECORDS.items():
            yield name, rows(chapter, seed)


def _unit_row(unit: SyntheticUnit) -> tuple[str | date | None, ...]:
    return (
        unit.code,
        unit.parent_code,
        unit.name,
        unit.kind,
        unit.category,
        unit.established_on,
        unit.closed_on,
    )
