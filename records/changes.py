"""Which records changed, in one order that all readers share: the box that changes are sent from.

A change is put down in the transaction that records, revises or withdraws (`tell`); it says which
record and where, never what the record says. Transactions are committed in another order than they
begin, so whoever writes gives no place: what is committed is numbered afterwards, without a gap, by
one process at a time (`number`). Whoever has read up to a position has therefore missed nothing
before it. Rows are forgotten after a time; a position before the forgotten ones is no longer good.

It decides nothing about who may know of a change: `after` tells by what facts a `Scope` is asked,
and the records themselves are read by `records/lists.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, delete, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.given import is_postgresql
from records.record import InspectionGround, InspectionStatus, RecordChangeKind
from records.tables import change_numbering, evaluation, inspection, meeting, record_change

CHANNEL = "chibo_changes"
"""What PostgreSQL tells its listeners when changes were numbered; nothing depends on hearing it."""

SLACK = timedelta(days=1)
"""How much longer changes are kept than cursors are good: some are numbered long after they were
written, as where no server ran, and then come after a cursor that is younger than they are."""

_UNNUMBERED = record_change.c.position.is_(None)


@dataclass(frozen=True, slots=True)
class Changed:
    """What was done to a record. `by_unit_id` and `on_signs` (an inspection on SIGNS that is not
    concluded) are those of the version that was withdrawn, else of what was stored."""

    change: RecordChangeKind
    resource: str
    record_id: UUID
    unit_id: int
    by_unit_id: int | None
    on_signs: bool
    at: datetime

    @property
    def inspecting_unit_id(self) -> int:
        """The unit that inspects, else the record's own. The root of the tree has the id 0."""
        return self.unit_id if self.by_unit_id is None else self.by_unit_id


@dataclass(frozen=True, slots=True)
class Numbered:
    """A change in its place. Its facts are those of the record as it is now; `is_there` is false
    where there is none any more."""

    position: int
    changed: Changed
    is_there: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """The last position that was given, and the last that was forgotten."""

    last: int
    forgotten: int


async def tell(connection: AsyncConnection, changed: Changed) -> None:
    """Puts a change down in the caller's transaction."""
    await connection.execute(
        insert(record_change), {name: getattr(changed, name) for name in _CHANGED}
    )


async def bounds(connection: AsyncConnection) -> Bounds:
    """Between which positions there are changes to be read."""
    rows = await connection.execute(select(change_numbering.c.last, change_numbering.c.forgotten))
    return Bounds(*rows.one())


async def after(connection: AsyncConnection, position: int, limit: int) -> list[Numbered]:
    """The first `limit` changes after a position, in their order."""
    rows = await connection.execute(_AFTER.where(_place > position).limit(limit))
    return [_numbered(row) for row in rows]


async def has_unnumbered(connection: AsyncConnection) -> bool:
    """Whether there is a change that has no place yet: one look at an index."""
    one = select(record_change.c.id).where(_UNNUMBERED).limit(1)
    return await connection.scalar(one) is not None


async def number(connection: AsyncConnection) -> int:
    """Gives places to all that is committed, in the caller's writing transaction, and tells how
    many that were. One process at a time: on PostgreSQL another one waits, without a snapshot that
    grows old, and its listeners are told when the transaction ends."""
    if is_postgresql(connection):
        await connection.exec_driver_sql("LOCK TABLE change_numbering IN EXCLUSIVE MODE")
    last = (await bounds(connection)).last
    order = func.row_number().over(order_by=record_change.c.id).label("place")
    ordered = select(record_change.c.id, order).where(_UNNUMBERED).subquery()
    given = await connection.execute(
        update(record_change)
        .where(record_change.c.id == ordered.c.id)
        .values(position=literal(last) + ordered.c.place)
    )
    if given.rowcount:
        await connection.execute(update(change_numbering).values(last=last + given.rowcount))
        if is_postgresql(connection):
            await connection.execute(select(func.pg_notify(CHANNEL, "")))
    return given.rowcount


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Forgets the first changes, up to one that is needed for cursors that are not older than a
    moment, and tells how many."""
    if is_postgresql(connection):
        await connection.exec_driver_sql("LOCK TABLE change_numbering IN EXCLUSIVE MODE")
    here = await bounds(connection)
    kept = await connection.scalar(
        select(_place)
        .where(_place > here.forgotten, record_change.c.at >= before - SLACK)
        .order_by(_place)
        .limit(1)
    )
    last = here.last if kept is None else kept - 1
    if last <= here.forgotten:
        return 0
    await connection.execute(delete(record_change).where(_place <= last))
    await connection.execute(update(change_numbering).values(forgotten=last))
    return last - here.forgotten


def units_of(changes: Collection[Numbered]) -> set[int]:
    """The units that changes are about, the inspecting ones too."""
    found = {each.changed.unit_id for each in changes}
    return found | {each.changed.inspecting_unit_id for each in changes}


_place = record_change.c.position
_CHANGED = ("change", "resource", "record_id", "unit_id", "by_unit_id", "on_signs", "at")
_open_on_signs = (inspection.c.ground == InspectionGround.SIGNS) & (
    inspection.c.status != InspectionStatus.CONCLUDED
)
_AFTER = (
    select(
        _place,
        record_change.c.change,
        record_change.c.resource,
        record_change.c.record_id,
        record_change.c.unit_id,
        func.coalesce(inspection.c.by_unit_id, record_change.c.by_unit_id),
        case((inspection.c.id.is_(None), record_change.c.on_signs), else_=_open_on_signs),
        record_change.c.at,
        or_(
            meeting.c.id.is_not(None),
            evaluation.c.id.is_not(None),
            inspection.c.id.is_not(None),
        ),
    )
    .select_from(record_change)
    .outerjoin(meeting, meeting.c.id == record_change.c.record_id)
    .outerjoin(evaluation, evaluation.c.id == record_change.c.record_id)
    .outerjoin(inspection, inspection.c.id == record_change.c.record_id)
    .order_by(_place)
)


def _numbered(row: Any) -> Numbered:
    position, *facts, is_there = row
    return Numbered(position, Changed(*facts), is_there)
