"""Grants as clients see them and as they give them."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET

from authz import grants as stored
from graph.resolvers import granting, grants
from graph.schema.filters import given
from graph.schema.paging import Connection, Info, Node

if TYPE_CHECKING:
    from graph.schema.units import Unit

UnitType = Annotated["Unit", strawberry.lazy("graph.schema.units")]


@strawberry.type(
    description="Holders of the given roles at `to` see the subtree of `of` as their role would "
    "let them there, for the named resources and actions, for a time; never more than the grantor "
    "could see there when granting, and no open inspection on signs."
)
class Grant(Node):
    @strawberry.field(description="The unit whose subtree is seen.")
    async def of(self, info: Info) -> UnitType:
        grant: Any = self
        found: Any = await grants.end(info.context, grant.of_unit_id)
        return found

    @strawberry.field(
        description="The unit at which the roles are held. Where the viewer may not see it "
        "otherwise: its own fields, a path of itself alone, no children, no records, no figures."
    )
    async def to(self, info: Info) -> UnitType:
        grant: Any = self
        found: Any = await grants.end(info.context, grant.to_unit_id)
        return found

    roles: list[str] = strawberry.field(description="The roles whose holders see.")
    resources: list[str] = strawberry.field(description="Of meeting, evaluation, inspection.")
    actions: list[str] = strawberry.field(
        description="`read`: single records; `summarise`: figures."
    )
    max_rank: int | None = strawberry.field(
        description="The highest rank of a unit that is seen; null without a limit."
    )
    purpose: str = strawberry.field(description="What it was made for.")
    valid_from: date = strawberry.field(description="Its first day.")
    valid_to: date = strawberry.field(description="First day on which it no longer holds.")
    granted_by: str = strawberry.field(description="The principal who made it.")
    revoked_at: datetime | None = strawberry.field(
        description="When it was revoked; null while it was not."
    )

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, stored.Grant)


GrantConnection = Connection[Grant]


@strawberry.input(
    description="`resources`: meeting, evaluation, inspection. `actions`: read, summarise. `to` is "
    "neither above nor below `of`. `validTo` is at most five years after `validFrom`."
)
class GrantInput:
    client_key: str | None = strawberry.field(
        default=UNSET,
        description="Chosen by the client: sent again, the same key stores nothing twice.",
    )
    of: str = strawberry.field(description="The code of the unit whose subtree is to be seen.")
    to: str = strawberry.field(description="The code of the unit at which the roles are held.")
    roles: list[str] = strawberry.field(description="The roles whose holders are to see.")
    resources: list[str] = strawberry.field(description="Any of meeting, evaluation, inspection.")
    actions: list[str] = strawberry.field(
        description="Any of read (single records), summarise (figures)."
    )
    max_rank: int | None = strawberry.field(
        default=UNSET,
        description="The highest rank of a unit that is to be seen; null without a limit.",
    )
    purpose: str = strawberry.field(description="What it is made for.")
    valid_from: date = strawberry.field(description="Its first day.")
    valid_to: date = strawberry.field(description="First day on which it no longer holds.")


def given_grant(asked: GrantInput) -> granting.Given:
    """What is given, each name of a list once."""
    return granting.Given(
        asked.of,
        asked.to,
        tuple(dict.fromkeys(asked.roles)),
        tuple(dict.fromkeys(asked.resources)),
        tuple(dict.fromkeys(asked.actions)),
        given(asked.max_rank),
        asked.purpose,
        asked.valid_from,
        asked.valid_to,
        given(asked.client_key),
    )
