"""A viewer's rights on one day, ready to be turned into scopes.

`Rights` is made once a request from the viewer's appointments and the policy, and kept by
`RightsKeeper` for as long as tree, policy and day stay the same: the revision is read in the same
snapshot as the data, so that a right that was revoked is dead in the next request. It measures
offices on the tree that is asked for; it never reads a record.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.appointments import Appointment, in_force, read_rules
from authz.policy import Decision, Held, Policy
from hierarchy.placements import Revision
from hierarchy.scope import Base, Hold, Located, Scope, ScopeThroughTime, Window
from hierarchy.tables import placement

_NOWHERE = Base(-1, "", 0, 0)

MAX_KEPT = 10_000
MAX_SCOPES = 100
"""Scopes kept of one principal: past days are many, and asked for seldom."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Where an office's unit stands between two days."""

    unit_id: int
    valid_from: date
    valid_to: date | None
    kind: str
    base: Base

    def holds(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class Rights:
    """What one principal's offices give on one revision and day."""

    def __init__(
        self,
        principal: str,
        appointments: tuple[Appointment, ...],
        spans: tuple[_Span, ...],
        policy: Policy,
        today: date,
    ) -> None:
        self.principal = principal
        self.appointments = appointments
        self.today = today
        self._spans = spans
        self._policy = policy
        self._scopes: dict[tuple[str, str, date], Scope] = {}
        self._offices: dict[tuple[str, str, str, str], Scope] = {}
        self._through_time: dict[tuple[str, str], ScopeThroughTime] = {}

    def scope(self, action: str, resource: str, day: date) -> Scope:
        """What the rights to an action on a resource cover on the tree of a day."""
        key = action, resource, day
        if key not in self._scopes:
            if len(self._scopes) >= MAX_SCOPES:
                self._scopes.clear()
            self._scopes[key] = self._policy.scope(self._held(day), action, resource)
        return self._scopes[key]

    def scope_from(self, unit_id: int, action: str, resource: str, day: date) -> Scope:
        """What the offices held at one unit give, on the tree of a day: what is measured from
        that unit alone. Denials of all offices count. Covers nothing where no office there gives
        the right, or the unit does not stand on the day."""
        scope = self.scope(action, resource, day)
        allowed = tuple(hold for hold in scope.allowed if hold.base.unit_id == unit_id)
        return Scope(allowed, scope.denied)

    def office(self, role: str, kind: str, base: Base, action: str, resource: str) -> Scope:
        """What anybody's office of that role gives at a unit of that kind, placed so."""
        key = role, kind, action, resource
        if key not in self._offices:
            anywhere = (Held(role, kind, _NOWHERE),)
            self._offices[key] = self._policy.scope(anywhere, action, resource)
        scope = self._offices[key]
        return Scope(
            tuple(Hold(base, hold.reach) for hold in scope.allowed),
            tuple(Hold(base, hold.reach) for hold in scope.denied),
        )

    def through_time(self, action: str, resource: str) -> ScopeThroughTime:
        """The same on the tree of each day."""
        key = action, resource
        if key not in self._through_time:
            self._through_time[key] = ScopeThroughTime(tuple(self._windows(action, resource)))
        return self._through_time[key]

    @property
    def appointments_today(self) -> tuple[Appointment, ...]:
        """Those that give rights today: their units stand."""
        standing = {span.unit_id for span in self._spans if span.holds(self.today)}
        return tuple(each for each in self.appointments if each.unit_id in standing)

    def decide(self, action: str, resource: str, unit: Located) -> Decision:
        """Casbin's decision about one unit, on the tree of today."""
        return self._policy.decide(self._held(self.today), action, resource, unit)

    def _held(self, day: date) -> tuple[Held, ...]:
        standing = {span.unit_id: span for span in self._spans if span.holds(day)}
        return tuple(
            Held(each.role, span.kind, span.base, str(each.id))
            for each in self.appointments
            if (span := standing.get(each.unit_id)) is not None
        )

    def _windows(self, action: str, resource: str) -> Iterable[Window]:
        days = {span.valid_from for span in self._spans}
        days |= {span.valid_to for span in self._spans if span.valid_to is not None}
        ordered = sorted(days)
        ends = [*ordered[1:], None] if ordered else []
        for begin, end in zip(ordered, ends, strict=True):
            scope = self._policy.scope(self._held(begin), action, resource)
            if scope:
                yield Window(begin, end, scope)


class RightsKeeper:
    """Makes `Rights` and keeps them by revision and day; one for a process."""

    def __init__(self) -> None:
        self._policies: dict[int, Policy] = {}
        self._kept: OrderedDict[tuple[str, Revision, date], Rights] = OrderedDict()

    async def rights(
        self, connection: AsyncConnection, principal: str, revision: Revision, today: date
    ) -> Rights:
        """The principal's rights in the snapshot that `revision` was read in."""
        key = principal, revision, today
        if key not in self._kept:
            self._kept[key] = await self._make(connection, principal, revision, today)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    async def policy(self, connection: AsyncConnection, revision: Revision) -> Policy:
        """The policy of the revision."""
        version = revision.policy_version
        if version not in self._policies:
            self._policies = {version: Policy(await read_rules(connection))}
        return self._policies[version]

    async def _make(
        self, connection: AsyncConnection, principal: str, revision: Revision, today: date
    ) -> Rights:
        appointments = await in_force(connection, principal, today)
        policy = await self.policy(connection, revision)
        spans = await _spans(connection, {each.unit_id for each in appointments})
        return Rights(principal, appointments, spans, policy, today)


async def _spans(connection: AsyncConnection, unit_ids: set[int]) -> tuple[_Span, ...]:
    if not unit_ids:
        return ()
    rows = await connection.execute(
        select(
            placement.c.unit_id,
            placement.c.valid_from,
            placement.c.valid_to,
            placement.c.kind,
            placement.c.path,
            placement.c.depth,
            placement.c.rank,
        )
        .where(placement.c.unit_id.in_(sorted(unit_ids)))
        .order_by(placement.c.unit_id, placement.c.valid_from)
    )
    return tuple(
        _Span(unit_id, begin, end, kind, Base(unit_id, path, depth, rank))
        for unit_id, begin, end, kind, path, depth, rank in rows
    )
