"""The schema as clients get it: described, clean, and changed only under somebody's eyes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    graphql_sync,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
)

from graph.documents import GRAPHQL_SCHEMA
from tests import clients
from tests.clients.schema import COMMITTED, HARMS, Change, changes, printed, verdict

RULES = clients.FOLDER / ".graphql-schema-linterrc"
BREAKS, DANGEROUS, SAFE = HARMS.values()


@dataclass(frozen=True, slots=True)
class Element:
    """A type, field, argument, input field or value of an enumeration, and where it stands."""

    place: str
    definition: Any


def elements(schema: GraphQLSchema) -> Iterator[Element]:
    """All that a schema of ours defines, by their coordinates (`Type.field(argument:)`)."""
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield Element(name, kind)
        if isinstance(kind, GraphQLEnumType):
            yield from (Element(f"{name}.{value}", each) for value, each in kind.values.items())
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field, each in kind.fields.items():
                yield Element(f"{name}.{field}", each)
                for argument, given in getattr(each, "args", {}).items():
                    yield Element(f"{name}.{field}({argument}:)", given)


def undescribed(schema: GraphQLSchema) -> list[str]:
    """The places of whatever has no description."""
    return [each.place for each in elements(schema) if not each.definition.description]


def unexplained(schema: GraphQLSchema) -> list[str]:
    """The places of whatever is deprecated without saying which element of the schema to use
    instead: "Use `Type.field`." somewhere in the reason, or the field's name alone."""
    places = {each.place for each in elements(schema)}

    def names_another(place: str, reason: str) -> bool:
        named = re.findall(r"[Uu]se `([^`]+)`", reason)
        beside = place.partition(".")[0]
        return any({other, f"{beside}.{other}"} & (places - {place}) for other in named)

    reasons = {
        each.place: getattr(each.definition, "deprecation_reason", None)
        for each in elements(schema)
    }
    deprecated = {place: reason for place, reason in reasons.items() if reason is not None}
    return [place for place, reason in deprecated.items() if not names_another(place, reason)]


# ---- descriptions and deprecations


def test_everything_has_a_description() -> None:
    """Types, fields, arguments, fields of inputs, values of enumerations."""
    assert undescribed(GRAPHQL_SCHEMA) == []


def test_what_has_no_description_is_named() -> None:
    schema = build_schema(
        """
        "A." type Query { "A." a(b: C): D  e: Int }
        enum C { F }
        input G { h: Int }
        scalar D
        """
    )
    found = ["Query.a(b:)", "Query.e", "C", "C.F", "D", "G", "G.h"]
    assert sorted(undescribed(schema)) == sorted(found)


def test_whatever_is_deprecated_says_what_to_use_instead() -> None:
    assert unexplained(GRAPHQL_SCHEMA) == []


def test_what_is_deprecated_without_saying_what_to_use_is_named() -> None:
    """The default reason says nothing, nor does one that names what there is not, or itself."""
    schema = build_schema(
        """
        type Query {
          a: Int
          ok: Int @deprecated(reason: "Use `a`: it counts all.")
          elsewhere: Int @deprecated(reason: "Since 2026. Use `Other.b`.")
          silent: Int @deprecated
          gone: Int @deprecated(reason: "Use `nothing`.")
          itself: Int @deprecated(reason: "Use `itself`.")
          asked(old: Int @deprecated(reason: "Too slow."), new: Int): Int
        }
        type Other { b: Int }
        enum Kind { OLD @deprecated NEW }
        input Given { old: Int @deprecated(reason: "No."), new: Int }
        """
    )
    of_query = ["Query.silent", "Query.gone", "Query.itself", "Query.asked(old:)"]
    assert unexplained(schema) == [*of_query, "Kind.OLD", "Given.old"]


# ---- what tools see


def test_the_linter_finds_nothing() -> None:
    """graphql-schema-linter, with the rules that its configuration names."""
    asked = str(COMMITTED), "-c", str(clients.FOLDER)
    found = clients.tool("graphql-schema-linter", *asked, folder=clients.FOLDER)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 errors" in found.stdout and "Warning" not in found.stderr


def test_every_rule_of_the_linter_is_kept_or_refused_with_a_reason() -> None:
    """A rule that a new version brings is in neither list, and so is found here."""
    text = RULES.read_text("utf-8")
    folder = clients.MODULES / "graphql-schema-linter" / "lib" / "rules"
    known = {rule.stem.replace("_", "-") for rule in folder.glob("*.js")}
    refused = dict(re.findall(r"^# ([a-z]+(?:-[a-z]+)+): (\S.*)$", text, re.M))
    kept = yaml.safe_load(text)["rules"]
    assert sorted([*kept, *refused]) == sorted(known)


def test_scalars_and_inputs_say_what_they_are_to_tools() -> None:
    """A custom scalar names its specification; an input of one field only is marked so."""
    asked = graphql_sync(
        GRAPHQL_SCHEMA,
        """{
          __schema { types { name kind specifiedByURL } }
          __type(name: "ChangeInput") { isOneOf }
        }""",
    )
    assert asked.data is not None and asked.errors is None
    types = asked.data["__schema"]["types"]
    scalars = {each["name"]: each["specifiedByURL"] for each in types if each["kind"] == "SCALAR"}
    custom = {name: url for name, url in scalars.items() if url is not None}
    assert custom.keys() == {"Date", "DateTime"}
    assert all("rfc3339" in url for url in custom.values())
    assert scalars.keys() - custom.keys() <= {"ID", "String", "Int", "Float", "Boolean"}
    assert asked.data["__type"] == {"isOneOf": True}


def test_nothing_of_the_library_shows() -> None:
    """The schema has the directives of the specification alone, and names no maker."""
    assert all(is_specified_directive(each) for each in GRAPHQL_SCHEMA.directives)
    assert not re.search("strawberry|python|federation|_service", printed(), re.I)


# ---- what has been reviewed


def test_the_schema_is_the_one_that_was_reviewed() -> None:
    """`make schema` writes `docs/schema.graphql` anew, for a reviewer to see what has changed."""
    reviewed, now = COMMITTED.read_text("utf-8"), printed()
    if now != reviewed:
        pytest.fail(
            "The schema is not docs/schema.graphql. `make schema` writes it anew, if you mean it:\n"
            f"{verdict(reviewed, now)}",
            pytrace=False,
        )


def test_a_change_is_told_with_what_it_does_to_clients() -> None:
    """What is removed breaks them, what is added does not; a new value may surprise them."""
    before = printed()
    after = before.replace("  attendanceRate: Float\n", "  rateOfAttendance: Float\n")
    after = after.replace("  MONTH\n}", '  MONTH\n\n  """Ten years."""\n  DECADE\n}')
    assert after.count("DECADE") == after.count("rateOfAttendance") == 1
    assert changes(before, after) == [
        Change(BREAKS, "Field attendanceRate was removed from object type MeetingSummary"),
        Change(DANGEROUS, "Enum value DECADE was added to enum MeetingGrouping"),
        Change(SAFE, "Field rateOfAttendance was added to object type MeetingSummary"),
    ]


def test_what_is_only_printed_otherwise_is_told_as_such() -> None:
    assert "No client notices" in verdict("type Query { a: Int }", "type Query {\n  a: Int\n}\n")
