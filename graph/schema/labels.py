"""What codes are called, as clients see it."""

from collections.abc import Mapping, Sequence

import strawberry
from graphql import GraphQLEnumType

from graph.schema.paging import Info


@strawberry.type(description="A code and what people call it.")
class ValueLabel:
    value: str = strawberry.field(description="The code, as it stands everywhere else.")
    label: str = strawberry.field(description="The official word for it.")


@strawberry.type(description="What the codes of one enumeration are called.")
class EnumerationLabels:
    name: str = strawberry.field(
        description="Of an enumeration its name in the schema; else Role, Action, Resource, "
        "ErrorCode or UnitKind, whose codes are texts."
    )
    values: list[ValueLabel] = strawberry.field(
        description="In the order of the schema; kinds of unit by rank, then code."
    )


def enumerations(info: Info) -> Mapping[str, Sequence[str]]:
    """The enumerations that clients see, each with its values in order."""
    types = info.schema._schema.type_map
    return {
        name: list(kind.values)
        for name, kind in types.items()
        if isinstance(kind, GraphQLEnumType) and not name.startswith("__")
    }
