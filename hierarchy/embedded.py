"""The hierarchy store inside the records' database: nothing to install, one transaction for all.

It works on a connection that the caller has opened and commits, so that a load or a write of
records and the tree's ledger are stored together. The truth is the tables `ledger` and
`ledger_decision`; the tree of a day is a replay of them, never the projection, which is derived
from them.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import astuple
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.decision import Change, ChangeKind, Decision, Proposal, Reversal
from hierarchy.founding import code_fault, text_fault
from hierarchy.gathering import gather
from hierarchy.given import matching
from hierarchy.inserting import insert_rows
from hierarchy.store import Entry, Told
from hierarchy.tables import ledger, ledger_decision, tree
from hierarchy.timeline import (
    Judged,
    Lifeline,
    judge,
    lifelines,
    new_proposals,
    refuse,
    reversal,
    tried,
)
from hierarchy.unit import Founding, Kinds

FOUNDING = "FOUNDING"
BATCH = 5_000
_LINE = (
    ledger.c.version,
    ledger.c.position,
    ledger.c.change,
    ledger.c.number,
    ledger.c.code,
    ledger.c.other_code,
    ledger.c.name,
    ledger.c.kind,
    ledger.c.category,
    ledger.c.keeps_category,
    ledger.c.implied,
    ledger.c.effective_on,
    ledger.c.closed_on,
)
_HEAD = (
    ledger_decision.c.number,
    ledger_decision.c.title,
    ledger_decision.c.issued_by,
    ledger_decision.c.issued_on,
    ledger_decision.c.effective_on,
    ledger_decision.c.recorded_at,
    ledger_decision.c.client_key,
)


class EmbeddedStore:
    """The store on one open connection. See `HierarchyStore` for what its calls promise."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def version(self) -> int:
        found = await self._connection.execute(select(tree.c.version))
        return int(found.scalar_one())

    async def extend(
        self, foundings: Sequence[Founding], decisions: Sequence[Proposal], kinds: Kinds
    ) -> int:
        version = await self._lock()
        fresh, taken = await new_proposals(self, decisions)
        judged = await self._judged(foundings, fresh, kinds)
        refuse(judged, foundings, taken)
        if not judged.foundings and not fresh:
            return version
        await self._write(version + 1, judged, fresh)
        return version + 1

    async def reverse(self, number: str, reason: str, at: datetime, kinds: Kinds) -> int:
        version = await self._lock()
        await reversal(self, number, kinds)
        await self._connection.execute(
            update(ledger_decision)
            .where(ledger_decision.c.number == number)
            .values(reversed_version=version + 1, reversed_at=at, reason=reason)
        )
        await self._publish(version + 1)
        return version + 1

    async def judged(self, decision: Proposal, kinds: Kinds) -> Judged:
        return await tried(self, decision, kinds)

    async def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        heads = await self._heads(after)
        lines = await self._connection.stream(
            select(*_LINE).where(ledger.c.version > after).order_by(*_LINE[:2])
        )
        async for row in lines:
            while heads and (heads[0].version, heads[0].position) < (row.version, row.position):
                yield heads.pop(0)
            yield Entry(row.version, row.position, _line(row))
        for head in heads:
            yield head

    async def lines_of(self, codes: Collection[str]) -> list[Told]:
        return await self._told(ledger.c.code, codes)

    async def lines_naming(self, codes: Collection[str]) -> list[Told]:
        return await self._told(ledger.c.other_code, codes)

    async def decision(self, number: str) -> tuple[Decision, Reversal | None, list[Change]] | None:
        if text_fault("", number):
            return None
        ending = (ledger_decision.c.reversed_at, ledger_decision.c.reason)
        heads = await self._connection.execute(
            select(*_HEAD, *ending).where(ledger_decision.c.number == number)
        )
        head = heads.first()
        if head is None:
            return None
        lines = await self._connection.execute(
            select(*_LINE).where(ledger.c.number == number).order_by(*_LINE[:2])
        )
        *fields, reversed_at, reason = head
        taken_back = Reversal(number, reversed_at, reason) if reversed_at is not None else None
        return Decision(*fields), taken_back, [_change(row) for row in lines]

    async def issued_by(self, codes: Collection[str]) -> list[str]:
        columns = ledger_decision.c
        found = await self._connection.execute(
            select(columns.number).where(
                matching(self._connection, columns.issued_by, codes), columns.reversed_at.is_(None)
            )
        )
        return list(found.scalars())

    async def parent(self, code: str, as_of: date) -> str | None:
        chain = await self.ancestors(code, as_of)
        return chain[-2] if len(chain) > 1 else None

    async def ancestors(self, code: str, as_of: date) -> list[str]:
        if code_fault(code):
            return []
        above = _parents(await self._lifelines(), as_of)
        chain: list[str] = []
        at: str | None = code
        while at is not None and at in above:
            chain.insert(0, at)
            at = above[at]
        return chain

    async def subtree(self, code: str, as_of: date) -> list[str]:
        below: dict[str | None, list[str]] = defaultdict(list)
        above = _parents(await self._lifelines(), as_of)
        for child, parent in above.items():
            below[parent].append(child)
        found = [code] if code in above else []
        for each in found:
            found += below[each]
        return sorted(found)

    async def _lock(self) -> int:
        """A write is a lock on both databases; SQLite knows no SELECT FOR UPDATE."""
        await self._connection.execute(update(tree).values(version=tree.c.version))
        return await self.version()

    async def _judged(
        self, foundings: Sequence[Founding], fresh: Sequence[Proposal], kinds: Kinds
    ) -> Judged:
        if foundings:
            known = await self._all()
        else:
            known = await gather(self, fresh)
        return judge(known, foundings, fresh, kinds)

    async def _all(self) -> list[Told]:
        rows = await self._connection.execute(_told_lines())
        return [_told(row) for row in rows]

    async def _lifelines(self) -> dict[str, Lifeline]:
        return lifelines(await self._all())

    async def _told(self, column: Column[Any], codes: Collection[str]) -> list[Told]:
        asked = [code for code in codes if not code_fault(code)]
        rows = await self._connection.execute(
            _told_lines().where(matching(self._connection, column, asked))
        )
        return [_told(row) for row in rows]

    async def lines_of_parts(self, codes: Collection[str]) -> list[Told]:
        rows = await self._connection.execute(
            _told_lines().where(
                matching(self._connection, ledger.c.other_code, codes),
                ledger.c.change == ChangeKind.SPLIT.value,
                ledger.c.founds,
            )
        )
        return [_told(row) for row in rows]

    async def _heads(self, after: int) -> list[Entry]:
        """Decisions taken and reversed after a version, in their order."""
        columns = ledger_decision.c
        rows = await self._connection.execute(
            select(
                *_HEAD,
                columns.version,
                columns.position,
                columns.reversed_version,
                columns.reversed_at,
                columns.reason,
            ).where(func.coalesce(columns.reversed_version, columns.version) > after)
        )
        found = []
        for *fields, version, position, reversed_version, reversed_at, reason in rows:
            if version > after:
                found.append(Entry(version, position, Decision(*fields)))
            if reversed_version is not None:
                taken_back = Reversal(fields[0], reversed_at, reason)
                found.append(Entry(reversed_version, 0, taken_back))
        return sorted(found, key=lambda entry: (entry.version, entry.position))

    async def _write(self, version: int, judged: Judged, fresh: Sequence[Proposal]) -> None:
        for start in range(0, len(judged.foundings), BATCH):
            some = enumerate(judged.foundings[start : start + BATCH], start)
            lines = [_founded(version, position, founding) for position, founding in some]
            await insert_rows(self._connection, ledger, lines)
        position = len(judged.foundings)
        for proposal, kept in zip(fresh, judged.kept, strict=True):
            head = _head(version, position, proposal.decision)
            await insert_rows(self._connection, ledger_decision, [head])
            lines = [
                _changed(version, position + at, proposal.decision, line)
                for at, line in enumerate(kept, 1)
            ]
            await insert_rows(self._connection, ledger, lines)
            position += 1 + len(kept)
        await self._publish(version)

    async def _publish(self, version: int) -> None:
        await self._connection.execute(update(tree).values(version=version))


def _told_lines() -> Select[Any]:
    """Lines with whether their decision was reversed."""
    is_reversed = ledger_decision.c.reversed_at.is_not(None).label("is_reversed")
    return select(*_LINE, is_reversed).select_from(
        ledger.outerjoin(ledger_decision, ledger_decision.c.number == ledger.c.number)
    )


def _told(row: Any) -> Told:
    if row.number is None:
        return Told(row.version, row.position, _founding(row))
    days = row.number, row.effective_on, row.is_reversed
    return Told(row.version, row.position, _change(row), *days)


def _line(row: Any) -> Founding | Change:
    return _founding(row) if row.number is None else _change(row)


def _founding(row: Any) -> Founding:
    days = row.effective_on, row.closed_on
    return Founding(row.code, row.other_code, row.name, row.kind, row.category, *days)


def _change(row: Any) -> Change:
    return Change(
        ChangeKind(row.change),
        row.code,
        row.other_code,
        row.name,
        row.kind,
        row.category,
        row.keeps_category,
        row.implied,
    )


def _founded(version: int, position: int, founding: Founding) -> dict[str, Any]:
    return {
        "version": version,
        "position": position,
        "change": FOUNDING,
        "number": None,
        "code": founding.code,
        "other_code": founding.parent_code,
        "name": founding.name,
        "kind": founding.kind,
        "category": founding.category,
        "keeps_category": False,
        "implied": False,
        "founds": True,
        "effective_on": founding.established_on,
        "closed_on": founding.closed_on,
    }


def _changed(version: int, position: int, decision: Decision, change: Change) -> dict[str, Any]:
    return {
        "version": version,
        "position": position,
        "change": change.change.value,
        "number": decision.number,
        "code": change.unit_code,
        "other_code": change.other_code,
        "name": change.name,
        "kind": change.kind,
        "category": change.category,
        "keeps_category": change.keeps_category,
        "implied": change.implied,
        "founds": change.founds,
        "effective_on": decision.effective_on,
        "closed_on": None,
    }


def _head(version: int, position: int, decision: Decision) -> dict[str, Any]:
    names = [column.name for column in _HEAD]
    fields = dict(zip(names, astuple(decision), strict=True))
    return fields | {"version": version, "position": position}


def _parents(lives: dict[str, Lifeline], as_of: date) -> dict[str, str | None]:
    """The unit above each that stands on the day."""
    return {
        code: [each for each in life.versions if each.valid_from <= as_of][-1].parent_code
        for code, life in lives.items()
        if life.stands_from <= as_of
    }
