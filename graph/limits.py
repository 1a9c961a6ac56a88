"""What one request may ask: how long, how deep, how broad and how dear a document may be.

Everything here is decided from the parsed document, the schema and the variables; nothing is
executed, validated or fetched, and a refusal names nothing but these. `parse_limited` and `measure`
come BEFORE validation, for validation itself is quadratic in repeated names and in fragments; so
they never assume that a document is valid. Unknown fields, fragments and types are passed over and
left to validation. `cost` needs the variables and comes after it, before execution.

Fragments can say exponentially much in few words. `measure` therefore first weighs the document
with each fragment weighed once, and refuses it where it would unfold to more than `max_selections`.
Whatever comes after may walk the unfolded document in the plainest way: it is small.

The walk in circles over introspection (`types { fields { type { fields`) is bounded by the rule
`MaxIntrospectionDepthRule` among graphql-core's specified rules; its fields count here like others.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    Node,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)
from graphql.language.parser import Parser

Selecting = OperationDefinitionNode | FragmentDefinitionNode
Fragments = Mapping[str, FragmentDefinitionNode]

PAGE = 50
"""Elements of a list whose `first` is left out or null: the schema's default of every `first`."""

MAX_PAGE = 200
"""The most elements of a list; a `first` above it is refused as bad input, not as too costly."""

ROWS_OF_A_KEY = 50
"""Rows a summary is taken to have for each key it is grouped by."""

SUMMARY = 50
"""Cost of a summary itself, whatever its rows: it reads more than it answers."""

PLAIN_LIST = 10
"""Elements of a list that has no `first`, where it is not told below."""

LISTS = {
    "Unit.path": 10,
    "Unit.history": 10,
    "Unit.successors": 10,
    "Unit.predecessors": 10,
    "Decision.changes": 100,
    "DecisionPreview.problems": 100,
    "DecisionPreview.sightChanges": 100,
    "Viewer.appointments": 10,
    "Query.labels": 20,
    "EnumerationLabels.values": 10,
    "View.variables": 10,
    "View.problems": 10,
    "Explanation.steps": 10,
    "Grant.roles": 10,
    "Grant.resources": 10,
    "Grant.actions": 10,
    "__Schema.types": 200,
    "__Schema.directives": 10,
    "__Type.fields": 8,
    "__Type.inputFields": 2,
    "__Type.enumValues": 2,
    "__Type.interfaces": 1,
    "__Type.possibleTypes": 1,
    "__Field.args": 2,
    "__Directive.args": 2,
}
"""Elements of each list of the schema that has no `first`. Of the schema itself: as many as there
are on average, types twice as many, for its values are told so much slower."""

WRITE = 100
"""Cost of a mutation itself, where it is not told below: locks, what is stored, and the trail."""

FIELDS = {
    "Query.explain": 100,
    "Query.audit": 50,
    "Query.previewDecision": 1_000,
    "View.variables": 2_000,
    "View.problems": 2_000,
    "Mutation.decide": 1_000,
    "Mutation.reverseDecision": 1_000,
    "Mutation.appoint": 200,
    "Mutation.endAppointment": 200,
    "Mutation.grant": 200,
    "Mutation.revokeGrant": 200,
}
"""Cost of fields that do more than they answer. Whatever holds the revision alone is dear: others
wait for it. What is told of a view's document may need it to be parsed and validated."""

COUNTS = {"totalCount": 20, "hasPreviousPage": 20}
"""Cost of what is counted, on every list that has it: it reads more than it answers."""

LINE = 10
"""Cost of each change of a decision that is taken or tried."""

TOLD_PLACES = 5
"""Places that a refusal names, the dearest first."""

PLACES_DIRECTIVES = 5
"""Directives at one place: there are two that a client can use."""


@dataclass(frozen=True)
class Limits:
    """The most one request may ask. Depth, aliases and tokens are settings.

    max_depth: fields within fields, the outermost being 1, introspection included.
    max_aliases: fields of one operation that carry an alias, or whose response name is given twice
        in one selection: both of them count.
    max_tokens: lexical tokens of the document; as many comments at most.
    max_cost: estimated number of values in the answer, see `cost`; a setting too.
    max_directives, max_definitions: of the document as written; a fragment is a definition.
    max_selections: fields and fragments of all definitions together, fragments unfolded.
    """

    max_depth: int = 15
    max_aliases: int = 100
    max_tokens: int = 10_000
    max_cost: int = 1_000_000
    max_directives: int = 50
    max_definitions: int = 100
    max_selections: int = 20_000

    @property
    def max_nesting(self) -> int:
        """Selections within selections, where fragments count as well as fields."""
        return 4 * self.max_depth


@dataclass(frozen=True, slots=True)
class Costly:
    """A place that makes a document costly: its dotted path of response names, what it adds to the
    cost with all that is in it, how often that is counted, and why: a sentence with its values."""

    path: str
    cost: int | None = None
    times: int | None = None
    because: str | None = None


class TooCostly(Exception):
    """The request asks more than a limit allows (code QUERY_TOO_COSTLY).

    `found` is what was seen when counting stopped; the whole may be more. `place` is the node
    where it stopped, or the error that the parser stopped with. `costly`: the dearest places.
    """

    def __init__(
        self,
        what: str,
        limit: int,
        found: int,
        place: Node | GraphQLSyntaxError | None = None,
        costly: tuple[Costly, ...] = (),
    ) -> None:
        super().__init__(f"The query is too costly: {what} {found}, at most {limit}.")
        self.what = what
        self.limit = limit
        self.found = found
        self.place = place
        self.costly = costly


@dataclass(frozen=True)
class Measures:
    """What `measure` found.

    depth, aliases: of the deepest and of the most aliased definition. selections: of all, unfolded.
    directives: as written. visited: selections looked at to find out.
    """

    depth: int
    aliases: int
    selections: int
    directives: int
    visited: int


def parse_limited(source: str, limits: Limits) -> DocumentNode:
    """The document, parsed up to the limit of tokens.

    Raises `TooCostly` for too many tokens or comments and for nesting that the parser will not
    follow, and `GraphQLSyntaxError` for what is no document.
    """
    most = limits.max_tokens
    parser = Parser(source, max_lexical_tokens=most, max_comments=most)
    try:
        return parser.parse_document()
    except RecursionError:
        pass
    except GraphQLSyntaxError as error:
        if not error.message.endswith("Parsing aborted."):
            raise
        raise TooCostly("tokens", most, most + 1, error) from None
    raise TooCostly("nesting", limits.max_nesting, limits.max_nesting + 1)


def measure(document: DocumentNode, limits: Limits) -> Measures:
    """The measures of a document, valid or not, that is within all limits but the cost.

    They depend on nothing but the document and may be kept with it. Takes time in proportion to
    the document and `max_selections`. Raises `TooCostly`, and a `GraphQLError` with the words of
    validation for a fragment that spreads itself.
    """
    _refuse("definitions", limits.max_definitions, len(document.definitions))
    fragments = _fragments(document)
    definitions = [node for node in document.definitions if isinstance(node, Selecting)]
    scales = _Scales(fragments, limits)
    selections = sum(scales.definition(node, 0).selections for node in definitions)
    _refuse("selections", limits.max_selections, selections)
    unfolded = _Unfolded(fragments)
    roots = [node.selection_set for node in definitions]
    depth = max((_depth(unfolded, root) for root in roots), default=0)
    if depth > limits.max_depth:
        raise _too_deep(unfolded, roots, limits, depth)
    aliases = 0
    for root in roots:
        aliases = max(aliases, _aliases(unfolded, root))
        _refuse("aliases", limits.max_aliases, aliases, root)
    visited = scales.visited + unfolded.visited
    return Measures(depth, aliases, selections, scales.directives, visited)


def cost(
    document: DocumentNode,
    limits: Limits,
    schema: GraphQLSchema,
    variables: Mapping[str, Any] | None,
    operation_name: str | None,
) -> int:
    """About how many values the operation answers with; only for a document that was measured.

    Every field is 1, or what `FIELDS`, `COUNTS` and `WRITE` say. What a list holds is multiplied by
    `first` (50 where left out or null, within 0 to 200), what a summary holds by 50 for each key it
    is grouped by, and a list without `first` by what `LISTS` says. `variables` are those of the
    request as they came. Without a name the dearest operation counts. Raises `TooCostly`.
    """
    asked = document, schema, variables or {}, operation_name
    found = max((each.whole() for each in _estimates(*asked)), default=0)
    if found > limits.max_cost:
        raise TooCostly("cost", limits.max_cost, found, costly=dearest(*asked))
    return found


def dearest(
    document: DocumentNode,
    schema: GraphQLSchema,
    variables: Mapping[str, Any],
    operation_name: str | None,
) -> tuple[Costly, ...]:
    """The places that make the operation costly, the dearest first."""
    found: list[Costly] = []
    for each in _estimates(document, schema, variables, operation_name):
        found += each.places()
    found.sort(key=lambda place: -(place.cost or 0))
    return tuple(found[:TOLD_PLACES])


def _refuse(what: str, limit: int, found: int, place: Node | None = None) -> None:
    if found > limit:
        raise TooCostly(what, limit, found, place)


def _estimates(
    document: DocumentNode,
    schema: GraphQLSchema,
    variables: Mapping[str, Any],
    operation_name: str | None,
) -> Iterator["_Estimate"]:
    fragments = _fragments(document)
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode) and _is_asked(operation, operation_name):
            yield _Estimate(fragments, schema, operation, variables)


def _fragments(document: DocumentNode) -> Fragments:
    fragments = (node for node in document.definitions if isinstance(node, FragmentDefinitionNode))
    return {fragment.name.value: fragment for fragment in fragments}


def _is_asked(operation: OperationDefinitionNode, name: str | None) -> bool:
    return name is None or (operation.name is not None and operation.name.value == name)


@dataclass(frozen=True)
class _Weight:
    """selections: fields and fragments within, unfolded. height: how far they nest."""

    selections: int = 0
    height: int = 0


class _Scales:
    """Weighs definitions, each once, however often it is spread."""

    def __init__(self, fragments: Fragments, limits: Limits) -> None:
        self.visited = 0
        self.directives = 0
        self._fragments = fragments
        self._limits = limits
        self._known: dict[int, _Weight | None] = {}

    def definition(self, node: Selecting, nesting: int) -> _Weight:
        """The weight of a definition spread `nesting` selections deep."""
        if id(node) not in self._known:
            self._known[id(node)] = None
            self._count_directives(node)
            for variable in node.variable_definitions or ():
                self._count_directives(variable)
            self._known[id(node)] = self._inside(node.selection_set, nesting)
        weight = self._known[id(node)]
        if weight is None:
            raise _spreads_itself(node)
        _refuse("nesting", self._limits.max_nesting, nesting + weight.height, node)
        return weight

    def _inside(self, selection_set: SelectionSetNode | None, nesting: int) -> _Weight:
        _refuse("nesting", self._limits.max_nesting, nesting, selection_set)
        selections = height = 0
        for selection in selection_set.selections if selection_set else ():
            weight = self._selection(selection, nesting + 1)
            selections += 1 + weight.selections
            height = max(height, 1 + weight.height)
        _refuse("selections", self._limits.max_selections, selections, selection_set)
        return _Weight(selections, height)

    def _selection(self, selection: SelectionNode, nesting: int) -> _Weight:
        self.visited += 1
        self._count_directives(selection)
        if isinstance(selection, FieldNode | InlineFragmentNode):
            return self._inside(selection.selection_set, nesting)
        fragment = self._fragments.get(_spread_name(selection))
        return self.definition(fragment, nesting) if fragment else _Weight()

    def _count_directives(self, node: Selecting | SelectionNode | VariableDefinitionNode) -> None:
        here = len(node.directives or ())
        self.directives += here
        _refuse("directives", self._limits.max_directives, self.directives, node)
        _refuse("directives of one place", PLACES_DIRECTIVES, here, node)


def _spreads_itself(node: Selecting) -> GraphQLError:
    name = node.name.value if node.name else ""
    return GraphQLError(f"Cannot spread fragment '{name}' within itself.", [node])


def _spread_name(selection: SelectionNode) -> str:
    assert isinstance(selection, FragmentSpreadNode)
    return selection.name.value


class _Unfolded:
    """Selections with fragments unfolded, each once in a selection, as execution does."""

    def __init__(self, fragments: Fragments) -> None:
        self.visited = 0
        self._fragments = fragments

    def fields(
        self,
        selection_set: SelectionSetNode | None,
        on: str | None = None,
        spread: set[str] | None = None,
    ) -> Iterator[tuple[FieldNode, str | None]]:
        """The fields of one selection, each with the type that the fragment around it is on."""
        spread = set() if spread is None else spread
        for selection in selection_set.selections if selection_set else ():
            self.visited += 1
            if isinstance(selection, FieldNode):
                yield selection, on
            elif fragment := self._fragment(selection, spread):
                within = fragment.type_condition.name.value if fragment.type_condition else on
                yield from self.fields(fragment.selection_set, within, spread)

    def _fragment(
        self, selection: SelectionNode, spread: set[str]
    ) -> InlineFragmentNode | FragmentDefinitionNode | None:
        if isinstance(selection, InlineFragmentNode):
            return selection
        name = _spread_name(selection)
        if name in spread:
            return None
        spread.add(name)
        return self._fragments.get(name)


def _depth(unfolded: _Unfolded, selection_set: SelectionSetNode | None) -> int:
    below = (_depth(unfolded, field.selection_set) for field, _ in unfolded.fields(selection_set))
    return max((1 + depth for depth in below), default=0)


def _too_deep(
    unfolded: _Unfolded, roots: list[SelectionSetNode], limits: Limits, depth: int
) -> TooCostly:
    """The refusal of a document with fields nested `depth` deep, which names the deepest."""
    root = next(root for root in roots if _depth(unfolded, root) == depth)
    selection_set: SelectionSetNode | None = root
    path: list[str] = []
    for below in reversed(range(depth)):
        field = next(
            field
            for field, _ in unfolded.fields(selection_set)
            if _depth(unfolded, field.selection_set) == below
        )
        path.append(_response_name(field))
        selection_set = field.selection_set
    return TooCostly("depth", limits.max_depth, depth, field, (Costly(".".join(path)),))


def _aliases(unfolded: _Unfolded, selection_set: SelectionSetNode | None) -> int:
    fields = [field for field, _ in unfolded.fields(selection_set)]
    given = Counter(_response_name(field) for field in fields)
    here = sum(1 for field in fields if field.alias or given[_response_name(field)] > 1)
    return here + sum(_aliases(unfolded, field.selection_set) for field in fields)


def _response_name(field: FieldNode) -> str:
    return (field.alias or field.name).value


GROUPED = "It is grouped: its rows count {times} times."
PAGED = "`first`: what is in the list counts {times} times."
LISTED = "A list without `first`: what is in it counts {times} times."
ITSELF = "It does more than it answers."


class _Weighed(NamedTuple):
    """How a field counts: its type, itself, how often what is in it, how many elements a list
    directly in it has where the field tells, and why where it is not plain."""

    kind: GraphQLNamedType | None
    own: int = 1
    times: int = 1
    page: int | None = None
    because: str | None = None


PLAIN = _Weighed(None)


class _Way(NamedTuple):
    """Where a selection stands, and how often it counts there."""

    path: tuple[str, ...]
    times: int


class _Estimate:
    """The cost of one operation with its variables."""

    def __init__(
        self,
        fragments: Fragments,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self._unfolded = _Unfolded(fragments)
        self._schema = schema
        self._operation = operation
        self._variables = {**_defaults(operation), **variables}

    def whole(self) -> int:
        root = self._schema.get_root_type(self._operation.operation)
        return self._inside(self._operation.selection_set, root)

    def places(self) -> list[Costly]:
        """Every place that costs more than its fields, with what it adds to the whole."""
        root = self._schema.get_root_type(self._operation.operation)
        found: list[Costly] = []
        self._told(self._operation.selection_set, root, None, _Way((), 1), found)
        return found

    def _inside(
        self,
        selection_set: SelectionSetNode | None,
        parent: GraphQLNamedType | None,
        page: int | None = None,
    ) -> int:
        """The cost of a selection; `page` is how many elements a list directly in it has."""
        total = 0
        for field, on in self._unfolded.fields(selection_set):
            weighed = self._weighed(field, self._schema.type_map.get(on) if on else parent, page)
            inside = field.selection_set
            total += weighed.own
            if inside is not None and weighed.times:
                total += weighed.times * self._inside(inside, weighed.kind, weighed.page)
        return total

    def _told(
        self,
        selection_set: SelectionSetNode | None,
        parent: GraphQLNamedType | None,
        page: int | None,
        way: "_Way",
        found: list[Costly],
    ) -> int:
        """The same, noting on the way what is costly."""
        total = 0
        for field, on in self._unfolded.fields(selection_set):
            weighed = self._weighed(field, self._schema.type_map.get(on) if on else parent, page)
            path = (*way.path, _response_name(field))
            onward = _Way(path, way.times * weighed.times)
            inside = self._told(field.selection_set, weighed.kind, weighed.page, onward, found)
            here = weighed.own + weighed.times * inside
            total += here
            if weighed.because is not None:
                times = weighed.times if weighed.page is None else weighed.page
                found.append(Costly(".".join(path), way.times * here, times, weighed.because))
        return total

    def _weighed(
        self, field: FieldNode, parent: GraphQLNamedType | None, page: int | None
    ) -> "_Weighed":
        definition = self._definition(field, parent)
        if definition is None or parent is None:
            return PLAIN
        kind = get_named_type(definition.type)
        if "groupBy" in definition.args:
            return _Weighed(kind, SUMMARY, self._rows(field), because=GROUPED)
        if "first" in definition.args:
            own = FIELDS.get(f"{parent.name}.{field.name.value}", 1)
            return _Weighed(kind, own, page=self._first(field), because=PAGED)
        if is_list_type(get_nullable_type(definition.type)):
            if page is not None:
                return _Weighed(kind, times=page)
            place = f"{parent.name}.{field.name.value}"
            times = LISTS.get(place, PLAIN_LIST)
            return _Weighed(kind, FIELDS.get(place, 1), times, because=LISTED)
        own = self._own(field, parent)
        return _Weighed(kind, own, because=None if own == 1 else ITSELF)

    def _own(self, field: FieldNode, parent: GraphQLNamedType) -> int:
        """What a field costs by itself, with each line of what is given to it."""
        name = field.name.value
        writes = parent is self._schema.mutation_type and not name.startswith("__")
        own = COUNTS.get(name, WRITE if writes else 1)
        own = FIELDS.get(f"{parent.name}.{name}", own)
        given = self._argument(field, "input") if field.arguments else None
        lines = given.get("changes") if isinstance(given, dict) else None
        return own + LINE * len(lines) if isinstance(lines, list) else own

    def _definition(self, field: FieldNode, parent: GraphQLNamedType | None) -> GraphQLField | None:
        if not is_composite_type(parent):
            return None
        return self._schema.get_field(parent, field.name.value)

    def _first(self, field: FieldNode) -> int:
        first = self._argument(field, "first")
        if first is None:
            return PAGE
        return min(max(first, 0), MAX_PAGE) if isinstance(first, int) else MAX_PAGE

    def _rows(self, field: FieldNode) -> int:
        keys = self._argument(field, "groupBy")
        count = len(keys) if isinstance(keys, list) else int(keys is not None)
        return max(1, ROWS_OF_A_KEY * count)

    def _argument(self, field: FieldNode, name: str) -> Any:
        for argument in field.arguments or ():
            if argument.name.value == name:
                return _value(argument.value, self._variables)
        return None


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    definitions = operation.variable_definitions or ()
    return {
        definition.variable.name.value: _value(definition.default_value, {})
        for definition in definitions
        if definition.default_value
    }


def _value(node: ValueNode, variables: Mapping[str, Any]) -> Any:
    """A number, a list of the right length, an object, null as None; anything else stands for
    itself."""
    match node:
        case VariableNode():
            return variables.get(node.name.value)
        case NullValueNode():
            return None
        case ListValueNode():
            return list(node.values)
        case ObjectValueNode():
            return {each.name.value: _value(each.value, variables) for each in node.fields}
        case IntValueNode() if len(node.value) < 12:
            return int(node.value)
    return node
