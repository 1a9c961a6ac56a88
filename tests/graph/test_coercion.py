"""A value that cannot be taken names its field, whether literal or variable."""

import pytest
from graphql import execute, parse, validate

from graph.coercion import MISSING, NO_FIELD, NO_MEMBER, OF_TYPE, refused
from graph.documents import GRAPHQL_SCHEMA

GIVEN = {
    "unitCode": "A",
    "heldOn": "2026-01-01",
    "kind": "REGULAR",
    "form": "ONLINE",
    "membersExpected": 1,
    "membersPresent": 1,
}
RECORD = parse("mutation($i: RecordMeetingInput!) { recordMeeting(input: $i) { id } }")


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"heldOn": "2026-13-01"}, "heldOn", "Date is written"),
        ({"membersExpected": "10"}, "membersExpected", OF_TYPE),
        ({"membersExpected": None}, "membersExpected", MISSING),
        ({"membersExpected": 10**10}, "membersExpected", OF_TYPE),
        ({"kind": "HOP"}, "kind", NO_MEMBER),
        ({"another": 1}, "another", NO_FIELD),
    ],
)
def test_a_variable_names_the_field(change: dict[str, object], field: str, reason: str) -> None:
    result = execute(GRAPHQL_SCHEMA, RECORD, variable_values={"i": GIVEN | change})
    found = refused(result.errors[0])  # type: ignore[union-attr, index]
    assert found is not None
    assert found.field == field
    assert found.reason.startswith(reason)


def test_a_missing_field_is_named() -> None:
    given = {name: value for name, value in GIVEN.items() if name != "membersPresent"}
    result = execute(GRAPHQL_SCHEMA, RECORD, variable_values={"i": given})
    found = refused(result.errors[0])  # type: ignore[union-attr, index]
    assert found is not None
    assert (found.field, found.reason) == ("membersPresent", MISSING)


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ('{ unit(code: "A", asOf: "2026-13-01") { code } }', "asOf", "Date is written"),
        ('{ meetings(first: "x") { totalCount } }', "first", OF_TYPE),
        ("{ meetings(filter: {kind: [REGULAR, HOP]}) { totalCount } }", "HOP", None),
    ],
)
def test_a_literal_names_the_field(query: str, field: str, reason: str | None) -> None:
    [error] = validate(GRAPHQL_SCHEMA, parse(query))
    found = refused(error)
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert found.field == field
        assert found.reason.startswith(reason)


def test_what_is_no_fault_of_a_value_keeps_its_words() -> None:
    [error] = validate(GRAPHQL_SCHEMA, parse("{ nothing }"))
    assert refused(error) is None
