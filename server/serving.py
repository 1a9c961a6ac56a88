"""Serving: one process or several on one store, stopped cleanly.

Several workers are processes that uvicorn starts and watches; each makes the application anew from
the environment. A stop lets running requests end first.
"""

import os

import uvicorn

from server import logs
from server.app import make_app
from server.identity import Identity
from server.settings import Settings

STOP_SECONDS = 20
WORKER_SECONDS = 60
"""How long a worker may be silent, at its start too, before it is taken for dead."""
_HOST = "CHIBO_BOUND_HOST"


def serve(settings: Settings, host: str, port: int, workers: int) -> None:
    """Serves until it is told to stop."""
    Identity(settings, host)
    logs.configure()
    os.environ[_HOST] = host
    app = make_app(settings, host) if workers == 1 else "server.serving:app_of_worker"
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
        ws="none",
    )


def app_of_worker() -> object:
    """The application of one of several workers."""
    logs.configure()
    return make_app(Settings(), os.environ[_HOST])
