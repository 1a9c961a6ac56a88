"""The server put together: stores, rights, GraphQL and its HTTP in one ASGI application.

Each worker makes its own from the same settings; what they share is in the stores. At start the
tables are brought to the newest form and the projection up to the tree; while it runs, a tree
that another process changed and did not live to project is caught up with, what the trail has new
is sealed, and changes are numbered and told to whoever listens. It decides nothing about rights or
records.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from graph.budget import Budgets
from graph.events import EventEndpoint
from graph.execution import Executor
from graph.http import Endpoint
from graph.persisted import PersistedDocuments
from graph.streams import Bearer, Streams
from graph.view_endpoint import ViewEndpoint
from graph.watching import WatchedExecutor
from graph.websocket import WebSocketEndpoint
from server.cursors import cursor_key
from server.database import Database
from server.documents import StoredDocuments
from server.identity import Identity, Unauthenticated
from server.logs import RequestLog
from server.notices import listen
from server.page import CONTENT_SECURITY_POLICY, page_folder
from server.settings import Settings
from server.stores import Stores, open_stores

if TYPE_CHECKING:
    from server.metrics import Metrics
    from server.tracing import Tracing

logger = structlog.get_logger(__name__)

CATCH_UP_SECONDS = 5.0
SEAL_SECONDS = 1.0
NUMBER_SECONDS = 1.0
NUMBER_REST_SECONDS = 0.02
"""Between two numberings: what is written meanwhile is numbered together."""
FORGET_SECONDS = 600.0
COMPRESSED_FROM = 1_000
"""Bytes of a body; a smaller one fits into one packet as it is."""
COMPRESSION_LEVEL = 1
"""A list of 200 meetings is a fifth of its size with it, in 0.2 ms; the highest level makes it a
sixth, in five times as long."""


def make_app(settings: Settings, bound_host: str) -> Any:
    """The application of one worker, bound to a host."""
    server = _Server(settings, bound_host)
    folder = page_folder() if settings.explorer else None
    routes: list[Route | WebSocketRoute | Mount] = [
        Route("/graphql", server.graphql, methods=["GET", "POST"]),
        WebSocketRoute("/graphql", server),
        Route("/views/{id:path}", server.view, methods=["GET", "POST"]),
        Route("/healthz", server.healthz, methods=["GET"]),
        Route("/readyz", server.readyz, methods=["GET"]),
    ]
    if server.metrics is not None:
        routes.append(Route("/metrics", server.measured, methods=["GET"]))
    if folder is not None:
        routes.append(Mount("/page", StaticFiles(directory=folder)))
    middleware = [Middleware(RequestLog), *_cors(settings), _compressing()]
    if server.tracing is not None:
        middleware.insert(0, server.tracing.middleware())
    return Starlette(routes=routes, middleware=middleware, lifespan=server.lifespan)


def _compressing() -> Middleware:
    """Answers are compressed for who takes it, events apart: those are sent one by one."""
    return Middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=COMPRESSION_LEVEL)


def _cors(settings: Settings) -> list[Middleware]:
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=[
                *("Authorization", "Content-Type", "Accept-Language", "If-None-Match"),
                "Last-Event-ID",
            ],
            expose_headers=["ETag", "Retry-After", "X-Request-Id"],
        )
    ]


class _Server:
    """What one worker holds while it runs."""

    def __init__(self, settings: Settings, bound_host: str) -> None:
        self._settings = settings
        self._identity = Identity(settings, bound_host)
        self.metrics = _metrics(settings)
        self.tracing = _tracing(settings)
        self._stores: Stores | None = None
        self._endpoint: Endpoint | None = None
        self._sockets: WebSocketEndpoint | None = None
        self._streams: Streams | None = None
        self._written = asyncio.Event()

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as stack:
            if self.tracing is not None:
                stack.push_async_callback(self.tracing.close)
                self.tracing.of_fields()
            stores = open_stores(self._settings, self.tracing)
            self._stores = await stack.enter_async_context(stores)
            if self.metrics is not None:
                self.metrics.count_connections(self._stores.database)
            await self._stores.prepare()
            executor = await self._make_executor(self._stores)
            self._streams = self._make_endpoints(executor)
            work = [self._keep_up(), self._keep_sealed(), self._keep_numbered(), self._keep_few()]
            work.append(self._streams.run())
            if self._stores.database.is_postgresql:
                listener = Database(self._settings.database_url, 1)
                stack.push_async_callback(listener.close)
                work.append(listen(listener, self._streams.wake))
            tended = [asyncio.create_task(each) for each in work]
            logger.info("ready", tokens_of=self._identity.source)
            yield {"stop": self._streams.stop}
            self._streams.stop()
            for each in tended:
                each.cancel()
                with suppress(asyncio.CancelledError):
                    await each

    async def graphql(self, request: Request) -> Response:
        if self._settings.explorer and _is_browser(request):
            return _page()
        assert self._endpoint is not None
        return await self._endpoint(request)

    async def view(self, request: Request) -> Response:
        assert self._endpoint is not None
        return await ViewEndpoint.beside(self._endpoint)(request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket."""
        assert self._sockets is not None
        await self._sockets(scope, receive, send)

    async def healthz(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        try:
            ready = self._stores is not None and await self._stores.is_current()
        except Exception as error:
            logger.warning("not ready", reason=type(error).__name__)
            ready = False
        return PlainTextResponse("ready\n" if ready else "not ready\n", 200 if ready else 503)

    async def measured(self, request: Request) -> Response:
        assert self.metrics is not None
        assert self._stores is not None
        return await self.metrics.answer(request, self._stores)

    async def _make_executor(self, stores: Stores) -> Executor:
        return self._kind_of_executor()(
            stores.database,
            self._settings.limits(),
            await cursor_key(stores.database),
            self._settings.today,
            stores,
            persisted=PersistedDocuments(
                StoredDocuments(stores.database),
                keeps_hashes=self._settings.apq,
                trusted_only=self._settings.trusted_documents_only,
            ),
            budgets=Budgets(self._settings.cost_per_minute or None),
            max_seconds=self._settings.max_seconds or None,
            changes_kept=timedelta(days=self._settings.changes_kept_days),
            on_written=self._written.set,
        )

    def _make_endpoints(self, executor: Executor) -> Streams:
        """What answers over HTTP and over WebSocket, and the streams of both."""
        settings, metrics = self._settings, self.metrics
        most = settings.max_streams, settings.max_streams_per_principal
        streams = Streams(executor, *most)
        if metrics is not None:
            streams.began, streams.ended = metrics.stream_began, metrics.stream_ended
        listening = executor, streams, self._bearer, settings.slow_reader_seconds
        self._sockets = WebSocketEndpoint(*listening, *most)
        self._endpoint = Endpoint(
            executor,
            self._principal,
            settings.max_body,
            settings.max_batch,
            settings.public_schema,
            EventEndpoint(*listening),
            (lambda code: None) if metrics is None else metrics.refused,
        )
        return streams

    def _kind_of_executor(self) -> Callable[..., Executor]:
        """An ordinary one where nobody watches."""
        told = tuple(each.answered for each in (self.metrics, self.tracing) if each is not None)
        if not told:
            return Executor
        around = nullcontext if self.tracing is None else self.tracing.around
        return partial(WatchedExecutor, around=around, told=told)

    async def _principal(self, authorization: str | None) -> str | None:
        bearer = await self._bearer(authorization)
        return None if bearer is None else bearer.name

    async def _bearer(self, authorization: str | None) -> Bearer | None:
        try:
            found = await self._identity.principal(authorization)
        except Unauthenticated:
            return None
        return Bearer(found.name, found.expires_at)

    async def _keep_up(self) -> None:
        """Projects what another process wrote to the tree and did not live to project."""
        while True:
            await asyncio.sleep(CATCH_UP_SECONDS)
            try:
                if self._stores is not None and not await self._stores.is_current():
                    await self._stores.catch_up()
            except Exception as error:
                logger.warning("projection not caught up", reason=type(error).__name__)

    async def _keep_sealed(self) -> None:
        """Seals what the trail has new, where another worker is not at it."""
        while True:
            await asyncio.sleep(SEAL_SECONDS)
            try:
                if self._stores is not None and await self._stores.has_unsealed():
                    await self._stores.seal()
            except Exception as error:
                logger.warning("trail not sealed", reason=type(error).__name__)

    async def _keep_numbered(self) -> None:
        """Numbers the changes that were committed, at once where they were written here."""
        while True:
            is_told = await _is_set_within(self._written, NUMBER_SECONDS)
            self._written.clear()
            try:
                assert self._stores is not None and self._streams is not None
                if is_told or await self._stores.has_unnumbered():
                    await self._stores.number()
                    self._streams.wake()
            except Exception as error:
                logger.warning("changes not numbered", reason=type(error).__name__)
            await asyncio.sleep(NUMBER_REST_SECONDS)

    async def _keep_few(self) -> None:
        """Forgets the changes of long ago."""
        while True:
            try:
                assert self._stores is not None
                kept = timedelta(days=self._settings.changes_kept_days)
                await self._stores.forget(datetime.now(UTC) - kept)
            except Exception as error:
                logger.warning("changes not forgotten", reason=type(error).__name__)
            await asyncio.sleep(FORGET_SECONDS)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False


def _metrics(settings: Settings) -> "Metrics | None":
    """What counts for Prometheus; its library is imported only where it is asked for."""
    if settings.metrics_token is None:
        return None
    from server.metrics import Metrics

    return Metrics(settings.metrics_token.get_secret_value())


def _tracing(settings: Settings) -> "Tracing | None":
    """What makes traces; OpenTelemetry is imported only where they are asked for."""
    if not settings.traces:
        return None
    from server.tracing import Tracing

    return Tracing()


def _is_browser(request: Request) -> bool:
    wants_page = "text/html" in request.headers.get("accept", "")
    asks = {"query", "doc_id", "extensions"} & request.query_params.keys()
    return request.method == "GET" and wants_page and not asks


def _page() -> Response:
    folder = page_folder()
    if folder is None:
        return PlainTextResponse("The page to explore was not built: run `make page`.\n", 404)
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return FileResponse(folder / "index.html", headers=headers)
