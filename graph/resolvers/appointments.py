"""How appointments are found and listed: to each viewer those that they may read.

Who may read appointments at a unit is decided on the tree of today, and the lists are cut by that
in the database (`authz/appointments.py`). One's own that is in force is always there. Out of reach
reads like unknown.
"""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from authz import appointments
from authz.appointments import Appointment, Listing, Position
from graph.resolvers.connections import Connection, page_size
from graph.resolvers.context import Context
from graph.resolvers.cursors import ListName, appointment_after
from graph.resolvers.units import readable, within
from hierarchy.unit import Placed


async def find(context: Context, id: UUID) -> Appointment | None:
    """The appointment of an id: the viewer's own that is in force, or one that they may read; null
    where there is none such."""
    own = {each.id: each for each in context.rights.appointments_today}
    if id in own:
        return own[id]
    found: Appointment | None = await context.loader(
        "appointments", lambda ids: _found(context, ids)
    ).load(id)
    return found


async def _found(context: Context, ids: list[UUID]) -> Mapping[UUID, Appointment]:
    scope = context.rights.scope("read", "appointment", context.today)
    return await context.ask(appointments.find, scope, context.today, ids)


async def listed(
    context: Context,
    within_code: str | None,
    principal: str | None,
    in_force_on: date | None,
    first: int | None,
    after: str | None,
) -> Connection[Appointment]:
    """The appointments that the viewer may read, in one unit's subtree or all."""
    size = page_size(first)
    asked = ("appointments", within_code, principal, in_force_on)
    name = ListName(context.cursor_key, asked)
    start = appointment_after(name, after)
    inside = await within(context, within_code, context.today)
    scope = await readable(context, "appointment", inside)
    listing, day, ask = Listing(inside, principal, in_force_on), context.today, context.ask
    return Connection(
        size,
        lambda: ask(appointments.first_appointments, scope, day, listing, start, size + 1),
        lambda: ask(appointments.count_appointments, scope, day, listing),
        None
        if start is None
        else (lambda: ask(appointments.count_appointments, scope, day, listing, start)),
        lambda appointment: _cursor(name, appointment),
    )


def _cursor(name: ListName, appointment: Appointment) -> str:
    place = Position(
        appointment.unit_code,
        appointment.role,
        appointment.valid_from,
        appointment.principal,
        appointment.id,
    )
    return name.cursor(
        place.unit_code, place.role, place.valid_from, place.principal, str(place.id)
    )


async def unit_of(context: Context, appointment: Appointment) -> Placed:
    """The unit appointed to, as it stands today."""
    return (await context.units([appointment.unit_id], context.today))[0]
