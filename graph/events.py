"""GraphQL over server-sent events: each operation a stream of its own (distinct connections).

`next` events carry answers of GraphQL, `complete` the end. Over it whatever is wrong with a
document is told by an event, as the protocol has it; a request that is none, or has no token, is
refused by its status. The event of a change has its cursor for an id: a client that comes back
says it as `Last-Event-ID`, which is newer than what its document says, and goes on from there. A
stream that is to be begun again ends without `complete`. Comments keep proxies from taking a quiet
stream for dead; a client that does not read is cut off.

The protocol: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graph.errors import UNAUTHENTICATED, request_error
from graph.execution import Answer, Executor
from graph.http import GRAPHQL_JSON, JSON, ReadRequest, Refusal, media_of, unauthenticated
from graph.streams import Bearer, End, Event, Stream, Streams

EVENT_STREAM = "text/event-stream"
KEEP_ALIVE_SECONDS = 15.0
CUT_SECONDS = 0.1
"""After which the server knows that a connection is gone that was dropped."""
KEEP_ALIVE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "Vary": "Accept, Accept-Language, Authorization, Last-Event-ID",
}

FindBearer = Callable[[str | None], Awaitable[Bearer | None]]
"""Who a header Authorization speaks for, and until when; null where it is not accepted."""


@dataclass(frozen=True)
class EventEndpoint:
    """Answers `/graphql` as events. A client has `send_seconds` to read what is sent to it."""

    executor: Executor
    streams: Streams
    bearer: FindBearer
    send_seconds: float

    def are_wanted(self, request: Request) -> bool:
        """Whether the client would rather have events than JSON, and says so: a range that holds
        everything asks for none."""
        accept = request.headers.get("accept", "")
        if EVENT_STREAM not in accept.lower() or request.method == "HEAD":
            return False
        return media_of(accept, (JSON, GRAPHQL_JSON, EVENT_STREAM)) == EVENT_STREAM

    async def respond(self, request: Request, language: str, read: ReadRequest) -> Response:
        """The stream that answers a request. Raises `Refusal`."""
        bearer = await self.bearer(request.headers.get("authorization"))
        if bearer is None:
            raise unauthenticated()
        asked = await read(request, language)
        if isinstance(asked, list):
            raise Refusal(400, "BAD_USER_INPUT", "An event stream answers one request.")
        subscription = await self.executor.subscription(asked, bearer.name)
        if subscription is None:
            return _Answered(await self.executor.answer(asked, bearer.name), language)
        if isinstance(subscription, Answer):
            return _Answered(subscription, language)
        last_event_id = request.headers.get("last-event-id") or None
        stream = await self.streams.begin(subscription, bearer, last_event_id)
        if isinstance(stream, Answer):
            return _Answered(stream, language)
        return _Streamed(self.streams, stream, self.send_seconds, language)


class _Answered(Response):
    """One answer, and the end."""

    media_type = EVENT_STREAM

    def __init__(self, answer: Answer, language: str) -> None:
        content = _next(orjson.dumps(answer.whole)) + COMPLETE
        super().__init__(content, headers=HEADERS | {"Content-Language": language})


class _Streamed(Response):
    """A stream for as long as it is open and its client reads."""

    media_type = EVENT_STREAM

    def __init__(
        self, streams: Streams, stream: Stream, send_seconds: float, language: str
    ) -> None:
        super().__init__(headers=HEADERS | {"Content-Language": language})
        del self.headers["content-length"]
        self._streams = streams
        self._stream = stream
        self._send_seconds = send_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def write(content: bytes, more: bool = True) -> None:
            async with asyncio.timeout(self._send_seconds):
                await send({"type": "http.response.body", "body": content, "more_body": more})

        left = asyncio.create_task(_left(receive, self._stream))
        reason = "left"
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            await write(KEEP_ALIVE)
            reason = await self._send_all(write)
        except TimeoutError:
            reason = "slow"
            await _cut(scope)
        finally:
            left.cancel()
            self._streams.close(self._stream, reason)

    async def _send_all(self, write: Callable[..., Awaitable[None]]) -> str:
        """Sends all there is, and tells why it ended."""
        stream = self._stream
        while True:
            seconds = min(KEEP_ALIVE_SECONDS, stream.bearer.seconds_left)
            found = await stream.next(seconds) if seconds > 0 else None
            if isinstance(found, Event):
                await write(b"id: " + found.cursor.encode() + b"\n" + _next(found.body))
            elif isinstance(found, End):
                await write(_last(found), more=False)
                return found.reason
            elif stream.bearer.seconds_left <= 0:
                language = stream.operation.request.language
                error = request_error("UNAUTHENTICATED", UNAUTHENTICATED, language)
                await write(_last(End("expired", (error,))), more=False)
                return "expired"
            else:
                await write(KEEP_ALIVE)


def _next(body: bytes) -> bytes:
    """An answer as an event; JSON has no line breaks of its own."""
    return b"event: next\ndata: " + body + b"\n\n"


def _last(end: End) -> bytes:
    """How a stream ends: without `complete` where the client is to begin it again."""
    if end.reason in ("stopped", "left"):
        return b""
    told = _next(orjson.dumps({"errors": end.errors})) if end.errors else b""
    return told + COMPLETE


async def _left(receive: Receive, stream: Stream) -> None:
    """Ends the stream when its client has gone."""
    message: dict[str, Any] = {}
    while message.get("type") != "http.disconnect":
        message = dict(await receive())
    stream.finish(End("left"))


async def _cut(scope: Scope) -> None:
    """Drops the connection with all that waits to be read, where the server can."""
    abort = scope.get("state", {}).get("abort")
    if abort is not None:
        abort()
        await asyncio.sleep(CUT_SECONDS)
