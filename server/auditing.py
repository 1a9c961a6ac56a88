"""The trail as a file that is kept elsewhere, and a store held against such a file.

`chibo audit export` writes JSON lines: one an entry, in the order of seals and then of ids, with
all that its hash is taken over; the last line is the head of the chain. The file holds itself
together: each line's hash and the chain of seals can be computed from it alone. What stands in it
can no longer be altered, left out or put in by whoever can write the database without
`chibo verify --against` naming the line. It changes nothing.
"""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from os import fsync
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.errors import BadInput, StoreError
from records import sealing
from records.sealing import FIRST, Seal, chained, contents_of, is_whole
from records.trail import AuditEntry
from server.database import Database

MAX_LINE = 1 << 24
"""Bytes of a line; a longer one is none of a trail's."""

Write = Callable[[bytes], object]


# ---- writing the file


async def export(database: Database, output: Path | None) -> None:
    """Writes the sealed trail to a file, or to standard output. A file is put in its place when it
    is whole.

    Raises `StoreError` for a trail that is not whole, so that no good file is replaced by one that
    nothing can be held against, and `BadInput` for a file that cannot be written.
    """
    async with database.reading() as connection:
        if fault := await sealing.first_fault(connection):
            raise StoreError("Nothing was exported: {fault}.", fault=fault)
        try:
            with _opened(output) as write:
                await _write(connection, write)
        except OSError as error:
            why = error.strerror
            raise BadInput("{path} cannot be written ({why})", path=output, why=why) from None


@contextmanager
def _opened(output: Path | None) -> Iterator[Write]:
    if output is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    with NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as aside:
        path = Path(aside.name)
        try:
            yield aside.write
            aside.flush()
            fsync(aside.fileno())
            path.replace(output)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


async def _write(connection: AsyncConnection, write: Write) -> None:
    count, last = 0, Seal(0, datetime.min, "", FIRST)
    async for last in sealing.seals(connection):
        for entry in await sealing.entries_of(connection, last.number):
            write(orjson.dumps(_fields(entry, last), option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    head = {"seal": last.number, "hash": last.hash, "entries": count}
    write(orjson.dumps({"head": head}, option=orjson.OPT_APPEND_NEWLINE))


def _fields(entry: AuditEntry, seal: Seal) -> dict[str, Any]:
    """An entry as a line tells it: ids in hex, moments in UTC, `detail` as it was hashed."""
    return {
        "id": entry.id.hex,
        "at": _iso(entry.at),
        "principal": entry.principal,
        "action": entry.action,
        "resource": entry.resource,
        "unit_id": entry.unit_id,
        "subject": entry.subject,
        "record_id": entry.record_id and entry.record_id.hex,
        "shown": sorted(each.hex for each in entry.shown),
        "detail": entry.detail,
        "salt": entry.salt,
        "hash": entry.hash,
        "seal": seal.number,
        "sealed_at": _iso(seal.sealed_at),
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


# ---- holding a store against the file


class _Differs(Exception):
    """The file is at fault, or the store is not what it says."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the file about an entry."""

    number: int
    fields: dict[str, Any]
    entry: AuditEntry

    @property
    def seal(self) -> tuple[int, str]:
        return self.fields["seal"], self.fields["sealed_at"]


async def difference(database: Database, path: Path) -> str | None:
    """Where the file is not whole, or the store not what it was when the file was written: the
    first line at fault, and why; null where both say the same. Raises `BadInput` where the file
    cannot be read."""
    reading = _Reading(path)
    try:
        head = reading.head()
        async with database.reading() as connection:
            async for line, why in _differing(connection, reading):
                raise _Differs(f"{path}:{line}: {why}")
            if fault := await _of_head(connection, head):
                raise _Differs(f"{path}:{reading.last_line}: {fault}")
    except _Differs as fault:
        return str(fault)
    except OSError as error:
        raise BadInput("{path} cannot be read ({why})", path=path, why=error.strerror) from None
    return None


class _Reading:
    """The file, read twice: once for its own sake, once to hold the store against it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.last_line = 0

    def head(self) -> dict[str, Any]:
        """The head of a file that is whole. Raises `_Differs` for the first line that is not."""
        last, count = Seal(0, datetime.min, "", FIRST), 0
        for (number, sealed_at), lines in self.seals():
            if number != last.number + 1:
                why = f"seal {number} does not come after seal {last.number}"
                raise self._fault(lines[0].number, why)
            for line in lines:
                if not is_whole(line.entry):
                    raise self._fault(line.number, "the entry does not have the hash it is given")
            contents = contents_of(each.entry for each in lines)
            moment = datetime.fromisoformat(sealed_at)
            last = Seal(number, moment, contents, chained(last.hash, moment, contents))
            count += len(lines)
        head = self._head
        if (head["seal"], head["hash"], head["entries"]) != (last.number, last.hash, count):
            raise self._fault(self.last_line, "the head is not that of the entries before it")
        return head

    def seals(self) -> Iterator[tuple[tuple[int, str], list[_Line]]]:
        """The lines of each seal in turn."""
        for sealed, lines in groupby(self._lines(), lambda line: line.seal):
            yield sealed, list(lines)

    def _lines(self) -> Iterator[_Line]:
        """All lines but the head, which is kept."""
        self._head: dict[str, Any] = {}
        with self._path.open("rb") as file:
            for number, text in _numbered(file):
                self.last_line = number
                if self._head:
                    raise self._fault(number, "something follows the head")
                fields = self._parsed(number, text)
                if fields.keys() == {"head"}:
                    self._head = self._checked_head(number, fields["head"])
                else:
                    yield self._line(number, fields)
        if not self._head:
            raise self._fault(self.last_line, "the file was cut off: it has no head")

    def _parsed(self, number: int, text: bytes) -> dict[str, Any]:
        if not text.endswith(b"\n"):
            raise self._fault(number, "the file was cut off: the line has no end")
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError:
            fields = None
        if not isinstance(fields, dict):
            raise self._fault(number, "this is no line of a trail")
        return fields

    def _checked_head(self, number: int, head: Any) -> dict[str, Any]:
        if not isinstance(head, dict) or head.keys() != {"seal", "hash", "entries"}:
            raise self._fault(number, "this is no head of a trail")
        return head

    def _line(self, number: int, fields: dict[str, Any]) -> _Line:
        try:
            seal, entry = _entry(fields)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._fault(number, "this is no entry of a trail") from None
        if fields != _fields(entry, seal):
            raise self._fault(number, "this is no entry of a trail")
        return _Line(number, fields, entry)

    def _fault(self, number: int, why: str) -> _Differs:
        return _Differs(f"{self._path}:{number}: {why}")


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines of a file by number, none longer than a trail's."""
    return enumerate(iter(lambda: file.readline(MAX_LINE), b""), 1)


def _entry(fields: dict[str, Any]) -> tuple[Seal, AuditEntry]:
    """What a line tells. Raises what a line that is none makes go wrong."""
    record_id = fields["record_id"]
    entry = AuditEntry(
        id=UUID(hex=fields["id"]),
        at=datetime.fromisoformat(fields["at"]),
        principal=fields["principal"],
        action=fields["action"],
        resource=fields["resource"],
        unit_id=fields["unit_id"],
        subject=fields["subject"],
        record_id=None if record_id is None else UUID(hex=record_id),
        shown=tuple(UUID(hex=each) for each in fields["shown"]),
        detail=fields["detail"],
        salt=fields["salt"],
        hash=fields["hash"],
    )
    return Seal(fields["seal"], datetime.fromisoformat(fields["sealed_at"]), "", ""), entry


async def _differing(
    connection: AsyncConnection, reading: _Reading
) -> AsyncIterator[tuple[int, str]]:
    """The lines whose entry the store does not have so, in their order."""
    for (number, sealed_at), lines in reading.seals():
        sealed = await sealing.find(connection, number)
        if sealed is None or _iso(sealed.sealed_at) != sealed_at:
            yield lines[0].number, f"the store does not have seal {number} so"
            return
        found = await _stored(connection, sealed, lines)
        for line in lines:
            if line.entry.id not in found:
                yield line.number, f"the store does not have this entry in seal {number}"
            elif found[line.entry.id] != line.fields:
                yield line.number, "the store has this entry altered"


async def _stored(
    connection: AsyncConnection, sealed: Seal, lines: list[_Line]
) -> dict[UUID, dict[str, Any]]:
    """The entries that the store has in a seal, as lines tell them; without fields one that
    holds what no entry can."""
    try:
        entries = await sealing.entries_of(connection, sealed.number)
    except (ValueError, TypeError):
        return {line.entry.id: await _readable(connection, sealed, line) for line in lines}
    return {each.id: _fields(each, sealed) for each in entries}


async def _readable(connection: AsyncConnection, sealed: Seal, line: _Line) -> dict[str, Any]:
    try:
        found = await sealing.entry(connection, line.entry.id)
    except (ValueError, TypeError):
        return {}
    return {} if found is None else _fields(found, sealed)


async def _of_head(connection: AsyncConnection, head: dict[str, Any]) -> str | None:
    """Why the store's chain is not the one whose head it was."""
    if head["seal"] == 0:
        return None
    stored = await sealing.find(connection, head["seal"])
    if stored is None or stored.hash != head["hash"]:
        return f"the store has another seal {head['seal']}"
    return None
