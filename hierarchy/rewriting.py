"""Rewrites the rows of units whose lives changed, and of all that stood under one that moved.

Only what comes out otherwise than it was stored is written. It is told the lives, and decides
nothing about them; whoever asks what would come of a life that is not stored takes the rows and
does not write them.
"""

from asyncio import sleep
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import (
    Date,
    and_,
    bindparam,
    cast,
    delete,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.given import given, is_postgresql, matching
from hierarchy.inserting import insert_rows
from hierarchy.layout import (
    Constants,
    Own,
    Paths,
    Row,
    Span,
    constants_of_row,
    is_shorter,
    never,
    own_of_life,
    own_of_rows,
    placements_of,
    stood_under,
)
from hierarchy.tables import placement, unit
from hierarchy.timeline import Lifeline
from hierarchy.unit import Kinds

TURN = 25
"""Units after which whoever else waits at this process may go on: about a millisecond's work."""

T = TypeVar("T")


async def unhurried(values: Iterable[T]) -> AsyncIterator[T]:
    """The same values; now and then others at the event loop have their turn."""
    for at, value in enumerate(values, 1):
        yield value
        if at % TURN == 0:
            await sleep(0)


async def next_unit_id(connection: AsyncConnection) -> int:
    """The id of the next unit that comes into the tree."""
    return int((await connection.execute(select(func.count()).select_from(unit))).scalar_one())


async def ids_of(connection: AsyncConnection, codes: Collection[str]) -> dict[str, int]:
    """The ids of the units that were ever in the tree, by code."""
    if not codes:
        return {}
    rows = await connection.execute(
        select(unit.c.code, unit.c.id).where(matching(connection, unit.c.code, codes))
    )
    return {row.code: row.id for row in rows}


class Rewriting:
    """The rows of units whose lives changed, and of all that stood under one that moved."""

    def __init__(self, connection: AsyncConnection, kinds: Kinds, ids: Mapping[str, int]) -> None:
        self.stored: dict[int, list[Row]] = {}
        self._connection = connection
        self._kinds = kinds
        self._ids = dict(ids)
        self._constants: dict[int, Constants] = {}
        self._own: dict[int, list[Own]] = {}
        self._changed: set[int] = set()

    async def gather(self, changed: Mapping[str, Lifeline | None]) -> None:
        """Reads what is stored of the changed units and of all that may move with them."""
        await self._identify_above(changed)
        await self._read({self._ids[code] for code in changed})
        moved = set()
        for code, life in changed.items():
            unit_id = self._ids[code]
            before = own_of_rows(self.stored.get(unit_id, []))
            self._take(unit_id, life)
            if before and stood_under(before) != stood_under(self._own.get(unit_id, [])):
                moved.add(unit_id)
        await self._read_below(moved)

    async def write(self) -> None:
        """Stores what comes out otherwise than it was."""
        gone: list[tuple[int, date]] = []
        shorter: dict[date, list[int]] = {}
        new: list[Row] = []
        async for unit_id, rows in unhurried(self.rows()):
            before = {row["valid_from"]: row for row in self.stored.get(unit_id, [])}
            after = {row["valid_from"]: row for row in rows}
            for day, row in before.items():
                if day in after and is_shorter(row, after[day]):
                    shorter.setdefault(after.pop(day)["valid_to"], []).append(unit_id)
                elif after.get(day) == row:
                    del after[day]
                else:
                    gone.append((unit_id, day))
            new += after.values()
        await self._delete(gone)
        await self._shorten(shorter)
        await insert_rows(self._connection, placement, new)
        await self._update_units()

    def rows(self) -> Iterator[tuple[int, list[Row]]]:
        """The rows of each unit as they are to be."""
        known = {
            unit_id: [Span(row["valid_from"], row["valid_to"], row["path"]) for row in rows]
            for unit_id, rows in self.stored.items()
            if unit_id not in self._own
        }
        paths = Paths(self._own, known)
        for unit_id, constants in self._constants.items():
            yield unit_id, placements_of(constants, self._own[unit_id], paths, self._kinds)

    def _take(self, unit_id: int, life: Lifeline | None) -> None:
        """The unit's life as it is now; of one that was reversed there is none."""
        self._changed.add(unit_id)
        if life is None:
            rows = self.stored.get(unit_id, [])
            day = rows[0]["valid_from"] if rows else date.min
            code = next(code for code, id_ in self._ids.items() if id_ == unit_id)
            self._constants[unit_id] = Constants(unit_id, code, day, day, day)
            self._own[unit_id] = []
        else:
            days = (life.established_on, life.stands_from, life.closed_on)
            self._constants[unit_id] = Constants(unit_id, life.code, *days)
            self._own[unit_id] = own_of_life(life, self._ids)

    async def _identify_above(self, changed: Mapping[str, Lifeline | None]) -> None:
        parents = {
            version.parent_code
            for life in changed.values()
            if life is not None
            for version in life.versions
        }
        missing = [code for code in parents if code is not None and code not in self._ids]
        self._ids |= await ids_of(self._connection, missing)
        await self._read({self._ids[code] for code in parents if code is not None})

    async def _read(self, unit_ids: Collection[int]) -> None:
        """The rows of units, by day."""
        wanted = sorted(set(unit_ids) - self.stored.keys())
        if not wanted:
            return
        keys = given(is_postgresql(self._connection), "wanted", key=wanted)
        rows = await self._connection.execute(
            select(placement)
            .join_from(keys, placement, placement.c.unit_id == keys.c.key)
            .order_by(placement.c.unit_id, placement.c.valid_from)
        )
        self.stored |= {unit_id: [] for unit_id in wanted}
        async for row in unhurried(rows.mappings()):
            self.stored[row["unit_id"]].append(dict(row))

    async def _read_below(self, moved: set[int]) -> None:
        """Takes what ever stood under units that moved, as it stands by itself."""
        frontier = set(moved)
        while frontier:
            below = await self._children(frontier)
            await self._read(below)
            frontier = {unit_id for unit_id in below if unit_id not in self._constants}
            async for unit_id in unhurried(frontier):
                rows = self.stored[unit_id]
                self._constants[unit_id] = constants_of_row(rows[0])
                self._own[unit_id] = own_of_rows(rows)
        above = {own.parent_id for spans in self._own.values() for own in spans}
        await self._read({each for each in above if each is not None})

    async def _children(self, parents: Collection[int]) -> set[int]:
        keys = given(is_postgresql(self._connection), "wanted", key=sorted(parents))
        rows = await self._connection.execute(
            select(placement.c.unit_id)
            .join_from(keys, placement, placement.c.parent_id == keys.c.key)
            .distinct()
        )
        return set(rows.scalars())

    async def _delete(self, gone: Sequence[tuple[int, date]]) -> None:
        """Deletes rows by unit and first day. The days are given as texts, as SQLite keeps them."""
        if not gone:
            return
        postgresql = is_postgresql(self._connection)
        unit_ids, days = [unit_id for unit_id, _ in gone], [day.isoformat() for _, day in gone]
        keys = given(postgresql, "gone", key=unit_ids, path=days)
        day = cast(keys.c.path, Date) if postgresql else type_coerce(keys.c.path, Date)
        key = tuple_(placement.c.unit_id, placement.c.valid_from)
        await self._connection.execute(delete(placement).where(key.in_(select(keys.c.key, day))))

    async def _shorten(self, shorter: Mapping[date, Sequence[int]]) -> None:
        """Ends, on each day, the rows of units that go on beyond it."""
        for day, unit_ids in shorter.items():
            keys = given(is_postgresql(self._connection), "wanted", key=list(unit_ids))
            goes_on = or_(placement.c.valid_to.is_(None), placement.c.valid_to > day)
            await self._connection.execute(
                update(placement)
                .where(
                    placement.c.unit_id.in_(select(keys.c.key)),
                    and_(placement.c.valid_from < day, goes_on),
                )
                .values(valid_to=day)
            )

    async def _update_units(self) -> None:
        ids = given(is_postgresql(self._connection), "wanted", key=sorted(self._changed))
        stored = await self._connection.execute(
            select(unit).join_from(ids, unit, unit.c.id == ids.c.key)
        )
        changed = [
            fresh
            for row in stored.mappings()
            if dict(row) != (fresh := self._unit_row(row["id"], row["stands_from"]))
        ]
        if changed:
            days: dict[str, Any] = {
                name: bindparam(name) for name in ("established_on", "stands_from", "closed_on")
            }
            await self._connection.execute(
                update(unit).where(unit.c.id == bindparam("unit_id")).values(days),
                [{"unit_id": row["id"]} | {name: row[name] for name in days} for row in changed],
            )

    def _unit_row(self, unit_id: int, stood_from: date) -> Row:
        if self._own[unit_id]:
            return self._constants[unit_id].row()
        return never(unit_id, self._constants[unit_id].code, stood_from)
