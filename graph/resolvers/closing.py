"""Whether the viewer may still write records of a year, and from which unit they write them.

The rows say until when (`records/closing.py`); afterwards the viewer needs an office, with the
right to record, further above than the unit that recorded. It is looked at after the right itself.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from graph.resolvers.context import Context
from hierarchy.errors import Forbidden
from hierarchy.scope import Base
from hierarchy.unit import Placed, units_of_path
from records import closing, correcting
from records.correcting import Stored
from records.lists import EVALUATIONS, Series


def office(context: Context, series: Series[Any], unit: Placed) -> int | None:
    """The unit of the lowest office by which the viewer records for a unit."""
    lowest = max(_offices(context, series, unit), key=lambda base: base.depth, default=None)
    return None if lowest is None else lowest.unit_id


async def are_closed(
    context: Context,
    series: Series[Any],
    unit: Placed,
    years: Iterable[int],
    stored: Stored | None = None,
) -> bool:
    """Whether one of the years is closed to whoever recorded for the unit, be it the stored record
    or others. Raises `Forbidden` where it is closed to the viewer too."""
    closings = await context.ask(correcting.closings, series.resource)
    days = {year: closing.last_day(closings, year) for year in years}
    ended = {year: day for year, day in days.items() if day is not None and day < context.today}
    if ended and not await _is_further_above(context, series, unit, stored):
        raise _closed(*min(ended.items()))
    return bool(ended)


def _closed(year: int, day: date) -> Forbidden:
    return Forbidden(
        "Records of {year} could be written until {day}; later only from a unit further above "
        "than the one that recorded them.",
        year=year,
        day=day,
    )


async def _is_further_above(
    context: Context, series: Series[Any], unit: Placed, stored: Stored | None
) -> bool:
    recorder = await _recorder(context, series, unit, stored)
    offices = _offices(context, series, unit)
    return any(closing.is_further_above(base, recorder) for base in offices)


async def _recorder(
    context: Context, series: Series[Any], unit: Placed, stored: Stored | None
) -> Placed:
    """The unit that recorded, as it stands today. Where nobody has, or it is not known who: of an
    evaluation the one above, for the committee directly above a unit decides about it
    (`domain.md`, 4); else the unit itself."""
    if stored is not None:
        unit_id = await context.ask(correcting.recorded_from, stored)
        found = [] if unit_id is None else await context.units([unit_id], context.today)
        if found:
            return found[0]
    if series is not EVALUATIONS:
        return unit
    above = await context.units(units_of_path(unit.path), context.today)
    return closing.directly_above(unit, above)


def _offices(context: Context, series: Series[Any], unit: Placed) -> list[Base]:
    """Where the viewer holds the right to record for the unit."""
    scope = context.rights.scope("record", series.resource, context.today)
    return [hold.base for hold in scope.allowed if hold.covers(unit)]
