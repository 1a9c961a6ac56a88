"""Synthetic data folders in real proportions: what `chibo generate` and the demo write.

`generate` puts a shape's units, appointments and records into a folder that `chibo load` takes as
it is. The same shape, years, seed and today give the same bytes. Places are real
(`data/README.md`); figures are drawn; no person is named. It never reads a store and never loads.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

from server.generation import (
    appointments,
    evaluations,
    inspections,
    meetings,
    nation,
    nghe_an,
)
from server.generation.files import Progress, RecordFile
from server.generation.tree import Region

__all__ = ["SHAPES", "Progress", "generate"]

REGIONS: dict[str, Callable[[int, date], Iterator[Region]]] = {
    "nghe-an": nghe_an.regions,
    "nation": nation.regions,
}
SHAPES = tuple(REGIONS)
UNIT_COLUMNS = (
    "code",
    "parent_code",
    "name",
    "kind",
    "category",
    "established_on",
    "closed_on",
)
COLUMNS = {
    "units.csv": UNIT_COLUMNS,
    "appointments.csv": appointments.COLUMNS,
    "meetings.csv": meetings.COLUMNS,
    "evaluations.csv": evaluations.COLUMNS,
    "inspections.csv": inspections.COLUMNS,
}
RECORDS: dict[str, Callable[[Region, int, int, date], Iterator[tuple[Any, ...]]]] = {
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
) -> None:
    """Writes a data folder of one of `SHAPES` with records of `years` years up to `today`.

    Files of these names that are there are written over; with `years` 0 there are units and
    appointments alone. `progress(done_rows, file_name)` is called after every few thousand rows.
    ValueError: an unknown shape, or `years` below 0.
    """
    if shape not in REGIONS:
        raise ValueError(f"unknown shape {shape!r}: one of {', '.join(SHAPES)}")
    if years < 0:
        raise ValueError(f"years is {years}, below 0")
    folder.mkdir(parents=True, exist_ok=True)
    for name in RECORDS:
        (folder / name).unlink(missing_ok=True)
    with ExitStack() as open_files:
        files = {
            name: open_files.enter_context(RecordFile(folder / name, columns, progress))
            for name, columns in COLUMNS.items()
            if years or name not in RECORDS
        }
        for region in REGIONS[shape](seed, today):
            files["units.csv"].write(_unit_rows(region))
            files["appointments.csv"].write(appointments.appointments(region, seed, today))
            for name, rows in RECORDS.items():
                if years:
                    files[name].write(rows(region, years, seed, today))


def _unit_rows(region: Region) -> Iterator[tuple[str | date | None, ...]]:
    for unit in region.units:
        yield (
            unit.code,
            unit.parent_code,
            unit.name,
            unit.kind,
            unit.category,
            unit.established_on,
            unit.closed_on,
        )
