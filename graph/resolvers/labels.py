"""What codes are called: words for people, so that no front end keeps a list of its own.

The words stand in catalogues (`graph/locale/labels.*.po`); which values an enumeration has is the
schema's to say, which kinds of unit there are the tree's. It looks at no right and shows no unit,
record or appointment.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graph.language import LANGUAGES, labels
from graph.resolvers.context import Context
from hierarchy.errors import BadInput

TEXTS = ("Action", "ErrorCode", "Resource", "Role")
"""Codes that are texts in the schema, not values of an enumeration."""


@dataclass(frozen=True, slots=True)
class ValueLabel:
    """A code and what it is called."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class EnumerationLabels:
    """What the codes of one enumeration are called."""

    name: str
    values: list[ValueLabel]


def all_labels(
    context: Context, enumerations: Mapping[str, Sequence[str]], language: str | None
) -> list[EnumerationLabels]:
    """The words for every enumeration, by name, and for the texts that are codes.

    Raises `BadInput` for a language that is not spoken; null is the request's.
    """
    spoken = context.language if language is None else language
    if spoken not in LANGUAGES:
        raise BadInput("The language is vi or en.", field="language")
    codes = {**enumerations, **{name: list(labels(name, spoken)) for name in TEXTS}}
    found = [EnumerationLabels(name, _labelled(name, codes[name], spoken)) for name in codes]
    found.append(EnumerationLabels("UnitKind", list(_kinds(context, spoken))))
    return sorted(found, key=lambda each: each.name)


def _labelled(name: str, codes: Sequence[str], language: str) -> list[ValueLabel]:
    words = labels(name, language)
    return [ValueLabel(code, words.get(code, code)) for code in codes]


def _kinds(context: Context, language: str) -> Iterator[ValueLabel]:
    """The kinds of unit that there are, by rank; in the words of the tree where we have none."""
    for kind in sorted(context.kinds, key=lambda kind: (kind.rank, kind.code)):
        yield ValueLabel(kind.code, labels("UnitKind", language).get(kind.code, kind.name))
