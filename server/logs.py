"""What the server writes about itself: lines on standard error, JSON unless a terminal reads them.

Every line of one request carries its `request_id`. A line tells what happened and how long it took,
never whose request it was or what was in it: no principal, no query string, no document, no
variable, no record. Messages of exceptions belong to the content, for a database's error repeats
the row it refused; of an exception only the types and the frames are written, whoever logs it.

`configure` is called once in each process; `RequestLog` stands around the whole application.
"""

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import quote
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

REQUEST_ID = "X-Request-Id"

SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

WORDY = ("aiosqlite", "asyncio", "asyncpg", "casbin", "httpcore", "httpx", "neo4j", "sqlalchemy")
"""Libraries that below a warning tell statements, parameters, names or addresses."""

LONGEST_PATH = 256
MOST_FRAMES = 50

logger = structlog.get_logger(__name__)


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Sends every line of this process, whichever library's, to standard error or to `stream`.

    Called again it does the same again. uvicorn must be run with `log_config=None` and
    `access_log=False`, or it sets up its own. Raises `ValueError` for an unknown level.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(_without_content)
    handler.setFormatter(_formatter(handler.stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in WORDY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    for name in ("uvicorn.access", "uvicorn.websocket", "neo4j.notifications"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.captureWarnings(True)
    _configure_structlog()


class RequestLog:
    """ASGI middleware: gives each request an id and a line, and answers 500 where nobody did.

    A sane `X-Request-Id` is kept, else one is made; the answer carries it. The line has method,
    path, status, duration in milliseconds and bytes of the body. Only a request over HTTP has one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        with bound_contextvars(request_id=request_id):
            if scope["type"] == "http":
                await self._logged(scope, receive, _Answer(send, request_id))
            else:
                await self._app(scope, receive, send)

    async def _logged(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        begun = time.perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            logger.exception("request failed")
            if answer.status is None:
                await PlainTextResponse("Internal Server Error", 500)(scope, receive, answer.send)
        finally:
            logger.info(
                "request",
                method=scope["method"],
                path=_path(scope),
                status=answer.status,
                duration=round((time.perf_counter() - begun) * 1000, 1),
                bytes=answer.bytes,
            )


class _Answer:
    """Passes an answer on, with the request's id, and keeps what the line tells of it."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status: int | None = None
        self.bytes = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": list(message.get("headers", ()))}
            MutableHeaders(scope=message)[REQUEST_ID] = self._request_id
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if SANE_ID.fullmatch(given) else uuid4().hex


def _path(scope: Scope) -> str:
    """The path as it was sent, percent-encoded, without the query."""
    raw = scope.get("raw_path")
    path = raw.decode("latin-1").partition("?")[0] if raw else quote(scope["path"])
    return path[:LONGEST_PATH]


# ---- lines


def _configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_beginning(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _beginning() -> list[Processor]:
    return [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(readable: bool) -> logging.Formatter:
    renderer: Processor = (
        structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    )
    return ProcessorFormatter(
        foreign_pre_chain=_beginning(),
        processors=[ProcessorFormatter.remove_processors_meta, _types_and_frames, renderer],
    )


def _without_content(record: logging.LogRecord) -> bool:
    """Takes out of a library's line the exceptions that are, or are put into, its message."""
    if isinstance(record.msg, BaseException):
        record.msg, record.args = _type_name(record.msg), ()
    elif isinstance(record.msg, str):
        if isinstance(record.args, tuple):
            record.args = tuple(map(_named, record.args))
        record.msg, record.args = _shortened(_message(record)), ()
    return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _named(value: Any) -> Any:
    return _type_name(value) if isinstance(value, BaseException) else value


def _shortened(message: str) -> str:
    """The first line; of a stack that was made into text, its files and the type at its end."""
    lines = message.strip().splitlines() or [""]
    if not lines[0].startswith("Traceback"):
        return lines[0]
    frames = [line.strip() for line in lines if line.lstrip().startswith('File "')]
    kinds = [line.partition(":")[0] for line in lines if re.match(r"[\w.]+(:|$)", line)]
    return "; ".join(["failed", *kinds[-1:], *frames[-MOST_FRAMES:]])


def _types_and_frames(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Puts the types and frames of an exception in the place of the exception."""
    error = _exception(event.pop("exc_info", None))
    event.pop("stack_info", None)
    line = {name: _named(value) for name, value in event.items()}
    if error is not None:
        line["exception"] = "\n".join(_story(error, set()))
    return line


def _exception(given: Any) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _story(error: BaseException, told: set[int]) -> Iterator[str]:
    """An exception, what is in it and what it came from, each once."""
    if id(error) in told:
        return
    told.add(id(error))
    yield _type_name(error)
    yield from _frames(error.__traceback__)
    for inner in getattr(error, "exceptions", ()):
        yield "with"
        yield from _story(inner, told)
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if origin is not None:
        yield "from"
        yield from _story(origin, told)


def _frames(stack: TracebackType | None) -> list[str]:
    frames = [
        f"  {frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(stack)
    ]
    return frames[-MOST_FRAMES:]


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
