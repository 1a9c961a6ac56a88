"""How records are stored: input first, then sight, then rights, then what only stored data shows.

Rights are decided by the policy for the unit (and the inspecting unit) on the tree of today, then
by whether the record's year is closed. The answer is the record as it was stored; the transaction
is committed at the edge, all mutations of one request together. `correcting.py` builds on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graph.resolvers import closing, records, units
from graph.resolvers.context import Context
from graph.resolvers.texts import check_key
from hierarchy import placements
from hierarchy.errors import BadInput, Conflict, Forbidden, NotFound
from hierarchy.scope import Base, Hold, Reach, Scope
from hierarchy.unit import Placed, units_of_path
from records import lists, rules, writing
from records.closing import years_of
from records.content import digest
from records.lists import Series
from records.record import Entry, InspectionEntry
from records.writing import Writing


@dataclass(frozen=True, slots=True)
class Given:
    """A record as a client gives it: `by_unit_code` only of inspections."""

    entry: Entry
    unit_code: str
    by_unit_code: str | None
    client_key: str | None


async def record(context: Context, series: Series[Any], given: Given) -> Any:
    """Stores a record, or answers with what the same client key has stored."""
    check_input(context, given)
    unit = await seen(context, given.unit_code)
    by = unit if given.by_unit_code is None else await seen(context, given.by_unit_code)
    check_right(context, series, unit)
    check_right(context, series, by)
    await closing.are_closed(context, series, unit, years_of(given.entry))
    asked = _writing(context, series, given, unit, by)
    stored = await context.ask(writing.stored_before, asked)
    if stored is None:
        await _check_stored(context, given, unit, by)
        stored = await context.ask(writing.store, asked, context.now)
        context.note("record", series.resource, unit.unit_id, stored.hex, stored, revision=1)
    return await answer(context, series, stored, unit, by)


async def answer(context: Context, series: Series[Any], id: UUID, unit: Placed, by: Placed) -> Any:
    """The record that the viewer has stored. Raises `Conflict` where it is not there for them any
    more: withdrawn, or become an inspection on SIGNS by another unit, which reads the same."""
    scope = alone_by(unit, by.unit_id)
    found = await context.ask(lists.find, series, scope, context.today, id)
    found = found or await records.find(context, series, id)
    if found is None:
        raise Conflict("What this client key has stored was withdrawn.", field="client_key")
    return records.shown(context, found)


def check_input(context: Context, given: Given) -> None:
    """Raises `BadInput` for what the input alone shows, its client key included."""
    check_key(given.client_key)
    refuse([*rules.faults(given.entry), *rules.faults_ahead(given.entry, context.today)])


def refuse(faults: Iterable[rules.Fault]) -> None:
    """Raises `BadInput` for the first of the faults."""
    for fault in faults:
        raise BadInput(fault.message, field=fault.field, **fault.values)


async def seen(context: Context, code: str) -> Placed:
    """The unit of a code today. Raises `NotFound` where it is out of sight."""
    unit = await units.find(context, code, context.today)
    if unit is None:
        raise NotFound
    return unit


def check_right(context: Context, series: Series[Any], unit: Placed) -> None:
    """Raises `Forbidden` where the viewer may not record for the unit."""
    if not context.rights.decide("record", series.resource, unit).allowed:
        raise Forbidden


async def check_inspecting(context: Context, given: Given, unit: Placed, by: Placed) -> None:
    """Raises `BadInput` where an inspection's unit did not stand under the inspecting one."""
    if isinstance(given.entry, InspectionEntry) and given.entry.day is not None:
        [stood] = await context.units([unit.unit_id], given.entry.day)
        if by.unit_id not in units_of_path(stood.path):
            raise BadInput(
                "The inspecting unit is neither the inspected one nor above it.",
                field="by_unit_code",
            )


def _writing(
    context: Context, series: Series[Any], given: Given, unit: Placed, by: Placed
) -> Writing:
    is_inspection = isinstance(given.entry, InspectionEntry)
    return Writing(
        series.resource,
        unit.unit_id,
        by.unit_id if is_inspection else None,
        closing.office(context, series, unit),
        given.entry,
        context.rights.principal,
        given.client_key,
        digest(series.resource, given.unit_code, given.by_unit_code, given.entry),
    )


async def _check_stored(context: Context, given: Given, unit: Placed, by: Placed) -> None:
    if not unit.is_open:
        raise BadInput("The unit is closed: nobody records for it.", field="unit_code")
    life = await context.ask(placements.life, unit.unit_id)
    refuse(rules.faults_of_life(given.entry, life))
    await check_inspecting(context, given, unit, by)


def alone_by(unit: Placed, by_unit_id: int) -> Scope:
    """The unit alone, as if held at the inspecting one: who has stored a record is answered with
    it, an inspection on SIGNS too."""
    base = Base(by_unit_id, unit.path, unit.depth, unit.rank)
    return Scope((Hold(base, Reach("own")),))
