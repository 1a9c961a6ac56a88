"""What is asked of both: the questions in GraphQL, who asks, and how much slower Chibo may be.

The floor answers the same questions under the same names (`benchmarks/floor.py`), with the very
same data. The aims are those of the issue that built this; a question without one is measured by
itself, because a tree of this size has set traps there.
"""

from dataclasses import dataclass

PROVINCE, DISTRICT = "T.40", "H.425"
PROVINCE_LEADER, DISTRICT_LEADER = f"leader@{PROVINCE}", f"leader@{DISTRICT}"
YEAR = ("2024-07-01", "2025-06-30")
_IN_THE_YEAR = f'filter: {{heldFrom: "{YEAR[0]}", heldTo: "{YEAR[1]}"}}'


@dataclass(frozen=True, slots=True)
class Question:
    """`aim`: at most so many times the floor; null where the floor does not answer it."""

    name: str
    title: str
    document: str
    principal: str = DISTRICT_LEADER
    aim: float | None = None


QUESTIONS = (
    Question(
        "newest",
        "100 newest meetings, 7 fields",
        "{ meetings(first: 100) { nodes "
        "{ id heldOn kind topic membersExpected membersPresent score } } }",
        aim=4,
    ),
    Question(
        "newest-with-unit",
        "the same with nested unit",
        "{ meetings(first: 100) { nodes { id heldOn kind topic membersExpected membersPresent "
        "score unit { code name } } } }",
        aim=1.3,
    ),
    Question(
        "year-by-kind",
        "the district's year by kind",
        f"{{ meetingSummary({_IN_THE_YEAR}, groupBy: [KIND]) "
        "{ kind meetings membersExpected membersPresent averageScore } }",
        aim=1.5,
    ),
    Question(
        "year-by-district",
        "the province's year by district",
        f"{{ meetingSummary({_IN_THE_YEAR}, groupBy: [CHILD]) "
        "{ child { code name } meetings membersExpected membersPresent averageScore } }",
        principal=PROVINCE_LEADER,
        aim=1.3,
    ),
    Question(
        "children",
        "50 children, each its latest 3",
        f'{{ unit(code: "{DISTRICT}") {{ children(first: 50) {{ nodes {{ code name '
        "meetings(first: 3) { nodes { id heldOn kind topic score } } } } } }",
        aim=1.5,
    ),
    Question("viewer", "viewer", "{ viewer { name appointments { role validFrom } } }"),
    Question(
        "node",
        "a unit and its path",
        '{ unit(code: "X.17488") { code name kind { name } path { name } } }',
    ),
    Question(
        "units",
        "100 units and how many",
        "{ units(first: 100) { totalCount pageInfo { hasNextPage endCursor } "
        "nodes { code name kind { code } } } }",
    ),
    Question(
        "units-by-name",
        "100 units by a part of the name",
        '{ units(first: 100, filter: {nameContains: "truong"}) '
        "{ totalCount nodes { code name } } }",
    ),
    Question(
        "units-of-province",
        "the province's 100 schools",
        '{ units(first: 100, filter: {category: ["Trường học"]}) { totalCount nodes { code } } }',
        principal=PROVINCE_LEADER,
    ),
    Question(
        "units-met",
        "the year with units met",
        f"{{ meetingSummary({_IN_THE_YEAR}, groupBy: [CHILD]) "
        "{ child { code } meetings unitsMet } }",
        principal=PROVINCE_LEADER,
    ),
)

NOTHING = Question("nothing", "nothing at all", "{ __typename }")
WITH_PARENT = Question(
    "parent",
    "a unit, its path and its parent, and nothing at all",
    '{ unit(code: "X.17488") { code name path { code name } parent { code name } } }',
)
"""Asked in turn: what the unit adds to a request for nothing."""
OF_A_CROWD = "newest-with-unit"
"""The question that many clients ask at once."""
