"""A code that stands in a sentence, where people are to read a word.

Roles, statuses and kinds are codes wherever programs read them. A sentence that names one is given
a `Word`: whoever answers a person says what the code is called in their language
(`graph/language.py`), the command line says the code. It knows no language and builds on nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A code, and of what: an enumeration by its name in the schema, `Role`, `UnitKind`, … `name`
    is what it is called where that is data."""

    of: str
    code: str
    name: str | None = None

    def __str__(self) -> str:
        return self.code
