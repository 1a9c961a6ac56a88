"""The viewer, and the appointments that give it rights."""

from datetime import date
from typing import Any

import strawberry

from authz import appointments
from graph.resolvers import viewer
from graph.schema.paging import Info, Node
from graph.schema.units import Unit


@strawberry.type(description="A principal's office at a unit for a time.")
class Appointment(Node):
    principal: str
    role: str
    valid_from: date
    valid_to: date | None = strawberry.field(
        description="First day on which it no longer holds; null without end."
    )

    @strawberry.field
    async def unit(self, info: Info) -> Unit:
        appointment: Any = self
        found: Any = await viewer.unit_of(info.context, appointment)
        return found

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, appointments.Appointment)


@strawberry.type(description="Who is asking.")
class Viewer:
    name: str = strawberry.field(description="The principal.")
    appointments: list[Appointment] = strawberry.field(
        description="Those that give rights today, by unit code, role, validFrom."
    )
