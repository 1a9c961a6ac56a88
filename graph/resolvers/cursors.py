"""Cursors: where a page of one list ended, in a text that only this server makes.

A cursor is bound to its list (field, unit, filter, order, day) by a keyed hash, so that one made
by hand or given by another list is refused. It says nothing but the key of an element that the
viewer was shown; rights are looked at anew with every page.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import orjson

from authz import appointments, grants
from hierarchy import decisions
from hierarchy.errors import BadInput
from records.audits import AuditPosition
from records.lists import Position
from records.views import ViewPosition

_MAC_BYTES = 12


@dataclass(frozen=True, slots=True)
class ListName:
    """What tells one list from another; `key` is the server's secret."""

    key: bytes
    parts: tuple[object, ...]

    def cursor(self, *position: object) -> str:
        payload = orjson.dumps(position)
        return _text(self._mac(payload) + payload)

    def position(self, cursor: str) -> list[object]:
        """What the cursor was made of. Raises `BadInput` where this list never gave it."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _no_cursor() from None
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if _text(raw) != cursor or not hmac.compare_digest(mac, self._mac(payload)):
            raise _no_cursor()
        found: list[object] = orjson.loads(payload)
        return found

    def _mac(self, payload: bytes) -> bytes:
        named = repr(self.parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(
            named + b"\0" + payload, key=self.key, digest_size=_MAC_BYTES
        ).digest()


def code_after(name: ListName, after: str | None) -> str | None:
    """The code that a page of units begins after."""
    return None if after is None else str(name.position(after)[0])


def record_after(name: ListName, after: str | None) -> Position | None:
    """The place that a page of records begins after."""
    if after is None:
        return None
    day, id_ = name.position(after)
    when = day if isinstance(day, int) else date.fromisoformat(str(day))
    return Position(when, UUID(str(id_)))


def decision_after(name: ListName, after: str | None) -> decisions.Position | None:
    """The place that a page of decisions begins after."""
    if after is None:
        return None
    day, number = name.position(after)
    return decisions.Position(date.fromisoformat(str(day)), str(number))


def appointment_after(name: ListName, after: str | None) -> appointments.Position | None:
    """The place that a page of appointments begins after."""
    if after is None:
        return None
    code, role, day, principal, id_ = map(str, name.position(after))
    return appointments.Position(code, role, date.fromisoformat(day), principal, UUID(id_))


def entry_after(name: ListName, after: str | None) -> AuditPosition | None:
    """The place that a page of the trail begins after."""
    if after is None:
        return None
    at, id_ = name.position(after)
    return AuditPosition(datetime.fromisoformat(str(at)), UUID(str(id_)))


def grant_after(name: ListName, after: str | None) -> grants.Position | None:
    """The place that a page of grants begins after."""
    if after is None:
        return None
    code, first, id_ = name.position(after)
    return grants.Position(str(code), date.fromisoformat(str(first)), UUID(hex=str(id_)))


def view_after(name: ListName, after: str | None) -> ViewPosition | None:
    """The place that a page of views begins after."""
    return None if after is None else ViewPosition(*map(str, name.position(after)))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _no_cursor() -> BadInput:
    return BadInput("This is no cursor that this list gave.", field="after")
