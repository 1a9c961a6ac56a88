"""Decisions, the lives of units and what took over from what, for those who may see them.

Everything is read from the projection and cut in the database by a `Sight`, the viewer's right to
read units through time. A decision is seen by whoever sees one of its units (`unit` or `to` of a
change), those above included, today or on the tree of its day; of its changes only those all of
whose units are seen so. It writes nothing.

A unit that a reversed decision founded stands on no tree: the lines about it are shown to nobody,
and hide nothing of the title; nor is a decision shown that such a unit issued.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.decision import ChangeKind
from hierarchy.given import given, is_postgresql
from hierarchy.placements import in_sight, on, placed_columns, storable, unit_of_row
from hierarchy.scope import Reach, Scope, ScopeThroughTime, Window, subtree
from hierarchy.tables import change, decision, placement, unit
from hierarchy.unit import Placed

Columns = Any
Condition = ColumnElement[bool]

_SEEN, _BELOW, _FORMER, _FORMER_PARENT = (
    placement.alias(name) for name in ("seen", "below", "former", "former_parent")
)
_SHOWN, _OTHER, _ISSUING = (placement.alias(name) for name in ("shown", "other", "issuing"))
_UNIT, _OTHER_UNIT, _ISSUER, _NAMED = (
    unit.alias(name) for name in ("own", "other_own", "issuer", "named")
)
_HELD, _ABOVE, _ABOVE_TODAY, _NOW = (
    placement.alias(name) for name in ("held", "above", "above_today", "now")
)
_WITHIN = placement.alias("within")
"""Made once: each making copies all columns, which costs as much as the rest of a statement."""

_WIDTH = len(placed_columns(placement.c))


@dataclass(frozen=True, slots=True)
class Sight:
    """What a viewer may read of units: today, and on the tree of each day."""

    today: date
    on_today: Scope
    through_time: ScopeThroughTime

    @property
    def is_whole(self) -> bool:
        """Whether it surely covers all units of today's tree and of every later one."""
        ahead = [
            window.scope
            for window in self.through_time.windows
            if window.valid_to is None or window.valid_to > self.today
        ]
        return all(map(_is_whole, [self.on_today, *ahead]))

    def ever(self, columns: Columns, day: Any) -> Condition:
        """That a placement is the unit's today or on the day, and the unit in sight on that
        tree. `day` is an expression."""
        if self.is_whole:
            return or_(on(columns, self.today), on(columns, day))
        return or_(
            and_(on(columns, self.today), in_sight(self.on_today, columns, self.today)),
            and_(on(columns, day), self.on_day(columns, day)),
        )

    def on_day(self, columns: Columns, day: Any) -> Condition:
        """That the unit placed so on the tree of the day is in sight there: the scope of that
        day covers it or one below it."""
        windows = self.through_time.windows
        return or_(false(), *(_in_window(window, columns, day) for window in windows))


def _is_whole(scope: Scope) -> bool:
    return not scope.denied and any(
        hold.base.depth == 0 and hold.reach == Reach("subtree") for hold in scope.allowed
    )


def _in_window(window: Window, columns: Columns, day: Any) -> Condition:
    begun: Condition = day >= window.valid_from
    ended = true() if window.valid_to is None else day < window.valid_to
    covered: Condition = window.scope.predicate(columns)
    return and_(begun, ended, or_(covered, _covers_below(window.scope, columns, day)))


def _covers_below(scope: Scope, columns: Columns, day: Any) -> Condition:
    """That the scope covers a unit below the one placed so."""
    if scope.is_solid:
        above: Condition = columns.path.in_(scope.bases_above())
        return above
    below = _BELOW.c
    return (
        select(below.unit_id)
        .where(
            on(below, day),
            below.path > columns.path,
            subtree(below.path, columns.path),
            scope.predicate(below),
        )
        .correlate_except(_BELOW)
        .exists()
    )


# ---- units by their codes


async def units_of(
    connection: AsyncConnection, scope: Scope, codes: Iterable[str], day: date
) -> dict[str, Placed]:
    """Those of the units that stand on a day and are in sight there, by code."""
    asked = sorted({code for code in codes if storable(code)})
    wanted, columns = given(is_postgresql(connection), "wanted", path=asked), placement.c
    rows = await connection.execute(
        select(*placed_columns(columns)).where(
            columns.code.in_(select(wanted.c.path)),
            on(columns, day),
            in_sight(scope, columns, day),
        )
    )
    return {unit.code: unit for unit in (unit_of_row(row, day) for row in rows)}


# ---- decisions


@dataclass(frozen=True, slots=True)
class DecisionSeen:
    """A decision as a viewer sees it: `title` null where they do not see every unit of it;
    `issued_by` as it stands today, or else on the decision's day."""

    number: str
    title: str | None
    issued_on: date
    effective_on: date
    recorded_at: datetime
    reversed_at: datetime | None
    issued_by: Placed


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed: decisions with a change within a unit of today's tree (null is all), in
    force from a range of days, both ends included."""

    within: Placed | None = None
    effective_from: date | None = None
    effective_to: date | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a decision stands in the list: newest first, then by number bytewise."""

    effective_on: date
    number: str


async def first_decisions(
    connection: AsyncConnection,
    sight: Sight,
    listing: Listing,
    after: Position | None,
    limit: int,
) -> list[DecisionSeen]:
    """The first `limit` decisions in sight after a place."""
    rows = await connection.execute(
        _decisions(sight)
        .where(_listed(sight, listing), true() if after is None else ~_up_to(after))
        .order_by(decision.c.effective_on.desc(), decision.c.number)
        .limit(limit)
    )
    return [_decision(row) for row in rows]


async def count_decisions(
    connection: AsyncConnection, sight: Sight, listing: Listing, up_to: Position | None = None
) -> int:
    """How many decisions in sight there are, all or up to and with a place."""
    rows = await connection.execute(
        select(func.count())
        .select_from(decision.join(_ISSUER, _ISSUER.c.id == decision.c.issued_by_id))
        .where(
            _in_sight(sight),
            _listed(sight, listing),
            true() if up_to is None else _up_to(up_to),
        )
    )
    return int(rows.scalar_one())


async def decisions_of(
    connection: AsyncConnection, sight: Sight, numbers: Iterable[str]
) -> dict[str, DecisionSeen]:
    """Those of the decisions that are in sight, by number."""
    asked = [number for number in numbers if storable(number)]
    wanted = given(is_postgresql(connection), "wanted", path=asked)
    numbered = decision.c.number.in_(select(wanted.c.path))
    rows = await connection.execute(_decisions(sight).where(numbered))
    return {row[0]: _decision(row) for row in rows}


def _decisions(sight: Sight) -> Select[Any]:
    day = _shown_day(sight, _ISSUER.c)
    columns = decision.c
    return (
        select(
            columns.number,
            _title(sight).label("title"),
            columns.issued_on,
            columns.effective_on,
            columns.recorded_at,
            columns.reversed_at,
            day.label("day"),
            *placed_columns(_ISSUING.c),
        )
        .join_from(decision, _ISSUER, _ISSUER.c.id == columns.issued_by_id)
        .join(_ISSUING, and_(_ISSUING.c.unit_id == columns.issued_by_id, on(_ISSUING.c, day)))
        .where(_in_sight(sight))
    )


def _decision(row: Any) -> DecisionSeen:
    number, title, issued_on, effective_on, recorded_at, reversed_at, day = row[:7]
    issuing = unit_of_row(row[7:], day)
    days = issued_on, effective_on, recorded_at, reversed_at
    return DecisionSeen(number, title, *days, issuing)


def _shown_day(sight: Sight, own: Columns) -> ColumnElement[date]:
    """The day a unit of a decision is shown on: today where it stands, else the decision's; the
    day it comes to stand where that is later still."""
    day = decision.c.effective_on
    return case(
        (own.stands_from <= sight.today, literal(sight.today)),
        (own.stands_from <= day, day),
        else_=own.stands_from,
    )


def _in_sight(sight: Sight) -> Condition:
    """That one of the decision's units is seen."""
    return _lines_with(_SEEN, sight.ever(_SEEN.c, decision.c.effective_on))


def _lines_with(units: Any, condition: Condition) -> Condition:
    """That one of the decision's changes has a unit, itself or the other, placed so."""
    return (
        select(change.c.number)
        .join_from(change, units, units.c.unit_id.in_([change.c.unit_id, change.c.other_id]))
        .where(change.c.number == decision.c.number, condition)
        .correlate(decision)
        .exists()
    )


def _title(sight: Sight) -> ColumnElement[str]:
    """The title; null where one of the decision's units that ever stood is not seen."""
    if sight.is_whole:
        return decision.c.title
    unseen = (
        select(change.c.number)
        .join_from(change, _NAMED, _NAMED.c.id.in_([change.c.unit_id, change.c.other_id]))
        .where(
            change.c.number == decision.c.number,
            or_(_NAMED.c.closed_on.is_(None), _NAMED.c.closed_on > _NAMED.c.stands_from),
            ~_is_seen(sight, _NAMED.c.id),
        )
        .correlate(decision)
        .exists()
    )
    return case((unseen, null()), else_=decision.c.title)


def _is_seen(sight: Sight, unit_id: Any) -> Condition:
    """That a unit of the decision is in sight today or on the tree of its day."""
    return (
        select(_SEEN.c.unit_id)
        .where(_SEEN.c.unit_id == unit_id, sight.ever(_SEEN.c, decision.c.effective_on))
        .correlate_except(_SEEN)
        .exists()
    )


def _listed(sight: Sight, listing: Listing) -> Condition:
    day = decision.c.effective_on
    conditions: list[Condition] = [true()]
    if listing.effective_from is not None:
        conditions.append(day >= listing.effective_from)
    if listing.effective_to is not None:
        conditions.append(day <= listing.effective_to)
    if listing.within is not None:
        conditions.append(_is_within(sight, listing.within))
    return and_(*conditions)


def _is_within(sight: Sight, within: Placed) -> Condition:
    """That the decision changes a unit that is in the subtree today, or on its day where the
    unit stands only then, and that the viewer sees. A SPLIT changes the unit split and the part.
    """
    place, day = _HELD.c, decision.c.effective_on
    changed = or_(
        place.unit_id == change.c.unit_id,
        and_(change.c.change == ChangeKind.SPLIT.value, place.unit_id == change.c.other_id),
    )
    today = and_(on(place, sight.today), subtree(place.path, within.path))
    is_ahead = and_(_NAMED.c.id == place.unit_id, _NAMED.c.stands_from > sight.today)
    then = and_(on(place, day), select(_NAMED.c.id).where(is_ahead).exists())
    return _lines_with(
        _HELD,
        and_(
            changed,
            or_(today, and_(then, _is_below(within, day))),
            true() if sight.is_whole else _is_seen(sight, place.unit_id),
        ),
    )


def _is_below(within: Placed, day: Any) -> Condition:
    """That a held placement is in the unit's subtree on the tree of the day."""
    top = _WITHIN.c
    return (
        select(top.unit_id)
        .where(top.unit_id == within.unit_id, on(top, day), subtree(_HELD.c.path, top.path))
        .correlate_except(_WITHIN)
        .exists()
    )


def _up_to(place: Position) -> Condition:
    day = decision.c.effective_on
    same_day = and_(day == place.effective_on, decision.c.number <= place.number)
    return or_(day > place.effective_on, same_day)


# ---- changes


@dataclass(frozen=True, slots=True)
class ChangeSeen:
    """A line of a decision as a viewer sees it: of a SPLIT `unit` is the one split and `to` the
    part; else `to` is the unit above or the successor. `former` is the name of the unit above
    before a TRANSFER, where it is in sight; `name`, `unit_kind` and `category` are what the line
    gives."""

    change: ChangeKind
    unit: Placed
    to: Placed | None
    former: str | None
    name: str | None
    unit_kind: str | None
    category: str | None
    keeps_category: bool


async def changes_of(
    connection: AsyncConnection, sight: Sight, numbers: Iterable[str]
) -> dict[str, list[ChangeSeen]]:
    """The changes of each decision all of whose units are seen, as kept in the ledger."""
    wanted = given(is_postgresql(connection), "wanted", path=list(numbers))
    rows = await connection.execute(
        _changes(sight)
        .where(change.c.number.in_(select(wanted.c.path)))
        .order_by(change.c.number, change.c.position)
    )
    found: dict[str, list[ChangeSeen]] = {}
    for number, *fields in rows:
        found.setdefault(number, []).append(_change(fields))
    return found


def _changes(sight: Sight) -> Select[Any]:
    columns = change.c
    shown, other = _shown_day(sight, _UNIT.c), _shown_day(sight, _OTHER_UNIT.c)
    return (
        select(
            columns.number,
            columns.change,
            _former_name(sight).label("former"),
            columns.name,
            columns.kind.label("unit_kind"),
            columns.category.label("to_category"),
            columns.keeps_category,
            shown.label("day"),
            *placed_columns(_SHOWN.c),
            other.label("other_day"),
            *placed_columns(_OTHER.c),
        )
        .join_from(change, decision, decision.c.number == columns.number)
        .join(_UNIT, _UNIT.c.id == columns.unit_id)
        .join(_SHOWN, and_(_SHOWN.c.unit_id == columns.unit_id, on(_SHOWN.c, shown)))
        .outerjoin(_OTHER_UNIT, _OTHER_UNIT.c.id == columns.other_id)
        .outerjoin(_OTHER, and_(_OTHER.c.unit_id == columns.other_id, on(_OTHER.c, other)))
        .where(
            _is_seen(sight, columns.unit_id),
            or_(columns.other_id.is_(None), _is_seen(sight, columns.other_id)),
        )
    )


def _former_name(sight: Sight) -> ColumnElement[str]:
    """The name of the unit above until the decision's day, where it is in sight."""
    above, day = _FORMER_PARENT.c, decision.c.effective_on
    parent = (
        select(_FORMER.c.parent_id)
        .where(_FORMER.c.unit_id == change.c.unit_id, _FORMER.c.valid_to == day)
        .correlate(change, decision)
        .scalar_subquery()
    )
    found = (
        select(above.name)
        .where(above.unit_id == parent, sight.ever(above, day))
        .order_by(above.valid_from.desc())
        .limit(1)
        .correlate(change, decision)
        .scalar_subquery()
    )
    return case((change.c.change == ChangeKind.TRANSFER.value, found))


def _change(fields: Sequence[Any]) -> ChangeSeen:
    kind, former, name, unit_kind, category, keeps, day, *places = fields
    own = unit_of_row(places[:_WIDTH], day)
    other_day, *other_row = places[_WIDTH:]
    other = None if other_row[0] is None else unit_of_row(other_row, other_day)
    made = ChangeKind(kind)
    if made is ChangeKind.SPLIT and other is not None:
        own, other = other, own
    return ChangeSeen(made, own, other, former, name, unit_kind, category, bool(keeps))


async def changed_units(connection: AsyncConnection, number: str) -> list[int]:
    """The ids of all units that a decision changes, whoever sees them: of a SPLIT the one split,
    and the part where it is new."""
    is_split = change.c.change == ChangeKind.SPLIT.value
    is_old_part = and_(is_split, change.c.name.is_(None))
    rows = await connection.execute(
        select(case((~is_old_part, change.c.unit_id)), case((is_split, change.c.other_id))).where(
            change.c.number == number
        )
    )
    return sorted({unit_id for row in rows for unit_id in row if unit_id is not None})


async def founded_units(connection: AsyncConnection, number: str) -> list[int]:
    """The ids of the units that a decision brought into the tree."""
    is_new_part = and_(change.c.change == ChangeKind.SPLIT.value, change.c.name.is_not(None))
    rows = await connection.execute(
        select(change.c.unit_id).where(
            change.c.number == number,
            or_(change.c.change == ChangeKind.ESTABLISH.value, is_new_part),
        )
    )
    return sorted(rows.scalars())


# ---- the life of a unit


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """A span of a unit's life without a change of its own fields: from a day (included) to a day
    (excluded), null while it lasts. `parent` is the unit above on the first day, else as it
    stands today, whichever the viewer sees; `number` that of the decision it began with."""

    valid_from: date
    valid_to: date | None
    name: str
    kind: str
    category: str | None
    parent: Placed | None
    number: str | None


async def histories(
    connection: AsyncConnection, sight: Sight, unit_ids: Iterable[int]
) -> dict[int, list[VersionSeen]]:
    """The versions of each unit on whose first day, or today, the viewer sees it, oldest first,
    what is decided ahead included."""
    wanted = given(is_postgresql(connection), "wanted", key=list(unit_ids))
    rows = await connection.execute(
        _spans(sight)
        .join_from(wanted, _HELD, _HELD.c.unit_id == wanted.c.key)
        .outerjoin(
            _ABOVE, and_(_ABOVE.c.unit_id == _HELD.c.parent_id, on(_ABOVE.c, _HELD.c.valid_from))
        )
        .outerjoin(
            _ABOVE_TODAY,
            and_(
                _ABOVE_TODAY.c.unit_id == _HELD.c.parent_id,
                on(_ABOVE_TODAY.c, sight.today),
                in_sight(sight.on_today, _ABOVE_TODAY.c, sight.today),
            ),
        )
        .order_by(_HELD.c.unit_id, _HELD.c.valid_from)
    )
    lives: dict[int, list[Any]] = {}
    for row in rows:
        lives.setdefault(row.unit_id, []).append(row)
    return {unit_id: _versions(spans, sight.today) for unit_id, spans in lives.items()}


def _spans(sight: Sight) -> Select[Any]:
    """The placements of units with what is seen of them; those from the closing on left out."""
    held = _HELD.c
    return select(
        held.unit_id,
        held.valid_from,
        held.parent_id,
        held.name.label("own_name"),
        held.kind.label("own_kind"),
        held.category.label("own_category"),
        held.closed_on.label("ends_on"),
        sight.on_day(held, held.valid_from).label("is_seen_then"),
        _is_seen_today(sight, held.unit_id).label("is_seen_today"),
        _number().label("number"),
        *(column.label(f"above_{column.name}") for column in placed_columns(_ABOVE.c)),
        *(column.label(f"today_{column.name}") for column in placed_columns(_ABOVE_TODAY.c)),
    ).where(or_(held.closed_on.is_(None), held.valid_from < held.closed_on))


def _is_seen_today(sight: Sight, unit_id: Any) -> Condition:
    now = _NOW.c
    return (
        select(now.unit_id)
        .where(
            now.unit_id == unit_id, on(now, sight.today), in_sight(sight.on_today, now, sight.today)
        )
        .correlate_except(_NOW)
        .exists()
    )


def _number() -> ColumnElement[str | None]:
    """The number of the decision in force that a placement began with: the last of its day with
    a line that changes the unit's own fields."""
    lasting = or_(
        change.c.change.not_in([ChangeKind.DISSOLVE.value, ChangeKind.SPLIT.value]),
        change.c.name.is_not(None),
    )
    return (
        select(decision.c.number)
        .join_from(change, decision, decision.c.number == change.c.number)
        .where(
            change.c.unit_id == _HELD.c.unit_id,
            decision.c.effective_on == _HELD.c.valid_from,
            decision.c.reversed_at.is_(None),
            lasting,
        )
        .order_by(decision.c.version.desc(), decision.c.position.desc())
        .limit(1)
        .correlate(_HELD)
        .scalar_subquery()
    )


def _versions(spans: Sequence[Any], today: date) -> list[VersionSeen]:
    """The seen ones of a unit's versions: its spans with equal fields taken together."""
    versions: list[list[Any]] = []
    for span in spans:
        if not versions or _own_fields(versions[-1][0]) != _own_fields(span):
            versions.append([])
        versions[-1].append(span)
    ends = [each[0].valid_from for each in versions[1:]] + [spans[-1].ends_on]
    return [
        _version(each[0], _end(each, end, today), today)
        for each, end in zip(versions, ends, strict=True)
        if each[0].is_seen_then or each[0].is_seen_today
    ]


def _end(spans: Sequence[Any], end: date | None, today: date) -> date | None:
    """When a version ends for the viewer: on the day it leaves their sight with a unit above it,
    for of its later life they learn nothing (`design.md`, 3)."""
    for before, span in pairwise(spans):
        if _is_shown(before, today) and not _is_shown(span, today):
            lost: date = span.valid_from
            return lost
    return end


def _is_shown(span: Any, today: date) -> bool:
    """Whether the viewer sees the unit on the span's first day, or today and it has begun."""
    return bool(span.is_seen_then or (span.is_seen_today and span.valid_from <= today))


def _own_fields(span: Any) -> tuple[Any, ...]:
    return span.parent_id, span.own_name, span.own_kind, span.own_category


def _version(span: Any, end: date | None, today: date) -> VersionSeen:
    first = len(span) - 2 * _WIDTH
    then, now = span[first : first + _WIDTH], span[first + _WIDTH :]
    parent = None
    if span.parent_id is not None and span.is_seen_then:
        parent = unit_of_row(then, span.valid_from)
    elif now[0] is not None:
        parent = unit_of_row(now, today)
    fields = span.own_name, span.own_kind, span.own_category
    return VersionSeen(span.valid_from, end, *fields, parent, span.number)


# ---- lineage


async def successors(
    connection: AsyncConnection, scope: Scope, unit_ids: Iterable[int], day: date
) -> dict[int, list[Placed]]:
    """The units that took over from each, by decisions in force on the day, directly, by code:
    those in sight on the tree of the day."""
    return await _lineage(connection, scope, unit_ids, day, forward=True)


async def predecessors(
    connection: AsyncConnection, scope: Scope, unit_ids: Iterable[int], day: date
) -> dict[int, list[Placed]]:
    """The units that each took over from, likewise."""
    return await _lineage(connection, scope, unit_ids, day, forward=False)


async def _lineage(
    connection: AsyncConnection, scope: Scope, unit_ids: Iterable[int], day: date, *, forward: bool
) -> dict[int, list[Placed]]:
    wanted = given(is_postgresql(connection), "wanted", key=list(unit_ids))
    before, after = change.c.unit_id, change.c.other_id
    of, taken = (before, after) if forward else (after, before)
    merged, split = ChangeKind.MERGE.value, ChangeKind.SPLIT.value
    kind, key, columns = change.c.change, wanted.c.key, placement.c
    is_line = or_(and_(kind == merged, of == key), and_(kind == split, taken == key))
    other = case((kind == merged, taken), else_=of)
    rows = await connection.execute(
        select(key.label("of_unit"), *placed_columns(columns))
        .distinct()
        .join_from(wanted, change, is_line)
        .join(decision, decision.c.number == change.c.number)
        .join(placement, columns.unit_id == other)
        .where(
            decision.c.effective_on <= day,
            decision.c.reversed_at.is_(None),
            on(columns, day),
            in_sight(scope, columns, day),
        )
        .order_by(columns.code)
    )
    found: dict[int, list[Placed]] = {}
    for of_unit, *row in rows:
        found.setdefault(of_unit, []).append(unit_of_row(row, day))
    return found
