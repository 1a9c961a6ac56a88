"""Who is asking, and whatever a global id names: cut like everything else to the viewer's part."""

from dataclasses import dataclass
from typing import Any

from authz.appointments import Appointment
from graph.resolvers import appointments, decisions, granting, records, units, views
from graph.resolvers.context import Context
from graph.resolvers.identity import parse_id, parse_key
from records.lists import SERIES


@dataclass(frozen=True, slots=True)
class Viewer:
    """The principal, and the appointments that give it rights today."""

    name: str
    appointments: tuple[Appointment, ...]


def viewer(context: Context) -> Viewer:
    return Viewer(context.rights.principal, context.rights.appointments_today)


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
        return await appointments.find(context, uuid)
    if name == "Grant":
        return await granting.find_by_key(context, uuid)
    if name == "View":
        return await views.find_by_key(context, uuid)
    return records.shown(context, await records.find(context, SERIES[name], uuid))
