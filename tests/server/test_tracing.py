"""Traces, as a collector gets them: which spans there are, and what is in none of them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sqlalchemy.exc import IntegrityError

from graph.documents import GRAPHQL_SCHEMA
from server.database import Database
from server.tracing import TOLD, Tracing
from tests import province
from tests.graph.conftest import sqlite_file, sqlite_url
from tests.province import Client

__all__ = ["sqlite_file", "sqlite_url"]

SECRETS = ("UNITCODE1", "secretary_b", "Kept-topic", "SecretName", "SECRETARY")

WRITE = (
    """mutation SecretName($input: RecordMeetingInput!) { recordMeeting(input: $input) { id } }"""
)
MEETING = {
    "unitCode": "B",
    "heldOn": "2024-06-01",
    "kind": "REGULAR",
    "form": "ONLINE",
    "topic": "Kept-topic",
    "membersExpected": 3,
    "membersPresent": 2,
}


@dataclass
class Collector:
    """An OTLP collector on loopback, and every byte that it was sent."""

    bodies: list[bytes] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        parsed = map(ExportTraceServiceRequest.FromString, self.bodies)
        return [
            span
            for request in parsed
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Span:
        [found] = self.named(name)
        return found


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@asynccontextmanager
async def traced(home: Path, url: str, **more: Any) -> AsyncIterator[Client]:
    """A server that makes traces; all are sent once it has stopped."""
    async with province.served(province.settings_of(home, url, traces=True, **more)) as client:
        yield client


async def test_a_request_is_one_trace_across_http_resolver_and_sql(
    collector: Collector, sqlite_url: str, tmp_path: Path
) -> None:
    """Each span within the one it belongs to, and the first within the client's; on SQLite, whose
    driver works in a thread. What is nested below the root belongs to the operation."""
    async with traced(tmp_path, sqlite_url) as client:
        headers = client.bearer("leader_t")
        headers["traceparent"] = f"00-{'ab' * 16}-{'cd' * 8}-01"
        body = {"query": '{ unit(code: "D") { name meetings { nodes { topic } } } }'}
        answer = await client.http.post("/graphql", json=body, headers=headers)
        assert "errors" not in answer.json()
    http, operation = collector.one("POST /graphql"), collector.one("operation other")
    root, statements = collector.one("field unit"), collector.named("SELECT")
    assert http.trace_id.hex() == "ab" * 16
    assert http.parent_span_id.hex() == "cd" * 8
    assert operation.parent_span_id == http.span_id
    assert root.parent_span_id == operation.span_id
    within = [each for each in statements if each.parent_span_id == root.span_id]
    assert within
    mine = [each for each in statements if each.trace_id == http.trace_id]
    assert {each.parent_span_id for each in mine} == {http.span_id, operation.span_id, root.span_id}
    assert root.start_time_unix_nano <= min(each.start_time_unix_nano for each in within)
    assert root.end_time_unix_nano >= max(each.end_time_unix_nano for each in within)
    assert {each.name for each in collector.spans if each.name.startswith("field ")} == {
        "field unit"
    }


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def url(
    request: pytest.FixtureRequest, fresh_database: Callable[[str], str], tmp_path: Path
) -> str:
    """The small province, on either engine."""
    made = fresh_database(request.param)
    database = Database(made)
    await province.fill(database, tmp_path / "data", province.SMALL)
    await database.close()
    return made


async def test_no_span_holds_what_was_asked_or_who_asked(
    collector: Collector, tmp_path: Path, url: str
) -> None:
    """No principal, token, variable, code of a unit or name of a client's: looked for in all the
    bytes that were sent; a statement shows places, no values."""
    async with traced(tmp_path, url) as client:
        await client.ask("leader_t", "query SecretName($c: String!) { unit(code: $c) { name } }",
                         {"c": "UNITCODE1"})  # fmt: skip
        wrong = {"input": MEETING | {"unitCode": "UNITCODE1"}}
        await client.ask("secretary_b", WRITE, wrong)
        await client.http.get("/UNITCODE1?secretary_b")
        sent = client.bearer("secretary_b")
        sent |= {"tracestate": "a=UNITCODE1", "baggage": "a=UNITCODE1"}
        for parent in (f"00-{'ab' * 16}-{'cd' * 8}-01", "UNITCODE1"):
            sent["traceparent"] = parent
            await client.http.post("/graphql", json={"query": "{ viewer { name } }"}, headers=sent)
        await client.http.request("SECRETARY", "/graphql", headers=sent)
        token = client.tokens["secretary_b"]
    everything = b"".join(collector.bodies)
    for secret in (*SECRETS, token, str(tmp_path)):
        assert secret.encode() not in everything, secret
    for span in collector.spans:
        assert {each.key for each in span.attributes} <= TOLD
        assert not span.events
        assert not span.status.message
        assert not span.trace_state
    told = {each.value.string_value for span in collector.spans for each in span.attributes}
    assert any("WHERE" in each for each in told)
    assert "other" in told
    assert not any("SECRETARY" in each for each in told)


async def test_a_failing_statement_tells_nothing_of_its_row(
    collector: Collector, sqlite_url: str, tmp_path: Path
) -> None:
    """What a database says of a row it refuses stays here; the span is marked as an error."""
    tracing = Tracing()
    database = Database(sqlite_url)
    tracing.of_database(database)
    with pytest.raises(IntegrityError, match=r"UNIQUE"):
        async with database.writing() as connection:
            for _ in range(2):
                await connection.exec_driver_sql(
                    "INSERT INTO secret (name, value) VALUES (?, ?)", ("UNITCODE1", b"Kept-topic")
                )
    with pytest.raises(RuntimeError), tracing.around("Overview"):
        raise RuntimeError("UNITCODE1")
    await database.close()
    await tracing.close()
    failed = [span for span in collector.spans if span.status.code == 2]
    assert {span.name for span in failed} == {"INSERT", "operation Overview"}
    everything = b"".join(collector.bodies)
    assert not any(secret.encode() in everything for secret in SECRETS)


async def test_the_library_would_have_told_it(
    collector: Collector, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why spans are made bare: what the library says of a failure names the table at least."""
    monkeypatch.setattr("server.tracing._bare", lambda span: span)
    tracing = Tracing()
    database = Database(sqlite_url)
    tracing.of_database(database)
    with pytest.raises(Exception, match="no such table"):
        async with database.reading() as connection:
            await connection.exec_driver_sql("SELECT * FROM UNITCODE1")
    await database.close()
    await tracing.close()
    assert any("no such table" in span.status.message for span in collector.spans)


async def test_fields_are_as_they_were_once_a_server_has_stopped(
    collector: Collector, sqlite_url: str, tmp_path: Path
) -> None:
    """A server in the same process that makes no traces sends nothing and runs nothing of them."""
    assert GRAPHQL_SCHEMA.query_type is not None
    fields = GRAPHQL_SCHEMA.query_type.fields
    plain = {name: field.resolve for name, field in fields.items()}
    async with traced(tmp_path, sqlite_url) as client:
        await client.data("leader_t", "{ viewer { name } }")
    assert {name: field.resolve for name, field in fields.items()} == plain
    assert len(collector.named("field viewer")) == 1
    before = len(collector.bodies)
    async with province.served(province.settings_of(tmp_path, sqlite_url)) as client:
        await client.data("leader_t", "{ viewer { name } }")
    assert len(collector.bodies) == before


async def test_a_silent_collector_keeps_nobody_from_an_answer(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens there."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    async with traced(tmp_path, sqlite_url) as client:
        found = await client.data("leader_t", "{ viewer { name } }")
    assert found == {"viewer": {"name": "leader_t"}}
