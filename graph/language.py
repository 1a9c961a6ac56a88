"""The language that an answer speaks: Vietnamese unless English is preferred.

Messages are written in English where they arise, with named places; the catalogue of each other
language says the same sentence. Codes are never translated. Catalogues are read once.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

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
    return sentence.format(**values) if values else sentence


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
    source = files("graph") / "locale" / f"{language}.po"
    if not source.is_file():
        return {}
    with source.open("rb") as lines:
        catalogue = read_po(lines)
    return {str(entry.id): str(entry.string) for entry in catalogue if entry.id and entry.string}
