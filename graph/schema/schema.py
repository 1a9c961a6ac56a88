"""The schema whole: what clients see, and the one seam through which plain fields are read."""

from datetime import date, datetime
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter

from graph.plain import attribute
from graph.schema.appointments import Appointment
from graph.schema.changes import Subscription
from graph.schema.grants import Grant
from graph.schema.mutation import Mutation
from graph.schema.query import Query
from graph.schema.scalars import DATE, DATE_TIME
from graph.schema.views import View


class _Names(NameConverter):
    """Names as the contract has them: a list of the trail is not called after its entries."""

    def from_generic(self, object_type: Any, types: Any) -> str:
        name = super().from_generic(object_type, types)
        return name.replace("AuditEntry", "Audit", 1)


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[Appointment, Grant, View],
    config=StrawberryConfig(
        default_resolver=attribute,
        scalar_map={date: DATE, datetime: DATE_TIME},
        name_converter=_Names(),
    ),
)
