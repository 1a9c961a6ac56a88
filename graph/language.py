"""The language that an answer speaks: Vietnamese unless English is preferred.

Messages are written in English where they arise, with named places; the catalogue of each other
language says the same sentence. Codes are never translated; what they are called stands in
catalogues of labels, and a code that a sentence names is read by its label there. Catalogues are
read once.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from hierarchy.words import Word

DEFAULT = "vi"
LANGUAGES = ("vi", "en")

_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def preferred(accept_language: str | None) -> str:
    """The language for a header Accept-Language (RFC 9110, 12.5.4): of those we speak the one of
    the highest weight, the first named among equals; Vietnamese where it names none."""
    weights: dict[str, float] = {}
    for part in (accept_language or "").split(","):
        tag, *parameters = part.split(";")
        language = _primary(tag)
        weights[language] = max(weights.get(language, 0.0), weight(parameters))
    for language in LANGUAGES:
        weights.setdefault(language, weights.get("*", 0.0))
    spoken = [language for language in weights if language in LANGUAGES and weights[language] > 0]
    return max(spoken, key=weights.__getitem__, default=DEFAULT)


def said(message: str, values: Mapping[str, object], language: str) -> str:
    """A message in a language, its places filled; without values it is said as it is."""
    sentence = _catalogue(language).get(message, message)
    return sentence.format(**_worded(values, language)) if values else sentence


def word_said(word: Word, language: str) -> str:
    """What a code is called within a sentence; the code itself where nobody has named it."""
    label = labels(word.of, language).get(word.code)
    return label[:1].lower() + label[1:] if label else word.name or word.code


def labels(of: str, language: str) -> Mapping[str, str]:
    """What codes are called, in their order: those of an enumeration of the schema, or of texts
    that are data (`Role`); without any where nothing is named there."""
    return _labels(language).get(of, {})


def _worded(values: Mapping[str, object], language: str) -> dict[str, object]:
    return {
        name: word_said(value, language) if isinstance(value, Word) else value
        for name, value in values.items()
    }


def _primary(tag: str) -> str:
    """The language of a tag such as `en-GB`; regions and scripts are not told apart."""
    return tag.strip().partition("-")[0].lower()


def weight(parameters: list[str]) -> float:
    """The weight among a range's parameters: 1 where there is none, 0 where it is no weight."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return float(value) if _WEIGHT.fullmatch(value.strip()) else 0.0
    return 1.0


@cache
def _catalogue(language: str) -> dict[str, str]:
    entries = _entries(f"{language}.po")
    return {str(entry.id): str(entry.string) for entry in entries if entry.id and entry.string}


@cache
def _labels(language: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for entry in _entries(f"labels.{language}.po"):
        if entry.id and entry.string:
            found.setdefault(str(entry.context), {})[str(entry.id)] = str(entry.string)
    return found


def _entries(name: str) -> Catalog:
    """A catalogue; an empty one where there is no file of that name."""
    source = files("graph") / "locale" / name
    if not source.is_file():
        return Catalog()
    with source.open("rb") as lines:
        return read_po(lines)
