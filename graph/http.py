"""GraphQL over HTTP: from a request's bytes to an answer's, and nothing of the data itself.

POST with JSON and GET with parameters (queries only), `application/graphql-response+json` where
the client accepts it and `application/json` otherwise. Without a valid token the answer is 401
whatever is asked. A document is sent as a text, or named: by Apollo's `persistedQuery`, by Relay's
`doc_id`. An answer to GET carries an ETag of its bytes without what it cost, which differs each
time; a weak one, for they may be compressed on their way. A client that would rather have events
than JSON is answered with those. Who is asking is found out by a function that the server gives;
what is asked is answered by the `Executor`.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Protocol

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from graph import execution
from graph.errors import INTERNAL, UNAUTHENTICATED, request_error
from graph.execution import Answer, Executor
from graph.language import preferred, weight
from graph.nesting import DEEPEST, NestedTooDeep, read_json
from graph.persisted import digest_of
from hierarchy.errors import BadInput, NotFound

logger = structlog.get_logger(__name__)

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
VARY = "Accept, Accept-Language, Accept-Encoding, Authorization"
READING = ("GET", "HEAD")
STATUS = {"NOT_FOUND": 404, "FORBIDDEN": 403, "CONFLICT": 409, "INTERNAL": 500}
"""Of an error that is the whole answer, by its code; of any other it is 400."""

ReadRequest = Callable[[Request, str], Awaitable[execution.Request | list[execution.Request]]]
"""What a request over HTTP asks, in a language. Raises `Refusal`."""

FindPrincipal = Callable[[str | None], Awaitable[str | None]]
"""The principal of a header Authorization; null where it names none that is accepted."""


class EventStreams(Protocol):
    """Answers as streams of events (`graph/events.py`)."""

    def are_wanted(self, request: Request) -> bool:
        """Whether the client would rather have events than JSON."""
        ...

    async def respond(self, request: Request, language: str, asked: "ReadRequest") -> Response:
        """The stream that answers. Raises `Refusal` where there is none to begin."""
        ...


class Refusal(Exception):
    """A request that cannot be run: the HTTP status, and the error to answer with."""

    def __init__(self, status: int, code: str, message: str, **values: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.values = values


@dataclass(frozen=True)
class Written:
    """A body that is no JSON."""

    content: bytes
    media: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Endpoint:
    """Answers `/graphql`. `max_body` in bytes; `max_batch` requests in one array, 1 is none."""

    executor: Executor
    principal: FindPrincipal
    max_body: int
    max_batch: int
    public_schema: bool
    events: "EventStreams"
    refused: Callable[[str], None] = lambda code: None
    """Told the code of every request that cannot be run."""

    offered: ClassVar[tuple[str, ...]] = (JSON, GRAPHQL_JSON)
    """The media types to answer in, those first that a client gets that asks for none."""

    async def __call__(self, request: Request) -> Response:
        language = preferred(request.headers.get("accept-language"))
        media = media_of(request.headers.get("accept"), self.offered)
        answer: Answer | None = None
        try:
            status, body, answer = await self._answered(request, language, media)
        except Refusal as refusal:
            error = request_error(refusal.code, refusal.message, language, **refusal.values)
            status, body = refusal.status, {"errors": [error]}
            self.refused(refusal.code)
        except (BadInput, NotFound) as refused:
            error = request_error(refused.code, refused.message, language, **refused.values)
            status, body = STATUS.get(refused.code, 400), {"errors": [error]}
            self.refused(refused.code)
        except HTTPException:
            raise
        except Exception:
            logger.exception("request failed")
            status, body = 500, {"errors": [request_error("INTERNAL", INTERNAL, language)]}
        return _response(request, status, body, media, language, answer)

    async def _answered(
        self, request: Request, language: str, media: str
    ) -> tuple[int, Any, Answer | None]:
        """The status, the body, and the answer that it is of where it is of one."""
        if self.events.are_wanted(request):
            return 200, await self.events.respond(request, language, self._asked), None
        principal = await self.principal(request.headers.get("authorization"))
        if principal is None and not self.public_schema:
            raise unauthenticated()
        asked = await self._asked(request, language)
        if isinstance(asked, list):
            return 200, await self._answers(asked, principal), None
        answer = await self._answer(asked, principal)
        return status_of(answer, media), answer.body, answer

    async def _answers(
        self, asked: list[execution.Request], principal: str | None
    ) -> list[dict[str, Any]]:
        """The whole answers to an array, one after the other; together they cost no more than one
        request may."""
        found, spent = [], 0
        for each in asked:
            answer = await self._answer(replace(each, spent=spent), principal)
            spent += answer.cost.estimated if answer.was_run and answer.cost else 0
            found.append(answer.whole)
        return found

    async def _answer(self, asked: execution.Request, principal: str | None) -> Answer:
        if principal is not None:
            return await self.executor.answer(asked, principal)
        answer = await self.executor.introspect(asked)
        if answer is None:
            raise unauthenticated()
        return answer

    async def _asked(
        self, request: Request, language: str
    ) -> execution.Request | list[execution.Request]:
        asked = await self._read(request, language)
        gone = partial(until_gone, request)
        if isinstance(asked, list):
            return [replace(each, until_gone=gone) for each in asked]
        return replace(asked, until_gone=gone)

    async def _read(
        self, request: Request, language: str
    ) -> execution.Request | list[execution.Request]:
        if request.method in READING:
            return _of_parameters(request, language)
        body = await self._json_body(request)
        if isinstance(body, list):
            return [request_of_json(each, language) for each in self._batch(body)]
        return request_of_json(body, language)

    def _batch(self, body: list[Any]) -> list[Any]:
        if self.max_batch <= 1:
            raise _bad("A request is a JSON object: arrays are refused.")
        if not 0 < len(body) <= self.max_batch:
            raise _bad("An array holds 1 to {limit} requests.", limit=self.max_batch)
        return body

    async def _json_body(self, request: Request) -> Any:
        if _content_type(request) != JSON:
            raise Refusal(415, "BAD_USER_INPUT", "The body of a request is application/json.")
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Refusal(415, "BAD_USER_INPUT", "The body of a request is not compressed.")
        return _json(await self._body(request))

    async def _body(self, request: Request) -> bytes:
        received = bytearray()
        try:
            async for part in request.stream():
                received += part
                if len(received) > self.max_body:
                    raise Refusal(
                        413,
                        "BAD_USER_INPUT",
                        "A request is at most {limit} bytes.",
                        limit=self.max_body,
                    )
        except ClientDisconnect:
            raise HTTPException(400) from None
        return bytes(received)


def unauthenticated() -> Refusal:
    """What is answered without a valid token."""
    return Refusal(401, "UNAUTHENTICATED", UNAUTHENTICATED)


async def until_gone(request: Request) -> None:
    """Ends when the client has closed the connection; the body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _bad(message: str, **values: object) -> Refusal:
    return Refusal(400, "BAD_USER_INPUT", message, **values)


def _content_type(request: Request) -> str:
    """The media type of the body; none where its charset is another than UTF-8."""
    kind, *parameters = request.headers.get("content-type", "").lower().split(";")
    for parameter in parameters:
        name, _, charset = parameter.strip().partition("=")
        if name == "charset" and charset.strip('"') not in ("utf-8", "utf8"):
            return ""
    return kind.strip()


def _json(body: bytes) -> Any:
    try:
        return read_json(body)
    except NestedTooDeep:
        raise _bad("JSON is nested at most {limit} deep.", limit=DEEPEST) from None
    except orjson.JSONDecodeError:
        raise _bad("The body of a request is a JSON object in UTF-8.") from None


def request_of_json(body: Any, language: str) -> execution.Request:
    """What a JSON object asks. Raises `Refusal` where it is no request."""
    if not isinstance(body, dict):
        raise _bad("A request is a JSON object.")
    return _request(
        body.get("query"),
        body.get("doc_id"),
        body.get("variables"),
        body.get("operationName"),
        body.get("extensions"),
        language,
        may_write=True,
    )


def _of_parameters(request: Request, language: str) -> execution.Request:
    given = request.query_params
    return _request(
        given.get("query"),
        given.get("doc_id"),
        json_parameter(given.get("variables")),
        given.get("operationName") or None,
        json_parameter(given.get("extensions")),
        language,
        may_write=False,
    )


def json_parameter(text: str | None) -> Any:
    """What a parameter of an address says in JSON; null where it is left out or empty."""
    return _json(text.encode("utf-8", "replace")) if text else None


def _request(
    query: Any,
    doc_id: Any,
    variables: Any,
    operation_name: Any,
    extensions: Any,
    language: str,
    *,
    may_write: bool,
) -> execution.Request:
    for name, value in (("variables", variables), ("extensions", extensions)):
        if value is not None and not isinstance(value, dict):
            raise _bad("`{name}` is a JSON object.", name=name)
    if operation_name is not None and not isinstance(operation_name, str):
        raise _bad("`operationName` is a text.")
    query, document_id = _document(query, doc_id, _hash(extensions))
    return execution.Request(query, variables, operation_name, language, may_write, document_id)


def _hash(extensions: dict[str, Any] | None) -> str | None:
    """The hash of Apollo's protocol for persisted queries; null where it is not spoken."""
    persisted = (extensions or {}).get("persistedQuery")
    if persisted is None:
        return None
    found = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(found, str) or persisted.get("version", 1) != 1:
        raise _bad("`persistedQuery` has the `version` 1 and a `sha256Hash`.")
    return found


def _document(query: Any, doc_id: Any, digest: str | None) -> tuple[str, str | None]:
    """A document's text, empty where it is only named, and its name, null where it has none."""
    if doc_id is not None:
        if query or digest is not None or not isinstance(doc_id, str):
            raise _bad("`doc_id` is a text that stands in the place of `query` and of a hash.")
        return "", doc_id
    if digest is not None and (query is None or query == ""):
        return "", digest
    if not isinstance(query, str) or not query:
        raise _bad("A request has a `query`, a text.")
    if digest is not None and digest_of(query) != digest:
        raise _bad("The hash is not that of the document.")
    return query, digest


def status_of(answer: Answer, media: str) -> int:
    """405 for a mutation by GET; 400 for a request that was not run, where the client knows the
    media type of GraphQL; otherwise 200."""
    if answer.is_forbidden_method:
        return 405
    return 200 if answer.was_run or media == JSON else 400


def media_of(accept: str | None, offered: Sequence[str]) -> str:
    """The media type to answer in: of those offered the one the client weighs most, by the range
    that names it most closely, and of equals the one named first; JSON where the client does not
    say or takes none."""
    asked: dict[str, float] = {}
    for part in (accept or "*/*").lower().split(","):
        kind, *parameters = part.split(";")
        asked.setdefault(kind.strip(), weight(parameters))
    weights = {
        media: next((asked[kind] for kind in (media, *_ranges(media)) if kind in asked), 0.0)
        for media in offered
    }
    named = [kind for kind in asked if kind in weights]
    best = max([*named, *weights], key=weights.__getitem__)
    return best if weights[best] > 0 else JSON


def _ranges(media: str) -> tuple[str, str]:
    """The ranges that hold a media type, the closest first."""
    return f"{media.partition('/')[0]}/*", "*/*"


def _response(
    request: Request, status: int, body: Any, media: str, language: str, answer: Answer | None
) -> Response:
    if isinstance(body, Response):
        return body
    if not isinstance(body, Written):
        body = Written(orjson.dumps(body), media if media in Endpoint.offered else JSON, {})
    content = body.content
    headers = {"Vary": VARY, "Cache-Control": "private, no-cache", "Content-Language": language}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 405:
        headers["Allow"] = "POST"
    if request.method in READING and status == 200:
        headers["ETag"] = f'W/"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
        if _is_known(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
    if answer is not None and answer.retry_after is not None:
        headers["Retry-After"] = str(answer.retry_after)
    if answer is not None and answer.extensions is not None:
        content = content[:-1] + b',"extensions":' + orjson.dumps(answer.extensions) + b"}"
    return Response(content, status, headers | body.headers, f"{body.media}; charset=utf-8")


def _is_known(if_none_match: str | None, etag: str) -> bool:
    known = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return etag.removeprefix("W/") in known or "*" in known
