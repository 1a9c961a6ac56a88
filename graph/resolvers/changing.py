"""What a viewer is told of changes: from where on, whether at all, and each one as they see it.

A stream begins like a list: first what the input alone shows, then sight, then rights. Afterwards
each change is judged by `Sight.sees`, which is what cuts lists too, asked of one unit: the viewer's
`read` scope on the tree of today, and of an inspection on SIGNS that is not concluded the offices
above it or at the inspecting unit. A withdrawal is judged by what the record last was.

The cursor of a change is its position, encrypted anew each time: neither its value nor that two of
them are alike tells how much happens elsewhere.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
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
        by = changed.by_unit_id or changed.unit_id
        return not changed.on_signs or scope.covers_on_signs(unit, by)


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
    position = None if since is None else position_of(context.cursor_key, since)
    found = await sight(context, asked)
    here = await context.ask(changes.bounds)
    if position is None:
        return Begun(asked, found, here.last)
    if position > here.last:
        raise _no_cursor()
    if position < here.forgotten:
        raise forgotten()
    return Begun(asked, found, position)


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
    return cursor(context.cursor_key, here.last)


async def told(context: Context, numbered: Numbered, unit: Placed) -> Told | None:
    """A change as it is told to whoever sees it; null where its record is there no more, and that
    is not what it tells."""
    changed = numbered.changed
    record = None
    if changed.change is not RecordChangeKind.WITHDRAWN:
        scope = alone_by(unit, changed.by_unit_id or changed.unit_id)
        series, id_ = _SERIES[changed.resource], changed.record_id
        record = await context.ask(lists.find, series, scope, context.today, id_)
        if record is None:
            return None
    here = cursor(context.cursor_key, numbered.position)
    kind = RecordKind(changed.resource.upper())
    told_of = changed.record_id, unit, record
    return Told(here, changed.change, kind, *told_of, changed.at)


def worth_telling(found: Iterable[Numbered]) -> list[Numbered]:
    """Those whose record is there, or was withdrawn by them."""
    withdrawn = RecordChangeKind.WITHDRAWN
    return [each for each in found if each.is_there or each.changed.change is withdrawn]


# ---- cursors


def cursor(key: bytes, position: int) -> str:
    """A text for a position that only this server reads."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _cipher(key).encrypt(nonce, position.to_bytes(8, "big"), _BOUND_TO)
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def position_of(key: bytes, text: str) -> int:
    """The position in a cursor. Raises `BadInput` for what is none."""
    try:
        raw = base64.b64decode(text, b"-_", validate=True)
        plain = _cipher(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _BOUND_TO)
    except (binascii.Error, ValueError, InvalidTag):
        raise _no_cursor() from None
    return int.from_bytes(plain, "big")


def _cipher(key: bytes) -> AESGCMSIV:
    return AESGCMSIV(hashlib.blake2b(_BOUND_TO, key=key, digest_size=32).digest())


def forgotten() -> BadInput:
    """What whoever stands before the forgotten changes is told: some were missed."""
    return BadInput("Changes since then are forgotten: read anew.", field="since")


def _no_cursor() -> BadInput:
    return BadInput("This is no cursor that this list gave.", field="since")
