"""The arguments that many fields share, each described once. What they do is said elsewhere."""

from datetime import date
from typing import Annotated

from strawberry import argument

from graph.schema.enumerations import Attribution, RecordOrder

First = Annotated[
    int | None,
    argument(description="How many elements the page has at most: 0 to 200; null is 50."),
]
After = Annotated[
    str | None,
    argument(
        description="A cursor that this list gave, asked in the same way: the page begins behind "
        "it. Null: the page is the first."
    ),
]
Within = Annotated[
    str | None,
    argument(description="The code of the unit whose subtree is meant; null: all in reach."),
]
AsOf = Annotated[
    date | None,
    argument(description="The day whose tree is asked for, past or to come; null is today."),
]
InForceOn = Annotated[
    date | None, argument(description="A day on which they hold; null: past and to come too.")
]
OrderBy = Annotated[
    RecordOrder | None, argument(description="In which order; null is newest first.")
]
Attributed = Annotated[
    Attribution | None,
    argument(description="Under which unit a record counts; null is AS_OF."),
]

FILTER = argument(description="Which records are meant; null: all.")
UNIT_FILTER = argument(description="Which units are meant; null: the open ones.")
GROUP_BY = argument(
    description="What a row stands for, in this order; at most one of YEAR, QUARTER, MONTH."
)
