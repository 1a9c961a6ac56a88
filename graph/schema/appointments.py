"""Appointments: who holds which office where, and for how long."""

from datetime import date
from typing import Any

import strawberry
from strawberry import UNSET

from authz import appointments as stored
from graph.resolvers import appointing, appointments
from graph.schema.filters import given
from graph.schema.paging import Connection, Info, Node
from graph.schema.units import Unit


@strawberry.type(description="A principal's office at a unit for a time.")
class Appointment(Node):
    principal: str = strawberry.field(description="Who holds it: the claim `sub` of their tokens.")
    role: str = strawberry.field(description="The role, as the policy names it.")

    @strawberry.field(description="The unit appointed to, as it stands today.")
    async def unit(self, info: Info) -> Unit:
        appointment: Any = self
        found: Any = await appointments.unit_of(info.context, appointment)
        return found

    valid_from: date = strawberry.field(description="First day on which it holds.")
    valid_to: date | None = strawberry.field(
        description="First day on which it no longer holds; null without end."
    )

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, stored.Appointment)


AppointmentConnection = Connection[Appointment]


@strawberry.input(
    description="An appointment to be made. `principal` is compared exactly; `validTo` is the "
    "first day on which it no longer holds, null without end."
)
class AppointInput:
    client_key: str | None = strawberry.field(
        default=UNSET,
        description="Chosen by the client: sent again, the same key stores nothing twice.",
    )
    principal: str = strawberry.field(
        description="Who is appointed: the claim `sub` of their tokens."
    )
    role: str = strawberry.field(description="The role, as the policy names it.")
    unit_code: str = strawberry.field(description="The code of the unit appointed to.")
    valid_from: date = strawberry.field(description="First day on which it holds.")
    valid_to: date | None = strawberry.field(
        default=UNSET, description="First day on which it no longer holds; null without end."
    )


def given_appointment(input: AppointInput) -> appointing.Given:
    """What the resolvers are asked to make."""
    return appointing.Given(
        input.principal,
        input.role,
        input.unit_code,
        input.valid_from,
        given(input.valid_to),
        given(input.client_key),
    )
