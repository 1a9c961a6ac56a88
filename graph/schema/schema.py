"""The schema whole: what clients see, and the one seam through which plain fields are read."""

from datetime import date, datetime
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter

from graph.resolvers.identity import global_id
from graph.schema.appointments import Appointment
from graph.schema.grants import Grant
from graph.schema.mutation import Mutation
from graph.schema.query import Query
from graph.schema.scalars import DATE, DATE_TIME
from graph.schema.views import View


def _attribute(source: Any, name: str) -> Any:
    """A plain field is the attribute of its name; an id is made where it is asked for."""
    return global_id(source) if name == "id" else getattr(source, name)


class _Names(NameConverter):
    """Names as the contract has them: a list of the trail is not called after its entries."""

    def from_generic(self, object_type: Any, types: Any) -> str:
        name = super().from_generic(object_type, types)
        return name.replace("AuditEntry", "Audit", 1)


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    types=[Appointment, Grant, View],
    config=StrawberryConfig(
        default_resolver=_attribute,
        scalar_map={date: DATE, datetime: DATE_TIME},
        name_converter=_Names(),
    ),
)
