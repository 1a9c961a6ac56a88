"""How records are stored: input first, then sight, then rights, then what only stored data shows.

Rights are decided by the policy for the unit (and the inspecting unit) on the tree of today. The
answer is the record as it was stored; the transaction is committed at the edge, all mutations of
one request together.
"""

from dataclasses import dataclass
from typing import Any

from graph.resolvers import units
from graph.resolvers.context import Context
from hierarchy import placements
from hierarchy.errors import BadInput, Forbidden, NotFound
from hierarchy.scope import Base, Hold, Reach, Scope
from hierarchy.unit import Placed, units_of_path
from records import lists, rules, writing
from records.content import digest, key_fault
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
    _check_input(context, given)
    unit = await _seen(context, given.unit_code)
    by = unit if given.by_unit_code is None else await _seen(context, given.by_unit_code)
    _check_right(context, series, unit)
    _check_right(context, series, by)
    asked = _writing(context, series, given, unit, by)
    stored = await context.ask(writing.stored_before, asked)
    if stored is None:
        await _check_stored(context, given, unit, by)
        stored = await context.ask(writing.store, asked, context.now)
    return await context.ask(lists.find, series, _stored(unit, by), context.today, stored)


def _check_input(context: Context, given: Given) -> None:
    if given.client_key is not None:
        if not given.client_key:
            raise BadInput("A client key is not empty.", field="client_key")
        if message := key_fault(given.client_key):
            raise BadInput(message, field="client_key")
    _refuse([*rules.faults(given.entry), *rules.faults_ahead(given.entry, context.today)])


def _refuse(faults: list[rules.Fault]) -> None:
    for fault in faults:
        raise BadInput(fault.message, field=fault.field, **fault.values)


async def _seen(context: Context, code: str) -> Placed:
    unit = await units.find(context, code, context.today)
    if unit is None:
        raise NotFound
    return unit


def _check_right(context: Context, series: Series[Any], unit: Placed) -> None:
    if not context.rights.decide("record", series.resource, unit).allowed:
        raise Forbidden


def _writing(
    context: Context, series: Series[Any], given: Given, unit: Placed, by: Placed
) -> Writing:
    is_inspection = isinstance(given.entry, InspectionEntry)
    return Writing(
        series.resource,
        unit.unit_id,
        by.unit_id if is_inspection else None,
        given.entry,
        context.rights.principal,
        given.client_key,
        digest(series.resource, given.unit_code, given.by_unit_code, given.entry),
    )


async def _check_stored(context: Context, given: Given, unit: Placed, by: Placed) -> None:
    if not unit.is_open:
        raise BadInput("The unit is closed: nobody records for it.", field="unit_code")
    life = await context.ask(placements.life, unit.unit_id)
    _refuse(list(rules.faults_of_life(given.entry, life)))
    if isinstance(given.entry, InspectionEntry) and given.entry.day is not None:
        [stood] = await context.units([unit.unit_id], given.entry.day)
        if by.unit_id not in units_of_path(stood.path):
            raise BadInput(
                "The inspecting unit is neither the inspected one nor above it.",
                field="by_unit_code",
            )


def _stored(unit: Placed, by: Placed) -> Scope:
    """The unit alone, as if held at the inspecting one: who has stored a record is answered with
    it, an inspection on SIGNS too."""
    base = Base(by.unit_id, unit.path, unit.depth, unit.rank)
    return Scope((Hold(base, Reach("own")),))
