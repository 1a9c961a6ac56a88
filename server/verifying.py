"""Every invariant that the stores must hold, checked one by one: what `chibo verify` runs.

The tree is held against its rules on every day, and the projection against a replay of the
ledger; records, keys and appointments against the tree; the changes that streams are told from are
counted; the trail is walked under its seals. It changes nothing.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, extract, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.appointments import read_rules
from authz.policy import Policy
from authz.tables import appointment, grant
from hierarchy import projection
from hierarchy.decision import Change, ChangeKind, Decision
from hierarchy.errors import StoreError
from hierarchy.founding import given_faults
from hierarchy.placements import on
from hierarchy.scope import subtree
from hierarchy.store import Entry, HierarchyStore, told
from hierarchy.tables import change, decision, placement, unit
from hierarchy.timeline import judge
from hierarchy.unit import Founding, Kinds
from records import sealing
from records.record import InspectionStatus
from records.rules import MAX_COUNT
from records.tables import (
    change_numbering,
    client_key,
    evaluation,
    inspection,
    meeting,
    record_change,
    record_version,
    view,
)
from server.folder.appointments import was_ended
from server.stores import Stores


async def violations(stores: Stores) -> list[str]:
    """What does not hold, in words; none is well."""
    async with stores.database.reading() as connection:
        tree = stores.tree(connection)
        found = [each async for each in _of_tree(connection, tree)]
        found += [each async for each in _of_rights(connection)]
        for table, name in ((meeting, "held_on"), (evaluation, "day"), (inspection, "day")):
            found += [each async for each in _of_records(connection, table, table.c[name])]
        found += [each async for each in _of_inspections(connection)]
        found += [each async for each in _of_versions(connection)]
        found += [each async for each in _of_keys(connection)]
        found += [each async for each in _of_views(connection)]
        found += [each async for each in _of_changes(connection)]
        if fault := await sealing.first_fault(connection):
            found.append(fault)
    return found


async def _of_tree(connection: AsyncConnection, tree: HierarchyStore) -> AsyncIterator[str]:
    projected, version = await projection.projected_version(connection), await tree.version()
    if projected != version:
        yield f"the projection is at version {projected}, the tree at {version}"
    entries = [entry async for entry in tree.entries()]
    amiss = list(_of_timeline(entries, await projection.read_kinds(connection)))
    for each in amiss:
        yield each
    if not amiss:
        for difference in await projection.differences(connection, tree):
            yield difference


def _of_timeline(entries: Sequence[Entry], kinds: Kinds) -> Iterator[str]:
    """The rules of the tree on every day, told from the ledger alone."""
    foundings = [entry.line for entry in entries if isinstance(entry.line, Founding)]
    changes = [entry.line for entry in entries if isinstance(entry.line, Change)]
    decided = {line.unit_code for line in changes if line.founds}
    wrong = given_faults(foundings, {}, (), decided, kinds)
    for fault in wrong:
        yield f"unit {foundings[fault.index].code!r}: {fault.message}"
    lost = _named(entries) - decided - {founding.code for founding in foundings}
    for code in sorted(lost):
        yield f"decisions name unit {code!r}, which nothing founds"
    if not wrong and not lost:
        yield from judge(told(entries), (), (), kinds).broken


def _named(entries: Sequence[Entry]) -> set[str]:
    """The codes of all units that decisions name."""
    lines = [entry.line for entry in entries]
    named = {line.issued_by for line in lines if isinstance(line, Decision)}
    changes = [line for line in lines if isinstance(line, Change)]
    named |= {line.unit_code for line in changes}
    return named | {line.other_code for line in changes if line.other_code is not None}


async def _of_rights(connection: AsyncConnection) -> AsyncIterator[str]:
    try:
        policy = Policy(await read_rules(connection))
    except StoreError as error:
        yield str(error)
        return
    roles = await connection.execute(select(appointment.c.role).distinct())
    for role in set(roles.scalars()) - policy.roles:
        yield f"appointments name a role that the policy does not know: {role!r}"
    stood = select(placement.c.unit_id).where(placement.c.unit_id == appointment.c.unit_id)
    if count := await _count(connection, appointment, ~stood.exists()):
        yield f"{count} appointments are at units that never stood"
    # One that is yet to begin may be ended before it does.
    ended = appointment.c.valid_to <= appointment.c.valid_from
    if count := await _count(connection, appointment, and_(ended, ~was_ended())):
        yield f"{count} appointments end before they begin"
    async for each in _of_grants(connection, policy):
        yield each


async def _of_grants(connection: AsyncConnection, policy: Policy) -> AsyncIterator[str]:
    """They end after they begin, name units that stood and roles that the policy knows."""
    lists = await connection.execute(select(grant.c.roles))
    for role in sorted({role for roles in lists.scalars() for role in roles} - policy.roles):
        yield f"grants name a role that the policy does not know: {role!r}"
    stood = select(placement.c.unit_id)
    ends = (grant.c.of_unit_id, grant.c.to_unit_id)
    lost = or_(*(~stood.where(placement.c.unit_id == each).exists() for each in ends))
    if count := await _count(connection, grant, lost):
        yield f"{count} grants are of or to units that never stood"
    if count := await _count(connection, grant, grant.c.valid_to <= grant.c.valid_from):
        yield f"{count} grants end before they begin"


async def _of_records(connection: AsyncConnection, table: Table, day: Any) -> AsyncIterator[str]:
    """Records stand in the tree on their day; an evaluation's year has such a day. What was there
    before its unit was closed as of an earlier day stays (`contract.graphql`, reorganisation)."""
    begun = unit.c.stands_from > day
    closed = unit.c.closed_on <= day
    if table is evaluation:
        closed = extract("year", unit.c.closed_on) < evaluation.c.year
    if table is inspection:
        # One that was begun while its unit stood may be concluded when the unit is no more.
        begun_on = func.coalesce(inspection.c.opened_on, inspection.c.planned_for)
        closed = and_(closed, or_(inspection.c.revision == 1, unit.c.closed_on <= begun_on))
    closing = and_(change.c.unit_id == unit.c.id, change.c.change == ChangeKind.DISSOLVE.value)
    statement = (
        select(func.count())
        .join_from(table, unit, unit.c.id == table.c.unit_id)
        .where(or_(begun, and_(closed, ~_decided_later(table, closing))))
    )
    if count := int((await connection.execute(statement)).scalar_one()):
        yield f"{count} of table {table.name} lie outside the life of their unit"
    for condition, words in (_counts(table), *_OWN_RULES[table.name]):
        if count := await _count(connection, table, condition):
            yield f"{count} of table {table.name}: {words}"


async def _of_inspections(connection: AsyncConnection) -> AsyncIterator[str]:
    """Who inspects is the inspected unit itself or stands above it on the inspection's day, as
    the tree was when it was recorded."""
    by, day = placement.alias("by"), inspection.c.day
    above = (
        select(placement.c.unit_id)
        .join_from(placement, by, subtree(placement.c.path, by.c.path))
        .where(
            placement.c.unit_id == inspection.c.unit_id,
            by.c.unit_id == inspection.c.by_unit_id,
            on(placement.c, day),
            on(by.c, day),
        )
    )
    at, top = placement.alias("at"), placement.alias("top")
    over = (
        select(at.c.unit_id)
        .join_from(at, top, subtree(at.c.path, top.c.path))
        .where(at.c.unit_id == inspection.c.unit_id, top.c.unit_id == change.c.unit_id)
    )
    moved = and_(decision.c.effective_on <= day, over.correlate(inspection, change).exists())
    amiss = and_(~above.exists(), ~_decided_later(inspection, moved))
    if count := await _count(connection, inspection, amiss):
        yield f"{count} of table inspection: the inspecting unit is not above the inspected one"


def _decided_later(table: Table, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """That a decision was taken, or taken back, after the record was made."""
    return (
        select(decision.c.number)
        .join_from(decision, change, change.c.number == decision.c.number)
        .where(
            condition,
            or_(
                decision.c.recorded_at > table.c.recorded_at,
                decision.c.reversed_at > table.c.recorded_at,
            ),
        )
        .correlate(table, unit)
        .exists()
    )


async def _of_versions(connection: AsyncConnection) -> AsyncIterator[str]:
    """What records said before they were corrected is there, revision by revision."""
    kept = record_version.alias("kept")
    count = select(func.count()).select_from(kept)
    for table in (meeting, evaluation, inspection):
        before = count.where(kept.c.record_id == table.c.id).scalar_subquery()
        lost = and_(table.c.revision > 1, before != table.c.revision - 1)
        if found := await _count(connection, table, lost):
            yield f"{found} of table {table.name}: a version before is not kept"
    every = count.where(kept.c.record_id == record_version.c.record_id).scalar_subquery()
    lost = and_(record_version.c.withdrawn, every != record_version.c.revision)
    if found := await _count(connection, record_version, lost):
        yield f"{found} withdrawn records: a version is not kept"


async def _of_keys(connection: AsyncConnection) -> AsyncIterator[str]:
    for table in (meeting, evaluation, inspection, appointment, grant):
        known = select(table.c.id).where(table.c.id == client_key.c.record_id).exists()
        withdrawn = (
            select(record_version.c.record_id)
            .where(record_version.c.record_id == client_key.c.record_id, record_version.c.withdrawn)
            .exists()
        )
        lost = and_(client_key.c.resource == table.name, ~known, ~withdrawn)
        if count := await _count(connection, client_key, lost):
            yield f"{count} client keys name nothing of table {table.name}"


async def _of_views(connection: AsyncConnection) -> AsyncIterator[str]:
    stood = select(placement.c.unit_id).where(placement.c.unit_id == view.c.unit_id)
    if count := await _count(connection, view, ~stood.exists()):
        yield f"{count} views are kept by units that never stood"


async def _of_changes(connection: AsyncConnection) -> AsyncIterator[str]:
    """What streams are told from: numbered changes run without a gap, and all are of units."""
    rows = (await connection.execute(select(change_numbering))).all()
    if len(rows) != 1:
        yield f"{len(rows)} rows say up to where changes are numbered, not one"
    for row in rows[:1]:
        async for each in _of_numbers(connection, row.forgotten, row.last):
            yield each
    # Not of those that stand: the founding of one may be reversed when its records are withdrawn.
    named = (record_change.c.unit_id, record_change.c.by_unit_id)
    lost = or_(*(and_(each.is_not(None), each.not_in(select(unit.c.id))) for each in named))
    if count := await _count(connection, record_change, lost):
        yield f"{count} changes are of units that do not exist"


async def _of_numbers(connection: AsyncConnection, forgotten: int, last: int) -> AsyncIterator[str]:
    """After the last that was forgotten each place is taken once, up to the last that was given."""
    if not 0 <= forgotten <= last:
        yield f"changes are forgotten up to {forgotten}, and numbered up to {last}"
        return
    place = record_change.c.position
    if count := await _count(connection, record_change, or_(place <= forgotten, place > last)):
        yield f"{count} changes are numbered outside {forgotten + 1} to {last}"
    within = select(func.count(place.distinct())).where(place > forgotten, place <= last)
    taken = int((await connection.execute(within)).scalar_one())
    if lost := last - forgotten - taken:
        yield f"{lost} of the changes numbered {forgotten + 1} to {last} are lost"


async def _count(connection: AsyncConnection, table: Table, condition: ColumnElement[bool]) -> int:
    counted = await connection.execute(select(func.count()).select_from(table).where(condition))
    return int(counted.scalar_one())


def _counts(table: Table) -> tuple[ColumnElement[bool], str]:
    counts = [column for column in table.c if column.name.startswith("members_")]
    return or_(*(not_(each.between(0, MAX_COUNT)) for each in counts)), "a count out of bounds"


def _is_no_quarter(day: Any) -> ColumnElement[bool]:
    return or_(extract("day", day) != 1, extract("month", day) % 3 != 1)


_DATED = (
    and_(
        inspection.c.status == InspectionStatus.PLANNED,
        inspection.c.planned_for.is_not(None),
        inspection.c.opened_on.is_(None),
        inspection.c.concluded_on.is_(None),
    ),
    and_(
        inspection.c.status == InspectionStatus.OPEN,
        inspection.c.opened_on.is_not(None),
        inspection.c.concluded_on.is_(None),
    ),
    and_(
        inspection.c.status == InspectionStatus.CONCLUDED,
        inspection.c.opened_on.is_not(None),
        inspection.c.concluded_on.is_not(None),
    ),
    and_(
        inspection.c.status == InspectionStatus.CANCELLED,
        or_(inspection.c.planned_for.is_not(None), inspection.c.opened_on.is_not(None)),
        inspection.c.concluded_on.is_(None),
    ),
)
"""The dates that suit each status."""

_OWN_DAY = func.coalesce(
    inspection.c.concluded_on, inspection.c.opened_on, inspection.c.planned_for
)

_OWN_RULES: dict[str, tuple[tuple[ColumnElement[bool], str], ...]] = {
    "meeting": (
        (meeting.c.members_present > meeting.c.members_expected, "more present than expected"),
        (or_(meeting.c.score < 0, meeting.c.score > 100), "a score outside 0 to 100"),
        (meeting.c.documents_sent_on > meeting.c.held_on, "documents sent after the meeting"),
    ),
    "evaluation": (
        (
            evaluation.c.members_rated
            != evaluation.c.members_excellent
            + evaluation.c.members_good
            + evaluation.c.members_completed
            + evaluation.c.members_not_completed,
            "members rated are not the sum of the four",
        ),
        (
            or_(
                extract("year", evaluation.c.day) != evaluation.c.year,
                extract("month", evaluation.c.day) != 12,
                extract("day", evaluation.c.day) != 31,
            ),
            "kept under another day than the last of their year",
        ),
    ),
    "inspection": (
        (inspection.c.concluded_on < inspection.c.opened_on, "concluded before opened"),
        (
            inspection.c.members_in_violation > inspection.c.members_covered,
            "more in violation than covered",
        ),
        (~or_(*_DATED), "status and dates disagree"),
        (_is_no_quarter(inspection.c.planned_for), "planned for no first day of a quarter"),
        (inspection.c.day != _OWN_DAY, "kept under another day than their own"),
    ),
}
