"""How much of the tree a scope covers: what a list's plan is chosen by.

The newest records of a large part of the tree are found by walking the dates, those of a small
part by one short range a unit. The sizes are counted once a revision and kept by the process.
"""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy import placements
from hierarchy.placements import Revision
from hierarchy.scope import Scope

MAX_KEPT = 10_000
RECORDS_A_UNIT = 60
"""About how many records a unit has, in lists that are long enough to matter."""


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
    ) -> bool:
        """Whether reading up to `RECORDS_A_UNIT` of each covered unit is less than walking the
        dates until `limit` records of them are met."""
        whole = await self._size(connection, revision, None, day)
        most = int((limit * whole / RECORDS_A_UNIT) ** 0.5)
        return await self._size(connection, revision, scope, day) <= most

    async def _size(
        self, connection: AsyncConnection, revision: Revision, scope: Scope | None, day: date
    ) -> int:
        key = revision.tree_version, scope, day
        if key not in self._kept:
            self._kept[key] = await placements.size(connection, scope, day)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
