"""What a record says, as one short text: how two records under the same client key are told apart.

Pure. The same content gives the same digest wherever it comes from, a file or a mutation.
"""

from hashlib import sha256
from uuid import UUID

import orjson

from records.record import Entry

MAX_KEY_LENGTH = 255
"""The most characters of a client key, so that the databases can index it."""


def digest(resource: str, unit_code: str, by_unit_code: str | None, entry: Entry) -> str:
    """SHA-256, in hex, of the kind of record, its unit, the inspecting unit and all its fields.

    `resource` is `meeting`, `evaluation` or `inspection`; a score is given as a float.
    """
    return sha256(orjson.dumps((resource, unit_code, by_unit_code, entry))).hexdigest()


def revision_digest(id: UUID, revision: int, said: str, reason: str | None) -> str:
    """The same of a revision: of which record, of the revision that it replaces, the `digest` of
    what it says, and why."""
    return sha256(orjson.dumps(("revise", id.hex, revision, said, reason))).hexdigest()


def key_fault(key: str) -> str | None:
    """Why a text may not be a client key, in English; null where it may."""
    if not key:
        return "A client key is not empty."
    if "\0" in key:
        return "A client key holds no NUL character."
    if len(key) > MAX_KEY_LENGTH:
        return "A client key has at most 255 characters."
    return None
