"""A viewer's rights on one day, ready to be turned into scopes.

`Rights` is made once a request from the viewer's appointments, the grants to those who hold such,
and the policy, and kept by `RightsKeeper` for as long as tree, policy and day stay the same: the
revision is read in the same snapshot as the data, so that a right that was revoked is dead in the
next request. It measures offices on the tree that is asked for; it never reads a record.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.appointments import Appointment, read_rules
from authz.appointments import in_force as appointments_in_force
from authz.grants import Grant, in_force
from authz.policy import Decision, Held, Policy
from hierarchy.placements import Revision
from hierarchy.scope import (
    Base,
    Hold,
    Located,
    Narrowed,
    Reach,
    Scope,
    ScopeThroughTime,
    Window,
)
from hierarchy.tables import placement
from hierarchy.unit import Placed

_NOWHERE = Base(-1, "", 0, 0)

MAX_KEPT = 10_000
"""Principals whose rights are kept."""
MAX_MOMENTS = 2
"""The revision that holds, and the one before it, in which requests may still run: one that was
superseded keeps its policy and all that was made of it."""
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
        grants: tuple[Grant, ...],
        spans: tuple[_Span, ...],
        policy: Policy,
        today: date,
    ) -> None:
        self.principal = principal
        self.appointments = appointments
        self.today = today
        self._grants = grants
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
            self._scopes[key] = self._scope(action, resource, day)
        return self._scopes[key]

    def own_scope(self, action: str, resource: str) -> Scope:
        """What the offices themselves cover today, without what was granted."""
        scope = self.scope(action, resource, self.today)
        return Scope(scope.allowed, scope.denied)

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

    @property
    def policy(self) -> Policy:
        """What the offices are measured by."""
        return self._policy

    @property
    def roles(self) -> frozenset[str]:
        """The roles that the policy knows."""
        return self._policy.roles

    def decide(self, action: str, resource: str, unit: Located) -> Decision:
        """Casbin's decision about one unit, on the tree of today: of the offices, then of each
        grant by itself, which never takes away what another gives."""
        offices = self._policy.decide(self._held(self.today), action, resource, unit)
        if offices.allowed or self.scope(action, resource, self.today).denies(unit):
            return offices
        found = (
            self._policy.decide((held,), action, resource, unit)
            for grant, held in self._granted(self.today)
            if any(one.covers(unit) for one in self._narrowed(grant, held, action, resource))
        )
        return next((decision for decision in found if decision.allowed), offices)

    def _scope(self, action: str, resource: str, day: date) -> Scope:
        scope = self._policy.scope(self._held(day), action, resource)
        granted = (
            narrowed
            for grant, held in self._granted(day)
            for narrowed in self._narrowed(grant, held, action, resource, day)
        )
        return replace(scope, granted=tuple(dict.fromkeys(granted)))

    def _granted(self, day: date) -> Iterator[tuple[Grant, Held]]:
        """The grants in force today, with the office that each is like on the tree of a day."""
        standing = {span.unit_id: span for span in self._spans if span.holds(day)}
        offices = {(each.unit_id, each.role) for each in self.appointments_today}
        for grant in self._grants:
            of = standing.get(grant.of_unit_id)
            for role in grant.roles if of else ():
                if of and (grant.to_unit_id, role) in offices:
                    yield grant, Held(role, of.kind, of.base, str(grant.id))

    def _narrowed(
        self, grant: Grant, held: Held, action: str, resource: str, day: date | None = None
    ) -> Iterator[Narrowed]:
        """What a grant leaves of what its office would give, on the tree of a day or today's."""
        if not grant.gives(action, resource):
            return iter(())
        at = day or self.today
        bases = {span.unit_id: span.base for span in self._spans if span.holds(at)}
        scope = self.office(held.role, held.kind, held.base, action, resource)
        return grant.narrowed(scope, (action, resource), at, bases)

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
        days |= {grant.granted_on for grant in self._grants}
        ordered = sorted(days)
        ends = [*ordered[1:], None] if ordered else []
        for begin, end in zip(ordered, ends, strict=True):
            scope = self._scope(action, resource, begin)
            if scope:
                yield Window(begin, end, scope)


def rights_on(
    day: date,
    units: Iterable[Placed],
    principal: str,
    appointments: tuple[Appointment, ...],
    grants: tuple[Grant, ...],
    policy: Policy,
) -> Rights:
    """Rights of one day and its tree alone, on which the units stand."""
    spans = tuple(_Span(each.unit_id, day, None, each.kind, base_of(each)) for each in units)
    return Rights(principal, appointments, grants, spans, policy, day)


def base_of(unit: Placed) -> Base:
    """The unit as rights are held at it."""
    return Base(unit.unit_id, unit.path, unit.depth, unit.rank)


def alone(unit: Placed) -> Scope:
    """The unit alone: who has stored something about it is answered with that."""
    return Scope((Hold(base_of(unit), Reach("own")),))


class RightsKeeper:
    """Makes `Rights` and keeps them by revision and day; one for a process."""

    def __init__(self) -> None:
        self._policies: dict[int, Policy] = {}
        self._kept: OrderedDict[tuple[Revision, date], OrderedDict[str, Rights]] = OrderedDict()

    async def rights(
        self, connection: AsyncConnection, principal: str, revision: Revision, today: date
    ) -> Rights:
        """The principal's rights in the snapshot that `revision` was read in."""
        kept = self._of(revision, today)
        if principal not in kept:
            kept[principal] = await self._make(connection, principal, revision, today)
            while len(kept) > MAX_KEPT:
                kept.popitem(last=False)
        kept.move_to_end(principal)
        return kept[principal]

    def _of(self, revision: Revision, today: date) -> OrderedDict[str, Rights]:
        """What is kept of a revision and day; a new one drives out the oldest."""
        kept = self._kept.setdefault((revision, today), OrderedDict())
        while len(self._kept) > MAX_MOMENTS:
            self._kept.popitem(last=False)
        return kept

    async def policy(self, connection: AsyncConnection, revision: Revision) -> Policy:
        """The policy of the revision."""
        version = revision.policy_version
        if version not in self._policies:
            self._policies = {version: Policy(await read_rules(connection))}
        return self._policies[version]

    async def _make(
        self, connection: AsyncConnection, principal: str, revision: Revision, today: date
    ) -> Rights:
        appointments = await appointments_in_force(connection, principal, today)
        policy = await self.policy(connection, revision)
        spans = await _spans(connection, {each.unit_id for each in appointments})
        held = {span.unit_id for span in spans if span.holds(today)}
        grants = await in_force(connection, held, today)
        more = {unit_id for grant in grants for unit_id in grant.unit_ids}
        spans += await _spans(connection, more - {each.unit_id for each in appointments})
        return Rights(principal, appointments, grants, spans, policy, today)


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
