"""What an answer must hold, whatever was asked.

The status is none of a failed server. Every error has a code of the contract, never INTERNAL, and
says a sentence of ours or graphql-core's words about the document; nothing of a library, a
statement or a stack. Every mark in the answer, in texts, ids and cursors, is one that the viewer
may see; an error may repeat what was asked.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fuzzing.marked import MARK, Sight
from tests.test_language import catalogue

CODES = {
    "FORBIDDEN",
    "NOT_FOUND",
    "BAD_USER_INPUT",
    "CONFLICT",
    "QUERY_TOO_COSTLY",
}
"""What a viewer with a token may be refused with here; nothing else is asked for."""
OF_A_LIBRARY = re.compile(
    r"traceback|sqlalchemy|asyncpg|sqlite|postgres|neo4j|cypher|casbin|strawberry|starlette"
    r"|\bselect\b.*\bfrom\b|insert into|\bupdate\b.*\bset\b|bindparam|\bfile \"|\.py\b"
    r"|0x[0-9a-f]{6}|\b[A-Z]\w+(?:Error|Exception)\b|object at |NoneType|<class|coroutine",
    re.IGNORECASE | re.DOTALL,
)
OF_THE_DOCUMENT = re.compile(
    r"Syntax Error: |Cannot query field |Unknown (?:argument|type|directive|fragment) |Field '"
    r"|Argument '|Variable '\$|Value .* does not exist in |Expected (?:value|type) |Fragment '"
    r"|Enum '|Int cannot represent |Float cannot represent |String cannot represent "
    r"|ID cannot represent |Boolean cannot represent |There can be only one |Fields '"
    r"|Directive '|The directive '|OneOf Input Object '|Too many validation errors"
    r"|Subscription |Cannot spread fragment ",
)
"""How graphql-core begins what it says of a document or its values."""
UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
IN_BASE64 = re.compile(r"[A-Za-z0-9_-]{8,}")


def _pattern(message: str) -> str:
    """A sentence of the catalogue with anything in its places."""
    parts = re.split(r"\{\w+\}", message)
    return ".*".join(map(re.escape, parts))


OURS = re.compile(
    "|".join(_pattern(each) for each in catalogue() if re.sub(r"\{\w+\}|\W", "", each)), re.DOTALL
)


@dataclass
class Seen:
    """What was found in all answers so far."""

    asked: int = 0
    run: int = 0
    whole: int = 0
    """Answers without an error."""
    with_things: int = 0
    """Answers that showed units, records or figures of the province."""
    out_of_sight: int = 0
    """Questions that named something the viewer may not see."""
    written: int = 0
    followed: int = 0
    """Pages asked for after a cursor that was given."""
    codes: dict[str, int] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)

    def __add__(self, other: Seen) -> Seen:
        codes = dict(self.codes)
        for code, times in other.codes.items():
            codes[code] = codes.get(code, 0) + times
        counts = ("asked", "run", "whole", "with_things", "out_of_sight", "written", "followed")
        sums = {name: getattr(self, name) + getattr(other, name) for name in counts}
        return Seen(**sums, codes=codes, marks=self.marks | other.marks)


@dataclass
class Judge:
    """Judges answers to one viewer; `owners` has the marks of everything that has a UUID."""

    sight: Sight
    owners: dict[str, set[str]]
    seen: Seen = field(default_factory=Seen)

    def faults(self, asked: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer, in words; counts what it showed."""
        self.seen.asked += 1
        if status not in (200, 400) or not isinstance(body, dict):
            return [f"status {status}"]
        errors = body.get("errors") or []
        self._count(asked, body, errors)
        found = [fault for error in errors for fault in _wrong(error, asked)]
        return found + self._shown(asked, body)

    def _count(self, asked: str, body: dict[str, Any], errors: list[Any]) -> None:
        data = body.get("data")
        self.seen.run += "data" in body
        self.seen.whole += not errors
        self.seen.written += asked.lstrip().startswith("mutation") and bool(data)
        named = set(MARK.findall(asked)) | self._owned(asked)
        self.seen.out_of_sight += bool(named - self.sight.marks)
        for error in errors:
            code = str((error.get("extensions") or {}).get("code"))
            self.seen.codes[code] = self.seen.codes.get(code, 0) + 1
        marks = self.marks(data)
        self.seen.with_things += bool(marks)
        self.seen.marks |= marks

    def _shown(self, asked: str, body: dict[str, Any]) -> list[str]:
        allowed = self.sight.allowed(asked)
        hidden = self.marks(body.get("data")) - allowed
        found = [f"showed {each}" for each in sorted(hidden)]
        repeated = set(MARK.findall(asked))
        for error in body.get("errors") or []:
            hidden = self.marks(error) - allowed - repeated
            found += [f"showed {each} in an error" for each in sorted(hidden)]
        return found

    def marks(self, value: Any) -> set[str]:
        """Every mark anywhere in a value: keys aside."""
        return {mark for text in texts(value) for mark in self._told(text)}

    def _told(self, text: str) -> Iterator[str]:
        yield from MARK.findall(text)
        yield from self._owned(text)
        for each in IN_BASE64.findall(text):
            inside = _decoded(each)
            yield from MARK.findall(inside)
            yield from self._uuids(inside)

    def _owned(self, text: str) -> set[str]:
        inside = [_decoded(each) for each in IN_BASE64.findall(text)]
        return {mark for each in (text, *inside) for mark in self._uuids(each)}

    def _uuids(self, text: str) -> Iterator[str]:
        for each in UUID.findall(text):
            yield from self.owners.get(each.replace("-", ""), ())


def _wrong(error: Any, asked: str) -> Iterator[str]:
    message, code = error.get("message", ""), (error.get("extensions") or {}).get("code")
    if code not in CODES:
        yield f"code {code}: {message}"
    is_of_the_document = code == "BAD_USER_INPUT" and OF_THE_DOCUMENT.match(message)
    if not is_of_the_document and not OURS.fullmatch(message):
        yield f"no sentence of ours: {message}"
    unsaid = OF_A_LIBRARY.search(message)
    if unsaid and unsaid.group() not in asked:
        yield f"words of a library: {message}"
    if set(error) - {"message", "locations", "path", "extensions"}:
        yield f"more than an error has: {error}"


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def _decoded(text: str) -> str:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return ""
    return raw.decode("utf-8", "ignore")
