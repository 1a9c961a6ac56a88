"""What a viewer is told of changes: from where on, whether at all, and each one as they see it.

A stream begins like a list: first what the input alone shows, then sight, then rights. Afterwards
each change is judged by `Sight.sees`, which is what cuts lists too, asked of one unit: the viewer's
`read` scope on the tree of today, and of an inspection on SIGNS that is not concluded the offices
above it or at the inspecting unit. A withdrawal is judged by what the record last was.

The cursor of a change is its position and moment, encrypted anew each time: neither its value nor
that two of them are alike tells how much happens elsewhere. It is refused by its own age, whether
or not there were changes since that are forgotten: that would tell of them.
"""

import base64
import binascii
import hashlib
import os
import struct
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from authz.rights import Rights
from graph.resolvers import units
from graph.resolvers.context import Context
from graph.resolvers.identity import id_of
from graph.resolvers.writing import alone_by
from hierarchy.errors import BadInput, Forbidden
from hierarchy.unit import Placed
from records import changes, lists
from records.changes import Changed, Numbered
from records.lists import SERIES, Series
from records.record import RecordChangeKind, RecordKind

_BOUND_TO = b"recordChanges"
_NONCE_BYTES = 12
_PLACE = struct.Struct(">qq")
_SERIES: dict[str, Series[Any]] = {each.resource: each for each in SERIES.values()}
_NAMES = {each.resource: name for name, each in SERIES.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a stream asks: the changes within a unit's subtree, of some kinds, from a cursor on."""

    within: str | None
    kinds: tuple[RecordKind, ...] | None
    since: str | None

    @property
    def resources(self) -> tuple[str, ...]:
        return tuple(kind.resource for kind in (RecordKind if self.kinds is None else self.kinds))


@dataclass(frozen=True, slots=True)
class Sight:
    """What a stream may be told: by whose rights, within which unit as it stands today, of which
    resources."""

    rights: Rights
    inside: Placed | None
    resources: tuple[str, ...]

    def sees(self, changed: Changed, unit: Placed) -> bool:
        """Whether the viewer may read the record of the unit, which stands so today."""
        if changed.resource not in self.resources:
            return False
        if self.inside is not None and not unit.path.startswith(self.inside.path):
            return False
        scope = self.rights.scope("read", changed.resource, self.rights.today)
        if not scope.covers(unit):
            return False
        return not changed.on_signs or scope.covers_on_signs(unit, changed.inspecting_unit_id)


@dataclass(frozen=True, slots=True)
class Begun:
    """A stream as it begins: what it asks, what it may be told, and after which position."""

    asked: Asked
    sight: Sight
    position: int

    def __aiter__(self) -> AsyncIterator[Any]:
        """To graphql-core it is a source of events; they come from `graph/streams.py`."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Told:
    """One change as it is told: `record` is as it is now, null where it was withdrawn."""

    cursor: str
    change: RecordChangeKind
    kind: RecordKind
    record_id: UUID
    unit: Placed
    record: Any | None
    at: datetime

    @property
    def global_id(self) -> str:
        return id_of(_NAMES[self.kind.resource], self.record_id.hex)


async def begin(context: Context, asked: Asked) -> Begun:
    """How a stream begins. Raises `BadInput` for a cursor that is none or too old, `NotFound` and
    `Forbidden` as `sight` does."""
    since = asked.since if context.goes_on_after is None else context.goes_on_after
    place = None if since is None else place_of(context.cursor_key, since)
    if place is not None and place.at < context.now - context.changes_kept:
        raise forgotten()
    found = await sight(context, asked)
    here = await context.ask(changes.bounds)
    if place is None:
        return Begun(asked, found, here.last)
    if place.position > here.last:
        raise _no_cursor()
    if place.position < here.forgotten:
        raise forgotten()
    return Begun(asked, found, place.position)


async def sight(context: Context, asked: Asked) -> Sight:
    """What the viewer may be told. Raises `NotFound` for a unit out of sight, and `Forbidden` where
    they may read none of what is asked for; who asks for nothing is refused nothing."""
    inside = await units.within(context, asked.within, context.today)
    found = Sight(context.rights, inside, asked.resources)
    for resource in asked.resources:
        try:
            await units.readable(context, resource, inside)
        except Forbidden:
            continue
        return found
    if asked.resources:
        raise Forbidden
    return found


async def cursor_of_now(context: Context) -> str:
    """The cursor after all that this snapshot shows."""
    here = await context.ask(changes.bounds)
    return cursor(context.cursor_key, Place(here.last, context.now))


async def told(context: Context, numbered: Numbered, unit: Placed) -> Told | None:
    """A change as it is told to whoever sees it; null where its record is there no more, and that
    is not what it tells."""
    changed = numbered.changed
    record = None
    if changed.change is not RecordChangeKind.WITHDRAWN:
        scope = alone_by(unit, changed.inspecting_unit_id)
        series, id_ = _SERIES[changed.resource], changed.record_id
        record = await context.ask(lists.find, series, scope, context.today, id_)
        if record is None:
            return None
    here = cursor(context.cursor_key, Place(numbered.position, changed.at))
    kind = RecordKind(changed.resource.upper())
    told_of = changed.record_id, unit, record
    return Told(here, changed.change, kind, *told_of, changed.at)


def worth_telling(found: Iterable[Numbered]) -> list[Numbered]:
    """Those whose record is there, or was withdrawn by them."""
    withdrawn = RecordChangeKind.WITHDRAWN
    return [each for each in found if each.is_there or each.changed.change is withdrawn]


# ---- cursors


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cursor stands: after a position, of which that moment is true. What comes after it
    is kept as long as the moment is not too old."""

    position: int
    at: datetime


def cursor(key: bytes, place: Place) -> str:
    """A text for a place that only this server reads."""
    nonce = os.urandom(_NONCE_BYTES)
    plain = _PLACE.pack(place.position, int(place.at.timestamp()))
    sealed = _cipher(key).encrypt(nonce, plain, _BOUND_TO)
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def place_of(key: bytes, text: str) -> Place:
    """The place of a cursor. Raises `BadInput` for what is none."""
    try:
        raw = base64.b64decode(text, b"-_", validate=True)
        plain = _cipher(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _BOUND_TO)
        position, at = _PLACE.unpack(plain)
    except (binascii.Error, ValueError, InvalidTag, struct.error):
        raise _no_cursor() from None
    return Place(position, datetime.fromtimestamp(at, UTC))


def _cipher(key: bytes) -> AESGCMSIV:
    return AESGCMSIV(hashlib.blake2b(_BOUND_TO, key=key, digest_size=32).digest())


def forgotten() -> BadInput:
    """What whoever stands before the forgotten changes is told: some were missed."""
    return BadInput("Changes since then are forgotten: read anew.", field="since")


def _no_cursor() -> BadInput:
    return BadInput("This is no cursor that this list gave.", field="since")
