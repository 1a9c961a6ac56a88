"""What every resolver of one request shares: the snapshot, the viewer's rights, and the loaders.

The context is made at the edge once the principal is known and the revision read. Statements of a
request run one after the other on its one connection (`ask`); what many parents need is gathered
by loaders into one statement a level. What a request did that the trail must tell is noted here,
and stored at the edge (`graph/execution.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.dataloader import DataLoader

from authz.rights import Rights, RightsKeeper
from graph.resolvers.sizes import SizeKeeper
from hierarchy import placements
from hierarchy.decisions import Sight
from hierarchy.placements import Revision
from hierarchy.scope import Scope
from hierarchy.store import HierarchyStore
from hierarchy.unit import Kinds, Placed
from records import trail
from records.trail import AuditEntry

if TYPE_CHECKING:
    from graph.examining import Examiner

CHANGES_KEPT = timedelta(days=7)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Context:
    """One request. `now` is the moment it began; `cursor_key` the server's secret for cursors;
    `tree` the store of the tree, to be asked what a decision would do, and in a request that
    decides to be written to; `examiner` looks at documents that somebody keeps; `entries` what the
    trail is to tell of the request, `tries` what it is to tell if nothing of the request is stored,
    `shown_on_signs` the units of the open inspections on SIGNS that it shows, by record;
    `selections` what is selected where, as `selection.py` found it; `goes_on_after` the cursor that
    a stream's client says beside its document, `changes_kept` how old such a cursor may be."""

    connection: AsyncConnection
    tree: HierarchyStore
    rights: Rights
    revision: Revision
    kinds: Kinds
    sizes: SizeKeeper
    cursor_key: bytes
    today: date
    now: datetime
    language: str
    examiner: "Examiner"
    goes_on_after: str | None = None
    changes_kept: timedelta = CHANGES_KEPT
    entries: list[AuditEntry] = field(default_factory=list)
    tries: list[AuditEntry] = field(default_factory=list)
    shown_on_signs: dict[UUID, int] = field(default_factory=dict)
    selections: dict[Hashable, frozenset[str]] = field(default_factory=dict)
    _loaders: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=dict)
    _units: dict[tuple[int, date], Placed] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _asked: asyncio.Future[Any] | None = None
    _is_over: bool = False

    async def ask(
        self,
        query: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **named: P.kwargs,
    ) -> T:
        """Runs a query on the request's connection when it is free."""
        return await self._in_turn(partial(query, self.connection, *args, **named))

    async def ask_tree(self, question: Callable[[HierarchyStore], Awaitable[T]]) -> T:
        """Asks the store of the tree, which may be on the same connection."""
        return await self._in_turn(partial(question, self.tree))

    async def _in_turn(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Where a field fails, those beside it are cancelled. What one of them asks goes on to its
        end all the same: a statement that is cut off takes the connection with it."""
        await self._turn.acquire()
        if self._is_over:
            self._turn.release()
            raise asyncio.CancelledError
        asked = asyncio.ensure_future(ask())
        asked.add_done_callback(lambda _: self._turn.release())
        self._asked = asked
        return await asyncio.shield(asked)

    async def end(self, *, at_once: bool = False) -> None:
        """Nothing more is asked of the connection, by loaders either, which run by themselves.
        What is asked just now is waited for; `at_once` it is cut off."""
        self._is_over = True
        if at_once and self._asked is not None:
            self._asked.cancel()
        async with self._turn:
            pass

    def loader(
        self, name: Hashable, load: Callable[[list[Any]], Awaitable[Mapping[Any, Any]]]
    ) -> DataLoader[Any, Any]:
        """The request's loader of that name; `load` answers for many keys at once, and a key it
        leaves out is null."""
        if name not in self._loaders:

            async def load_all(keys: list[Any]) -> list[Any]:
                found = await load(keys)
                return [found.get(key) for key in keys]

            self._loaders[name] = DataLoader(load_fn=load_all)
        return self._loaders[name]

    def note(
        self,
        action: str,
        resource: str,
        unit_id: int | None,
        subject: str | None = None,
        record_id: UUID | None = None,
        **facts: Any,
    ) -> None:
        """Notes for the trail what the viewer did."""
        who = self.now, self.rights.principal
        noted = trail.entry(*who, action, resource, unit_id, subject, record_id, facts=facts)
        self.entries.append(noted)

    def note_try(self, resource: str, unit_id: int, **facts: Any) -> None:
        """Notes what the trail must tell even of a request that comes to nothing."""
        who = self.now, self.rights.principal
        self.tries.append(trail.entry(*who, "try", resource, unit_id, facts=facts))

    def trail_entries(self) -> list[AuditEntry]:
        """All that the trail is to tell: what was noted, and one entry for whatever open
        inspections on SIGNS were shown."""
        if not self.shown_on_signs:
            return self.entries
        units = set(self.shown_on_signs.values())
        unit_id = units.pop() if len(units) == 1 else None
        who = self.now, self.rights.principal
        shown = trail.entry(*who, "read", "inspection", unit_id, shown=self.shown_on_signs.keys())
        return [*self.entries, shown]

    async def renew_rights(self) -> None:
        """Goes on with rights that this very request has changed: nobody's kept rights are of the
        new revision."""
        await self.ask(placements.raise_policy_version)
        revision = await self.ask(placements.read_revision)
        made = await self.ask(RightsKeeper().rights, self.rights.principal, revision, self.today)
        self.renew(made, revision, self.kinds)

    def sight(self, day: date) -> Scope:
        """The units that the viewer may read on a day."""
        return self.rights.scope("read", "unit", day)

    @property
    def sight_through_time(self) -> Sight:
        """The units that the viewer may read, today and on the tree of each day."""
        through_time = self.rights.through_time("read", "unit")
        return Sight(self.today, self.sight(self.today), through_time)

    def renew(self, rights: Rights, revision: Revision, kinds: Kinds) -> None:
        """Goes on with a tree that this very request has changed: what was loaded before is
        forgotten, and sizes are kept apart, for the change may yet be undone."""
        self.rights, self.revision, self.kinds = rights, revision, kinds
        self.sizes = SizeKeeper()
        self._loaders.clear()
        self._units.clear()

    async def units(self, unit_ids: list[int], day: date) -> list[Placed]:
        """Units as they stand on a day, for whoever has been shown them; absent ones left out."""
        if all((unit_id, day) in self._units for unit_id in unit_ids):
            return [self._units[unit_id, day] for unit_id in unit_ids]

        async def load(keys: list[int]) -> Mapping[int, Placed]:
            return await self.ask(placements.placed, keys, day)

        found = await self.loader(("placed", day), load).load_many(unit_ids)
        return [unit for unit in found if unit is not None]

    def keep(self, units: Iterable[Placed]) -> None:
        """Units that were read for something else are not read again to be shown."""
        self._units |= {(unit.unit_id, unit.day): unit for unit in units}

    async def sees(self, unit: Placed) -> bool:
        """Whether the viewer may see the unit on its day, not only its own fields."""
        return (await self.see([unit]))[0]

    async def see(self, units: Sequence[Placed]) -> list[bool]:
        """The same of each unit, with one statement for those that need any."""
        known = [self._sees_at_once(unit) for unit in units]
        asked = [
            self._sighted(unit) if is_seen is None else None
            for unit, is_seen in zip(units, known, strict=True)
        ]
        return [
            bool(is_seen) if looked_up is None else await looked_up is not None
            for is_seen, looked_up in zip(known, asked, strict=True)
        ]

    def _sees_at_once(self, unit: Placed) -> bool | None:
        """Null where that needs to be looked up."""
        scope = self.sight(unit.day)
        if scope.covers(unit):
            return True
        return unit.path in scope.bases_above() if scope.is_solid else None

    def _sighted(self, unit: Placed) -> Awaitable[Placed | None]:
        async def load(keys: list[int]) -> Mapping[int, Placed]:
            return await self.ask(placements.sighted, self.sight(unit.day), keys, unit.day)

        return self.loader(("sighted", unit.day), load).load(unit.unit_id)
