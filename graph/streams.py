"""Streams of changes: what each viewer who listens is told, judged anew for each change.

One `Streams` serves all streams of a process. Again and again it opens one snapshot: the revision
is read first, then the changes after the place where most streams stand, their units and records,
once for all; then for each stream its rights, kept while revision and day are the same, say which
of them it is told. What a document selects of a change is executed for each stream; where the
database was not asked for it, and of the viewer's rights no more than which units they see, streams
of the same document that see the same ones share the answer. A selection that reads more, or is
dear by its estimate, is served apart, in snapshots of its own and one of each principal at a time,
so that it is not in the way of others. Each event is charged to its viewer as its subscription was,
shared or not: what is left tells nothing of who else listens. What the trail must tell of an event,
of the change and of all that is selected beside it, is stored before it is sent.

A stream holds the events of one reading at most, and reads on when they are sent: nothing grows
with a slow reader, who is cut off by whoever sends. Where changes come from, and that nothing of
them is lost, is the matter of `records/changes.py`. It knows nothing of HTTP or WebSocket.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any, Literal
from uuid import UUID
from weakref import WeakValueDictionary

import orjson
import structlog
from graphql import ExecutionResult, get_operation_ast
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.rights import Rights
from graph.budget import OverBudget
from graph.execution import (
    Answer,
    Executor,
    Subscription,
    answered,
    begin_stream,
    executed,
    refused,
)
from graph.resolvers import changing
from graph.resolvers.changing import Asked, Begun, Sight, Told
from graph.resolvers.context import Context
from hierarchy import placements
from hierarchy.errors import ChiboError, Forbidden, NotFound, StoreError, TooCostly
from hierarchy.placements import Revision, read_revision
from hierarchy.unit import Kinds, Placed, units_of_path
from records import changes, trail
from records.changes import Numbered
from records.trail import AuditEntry

logger = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""How often the store is looked at where nobody says that there is news."""
READ_AT_ONCE = 32
"""Changes read at once, and so the most events that a stream holds."""
GROUPS_AT_ONCE = 8
"""Readings of one snapshot: those that listen come before those that catch up."""
DEAR = 200
"""Estimated values of an event from which on a stream is served apart: what is executed for all
between two others takes a millisecond or so, and most documents stay far below."""
APART_AT_ONCE = 3
APART_SECONDS = 10.0
"""How long what a stream selects of one reading may take."""
EXECUTED_AT_ONCE = 20
"""Executions between which other work of the process has its turn."""

Reason = Literal["completed", "forbidden", "expired", "costly", "failed", "stopped", "left"]


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who listens, and until when their token is accepted."""

    name: str
    expires_at: datetime

    @property
    def seconds_left(self) -> float:
        return (self.expires_at - datetime.now(UTC)).total_seconds()


@dataclass(frozen=True, slots=True)
class Event:
    """One change, ready to be sent: `body` is an answer of GraphQL as JSON. It shows the open
    inspections on SIGNS that are `shown`, by record their units; `noted` is what else the trail is
    to tell of it."""

    position: int
    cursor: str
    body: bytes
    shown: Mapping[UUID, int] = field(default_factory=dict)
    noted: Sequence[AuditEntry] = ()


@dataclass(frozen=True, slots=True)
class End:
    """Why a stream ends. `errors` are told where it fails; a stream that was stopped may be begun
    again at once."""

    reason: Reason
    errors: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class _Moment:
    """A snapshot, and what in it is the same for all streams."""

    connection: AsyncConnection
    executor: Executor
    revision: Revision
    kinds: Kinds
    today: date
    bounds: changes.Bounds

    async def rights(self, principal: str) -> Rights:
        keeper = self.executor.rights
        return await keeper.rights(self.connection, principal, self.revision, self.today)

    def context(self, kind: type[Context], rights: Rights, language: str) -> Context:
        """A context of its own for one execution."""
        executor = self.executor
        return kind(
            connection=self.connection,
            tree=executor.tree.tree(self.connection),
            rights=rights,
            revision=self.revision,
            kinds=self.kinds,
            sizes=executor.sizes,
            cursor_key=executor.cursor_key,
            today=self.today,
            now=datetime.now(UTC),
            language=language,
            examiner=executor.examiner,
            changes_kept=executor.changes_kept,
        )


class Stream:
    """One viewer's subscription while it is open. Whoever sends takes its events with `next`."""

    def __init__(self, operation: Subscription, bearer: Bearer, begun: Begun) -> None:
        self.operation = operation
        self.bearer = bearer
        self.asked: Asked = begun.asked
        self.sight: Sight = begun.sight
        self.position = begun.position
        self.begun_at = time.monotonic()
        self.sent = 0
        self.is_apart = operation.cost > DEAR
        self.apart: asyncio.Task[None] | None = None
        self.shape = _shape(operation)
        self.looked_at: tuple[Revision, date] | None = None
        self.end: End | None = None
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self.on_drained: Callable[[], None] = lambda: None

    @property
    def is_ready(self) -> bool:
        """Whether it may be given more."""
        return self.end is None and not self._events

    async def next(self, seconds: float | None = None) -> Event | End | None:
        """What comes next, waited for: null where nothing came within so many seconds."""
        if not self._events and self.end is None:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._news.wait()
        if not self._events:
            return self.end
        event = self._events.popleft()
        self.sent += 1
        if not self._events:
            self.on_drained()
        return event

    def give(self, events: Sequence[Event], position: int) -> None:
        """Events to be sent, and up to where the changes were judged."""
        if self.end is not None:
            return
        self.position = position
        self._events.extend(events)
        self._news.set()

    def take_back(self) -> None:
        """Takes back what was not sent: it was judged by rights that are others now."""
        if self._events:
            self.position = self._events[0].position - 1
            self._events.clear()

    def finish(self, end: End) -> None:
        """Ends the stream, once: what was not sent is sent no more."""
        if self.end is None:
            self._events.clear()
            self.end = end
            self._news.set()


class _Preloaded(Context):
    """The context of an event that asks the database for nothing more, and knows what was asked of
    the viewer's rights: which units they see (`seen`), or anything else (`was_asked`)."""

    was_asked = False

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.seen: dict[Placed, bool] = {}

    async def sees(self, unit: Placed) -> bool:
        before = self.was_asked
        self.seen[unit] = await super().sees(unit)
        self.was_asked = before
        return self.seen[unit]

    async def sees_alike(self, seen: Mapping[Placed, bool]) -> bool:
        """Whether the viewer sees of some units the same ones."""
        for unit, is_seen in seen.items():
            if await self.sees(unit) is not is_seen:
                return False
        return True

    async def ask(self, query: Any, *args: Any, **named: Any) -> Any:
        raise _ReadsMore

    async def ask_tree(self, question: Any) -> Any:
        raise _ReadsMore

    @property
    def rights(self) -> Rights:
        self.was_asked = True
        return self._rights

    @rights.setter
    def rights(self, rights: Rights) -> None:
        self._rights = rights


class _ReadsMore(StoreError):
    """What is selected is not among what was read for all."""

    def __init__(self) -> None:
        super().__init__("More is read.")


@dataclass
class Streams:
    """All streams of one process. `most` may be open at once, `most_of_one` of one principal."""

    executor: Executor
    most: int
    most_of_one: int
    began: Callable[[], None] = lambda: None
    ended: Callable[[str], None] = lambda reason: None
    """Told of every stream that is begun, and why it ends."""
    _open: set[Stream] = field(default_factory=set)
    _held: Counter[str] = field(default_factory=Counter)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _apart: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(APART_AT_ONCE))
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """By principal: their streams that are served apart take turns."""
    _last: int = 0
    _is_stopped: bool = False

    async def begin(
        self, operation: Subscription, bearer: Bearer, last_event_id: str | None = None
    ) -> Stream | Answer:
        """A stream that is open until `close`, or the answer that refuses it."""
        try:
            self._hold(bearer.name)
        except TooCostly as error:
            return refused(error, operation.request)
        try:
            begun = await self._begun(operation, bearer, last_event_id)
        except BaseException:
            self._let_go(bearer.name)
            raise
        if isinstance(begun, Answer):
            self._let_go(bearer.name)
            return begun
        self._open.add(begun)
        if self._is_stopped:
            begun.finish(End("stopped"))
        self.began()
        logger.info("stream begun", open=len(self._open))
        if begun.position < self._last:
            self.wake()
        return begun

    def close(self, stream: Stream, reason: str) -> None:
        """Forgets a stream, whoever ended it and why."""
        if stream not in self._open:
            return
        self._open.discard(stream)
        self._let_go(stream.bearer.name)
        stream.finish(End("left"))
        if stream.apart is not None:
            stream.apart.cancel()
        self.ended(reason)
        seconds = round(time.monotonic() - stream.begun_at, 1)
        logger.info("stream ended", reason=reason, seconds=seconds, events=stream.sent)

    def wake(self) -> None:
        """There may be news."""
        self._news.set()

    def stop(self) -> None:
        """Ends every stream, so that whoever serves them can stop; none is begun any more."""
        self._is_stopped = True
        for stream in self._open:
            stream.finish(End("stopped"))

    async def run(self) -> None:
        """Tells all streams what there is to tell, until it is cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            self._news.clear()
            if not self._open:
                continue
            try:
                await self._turn()
            except Exception as error:
                logger.warning("changes not told", reason=type(error).__name__)
                await asyncio.sleep(LOOK_SECONDS)

    # ---- how many

    def _hold(self, principal: str) -> None:
        whole, own = self._held.total(), self._held[principal]
        for found, most in ((own, self.most_of_one), (whole, self.most)):
            if found >= most:
                raise TooCostly("As many streams are open as may be: {limit}.", limit=most)
        self._held[principal] += 1

    def _let_go(self, principal: str) -> None:
        self._held[principal] -= 1
        if not self._held[principal]:
            del self._held[principal]

    # ---- one stream

    async def _begun(
        self, operation: Subscription, bearer: Bearer, last_event_id: str | None
    ) -> Stream | Answer:
        async with self.executor.store.reading() as connection:
            moment = await self._look(connection)
            self._last = max(self._last, moment.bounds.last)
            rights = await moment.rights(bearer.name)
            context = moment.context(Context, rights, operation.request.language)
            context.goes_on_after = last_event_id
            begun = await begin_stream(operation, context)
        if isinstance(begun, ExecutionResult):
            return answered(begun, operation.request)
        stream = Stream(operation, bearer, begun)
        stream.looked_at = moment.revision, moment.today
        stream.on_drained = lambda: self._drained(stream)
        if not begun.asked.resources:
            stream.finish(End("completed"))
        return stream

    def _drained(self, stream: Stream) -> None:
        if stream.position < self._last:
            self.wake()

    async def _renew(self, moment: _Moment, stream: Stream) -> None:
        """Looks a stream's rights up anew where they may be others, and ends it where it may be
        told nothing any more."""
        here = moment.revision, moment.today
        if stream.looked_at == here or stream.end is not None:
            return
        rights = await moment.rights(stream.bearer.name)
        context = moment.context(Context, rights, stream.operation.request.language)
        try:
            stream.sight = await changing.sight(context, stream.asked)
            stream.take_back()
            stream.looked_at = here
        except (NotFound, Forbidden):
            stream.finish(_failed(stream, Forbidden(), "forbidden"))

    # ---- all streams

    async def _look(self, connection: AsyncConnection) -> _Moment:
        revision = await read_revision(connection)
        here = await changes.bounds(connection)
        kinds = await self.executor.read_kinds(connection, revision)
        return _Moment(connection, self.executor, revision, kinds, self.executor.today(), here)

    async def _turn(self) -> None:
        # Those that begin from now on have looked at a later snapshot than this one.
        streams = list(self._open)
        async with self.executor.store.reading() as connection:
            moment = await self._look(connection)
            self._last = moment.bounds.last
            for stream in streams:
                if stream.apart is None:
                    await self._renew(moment, stream)
            shared = [each for each in streams if not each.is_apart]
            groups = list(_behind(shared, moment.bounds.last))
            for position, group in groups[:GROUPS_AT_ONCE]:
                await self._serve(moment, position, group, _Preloaded)
        for stream in streams:
            if stream.is_apart and stream.apart is None and stream.position < moment.bounds.last:
                stream.apart = asyncio.create_task(self._serve_apart(stream))
        if next(_behind(shared, moment.bounds.last), None) is not None:
            self.wake()

    async def _serve_apart(self, stream: Stream) -> None:
        """Serves a stream whose selection reads more, in a snapshot of its own."""
        try:
            turn = self._turns.setdefault(stream.bearer.name, asyncio.Lock())
            while stream.is_ready and stream.position < self._last:
                async with turn, self._apart:
                    await self._serve_alone(stream)
        except TimeoutError:
            costly = TooCostly("What is selected takes too long.")
            stream.finish(_failed(stream, costly, "costly"))
        except Exception as error:
            logger.warning("changes not told", reason=type(error).__name__)
            stream.finish(_failed(stream, StoreError("Not read."), "failed"))
        finally:
            stream.apart = None

    async def _serve_alone(self, stream: Stream) -> None:
        async with asyncio.timeout(APART_SECONDS), self.executor.store.reading() as own:
            moment = await self._look(own)
            await self._renew(moment, stream)
            if stream.is_ready:
                await self._serve(moment, stream.position, [stream], Context)

    async def _serve(
        self,
        moment: _Moment,
        position: int,
        streams: Sequence[Stream],
        kind: type[Context],
    ) -> None:
        """Gives streams that stand at one position the events of the next changes."""
        if position < moment.bounds.forgotten:
            for stream in streams:
                stream.finish(_failed(stream, changing.forgotten(), "failed"))
            return
        found = await changes.after(moment.connection, position, READ_AT_ONCE)
        reading = await _Reading.of(moment, changing.worth_telling(found), kind)
        given: dict[Stream, list[Event]] = {stream: [] for stream in streams}
        for numbered in reading.numbered:
            await reading.add(numbered, given)
        await self._tell(reading.entries(given))
        for stream, events in given.items():
            if stream in reading.short and not events:
                stream.finish(_failed(stream, reading.short[stream].refusal, "costly"))
            else:
                stream.give(events, reading.up_to(stream, found[-1].position))

    async def _tell(self, entries: Sequence[AuditEntry]) -> None:
        if entries:
            async with self.executor.store.writing() as connection:
                await trail.append(connection, entries)


@dataclass(frozen=True, slots=True)
class _Short:
    """A stream whose viewer's budget does not suffice for what comes after a position."""

    position: int
    refusal: OverBudget


class _Reading:
    """Some changes with all that is read for them, and what was executed of them already. Streams
    that are `short` are given what comes before, and nothing more."""

    def __init__(self, moment: _Moment, numbered: list[Numbered], kind: type[Context]) -> None:
        self.numbered = numbered
        self._moment = moment
        self._kind = kind
        self._units: dict[int, Placed] = {}
        self._shared: dict[Hashable, list[tuple[Mapping[Placed, bool], Event]]] = {}
        self._executed = 0
        self.short: dict[Stream, _Short] = {}

    @classmethod
    async def of(cls, moment: _Moment, numbered: list[Numbered], kind: type[Context]) -> "_Reading":
        """Reads the units of the changes, and what stands above them."""
        made = cls(moment, numbered, kind)
        wanted = changes.units_of(numbered)
        for _ in range(2):
            found = await placements.placed(moment.connection, sorted(wanted), moment.today)
            made._units |= found
            above = {unit_id for unit in found.values() for unit_id in units_of_path(unit.path)}
            wanted = above - made._units.keys()
        return made

    async def add(self, numbered: Numbered, given: dict[Stream, list[Event]]) -> None:
        """Adds the event of one change to what those who see it are given. A stream that selects
        more than is read for all is given nothing here."""
        unit = self._units.get(numbered.changed.unit_id)
        if unit is None:
            return
        seeing = [
            each
            for each in given
            if each not in self.short and each.sight.sees(numbered.changed, unit)
        ]
        told = await self._told(numbered, unit, seeing)
        if told is None:
            return
        for stream in seeing:
            if not self._is_charged(stream, numbered.position):
                continue
            event = await self._event(stream, numbered.position, told)
            if event is None:
                self._charge(stream, -stream.operation.cost)
                stream.is_apart = True
                del given[stream]
            else:
                given[stream].append(event)

    def up_to(self, stream: Stream, last: int) -> int:
        """The position up to which the changes were judged for a stream, of all that were read."""
        return self.short[stream].position if stream in self.short else last

    def _is_charged(self, stream: Stream, position: int) -> bool:
        """Charges an event before it is executed; where that is too much, the stream is short."""
        cost = stream.operation.cost
        wait = self._moment.executor.budgets.wait(stream.bearer.name, cost)
        if wait:
            self.short[stream] = _Short(position - 1, OverBudget(wait, cost))
            return False
        self._charge(stream, cost)
        return True

    def _charge(self, stream: Stream, cost: int) -> None:
        self._moment.executor.budgets.charge(stream.bearer.name, cost)

    async def _told(
        self, numbered: Numbered, unit: Placed, seeing: Sequence[Stream]
    ) -> Told | None:
        """The change, read once where anybody sees it."""
        if not seeing:
            return None
        return await changing.told(self._context(seeing[0], Context), numbered, unit)

    async def _event(self, stream: Stream, position: int, told: Told) -> Event | None:
        """The change as the stream selects it; null where that is not read for all."""
        context = self._context(stream, self._kind)
        context.keep(self._units.values())
        try:
            known = await self._known(stream, position, context)
            return known or await self._executed_event(stream, position, told, context)
        except _ReadsMore:
            return None

    async def _known(self, stream: Stream, position: int, context: Context) -> Event | None:
        """The event that was made for a stream of the same document, where nothing of it depends
        on the viewer but which units they see, and those are the same."""
        if isinstance(context, _Preloaded):
            for seen, event in self._shared.get((position, stream.shape), ()):
                if await context.sees_alike(seen):
                    return event
        return None

    async def _executed_event(
        self, stream: Stream, position: int, told: Told, context: Context
    ) -> Event:
        """The event, executed. Raises `_ReadsMore`."""
        asked = stream.operation
        if isinstance(context, _Preloaded):
            context.seen.clear()
        result = await executed(asked.document, asked.request, context, told)
        await self._pause()
        for error in result.errors or ():
            if isinstance(error.original_error, _ReadsMore):
                raise error.original_error
        body = orjson.dumps(answered(result, asked.request).body)
        event = Event(position, told.cursor, body, context.shown_on_signs, context.entries)
        if isinstance(context, _Preloaded) and not (context.was_asked or context.entries):
            self._shared.setdefault((position, stream.shape), []).append((context.seen, event))
        return event

    async def _pause(self) -> None:
        self._executed += 1
        if self._kind is not _Preloaded or self._executed % EXECUTED_AT_ONCE == 0:
            await asyncio.sleep(0)

    def _context(self, stream: Stream, kind: type[Context]) -> Context:
        language = stream.operation.request.language
        return self._moment.context(kind, stream.sight.rights, language)

    def entries(self, given: dict[Stream, list[Event]]) -> list[AuditEntry]:
        """What the trail is to tell of events before they are given: what was noted, and of open
        inspections on SIGNS one entry for each principal who is shown such."""
        shown: dict[str, dict[UUID, int]] = {}
        noted: list[AuditEntry] = []
        on_signs = {each.position: each.changed for each in self.numbered if each.changed.on_signs}
        for stream, events in given.items():
            for event in events:
                units = dict(event.shown)
                if event.position in on_signs:
                    changed = on_signs[event.position]
                    units[changed.record_id] = changed.unit_id
                if units:
                    shown.setdefault(stream.bearer.name, {}).update(units)
                noted.extend(event.noted)
        now = datetime.now(UTC)
        return noted + [
            trail.entry(now, name, "read", "inspection", _only(units.values()), shown=units.keys())
            for name, units in shown.items()
        ]


def _only(unit_ids: Collection[int]) -> int | None:
    """The unit, where it is one."""
    return next(iter(unit_ids)) if len(set(unit_ids)) == 1 else None


def _behind(streams: Sequence[Stream], last: int) -> Iterator[tuple[int, list[Stream]]]:
    """Those that may be given more, by where they stand, the furthest first."""
    ready = [each for each in streams if each.is_ready and not each.is_apart]
    behind = sorted((each for each in ready if each.position < last), key=_place, reverse=True)
    for position, group in groupby(behind, key=_place):
        yield position, list(group)


def _place(stream: Stream) -> int:
    return stream.position


def _failed(stream: Stream, error: ChiboError, reason: Reason) -> End:
    """An end with an error, as an answer tells it."""
    answer = refused(error, stream.operation.request)
    return End(reason, tuple(answer.body["errors"]))


def _shape(operation: Subscription) -> Hashable:
    """What two streams have alike whose events are alike: the very document is kept by its text,
    and of the variables those count that it declares. What cannot be told is alike to none."""
    request = operation.request
    asked = get_operation_ast(operation.document, request.operation_name)
    declared = (
        {each.variable.name.value for each in asked.variable_definitions or ()} if asked else ()
    )
    given = {name: value for name, value in (request.variables or {}).items() if name in declared}
    try:
        variables = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return object()
    return id(operation.document), variables, request.operation_name, request.language
