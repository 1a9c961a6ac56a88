"""Views as clients see them and as they save them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from graph.resolvers import saving, views
from graph.schema.paging import Connection, Info, Node
from records import views as stored

if TYPE_CHECKING:
    from graph.schema.units import Unit

UnitType = Annotated["Unit", strawberry.lazy("graph.schema.units")]


@strawberry.type(description="A variable that a view asks for.")
class ViewVariable:
    name: str = strawberry.field(description="Its name, without the dollar sign.")
    type: str = strawberry.field(description="Its type as GraphQL writes it, such as `[ID!]!`.")
    is_required: bool = strawberry.field(
        description="Whether it has to be given: it may not be null and has no default."
    )
    default_value: str | None = strawberry.field(
        description="Its default as GraphQL writes it; null where it has none."
    )


@strawberry.type(
    description="A checked query kept by a unit for its subtree; whoever runs it, at "
    "`/views/{id}`, sees their own part."
)
class View(Node):
    @strawberry.field(description="The unit that keeps it, as it stands today.")
    async def unit(self, info: Info) -> UnitType:
        found: Any = await views.unit_of(info.context, _stored(self))
        return found

    name: str = strawberry.field(description="Its name, one of a kind at its unit.")
    title: str = strawberry.field(description="What it is called to people.")
    document: str = strawberry.field(description="The query, as it was saved.")
    revision: int = strawberry.field(
        description="1 when first saved, one more with each change of its title or document."
    )
    saved_by: str = strawberry.field(description="The principal who saved this revision.")
    saved_at: datetime = strawberry.field(description="When this revision was saved.")

    @strawberry.field(description="The variables that it asks for, in the order it names them.")
    async def variables(self, info: Info) -> list[ViewVariable]:
        found: Any = await views.variables(info.context, _stored(self))
        return found

    @strawberry.field(
        description="Why it cannot be run any more, each after its line and column, in the "
        "language of the request; empty where it can."
    )
    async def problems(self, info: Info) -> list[str]:
        return await views.problems(info.context, _stored(self))

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, stored.View)


ViewConnection = Connection[View]


@strawberry.input(
    description="`document`: one query operation, valid against the schema and within the limits. "
    "The same unit and name: a new revision."
)
class SaveViewInput:
    unit_code: str = strawberry.field(description="The unit that keeps it.")
    name: str = strawberry.field(
        description="Compared exactly; at most 100 characters, none of them a control character."
    )
    title: str = strawberry.field(
        description="At most 300 characters, none of them a control character."
    )
    document: str = strawberry.field(
        description="At most 20,000 characters, with at most 100 variables."
    )


def given_view(asked: SaveViewInput) -> saving.Given:
    """What is given."""
    return saving.Given(asked.unit_code, asked.name, asked.title, asked.document)


def _stored(view: Any) -> stored.View:
    """What stands behind the type."""
    found: stored.View = view
    return found
