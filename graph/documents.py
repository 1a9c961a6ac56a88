"""Documents that were parsed, measured and validated, kept while they are used and small.

Limits are checked before validation, since validating is what a hostile document would make dear.
What is kept is bounded by the length of its text, for a long document's tree is many times as
large; one that is at fault is not kept. It executes nothing.
"""

from dataclasses import dataclass

from graphql import DocumentNode, GraphQLError, specified_rules, validate
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.kept import Kept
from graph.limits import Limits, TooCostly, measure, parse_limited
from graph.schema.schema import schema
from hierarchy.errors import ChiboError

GRAPHQL_SCHEMA = schema._schema

MAX_KEPT_CHARACTERS = 400_000
"""Characters of all kept documents together; one alone may have a twentieth of them."""
TREE_OF_NONE = 250
"""What any document counts for beside its characters: the tree of a text of fifty takes 14 kB, of
which memory would hold a hundred megabytes where clients write their values into short ones."""
MAX_ERRORS = 20
RULES = (*specified_rules, OneOfInputValidationRule)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document, or what was found wrong with it."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()


class Documents:
    """Prepares documents under the limits of one process and keeps what is asked again."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._kept: Kept[Prepared] = Kept(MAX_KEPT_CHARACTERS)

    def prepared(self, query: str) -> Prepared:
        """The document of a text, fit to be executed, or its errors."""
        known = self._kept.get(query)
        if known is not None:
            return known
        prepared = prepared_of(query, self._limits)
        if prepared.document is not None:
            self._kept.keep(query, prepared, TREE_OF_NONE + len(query))
        return prepared


def as_graphql(error: GraphQLError | TooCostly | ChiboError) -> GraphQLError:
    """A limit that was passed, or another reason not to run it, as an error of the request."""
    if isinstance(error, GraphQLError):
        return error
    place = error.place if isinstance(error, TooCostly) else None
    if isinstance(place, GraphQLError):
        return GraphQLError(
            str(error), source=place.source, positions=place.positions, original_error=error
        )
    return GraphQLError(str(error), place, original_error=error)


def prepared_of(query: str, limits: Limits) -> Prepared:
    """The document of a text, or its errors, of which nothing is kept."""
    try:
        document = parse_limited(query, limits)
        measure(document, limits)
    except (GraphQLError, TooCostly) as error:
        return Prepared(None, (as_graphql(error),))
    errors = validate(GRAPHQL_SCHEMA, document, RULES, max_errors=MAX_ERRORS, hide_suggestions=True)
    return Prepared(None, tuple(errors)) if errors else Prepared(document)
