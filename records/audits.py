"""The trail as it is read: the entries that a viewer may see, newest first, cut in the database.

An entry is seen within the viewer's right to read the trail, on today's tree; one about a record
only by who may read or count that record today, one about an appointment or grant only by who may
read those. An entry that tells what a request has shown is seen through the inspections that it
showed: it says of itself what it would say had only those in the viewer's sight been shown.
Every function takes `AuditScopes`. It writes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    exists,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.placements import on, storable
from hierarchy.scope import Scope, subtree
from hierarchy.tables import placement
from hierarchy.unit import Placed
from records.lists import EVALUATIONS, INSPECTIONS, MEETINGS
from records.tables import audit_entry, audit_shown, inspection, record_version

Columns = Any
Condition = ColumnElement[bool]

READ = "read"
"""The action of an entry that tells what a request has shown."""

_PLAIN = ("meeting", "evaluation")
RECORDS = tuple(series.resource for series in (MEETINGS, EVALUATIONS, INSPECTIONS))
_GUARDED = ("appointment", "grant")
_STOOD, _SHOWN_AT = placement.alias("stood"), placement.alias("shown_at")
"""Made once: each making copies all columns."""


@dataclass(frozen=True, slots=True)
class AuditScopes:
    """What a viewer may see of the trail, on the tree of `today`. `audit`: where they may read
    it; `read` and `summarise`: the records of each resource; `guarded`: appointments and grants.
    What belongs to no unit is seen where `audit` covers the top of the tree."""

    today: date
    audit: Scope
    read: Mapping[str, Scope]
    summarise: Mapping[str, Scope]
    guarded: Mapping[str, Scope]


@dataclass(frozen=True, slots=True)
class AuditListing:
    """What is listed: within which unit's subtree of today's tree, between which moments (both
    included), whose entries, of which action; null is all."""

    within: Placed | None = None
    since: datetime | None = None
    until: datetime | None = None
    principal: str | None = None
    action: str | None = None


@dataclass(frozen=True, slots=True)
class AuditPosition:
    """Where an entry stands in the list."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class EntrySeen:
    """An entry as a viewer sees it. `facts` are what it tells beside its fields, `shown` the
    inspections in sight that a request has shown; `may_read`: whether the viewer may read, not
    only count, the record that it is about."""

    id: UUID
    at: datetime
    principal: str
    action: str
    resource: str
    unit_id: int | None
    subject: str | None
    facts: Mapping[str, Any]
    hash: str
    may_read: bool
    shown: int = 0


async def first_entries(
    connection: AsyncConnection,
    scopes: AuditScopes,
    listing: AuditListing,
    after: AuditPosition | None,
    limit: int,
) -> list[EntrySeen]:
    """The first `limit` entries in sight after a position."""
    entry = audit_entry.c
    columns = [entry[name] for name in _FIELDS]
    rows = await connection.execute(
        select(*columns, _may_read(scopes).label("may_read"))
        .where(_listed(scopes, listing), true() if after is None else ~_up_to(after))
        .order_by(entry.at.desc(), entry.id.desc())
        .limit(limit)
    )
    found = rows.all()
    showing = [row.id for row in found if row.action == READ]
    shown = await _shown(connection, scopes, showing) if showing else {}
    return [_seen(row, shown.get(row.id, ())) for row in found]


async def count_entries(
    connection: AsyncConnection,
    scopes: AuditScopes,
    listing: AuditListing,
    up_to: AuditPosition | None = None,
) -> int:
    """How many entries in sight there are, all or up to and with a position."""
    rows = await connection.execute(
        select(func.count())
        .select_from(audit_entry)
        .where(_listed(scopes, listing), true() if up_to is None else _up_to(up_to))
    )
    return int(rows.scalar_one())


_FIELDS = ("id", "at", "principal", "action", "resource", "unit_id", "subject", "detail", "hash")


def _seen(row: Any, shown: Iterable[int]) -> EntrySeen:
    """The entry of a row; `shown` are the units of the inspections in sight that it showed."""
    id_, at, principal, action, resource, unit_id, subject, detail, hash_, may_read = row
    units = list(shown)
    if action == READ:
        unit_id = units[0] if len(set(units)) == 1 else None
    facts = orjson.loads(detail)
    named = id_, at, principal, action, resource, unit_id, subject
    return EntrySeen(*named, facts, hash_, bool(may_read), len(units))


def _up_to(position: AuditPosition) -> Condition:
    return tuple_(audit_entry.c.at, audit_entry.c.id) >= tuple_(position.at, position.id)


def _listed(scopes: AuditScopes, listing: AuditListing) -> Condition:
    return and_(_asked(listing), _in_sight(scopes, listing.within))


def _asked(listing: AuditListing) -> Condition:
    entry = audit_entry.c
    conditions: list[Condition] = [true()]
    if listing.since is not None:
        conditions.append(entry.at >= listing.since)
    if listing.until is not None:
        conditions.append(entry.at <= listing.until)
    for column, wanted in ((entry.principal, listing.principal), (entry.action, listing.action)):
        if wanted is not None:
            conditions.append(column == wanted if storable(wanted) else false())
    return and_(*conditions)


# ---- who sees an entry


def _in_sight(scopes: AuditScopes, within: Placed | None) -> Condition:
    entry = audit_entry.c
    reached = [
        and_(entry.action == READ, _shows_any(scopes, within)),
        and_(entry.action != READ, _stands(_reached(scopes, _STOOD.c, within), _of_unit(scopes))),
    ]
    if within is None:
        top = exists(_STOOD.c.unit_id).where(_STOOD.c.depth == 0, _reached(scopes, _STOOD.c, None))
        reached.append(and_(entry.action != READ, entry.unit_id.is_(None), top))
    return or_(*reached)


def _stands(*conditions: Condition) -> Condition:
    """That the entry's unit stands as `_STOOD` does, and so that conditions on that hold."""
    stood = _STOOD.c
    return (
        select(stood.unit_id)
        .where(stood.unit_id == audit_entry.c.unit_id, *conditions)
        .correlate(audit_entry)
        .exists()
    )


def _reached(scopes: AuditScopes, stood: Columns, within: Placed | None) -> Condition:
    inside = true() if within is None else subtree(stood.path, within.path)
    return and_(on(stood, scopes.today), scopes.audit.predicate(stood), inside)


def _of_unit(scopes: AuditScopes) -> Condition:
    """That what an entry is about is in sight, where its unit stands as `_STOOD` does."""
    entry, stood = audit_entry.c, _STOOD.c
    conditions: list[Condition] = [entry.resource.not_in([*RECORDS, *_GUARDED])]
    for resource in _GUARDED:
        guarded = scopes.guarded[resource].predicate(stood)
        conditions.append(and_(entry.resource == resource, guarded))
    for given in (scopes.read, scopes.summarise):
        conditions.append(_of_record(given, stood))
    return or_(*conditions)


def _of_record(given: Mapping[str, Scope], stood: Columns) -> Condition:
    """That the entry is about a record within one action's scopes."""
    entry = audit_entry.c
    conditions = [
        and_(entry.resource == resource, given[resource].predicate(stood)) for resource in _PLAIN
    ]
    return or_(
        *conditions,
        and_(entry.resource == INSPECTIONS.resource, _inspection_in(_of(given), stood)),
    )


def _inspection_in(scope: Scope, stood: Columns) -> Condition:
    """That the inspection which the entry is about is within a scope: as it is now, or as it last
    was where it was withdrawn."""
    record_id = audit_entry.c.record_id
    now = exists(inspection.c.id).where(
        inspection.c.id == record_id, INSPECTIONS.seen(scope, inspection.c, stood)
    )
    withdrawn = exists(record_version.c.record_id).where(
        record_version.c.record_id == record_id, _withdrawn_in(scope, stood)
    )
    return or_(now.correlate(audit_entry, _STOOD), withdrawn.correlate(audit_entry, _STOOD))


def _withdrawn_in(scope: Scope, stood: Columns) -> Condition:
    """That an inspection was withdrawn, and within a scope as it last was."""
    version = record_version.c
    on_signs = scope.predicate_on_signs(stood, version.by_unit_id)
    return and_(version.withdrawn, scope.predicate(stood), or_(~version.on_signs, on_signs))


def _may_read(scopes: AuditScopes) -> Condition:
    """That the viewer may read the record that the entry is about."""
    return _stands(on(_STOOD.c, scopes.today), _of_record(scopes.read, _STOOD.c))


# ---- what requests have shown


def _shows_any(scopes: AuditScopes, within: Placed | None) -> Condition:
    """That one of the inspections that the entry showed is in sight."""
    of_this = audit_shown.c.entry_id == audit_entry.c.id
    each = (
        shown.where(of_this).correlate(audit_entry).exists()
        for shown in _inspections_shown(scopes, within)
    )
    return or_(*each)


async def _shown(
    connection: AsyncConnection, scopes: AuditScopes, entry_ids: list[UUID]
) -> dict[UUID, list[int]]:
    """The units of the inspections in sight that entries have shown, by entry."""
    among = audit_shown.c.entry_id.in_(entry_ids)
    asked = union_all(*(shown.where(among) for shown in _inspections_shown(scopes, None)))
    found: dict[UUID, list[int]] = {}
    for entry_id, unit_id in await connection.execute(asked):
        found.setdefault(entry_id, []).append(unit_id)
    return found


def _inspections_shown(scopes: AuditScopes, within: Placed | None) -> list[Select[Any]]:
    """What entries have shown of what is in sight, the entry and the inspection's unit: as
    inspections are now, and as withdrawn ones last were."""
    stood, record_id = _SHOWN_AT.c, audit_shown.c.record_id
    version, both = record_version.c, (scopes.read, scopes.summarise)
    now = [INSPECTIONS.seen(_of(given), inspection.c, stood) for given in both]
    withdrawn = [_withdrawn_in(_of(given), stood) for given in both]
    shown = select(audit_shown.c.entry_id, stood.unit_id).where(_reached(scopes, stood, within))
    return [
        shown.join_from(audit_shown, inspection, inspection.c.id == record_id)
        .join(_SHOWN_AT, stood.unit_id == inspection.c.unit_id)
        .where(or_(*now)),
        shown.join_from(audit_shown, record_version, version.record_id == record_id)
        .join(_SHOWN_AT, stood.unit_id == version.unit_id)
        .where(or_(*withdrawn)),
    ]


def _of(given: Mapping[str, Scope]) -> Scope:
    return given[INSPECTIONS.resource]
