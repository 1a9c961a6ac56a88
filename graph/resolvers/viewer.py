"""Who is asking, and whatever a global id names: cut like everything else to the viewer's part."""

from dataclasses import dataclass
from typing import Any

from authz.appointments import Appointment
from graph.resolvers import decisions, records, units
from graph.resolvers.context import Context
from graph.resolvers.identity import parse_id, parse_key
from hierarchy.unit import Placed
from records.lists import EVALUATIONS, INSPECTIONS, MEETINGS, Series

_SERIES: dict[str, Series[Any]] = {
    "Meeting": MEETINGS,
    "Evaluation": EVALUATIONS,
    "Inspection": INSPECTIONS,
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """The principal, and the appointments that give it rights today."""

    name: str
    appointments: tuple[Appointment, ...]


def viewer(context: Context) -> Viewer:
    return Viewer(context.rights.principal, context.rights.appointments_today)


async def unit_of(context: Context, appointment: Appointment) -> Placed:
    """The unit appointed to, which stands today."""
    return (await context.units([appointment.unit_id], context.today))[0]


async def node(context: Context, id: str) -> Any:
    """What the id names; null where it is unknown, out of reach or no id at all."""
    found = parse_id(id)
    if found is None:
        return None
    name, key = found
    if name == "Unit":
        return await units.find(context, key, context.today)
    if name == "Decision":
        return await decisions.find(context, key)
    uuid = parse_key(key)
    if uuid is None:
        return None
    if name == "Appointment":
        held = context.rights.appointments_today
        return next((appointment for appointment in held if appointment.id == uuid), None)
    return await records.find(context, _SERIES[name], uuid)
