"""The projection: the ledger of the tree laid out as rows that SQL can cut by ranges of paths.

`apply` brings it up to the store's version inside the caller's transaction, by the entries that
are missing: after a write, at start, and after a crash between the two databases. It never
reads what it wrote to decide what is true: unit ids follow the ledger's order, so that the same
ledger always gives the same rows. `differences` holds the rows against a replay from the
beginning.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.store import Entry, HierarchyStore
from hierarchy.tables import placement, revision, unit, unit_kind, unit_kind_standing
from hierarchy.unit import LABEL_WIDTH, Founding, Kind, Kinds, Standing, folded, label

BATCH = 2_000

Row = dict[str, Any]


async def read_kinds(connection: AsyncConnection) -> Kinds:
    """All kinds and which may stand under which."""
    kinds = await connection.execute(select(unit_kind).order_by(unit_kind.c.rank, unit_kind.c.code))
    standings = await connection.execute(select(unit_kind_standing))
    return Kinds.of((Kind(*row) for row in kinds), (Standing(*row) for row in standings))


async def projected_version(connection: AsyncConnection) -> int:
    """The version of the tree that the projection shows."""
    return int((await connection.execute(select(revision.c.tree_version))).scalar_one())


async def apply(connection: AsyncConnection, store: HierarchyStore) -> int:
    """Applies what is missing; answers with the version projected. Serialised by the row."""
    # A write is a lock on both databases; SQLite knows no SELECT FOR UPDATE.
    await connection.execute(update(revision).values(tree_version=revision.c.tree_version))
    version = await projected_version(connection)
    kinds = await read_kinds(connection)
    above = _Above(connection)
    next_id = int((await connection.execute(select(func.count()).select_from(unit))).scalar_one())
    async for entries in _batches(store.entries(after=version)):
        await above.fetch(entries)
        rows = list(_rows(entries, next_id, above.places, kinds))
        await connection.execute(insert(unit), [row for row, _ in rows])
        await connection.execute(insert(placement), [row for _, row in rows])
        next_id += len(entries)
        version = entries[-1].version
    await connection.execute(update(revision).values(tree_version=version))
    return version


async def differences(connection: AsyncConnection, store: HierarchyStore) -> list[str]:
    """What differs between the projection and a replay of the ledger, in words; none is well."""
    kinds = await read_kinds(connection)
    entries = [entry async for entry in store.entries()]
    replayed = list(_rows(entries, 0, {}, kinds))
    wrong = await _compare(connection, unit, [row for row, _ in replayed], "id")
    wrong += await _compare(connection, placement, [row for _, row in replayed], "unit_id")
    return wrong


class _Above:
    """Where the units stand that new ones go under: id, path, depth and the day they stand from."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.places: dict[str, tuple[int, str, date]] = {}

    async def fetch(self, entries: list[Entry]) -> None:
        """Reads the places of parents that are not yet known and not founded here."""
        parents = {entry.founding.parent_code for entry in entries} - self.places.keys()
        missing = parents - {entry.founding.code for entry in entries} - {None}
        if missing:
            rows = await self._connection.execute(
                select(placement.c.code, placement.c.unit_id, placement.c.path, unit.c.stands_from)
                .join(unit, unit.c.id == placement.c.unit_id)
                .where(placement.c.code.in_(missing), placement.c.valid_to.is_(None))
            )
            self.places.update({code: (id_, path, day) for code, id_, path, day in rows})


async def _batches(entries: AsyncIterator[Entry]) -> AsyncIterator[list[Entry]]:
    batch: list[Entry] = []
    async for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _rows(
    entries: list[Entry], next_id: int, places: dict[str, tuple[int, str, date]], kinds: Kinds
) -> Iterator[tuple[Row, Row]]:
    """A unit and its placement for each entry; `places` gains where each one stands."""
    for unit_id, entry in enumerate(entries, next_id):
        founding = entry.founding
        parent_id, above, stands_from = None, "", founding.established_on
        if founding.parent_code is not None:
            parent_id, above, parent_stands = places[founding.parent_code]
            stands_from = max(stands_from, parent_stands)
        path = above + label(unit_id)
        places[founding.code] = unit_id, path, stands_from
        yield (
            _unit_row(unit_id, founding, stands_from),
            _placement_row(unit_id, parent_id, path, founding, stands_from, kinds),
        )


def _unit_row(unit_id: int, founding: Founding, stands_from: date) -> Row:
    return {
        "id": unit_id,
        "code": founding.code,
        "established_on": founding.established_on,
        "stands_from": stands_from,
        "closed_on": founding.closed_on,
    }


def _placement_row(
    unit_id: int,
    parent_id: int | None,
    path: str,
    founding: Founding,
    stands_from: date,
    kinds: Kinds,
) -> Row:
    return {
        "unit_id": unit_id,
        "valid_from": stands_from,
        "valid_to": None,
        "parent_id": parent_id,
        "path": path,
        "depth": len(path) // LABEL_WIDTH - 1,
        "rank": kinds.rank(founding.kind),
        "code": founding.code,
        "name": founding.name,
        "name_folded": folded(founding.name),
        "kind": founding.kind,
        "category": founding.category,
        "established_on": founding.established_on,
        "closed_on": founding.closed_on,
        "last_open_on": founding.closed_on and founding.closed_on - timedelta(days=1),
    }


async def _compare(
    connection: AsyncConnection, table: Any, replayed: list[Row], key: str
) -> list[str]:
    stored = await connection.execute(select(table))
    rows = {row[key]: dict(row) for row in stored.mappings()}
    wrong = [
        f"{table.name} of {row[key]} is {rows.get(row[key])}, the ledger says {row}"
        for row in replayed
        if rows.get(row[key]) != row
    ]
    unknown = sorted(rows.keys() - {row[key] for row in replayed})
    return wrong + [f"{table.name} of {found} is not in the ledger" for found in unknown]
