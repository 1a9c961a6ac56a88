"""What is wrong with a document that somebody keeps, and which variables it asks for.

A view is looked at when it is saved, and again where it is listed by a process that has not done
so: the schema and the limits may be others by then. What is to be said of it is kept. The document
is not: those of many views would drive out the ones that are run. It is held against the very
limits and the same validation as a document that is run (`graph/documents.py`), and against the
same list of trusted ones. Nothing is executed, and what a variable's value may be is left to
execution.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

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

from graph.documents import GRAPHQL_SCHEMA, as_graphql, prepared_of
from graph.kept import Kept
from graph.language import LANGUAGES
from graph.limits import Limits, TooCostly, cost, parse_limited
from graph.persisted import PersistedDocuments, digest_of
from graph.resolvers.views import told

MAX_KEPT_CHARACTERS = 10_000_000
"""Characters of all that is kept to be said of documents; of one alone a twentieth of them."""
SAID_OF_NONE = 300
"""What is said of any document counts for beside its characters, and each sentence and variable."""


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
class Outcome:
    """What is told of an examined document: its problems by language, and its variables."""

    problems: Mapping[str, tuple[str, ...]]
    variables: tuple[Variable, ...]

    @property
    def characters(self) -> int:
        """What it counts for among what is kept."""
        texts = [text for texts in self.problems.values() for text in texts]
        for each in self.variables:
            texts.append(f"{each.name}{each.type}{each.default_value or ''}")
        return SAID_OF_NONE * (1 + len(texts)) + sum(map(len, texts))


@dataclass(frozen=True, slots=True)
class Examiner:
    """Looks at documents under the limits of one process."""

    limits: Limits
    persisted: PersistedDocuments
    _kept: Kept[Outcome] = field(default_factory=lambda: Kept(MAX_KEPT_CHARACTERS))

    def outcome(self, text: str) -> Outcome:
        """What is to be told of a document that is stored; it is examined once."""
        known = self._kept.get(digest_of(text))
        return known if known is not None else self.keep(text, self.examined(text))

    def examined(self, text: str) -> Examined:
        """What is to be said of a document that is given; nothing of it is kept."""
        known = self._kept.get(digest_of(text))
        if known is not None and not any(known.problems.values()):
            return Examined((), known.variables)
        prepared = prepared_of(text, self.limits)
        if prepared.document is None:
            return Examined(prepared.errors, self._variables_of(text))
        faults = tuple(self._faults(prepared.document))
        return Examined(faults, tuple(_variables(prepared.document)))

    def keep(self, text: str, found: Examined) -> Outcome:
        """Keeps what was found of a document that is stored."""
        problems = {
            language: tuple(told(fault, language) for fault in found.faults)
            for language in LANGUAGES
        }
        outcome = Outcome(problems, found.variables)
        self._kept.keep(digest_of(text), outcome, outcome.characters)
        return outcome

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
