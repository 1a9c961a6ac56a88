"""An answer as a table for spreadsheets: CSV whose columns are made from the document.

A row is an element of the innermost list, and what stands around that list is repeated in each; a
list within a list is one chain, lists side by side are no table. An element of an outer list whose
inner list is empty, or null, has one row with nothing in the inner columns, so that it is not lost.
A list of plain values is one cell, written as JSON. Text that a spreadsheet could take for a
formula is led by an apostrophe; a row that holds a semicolon has all of its texts in quotes, for
where the system of whoever opens it separates cells by those. Nothing is fetched here, and nothing
is left out: what a page does not hold the view itself has to tell, by `totalCount` or `pageInfo`.
"""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any
from urllib.parse import quote

import orjson
from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from graph.documents import GRAPHQL_SCHEMA
from hierarchy.errors import BadInput
from hierarchy.unit import folded

CSV = "text/csv"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LEFT_OUT = ("edges", "nodes")
"""Fields that name no column, for every list has them; under an alias they do."""
FORMULA = frozenset("=+-@＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula, in either width."""
CUT_OFF = ("\t", "\r", "\n")
"""Beginnings that lead a text into a cell or a row of its own where it is pasted or imported."""

_NO_FILE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|]')
_NO_TOKEN = re.compile(r"[^a-z0-9._-]+")


@dataclass
class _Field:
    """A selected field: without a label it names no column; a plain one has no fields."""

    label: str | None
    is_plain: bool = True
    is_list: bool = False
    column: int = -1
    fields: "dict[str, _Field]" = field(default_factory=dict)

    @property
    def holds_list(self) -> bool:
        return self.is_list or any(each.holds_list for each in self.fields.values())


Fields = Mapping[str, _Field]
"""By response name, in the order of the document."""


@dataclass(frozen=True)
class _Shape:
    """How an object fills a row: its plain values by their places, its objects, and the one field
    that is the list or holds it."""

    cells: tuple[tuple[str, int], ...]
    objects: tuple[tuple[str, "_Shape"], ...]
    inner: "_Inner | None"


@dataclass(frozen=True)
class _Inner:
    """The field that is a list of objects of a shape, or one object that holds the list."""

    name: str
    is_list: bool
    shape: _Shape


@dataclass(frozen=True)
class Sheet:
    """The columns of a document, and how an answer to it fills them."""

    header: tuple[str, ...]
    shape: _Shape

    def written(self, data: Mapping[str, Any]) -> bytes:
        """The whole table, its header first."""
        text = StringIO()
        plain, quoting = csv.writer(text), csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
        plain.writerow(self.header)
        for row in _rows(self.shape, data, [""] * len(self.header), is_element=False):
            holds_semicolon = any(isinstance(cell, str) and ";" in cell for cell in row)
            (quoting if holds_semicolon else plain).writerow(row)
        return BYTE_ORDER_MARK + text.getvalue().encode()


def sheet_of(document: DocumentNode, variables: Mapping[str, Any]) -> Sheet:
    """The columns of a document of one query. Raises `BadInput` where it makes no table: for lists
    side by side, and for two columns of one name."""
    fields = _Selected(document, variables).fields
    _check_lists(fields, ())
    leaves = list(_leaves(fields, ()))
    for place, (_, leaf) in enumerate(leaves):
        leaf.column = place
    header = tuple(name for name, _ in leaves)
    for name, count in Counter(header).items():
        if count > 1:
            raise BadInput("As CSV two columns would be named {column}.", column=name)
    return Sheet(header, _shape(fields))


def disposition(name: str) -> str:
    """A header Content-Disposition (RFC 6266) for a table of that name."""
    plain = _NO_TOKEN.sub("_", folded(name)).strip("._") or "view"
    whole = quote(_NO_FILE.sub("_", name).strip(". ") or "view", safe="")
    return f"attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{whole}.csv"


# ---- columns


class _Selected:
    """The fields of a document, each once, fragments unfolded and directives heeded."""

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        definitions = document.definitions
        self._fragments = {
            node.name.value: node
            for node in definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        [operation] = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
        self._variables = {**_defaults(operation), **variables}
        self.fields: dict[str, _Field] = {}
        self._add(self.fields, operation.selection_set, GRAPHQL_SCHEMA.query_type)

    def _add(
        self, fields: dict[str, _Field], selected: SelectionSetNode, parent: GraphQLNamedType | None
    ) -> None:
        for selection in selected.selections:
            if not self._is_asked(selection):
                continue
            if isinstance(selection, FieldNode):
                self._add_field(fields, selection, parent)
            else:
                self._add_fragment(fields, selection, parent)

    def _add_field(
        self, fields: dict[str, _Field], node: FieldNode, parent: GraphQLNamedType | None
    ) -> None:
        name = (node.alias or node.name).value
        definition: Any = GRAPHQL_SCHEMA.get_field(parent, node.name.value)  # type: ignore[arg-type]
        kind = get_named_type(definition.type)
        if not is_composite_type(kind):
            fields.setdefault(name, _Field(name))
            return
        is_list = is_list_type(get_nullable_type(definition.type))
        label = None if name == node.name.value and name in LEFT_OUT else name
        found = fields.setdefault(name, _Field(label, is_plain=False, is_list=is_list))
        if node.selection_set is not None:
            self._add(found.fields, node.selection_set, kind)

    def _add_fragment(
        self, fields: dict[str, _Field], node: SelectionNode, parent: GraphQLNamedType | None
    ) -> None:
        fragment: Any = node
        if isinstance(node, FragmentSpreadNode):
            fragment = self._fragments[node.name.value]
        on = fragment.type_condition
        kind = GRAPHQL_SCHEMA.type_map[on.name.value] if on else parent
        self._add(fields, fragment.selection_set, kind)

    def _is_asked(self, node: SelectionNode) -> bool:
        """Whether `@skip` and `@include` leave it in."""
        for directive in node.directives or ():
            wanted = {"skip": False, "include": True}.get(directive.name.value)
            given = [self._value(each.value) for each in directive.arguments or ()]
            if wanted is not None and given != [wanted]:
                return False
        return True

    def _value(self, node: Any) -> Any:
        return (
            self._variables.get(node.name.value) if isinstance(node, VariableNode) else node.value
        )


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        each.variable.name.value: each.default_value.value
        for each in operation.variable_definitions or ()
        if isinstance(each.default_value, BooleanValueNode)
    }


def _check_lists(fields: Fields, above: tuple[str, ...]) -> None:
    holding = [name for name, each in fields.items() if each.holds_list]
    if len(holding) > 1:
        one, other = (".".join((*above, name)) for name in holding[:2])
        raise BadInput(
            "As CSV lists cannot stand side by side: {one} and {other}.", one=one, other=other
        )
    for name in holding:
        _check_lists(fields[name].fields, (*above, name))


def _leaves(fields: Fields, above: tuple[str, ...]) -> Iterator[tuple[str, _Field]]:
    """The plain fields in their order, each with the name of its column."""
    for each in fields.values():
        path = above if each.label is None else (*above, each.label)
        if each.is_plain:
            yield ".".join(path), each
        else:
            yield from _leaves(each.fields, path)


def _shape(fields: Fields) -> _Shape:
    plain = ((name, each.column) for name, each in fields.items() if each.is_plain)
    objects = ((name, each) for name, each in fields.items() if not each.is_plain)
    shapes = [(name, each, _shape(each.fields)) for name, each in objects]
    inner = [_Inner(name, each.is_list, shape) for name, each, shape in shapes if each.holds_list]
    around = tuple((name, shape) for name, each, shape in shapes if not each.holds_list)
    return _Shape(tuple(plain), around, inner[0] if inner else None)


# ---- rows

Object = Mapping[str, Any] | None


def _rows(shape: _Shape, value: Object, around: list[Any], is_element: bool) -> Iterator[list[Any]]:
    """The rows of an object, with what stands around it; `is_element` where a list holds it."""
    row = around.copy()
    _fill(shape, value, row)
    inner = shape.inner
    if inner is None:
        yield row
        return
    found = None if value is None else value.get(inner.name)
    if not inner.is_list:
        yield from _rows(inner.shape, found, row, is_element)
        return
    if is_element and not found:
        yield row
    for element in found or ():
        yield from _rows(inner.shape, element, row, is_element=True)


def _fill(shape: _Shape, value: Object, row: list[Any]) -> None:
    """Puts what is no list, and holds none, into the row."""
    if value is None:
        return
    for name, place in shape.cells:
        row[place] = _cell(value.get(name))
    for name, inner in shape.objects:
        _fill(inner, value.get(name), row)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    return f"'{value}" if isinstance(value, str) and _is_formula(value) else value


def _is_formula(text: str) -> bool:
    """Whether a spreadsheet could take it for one, once it has skipped what is not seen."""
    first = next((mark for mark in text if not _is_skipped(mark)), "")
    return first in FORMULA or text.startswith(CUT_OFF)


def _is_skipped(mark: str) -> bool:
    category = unicodedata.category(mark)
    return category[0] == "Z" or category in ("Cc", "Cf")
