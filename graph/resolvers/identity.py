"""Global ids: one opaque text for a unit, a decision, a record, an appointment and so on.

A text that is none decodes to null, and so reads like the id of something that does not exist.
"""

import base64
import binascii
from typing import Any
from uuid import UUID

from authz.appointments import Appointment
from authz.grants import Grant
from hierarchy.decisions import DecisionSeen
from hierarchy.unit import Placed
from records.record import Evaluation, Inspection, Meeting
from records.views import View

_NAMES: dict[type, str] = {
    Placed: "Unit",
    DecisionSeen: "Decision",
    Meeting: "Meeting",
    Evaluation: "Evaluation",
    Inspection: "Inspection",
    Appointment: "Appointment",
    Grant: "Grant",
    View: "View",
}


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def global_id(thing: Any) -> str:
    """The id of a unit (by its code), a decision (by its number) or anything that has a UUID."""
    return id_of(_NAMES[type(thing)], _key(thing))


def id_of(name: str, key: str) -> str:
    """The id of what has a type's name and a key, whether it is there or not."""
    written = binascii.b2a_base64(f"{name}:{key}".encode(), newline=False)
    return written.translate(_URL_SAFE).rstrip(b"=").decode()


def _key(thing: Any) -> str:
    if isinstance(thing, Placed):
        return thing.code
    return thing.number if isinstance(thing, DecisionSeen) else str(thing.id.hex)


def parse_id(text: str) -> tuple[str, str] | None:
    """The type's name and the key; null where the text is no id as `global_id` writes them."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        name, mark, key = raw.decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    canonical = base64.urlsafe_b64encode(raw).decode().rstrip("=") == text
    return (name, key) if mark and canonical and name in _NAMES.values() else None


def key_of(id: str, name: str) -> UUID | None:
    """The UUID in the id of a type's thing; null where it is none, or of another type."""
    found, key = parse_id(id) or ("", "")
    return parse_key(key) if found == name else None


def parse_key(key: str) -> UUID | None:
    """The UUID of a key; null where it is none as `global_id` writes them."""
    try:
        found = UUID(hex=key)
    except ValueError:
        return None
    return found if found.hex == key else None
