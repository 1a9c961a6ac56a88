"""Why somebody may do something, or may not, as clients see it."""

import strawberry

from graph.schema.appointments import Appointment
from graph.schema.grants import Grant


@strawberry.type(
    description="What one appointment or grant has to do with the decision: neither where the "
    "viewer may not read it, or where it is about the whole."
)
class ExplanationStep:
    appointment: Appointment | None = strawberry.field(
        description="Null too where its unit does not stand today."
    )
    grant: Grant | None = strawberry.field(description="Null where it is an appointment.")
    rule: str | None = strawberry.field(
        description="The rule of the policy that gives the right, or that reaches furthest towards "
        "it: effect, role, kinds of unit, resource, action, reach."
    )
    outcome: str = strawberry.field(
        description="That it gives the right, or what is in the way, in the request's language."
    )


@strawberry.type(
    description="Whether somebody may do something at a unit today, and why. What the viewer may "
    "not read of another's appointments and grants is neither shown nor counted."
)
class Explanation:
    allowed: bool = strawberry.field(description="What the server itself decides.")
    reason: str = strawberry.field(
        description="The first step's outcome: in the language of the request (vi by default, en)."
    )
    steps: list[ExplanationStep] = strawberry.field(
        description="What decided, or for a no what failed and at what, the nearest first; then "
        "remarks on what a yes does not give. At most 20."
    )
