"""Documents by name: trusted ones, hashes that clients send, servers that answer no others."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from graph.kept import Kept
from graph.limits import Limits
from graph.persisted import MAX_KEPT_CHARACTERS, PersistedDocuments, UnknownDocument
from server.database import Database
from server.documents import add
from tests import province
from tests.province import Client, told

NAME = "{ viewer { name } }"
NAMED = {"data": {"viewer": {"name": "leader_d"}}}
UNIT = "query Unit($code: String!) { unit(code: $code) { code } }\n"
RECORD = """mutation { recordMeeting(input: {unitCode: "B", heldOn: "2024-06-01", kind: GROUP,
  form: ONLINE, membersExpected: 1, membersPresent: 1}) { id } }"""
INTROSPECTION = "{ __schema { queryType { name } } }"

Start = Callable[..., Awaitable[Client]]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def by_hash(digest: Any, query: str | None = None, **more: Any) -> dict[str, Any]:
    asked = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}, **more}
    return asked if query is None else asked | {"query": query}


async def post(client: Client, body: Any, principal: str = "leader_d") -> httpx.Response:
    return await client.http.post("/graphql", json=body, headers=client.bearer(principal))


async def get(client: Client, body: dict[str, Any], **headers: str) -> httpx.Response:
    parameters = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()
    }
    sent = client.bearer("leader_d") | headers
    return await client.http.get("/graphql", params=parameters, headers=sent)


def refusal(answer: httpx.Response) -> tuple[str, str]:
    """The message and the code of the only error of what was not run."""
    body = answer.json()
    [error] = body["errors"]
    assert "data" not in body
    return error["message"], error["extensions"]["code"]


UNKNOWN = ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")


@pytest_asyncio.fixture
async def start(
    sqlite_file: Path, fresh_database: Callable[[str], str], tmp_path: Path
) -> AsyncIterator[Start]:
    """Servers over one store of the test's own, each with settings of its own."""
    shutil.copy(sqlite_file, tmp_path / "chibo.db")
    url = f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}"
    async with AsyncExitStack() as running:

        async def started(url: str = url, **settings: Any) -> Client:
            given = province.settings_of(tmp_path, url, **settings)
            return await running.enter_async_context(province.served(given))

        yield started


async def register(client: Client, folder: Path, *documents: str, **named: str) -> None:
    """Makes documents trusted: each a file of its own, and those that are named in one of JSON."""
    folder.mkdir()
    for number, document in enumerate(documents):
        (folder / f"{number}.graphql").write_bytes(document.encode())
    (folder / "named.json").write_text(json.dumps(named))
    database = Database(client.settings.database_url)
    await add(database, folder, Limits())
    await database.close()


# ---- trusted documents


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_a_document_is_asked_by_its_name(
    start: Start, fresh_database: Callable[[str], str], tmp_path: Path, engine: str
) -> None:
    """By hash or `doc_id`, by POST or GET, with variables; by every worker, also those that were
    asked for it before it was there."""
    url = fresh_database(engine)
    clients = [await start(url), await start(url)]
    name, unit = by_hash(sha256(NAME)), {"doc_id": "unit/1 é", "variables": {"code": "B"}}
    for client in clients:
        for asked in (name, unit, {"doc_id": sha256(NAME)}, {"doc_id": sha256(UNIT)}):
            for answer in (await post(client, asked), await get(client, asked)):
                assert (answer.status_code, refusal(answer)) == (200, UNKNOWN)
    await register(clients[0], tmp_path / "documents", NAME, **{"unit/1 é": UNIT})
    for client in clients:
        for asked in (name, {"doc_id": sha256(NAME)}, name | {"query": None}, name | {"query": ""}):
            assert told(await post(client, asked)) == NAMED
        for asked in (name, {"doc_id": sha256(NAME)}):
            assert told(await get(client, asked)) == NAMED
        for answer in (await post(client, unit), await get(client, unit)):
            assert told(answer) == {"data": {"unit": None}}
        assert refusal(await post(client, {"doc_id": sha256(UNIT)})) == UNKNOWN


async def test_a_named_document_gives_the_asker_what_is_theirs(
    start: Start, tmp_path: Path
) -> None:
    """The name brings no right: one document, and each viewer's own answer."""
    client = await start()
    await register(client, tmp_path / "documents", unit=UNIT)
    asked = {"doc_id": "unit", "variables": {"code": "B"}}
    assert told(await post(client, asked)) == {"data": {"unit": {"code": "B"}}}
    assert told(await post(client, asked, "leader_e")) == {"data": {"unit": None}}


async def test_an_unknown_name_is_told_in_apollos_words(start: Start) -> None:
    """In every language; 400 where the type of GraphQL is known, like anything that is not run."""
    client = await start()
    for language in ("vi", "en"):
        answer = await get(client, {"doc_id": "x"}, **{"Accept-Language": language})
        assert refusal(answer) == UNKNOWN
    typed = await get(client, {"doc_id": "x"}, Accept="application/graphql-response+json")
    assert (typed.status_code, refusal(typed)) == (400, UNKNOWN)
    assert "etag" not in typed.headers


@pytest.mark.parametrize("name", ["", "\0", "a\nb", "x" * 201, "é" * 201, "'; --"])
async def test_what_can_be_no_name_is_unknown(
    start: Start, fresh_database: Callable[[str], str], name: str
) -> None:
    client = await start(fresh_database("postgresql"))
    for asked in ({"doc_id": name}, by_hash(name)):
        assert refusal(await post(client, asked)) == UNKNOWN


async def test_what_was_read_once_is_read_no_more(start: Start, tmp_path: Path) -> None:
    """A trusted document never changes: a worker keeps what it found, by name and by text."""
    client = await start(trusted_documents_only=True)
    await register(client, tmp_path / "documents", NAME, unit=UNIT)
    asked = (by_hash(sha256(NAME)), {"query": UNIT, "variables": {"code": "B"}})
    answered = [told(await post(client, each)) for each in asked]
    assert answered == [NAMED, {"data": {"unit": {"code": "B"}}}]
    database = Database(client.settings.database_url)
    async with database.writing() as connection:
        await connection.exec_driver_sql("DELETE FROM trusted_document")
    await database.close()
    assert [told(await post(client, each)) for each in asked] == answered
    assert refusal(await post(await start(), by_hash(sha256(NAME)))) == UNKNOWN


async def test_a_named_mutation_is_sent_by_post(start: Start, tmp_path: Path) -> None:
    client = await start()
    await register(client, tmp_path / "documents", record=RECORD)
    assert (await get(client, {"doc_id": "record"})).status_code == 405
    headers = client.bearer("secretary_b")
    posted = await client.http.post("/graphql", json={"doc_id": "record"}, headers=headers)
    assert "errors" not in posted.json()


async def test_an_answer_by_name_is_cached_like_any(start: Start, tmp_path: Path) -> None:
    client = await start()
    await register(client, tmp_path / "documents", NAME)
    first = await get(client, by_hash(sha256(NAME)))
    assert first.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": first.headers["etag"]}
    again = await get(client, by_hash(sha256(NAME)), **known)
    assert (again.status_code, again.content) == (304, b"")


async def test_names_stand_in_arrays_too(start: Start, tmp_path: Path) -> None:
    """Each answered by itself."""
    client = await start(max_batch=3)
    await register(client, tmp_path / "documents", NAME)
    asked = [{"doc_id": sha256(NAME)}, {"doc_id": "x"}, {"query": NAME}]
    first, second, third = told(await post(client, asked))
    assert (first, third) == (NAMED, NAMED)
    assert second["errors"][0]["message"] == "PersistedQueryNotFound"


# ---- hashes that clients send


async def test_a_hash_is_kept_with_its_document_where_that_is_on(start: Start) -> None:
    """Apollo's protocol: the hash, the hash with the document, the hash. By GET as well."""
    for client in (await start(apq=True), await start()):
        for asked in (post, get):
            query = f"# {asked.__name__}\n{NAME}"
            assert refusal(await asked(client, by_hash(sha256(query)))) == UNKNOWN
            assert told(await asked(client, by_hash(sha256(query), query))) == NAMED
            again = await asked(client, by_hash(sha256(query)))
            assert told(again) == NAMED if client.settings.apq else refusal(again) == UNKNOWN
    assert refusal(await post(await start(apq=True), by_hash(sha256(NAME)))) == UNKNOWN


async def test_a_hash_is_that_of_its_document(start: Start) -> None:
    """Exactly; and what it was sent with is not kept under it."""
    client = await start(apq=True)
    for digest in (sha256(UNIT), sha256(NAME).upper(), sha256(NAME + " "), "", "x"):
        answer = await post(client, by_hash(digest, NAME))
        assert answer.status_code == 400
        assert refusal(answer) == ("The hash is not that of the document.", "BAD_USER_INPUT")
        assert (await get(client, by_hash(digest, NAME))).status_code == 400
        assert refusal(await post(client, by_hash(digest))) == UNKNOWN


@pytest.mark.parametrize(
    "asked",
    [
        {"extensions": {"persistedQuery": 1}},
        {"extensions": {"persistedQuery": {}}},
        {"extensions": {"persistedQuery": {"version": 1}}, "query": NAME},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": sha256(NAME)}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 7}}},
        {"extensions": {"persistedQuery": [sha256(NAME)]}},
        {"doc_id": 1},
        {"doc_id": ["x"]},
        {"doc_id": "x", "query": NAME},
        by_hash(sha256(NAME)) | {"doc_id": sha256(NAME)},
        by_hash(sha256(NAME)) | {"query": 1},
    ],
    ids=str,
)
async def test_a_name_that_is_none_is_bad_input(reader: Client, asked: dict[str, Any]) -> None:
    answer = await post(reader, asked)
    assert (answer.status_code, refusal(answer)[1]) == (400, "BAD_USER_INPUT")


async def test_a_hash_without_its_version_is_taken(reader: Client) -> None:
    asked = {"query": NAME, "extensions": {"persistedQuery": {"sha256Hash": sha256(NAME)}}}
    assert told(await post(reader, asked)) == NAMED
    assert told(await post(reader, {"query": NAME, "extensions": {"persistedQuery": None}})) == (
        NAMED
    )


async def test_what_clients_send_is_bounded() -> None:
    """The least used give way, and a long document is not kept at all."""
    documents = PersistedDocuments(keeps_hashes=True)
    padding = " " * (MAX_KEPT_CHARACTERS // 20 - 20)
    many = [f"{{ a{number} }}{padding}" for number in range(30)]
    for query in many:
        assert await documents.text(query, sha256(query)) == query
    long = NAME + " " * (MAX_KEPT_CHARACTERS // 20)
    assert await documents.text(long, sha256(long)) == long
    kept = [query for query in many if await is_known(documents, query)]
    assert kept == many[-len(kept) :]
    assert 15 <= len(kept) <= 20
    assert not await is_known(documents, long)


async def is_known(documents: PersistedDocuments, query: str) -> bool:
    try:
        return await documents.text("", sha256(query)) == query
    except UnknownDocument:
        return False


def test_what_is_asked_for_again_stays() -> None:
    kept: Kept[str] = Kept(100)
    for key in "abcdefghijklmnopqrstuvwxyz":
        kept.keep(key, key, 5)
        assert kept.get("a") == "a"
    assert kept.get("b") is None


def test_a_key_that_is_kept_again_counts_once() -> None:
    kept: Kept[int] = Kept(100)
    for number in range(50):
        kept.keep("a", number, 5)
        kept.keep(str(number), number, 5)
    assert (kept.get("a"), kept.get("49"), kept.get("0")) == (49, 49, None)
    assert sum(kept.get(str(number)) is not None for number in range(50)) == 19


# ---- only trusted documents


async def test_a_server_for_trusted_documents_answers_no_others(
    start: Start, tmp_path: Path
) -> None:
    """By name or written out, for it is the document that is trusted; a hash sent with another
    changes nothing, introspection is such another, and one found at fault says no more."""
    client = await start(trusted_documents_only=True, apq=True)
    forbidden = ("Only registered documents are answered here.", "FORBIDDEN")
    others = (NAME + " ", INTROSPECTION, "{ nonsense", "{ __typename }", RECORD)
    assert refusal(await post(client, {"query": NAME})) == forbidden
    await register(client, tmp_path / "documents", NAME, unit=UNIT)
    for asked in ({"query": NAME}, by_hash(sha256(NAME), NAME), by_hash(sha256(NAME))):
        assert told(await post(client, asked)) == NAMED
        assert told(await get(client, asked)) == NAMED
    variables = {"variables": {"code": "B"}}
    for asked in ({"query": UNIT}, {"doc_id": "unit"}, by_hash(sha256(UNIT), UNIT)):
        assert told(await post(client, asked | variables)) == {"data": {"unit": {"code": "B"}}}
    for query in others:
        for asked in ({"query": query}, by_hash(sha256(query), query)):
            assert refusal(await post(client, asked)) == forbidden
            assert refusal(await get(client, asked)) == forbidden
        assert refusal(await post(client, by_hash(sha256(query)))) == UNKNOWN
    in_vietnamese = await get(client, {"query": INTROSPECTION}, **{"Accept-Language": "vi"})
    assert "đã được đăng ký" in refusal(in_vietnamese)[0]


# ---- who is asking


async def test_without_a_token_no_name_tells_whether_it_is_one(
    start: Start, tmp_path: Path
) -> None:
    """401 in the same words, known or not, also of what the public schema would answer."""
    asked: list[Any] = []
    for settings in ({}, {"public_schema": True}, {"apq": True, "trusted_documents_only": True}):
        client = await start(**settings)
        if not asked:
            await register(client, tmp_path / "documents", NAME, INTROSPECTION)
        asked = [by_hash(sha256(NAME)), by_hash(sha256(INTROSPECTION)), {"doc_id": "x"}]
        asked += [{"doc_id": sha256(INTROSPECTION)}, by_hash(sha256("x")), {"query": NAME}]
        asked.append(by_hash(sha256(INTROSPECTION), INTROSPECTION))
        answers = await asyncio.gather(*(client.http.post("/graphql", json=it) for it in asked))
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.content for answer in answers}) == 1


async def test_the_public_schema_is_a_trusted_document_or_none(
    start: Start, tmp_path: Path
) -> None:
    """Where only trusted documents are answered, they are the ones without a token as well."""
    client = await start(public_schema=True, trusted_documents_only=True)
    asked = {"query": INTROSPECTION}
    assert (await client.http.post("/graphql", json=asked)).status_code == 401
    await register(client, tmp_path / "documents", INTROSPECTION)
    assert (await client.http.post("/graphql", json=asked)).status_code == 200
    assert (await client.http.post("/graphql", json={"query": "{ __typename }"})).status_code == 401


async def test_a_browser_that_asks_by_name_is_answered(start: Start) -> None:
    """And is not shown the page."""
    client = await start(explorer=True)
    for asked in ({"doc_id": "x"}, by_hash(sha256("x"))):
        assert refusal(await get(client, asked, Accept="text/html")) == UNKNOWN
