"""The viewer, and the appointments that give it rights."""

import strawberry

from graph.schema.appointments import Appointment


@strawberry.type(description="Who is asking.")
class Viewer:
    name: str = strawberry.field(description="The principal.")
    appointments: list[Appointment] = strawberry.field(
        description="Those that give rights today, by unit code, role, validFrom."
    )
