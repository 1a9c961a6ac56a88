"""`/views/{id}`: whoever may read a view runs it as themselves, as JSON or as CSV."""

from __future__ import annotations

import csv
import io
import json
from base64 import urlsafe_b64encode
from itertools import product
from typing import Any

import httpx
import pytest
from graphql import parse
from sqlalchemy import update

from authz.tables import appointment
from graph.execution import Executor
from graph.http import media_of
from graph.limits import Limits
from graph.spreadsheet import sheet_of
from graph.view_endpoint import ViewEndpoint
from records.tables import meeting, view
from server.database import Database
from tests.graph.test_views import DELETE, alter, save
from tests.province import TODAY, Client, statements, told

MEETINGS = """query Meetings($within: String, $first: Int = 50) {
  meetings(within: $within, first: $first) {
    totalCount
    nodes { unit { code name } heldOn topic score minutesKept documentsSentOn }
    pageInfo { hasNextPage } } }"""
UNITS = """query {
  units { edges { node { code children { totalCount }
    meetings(orderBy: OLDEST_FIRST) { nodes { day: heldOn topic } } } } } }"""
CSV = {"Accept": "text/csv"}
GRAPHQL = {"Accept": "application/graphql-response+json"}
BAD, NOT_FOUND, FORBIDDEN = "BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN"


async def made(client: Client, document: str = MEETINGS, **changes: Any) -> str:
    """The id of a view of district D."""
    found: str = (await save(client, document=document, **changes))["id"]
    return found


async def get(
    client: Client, by: str, id: str, variables: Any = None, **headers: str
) -> httpx.Response:
    sent = None if variables is None else {"variables": json.dumps(variables)}
    given = client.bearer(by) | headers
    return await client.http.get(f"/views/{id}", params=sent, headers=given)


async def post(client: Client, by: str, id: str, body: Any, **headers: str) -> httpx.Response:
    return await client.http.post(f"/views/{id}", json=body, headers=client.bearer(by) | headers)


async def table(client: Client, by: str, id: str, variables: Any = None) -> list[list[str]]:
    """The rows of an answer in CSV, the header first."""
    answer = await get(client, by, id, variables, **CSV)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8", answer.text
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.content.endswith(b"\r\n")
    text = answer.content[3:].decode("utf-8")
    return list(csv.reader(io.StringIO(text, newline="")))


def codes(answer: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json()["errors"]]


# ---- running


async def test_each_sees_their_own_part(writer: Client) -> None:
    """What `/graphql` would answer them to the same document, byte by byte."""
    id = await made(writer)
    counts = {}
    for by in ("leader_d", "secretary_g", "secretary_b"):
        asked = await writer.post(by, MEETINGS, {"within": "G"})
        for answer in (
            await get(writer, by, id, {"within": "G"}),
            await post(writer, by, id, {"variables": {"within": "G"}}),
        ):
            assert (answer.status_code, answer.content) == (200, asked.content)
            assert answer.headers["content-type"] == "application/json; charset=utf-8"
        counts[by] = answer.json()["data"]["meetings"]["totalCount"]
    assert counts == {"leader_d": 4, "secretary_g": 4, "secretary_b": 2}


async def test_variables_are_checked_as_those_of_any_request(writer: Client) -> None:
    """By the types that the view declares; left out they have its defaults."""
    id = await made(writer, "query ($first: Int! = 1) { units(first: $first) { nodes { code } } }")
    for variables, many in ((None, 1), ({}, 1), ({"first": 2}, 2)):
        answer = await get(writer, "secretary_b", id, variables)
        assert len(answer.json()["data"]["units"]["nodes"]) == many
    for first in ("x", None, 1.5):
        answer = await get(writer, "secretary_b", id, {"first": first}, **GRAPHQL)
        assert (answer.status_code, codes(answer)) == (400, [BAD])
        assert answer.json()["errors"][0]["extensions"]["field"] == "first"


NOWHERE = urlsafe_b64encode(b"View:" + b"0" * 32).decode().rstrip("=")
A_UNIT = urlsafe_b64encode(b"Unit:D").decode().rstrip("=")
ODD = (NOWHERE, A_UNIT, "x", "é", "a/b", "%2F", "%00", "", NOWHERE + "/", NOWHERE + "=")


@pytest.mark.parametrize("accept", ["*/*", "text/csv", "application/graphql-response+json"])
async def test_what_is_out_of_reach_is_what_is_unknown(writer: Client, accept: str) -> None:
    """The same bytes: of a unit below or beside, deleted, another thing's id, or none."""
    id = await made(writer)
    gone = await made(writer, name="gone")
    await writer.data("leader_d", DELETE, {"id": gone})
    told = set()
    for by in ("leader_t", "leader_e", "administrator_t", "nobody"):
        for asked in (id, gone, *ODD):
            answer = await get(writer, by, asked, Accept=accept)
            assert (answer.status_code, codes(answer)) == (404, [NOT_FOUND]), asked
            told.add((answer.content, answer.headers["content-type"], answer.headers["vary"]))
    assert len(told) == 1


async def test_what_is_out_of_reach_takes_as_many_statements_as_what_is_unknown(
    writer: Client,
) -> None:
    id = await made(writer)
    database = Database(writer.settings.database_url)
    executor = Executor(database, Limits(), b"k" * 32, lambda: TODAY)
    assert await executor.view(id, "leader_d")
    assert not await executor.view(id, "leader_e")
    counts = set()
    for asked in (id, *ODD):
        with statements(database) as seen:
            assert await executor.view(asked, "leader_e") is None
        counts.add(len(seen))
    await database.close()
    assert counts == {2}


async def test_a_right_that_ended_is_gone_in_the_next_run(writer: Client) -> None:
    id = await made(writer)
    assert (await get(writer, "secretary_b", id)).status_code == 200
    ended = update(appointment).where(appointment.c.principal == "secretary_b")
    await alter(writer, ended.values(valid_to=TODAY))
    assert (await get(writer, "secretary_b", id)).status_code == 404


async def test_a_run_view_is_the_one_that_was_saved_last(writer: Client) -> None:
    id = await made(writer)
    await made(writer, "{ viewer { name } }")
    answer = await get(writer, "secretary_b", id)
    assert told(answer) == {"data": {"viewer": {"name": "secretary_b"}}}
    assert answer.json()["extensions"]["cost"]["estimated"] == 2


async def test_without_a_token_nothing_is_told(writer: Client) -> None:
    """Not even whether there is such a view, or whether what was sent can be taken."""
    id = await made(writer)
    for asked in (id, NOWHERE, f"{id}?x=1"):
        for headers in ({}, {"Authorization": "Bearer x"}):
            answer = await writer.http.get(f"/views/{asked}", headers=headers)
            assert (answer.status_code, codes(answer)) == (401, ["UNAUTHENTICATED"])
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_parameter_too_many_is_refused(writer: Client) -> None:
    """By GET or POST, whether or not there is such a view."""
    queries = ("x=1", "query={viewer{name}}", "variables={}&x=1", "variables={}&variables={}")
    sent = writer.bearer("leader_d")
    for id, query in product((await made(writer), NOWHERE), queries):
        answers = (
            await writer.http.get(f"/views/{id}?{query}", headers=sent),
            await writer.http.post(f"/views/{id}?{query}", headers=sent, json={}),
        )
        for answer in answers:
            assert (answer.status_code, codes(answer)) == (400, [BAD])


async def test_a_body_is_its_variables_and_nothing_else(writer: Client) -> None:
    id = await made(writer)
    for body in ({}, {"variables": None}, {"variables": {}}):
        assert (await post(writer, "leader_d", id, body)).status_code == 200
    for body in ([], "x", 1, {"query": "{ viewer { name } }"}, {"variables": []}):
        answer = await post(writer, "leader_d", id, body)
        assert (answer.status_code, codes(answer)) == (400, [BAD]), body
    for variables in ("{", "[]", "1"):
        sent = {"variables": variables}
        headers = writer.bearer("leader_d")
        answer = await writer.http.get(f"/views/{id}", params=sent, headers=headers)
        assert (answer.status_code, codes(answer)) == (400, [BAD]), variables


async def test_what_is_no_request_for_a_view(writer: Client) -> None:
    """Another method, another type of body, one that is too long."""
    path, headers = f"/views/{await made(writer)}", writer.bearer("leader_d")
    assert (await writer.http.put(path, headers=headers)).status_code == 405
    assert (await writer.http.delete(path, headers=headers)).status_code == 405
    assert (await writer.http.post(path, headers=headers, content="{}")).status_code == 415
    long = {"variables": {"within": "x" * 1_048_576}}
    assert (await writer.http.post(path, headers=headers, json=long)).status_code == 413


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
async def test_an_answer_that_is_known_is_not_sent_again(writer: Client, accept: str) -> None:
    """By GET, for as long as it would be the same; it is for its asker alone."""
    id = await made(writer)
    first = await get(writer, "secretary_b", id, Accept=accept)
    known = {"Accept": accept, "If-None-Match": first.headers["etag"]}
    again = await get(writer, "secretary_b", id, **known)
    assert (again.status_code, again.content) == (304, b"")
    for answer in (first, again):
        assert answer.headers["cache-control"] == "private, no-cache"
        assert {"Accept", "Authorization"} <= set(answer.headers["vary"].split(", "))
    assert (await get(writer, "secretary_c", id, **known)).status_code == 200
    await alter(writer, update(meeting).values(topic="Khác"))
    assert (await get(writer, "secretary_b", id, **known)).status_code == 200


async def test_an_error_speaks_the_language_of_the_request(writer: Client) -> None:
    for language, message in (("vi", "Không tìm thấy."), ("en", "Not found.")):
        answer = await get(writer, "leader_d", NOWHERE, **{"Accept-Language": language})
        assert answer.json()["errors"][0]["message"] == message
        assert answer.headers["content-language"] == language


async def test_a_view_that_no_longer_fits_is_refused_when_it_is_run(writer: Client) -> None:
    id = await made(writer)
    await alter(writer, update(view).values(document="{ viewer { zzzz } }"))
    for headers in (GRAPHQL, CSV):
        answer = await get(writer, "leader_d", id, **headers)
        assert (answer.status_code, codes(answer)) == (400, [BAD])
        assert "data" not in answer.json()


async def test_a_view_may_ask_of_the_schema(writer: Client) -> None:
    id = await made(writer, '{ __typename __type(name: "View") { fields { name } } }')
    answer = await get(writer, "secretary_b", id)
    assert {"name": "problems"} in answer.json()["data"]["__type"]["fields"]
    assert ["Query", "problems"] in await table(writer, "secretary_b", id)


# ---- as CSV


async def test_a_row_is_an_element_of_the_list_and_a_column_a_field(writer: Client) -> None:
    """In the order of the document; what stands around the list is in every row."""
    id = await made(writer)
    assert await table(writer, "secretary_b", id) == [
        [
            "meetings.totalCount",
            "meetings.unit.code",
            "meetings.unit.name",
            "meetings.heldOn",
            "meetings.topic",
            "meetings.score",
            "meetings.minutesKept",
            "meetings.documentsSentOn",
            "meetings.pageInfo.hasNextPage",
        ],
        ["2", "B", "Chi bộ B", "2024-02-05", "Chuyên đề", "", "false", "", "false"],
        ["2", "B", "Chi bộ B", "2024-01-05", "Tháng 1", "91.0", "true", "", "false"],
    ]
    rows = await table(writer, "leader_d", id, {"first": 1})
    assert [(row[0], row[-1]) for row in rows[1:]] == [("5", "true")]


async def test_an_empty_list_has_its_header(writer: Client) -> None:
    id = await made(writer)
    header = (await table(writer, "secretary_b", id))[0]
    assert await table(writer, "secretary_b", id, {"first": 0}) == [header]


async def test_lists_in_lists_are_one_chain_and_no_outer_element_is_lost(writer: Client) -> None:
    """A unit without meetings has one row, and so has one whose meetings are not the viewer's."""
    id = await made(writer, UNITS)
    assert await table(writer, "secretary_b", id) == [
        [
            "units.node.code",
            "units.node.children.totalCount",
            "units.node.meetings.day",
            "units.node.meetings.topic",
        ],
        ["B", "0", "2024-01-05", "Tháng 1"],
        ["B", "0", "2024-02-05", "Chuyên đề"],
        ["D", "1", "", ""],
        ["G", "1", "", ""],
        ["T", "1", "", ""],
    ]


ODD_TEXTS = {
    "=1+1": "'=1+1",
    "+84": "'+84",
    "-1": "'-1",
    "@SUM(A1)": "'@SUM(A1)",
    "\tx": "'\tx",
    "\r=1": "'\r=1",
    '=HYPERLINK("x","y")': '\'=HYPERLINK("x","y")',
    "=a,b": "'=a,b",
    "=a\nb": "'=a\nb",
    'a"b,c\r\nd': 'a"b,c\r\nd',
    "\n1": "'\n1",
    " =1": "' =1",
    "\u00a0+1": "'\u00a0+1",
    "\u3000\u200b@x": "'\u3000\u200b@x",
    "\ufeff\x01=1": "'\ufeff\x01=1",
    "\u2028-1": "'\u2028-1",
    "＝1+1": "'＝1+1",
    "＋1": "'＋1",
    " －1": "' －1",
    "＠x": "'＠x",
    " x": " x",
    " \u200b": " \u200b",
    "x;=1": "x;=1",
    "a=1": "a=1",
    "ờ 語 🎉": "ờ 語 🎉",
    "": "",
}


async def test_no_text_is_a_formula(writer: Client) -> None:
    """As it is sent."""
    id = await made(writer, "{ meetings(first: 1) { nodes { topic } } }")
    await alter(writer, update(meeting).values(topic="=1+1"))
    assert await table(writer, "secretary_b", id) == [["meetings.topic"], ["'=1+1"]]


def test_no_odd_text_is_a_formula_and_every_other_is_what_it_was() -> None:
    sheet = sheet_of(parse("{ meetings { nodes { topic } } }"), {})
    data = {"meetings": {"nodes": [{"topic": text} for text in ODD_TEXTS]}}
    written = io.StringIO(sheet.written(data).decode("utf-8-sig"), newline="")
    assert [row[0] for row in csv.reader(written)][1:] == list(ODD_TEXTS.values())


def test_a_semicolon_is_in_quotes() -> None:
    """So that a spreadsheet that separates cells by semicolons makes none of the text."""
    sheet = sheet_of(parse("{ meetings { nodes { topic form score } } }"), {})
    rows = [{"topic": topic, "form": None, "score": -1.5} for topic in ("x;=1", "x")]
    lines = sheet.written({"meetings": {"nodes": rows}}).decode("utf-8-sig").splitlines()
    assert lines[1:] == ['"x;=1","",-1.5', "x,,-1.5"]


def test_numbers_below_nought_are_numbers() -> None:
    sheet = sheet_of(parse("{ meetings { nodes { score membersPresent } } }"), {})
    data = {"meetings": {"nodes": [{"score": -0.5, "membersPresent": -3}]}}
    assert sheet.written(data).decode("utf-8-sig").splitlines()[1] == "-0.5,-3"


def header(document: str, variables: dict[str, Any] | None = None) -> list[str]:
    return list(sheet_of(parse(document), variables or {}).header)


def test_columns_are_named_by_aliases_and_made_of_fragments() -> None:
    """Each field once, where the document first names it; `edges` and `nodes` by an alias alone."""
    assert header(
        """query { all: meetings { n: totalCount rows: nodes { ...A id ... on Meeting { id kind } }
          } } fragment A on Meeting { heldOn unit { code } ... { unit { name } } }"""
    ) == [
        "all.n",
        "all.rows.heldOn",
        "all.rows.unit.code",
        "all.rows.unit.name",
        "all.rows.id",
        "all.rows.kind",
    ]
    node = '{ node(id: "x") { id ... on Unit { code } ... on Meeting { heldOn } __typename } }'
    assert header(node) == ["node.id", "node.code", "node.heldOn", "node.__typename"]


def test_a_column_that_is_skipped_is_no_column() -> None:
    """By the variables that were given, or their defaults."""
    document = """query ($a: Boolean = true, $b: Boolean!) { units { nodes { code
      name @skip(if: $a) kind @include(if: $b) { code } } } }"""
    assert header(document, {"b": True}) == ["units.code", "units.kind.code"]
    assert header(document, {"a": False, "b": False}) == ["units.code", "units.name"]


NO_TABLE = {
    "{ meetings { nodes { id } } units { nodes { code } } }": "meetings and units",
    "{ units { nodes { path { code } children { nodes { code } } } } }": (
        "units.nodes.path and units.nodes.children"
    ),
    "{ units { edges { cursor } nodes { code } } }": "units.edges and units.nodes",
    "{ units { cursor: totalCount edges { cursor } } }": "units.cursor",
}


async def test_what_is_no_table_is_refused(writer: Client) -> None:
    """Lists side by side, and two columns of one name; as JSON the view is answered."""
    for document, named in NO_TABLE.items():
        id = await made(writer, document)
        assert (await get(writer, "secretary_b", id)).status_code == 200
        answer = await get(writer, "secretary_b", id, **CSV)
        assert (answer.status_code, codes(answer)) == (400, [BAD])
        assert answer.json()["errors"][0]["message"].endswith(f" {named}.")


async def test_a_list_of_plain_values_is_one_cell(writer: Client) -> None:
    """As JSON, which no value of it can be mistaken in."""
    id = await made(writer, "{ views { nodes { name problems } } }")
    assert await table(writer, "secretary_b", id) == [
        ["views.name", "views.problems"],
        ["thang", "[]"],
    ]


async def test_an_answer_with_an_error_is_that_error(writer: Client) -> None:
    """As JSON, under a status of its own: never the part of the table that there is."""
    document = """query ($a: String) { meetings(within: $a) { totalCount } units { nodes { code } }
      }"""
    id = await made(writer, document)
    expected = {"nowhere": (404, NOT_FOUND), "F": (404, NOT_FOUND)}
    for within, (status, code) in expected.items():
        answer = await get(writer, "secretary_b", id, {"a": within}, **CSV)
        assert (answer.status_code, codes(answer)) == (status, [code])
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.json()["data"]["units"]
        assert "content-disposition" not in answer.headers
    answer = await get(writer, "commission_d", id, **CSV)
    assert (answer.status_code, codes(answer)) == (403, [FORBIDDEN])
    answer = await get(writer, "secretary_b", id, {"a": 1}, **CSV)
    assert (answer.status_code, codes(answer)) == (400, [BAD])


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv, application/json;q=0.9", "text/csv"),
        ("application/json, text/csv", "application/json"),
        ("application/json;q=0.5, text/csv;q=0.6", "text/csv"),
        ("text/csv;q=0, */*", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
        ("text/html", "application/json"),
        ("application/graphql-response+json, text/csv;q=0.1", "application/graphql-response+json"),
    ],
)
def test_the_media_type_is_the_one_that_is_weighed_most(accept: str, media: str) -> None:
    assert media_of(accept, ViewEndpoint.offered) == media


async def test_graphql_itself_is_never_csv(reader: Client) -> None:
    asked, headers = {"query": "{ viewer { name } }"}, reader.bearer("leader_d") | CSV
    answer = await reader.http.get("/graphql", params=asked, headers=headers)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_file_is_called_after_its_view(writer: Client) -> None:
    """By RFC 6266: in plain letters, and as it is called."""
    for name, plain, whole in (
        ("thang", "thang", "thang"),
        ('Báo cáo "Đ"/1; é', "bao_cao_d_1_e", "B%C3%A1o%20c%C3%A1o%20_%C4%90__1%3B%20%C3%A9"),
        ("../..\\x", "x", "_.._x"),
        ("語", "view", "%E8%AA%9E"),
        ("...", "view", "view"),
    ):
        id = await made(writer, name=name)
        answer = await get(writer, "leader_d", id, **CSV)
        assert answer.headers["content-disposition"] == (
            f"attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{whole}.csv"
        )
