"""What is wrong with a document that somebody keeps, and which variables it asks for.

A view is looked at when it is saved and again wherever it is listed: the schema and the limits may
be others by then. It is held against the very limits and the same validation as a document that is
run (`graph/documents.py`), and against the same list of trusted ones. Nothing is executed, and
what a variable's value may be is left to execution.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    GraphQLError,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    VariableDefinitionNode,
    print_ast,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from graph.documents import GRAPHQL_SCHEMA, Documents, as_graphql
from graph.limits import Limits, TooCostly, cost, parse_limited
from graph.persisted import PersistedDocuments


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as the document declares it: its type and its default as GraphQL writes them;
    required where it has to be given."""

    name: str
    type: str
    is_required: bool
    default_value: str | None


@dataclass(frozen=True, slots=True)
class Examined:
    """What is wrong with a document, none where it can be run, and its variables in their order;
    of a text that is no document there are none."""

    faults: tuple[GraphQLError, ...]
    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class Examiner:
    """Looks at documents under the limits of one process."""

    documents: Documents
    limits: Limits
    persisted: PersistedDocuments

    def examined(self, text: str) -> Examined:
        """What is to be said of a document."""
        prepared = self.documents.prepared(text)
        if prepared.document is None:
            return Examined(prepared.errors, self._variables_of(text))
        faults = tuple(self._faults(prepared.document))
        return Examined(faults, tuple(_variables(prepared.document)))

    async def unanswered(self, texts: Collection[str], connection: AsyncConnection) -> set[str]:
        """Those that this server would not run whoever asks, because nobody registered them."""
        return await self.persisted.unanswered(texts, connection)

    def _faults(self, document: DocumentNode) -> Iterator[GraphQLError]:
        operations = [
            node for node in document.definitions if isinstance(node, OperationDefinitionNode)
        ]
        others = [node for node in operations if node.operation is not OperationType.QUERY]
        if others or len(operations) != 1:
            yield GraphQLError("A view is one query operation.", others or operations[1:])
            return
        try:
            cost(document, self.limits, GRAPHQL_SCHEMA, None, None)
        except TooCostly as error:
            yield as_graphql(error)

    def _variables_of(self, text: str) -> tuple[Variable, ...]:
        """Those of a document that is at fault."""
        try:
            return tuple(_variables(parse_limited(text, self.limits)))
        except (GraphQLError, TooCostly):
            return ()


def _variables(document: DocumentNode) -> Iterator[Variable]:
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            yield from map(_variable, operation.variable_definitions or ())


def _variable(definition: VariableDefinitionNode) -> Variable:
    default = definition.default_value
    return Variable(
        definition.variable.name.value,
        print_ast(definition.type),
        isinstance(definition.type, NonNullTypeNode) and default is None,
        None if default is None else print_ast(default),
    )
