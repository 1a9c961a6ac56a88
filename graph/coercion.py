"""What graphql-core says of a value that cannot be taken, as a field and a sentence of our own.

A front end needs to know which field to mark, a person to read why in their language. The
library's words are read here and nowhere else; what is not recognised keeps them. It decides
nothing: the value was refused before.
"""

import dataclasses
import re
from dataclasses import dataclass

from graphql import GraphQLError

REFUSED = "The value of {field} cannot be taken: {reason}"
MISSING = "A value is needed here."
OF_TYPE = "A value of type {type} is needed here."
NO_MEMBER = "This is no value of {type}."
NO_FIELD = "There is no such field."

_OF_A_VARIABLE = re.compile(
    r"Variable '\$(?P<name>\w+)' has invalid value(?: at (?P<place>[\w.\[\]]+))?: (?P<reason>.*)",
    re.DOTALL,
)
_NAMED_BEFORE = re.compile(r"(\w+)\s*:[\s\[]*$")
_LAST_NAME = re.compile(r"([A-Za-z_]\w*)[\[\]\d]*$")
_REASONS = (
    (re.compile(r"(?P<type>\w+) cannot represent "), OF_TYPE),
    (re.compile(r"Value .* does not exist in '(?P<type>\w+)' enum", re.DOTALL), NO_MEMBER),
    (re.compile(r"Expected .*to include required field '(?P<field>\w+)'"), MISSING),
    (re.compile(r"Expected .*not to include unknown field '(?P<field>\w+)'"), NO_FIELD),
    (re.compile(r"Expected .*non-null type .* (?:not to be None|to be provided)\."), MISSING),
)


@dataclass(frozen=True, slots=True)
class Refused:
    """Which field was refused, and why, with what the sentence names."""

    field: str
    reason: str
    values: dict[str, object] = dataclasses.field(default_factory=dict)


def refused(error: GraphQLError) -> Refused | None:
    """What the error says of a value; null where it speaks of something else."""
    of_variable = _OF_A_VARIABLE.fullmatch(error.message)
    name = _of_place(of_variable) if of_variable else _of_literal(error)
    message = of_variable["reason"] if of_variable else error.message
    for pattern, reason in _REASONS:
        if found := pattern.match(message):
            named = found.groupdict()
            at = named.pop("field", name)
            return Refused(at, reason, named) if at else None
    is_ours = of_variable is not None or message.startswith(("Date ", "DateTime "))
    return Refused(name, message) if name and is_ours else None


def _of_place(found: re.Match[str]) -> str:
    last = _LAST_NAME.search(found["place"] or "")
    return last[1] if last else found["name"]


def _of_literal(error: GraphQLError) -> str | None:
    """The name before the literal at fault in the document."""
    node = error.nodes[0] if error.nodes else None
    if node is None or node.loc is None:
        return None
    before = _NAMED_BEFORE.search(node.loc.source.body[: node.loc.start])
    return before[1] if before else None
