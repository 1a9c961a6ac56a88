"""GraphQL over WebSocket, by the subprotocol graphql-transport-ws alone.

Written by ourselves and not Strawberry's, whose handler executes documents past our limits, our
snapshots and our rights (docs/decisions/0024). A connection says who it is once, when it begins;
its token's end is its own. Each operation is a task of its own: queries and mutations are answered
by the `Executor`, subscriptions by `Streams`. What a client sends is taken to be anything at all:
whatever is not the protocol closes the connection with the protocol's code, and one that does not
read is cut off. It knows nothing of the data.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import structlog
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from graph.errors import INTERNAL, request_error
from graph.events import FindBearer
from graph.execution import Answer, Executor, Request, Subscription
from graph.http import Refusal, request_of_json
from graph.language import preferred
from graph.nesting import DEEPEST, NestedTooDeep, read_json
from graph.streams import Bearer, End, Event, Stream, Streams

logger = structlog.get_logger(__name__)

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 3.0
"""How long a connection may take to say who it is."""
OPERATIONS_AT_ONCE = 100
"""Operations of one connection, whether the client still listens to them or not; streams are
bounded by themselves too."""
UNBEGUN_AT_ONCE = 1_000
"""Connections of a process that have not said who they are; of more the oldest is dropped."""
LONGEST_REASON = 120
"""Bytes of a reason to close: a frame that closes has room for little more."""
LONGEST_WAIT = 3600.0

INVALID, UNAUTHORIZED, NOT_SPOKEN = 4400, 4401, 4406
INIT_TIMEOUT, DUPLICATE, INIT_TWICE = 4408, 4409, 4429
FAILED, STOPPED, TOO_MANY = 1011, 1012, 1013


class _Closing(Exception):
    """The connection is to be closed, with a code of the protocol and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass
class WebSocketEndpoint:
    """Answers WebSockets at `/graphql`. A client has `send_seconds` to read what is sent to it;
    `most` connections of known principals may be open, `most_of_one` of one, and `most_unbegun`
    that have not said who they are."""

    executor: Executor
    streams: Streams
    bearer: FindBearer
    send_seconds: float
    most: int
    most_of_one: int
    init_seconds: float = INIT_SECONDS
    most_unbegun: int = UNBEGUN_AT_ONCE
    held: Counter[str] = field(default_factory=Counter)
    running: set[asyncio.Future[Answer]] = field(default_factory=set)
    unbegun: dict["_Connection", None] = field(default_factory=dict)
    """Those that have not said who they are, the oldest first."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = _Connection(self, scope, receive, send)
        self.unbegun[connection] = None
        if len(self.unbegun) > self.most_unbegun:
            oldest = next(iter(self.unbegun))
            del self.unbegun[oldest]
            oldest.drop()
        try:
            await connection.serve()
        finally:
            self.unbegun.pop(connection, None)

    def has_room(self, principal: str) -> bool:
        """Whether a connection of that principal may be held beside the others."""
        return self.held.total() < self.most and self.held[principal] < self.most_of_one


class _Connection:
    """One connection from its handshake to its end."""

    def __init__(
        self, endpoint: WebSocketEndpoint, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._endpoint = endpoint
        self._scope = scope
        self._receive = receive
        self._send = send
        self._headers = Headers(scope=scope)
        self._language = preferred(self._headers.get("accept-language"))
        self._bearer: Bearer | None = None
        self._is_begun = False
        self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """Of the operations that the client listens to, by their ids."""
        self._places: set[asyncio.Future[Any]] = set()
        """What is under way, whoever listens."""
        self._closing: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        await self._receive()
        spoken = PROTOCOL in self._scope.get("subprotocols", ())
        accepted = {"type": "websocket.accept", "subprotocol": PROTOCOL if spoken else None}
        await self._send(accepted)
        try:
            await self._converse(spoken)
        finally:
            self._is_closed = True
            await self._end()

    async def _converse(self, spoken: bool) -> None:
        """Handles messages until the client leaves or one of the two closes."""
        try:
            self._check_acceptable(spoken)
            self._later(self._endpoint.init_seconds, INIT_TIMEOUT, "Initialisation timeout")
            while (message := await self._receive())["type"] == "websocket.receive":
                if not self._is_closed:
                    await self._handle(_parsed(message))
        except _Closing as closing:
            await self._close(closing.code, closing.reason)
        except OSError:
            pass
        except Exception:
            logger.exception("connection failed")
            await self._close(FAILED, "Internal error")

    def _check_acceptable(self, spoken: bool) -> None:
        if not spoken:
            raise _Closing(NOT_SPOKEN, "Subprotocol not acceptable")

    # ---- messages

    async def _handle(self, message: Mapping[str, Any]) -> None:
        handlers = {
            "connection_init": self._begin,
            "ping": self._ping,
            "pong": self._pong,
            "subscribe": self._subscribe,
            "complete": self._complete,
        }
        kind = message.get("type")
        handler = handlers.get(kind) if isinstance(kind, str) else None
        if handler is None:
            raise _Closing(INVALID, "Unknown message type")
        payload = message.get("payload")
        if payload is not None and not isinstance(payload, dict):
            raise _Closing(INVALID, "Invalid payload")
        await handler(message, payload or {})

    async def _begin(self, _message: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
        if self._is_begun:
            raise _Closing(INIT_TWICE, "Too many initialisation requests")
        self._is_begun = True
        given = {str(name).lower(): value for name, value in payload.items()}
        authorization = given.get("authorization", self._headers.get("authorization"))
        bearer = None
        if isinstance(authorization, str):
            bearer = await self._endpoint.bearer(authorization)
        if bearer is None:
            raise _Closing(UNAUTHORIZED, "Unauthorized")
        if not self._endpoint.has_room(bearer.name):
            raise _Closing(TOO_MANY, "Try again later")
        self._endpoint.unbegun.pop(self, None)
        self._endpoint.held[bearer.name] += 1
        self._bearer = bearer
        if isinstance(language := given.get("acceptlanguage"), str):
            self._language = preferred(language)
        self._until_expired()
        await self._say({"type": "connection_ack"})

    async def _ping(self, _message: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
        await self._say({"type": "pong"} | ({"payload": payload} if payload else {}))

    async def _pong(self, _message: Mapping[str, Any], _payload: Mapping[str, Any]) -> None:
        """What is said in answer to a ping, or for its own sake."""

    async def _subscribe(self, message: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
        if self._bearer is None:
            raise _Closing(UNAUTHORIZED, "Unauthorized")
        id_ = _id_of(message)
        if id_ in self._tasks:
            raise _Closing(DUPLICATE, f"Subscriber for {id_[:50]} already exists")
        if len(self._places) >= OPERATIONS_AT_ONCE:
            await self._refuse(
                id_,
                Refusal(
                    400,
                    "QUERY_TOO_COSTLY",
                    "As many operations as may be are under way: {limit}.",
                    limit=OPERATIONS_AT_ONCE,
                ),
            )
            return
        task = asyncio.create_task(self._operate(id_, payload, self._bearer))
        self._tasks[id_] = task
        self._places.add(task)
        task.add_done_callback(lambda done: self._forget(id_, done))

    async def _complete(self, message: Mapping[str, Any], _payload: Mapping[str, Any]) -> None:
        task = self._tasks.pop(_id_of(message), None)
        if task is not None:
            task.cancel()

    def _forget(self, id_: str, done: asyncio.Task[None]) -> None:
        self._places.discard(done)
        if self._tasks.get(id_) is done:
            del self._tasks[id_]

    # ---- operations

    async def _operate(self, id_: str, payload: Mapping[str, Any], bearer: Bearer) -> None:
        """Answers one operation; what goes wrong is its own."""
        if self._is_closed:
            return
        try:
            asked = request_of_json(payload, self._language)
            subscription = await self._endpoint.executor.subscription(asked, bearer.name)
            if subscription is None:
                await self._answer(id_, await self._run(asked, bearer))
            elif isinstance(subscription, Answer):
                await self._answer(id_, subscription)
            else:
                await self._stream(id_, subscription, bearer)
        except Refusal as refusal:
            await self._refuse(id_, refusal)
        except Exception:
            logger.exception("operation failed")
            await self._fail(id_, [request_error("INTERNAL", INTERNAL, self._language)])

    async def _run(self, asked: Request, bearer: Bearer) -> Answer:
        """What a request answers. Where the client lets go of it, the executor ends it where it
        may be ended, which a commit may not; until then it keeps its place."""
        gone = asyncio.Event()

        async def until_gone() -> None:
            await gone.wait()

        asked = replace(asked, until_gone=until_gone)
        running = asyncio.ensure_future(self._endpoint.executor.answer(asked, bearer.name))
        self._endpoint.running.add(running)
        running.add_done_callback(self._endpoint.running.discard)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._places.add(running)
            running.add_done_callback(self._places.discard)
            raise
        finally:
            gone.set()

    async def _answer(self, id_: str, answer: Answer) -> None:
        if not answer.was_run:
            await self._fail(id_, answer.body["errors"])
            return
        await self._next(id_, orjson.dumps(answer.whole))
        await self._finish(id_)

    async def _stream(self, id_: str, asked: Subscription, bearer: Bearer) -> None:
        stream = await self._endpoint.streams.begin(asked, bearer)
        if isinstance(stream, Answer):
            await self._fail(id_, stream.body["errors"])
            return
        reason = "left"
        try:
            reason = await self._send_all(id_, stream)
        finally:
            ran_out = reason == "left" and bearer.seconds_left <= 0
            self._endpoint.streams.close(stream, "expired" if ran_out else reason)

    async def _send_all(self, id_: str, stream: Stream) -> str:
        """Sends all there is, and tells why it ended."""
        while not self._is_closed:
            found = await stream.next()
            if isinstance(found, Event):
                await self._next(id_, found.body)
            elif isinstance(found, End):
                await self._send_end(id_, found)
                return found.reason
        return "left"

    async def _send_end(self, id_: str, end: End) -> None:
        if end.reason == "stopped":
            self._close_soon(STOPPED, "Service restart")
        elif end.errors:
            await self._fail(id_, list(end.errors))
        else:
            await self._finish(id_)

    # ---- what is said

    async def _next(self, id_: str, body: bytes) -> None:
        told = b'{"id":' + orjson.dumps(id_) + b',"type":"next","payload":' + body + b"}"
        await self._write(told.decode())

    async def _fail(self, id_: str, errors: list[dict[str, Any]]) -> None:
        """The last word about an operation: its id is free when the client hears it."""
        self._free(id_)
        await self._say({"id": id_, "type": "error", "payload": errors})

    async def _refuse(self, id_: str, refusal: Refusal) -> None:
        values = refusal.values
        error = request_error(refusal.code, refusal.message, self._language, **values)
        await self._fail(id_, [error])

    async def _finish(self, id_: str) -> None:
        self._free(id_)
        await self._say({"id": id_, "type": "complete"})

    def _free(self, id_: str) -> None:
        task = self._tasks.pop(id_, None)
        if task is not None:
            self._places.discard(task)

    async def _say(self, message: Mapping[str, Any]) -> None:
        await self._write(orjson.dumps(message).decode())

    async def _write(self, text: str) -> None:
        """Sends a message; a client that does not take it in time is cut off."""
        if self._is_closed:
            return
        try:
            async with asyncio.timeout(self._endpoint.send_seconds):
                await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            logger.info("connection cut", reason="slow")
            self._cut()
        except (OSError, RuntimeError):
            self._is_closed = True

    # ---- the end

    def _until_expired(self) -> None:
        """Closes the connection when its token runs out."""
        assert self._bearer is not None
        left = self._bearer.seconds_left
        if left <= 0:
            self._close_soon(UNAUTHORIZED, "Unauthorized")
            return
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(min(left, LONGEST_WAIT), self._until_expired)

    def _later(self, seconds: float, code: int, reason: str) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._close_soon, code, reason)

    def _close_soon(self, code: int, reason: str) -> None:
        task = asyncio.ensure_future(self._close(code, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, code: int, reason: str) -> None:
        """Closes the connection; one whose client reads nothing, not even this, is cut off."""
        if self._is_closed:
            return
        self._is_closed = True
        short = reason.encode()[:LONGEST_REASON].decode(errors="ignore")
        message = {"type": "websocket.close", "code": code, "reason": short}
        try:
            async with asyncio.timeout(self._endpoint.send_seconds):
                await self._send(message)
        except TimeoutError:
            self._cut()
        except (OSError, RuntimeError):
            pass

    def drop(self) -> None:
        """Cuts the connection, to make room for another."""
        self._cut()

    def _cut(self) -> None:
        """Drops the connection with all that waits to be read, where the server can."""
        self._is_closed = True
        abort: Callable[[], None] | None = self._scope.get("state", {}).get("abort")
        if abort is not None:
            abort()

    async def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._bearer is not None:
            self._endpoint.held[self._bearer.name] -= 1
            self._endpoint.held += Counter()
        tasks = [*self._tasks.values(), *self._closing]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task


def _parsed(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON object of a message of text. Raises `_Closing`."""
    text = message.get("text")
    try:
        found = read_json(text) if isinstance(text, str) else None
    except NestedTooDeep:
        raise _Closing(INVALID, f"JSON is nested at most {DEEPEST} deep") from None
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise _Closing(INVALID, "A message is a JSON object")
    return found


def _id_of(message: Mapping[str, Any]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not id_:
        raise _Closing(INVALID, "An operation has an id")
    return id_
