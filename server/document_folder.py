"""A folder of GraphQL documents: each is read, checked, and told by the id it is asked under.

Every `*.graphql` is one document, its id the SHA-256 of its bytes; every `*.json` is an object of
ids and documents, as compilers of clients write them. All that is wrong is told at once, as
`file: what is wrong`. Other files and folders within it are passed over; nothing is stored here.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from graph.documents import GRAPHQL_SCHEMA, Documents
from graph.limits import Limits, TooCostly, cost
from graph.persisted import ID, digest_of
from hierarchy.errors import BadInput
from server.folder.faults import LIMIT, shown

NO_TEXT = re.compile(r"[\0\ud800-\udfff]")
"""What JSON can say and no store keeps."""


class DocumentsRefused(BadInput):
    """A folder that is not right: one line a fault, `LIMIT` of them at most."""

    def __init__(self, faults: Sequence[str]) -> None:
        lines = list(faults[:LIMIT])
        if len(faults) > LIMIT:
            lines.append(f"and {len(faults) - LIMIT} more")
        super().__init__("{faults}", faults="\n".join(lines))


def read_documents(folder: Path, limits: Limits) -> dict[str, str]:
    """The documents of a folder by id. Raises `DocumentsRefused` with everything that is wrong."""
    reading = _Reading(Documents(limits), limits)
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".graphql", ".json"))
    except OSError as error:
        raise DocumentsRefused([f"{folder}: cannot be read ({error.strerror})"]) from None
    for path in paths:
        reading.file(path)
    if not reading.found and not reading.faults:
        raise DocumentsRefused([f"{folder}: holds no document"])
    if reading.faults:
        raise DocumentsRefused(reading.faults)
    return reading.found


class _Reading:
    """What was found so far, and what is wrong with it."""

    def __init__(self, documents: Documents, limits: Limits) -> None:
        self.found: dict[str, str] = {}
        self.faults: list[str] = []
        self._documents = documents
        self._limits = limits

    def file(self, path: Path) -> None:
        try:
            text = path.read_bytes().decode()
            if path.suffix == ".graphql":
                self._document(path.name, digest_of(text), text)
                return
            for document_id, value in _of_json(text.removeprefix("\ufeff")):
                self._named(path, document_id, value)
        except OSError as error:
            self.faults.append(f"{path.name}: cannot be read ({error.strerror})")
        except UnicodeDecodeError:
            self.faults.append(f"{path.name}: not UTF-8")
        except _Unreadable as error:
            self.faults.append(f"{path.name}: {error}")

    def _named(self, path: Path, document_id: str, value: Any) -> None:
        place = f"{path.name}: {shown(document_id)}"
        if not ID.fullmatch(document_id):
            self.faults.append(f"{place}: an id is 1 to 200 characters, none of control")
        elif not isinstance(value, str):
            self.faults.append(f"{place}: the document is no text")
        else:
            self._document(place, document_id, value)

    def _document(self, place: str, document_id: str, text: str) -> None:
        faults = list(self._faults(text))
        if self.found.get(document_id, text) != text:
            faults.append("the id of another document of the folder")
        self.faults += [f"{place}: {fault}" for fault in faults]
        self.found[document_id] = text

    def _faults(self, text: str) -> Iterator[str]:
        """What keeps a document from being run; its cost is that of variables left out."""
        if NO_TEXT.search(text):
            yield "holds U+0000 or half a character"
            return
        prepared = self._documents.prepared(text)
        for error in prepared.errors:
            line = f"line {error.locations[0].line}: " if error.locations else ""
            yield f"{line}{error.message}"
        if prepared.document is not None:
            try:
                cost(prepared.document, self._limits, GRAPHQL_SCHEMA, None, None)
            except TooCostly as error:
                yield str(error)


class _Unreadable(Exception):
    """Why a text is no object of ids and documents."""


def _of_json(text: str) -> list[tuple[str, Any]]:
    """The pairs of the outermost object, each id once."""
    try:
        value = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise _Unreadable(f"line {error.lineno}: not JSON") from None
    except ValueError:
        raise _Unreadable("a number of too many digits") from None
    except RecursionError:
        raise _Unreadable("nested too deeply") from None
    if not isinstance(value, _Pairs):
        raise _Unreadable("not an object of ids and documents")
    for document_id, times in Counter(each for each, _ in value).items():
        if times > 1:
            raise _Unreadable(f"{shown(document_id)} a second time")
    return value


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON as it was written."""
