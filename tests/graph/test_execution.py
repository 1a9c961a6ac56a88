"""From a request to its answer: operations, what is left out or null, errors in their branch, and
rights that are never older than the request."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from structlog.testing import capture_logs

from graph.execution import Executor, Request
from graph.limits import Limits
from server.database import Database
from tests import province
from tests.province import TODAY, Client, told


async def error_of(client: Client, query: str, **more: Any) -> dict[str, Any]:
    body = {"query": query, **more}
    answer = await client.http.post("/graphql", json=body, headers=client.bearer("leader_d"))
    [error] = answer.json()["errors"]
    found: dict[str, Any] = error
    return found


# ---- operations


@pytest.mark.parametrize("name", ["C", "", "a", "A "])
async def test_an_operation_that_is_not_there(reader: Client, name: str) -> None:
    query = "query A { __typename } query B { __typename }"
    error = await error_of(reader, query, operationName=name)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_the_operation_that_is_named_runs_alone(reader: Client) -> None:
    query = 'query A { viewer { name } } query B { unit(code: "B") { code } }'
    answer = await reader.http.post(
        "/graphql",
        json={"query": query, "operationName": "B"},
        headers=reader.bearer("leader_d"),
    )
    assert told(answer) == {"data": {"unit": {"code": "B"}}}


async def test_a_subscription_is_no_operation_of_the_schema(reader: Client) -> None:
    error = await error_of(reader, "subscription { recordChanges { id } }")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_one_document_with_other_variables_is_another_question(reader: Client) -> None:
    """What is kept of a document is neither its answer nor its cost."""
    query = "query ($first: Int, $code: String!) { unit(code: $code) { code "
    query += "children(first: $first) { nodes { children(first: $first) { nodes { "
    query += "children(first: $first) { nodes { code } } } } } } } }"
    few = await reader.data("leader_d", query, {"first": 1, "code": "D"})
    assert few["unit"]["code"] == "D"
    body = await reader.ask("leader_d", query, {"first": 200, "code": "D"})
    assert body["errors"][0]["extensions"]["code"] == "QUERY_TOO_COSTLY"
    again = await reader.data("leader_d", query, {"first": 1, "code": "B"})
    assert again["unit"]["code"] == "B"


# ---- left out, null, given

SAME = [
    ("units { totalCount }", "units(filter: null, within: null, after: null) { totalCount }"),
    ("units { totalCount }", "units(filter: {}) { totalCount }"),
    ("units { nodes { code } }", "units(first: null) { nodes { code } }"),
    (
        "units { nodes { code } }",
        "units(filter: {kind: null, nameContains: null}) { nodes { code } }",
    ),
    ("units { totalCount }", "units(asOf: null) { totalCount }"),
    ("meetings { nodes { id } }", "meetings(filter: null, orderBy: null) { nodes { id } }"),
    (
        "meetings { nodes { id } }",
        "meetings(filter: {heldFrom: null, kind: null}) { nodes { id } }",
    ),
    (
        "meetingSummary { meetings }",
        "meetingSummary(groupBy: null, attribution: null) { meetings }",
    ),
    ("meetingSummary { meetings }", "meetingSummary(groupBy: []) { meetings }"),
    ("meetingSummary(groupBy: KIND) { kind }", "meetingSummary(groupBy: [KIND]) { kind }"),
    ("units(filter: {kind: []}) { totalCount }", "units(filter: {category: []}) { totalCount }"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
async def test_null_leaves_out(reader: Client, one: str, other: str) -> None:
    assert await reader.data("leader_d", f"{{ {one} }}") == await reader.data(
        "leader_d", f"{{ {other} }}"
    )


async def test_a_variable_that_is_not_sent_is_left_out(reader: Client) -> None:
    """So that a default of the schema holds: open units, fifty of them, today."""
    query = """query ($first: Int, $day: Date, $filter: UnitFilter, $code: String) {
      units(first: $first, asOf: $day, filter: $filter, within: $code) { nodes { code } } }"""
    plain = await reader.data("leader_d", "{ units { nodes { code } } }")
    assert await reader.data("leader_d", query) == plain
    assert await reader.data("leader_d", query, {"first": None, "filter": None}) == plain


async def test_an_empty_list_matches_nothing(reader: Client) -> None:
    """Nought, since something was asked for that is not there; not null, which is not allowed."""
    for asked in (
        "units(filter: {kind: []}) { totalCount }",
        "units(filter: {category: []}) { totalCount }",
        "meetings(filter: {kind: []}) { totalCount }",
        "meetings(filter: {unitCategory: []}) { totalCount }",
    ):
        found = await reader.data("leader_d", f"{{ list: {asked} }}")
        assert found == {"list": {"totalCount": 0}}


async def test_a_days_text_has_one_form(reader: Client) -> None:
    for day in ("20240101", "2024-W01-1", "2024-1-1", " 2024-01-01", "2024-01-01Z", "2024-02-30"):
        error = await error_of(reader, f'{{ unit(code: "B", asOf: "{day}") {{ code }} }}')
        assert error["extensions"]["code"] == "BAD_USER_INPUT", day


# ---- errors


async def test_an_error_cuts_its_own_branch(reader: Client) -> None:
    """And says where, in the words of the answer's aliases."""
    query = """{ a: unit(code: "B") { code b: meetings(first: 999) { totalCount } }
      c: units(within: "nowhere") { totalCount } viewer { name } }"""
    body = await reader.ask("leader_d", query)
    assert body["data"] == {
        "a": {"code": "B", "b": None},
        "c": None,
        "viewer": {"name": "leader_d"},
    }
    found = {tuple(error["path"]): error["extensions"]["code"] for error in body["errors"]}
    assert found == {("a", "b"): "BAD_USER_INPUT", ("c",): "NOT_FOUND"}


HIDDEN = [
    "unit(code: {}) {{ code }}",
    "units(within: {}) {{ totalCount }}",
    "meetings(within: {}) {{ totalCount }}",
    "evaluations(within: {}) {{ totalCount }}",
    "inspections(within: {}) {{ totalCount }}",
    "meetingSummary(within: {}) {{ meetings }}",
    "evaluationSummary(within: {}, groupBy: CHILD) {{ evaluations }}",
    "inspectionSummary(within: {}, attribution: AS_RECORDED) {{ inspections }}",
]


@pytest.mark.parametrize("asked", HIDDEN)
@pytest.mark.parametrize("principal", ["leader_d", "secretary_b", "nobody", "secretary_o"])
async def test_what_is_out_of_sight_reads_like_what_is_not(
    reader: Client, asked: str, principal: str
) -> None:
    """To the letter: data, message, path, code."""
    answers = [
        await reader.ask(principal, f"{{ {asked.format(json.dumps(code))} }}")
        for code in ("F", "nowhere!", "")
    ]
    assert answers[0] == answers[1] == answers[2]
    if "errors" in answers[0]:
        assert answers[0]["errors"][0]["extensions"] == {"code": "NOT_FOUND"}


async def test_a_failure_of_the_server_says_nothing_of_itself(writer: Client) -> None:
    """INTERNAL in its branch, or a status without words: never a library's message."""
    database = Database(writer.settings.database_url)
    async with database.writing() as connection:
        await connection.execute(text("DROP TABLE meeting"))
    await database.close()
    query = '{ meetings { totalCount } unit(code: "B") { code } }'
    mutation = """mutation { recordMeeting(input: {unitCode: "B", heldOn: "2024-06-01",
      kind: GROUP, form: ONLINE, membersExpected: 1, membersPresent: 1}) { id } }"""
    with capture_logs() as logged:
        body = await writer.ask("leader_d", query)
        answer = await writer.post("secretary_b", mutation)
    assert {"field failed"} <= {line["event"] for line in logged}
    assert body["data"] == {"meetings": None, "unit": {"code": "B"}}
    [error] = body["errors"]
    assert error["extensions"] == {"code": "INTERNAL"}
    for said in (error["message"], answer.text):
        for word in ("meeting", "table", "sql", "Traceback", "Error("):
            assert word not in said.removeprefix('{"errors"'), said


# ---- rights are never older than the request

SEEN = "{ units { nodes { code } } }"
CHANGES = ("appointment", "policy", "tree")


class Clock:
    """A day that the test may move."""

    day = TODAY

    def __call__(self) -> date:
        return self.day


class Worker:
    """An executor with caches of its own, over a store that others write to."""

    def __init__(self, database: Database) -> None:
        self.clock = Clock()
        self.executor = Executor(database, Limits(), b"k" * 32, self.clock)

    async def data(self, principal: str, query: str = SEEN) -> Any:
        answer = await self.executor.answer(Request(query, None, None, "en"), principal)
        return answer.body["data"]

    async def sees(self, principal: str) -> list[str] | None:
        found = (await self.data(principal))["units"]
        return found and [unit["code"] for unit in found["nodes"]]


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, fresh_database: Callable[[str], str], tmp_path: Any
) -> AsyncIterator[Database]:
    made = Database(fresh_database(request.param))
    await province.fill(made, tmp_path / "data", province.SMALL)
    yield made
    await made.close()


async def execute(database: Database, *statements: str) -> None:
    """Writes as an operator does: with the revision, in one transaction."""
    async with database.writing() as connection:
        for statement in statements:
            await connection.execute(text(statement))
        bump = "UPDATE revision SET policy_version = policy_version + 1"
        await connection.execute(text(bump))


async def test_an_appointment_counts_from_the_next_request(
    database: Database, tmp_path: Any
) -> None:
    """Made by `chibo load`, ended in the tables; on both of two workers."""
    workers = Worker(database), Worker(database)
    assert [await worker.sees("new") for worker in workers] == [None, None]
    more = {"appointments": "new,leader,H,2024-01-01,\nleader_e,leader,H,2024-01-01,"}
    await province.fill(database, tmp_path / "more", more)
    assert [await worker.sees("new") for worker in workers] == [["D", "H", "T"]] * 2
    assert [await worker.sees("leader_e") for worker in workers] == [["D", "E", "F", "H", "T"]] * 2
    await execute(database, "UPDATE appointment SET valid_to = '2024-06-15' WHERE principal='new'")
    assert [await worker.sees("new") for worker in workers] == [None, None]


async def test_a_rule_counts_from_the_next_request(database: Database) -> None:
    workers = Worker(database), Worker(database)
    query = "{ meetings { totalCount } meetingSummary { meetings } }"
    before = {"meetings": {"totalCount": 5}, "meetingSummary": [{"meetings": 5}]}
    assert [await worker.data("leader_d", query) for worker in workers] == [before] * 2
    await execute(
        database,
        "INSERT INTO policy_rule (id, role, at, resource, action, reach, eft) VALUES "
        "(900, 'leader', 'district', 'meeting', 'read', 'rank<=4', 'deny'), "
        "(901, 'leader', '*', 'meeting', 'summarise', 'subtree', 'deny')",
    )
    after = {"meetings": {"totalCount": 4}, "meetingSummary": None}
    assert [await worker.data("leader_d", query) for worker in workers] == [after] * 2
    await execute(database, "DELETE FROM policy_rule WHERE id >= 900")
    assert [await worker.data("leader_d", query) for worker in workers] == [before] * 2


async def test_a_unit_is_there_from_the_next_request(database: Database, tmp_path: Any) -> None:
    workers = Worker(database), Worker(database)
    assert [await worker.sees("leader_e") for worker in workers] == [["E", "F", "T"]] * 2
    more = {"units": "N,F,Chi bộ mới,branch,,2024-02-01,"}
    await province.fill(database, tmp_path / "more", more)
    assert [await worker.sees("leader_e") for worker in workers] == [["E", "F", "N", "T"]] * 2


async def test_an_appointment_ends_when_its_day_comes(database: Database) -> None:
    """Nobody writes anything: the day alone moves, and with it what is open and in force."""
    worker = Worker(database)
    for days, seen in ((0, True), (1, True), (2, False), (1, True), (-7, True)):
        worker.clock.day = TODAY + timedelta(days=days)
        assert (await worker.sees("ends_soon") is not None) is seen, days
    assert await worker.sees("secretary_o") is None
    worker.clock.day = date(2023, 6, 30)
    assert await worker.sees("secretary_o") == ["D", "G", "O", "T"]
    worker.clock.day = date(2023, 7, 1)
    assert await worker.sees("secretary_o") is None


async def test_an_appointment_ahead_gives_nothing_until_its_day(database: Database) -> None:
    await execute(
        database,
        "INSERT INTO appointment (id, principal, role, unit_id, valid_from) "
        f"SELECT '{uuid4()}', 'ahead', 'leader', id, '2024-06-16' FROM unit WHERE code = 'H'",
    )
    worker = Worker(database)
    assert await worker.sees("ahead") is None
    assert (await worker.data("ahead", "{ viewer { appointments { role } } }"))["viewer"] == {
        "appointments": []
    }
    worker.clock.day = TODAY + timedelta(days=1)
    assert await worker.sees("ahead") == ["D", "H", "T"]


BESIDE = """{ unit(code: "D") { path { evaluationSummary { rating } meetings { nodes { id } } }
  children(first: -1) { totalCount } } }"""


async def test_a_field_that_fails_leaves_the_statements_beside_it_alone(
    reorganised: Client,
) -> None:
    """The fields beside it are cancelled, in the midst of a statement too; the connection is still
    fit for whoever comes next, and the client reads why the one field failed."""
    for _ in range(6):
        error = await reorganised.error("leader_d", BESIDE)
        assert (error["extensions"]["code"], error["path"]) == (
            "BAD_USER_INPUT",
            ["unit", "children"],
        )
    data = await reorganised.data("leader_d", '{ unit(code: "D") { path { code } } }')
    assert data["unit"]["path"][-1] == {"code": "D"}
