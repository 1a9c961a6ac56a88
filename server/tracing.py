"""Traces for OpenTelemetry: HTTP, the operation, its root fields, SQL and Cypher, as spans.

Only a server whose operator asked for traces imports this. Where they are sent, how many and under
which name is said by OpenTelemetry's own variables, which its SDK reads. What leaves is decided in
one place, `_Bare`: attributes that are named here, with values of ours; never an event or the
description of an error, for a database's message repeats the row it refused. So no span holds a
principal, a token, a variable, a unit's code or a document; an operation is named where its
document is trusted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Self

from graphql import GraphQLField
from neo4j import AsyncDriver
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.sqlalchemy.engine import EngineTracer
from opentelemetry.metrics import NoOpMeter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.documents import GRAPHQL_SCHEMA
from graph.watching import Answered
from hierarchy.errors import ChiboError, StoreError
from server.database import Database

TOLD = frozenset(
    {
        "http.request.method",
        "http.response.status_code",
        "url.path",
        "graphql.operation.name",
        "chibo.error_codes",
        "db.system",
        "db.system.name",
        "db.statement",
        "db.query.text",
    }
)
"""The attributes that leave the process."""

PATHS = ("/graphql", "/healthz", "/readyz", "/metrics", "/views", "/page")
METHODS = ("GET", "HEAD", "POST", "OPTIONS")
OTHER = "other"
FLUSH_SECONDS = 5


class Tracing:
    """The spans of one worker. Of the database and of root fields there are some from `of_database`
    and `of_fields` on."""

    def __init__(self) -> None:
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_Bare(OTLPSpanExporter())))
        self.tracer = self._provider.get_tracer("chibo")
        self._fields: list[tuple[GraphQLField, Any]] = []

    @contextmanager
    def span(self, name: str, kind: SpanKind = SpanKind.INTERNAL, **more: Any) -> Iterator[Span]:
        """A span around the block."""
        with _within(self.tracer.start_span(name, kind=kind, **more), ends=True) as span:
            yield span

    def middleware(self) -> Middleware:
        """What makes a span of every request over HTTP."""
        return Middleware(TracedRequests, tracing=self)

    def around(self, operation: str | None) -> AbstractContextManager[object]:
        """A span around an operation."""
        name = operation or OTHER
        return self.span(f"operation {name}", attributes={"graphql.operation.name": name})

    def answered(self, about: Answered) -> None:
        """Marks the operation's span by what became of it."""
        if about.codes:
            span = get_current_span()
            span.set_attribute("chibo.error_codes", sorted(set(about.codes)))
            if "INTERNAL" in about.codes:
                span.set_status(Status(StatusCode.ERROR))

    def of_database(self, database: Database) -> None:
        """Makes a span of every statement from now on."""
        # Its other half, the counting of connections, is for a meter that nobody reads.
        idle = NoOpMeter("chibo").create_up_down_counter("connections")
        EngineTracer(self.tracer, database.engine.sync_engine, idle)  # type: ignore[no-untyped-call]

    def of_graph(self, driver: AsyncDriver) -> AsyncDriver:
        """The driver, with a span of every statement."""
        traced: Any = _TracedDriver(driver, self._cypher)
        return traced  # type: ignore[no-any-return]

    def _cypher(self, query: str) -> AbstractContextManager[object]:
        attributes = {"db.system": "neo4j", "db.statement": query}
        return self.span("cypher", SpanKind.CLIENT, attributes=attributes)

    def of_fields(self) -> None:
        """Makes a span of every field at the root from now on, until the end."""
        for kind in (GRAPHQL_SCHEMA.query_type, GRAPHQL_SCHEMA.mutation_type):
            for name, field in (kind.fields if kind else {}).items():
                self._fields.append((field, field.resolve))
                field.resolve = self._traced(f"field {name}", field.resolve)

    def _traced(self, name: str, resolve: Any) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            span = self.tracer.start_span(name)
            try:
                with _within(span):
                    found = resolve(*args, **named)
            except Exception:
                span.end()
                raise
            if asyncio.iscoroutine(found):
                return waited(found, span)
            span.end()
            return found

        async def waited(found: Awaitable[Any], span: Span) -> Any:
            with _within(span, ends=True):
                return await found

        return run

    async def close(self) -> None:
        """Sends what is not sent yet; a collector that is silent keeps nobody from stopping."""
        for field, resolve in self._fields:
            field.resolve = resolve
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(self._provider.shutdown), FLUSH_SECONDS)


@contextmanager
def _within(span: Span, ends: bool = False) -> Iterator[Span]:
    """The block within a span, which is marked where the block fails by a fault of ours."""
    with use_span(span, ends, record_exception=False, set_status_on_exception=False):
        try:
            yield span
        except Exception as error:
            if not isinstance(error, ChiboError) or isinstance(error, StoreError):
                span.set_status(Status(StatusCode.ERROR))
            raise


def _resource() -> Resource:
    """What OpenTelemetry's variables say of this server; its name is chibo unless they name it."""
    said = Resource.create()
    if str(said.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return said.merge(Resource({SERVICE_NAME: "chibo"}))
    return said


class TracedRequests:
    """ASGI middleware: a span around each request over HTTP, as part of the trace that the client
    names in `traceparent`. A stream of events, which may last for hours, has none."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else None
        if headers is None or "text/event-stream" in headers.get("accept", ""):
            await self._app(scope, receive, send)
            return
        parent = self._propagator.extract({"traceparent": headers.get("traceparent", "")})
        method = scope["method"] if scope["method"] in METHODS else OTHER
        path = next((each for each in PATHS if _is_at(scope["path"], each)), OTHER)
        about = {"http.request.method": method, "url.path": path}
        with self._tracing.span(
            f"{method} {path}", SpanKind.SERVER, context=parent, attributes=about
        ) as span:
            await self._app(scope, receive, _Answer(send, span).send)


def _is_at(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


class _Answer:
    """Passes an answer on, and marks the span by its status."""

    def __init__(self, send: Send, span: Span) -> None:
        self._send = send
        self._span = span

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._span.set_attribute("http.response.status_code", message["status"])
            if message["status"] >= 500:
                self._span.set_status(Status(StatusCode.ERROR))
        await self._send(message)


class _Bare(SpanExporter):
    """Lets nothing of a span out that is not named here."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([_bare(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _bare(span: ReadableSpan) -> ReadableSpan:
    attributes = span.attributes or {}
    is_sql = "db.name" in attributes or "db.namespace" in attributes
    return ReadableSpan(
        # The library names a span by its statement's first word, then by the database.
        name=span.name.partition(" ")[0] if is_sql else span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in attributes.items() if name in TOLD},
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


# ---- Cypher

Cypher = Callable[[str], AbstractContextManager[object]]


class _Traced:
    """Stands for something of the driver's, and is it in all but what a subclass says."""

    def __init__(self, inner: Any, around: Cypher) -> None:
        self._inner = inner
        self._around = around

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *how: Any) -> Any:
        return await self._inner.__aexit__(*how)


class _TracedDriver(_Traced):
    def session(self, **named: Any) -> Any:
        return _TracedSession(self._inner.session(**named), self._around)


class _TracedTransaction(_Traced):
    async def run(self, query: str, /, *args: Any, **named: Any) -> Any:
        with self._around(query):
            return await self._inner.run(query, *args, **named)


class _TracedSession(_TracedTransaction):
    async def begin_transaction(self, *args: Any, **named: Any) -> Any:
        begun = await self._inner.begin_transaction(*args, **named)
        return _TracedTransaction(begun, self._around)

    async def execute_read(self, work: Any, *args: Any, **named: Any) -> Any:
        return await self._inner.execute_read(self._within(work), *args, **named)

    async def execute_write(self, work: Any, *args: Any, **named: Any) -> Any:
        return await self._inner.execute_write(self._within(work), *args, **named)

    def _within(self, work: Any) -> Any:
        async def traced(transaction: Any, *args: Any, **named: Any) -> Any:
            return await work(_TracedTransaction(transaction, self._around), *args, **named)

        return traced
