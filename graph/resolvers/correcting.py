"""How stored records are revised and withdrawn: by those with the right to record them.

The order is that of recording: input first, then sight, rights and the year's closing, then the
client key, then what only stored data shows. A record out of the viewer's `read` scope reads like
one that is not there. What is stored stays within the request's one transaction.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graph.resolvers import closing, records, writing
from graph.resolvers.context import Context
from graph.resolvers.identity import parse_id, parse_key
from graph.resolvers.texts import check_text
from graph.resolvers.writing import Given, check_inspecting, check_right, refuse
from hierarchy import placements
from hierarchy.errors import BadInput, Conflict, NotFound
from hierarchy.unit import Placed
from records import correcting, rules
from records.closing import years_of
from records.content import digest, revision_digest
from records.correcting import Revision, Stored
from records.lists import EVALUATIONS, SERIES, Series
from records.record import Inspection
from records.writing import remember, stored_under


@dataclass(frozen=True, slots=True)
class Revising:
    """A revision as a client gives it: of the record of an id, read at a revision."""

    id: str
    revision: int
    given: Given
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Met:
    """The record that is meant, as the viewer may read it today. `by` is the inspecting unit,
    else the record's own."""

    series: Series[Any]
    record: Any
    unit: Placed
    by: Placed

    @property
    def id(self) -> UUID:
        found: UUID = self.record.id
        return found

    @property
    def stored(self) -> Stored:
        return Stored(self.series.resource, self.id, self.record.revision)


async def revise(context: Context, series: Series[Any], asked: Revising) -> Any:
    """Stores the next revision of a record, or answers with what the same client key has stored.

    Raises `Conflict` where the record is at another revision than the one that was read.
    """
    writing.check_input(context, asked.given)
    if asked.reason is not None:
        check_text(asked.reason, "reason")
    met = await _meet(context, asked.id, series)
    by = await _inspecting(context, asked.given, met)
    for unit in (met.unit, met.by, by):
        check_right(context, series, unit)
    is_late = await closing.are_closed(context, series, met.unit, _years(met, asked), met.stored)
    content = _content(series, met.id, asked)
    if await _was_stored(context, asked.given, content):
        return records.shown(context, met.record)
    await _check_revision(context, met, asked.revision)
    await _check_stored(context, asked.given, met, by)
    await _store(context, met, asked, by, is_late)
    await _remember(context, met, asked.given, content)
    return await writing.answer(context, series, met.id, met.unit, by)


async def withdraw(context: Context, id: str, revision: int, reason: str) -> None:
    """Takes a record out of every list and sum; what it said is kept.

    Raises `BadInput` for a reason that is none, and `Conflict` as `revise` does.
    """
    if not reason.strip():
        raise BadInput("A withdrawal needs a reason.", field="reason")
    check_text(reason, "reason")
    met = await _meet(context, id)
    check_right(context, met.series, met.unit)
    check_right(context, met.series, met.by)
    await closing.are_closed(context, met.series, met.unit, years_of(met.record), met.stored)
    await _check_revision(context, met, revision)
    await context.ask(correcting.withdraw, met.stored, context.now)
    _note(context, "withdraw", met, revision, reason)


# ---- what is meant


async def _meet(context: Context, id: str, wanted: Series[Any] | None = None) -> _Met:
    """The record of an id. Raises `NotFound` where it is none of the wanted series, unknown, or
    not the viewer's to read."""
    name, key = parse_id(id) or ("", "")
    series, uuid = SERIES.get(name), parse_key(key)
    if series is None or uuid is None or (wanted or series) is not series:
        raise NotFound
    record = await records.find(context, series, uuid)
    if record is None:
        raise NotFound
    by = record.unit
    if isinstance(record, Inspection) and record.by_unit_id != record.unit_id:
        [by] = await context.units([record.by_unit_id], context.today)
    return _Met(series, record, record.unit, by)


async def _inspecting(context: Context, given: Given, met: _Met) -> Placed:
    """The unit that is to inspect from now on. Whoever reads an inspection sees its inspecting
    unit; another one must be in sight."""
    if given.by_unit_code is None or given.by_unit_code == met.by.code:
        return met.by
    return await writing.seen(context, given.by_unit_code)


# ---- what stands in the way


def _years(met: _Met, asked: Revising) -> set[int]:
    """The years that a revision touches: that of what is stored, and of what it is to say. An
    evaluation stays of its year, or the revision is refused."""
    if met.series is EVALUATIONS:
        return years_of(met.record)
    return years_of(met.record, asked.given.entry)


async def _check_revision(context: Context, met: _Met, revision: int) -> None:
    """Raises `Conflict` where the record is at another revision; who wrote that is told to whom
    may know."""
    present = met.record.revision
    if revision == present:
        return
    if not 1 <= revision < present:
        raise Conflict("It is at revision {revision}.", field="revision", revision=present)
    principal = await context.ask(correcting.written_by, met.stored)
    may_know = context.rights.scope("read", "audit", context.today).covers(met.unit)
    if principal == context.rights.principal:
        raise Conflict("You have changed it since.", field="revision")
    if principal is None or not may_know:
        raise Conflict("It has been changed since.", field="revision")
    raise Conflict("{principal} has changed it since.", field="revision", principal=principal)


async def _check_stored(context: Context, given: Given, met: _Met, by: Placed) -> None:
    if given.unit_code != met.unit.code:
        raise BadInput("A revision keeps the record's unit.", field="unit_code")
    life = await context.ask(placements.life, met.unit.unit_id)
    refuse(rules.faults_of_revision(met.record, given.entry, life))
    await check_inspecting(context, given, met.unit, by)


# ---- what is stored


async def _store(context: Context, met: _Met, asked: Revising, by: Placed, is_late: bool) -> None:
    office = closing.office(context, met.series, met.unit)
    if is_late:
        # The unit that recorded in time stays the one to be further above than: who has corrected
        # a closed year may correct it again, and send the same request again.
        office = await context.ask(correcting.recorded_from, met.stored)
    by_unit_id = by.unit_id if isinstance(met.record, Inspection) else None
    revision = Revision(asked.given.entry, by_unit_id, office)
    await context.ask(correcting.revise, met.stored, revision, context.now)
    _note(context, "revise", met, asked.revision + 1, asked.reason)


def _note(context: Context, action: str, met: _Met, revision: int, reason: str | None) -> None:
    facts: dict[str, Any] = {"revision": revision}
    if reason is not None:
        facts["reason"] = reason
    what = met.series.resource, met.unit.unit_id, met.id.hex, met.id
    context.note(action, *what, **facts)


def _content(series: Series[Any], id: UUID, asked: Revising) -> str:
    given = asked.given
    said = digest(series.resource, given.unit_code, given.by_unit_code, given.entry)
    return revision_digest(id, asked.revision, said, asked.reason)


async def _was_stored(context: Context, given: Given, content: str) -> bool:
    """Whether the same key has stored this very revision before."""
    if given.client_key is None:
        return False
    kept = (context.rights.principal, given.client_key, content)
    return await context.ask(stored_under, *kept) is not None


async def _remember(context: Context, met: _Met, given: Given, content: str) -> None:
    if given.client_key is not None:
        kept = (context.rights.principal, given.client_key, content, met.id)
        await context.ask(remember, met.series.resource, *kept)
