"""Who may act for which unit: principals named after their role and unit, never after a person.

Every unit down to the grassroots organisation has its secretary, and every committee above those
its leader, its boards and its office, all in force today. Officers follow a few lower units for a
time, some of it over and some ahead.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from random import Random

from server.generation.streams import stream
from server.generation.tree import GRASSROOTS_KINDS, Region, SyntheticUnit

Row = tuple[str | date | None, ...]

BODIES = ("organisation_board", "inspection_commission", "office")
BOARD_KINDS = ("central", "province", "district", "bloc", "direct", "commune")
APEX_KINDS = ("central", "province")
UNITS_AN_OFFICER = 3


def appointments(region: Region, seed: int, today: date) -> Iterator[Row]:
    """Rows of `appointments.csv`, by unit."""
    random = stream(seed, region.name, "appointments")
    below: dict[str, list[SyntheticUnit]] = {}
    for unit in region.units:
        if unit.parent_code is not None and unit.closed_on is None:
            below.setdefault(unit.parent_code, []).append(unit)
    term = date(today.year - 1, 1, 1)
    for unit in region.units:
        for role in _roles(unit):
            yield f"{role}@{unit.code}", role, unit.code, max(term, unit.stands_from), None
        if unit.kind in BOARD_KINDS:
            yield from _officers(unit, below.get(unit.code, []), today, random)


def until(rows: Iterable[Row], day: date) -> Iterator[Row]:
    """The same appointments, all of which end on a day at the latest."""
    for principal, role, code, start, end in rows:
        if isinstance(start, date) and start < day:
            ends = min(end, day) if isinstance(end, date) else day
            yield principal, role, code, start, ends


def since(rows: Iterable[Row], day: date) -> Iterator[Row]:
    """The same appointments, none of which begins before a day."""
    for principal, role, code, start, end in rows:
        if not isinstance(end, date) or end > day:
            yield principal, role, code, max(start, day) if isinstance(start, date) else day, end


def _roles(unit: SyntheticUnit) -> Iterator[str]:
    if unit.kind in BOARD_KINDS:
        yield "leader"
        yield "secretary"
        yield from BODIES
    if unit.kind in APEX_KINDS:
        yield "auditor"
        yield "administrator"
    if unit.kind in GRASSROOTS_KINDS:
        yield "secretary"
    if unit.kind == "grassroots":
        yield "inspection_commission"


def _officers(
    unit: SyntheticUnit, below: list[SyntheticUnit], today: date, random: Random
) -> Iterator[Row]:
    """Committee members in charge of lower units: this year, the last, and the next."""
    first = date(today.year, 1, 1)
    terms = ((first, None), (first.replace(year=today.year - 1), first), _ahead(today))
    for number, (start, end) in enumerate(terms, 1):
        for lower in random.sample(below, min(UNITS_AN_OFFICER, len(below))):
            yield f"officer.{number}@{unit.code}", "officer", lower.code, start, end


def _ahead(today: date) -> tuple[date, date]:
    start = date(today.year + 1, 1, 1)
    return start, start + timedelta(days=365)
