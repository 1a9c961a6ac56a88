"""Limits of one request: measured as a naive reader would, in a time no document can stretch."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    build_schema,
    get_introspection_query,
    parse,
    validate,
)
from hypothesis import given
from hypothesis import strategies as st

from graph.limits import Limits, TooCostly, cost, measure, parse_limited

LIMITS = Limits()
FREE = Limits(max_depth=50, max_aliases=10**6, max_selections=10**6)
SCHEMA = build_schema("""
    type Query {
      unit(code: String!): Unit
      units(first: Int = 50): UnitConnection
      node(id: ID!): Node
      meetingSummary(groupBy: [MeetingGrouping!] = []): [MeetingSummary!]
    }
    interface Node { id: ID! }
    enum MeetingGrouping { CHILD KIND YEAR }
    type Unit implements Node {
      id: ID! code: String! path: [Unit!]! parent: Unit
      children(first: Int = 50): UnitConnection!
      meetings(first: Int = 50): MeetingConnection
      meetingSummary(groupBy: [MeetingGrouping!] = []): [MeetingSummary!]
    }
    type UnitEdge { cursor: String! node: Unit! }
    type UnitConnection { edges: [UnitEdge!]! nodes: [Unit!]! totalCount: Int! }
    type Meeting { a: Int b: Int c: Int d: Int e: Int f: Int g: Int }
    type MeetingConnection { nodes: [Meeting!]! totalCount: Int! }
    type MeetingSummary { kind: String meetings: Int! }
""")


def check(document: DocumentNode, limits: Limits, variables: Any, name: str | None) -> int:
    """What a request passes before it is run: its measures, then its cost."""
    measure(document, limits)
    return cost(document, limits, SCHEMA, variables, name)


def cost_of(source: str, variables: dict[str, Any] | None = None, name: str | None = None) -> int:
    document = parse(source)
    assert not validate(SCHEMA, document)
    return check(document, LIMITS, variables, name)


def refusal(source: str, limits: Limits = LIMITS) -> str:
    with pytest.raises(TooCostly) as caught:
        check(parse_limited(source, limits), limits, {}, None)
    assert caught.value.found > caught.value.limit
    return caught.value.what


# ---- what a naive reader would count, on trees of (alias, name, selections), a spread, a list


def leaf_or(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    alias = st.none() | st.sampled_from("xy")
    field = st.tuples(alias, st.sampled_from("abc"), st.lists(children, max_size=3))
    return field | st.lists(children, min_size=1, max_size=3)


FIELD: st.SearchStrategy[Any] = st.tuples(
    st.none() | st.sampled_from("xy"), st.sampled_from("abc"), st.just([])
)
SELECTION = st.recursive(FIELD | st.integers(0, 4), leaf_or, max_leaves=8)
SELECTIONS = st.lists(SELECTION, min_size=1, max_size=4)


def text_of(selections: list[Any]) -> str:
    return "{" + " ".join(map(one_text, selections)) + "}" if selections else ""


def one_text(selection: Any) -> str:
    match selection:
        case int():
            return f"...F{selection}"
        case list():
            return f"... {text_of(selection)}"
        case (alias, name, inside):
            return f"{alias}: {name}{text_of(inside)}" if alias else f"{name}{text_of(inside)}"
    raise AssertionError(selection)


def flatten(selections: list[Any], fragments: list[Any], met: list[int]) -> list[Any]:
    """Only the fields, a fragment once; a fragment spreads later ones only, an unknown one none."""
    fields: list[Any] = []
    for selection in selections:
        if isinstance(selection, tuple):
            fields.append(selection)
        elif isinstance(selection, list):
            fields += flatten(selection, fragments, met)
        elif selection < len(fragments) and selection not in met:
            met.append(selection)
            fields += flatten(fragments[selection], fragments, met)
    return fields


def naive_depth(selections: list[Any], fragments: list[Any]) -> int:
    fields = flatten(selections, fragments, [])
    return max([1 + naive_depth(inside, fragments) for _, _, inside in fields] or [0])


def naive_aliases(selections: list[Any], fragments: list[Any]) -> int:
    fields = flatten(selections, fragments, [])
    given = [alias or name for alias, name, _ in fields]
    count = 0
    for alias, name, inside in fields:
        count += naive_aliases(inside, fragments)
        count += 1 if alias or given.count(name) > 1 else 0
    return count


def only_later(selection: Any, position: int) -> Any:
    """The selection with every spread moved behind the fragment at `position`, so none circles."""
    if isinstance(selection, int):
        return position + 1 + selection
    if isinstance(selection, list):
        return [only_later(inner, position) for inner in selection]
    alias, name, inside = selection
    return alias, name, only_later(inside, position)


@given(SELECTIONS, st.lists(SELECTIONS, max_size=4))
def test_depth_and_aliases_are_what_a_naive_reader_counts(operation: Any, drawn: Any) -> None:
    """Depth and aliases of the dearest definition, fragments unfolded, unknown ones empty."""
    fragments = [only_later(body, position) for position, body in enumerate(drawn)]
    definitions = [f"fragment F{i} on Q {text_of(body)}" for i, body in enumerate(fragments)]
    measures = measure(parse(" ".join([text_of(operation), *definitions])), FREE)
    roots = [operation, *fragments]
    assert measures.depth == max(naive_depth(root, fragments) for root in roots)
    assert measures.aliases == max(naive_aliases(root, fragments) for root in roots)


# ---- the limits


def nested(levels: int) -> str:
    return "{a" * levels + "}" * levels


def test_fifteen_fields_deep_pass_and_sixteen_do_not() -> None:
    assert measure(parse(nested(15)), LIMITS).depth == 15
    assert refusal(nested(16)) == "depth"


def test_introspection_as_tools_ask_it_is_within_the_limits() -> None:
    """The query of GraphiQL and of graphql-core passes, with everything it can ask for."""
    asked = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        one_of=True,
    )
    document = parse_limited(asked, LIMITS)
    assert measure(document, LIMITS).depth == 15
    assert check(document, LIMITS, {}, None) < LIMITS.max_cost


def test_introspection_in_circles_is_refused_by_validation() -> None:
    source = "{__schema{types{fields{type{fields{type{fields{name}}}}}}}}"
    assert [error.message for error in validate(SCHEMA, parse(source))] == [
        "Maximum introspection depth exceeded"
    ]


def test_a_hundred_aliases_pass_and_one_more_does_not() -> None:
    aliased = [f"a{i}: node(id: 1) {{ id }}" for i in range(101)]
    assert measure(parse("{" + " ".join(aliased[:100]) + "}"), LIMITS).aliases == 100
    assert refusal("{" + " ".join(aliased) + "}") == "aliases"


def test_a_name_given_again_and_again_counts_like_an_alias() -> None:
    assert measure(parse("{" + "a " * 100 + "}"), LIMITS).aliases == 100
    assert refusal("{" + "a " * 101 + "}") == "aliases"


def test_aliases_are_counted_through_fragments_and_where_no_operation_uses_them() -> None:
    fragment = "fragment F on Q {" + " ".join(f"x{i}: a" for i in range(60)) + "}"
    assert refusal("{ b { ...F } c { ...F } }" + fragment) == "aliases"
    assert refusal("{ a } fragment F on Q {" + "b " * 101 + "}") == "aliases"


def test_tokens_are_counted_before_anything_is_built_of_them() -> None:
    """10,000 tokens parse; one more, or as many comments, is refused."""
    assert parse_limited("{" + "a " * 9_998 + "}", LIMITS)
    with pytest.raises(TooCostly, match="tokens"):
        parse_limited("{" + "a " * 9_999 + "}", LIMITS)
    with pytest.raises(TooCostly, match="tokens"):
        parse_limited("{ a }" + "#\n" * 10_001, LIMITS)


def test_what_is_no_document_is_a_syntax_error() -> None:
    with pytest.raises(GraphQLSyntaxError):
        parse_limited("{ a", LIMITS)


@pytest.mark.parametrize("source", ["{a" * 3_000, "{a(x:" + "[" * 3_000, "{" + "...{" * 3_000])
def test_what_the_parser_cannot_follow_is_too_costly(source: str) -> None:
    assert refusal(source) == "nesting"


def test_fragments_within_fragments_nest_no_further_than_execution_can_follow() -> None:
    assert refusal("{" + "...{" * 61 + "a" + "}" * 62) == "nesting"
    chain = [f"fragment F{i} on Q {{ ...F{i + 1} }}" for i in range(98)]
    assert refusal("{ ...F0 }" + " ".join(chain)) == "nesting"


def test_directives_are_counted_wherever_they_stand() -> None:
    assert refusal("{ a " + "@d " * 51 + "}") == "directives"
    spread = "query($v: Int @d) @d { a @d ...F @d ... @d { b } } fragment F on Q @d { c }"
    assert measure(parse(spread), LIMITS).directives == 6


def test_a_flood_of_definitions_is_refused() -> None:
    flood = " ".join(f"fragment F{i} on Q {{ a }}" for i in range(101))
    assert refusal("{ a }" + flood) == "definitions"


# ---- documents made to hurt


def test_a_fragment_that_spreads_itself_is_an_error_and_no_endless_walk() -> None:
    """One circle, and ninety fragments that each spread all ninety."""
    everything = " ".join(f"...F{i}" for i in range(90))
    tangle = " ".join(f"fragment F{i} on Q {{ {everything} }}" for i in range(90))
    for fragments in ("fragment F0 on Q { a { ...F0 } }", tangle):
        with pytest.raises(GraphQLError, match="within itself"):
            measure(parse("{ ...F0 }" + fragments), LIMITS)


@pytest.mark.parametrize("body", ["...F{n} ...F{n}", "a {{ ...F{n} }} b {{ ...F{n} }}"])
def test_a_billion_laughs_are_refused_with_each_fragment_looked_at_once(body: str) -> None:
    laughs = [f"fragment F{i} on Q {{ {body.format(n=i + 1)} }}" for i in range(13)]
    source = "{ ...F0 }" + " ".join(laughs) + "fragment F13 on Q { a b }"
    assert refusal(source) == "selections"
    assert measure(parse(source), FREE).visited < 300_000


@pytest.mark.parametrize(
    "source",
    [
        "{" + "...F " * 4_990 + "} fragment F on Q { a b c }",
        "{" + "...F " * 4_990 + "}",
        "{" + "... {a} " * 2_400 + "}",
        "{" + " ".join(f"n{i}" for i in range(9_990)) + "}",
        "{" + " ".join(f"n{i} {{ ...F }}" for i in range(60)) + "} fragment F on Q {"
        + " ".join(f"n{i}" for i in range(9_000)) + "}",
        "{ a }" + " ".join(f"fragment F{i} on Q {{ ...F{i + 1} a }}" for i in range(99)),
    ],
)  # fmt: skip
def test_no_document_makes_measuring_look_at_more_than_it_may(source: str) -> None:
    """Refused, or measured within three looks at all that the document may unfold to."""
    try:
        measures = measure(parse_limited(source, LIMITS), LIMITS)
    except TooCostly:
        return
    assert measures.visited <= 3 * LIMITS.max_selections


# ---- the cost


def test_every_field_costs_one() -> None:
    assert cost_of('{ unit(code: "1") { id code parent { code } } }') == 5


@pytest.mark.parametrize(
    ("arguments", "variables", "elements"),
    [
        ("", {}, 50),
        ("(first: null)", {}, 50),
        ("(first: 3)", {}, 3),
        ("(first: 0)", {}, 0),
        ("(first: -1)", {}, 0),
        ("(first: 2000)", {}, 200),
        ("(first: $n)", {}, 7),
        ("(first: $n)", {"n": 9}, 9),
        ("(first: $n)", {"n": None}, 50),
        ("(first: $n)", {"n": "nine"}, 200),
        ("(first: $m)", {}, 50),
        ("(first: $m)", {"m": 10**30}, 200),
    ],
)
def test_a_list_costs_what_it_holds_as_often_as_it_may_hold_it(
    arguments: str, variables: dict[str, Any], elements: int
) -> None:
    """Within the contract's 0 to 200; what is outside is refused elsewhere, as bad input."""
    inside = "totalCount nodes { id code } edges { cursor }"
    source = f"query($n: Int = 7, $m: Int) {{ units{arguments} {{ {inside} }} }}"
    assert cost(parse(source), LIMITS, SCHEMA, variables, None) == 23 + 3 * elements


def test_a_fragment_costs_as_its_fields() -> None:
    direct = "{ units(first: 9) { nodes { id path { code } } } }"
    spread = """
        { units(first: 9) { ...C } }
        fragment C on UnitConnection { nodes { ... { id } ...U } }
        fragment U on Unit { path { code } }
    """
    assert cost_of(direct) == cost_of(spread) == 2 + 9 * (1 + 1 + 10)


def test_a_type_condition_tells_what_its_fields_cost() -> None:
    source = '{ node(id: "1") { ... on Unit { children(first: 8) { nodes { id } } } } }'
    assert cost_of(source) == 3 + 8


@pytest.mark.parametrize(
    ("grouping", "rows"),
    [("", 1), ("(groupBy: [])", 1), ("(groupBy: KIND)", 50), ("(groupBy: [CHILD, KIND])", 100)],
)
def test_a_summary_costs_by_its_grouping(grouping: str, rows: int) -> None:
    assert cost_of(f"{{ meetingSummary{grouping} {{ kind meetings }} }}") == 50 + 2 * rows


def test_a_grouping_may_be_a_variable() -> None:
    source = "query($g: [MeetingGrouping!]!) { meetingSummary(groupBy: $g) { kind } }"
    assert cost_of(source, {"g": ["KIND", "YEAR"]}) == 50 + 100


def test_children_with_their_meetings_pass_and_three_nested_full_pages_do_not() -> None:
    meetings = "meetings(first: 50) { nodes { a b c d e f g } }"
    assert cost_of(f'{{ unit(code: "1") {{ children(first: 200) {{ nodes {{ {meetings} }} }} }} }}')
    page = "children(first: 200) { nodes { %s } }"
    deep = page % (page % (page % "id"))
    assert refusal(f'{{ unit(code: "1") {{ {deep} }} }}') == "cost"


def test_only_the_operation_that_is_asked_for_costs() -> None:
    source = "query A { units { totalCount } } query B { units { nodes { id } } }"
    assert (cost_of(source, name="A"), cost_of(source, name="B")) == (21, 52)
    assert cost_of(source) == 52


def test_a_limit_is_the_callers() -> None:
    assert refusal("{a{b}}", replace(LIMITS, max_depth=1)) == "depth"
    assert refusal("{ units { nodes { id } } }", replace(LIMITS, max_cost=51)) == "cost"
