"""Free texts and client keys as clients give them: what the input alone shows to be wrong.

Nothing is asked of a store, and nothing is trimmed or normalised.
"""

from hierarchy.errors import BadInput
from hierarchy.placements import storable
from records.content import key_fault

MAX_TEXT = 10_000
"""The most characters of a reason or a purpose."""


def check_key(key: str | None) -> None:
    """Raises `BadInput` for a client key that is none; null is no key."""
    if key is not None and (message := key_fault(key)):
        raise BadInput(message, field="client_key")


def check_text(text: str, field: str, limit: int = MAX_TEXT) -> None:
    """Raises `BadInput` for a text of more than `limit` characters, or that no store can hold."""
    if len(text) > limit:
        raise BadInput("A text has at most {limit} characters.", field=field, limit=limit)
    if not storable(text):
        raise BadInput("A text holds a character that cannot be stored.", field=field)
