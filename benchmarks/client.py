"""A client over one kept-alive connection, as thin as can be: what is timed is the server.

It knows the answers of these servers alone: HTTP/1.1, a body with its length.
"""

import socket
from collections.abc import Mapping
from types import TracebackType

import orjson


class Client:
    """Sends requests that were made before; one connection for all of them."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, request: bytes) -> bytes:
        """The body of the answer. Raises `RuntimeError` where the status is not 200."""
        self._socket.sendall(request)
        received = self._socket.recv(65_536)
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head = received[:end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        while len(received) < end + 4 + length:
            received += self._more()
        if not head.startswith(b"http/1.1 200 "):
            raise RuntimeError(received.decode(errors="replace"))
        return received[end + 4 :]

    def _more(self) -> bytes:
        part = self._socket.recv(1 << 20)
        if not part:
            raise RuntimeError("the server closed the connection")
        return part


def request(path: str, token: str, body: Mapping[str, object]) -> bytes:
    """A POST of JSON, ready to be sent."""
    content = orjson.dumps(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nAccept: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
