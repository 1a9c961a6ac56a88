"""How much of the tree a scope covers: what a list's plan is chosen by.

The newest records of a large part of the tree are found by walking the dates, those of a small
part by one short range a unit. The sizes are counted once a revision and kept by the process.
"""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy import placements
from hierarchy.given import is_postgresql
from hierarchy.placements import Revision
from hierarchy.scope import Scope
from hierarchy.unit import Placed

MAX_KEPT = 10_000
RECORDS_A_UNIT = 60
"""About how many records a unit has, in lists that are long enough to matter: PostgreSQL reads
them all, SQLite leaves a unit at the first that comes too late for the page."""


class SizeKeeper:
    """Counts and keeps sizes; one for a process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, int] = OrderedDict()

    async def is_small(
        self,
        connection: AsyncConnection,
        revision: Revision,
        scope: Scope,
        day: date,
        limit: int,
        within: Placed | None = None,
    ) -> bool:
        """Whether reading the records of each unit that the scope covers (within one subtree) is
        less than walking the dates until `limit` records of them are met."""
        whole = await self._size(connection, revision, None, day, None)
        read = RECORDS_A_UNIT if is_postgresql(connection) else 1
        most = int((limit * whole / read) ** 0.5)
        return await self._size(connection, revision, scope, day, within) <= most

    async def _size(
        self,
        connection: AsyncConnection,
        revision: Revision,
        scope: Scope | None,
        day: date,
        within: Placed | None,
    ) -> int:
        key = revision.tree_version, scope, day, within and within.path
        if key not in self._kept:
            self._kept[key] = await placements.size(connection, scope, day, within)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
