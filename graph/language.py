"""The language that an answer speaks: Vietnamese unless English is preferred.

Messages are written in English where they arise, with named places; the catalogue of each other
language says the same sentence. Codes are never translated. Catalogues are read once.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from babel.core import parse_locale
from babel.messages.pofile import read_po

DEFAULT = "vi"
LANGUAGES = ("vi", "en")


def preferred(accept_language: str | None) -> str:
    """The language for a header Accept-Language: the first we speak by weight, else Vietnamese."""
    best, weight = DEFAULT, 0.0
    for part in (accept_language or "").split(","):
        tag, _, parameters = part.strip().partition(";")
        asked = _weight(parameters)
        spoken = _language(tag)
        if spoken and asked > weight:
            best, weight = spoken, asked
    return best


def said(message: str, values: Mapping[str, object], language: str) -> str:
    """A message in a language, its places filled."""
    return _catalogue(language).get(message, message).format(**values)


def _language(tag: str) -> str | None:
    if tag == "*":
        return DEFAULT
    try:
        language = parse_locale(tag, sep="-")[0]
    except ValueError:
        return None
    return language if language in LANGUAGES else None


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


@cache
def _catalogue(language: str) -> dict[str, str]:
    source = files("graph") / "locale" / f"{language}.po"
    if not source.is_file():
        return {}
    with source.open("rb") as lines:
        catalogue = read_po(lines)
    return {str(entry.id): str(entry.string) for entry in catalogue if entry.id and entry.string}
