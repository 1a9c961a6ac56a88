"""Serving: one process or several on one store, stopped cleanly.

Several workers are processes that uvicorn starts and watches; each makes the application anew from
the environment. What would keep all of them from starting, stores that do not answer or an
address that is taken, is told before any of them starts. A stop lets running requests end first
and is no failure.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import logs
from server.app import make_app
from server.connections import HttpConnection, WebSocketConnection
from server.identity import Identity
from server.settings import Settings
from server.stores import open_stores

STOP_SECONDS = 20
LEAVE_SECONDS = 3
WORKER_SECONDS = 60
"""How long a worker may be silent, at its start too, before it is taken for dead."""
_HOST = "CHIBO_BOUND_HOST"


def serve(settings: Settings, host: str, port: int, workers: int) -> None:
    """Serves until it is told to stop.

    Raises `OSError` for an address that cannot be bound, and what the stores raise where they
    cannot be made ready.
    """
    Identity(settings, host)
    _check_address(host, port)
    asyncio.run(_prepare(settings))
    logs.configure()
    # uvicorn stops cleanly by itself and then raises the signal that stopped it again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.environ[_HOST] = host
    with _counting_together(settings, workers):
        _run(settings, host, port, workers)


def _run(settings: Settings, host: str, port: int, workers: int) -> None:
    app = _tended(make_app(settings, host)) if workers == 1 else "server.serving:app_of_worker"
    uvicorn.run(
        app,
        host=host,
        port=port,
        workers=workers,
        factory=workers > 1,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_worker_healthcheck=WORKER_SECONDS,
        http=HttpConnection,
        ws=WebSocketConnection,
        ws_max_size=settings.max_body,
        ws_per_message_deflate=False,
    )


@contextmanager
def _counting_together(settings: Settings, workers: int) -> Iterator[None]:
    """A folder into which several workers count, where there are metrics, named to them by the
    variable that prometheus-client knows; gone at the end."""
    if settings.metrics_token is None or workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="chibo-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def _check_address(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    socket.create_server((host, port), family=family).close()


async def _prepare(settings: Settings) -> None:
    async with open_stores(settings) as stores:
        await stores.prepare()


def app_of_worker() -> object:
    """The application of one of several workers."""
    logs.configure()
    return _tended(make_app(Settings(), os.environ[_HOST]))


def _tended(app: ASGIApp) -> ASGIApp:
    """The application, whose process forgets nothing of its start and does not outlive its end.

    What was made at the start stays, so that the garbage collector need not look through it in
    the midst of answers. Soon after the stop is complete the process ends, whatever still hangs:
    a request that was cancelled in the midst of a statement may wait for ever.
    """

    async def tended(scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                gc.collect()
                gc.freeze()
            if message["type"] == "lifespan.shutdown.complete":
                _leave_soon()

        await app(scope, receive, told if scope["type"] == "lifespan" else send)

    return tended


def _leave_soon() -> None:
    last = threading.Timer(LEAVE_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
