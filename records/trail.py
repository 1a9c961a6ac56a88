"""The trail: who did what to which unit's things, when, as entries that are only ever added.

An entry is stored in the transaction of the change that it tells of. It carries a hash of its own
over a canonical form with a random salt, so that what it says cannot be guessed from the hash nor
changed without it; which entries there are is held by the seals (`records/sealing.py`), so that
writers never wait for one another. `detail` holds facts by name, never what a record says. It
decides nothing about who may see an entry (`records/audits.py`).
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from records.tables import audit_entry, audit_shown

SALT_BYTES = 16

Facts = dict[str, Any]
"""What an entry tells beside its fields: values of JSON by name."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `subject` is the key of what was written (a record's or appointment's id in hex,
    a decision's number); `record_id` the record it is about; `shown` the open inspections on
    SIGNS that a request has shown; `detail` the facts as JSON; `salt` and `hash` in hex."""

    id: UUID
    at: datetime
    principal: str
    action: str
    resource: str
    unit_id: int | None
    subject: str | None
    record_id: UUID | None
    shown: tuple[UUID, ...]
    detail: str
    salt: str
    hash: str

    @property
    def is_whole(self) -> bool:
        """Whether it says what it said when it was hashed."""
        return self.hash == _hash(self.salt, self._form())

    def _form(self) -> bytes:
        """The canonical form: the same bytes wherever the entry was read from."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        record_id = self.record_id and self.record_id.hex
        shown = sorted(each.hex for each in self.shown)
        return orjson.dumps(
            (
                self.id.hex,
                at,
                self.principal,
                self.action,
                self.resource,
                self.unit_id,
                self.subject,
                record_id,
                shown,
                self.detail,
            )
        )


def entry(
    at: datetime,
    principal: str,
    action: str,
    resource: str,
    unit_id: int | None = None,
    subject: str | None = None,
    record_id: UUID | None = None,
    shown: Collection[UUID] = (),
    facts: Facts | None = None,
) -> AuditEntry:
    """A new entry, with a salt of its own."""
    said = orjson.dumps(facts or {}, option=orjson.OPT_SORT_KEYS).decode()
    id_, salt = UUID(bytes=uuid7().bytes), secrets.token_hex(SALT_BYTES)
    named = (id_, at, principal, action, resource, unit_id, subject, record_id, tuple(shown))
    bare = AuditEntry(*named, said, salt, "")
    return AuditEntry(*named, said, salt, _hash(salt, bare._form()))


def _hash(salt: str, form: bytes) -> str:
    return sha256(bytes.fromhex(salt) + form).hexdigest()


async def append(connection: AsyncConnection, entries: Sequence[AuditEntry]) -> None:
    """Stores entries in the caller's transaction."""
    if not entries:
        return
    for each in entries:
        await connection.execute(_INSERT, _row(each))
    shown = [
        {"entry_id": each.id, "record_id": record_id}
        for each in entries
        for record_id in each.shown
    ]
    if shown:
        await connection.execute(insert(audit_shown), shown)


_INSERT = insert(audit_entry)
_NAMES = tuple(column.name for column in audit_entry.c if column.name != "seal")


def _row(given: AuditEntry) -> dict[str, Any]:
    return {name: getattr(given, name) for name in _NAMES}
