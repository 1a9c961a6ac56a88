"""The hierarchy store inside the records' database: nothing to install, one transaction for all.

It works on a connection that the caller has opened and commits, so that a load or a write of
records and the tree's ledger are stored together. The truth is the table `ledger`; the tree of a
day is read from it by recursion, never from the projection, which is derived from it.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import date

from sqlalchemy import insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import CTE

from hierarchy.founding import Known, check, code_fault, in_order
from hierarchy.store import Entry
from hierarchy.tables import ledger, tree
from hierarchy.unit import Founding, Kinds, Life

_FOUNDING = (
    ledger.c.code,
    ledger.c.parent_code,
    ledger.c.name,
    ledger.c.kind,
    ledger.c.category,
    ledger.c.established_on,
    ledger.c.closed_on,
)


class EmbeddedStore:
    """The store on one open connection. See `HierarchyStore` for what its calls promise."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def version(self) -> int:
        found = await self._connection.execute(select(tree.c.version))
        return int(found.scalar_one())

    async def found(self, foundings: Sequence[Founding], kinds: Kinds) -> int:
        # A write is a lock on both databases; SQLite knows no SELECT FOR UPDATE.
        await self._connection.execute(update(tree).values(version=tree.c.version))
        version = await self.version()
        known = await self._known()
        check(foundings, known, kinds)
        ordered = in_order(foundings, known)
        if not ordered:
            return version
        await self._write(version + 1, [founding for founding, _ in ordered])
        return version + 1

    async def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        lines = await self._connection.stream(
            select(ledger.c.version, ledger.c.position, *_FOUNDING)
            .where(ledger.c.version > after)
            .order_by(ledger.c.version, ledger.c.position)
        )
        async for version, position, *fields in lines:
            yield Entry(version, position, Founding(*fields))

    async def parent(self, code: str, as_of: date) -> str | None:
        chain = await self.ancestors(code, as_of)
        return chain[-2] if len(chain) > 1 else None

    async def ancestors(self, code: str, as_of: date) -> list[str]:
        if code_fault(code):
            return []
        above = _above(code)
        rows = await self._connection.execute(
            select(above.c.code, above.c.established_on).order_by(above.c.steps.desc())
        )
        chain = rows.all()
        return [row.code for row in chain] if all(row[1] <= as_of for row in chain) else []

    async def subtree(self, code: str, as_of: date) -> list[str]:
        if not await self.ancestors(code, as_of):
            return []
        below = _below(code, as_of)
        rows = await self._connection.execute(select(below.c.code).order_by(below.c.code))
        return list(rows.scalars())

    async def _known(self) -> dict[str, Known]:
        known: dict[str, Known] = {}
        async for entry in self.entries():
            founding = entry.founding
            above = founding.parent_code and known[founding.parent_code].life.stands_from
            stands_from = max(founding.established_on, above or founding.established_on)
            known[founding.code] = Known(founding, Life(stands_from, founding.closed_on))
        return known

    async def _write(self, version: int, foundings: Sequence[Founding]) -> None:
        names = [column.name for column in _FOUNDING]
        lines = [
            {"version": version, "position": position}
            | {name: getattr(founding, name) for name in names}
            for position, founding in enumerate(foundings)
        ]
        await self._connection.execute(insert(ledger), lines)
        await self._connection.execute(update(tree).values(version=version))


def _above(code: str) -> CTE:
    """The unit and all above it, with `steps` from it."""
    above = (
        select(
            ledger.c.code, ledger.c.parent_code, ledger.c.established_on, literal(0).label("steps")
        )
        .where(ledger.c.code == code)
        .cte("above", recursive=True)
    )
    return above.union_all(
        select(
            ledger.c.code, ledger.c.parent_code, ledger.c.established_on, above.c.steps + 1
        ).where(ledger.c.code == above.c.parent_code)
    )


def _below(code: str, as_of: date) -> CTE:
    """The unit and all below it that have come to stand by the day."""
    below = select(ledger.c.code).where(ledger.c.code == code).cte("below", recursive=True)
    return below.union_all(
        select(ledger.c.code).where(
            ledger.c.parent_code == below.c.code, ledger.c.established_on <= as_of
        )
    )
