"""An appointment ended by the operator: what nobody above is there to end, at the top of a tree.

It is the same end as through the API, under the revision's lock and told by the trail. It never
appoints anybody: folders do (`server/folder/appointments.py`).
"""

from datetime import UTC, date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from authz import appointments
from authz.appointments import Appointment
from hierarchy.errors import BadInput
from hierarchy.placements import lock_revision, raise_policy_version
from records import trail
from server.folder.folder import PRINCIPAL
from server.stores import Stores


async def end(stores: Stores, principal: str, role: str, code: str, day: date, today: date) -> int:
    """Ends the principal's appointments to a role at a unit from a day on, and tells how many that
    were. Raises `BadInput` for a day that has passed, and where there is none to end."""
    if day < today:
        raise BadInput("An appointment is ended from today on, or from a later day.")
    async with stores.database.writing() as connection:
        await lock_revision(connection, alone=True)
        found = await _to_end(connection, principal, role, code, day, today)
        if not found:
            raise BadInput("No appointment of theirs to that role there would hold on that day.")
        for each in found:
            await appointments.end(connection, each.id, day)
        await trail.append(connection, [_told(each, day) for each in found])
        await raise_policy_version(connection)
    await stores.seal()
    return len(found)


async def _to_end(
    connection: AsyncConnection, principal: str, role: str, code: str, day: date, today: date
) -> list[Appointment]:
    held = [each for each, _ in await appointments.ever_of(connection, principal, today)]
    there = (each for each in held if (each.role, each.unit_code) == (role, code))
    return [each for each in there if each.valid_to is None or each.valid_to > day]


def _told(ended: Appointment, day: date) -> trail.AuditEntry:
    facts = {
        "role": ended.role,
        "appointed": ended.principal,
        "valid_from": ended.valid_from.isoformat(),
        "valid_to": day.isoformat(),
    }
    what = "end", "appointment", ended.unit_id, ended.id.hex
    return trail.entry(datetime.now(UTC), PRINCIPAL, *what, facts=facts)
