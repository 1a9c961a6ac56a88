"""uvicorn's connections, with two things more that streams need.

A stream runs until somebody ends it, so the application is told of a stop when it begins, not when
all requests have ended (`stop` in the lifespan's state). A client that does not read would keep
what was sent to it in memory for as long as it likes: whoever serves it can drop the connection
(`abort` in the request's state). Neither knows what is sent.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LOG = "uvicorn.websocket"
"""uvicorn's lines about WebSockets have addresses and query strings in them (`server/logs.py`)."""


def _abort(transport: asyncio.Transport) -> Callable[[], None]:
    """What drops a connection, with what the system holds of it too."""

    def abort() -> None:
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    return abort


def _stop(state: dict[str, Any]) -> None:
    stop = state.get("stop")
    if stop is not None:
        stop()


class HttpConnection(HttpToolsProtocol):
    """A connection over HTTP."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["abort"] = _abort(self.transport)

    def shutdown(self) -> None:
        _stop(self.app_state)
        super().shutdown()


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = logging.getLogger(LOG)

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.handshake_initiated and hasattr(self, "scope"):
            self.scope["state"]["abort"] = _abort(self.transport)

    def shutdown(self) -> None:
        _stop(self.app_state)
        super().shutdown()
