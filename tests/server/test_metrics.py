"""Metrics: what is counted, under which labels, and who is told."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from server.documents import add
from server.metrics import Metrics
from server.settings import SettingsError
from server.stores import open_stores
from tests import province
from tests.graph.conftest import reader, sqlite_file, sqlite_url
from tests.province import Client
from tests.server.test_workers import filled
from tests.workers import running

__all__ = ["filled", "reader", "sqlite_file", "sqlite_url"]

TOKEN = "scraped-every-fifteen-seconds"
TRUSTED = "query Overview { units { totalCount } }"
DIGEST = hashlib.sha256(TRUSTED.encode()).hexdigest()

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


async def scraped(client: Client) -> Samples:
    answer = await client.http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    return samples(answer.text)


@asynccontextmanager
async def measured(home: Path, url: str, **more: Any) -> AsyncIterator[Client]:
    """A server with metrics and one trusted document."""
    settings = province.settings_of(home, url, metrics_token=TOKEN, **more)
    folder = home / "documents"
    folder.mkdir()
    (folder / "overview.graphql").write_text(TRUSTED)
    async with open_stores(settings) as stores:
        await stores.prepare()
        await add(stores.database, folder, settings.limits())
    async with province.served(settings) as client:
        yield client


@pytest.fixture
async def client(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    async with measured(tmp_path, sqlite_url) as client:
        yield client


async def test_there_are_no_metrics_unless_they_are_set(reader: Client) -> None:
    """The path reads like any that is none."""
    for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}, reader.bearer("administrator_t")):
        assert (await reader.http.get("/metrics", headers=headers)).status_code == 404


async def test_only_the_token_for_it_opens_the_metrics(client: Client) -> None:
    """No token of the API does, and this one opens nothing else."""
    shown = ("", "Bearer ", "Bearer x", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}é", "Bearer é")
    for authorization in (*shown, client.bearer("administrator_t")["Authorization"]):
        headers = {"Authorization": authorization.encode()}
        answer = await client.http.get("/metrics", headers=headers)
        assert answer.status_code == 401, authorization
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "chibo_" not in answer.text
    asked = {"query": "{ viewer { name } }"}
    scraper = {"Authorization": f"Bearer {TOKEN}"}
    assert (await client.http.post("/graphql", json=asked, headers=scraper)).status_code == 401


async def test_operations_are_named_where_their_documents_are_trusted(client: Client) -> None:
    """By id, by hash or written out; whatever else a client sends is `other`, its names too."""
    headers = client.bearer("leader_t")
    ask = client.http
    for body in (
        {"doc_id": DIGEST},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": DIGEST}}},
        {"query": TRUSTED, "operationName": "Overview"},
    ):
        assert (await ask.post("/graphql", json=body, headers=headers)).status_code == 200
    for number in range(3):
        query = f"query Mine{number} {{ units {{ totalCount }} }}"
        await ask.post("/graphql", json={"query": query}, headers=headers)
    await ask.post("/graphql", json={"doc_id": DIGEST, "operationName": "MineToo"}, headers=headers)
    found = await scraped(client)
    named = {"operation": "Overview", "outcome": "answered"}
    assert value(found, "chibo_requests_total", **named) == 3
    assert value(found, "chibo_requests_total", operation="other", outcome="answered") == 3
    assert value(found, "chibo_requests_total", operation="other", outcome="refused") == 1
    assert value(found, "chibo_request_duration_seconds_count", operation="Overview") == 3
    assert {dict(labels).get("operation") for _, labels in found} == {None, "Overview", "other"}


async def test_outcomes_costs_and_codes_are_counted(client: Client) -> None:
    """A request that was refused before it was one, too; none that could not be costed."""
    await client.ask("leader_t", '{ units(within: "nowhere") { totalCount } viewer { name } }')
    await client.ask("leader_t", "{ units(first: 5) { nodes { code } } }")
    await client.ask("leader_t", "{ nothing }")
    refused = await client.http.post("/graphql", json={"query": "{ viewer { name } }"})
    assert refused.status_code == 401
    found = await scraped(client)
    for outcome in ("answered", "with_errors", "refused"):
        told = {"operation": "other", "outcome": outcome}
        assert value(found, "chibo_requests_total", **told) == 1, outcome
    codes = {"NOT_FOUND": 1, "BAD_USER_INPUT": 1, "UNAUTHENTICATED": 1, "FORBIDDEN": 0}
    for code, times in codes.items():
        assert value(found, "chibo_errors_total", code=code) == times, code
    assert value(found, "chibo_request_cost_count") == 2
    assert value(found, "chibo_request_cost_sum") > 2


async def test_no_label_tells_who_asked_or_what_about(client: Client) -> None:
    """No principal, unit, variable, token or word of a document that is not trusted."""
    query = "query Spy($code: String!) { unit(code: $code) { name meetings { totalCount } } }"
    await client.ask("secretary_b", query, {"code": "SECRETCODE"})
    answer = await client.http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    for secret in (
        "secretary_b",
        "SECRETCODE",
        "Spy",
        "meetings",
        TOKEN,
        client.tokens.popitem()[1],
    ):
        assert secret not in answer.text
    known = {"operation", "outcome", "code", "le", "worker", "reason"}
    assert {name for _, labels in samples(answer.text) for name, _ in labels} <= known


async def test_the_lag_the_pool_and_the_process_are_told(client: Client) -> None:
    """By how many versions the projection is behind: none, then one that nobody projected."""
    await client.data("leader_t", "{ viewer { name } }")
    found = await scraped(client)
    assert value(found, "chibo_revision_lag") == 0
    assert value(found, "chibo_database_connections_in_use") == 0
    assert any(name == "process_resident_memory_bytes" for name, _ in found)
    async with open_stores(client.settings) as stores, stores.database.writing() as connection:
        await connection.exec_driver_sql("UPDATE tree SET version = version + 1")
    assert value(await scraped(client), "chibo_revision_lag") == 1


def test_streams_are_counted_while_they_are_open_and_by_why_they_ended() -> None:
    """Two begun and one cut: one is open."""
    metrics = Metrics(TOKEN)
    metrics.stream_began()
    metrics.stream_began()
    metrics.stream_ended("slow")
    told = samples(generate_latest(metrics._told(None)).decode())
    assert value(told, "chibo_streams_open") == 1
    assert value(told, "chibo_streams_ended_total", reason="slow") == 1
    assert "chibo_revision_lag" not in {name for name, _ in told}


async def test_connections_at_work_are_counted(sqlite_url: str, tmp_path: Path) -> None:
    """One more while a transaction is open, and one less when it is closed."""
    metrics = Metrics(TOKEN)
    async with open_stores(province.settings_of(tmp_path, sqlite_url)) as stores:
        metrics.count_connections(stores.database)
        async with stores.database.reading(), stores.database.reading():
            assert metrics._registry.get_sample_value("chibo_database_connections_in_use") == 2
        assert metrics._registry.get_sample_value("chibo_database_connections_in_use") == 0


def test_a_scrape_tells_of_all_workers(filled: Callable[[str], str], tmp_path: Path) -> None:
    """Whichever worker answers it; and the folder that they share is gone with the server."""
    (tmp_path / ".env").write_text(f"CHIBO_METRICS_TOKEN={TOKEN}\n")
    with running(tmp_path, filled("sqlite"), "--workers", "2") as server:
        told: set[str] = set()
        asked = 0
        while len(told) < 2:
            assert asked < 200
            with httpx.Client() as connection:
                asked += 1
                assert server.ask(connection).status_code == 200
                scrape = connection.get(
                    f"{server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
                )
            found = samples(scrape.text)
            counted = value(found, "chibo_requests_total", operation="other", outcome="answered")
            assert counted == asked
            told = {
                dict(labels)["worker"]
                for name, labels in found
                if name == "process_resident_memory_bytes"
            }
        assert told == {str(each.pid) for each in server.workers()}
        paths = {Path(each.path) for worker in server.workers() for each in worker.open_files()}
        [folder] = {
            path.parent for path in paths if path.suffix == ".db" and "metrics" in str(path)
        }
        assert folder.is_dir()
        assert server.stop() == 0
    assert not folder.exists()


@pytest.mark.parametrize("token", ["short", "x" * 15])
def test_a_token_that_is_easily_guessed_is_refused(token: str, tmp_path: Path) -> None:
    """Sixteen characters at least; the message names the variable and never the value."""
    with pytest.raises(SettingsError, match="CHIBO_METRICS_TOKEN") as refused:
        province.settings_of(tmp_path, "sqlite://", metrics_token=token)
    assert token not in str(refused.value)


def test_a_server_without_them_imports_neither_library(tmp_path: Path) -> None:
    """Metrics and traces are free where they are off."""
    script = f"""
import asyncio, sys
from pathlib import Path
from tests.province import served, settings_of

async def ask():
    home = Path({str(tmp_path)!r})
    async with served(settings_of(home, f"sqlite:///{{home / 'chibo.db'}}")) as client:
        await client.ask("nobody", "{{ viewer {{ name }} }}")

asyncio.run(ask())
print([name for name in sys.modules if name.startswith(("opentelemetry", "prometheus_client"))])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip().splitlines() or [done.stderr])[-1] == "[]"
