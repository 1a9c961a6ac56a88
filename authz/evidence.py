"""All that somebody ever held, and what was ever granted to where they held it: read to explain.

Three statements, whoever it is: a principal that nobody knows is not told from one of whom the
asker may read nothing. What an asker may not read is taken out (`readable`) before anything is said
of it; only whether something is allowed is decided by the whole. It decides nothing itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from authz import appointments, grants
from authz.appointments import Appointment
from authz.grants import Grant
from authz.policy import Policy
from authz.rights import Rights, rights_on
from hierarchy import placements
from hierarchy.scope import Scope
from hierarchy.unit import Placed


@dataclass(frozen=True, slots=True)
class Office:
    """An appointment with its unit as it stands today, null where it does not yet; `in_force`
    where today is within its time and the unit is not closed."""

    appointment: Appointment
    unit: Placed | None
    in_force: bool

    @property
    def gives(self) -> bool:
        """Whether it can give anything today."""
        return self.in_force and self.unit is not None

    def is_of(self, grant: Grant) -> bool:
        """Whether the grant is for the like of it."""
        held = self.appointment
        return held.unit_id == grant.to_unit_id and held.role in grant.roles

    def overlaps(self, grant: "Granted", until: date) -> bool:
        """Whether there was a day, up to that one, on which both were in time."""
        begin = max(self.appointment.valid_from, grant.grant.valid_from)
        ends = (self.appointment.valid_to, grant.grant.valid_to, grant.revoked_on)
        return begin <= until and all(end is None or begin < end for end in ends)


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant with its two units as they stand today, and the day of its revocation."""

    grant: Grant
    of: Placed
    to: Placed
    revoked_on: date | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one principal holds and held, and what was granted there; `units` are those that it is
    measured by, as they stand on the day."""

    principal: str
    today: date
    offices: tuple[Office, ...]
    grants: tuple[Granted, ...]
    units: Mapping[int, Placed]

    def rights(self, policy: Policy) -> Rights:
        """The rights that all of it gives on the day."""
        return rights_on(
            self.today,
            self.units.values(),
            self.principal,
            tuple(each.appointment for each in self.offices if each.in_force),
            tuple(each.grant for each in self.grants if each.in_force),
            policy,
        )

    def readable(self, appointments: Scope, grants: Scope) -> "Evidence":
        """What an asker with these scopes may read of somebody else's."""
        offices = [each for each in self.offices if each.unit and appointments.covers(each.unit)]
        return self._of(offices, [each for each in self.grants if _is_read(each, grants)])

    def own(self, grants: Scope) -> "Evidence":
        """What the principal may know, who may read grants as far as that scope: all they ever
        held, and what has ever been granted to them."""
        found = [
            each
            for each in self.grants
            if _is_read(each, grants)
            or any(
                office.is_of(each.grant) and office.overlaps(each, self.today)
                for office in self.offices
            )
        ]
        return self._of(self.offices, found)

    def _of(self, offices: Iterable[Office], granted: Iterable[Granted]) -> "Evidence":
        return replace(self, offices=tuple(offices), grants=tuple(granted))


def _is_read(given: Granted, scope: Scope) -> bool:
    return scope.covers(given.of) or scope.covers(given.to)


async def read_evidence(connection: AsyncConnection, principal: str, today: date) -> Evidence:
    """The evidence about a principal. Grants of or to a unit that does not stand today are left
    out: nothing can be shown of them."""
    held = await appointments.ever_of(connection, principal, today)
    unit_ids = {appointment.unit_id for appointment, _ in held}
    given = await grants.ever_to(connection, unit_ids, today)
    for grant, _, _ in given:
        unit_ids |= {*grant.unit_ids, grant.to_unit_id}
    units = await placements.placed(connection, sorted(unit_ids), today)
    return Evidence(
        principal,
        today,
        tuple(Office(each, units.get(each.unit_id), in_force) for each, in_force in held),
        tuple(
            Granted(grant, units[grant.of_unit_id], units[grant.to_unit_id], revoked_on, in_force)
            for grant, revoked_on, in_force in given
            if {grant.of_unit_id, grant.to_unit_id} <= units.keys()
        ),
        units,
    )
