"""The projection: the ledger of the tree laid out as rows that SQL can cut by ranges of paths.

`apply` brings it up to the store's version inside the caller's transaction, by the entries that
are missing: after a write, at start, and after a crash between the two databases. What a decision
changes is told anew from the ledger, for the units changed and whatever stood under one that
moved, and only rows that come out otherwise are written. Unit ids follow the ledger's order, so
that the same ledger always gives the same rows. `differences` holds the rows against a replay
from the beginning.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.decision import Change, ChangeKind, Decision, Reversal
from hierarchy.errors import StoreError
from hierarchy.gathering import gather_above
from hierarchy.given import given, is_postgresql, matching
from hierarchy.inserting import insert_rows
from hierarchy.layout import (
    Constants,
    Own,
    Paths,
    Row,
    Span,
    clipped,
    never,
    own_of_life,
    placements_of,
    row_on,
    saying,
)
from hierarchy.placements import lock_revision
from hierarchy.rewriting import Rewriting, ids_of, next_unit_id, unhurried
from hierarchy.store import Entry, HierarchyStore, told
from hierarchy.tables import (
    change,
    decision,
    placement,
    revision,
    unit,
    unit_kind,
    unit_kind_standing,
)
from hierarchy.timeline import Lifeline, lifelines
from hierarchy.unit import Founding, Kind, Kinds, Standing, folded, label

BATCH = 2_000

_PATH_SPAN = (placement.c.valid_from, placement.c.valid_to, placement.c.path)


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
    version = (await lock_revision(connection, alone=True)).tree_version
    kinds = await read_kinds(connection)
    # What the store tells of a unit is of its newest version: it is asked until it stands still.
    while version < (newest := await store.version()):
        before, version = version, await _Applying(connection, store, kinds).run(version)
        if version == before:
            raise StoreError(
                "The ledger ends at version {at}, the tree is at {newest}.",
                at=version,
                newest=newest,
            )
    await connection.execute(update(revision).values(tree_version=version))
    return version


async def foreseen(
    connection: AsyncConnection, changed: Mapping[str, Lifeline], day: date
) -> list[tuple[Row | None, Row | None]]:
    """How units would stand on a day, before and after their lives became these: the rows of
    `placement` of every unit whose row differs, null where it does not stand. Units that are not
    there yet have the ids that come next. It writes nothing."""
    ids = await ids_of(connection, changed)
    first_id = await next_unit_id(connection)
    for code in changed:
        if code not in ids:
            ids[code] = first_id
            first_id += 1
    rewriting = Rewriting(connection, await read_kinds(connection), ids)
    await rewriting.gather(changed)
    pairs = [
        (row_on(rewriting.stored.get(unit_id, []), day), row_on(rows, day))
        async for unit_id, rows in unhurried(rewriting.rows())
    ]
    return [(before, after) for before, after in pairs if saying(before) != saying(after)]


async def differences(connection: AsyncConnection, store: HierarchyStore) -> list[str]:
    """What differs between the projection and a replay of the ledger, in words; none is well."""
    entries = [entry async for entry in store.entries()]
    replayed = _replayed(entries, await read_kinds(connection))
    wrong = []
    for table, rows in replayed.items():
        wrong += await _compare(connection, table, rows)
    return wrong


# ---- applying what is missing


class _Applying:
    """One pass over the entries that are missing.

    Units founded under what stands already are laid out batch by batch, however many they are;
    from the first decision on, and for units founded under what a decision founds, everything is
    told from the lives of the units that change.
    """

    def __init__(self, connection: AsyncConnection, store: HierarchyStore, kinds: Kinds) -> None:
        self._connection = connection
        self._store = store
        self._kinds = kinds
        self._places: dict[str, tuple[int, list[Span]]] = {}
        self._ids: dict[str, int] = {}
        self._changed: set[str] = set()

    async def run(self, after: int) -> int:
        first_id = await next_unit_id(self._connection)
        version = after
        rest: list[Entry] = []
        async for entries in _batches(self._store.entries(after=after)):
            version = entries[-1].version
            if not rest and all(isinstance(entry.line, Founding) for entry in entries):
                entries = await self._found(entries, first_id)
                first_id = await next_unit_id(self._connection)
            rest += entries
        if rest:
            await self._decide(rest, first_id)
        return version

    async def _found(self, entries: list[Entry], first_id: int) -> list[Entry]:
        """Lays out the units of a batch; answers with the batch where one of them stands under
        what is not there yet."""
        foundings = [entry.line for entry in entries if isinstance(entry.line, Founding)]
        await self._fetch(foundings)
        rows = []
        for unit_id, founding in enumerate(foundings, first_id):
            if founding.parent_code is not None and founding.parent_code not in self._places:
                for code in {founding.code for founding in foundings}:
                    self._places.pop(code, None)
                return entries
            rows.append(self._lay_out(unit_id, founding))
        await insert_rows(self._connection, unit, [row for row, _ in rows])
        await insert_rows(self._connection, placement, [each for _, some in rows for each in some])
        return []

    async def _fetch(self, foundings: Iterable[Founding]) -> None:
        """Reads where the parents stand that are not yet known and not founded here."""
        parents = {founding.parent_code for founding in foundings} - self._places.keys() - {None}
        missing = parents - {founding.code for founding in foundings}
        if missing:
            rows = await self._connection.execute(
                select(placement.c.code, placement.c.unit_id, *_PATH_SPAN)
                .where(
                    matching(self._connection, placement.c.code, [each or "" for each in missing])
                )
                .order_by(placement.c.valid_from)
            )
            for code, unit_id, *span in rows:
                self._places.setdefault(code, (unit_id, []))[1].append(Span(*span))

    def _lay_out(self, unit_id: int, founding: Founding) -> tuple[Row, list[Row]]:
        parent_id, above = None, [Span(date.min, None, "")]
        if founding.parent_code is not None:
            parent_id, above = self._places[founding.parent_code]
        begin = max(founding.established_on, above[0].valid_from)
        spans = [
            Span(span.valid_from, span.valid_to, span.path + label(unit_id))
            for span in clipped(above, begin, None)
        ]
        self._places[founding.code] = unit_id, spans
        names = founding.name, folded(founding.name)
        own = Own(begin, None, parent_id, *names, founding.kind, founding.category)
        constants = Constants(
            unit_id, founding.code, founding.established_on, begin, founding.closed_on
        )
        return constants.row(), list(constants.placement_rows(own, spans, self._kinds))

    async def _decide(self, entries: list[Entry], first_id: int) -> None:
        await self._identify(entries, first_id)
        self._changed |= {
            entry.line.unit_code for entry in entries if isinstance(entry.line, Change)
        }
        self._changed |= {entry.line.code for entry in entries if isinstance(entry.line, Founding)}
        for entry in entries:
            if isinstance(entry.line, Reversal):
                await self._reverse(entry.line)
        await self._write_decisions(entries)
        await self._rewrite(await self._dependent())

    async def _identify(self, entries: list[Entry], first_id: int) -> None:
        """The ids of all units that the entries name; new ones follow the ledger's order."""
        codes = {code for entry in entries for code in _named(entry.line)}
        self._ids = await ids_of(self._connection, codes)
        founded = [(code, day) for code, day in _founded(entries) if code not in self._ids]
        self._ids |= {code: unit_id for unit_id, (code, _) in enumerate(founded, first_id)}
        rows = [never(self._ids[code], code, day) for code, day in founded]
        await insert_rows(self._connection, unit, rows)

    async def _reverse(self, reversal: Reversal) -> None:
        stored = await self._store.decision(reversal.number)
        lines = stored[2] if stored is not None else []
        self._changed |= {line.unit_code for line in lines}
        self._ids |= await ids_of(self._connection, self._changed - self._ids.keys())

    async def _write_decisions(self, entries: list[Entry]) -> None:
        heads, lines = _decision_rows(entries, self._ids)
        await insert_rows(self._connection, decision, heads)
        await insert_rows(self._connection, change, lines)
        for entry in entries:
            if isinstance(entry.line, Reversal):
                await self._connection.execute(
                    update(decision)
                    .where(decision.c.number == entry.line.number)
                    .values(reversed_at=entry.line.reversed_at)
                )

    async def _dependent(self) -> set[str]:
        """The changed units, and the parts that took kind and place from one of them."""
        found: set[str] = set()
        wanted = set(self._changed)
        while wanted:
            found |= wanted
            self._ids |= await ids_of(self._connection, wanted - self._ids.keys())
            wanted = await self._parts(wanted) - found
        return found

    async def _parts(self, codes: Iterable[str]) -> set[str]:
        """The parts that were ever split from these units and founded so."""
        split = given(is_postgresql(self._connection), "split", key=[self._ids[e] for e in codes])
        rows = await self._connection.execute(
            select(unit.c.code)
            .join_from(split, change, change.c.other_id == split.c.key)
            .join(unit, unit.c.id == change.c.unit_id)
            .where(change.c.change == ChangeKind.SPLIT.value, change.c.name.is_not(None))
        )
        return set(rows.scalars())

    async def _rewrite(self, changed: set[str]) -> None:
        lives = lifelines(await gather_above(self._store, changed))
        self._ids |= await ids_of(self._connection, changed - self._ids.keys())
        rewriting = Rewriting(self._connection, self._kinds, self._ids)
        await rewriting.gather({code: lives.get(code) for code in changed})
        await rewriting.write()


def _named(line: Any) -> Iterator[str]:
    if isinstance(line, Founding):
        named = [line.code, line.parent_code]
    elif isinstance(line, Change):
        named = [line.unit_code, line.other_code]
    else:
        named = [line.issued_by] if isinstance(line, Decision) else []
    yield from (code for code in named if code is not None)


def _founded(entries: Iterable[Entry]) -> Iterator[tuple[str, date]]:
    """What entries bring into the tree, with the day it would stand from."""
    day = date.min
    for entry in entries:
        line = entry.line
        if isinstance(line, Decision):
            day = line.effective_on
        elif isinstance(line, Founding):
            yield line.code, line.established_on
        elif isinstance(line, Change) and line.founds:
            yield line.unit_code, day


def _decision_rows(entries: Iterable[Entry], ids: Mapping[str, int]) -> tuple[list[Row], list[Row]]:
    heads: list[Row] = []
    lines: list[Row] = []
    for entry in entries:
        if isinstance(entry.line, Decision):
            heads.append(_head_row(entry, entry.line, ids))
        elif isinstance(entry.line, Change):
            lines.append(_change_row(heads[-1]["number"], entry.position, entry.line, ids))
    return heads, lines


def _head_row(entry: Entry, taken: Decision, ids: Mapping[str, int]) -> Row:
    return {
        "number": taken.number,
        "title": taken.title,
        "issued_by_id": ids[taken.issued_by],
        "issued_on": taken.issued_on,
        "effective_on": taken.effective_on,
        "recorded_at": taken.recorded_at,
        "reversed_at": None,
        "version": entry.version,
        "position": entry.position,
        "client_key": taken.client_key,
    }


def _change_row(number: str, position: int, line: Change, ids: Mapping[str, int]) -> Row:
    return {
        "number": number,
        "position": position,
        "change": line.change.value,
        "unit_id": ids[line.unit_code],
        "other_id": None if line.other_code is None else ids[line.other_code],
        "name": line.name,
        "kind": line.kind,
        "category": line.category,
        "keeps_category": line.keeps_category,
        "implied": line.implied,
    }


async def _batches(entries: AsyncIterator[Entry]) -> AsyncIterator[list[Entry]]:
    batch: list[Entry] = []
    async for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


# ---- the replay from the beginning


def _replayed(entries: Sequence[Entry], kinds: Kinds) -> dict[Table, list[Row]]:
    """All rows of the projection, told from the whole ledger at once."""
    lives = lifelines(told(entries))
    ids = {code: unit_id for unit_id, (code, _) in enumerate(_founded(entries))}
    own = {ids[code]: own_of_life(life, ids) for code, life in lives.items()}
    paths = Paths(own, {})
    units, placements = [], []
    for code, day in _founded(entries):
        life = lives.get(code)
        if life is None:
            units.append(never(ids[code], code, day))
        else:
            days = (life.established_on, life.stands_from, life.closed_on)
            each = Constants(ids[code], code, *days)
            units.append(each.row())
            placements += placements_of(each, own[ids[code]], paths, kinds)
    heads, lines = _decision_rows(entries, ids)
    _mark_reversed(heads, entries)
    return {unit: units, placement: placements, decision: heads, change: lines}


def _mark_reversed(heads: Iterable[Row], entries: Iterable[Entry]) -> None:
    reversals = [entry.line for entry in entries if isinstance(entry.line, Reversal)]
    when = {reversal.number: reversal.reversed_at for reversal in reversals}
    for head in heads:
        head["reversed_at"] = when.get(head["number"])


async def _compare(connection: AsyncConnection, table: Table, replayed: list[Row]) -> list[str]:
    names = [column.name for column in table.primary_key]
    stored = await connection.execute(select(table))
    rows = {tuple(row[name] for name in names): dict(row) for row in stored.mappings()}
    expected = {tuple(row[name] for name in names): row for row in replayed}
    wrong = [
        f"{table.name} of {_key(key)} is {rows.get(key)}, the ledger says {row}"
        for key, row in expected.items()
        if rows.get(key) != row
    ]
    unknown = sorted(rows.keys() - expected.keys())
    return wrong + [f"{table.name} of {_key(key)} is not in the ledger" for key in unknown]


def _key(key: tuple[Any, ...]) -> str:
    return ", ".join(map(str, key))
