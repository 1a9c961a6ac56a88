"""What a request selects below a field: which sums, counts and units it pays to fetch.

Names are those of the schema. A selection under `@skip` or `@include` counts as made: too much is
fetched rather than too little.
"""

from collections.abc import Hashable, Iterator
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)
from strawberry import Info


def selected(info: Info[Any, Any], *path: str) -> frozenset[str]:
    """The names selected below this field, or below the field at `path` under it.

    Found once a request, not once a parent: the document's nodes live as long as it does.
    """
    nodes = info._raw_info.field_nodes
    kept: dict[Hashable, frozenset[str]] = info.context.selections
    name = (*map(id, nodes), *path)
    if name not in kept:
        kept[name] = _names(nodes, path, info._raw_info.fragments)
    return kept[name]


def _names(
    nodes: list[FieldNode], path: tuple[str, ...], fragments: dict[str, FragmentDefinitionNode]
) -> frozenset[str]:
    for step in path:
        nodes = [node for node in _below(nodes, fragments) if node.name.value == step]
    return frozenset(node.name.value for node in _below(nodes, fragments))


def _below(
    nodes: list[FieldNode], fragments: dict[str, FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    for node in nodes:
        if node.selection_set is not None:
            yield from fields_of(node.selection_set, fragments)


def fields_of(
    selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    """The fields of one selection, those of fragments in it included."""
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from fields_of(node.selection_set, fragments)
        elif isinstance(node, FragmentSpreadNode):
            yield from fields_of(fragments[node.name.value].selection_set, fragments)
