"""What scanners try: graphql-cop's thirteen checks, forgery across origins, bombs.

Each check is asked as graphql-cop asks it (dolevf/graphql-cop, `lib/tests`), without a token and
with one, of a server as it is by default. Two of them a viewer with a token is answered by design:
introspection, for the schema is no secret from those who may use it, and queries by GET, which
change nothing and need a header that no foreign page can send.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from server.app import make_app
from tests import province
from tests.province import Client

NAME = "{ viewer { name } }"
RECORD = """mutation { recordMeeting(input: {unitCode: "B", heldOn: "2024-06-01", kind: GROUP,
  form: ONLINE, membersExpected: 1, membersPresent: 1}) { id } }"""
CIRCLE = "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } }"
INTROSPECTION = "query { __schema { types { name fields { name } } } }"


@pytest.fixture(params=["without a token", "with a token"])
def token(request: pytest.FixtureRequest, reader: Client) -> dict[str, str]:
    return reader.bearer("leader_t") if request.param == "with a token" else {}


async def post(client: Client, body: Any, headers: dict[str, str]) -> httpx.Response:
    return await client.http.post("/graphql", json=body, headers=headers)


def codes(answer: httpx.Response) -> set[str]:
    body = answer.json()
    assert "data" not in body
    return {error["extensions"]["code"] for error in body["errors"]}


async def refusal(client: Client, query: str, token: dict[str, str]) -> str:
    """The code of what is not run: without a token it is never so much as read."""
    [code] = codes(await post(client, {"query": query}, token))
    assert token or code == "UNAUTHENTICATED"
    return code if token else "UNAUTHENTICATED"


# ---- graphql-cop


async def test_1_aliases_are_not_overloaded(reader: Client, token: dict[str, str]) -> None:
    aliases = " ".join(f"alias{number}: __typename" for number in range(101))
    found = await refusal(reader, f"query {{ {aliases} }}", token)
    assert found == ("QUERY_TOO_COSTLY" if token else "UNAUTHENTICATED")


async def test_2_queries_are_not_sent_in_arrays(reader: Client, token: dict[str, str]) -> None:
    answer = await post(reader, [{"query": "query { __typename }"}] * 10, token)
    assert answer.status_code == (400 if token else 401)
    assert codes(answer) == {"BAD_USER_INPUT" if token else "UNAUTHENTICATED"}


async def test_3_a_query_by_get_needs_the_header(reader: Client) -> None:
    """With it, it is answered: reading by GET is part of the specification."""
    params = {"query": "{ __typename }"}
    assert (await reader.http.get("/graphql", params=params)).status_code == 401
    with_token = await reader.http.get("/graphql", params=params, headers=reader.bearer("leader_t"))
    assert with_token.json()["data"] == {"__typename": "Query"}


async def test_4_a_form_is_not_a_query(reader: Client, token: dict[str, str]) -> None:
    """Neither as the body nor as parameters of a POST without one."""
    for sent in ({"params": {"query": "{ __typename }"}}, {"data": {"query": "{ __typename }"}}):
        answer = await reader.http.post("/graphql", headers=token, **sent)  # type: ignore[arg-type]
        assert answer.status_code == (415 if token else 401)
        codes(answer)


async def test_5_nothing_is_traced(reader: Client, token: dict[str, str]) -> None:
    headers = token | {"apollo-tracing": "1", "X-Apollo-Tracing": "1"}
    answer = await post(reader, {"query": "query { __typename }"}, headers)
    assert answer.json().get("extensions", {}).keys() <= {"cost"}
    assert not {"tracing", "exception", "stacktrace"} & set(answer.text.lower().split('"'))


async def test_6_fields_are_not_repeated(reader: Client, token: dict[str, str]) -> None:
    found = await refusal(reader, "query { " + "__typename \n" * 500 + "}", token)
    assert found == ("QUERY_TOO_COSTLY" if token else "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "query",
    [
        "query { __schema { directive } }",
        "{ viewe { name } }",
        "{ unit(cod: 1) { code } }",
        "{ meetings(orderBy: NEWEST) { totalCount } }",
        "{ meetings(filter: {kin: GROUP}) { totalCount } }",
        "{ viewer { name @skp } }",
        "{ node(id: 1) { ... on Uni { code } } }",
    ],
)
async def test_7_no_name_is_suggested(reader: Client, query: str, token: dict[str, str]) -> None:
    answer = await post(reader, {"query": query}, token)
    codes(answer)
    assert "Did you mean" not in answer.text


async def test_7_no_value_is_suggested_for_a_variable(reader: Client) -> None:
    query = "query ($order: RecordOrder) { meetings(orderBy: $order) { totalCount } }"
    body = {"query": query, "variables": {"order": "NEWEST"}}
    answer = await post(reader, body, reader.bearer("leader_t"))
    assert codes(answer) == {"BAD_USER_INPUT"}
    assert "Did you mean" not in answer.text


async def test_8_no_page_to_explore_is_shown(reader: Client, token: dict[str, str]) -> None:
    words = ("graphiql.min.css", "GraphQL Playground", "GraphiQL", "graphql-playground")
    for path in ("/graphiql", "/playground", "/console", "/graphql"):
        answer = await reader.http.get(path, headers=token | {"Accept": "text/html"})
        assert not any(word in answer.text for word in words)
        assert answer.status_code in (400, 401, 404)


async def test_9_the_schema_is_kept_to_those_signed_in(reader: Client) -> None:
    answer = await post(reader, {"query": INTROSPECTION}, {})
    assert (answer.status_code, codes(answer)) == (401, {"UNAUTHENTICATED"})
    signed_in = await post(reader, {"query": INTROSPECTION}, reader.bearer("leader_t"))
    assert signed_in.json()["data"]["__schema"]["types"]


async def test_10_directives_are_not_overloaded(reader: Client, token: dict[str, str]) -> None:
    """Nor told one by one, ten errors for ten."""
    found = await refusal(reader, "query { __typename " + "@aa" * 10 + " }", token)
    assert found == ("QUERY_TOO_COSTLY" if token else "UNAUTHENTICATED")


async def test_11_introspection_does_not_go_in_circles(
    reader: Client, token: dict[str, str]
) -> None:
    found = await refusal(reader, CIRCLE + "}", token)
    assert found == ("BAD_USER_INPUT" if token else "UNAUTHENTICATED")


async def test_12_no_mutation_by_get(writer: Client) -> None:
    """405 with a token, 401 without; and nothing is stored."""
    before = await writer.data("leader_t", "{ meetings { totalCount } }")
    for query in ("mutation { __typename }", RECORD):
        for headers, status in (({}, 401), (writer.bearer("secretary_b"), 405)):
            for method in ("GET", "HEAD"):
                answer = await writer.http.request(
                    method, "/graphql", params={"query": query}, headers=headers
                )
                assert answer.status_code == status
    assert await writer.data("leader_t", "{ meetings { totalCount } }") == before


async def test_13_no_error_is_unhandled(reader: Client, token: dict[str, str]) -> None:
    answer = await post(reader, {"query": "qwerty cop { abc }"}, token)
    codes(answer)
    assert "exception" not in answer.text.lower() and "Traceback" not in answer.text


async def test_fragments_do_not_go_in_circles(reader: Client) -> None:
    """A fourteenth of theirs that is in no list of thirteen."""
    circle = "query { __schema { ...A } } fragment A on __Schema { __typename ...B } "
    circle += "fragment B on __Schema { ...A }"
    assert await refusal(reader, circle, reader.bearer("leader_t")) == "BAD_USER_INPUT"


# ---- forgery across origins


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None],
)
async def test_what_any_page_may_send_is_refused(writer: Client, kind: str | None) -> None:
    """A simple request carries one of these types and no token: even with a token it would store
    nothing."""
    before = await writer.data("leader_t", "{ meetings { totalCount } }")
    for headers, status in ((writer.bearer("secretary_b"), 415), ({}, 401)):
        sent = headers | ({} if kind is None else {"Content-Type": kind})
        body = json.dumps({"query": RECORD}).encode()
        answer = await writer.http.post("/graphql", content=body, headers=sent)
        assert answer.status_code == status
    assert await writer.data("leader_t", "{ meetings { totalCount } }") == before


async def test_a_token_in_a_cookie_or_in_the_address_is_none(reader: Client) -> None:
    """A browser adds cookies by itself to what another page sends: none is read, none is set."""
    bearer = reader.bearer("leader_t")["Authorization"]
    for name in ("Authorization", "authorization", "token", "access_token", "session"):
        for value in (bearer, bearer.removeprefix("Bearer ")):
            headers = {"Cookie": f"{name}={value}"}
            answer = await post(reader, {"query": NAME}, headers)
            assert (answer.status_code, codes(answer)) == (401, {"UNAUTHENTICATED"})
            params = {"query": NAME, name: value}
            assert (await reader.http.get("/graphql", params=params)).status_code == 401
    answered = await post(reader, {"query": NAME}, reader.bearer("leader_t"))
    assert "set-cookie" not in answered.headers


async def test_a_foreign_origin_is_not_let_in(reader: Client, tmp_path: Any) -> None:
    """By default no page of another origin may ask: its preflight is answered with no permission.
    Where origins are set, any other is refused, and cookies are never allowed."""
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    preflight = await reader.http.options("/graphql", headers=asked)
    assert preflight.status_code == 405
    assert not any(name.startswith("access-control") for name in preflight.headers)
    settings = province.settings_of(tmp_path, "sqlite://", cors_origins="https://good.example")
    transport = httpx.ASGITransport(make_app(settings, "127.0.0.1"))
    async with httpx.AsyncClient(transport=transport, base_url="http://chibo") as http:
        refused = await http.options("/graphql", headers=asked)
        allowed = await http.options("/graphql", headers=asked | {"Origin": "https://good.example"})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    assert allowed.headers["access-control-allow-origin"] == "https://good.example"
    assert "access-control-allow-credentials" not in allowed.headers


async def test_head_answers_as_get_does_without_a_body_of_its_own(reader: Client) -> None:
    headers, params = reader.bearer("leader_t"), {"query": NAME}
    got = await reader.http.get("/graphql", params=params, headers=headers)
    head = await reader.http.head("/graphql", params=params, headers=headers)
    assert (head.status_code, head.headers["etag"]) == (200, got.headers["etag"])
    assert (await reader.http.head("/graphql", params=params)).status_code == 401


# ---- bombs


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity, gzip"])
async def test_a_compressed_body_is_refused_and_never_unpacked(reader: Client, coding: str) -> None:
    """A thousand times its size may be in it."""
    headers = reader.bearer("leader_t") | {"Content-Encoding": coding}
    headers["Content-Type"] = "application/json"
    bomb = gzip.compress(b'{"query": "{ viewer { name } }"}' + b" " * 2**22)
    answer = await reader.http.post("/graphql", content=bomb, headers=headers)
    assert (answer.status_code, codes(answer)) == (415, {"BAD_USER_INPUT"})


async def test_a_body_that_is_said_to_be_as_it_is_is_read(reader: Client) -> None:
    headers = reader.bearer("leader_t") | {"Content-Encoding": "identity"}
    answer = await post(reader, {"query": NAME}, headers)
    assert answer.json()["data"] == {"viewer": {"name": "leader_t"}}


async def test_a_public_schema_is_weighed_too(tmp_path: Any) -> None:
    """Without a token one may ask of the schema alone, and not a hundred times in one request."""
    settings = province.settings_of(tmp_path, f"sqlite:///{tmp_path / 'c.db'}", public_schema=True)
    once = "__schema { types { fields { type { name } args { type { name } } } } }"
    async with province.served(settings) as client:
        answer = await post(client, {"query": f"{{ {once} }}"}, {})
        assert answer.json()["data"]["__schema"]["types"]
        often = " ".join(f"a{number}: {once}" for number in range(100))
        assert codes(await post(client, {"query": f"{{ {often} }}"}, {})) == {"QUERY_TOO_COSTLY"}
