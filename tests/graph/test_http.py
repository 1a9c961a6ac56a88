"""GraphQL over HTTP: methods, media types, tokens, limits; and no request gets a 5xx."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests import province
from tests.province import Client, told

GRAPHQL_JSON = "application/graphql-response+json"
NAME = "{ viewer { name } }"
ASK = {"query": NAME}
NAMED = {"data": {"viewer": {"name": "leader_d"}}}
INTROSPECTION = "{ __schema { queryType { name } } }"


def headers_of(client: Client, **more: str) -> dict[str, str]:
    return client.bearer("leader_d") | {name.replace("_", "-"): more[name] for name in more}


async def post(client: Client, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = headers_of(client, **({"content_type": "application/json"} | headers))
    return await client.http.post("/graphql", content=content, headers=sent)


async def get(client: Client, query: str | None = None, **more: Any) -> httpx.Response:
    headers = headers_of(client, **more.pop("headers", {}))
    parameters = more | ({"query": query} if query is not None else {})
    return await client.http.get("/graphql", params=parameters, headers=headers)


def codes(answer: httpx.Response) -> set[str]:
    return {error["extensions"]["code"] for error in answer.json()["errors"]}


@pytest_asyncio.fixture
async def other(sqlite_file: Path, tmp_path: Path) -> AsyncIterator[Any]:
    """A server with other settings, one after the other."""
    running: list[Any] = []

    async def start(**settings: Any) -> Client:
        shutil.copy(sqlite_file, tmp_path / "chibo.db")
        url = f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}"
        running.append(province.served(province.settings_of(tmp_path, url, **settings)))
        client: Client = await running[-1].__aenter__()
        return client

    yield start
    for each in reversed(running):
        await each.__aexit__(None, None, None)


# ---- who is asking


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer x", "Bearer a.b.c", "Basic bGVhZGVyX2Q6", "bearer ..", "é"],
)
@pytest.mark.parametrize("query", [NAME, INTROSPECTION, "{ __typename }", "{ nonsense", ""])
async def test_without_a_valid_token_nothing_is_answered(
    reader: Client, authorization: str | None, query: str
) -> None:
    """401 whatever is asked, introspection and nonsense too; by POST and by GET alike."""
    sent = {} if authorization is None else {"Authorization": authorization.encode()}
    for answer in (
        await reader.http.post("/graphql", json={"query": query}, headers=sent),
        await reader.http.post("/graphql", content=b"no json", headers=sent),
        await reader.http.get("/graphql", params={"query": query}, headers=sent),
    ):
        assert answer.status_code == 401
        assert codes(answer) == {"UNAUTHENTICATED"}
        assert "data" not in answer.json()
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_token_that_has_run_out_or_is_anothers_is_refused(
    reader: Client, tmp_path: Path
) -> None:
    from server.identity import development_token

    foreign = province.settings_of(tmp_path, "sqlite://")
    for token in (
        development_token(foreign, "leader_d", 60),
        development_token(reader.settings, "leader_d", 60)[:-2] + "AA",
    ):
        sent = {"Authorization": f"Bearer {token}"}
        answer = await reader.http.post("/graphql", json=ASK, headers=sent)
        assert answer.status_code == 401


async def test_a_principal_without_rights_is_a_viewer(reader: Client) -> None:
    """Sees itself and nothing else: FORBIDDEN or null, never an empty list."""
    query = '{ viewer { name appointments { id } } unit(code: "B") { code } meetings { totalCount }'
    body = await reader.ask("nobody", query + " units { totalCount } }")
    assert body["data"] == {
        "viewer": {"name": "nobody", "appointments": []},
        "unit": None,
        "meetings": None,
        "units": None,
    }
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"] * 2


async def test_a_public_schema_is_answered_without_a_token_and_nothing_else(other: Any) -> None:
    client = await other(public_schema=True)

    async def status(query: str) -> int:
        answer = await client.http.post("/graphql", json={"query": query})
        return int(answer.status_code)

    assert await status(INTROSPECTION) == 200
    assert await status('{ __type(name: "Unit") { name } __typename }') == 200
    for query in (
        NAME,
        "{ __typename viewer { name } }",
        "query { ...all } fragment all on Query { viewer { name } }",
        "{ ... { viewer { name } } }",
        "{ __schema: viewer { name } }",
        "mutation { __typename }",
        "{ nonsense",
    ):
        assert await status(query) == 401, query
    assert told(await client.post("leader_d", NAME)) == NAMED


# ---- methods and media types


async def test_post_and_get_answer_alike(reader: Client) -> None:
    query = "query A($code: String!) { unit(code: $code) { code } } query B { __typename }"
    variables = {"code": "B"}
    posted = await post(
        reader, {"query": query, "variables": variables, "operationName": "A", "extensions": {}}
    )
    got = await get(reader, query, variables=json.dumps(variables), operationName="A")
    assert told(posted) == told(got) == {"data": {"unit": {"code": "B"}}}
    assert (posted.status_code, got.status_code) == (200, 200)


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, application/json;q=0.9", GRAPHQL_JSON),
        (f"application/json, {GRAPHQL_JSON};q=0.1", "application/json"),
        (f"text/html, {GRAPHQL_JSON.upper()}; charset=utf-8", GRAPHQL_JSON),
        (f"application/json, {GRAPHQL_JSON}", "application/json"),
        (f"{GRAPHQL_JSON}, application/json", GRAPHQL_JSON),
        (f"*/*, {GRAPHQL_JSON}", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0.5, */*;q=0.8", "application/json"),
        (f"application/json;q=0.5, */*;q=0.8, {GRAPHQL_JSON};q=0.6", GRAPHQL_JSON),
        ("application/json;q=0, application/*", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=nan, {GRAPHQL_JSON};q=1", "application/json"),
        (f"{GRAPHQL_JSON};q=0, application/json;q=0", "application/json"),
        ("text/html", "application/json"),
        ("nonsense;;;q=x,,", "application/json"),
    ],
)
async def test_the_answer_is_of_the_type_that_is_accepted(
    reader: Client, accept: str | None, answered: str
) -> None:
    headers = {} if accept is None else {"accept": accept}
    answer = await post(reader, ASK, **headers)
    assert answer.headers["content-type"] == f"{answered}; charset=utf-8"
    assert told(answer) == NAMED


async def test_a_request_that_cannot_run_is_400_where_the_type_is_known(reader: Client) -> None:
    """And 200 as `application/json`, whose old clients read any other as no GraphQL at all."""
    for query in ("{ nonsense }", "{", "query A { __typename } query B { __typename }"):
        assert (await post(reader, {"query": query}, accept=GRAPHQL_JSON)).status_code == 400
        answer = await post(reader, {"query": query}, accept="application/json")
        assert (answer.status_code, codes(answer)) == (200, {"BAD_USER_INPUT"})
        assert "data" not in answer.json()
    partly = await post(reader, {"query": "{ decisionless: meetings(first: 201) { totalCount } }"})
    assert partly.json()["data"] == {"decisionless": None}


async def test_an_operation_that_ran_is_200_whatever_its_errors(reader: Client) -> None:
    query = '{ meetings(within: "nowhere") { totalCount } viewer { name } }'
    answer = await post(reader, {"query": query}, accept=GRAPHQL_JSON)
    assert (answer.status_code, codes(answer)) == (200, {"NOT_FOUND"})
    assert answer.json()["data"] == {"meetings": None, "viewer": {"name": "leader_d"}}


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "",
        "json",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/json; x=y; Charset=latin-1",
    ],
)
async def test_other_content_types_are_415(reader: Client, kind: str) -> None:
    """A form can be sent by any page of any origin; JSON cannot."""
    answer = await post(reader, ASK, content_type=kind)
    assert (answer.status_code, codes(answer)) == (415, {"BAD_USER_INPUT"})


@pytest.mark.parametrize("kind", ["application/json;charset=UTF-8", "Application/JSON ; x=y"])
async def test_parameters_of_the_content_type_are_fine(reader: Client, kind: str) -> None:
    assert told(await post(reader, ASK, content_type=kind)) == NAMED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"1",
        b'"{}"',
        b"[]",
        b'[{"query":"{__typename}"}]',
        b"\xff\xfe",
        b"{}",
        b'{"query":null}',
        b'{"query":1}',
        b'{"query":""}',
        b'{"query":["{a}"]}',
        b'{"query":"{__typename}","variables":[]}',
        b'{"query":"{__typename}","variables":"{}"}',
        b'{"query":"{__typename}","operationName":1}',
        b'{"query":"{__typename}","extensions":1}',
        b'{"query":"\\ud800"}',
        b'{"query":"{__typename}","variables":{"a":NaN}}',
        b"[" * 5000,
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
async def test_a_body_that_is_no_request_is_400(reader: Client, body: bytes) -> None:
    """Whatever the client accepts, with a code and words of our own."""
    answer = await post(reader, body)
    assert (answer.status_code, codes(answer)) == (400, {"BAD_USER_INPUT"})
    assert "data" not in answer.json()


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_json_that_is_nested_too_deep_is_400(reader: Client, accept: str) -> None:
    """Whether a variable is declared or not; as many brackets beside each other, or in a text, are
    fine."""
    for levels, status in ((62, 200), (63, 400), (400, 400)):
        query = "subscription { recordChanges(kinds: []) { cursor } }"
        query = "{ viewer { name } }" if accept == "application/json" else query
        deep = '{"x":' + "[" * levels + "]" * levels + "}"
        body = f'{{"query": {json.dumps(query)}, "variables": {deep}}}'.encode()
        asked = await post(reader, body, accept=accept)
        assert asked.status_code == status, levels
        if status == 400:
            assert codes(asked) == {"BAD_USER_INPUT"}
    deep = "[" * 65 + "]" * 65
    asked = await get(reader, "{ __typename }", variables=deep, headers={"accept": accept})
    assert asked.status_code == 400
    wide = {"query": "{ viewer { name } }", "variables": {"x": [[]] * 500, "y": "[" * 500}}
    assert (await post(reader, wide, accept=accept)).status_code == 200


async def test_arrays_run_where_they_are_allowed(other: Any) -> None:
    """Each by itself, in their order, up to the number that is set."""
    client = await other(max_batch=2)
    answer = await post(client, [ASK, {"query": "{ nonsense }"}])
    first, second = told(answer)
    assert (answer.status_code, first) == (200, NAMED)
    assert second["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert told(await post(client, ASK)) == NAMED
    for bad in ([], [ASK] * 3, [ASK, 1], [[ASK]]):
        assert (await post(client, bad)).status_code == 400


async def test_a_body_over_the_limit_is_413(other: Any) -> None:
    """By its bytes, whether or not its length is told beforehand."""
    client = await other(max_body=200)
    room = 200 - len(json.dumps({"query": NAME, "extensions": {"x": ""}}))
    assert told(await post(client, {"query": NAME, "extensions": {"x": "y" * room}})) == NAMED
    over = {"query": NAME, "extensions": {"x": "y" * (room + 1)}}
    answer = await post(client, over)
    assert (answer.status_code, codes(answer)) == (413, {"BAD_USER_INPUT"})

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" "

    sent = headers_of(client, content_type="application/json")
    answer = await client.http.post("/graphql", content=parts(), headers=sent)
    assert answer.status_code == 413


async def test_a_mutation_by_get_is_405_and_does_nothing(writer: Client) -> None:
    query = """mutation { recordMeeting(input: {unitCode: "B", heldOn: "2024-06-01", kind: GROUP,
      form: ONLINE, membersExpected: 1, membersPresent: 1}) { id } }"""
    headers = writer.bearer("secretary_b")
    before = await writer.data("leader_d", "{ meetings { totalCount } }")
    answer = await writer.http.get("/graphql", params={"query": query}, headers=headers)
    assert (answer.status_code, codes(answer)) == (405, {"BAD_USER_INPUT"})
    assert answer.headers["allow"] == "POST"
    both = f"query Q {NAME} {query.replace('mutation', 'mutation M', 1)}"
    for name, status in (("M", 405), ("Q", 200)):
        params = {"query": both, "operationName": name}
        answer = await writer.http.get("/graphql", params=params, headers=headers)
        assert answer.status_code == status
    assert await writer.data("leader_d", "{ meetings { totalCount } }") == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_405(reader: Client, method: str) -> None:
    for path in ("/graphql", "/healthz", "/readyz"):
        assert (await reader.http.request(method, path)).status_code == 405


async def test_other_paths_are_404(reader: Client) -> None:
    for path in ("/", "/graphql/", "/graphqlx", "/page/index.html", "/..%2f", "/docs", "/metrics"):
        answer = await reader.http.get(path, headers=reader.bearer("leader_d"))
        assert answer.status_code in (404, 307), path
        assert answer.status_code == 404 or path == "/graphql/"


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": ""},
        {"query": NAME, "variables": "{"},
        {"query": NAME, "variables": "[]"},
        {"query": NAME, "extensions": "1"},
        {"variables": "{}"},
    ],
    ids=str,
)
async def test_get_without_a_whole_request_is_400(
    reader: Client, parameters: dict[str, str]
) -> None:
    answer = await get(reader, **parameters)
    assert (answer.status_code, codes(answer)) == (400, {"BAD_USER_INPUT"})


# ---- caches


async def test_an_answer_to_get_has_an_etag_and_is_not_sent_again(reader: Client) -> None:
    first = await get(reader, NAME)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    varies = {name.strip().lower() for name in first.headers["vary"].split(",")}
    assert varies == {"authorization", "accept", "accept-language", "accept-encoding"}
    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        again = await get(reader, NAME, headers={"if_none_match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
        assert again.headers["cache-control"] == "private, no-cache"
        assert again.headers["vary"] == first.headers["vary"]
    assert told(await get(reader, NAME, headers={"if_none_match": '"other"'})) == NAMED
    assert (await get(reader, NAME)).headers["etag"] == etag


async def test_another_viewers_answer_has_another_etag(reader: Client) -> None:
    ours = (await get(reader, NAME)).headers["etag"]
    headers = reader.bearer("leader_t") | {"If-None-Match": ours}
    theirs = await reader.http.get("/graphql", params={"query": NAME}, headers=headers)
    assert (theirs.status_code, theirs.json()["data"]["viewer"]["name"]) == (200, "leader_t")


async def test_what_is_posted_or_failed_has_no_etag(reader: Client) -> None:
    assert "etag" not in (await post(reader, ASK)).headers
    bad = await get(reader, "{", headers={"accept": GRAPHQL_JSON, "if_none_match": "*"})
    assert (bad.status_code, "etag" in bad.headers) == (400, False)
    assert "no-cache" in bad.headers["cache-control"]


async def test_a_long_answer_is_compressed_for_who_takes_it(reader: Client) -> None:
    """The same answer under the same weak ETag, and a proxy is told that it depends on the header;
    a short one is sent as it is."""
    units = "{ units { nodes { code name kind { code name rank } category establishedOn id } } }"
    plain = await get(reader, units, headers={"accept_encoding": "identity"})
    packed = await get(reader, units, headers={"accept_encoding": "gzip, br"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert told(packed) == told(plain)
    assert int(packed.headers["content-length"]) < len(plain.content) // 2
    assert packed.headers["etag"] == plain.headers["etag"]
    assert packed.headers["etag"].startswith("W/")
    assert packed.headers["vary"] == plain.headers["vary"]
    known = {"if_none_match": plain.headers["etag"], "accept_encoding": "gzip"}
    assert (await get(reader, units, headers=known)).status_code == 304
    short = await post(reader, ASK, accept_encoding="gzip")
    assert "content-encoding" not in short.headers


# ---- around the requests


async def test_every_answer_has_a_request_id(reader: Client) -> None:
    for path in ("/graphql", "/healthz", "/nowhere"):
        given = await reader.http.get(path, headers={"X-Request-Id": "our-id.1"})
        assert given.headers["x-request-id"] == "our-id.1"
        made = await reader.http.get(path, headers={"X-Request-Id": "a b\tc"})
        assert made.headers["x-request-id"] not in ("", "a b\tc")


async def test_browsers_are_shown_the_page_where_it_is_on(other: Any, reader: Client) -> None:
    """By GET without a query, for who accepts HTML; everybody else is asked for a token."""
    html = {"Accept": "text/html,application/xhtml+xml"}
    assert (await reader.http.get("/graphql", headers=html)).status_code == 401
    client = await other(explorer=True)
    page = await client.http.get("/graphql", headers=html)
    assert page.status_code in (200, 404)
    assert page.headers["content-type"].startswith("text/")
    assert (await client.http.get("/graphql")).status_code == 401
    assert (await client.http.post("/graphql", json=ASK, headers=html)).status_code == 401
    query = {"query": NAME}
    assert (await client.http.get("/graphql", params=query, headers=html)).status_code == 401


async def test_origins_are_named_or_refused(other: Any, reader: Client) -> None:
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert (await reader.http.options("/graphql", headers=preflight)).status_code == 405
    client = await other(cors_origins="https://a.example")
    allowed = await client.http.options("/graphql", headers=preflight)
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    foreign = preflight | {"Origin": "https://b.example"}
    refused = await client.http.options("/graphql", headers=foreign)
    assert "access-control-allow-origin" not in refused.headers


# ---- limits


def nested(depth: int) -> str:
    return '{ unit(code: "B") { ' + "parent { " * (depth - 2) + "code" + " }" * depth


@pytest.mark.parametrize(
    "query",
    [
        nested(16),
        "{ " + " ".join(f"a{at}: __typename" for at in range(101)) + " }",
        "{ " + "__typename " * 10_000 + "}",
        "{a" * 2_000,
        "{ a(b: " + "[" * 6_000 + "]" * 6_000 + ") }",
        "#\n" * 20_000 + NAME,
        "{ units(first: 200) { nodes { children(first: 200) { nodes { meetings(first: 200) "
        "{ nodes { id } } } } } } }",
        "query { ...a } "
        + " ".join(f"fragment a{n or ''} on Query {{ ...a{n + 1} ...a{n + 1} }}" for n in range(30))
        + " fragment a30 on Query { __typename }",
    ],
    ids=["deep", "aliased", "long", "braces", "brackets", "comments", "dear", "fragments"],
)
async def test_documents_over_a_limit_are_too_costly(reader: Client, query: str) -> None:
    answer = await post(reader, {"query": query}, accept=GRAPHQL_JSON)
    assert (answer.status_code, codes(answer)) == (400, {"QUERY_TOO_COSTLY"})
    assert "data" not in answer.json()


async def test_documents_at_the_limits_run(reader: Client) -> None:
    assert (await reader.data("leader_d", nested(15)))["unit"] is not None
    aliased = "{ " + " ".join(f"a{at}: __typename" for at in range(100)) + " }"
    assert len(await reader.data("leader_d", aliased)) == 100


async def test_a_summary_of_too_many_keys_or_a_first_too_large_is_refused(reader: Client) -> None:
    for asked, code in (
        ("meetingSummary(groupBy: [KIND, KIND]) { meetings }", "BAD_USER_INPUT"),
        ("meetingSummary(groupBy: [YEAR, MONTH]) { meetings }", "BAD_USER_INPUT"),
        ("meetings(first: 201) { totalCount }", "BAD_USER_INPUT"),
        ("meetings(first: -1) { totalCount }", "BAD_USER_INPUT"),
        ('units(filter: {kind: ["nothing"]}) { totalCount }', "BAD_USER_INPUT"),
        ('meetings(filter: {unitKind: ["nothing"]}) { totalCount }', "BAD_USER_INPUT"),
        ('meetings(after: "nothing") { totalCount }', "BAD_USER_INPUT"),
        ("meetingSummary(attribution: AS_RECORDED, groupBy: CHILD) { meetings }", "BAD_USER_INPUT"),
    ):
        error = await reader.error("leader_d", f"{{ {asked} }}")
        assert error["extensions"]["code"] == code, asked


# ---- nothing that is sent makes a 5xx

ODD = [
    "",
    "\0",
    "a\0b",
    "\ufffe",
    "%",
    "_",
    "🌳",
    "x" * 70_000,
    "B\u0301",
    "\u202e",
    "'",
    '"',
    "\\",
]
PLACES = [
    "query ($x: String!) { unit(code: $x) { code } }",
    "query ($x: ID!) { node(id: $x) { id } }",
    "query ($x: String) { units(within: $x) { totalCount } }",
    "query ($x: String) { units(after: $x) { nodes { code } } }",
    "query ($x: String!) { units(filter: {nameContains: $x, status: ANY}) { nodes { code } } }",
    "query ($x: String!) { units(filter: {category: [$x]}) { nodes { code } totalCount } }",
    "query ($x: String!) { units(filter: {kind: [$x]}) { nodes { code } } }",
    'query ($x: String!) { unit(code: "D") { children(filter: {category: [$x]}) { totalCount } } }',
    "query ($x: String) { meetings(within: $x) { totalCount } }",
    "query ($x: String) { meetings(after: $x) { nodes { id } } }",
    "query ($x: String!) { meetings(filter: {unitCategory: [$x]}) { totalCount nodes { id } } }",
    "query ($x: String!) { meetings(filter: {unitKind: [$x]}) { totalCount } }",
    "query ($x: String!) { meetingSummary(filter: {unitCategory: [$x]}) { meetings } }",
    "query ($x: String) { meetingSummary(within: $x, groupBy: CHILD) { meetings } }",
    "query ($x: String!) { inspections(filter: {unitCategory: [$x]}) { totalCount } }",
]


@pytest_asyncio.fixture(scope="session")
async def on_postgresql(
    postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    home = tmp_path_factory.mktemp("on-postgresql")
    async with province.served(province.settings_of(home, postgresql_url)) as client:
        yield client


@pytest.fixture(params=["reader", "on_postgresql"])
def either(request: pytest.FixtureRequest) -> Client:
    """A server on SQLite, then one on PostgreSQL."""
    client: Client = request.getfixturevalue(request.param)
    return client


def sound(answer: httpx.Response) -> Any:
    """The answer, once it is sure that it is none of the server's failing."""
    assert answer.status_code < 500, answer.text
    if "json" in answer.headers.get("content-type", ""):
        bodies = answer.json()
        for body in bodies if isinstance(bodies, list) else [bodies]:
            for error in body.get("errors", ()):
                assert error["extensions"]["code"] != "INTERNAL", body
    return answer


@pytest.mark.parametrize("query", PLACES, ids=lambda query: query[20:60])
async def test_odd_texts_are_found_nowhere_and_break_nothing(either: Client, query: str) -> None:
    """As a variable and written out: NUL, half characters, patterns, quotes, very long ones."""
    for odd in ODD:
        sound(await either.post("leader_d", query, {"x": odd}))
        literal = json.dumps(odd)
        written = query[query.index("{") :].replace("$x", literal)
        sound(await either.post("leader_d", written))
    for half in ('"\\ud800"', '"\\udfff\\ud800"'):
        body = f'{{"query": {json.dumps(query)}, "variables": {{"x": {half}}}}}'.encode()
        assert sound(await post(either, body)).status_code == 400
        written = query[query.index("{") :].replace("$x", half)
        assert codes(sound(await either.post("leader_d", written))) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("String!", [None, 1, True, [], {}, ["a"]]),
        ("Int", ["1", 1.5, 2**31, -(2**31) - 1, 1e308, True, [], {}]),
        ("Date", ["", "2024", "20240101", "2024-1-1", "2024-02-30", "0000-01-01", "10000-01-01"]),
        ("Float", ["1", True, [], {}]),
        ("[String!]", [[None], [1], {"a": 1}, 3]),
        ("MeetingFilter", [[], "a", {"nope": 1}, {"kind": ["nope"]}, {"heldFrom": 1}]),
    ],
)
async def test_variables_of_another_type_are_bad_input(
    reader: Client, declared: str, values: list[Any]
) -> None:
    places = {
        "String!": "unit(code: $x) { code }",
        "Int": "units(first: $x) { totalCount }",
        "Date": 'unit(code: "B", asOf: $x) { code }',
        "Float": "meetings(filter: {scoreBelow: $x}) { totalCount }",
        "[String!]": "units(filter: {category: $x}) { totalCount }",
        "MeetingFilter": "meetings(filter: $x) { totalCount }",
    }
    query = f"query ($x: {declared}) {{ {places[declared]} }}"
    for value in values:
        answer = sound(await reader.post("leader_d", query, {"x": value}))
        assert codes(answer) == {"BAD_USER_INPUT"}, value
        assert "data" not in answer.json()


async def test_extreme_days_and_numbers_are_answered(either: Client) -> None:
    for day in ("0001-01-01", "9999-12-31", "1999-12-31"):
        query = f"""{{ unit(code: "B", asOf: "{day}") {{ code meetingSummary {{ meetings }} }}
          units(asOf: "{day}") {{ totalCount }}
          meetings(filter: {{heldFrom: "{day}", heldTo: "{day}"}}) {{ totalCount }}
          meetingSummary(asOf: "{day}", groupBy: [CHILD, MONTH]) {{ meetings }} }}"""
        sound(await either.post("leader_d", query))
    for number in ("1e308", "-1e308", "0.1", "-0.0"):
        query = f"{{ meetings(filter: {{scoreAtLeast: {number}}}) {{ totalCount }} }}"
        sound(await either.post("leader_d", query))
    for year in (2**31 - 1, -(2**31)):
        query = f"{{ evaluations(filter: {{yearFrom: {year}}}) {{ totalCount }} "
        query += f"evaluationSummary(filter: {{yearTo: {year}}}) {{ evaluations }} }}"
        sound(await either.post("leader_d", query))


async def test_ids_of_no_kind_read_like_unknown_ones(reader: Client) -> None:
    """Malformed, of another type, cut, of what is out of sight: null without an error."""
    unit = (await reader.data("leader_d", '{ unit(code: "B") { id } }'))["unit"]["id"]
    meeting = await reader.data("leader_d", "{ meetings(first: 1) { nodes { id } } }")
    meeting = meeting["meetings"]["nodes"][0]["id"]
    hidden = (await reader.data("leader_e", '{ unit(code: "F") { id } }'))["unit"]["id"]
    for id_ in (hidden, unit[:-1], meeting[:-2], meeting + "=", unit + "\n", "VW5pdDpC=", *ODD):
        answer = await reader.data("leader_d", "query($x: ID!) { node(id: $x) { id } }", {"x": id_})
        assert answer == {"node": None}, id_
    assert (
        await reader.data("leader_e", "query($x: ID!) { node(id: $x) { id } }", {"x": meeting})
    )["node"] is None


async def test_random_bodies_break_nothing(either: Client) -> None:
    """Requests cut, doubled, shuffled and filled with junk: some hundred, always the same."""
    chance = random.Random(7)
    whole = [
        json.dumps({"query": query, "variables": {"x": "B"}, "operationName": None}).encode()
        for query in PLACES
    ]
    for _ in range(300):
        body = bytearray(chance.choice(whole))
        for _ in range(chance.randrange(1, 6)):
            spoil(chance, body)
        sound(await post(either, bytes(body)))


def spoil(chance: random.Random, body: bytearray) -> None:
    at = chance.randrange(len(body) + 1)
    match chance.randrange(4):
        case 0:
            del body[at : at + chance.randrange(1, 9)]
        case 1:
            body[at:at] = chance.choice([b"{", b"}", b"(", b'"', b"$x", b"\\u0000", b"null", b"@"])
        case 2:
            body[at:at] = body[at : at + 12]
        case _:
            body[at : at + 1] = bytes([chance.randrange(256)])


async def test_random_headers_break_nothing(reader: Client) -> None:
    chance = random.Random(8)
    names = ("accept", "accept-language", "content-type", "if-none-match", "x-request-id")
    alphabet = 'abc*/;,=q. 019"W-'
    for _ in range(150):
        headers = {
            name: "".join(chance.choices(alphabet, k=chance.randrange(30))) for name in names
        }
        sent = reader.bearer("leader_d") | headers
        sound(await reader.http.post("/graphql", json=ASK, headers=sent))
        sound(await reader.http.get("/graphql", params=ASK, headers=sent))


async def test_a_store_that_fails_is_told_in_graphql_and_in_no_librarys_words(
    other: Any, tmp_path: Path
) -> None:
    """A request whose first statement fails: 500, code INTERNAL; the cause stays in the log."""
    client = await other()
    with sqlite3.connect(tmp_path / "chibo.db") as database:
        database.execute("ALTER TABLE revision RENAME TO elsewhere")
    answer = await post(client, ASK)
    assert (answer.status_code, codes(answer)) == (500, {"INTERNAL"})
    assert "revision" not in answer.text
    assert "sqlite" not in answer.text.lower()
