"""Two worlds that differ only in what a viewer may not see answer alike, with as many statements.

The second world is the first with a district more: units, records, appointments and grants of their
own under the same province. Whoever belongs to the first district is asked everything that could
tell the two apart: names and codes of the other district, ids of its records, filters, orderings,
counts, refused mutations. What a viewer is told must be the same to the letter.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from authz.tables import appointment, grant
from graph.execution import Executor, Request
from graph.limits import Limits
from graph.resolvers.cursors import ListName
from records.tables import evaluation, inspection, meeting, view
from server.database import Database
from tests import province
from tests.province import TODAY

MORE_APPOINTMENTS = """
administrator_d,administrator,D,2020-01-01,
auditor_d,auditor,D,2020-01-01,
both,secretary,B,2020-01-01,
both,leader,C,2020-01-01,
"""
HERE = {"units": "T D G H B C O", "meetings": "B C H O", "evaluations": "B C G", "inspections": ""}
ONLY_THERE = {
    "units": """
E,T,Huyện ủy E,district,,2000-01-01,
F,E,Đảng bộ xã F,grassroots,xã,2024-01-01,
SECRET,E,Chi bộ mật,grassroots_branch,loại riêng,2000-01-01,
GONE,E,Chi bộ đã giải thể,grassroots_branch,,2000-01-01,2023-01-01
""",
    "appointments": """
leader_e,leader,E,2020-01-01,
administrator_e,administrator,E,2020-01-01,
commission_e,inspection_commission,E,2020-01-01,
secret_person,secretary,SECRET,2020-01-01,
""",
    "meetings": """
F,2024-05-05,COMMITTEE,IN_PERSON,Chuyện mật,7,6,,true,false,99.5
SECRET,2024-06-14,REGULAR,ONLINE,,7,6,,true,false,1
SECRET,2023-06-14,REGULAR,ONLINE,,7,6,,true,false,
""",
    "evaluations": "SECRET,2023,NOT_COMPLETED,124-QĐ/TW,true,true,true,true,2,0,0,0,2",
    "inspections": "SECRET,E,COMMITTEE,INSPECTION,SIGNS,Mật,,2024-05-01,,OPEN,1,1,1",
}
VIEW = {"title": "t", "document": "{ viewer { name } }"}
SAVE = "mutation ($input: SaveViewInput!) { saveView(input: $input) { __typename } }"
VIEWERS = ("leader_d", "secretary_b", "auditor_d", "administrator_d", "both", "nobody")


def here(name: str) -> str:
    """The rows of the small province without its other district."""
    rows = province.SMALL[name].strip().splitlines()
    if name == "appointments":
        kept = [row for row in rows if row.split(",")[2] not in ("E", "F")]
        return "\n".join([*kept, *MORE_APPOINTMENTS.strip().splitlines()])
    return "\n".join(row for row in rows if row.split(",")[0] not in ("E", "F"))


@dataclass
class Worlds:
    """A worker over each world, and ids of what is only in the second one."""

    executors: tuple[Executor, Executor]
    ids: list[str]

    async def alike(self, viewer: str, query: str, variables: dict[str, Any] | None) -> Any:
        """What the viewer is told in both, once it is sure that it is the same."""
        told, counts = [], []
        for executor in self.executors:
            database: Any = executor.store
            with province.statements(database) as seen:
                request = Request(query, variables, None, "en")
                told.append((await executor.answer(request, viewer)).body)
            counts.append(len(seen))
        assert "GRAPHQL_VALIDATION" not in json.dumps(told) and "Cannot query" not in str(told)
        assert told[0] == told[1]
        assert counts[0] == counts[1], query
        return told[0]


@pytest_asyncio.fixture(scope="module")
async def worlds(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worlds]:
    folder = tmp_path_factory.mktemp("worlds")
    first = Database(f"sqlite+aiosqlite:///{folder / 'first.db'}")
    await province.fill(first, folder / "first", {name: here(name) for name in province.SMALL})
    for code in ("T", "D"):
        await _save(Executor(first, Limits(), b"k" * 32, lambda: TODAY), code, "chung")
    await first.close()
    shutil.copy(folder / "first.db", folder / "second.db")
    databases = [
        Database(f"sqlite+aiosqlite:///{folder / f'{at}.db'}") for at in ("first", "second")
    ]
    await province.fill(databases[1], folder / "more", ONLY_THERE)
    made = [Executor(each, Limits(), b"k" * 32, lambda: TODAY) for each in databases]
    await _save(made[1], "E", "mật")
    await _grant(made[1])
    both = Worlds((made[0], made[1]), await ids_only_there(databases))
    for viewer in VIEWERS:  # Rights are kept from request to request.
        await both.alike(viewer, "{ viewer { name } units { totalCount } }", None)
    yield both
    for database in databases:
        await database.close()


async def _grant(executor: Executor) -> None:
    """A grant inside the second district, made after all appointments."""
    given = {
        "of": "F",
        "to": "SECRET",
        "roles": ["secretary"],
        "resources": ["meeting"],
        "actions": ["read"],
        "purpose": "Việc riêng",
        "validFrom": "2024-01-01",
        "validTo": "2025-01-01",
    }
    query = "mutation ($input: GrantInput!) { grant(input: $input) { id } }"
    answer = await executor.answer(Request(query, {"input": given}, None, "en"), "leader_e")
    assert "errors" not in answer.body


async def _save(executor: Executor, code: str, name: str) -> None:
    """A view that a district keeps."""
    given = VIEW | {"unitCode": code, "name": name}
    answer = await executor.answer(
        Request(SAVE, {"input": given}, None, "en"), f"leader_{code.lower()}"
    )
    assert "errors" not in answer.body


async def ids_only_there(databases: list[Database]) -> list[str]:
    """Global ids that only the second world has, and ones that none has."""
    from base64 import urlsafe_b64encode

    found = []
    for database in databases:
        keys = set()
        async with database.reading() as connection:
            for table in (meeting, evaluation, inspection, appointment, grant, view):
                for id_ in (await connection.execute(select(table.c.id))).scalars():
                    keys.add(f"{table.name.capitalize()}:{id_.hex}")
        found.append(keys)
    odd = ["Unit:E", "Unit:Z", "Decision:1", "Meeting:" + "0" * 32, "Meeting:x", "", "Unit:"]
    texts = sorted(found[1] - found[0]) + odd
    return [urlsafe_b64encode(text.encode()).decode().rstrip("=") for text in texts] + ["?", "é"]


CODES = ("E", "F", "SECRET", "GONE", "Z")
ASKED = [
    "{ unit(code: %s) { code name } }",
    '{ unit(code: %s, asOf: "2022-01-01") { code } }',
    '{ unit(code: %s, asOf: "2030-01-01") { code } }',
    "{ units(within: %s) { totalCount } }",
    "{ meetings(within: %s) { totalCount } }",
    "{ evaluations(within: %s) { totalCount } }",
    "{ inspections(within: %s) { totalCount } }",
    "{ meetingSummary(within: %s) { meetings } }",
    "{ meetingSummary(within: %s, attribution: AS_RECORDED) { meetings } }",
    "{ evaluationSummary(within: %s) { evaluations } }",
    "{ inspectionSummary(within: %s) { inspections } }",
    "{ decisions(within: %s) { totalCount } }",
    "{ appointments(within: %s) { totalCount } }",
    "{ grants(within: %s) { totalCount } }",
    "{ audit(within: %s) { totalCount } }",
    "{ views(within: %s) { totalCount } }",
    '{ explain(action: "read", resource: "meeting", unitCode: %s) { allowed reason } }',
    '{ explain(action: "read", resource: "meeting", unitCode: %s, principal: "leader_d") '
    "{ allowed reason steps { outcome } } }",
]


@pytest.mark.parametrize("viewer", VIEWERS)
async def test_a_code_out_of_sight_is_an_unknown_one(worlds: Worlds, viewer: str) -> None:
    """Whatever is asked of it."""
    for asked in ASKED:
        for code in CODES:
            await worlds.alike(viewer, asked % json.dumps(code), None)


@pytest.mark.parametrize("viewer", VIEWERS)
async def test_an_id_out_of_sight_is_an_unknown_one(worlds: Worlds, viewer: str) -> None:
    """Through node, with fragments on the interface and every type, and through every mutation."""
    types = (
        "Unit",
        "Meeting",
        "Evaluation",
        "Inspection",
        "Appointment",
        "Grant",
        "Decision",
        "View",
    )
    shown = " ".join(f"... on {name} {{ __typename }}" for name in types)
    record = RECORDS["reviseMeeting"][1]
    for id_ in worlds.ids:
        given = {"id": id_}
        body = await worlds.alike(
            viewer,
            f"query ($id: ID!) {{ node(id: $id) {{ id ...on Node {{ id }} {shown} }} }}",
            given,
        )
        assert body == {"data": {"node": None}}
        for query, more in (
            ('mutation ($id: ID!) { withdraw(id: $id, revision: 1, reason: "r") }', {}),
            ('mutation ($id: ID!) { endAppointment(id: $id, on: "2024-07-01") { id } }', {}),
            ('mutation ($id: ID!) { revokeGrant(id: $id, reason: "r") { id } }', {}),
            ("mutation ($id: ID!) { deleteView(id: $id) }", {}),
            (
                "mutation ($id: ID!, $input: RecordMeetingInput!) "
                "{ reviseMeeting(id: $id, revision: 1, input: $input) { id } }",
                {"input": record},
            ),
        ):
            body = await worlds.alike(viewer, query, given | more)
            assert [error["extensions"]["code"] for error in body["errors"]] == ["NOT_FOUND"]


@pytest.mark.parametrize("viewer", VIEWERS)
async def test_a_view_out_of_sight_is_run_by_nobody(worlds: Worlds, viewer: str) -> None:
    """Looked up as one that there is none of, in as many statements."""
    counts = set()
    for id_ in worlds.ids:
        for executor in worlds.executors:
            database: Any = executor.store
            with province.statements(database) as seen:
                assert await executor.view(id_, viewer) is None
            counts.add(len(seen))
    assert len(counts) == 1


FILTERED = [
    '{ units(filter: {nameContains: "mật", status: ANY}) { totalCount nodes { code } } }',
    '{ units(filter: {kind: ["grassroots_branch"], status: ANY}) { totalCount } }',
    '{ units(filter: {category: ["loại riêng"], status: ANY}) { totalCount } }',
    '{ units(filter: {status: CLOSED}, asOf: "2024-01-01") { totalCount nodes { code } } }',
    "{ meetings(filter: {scoreAtLeast: 99}) { totalCount pageInfo { hasNextPage endCursor } } }",
    "{ meetings(filter: {scoreBelow: 2}) { totalCount } }",
    '{ meetings(filter: {unitCategory: ["loại riêng"]}) { totalCount } }',
    '{ meetings(filter: {heldFrom: "2024-06-14"}) { totalCount nodes { heldOn } } }',
    "{ meetings(first: 1, orderBy: OLDEST_FIRST) { nodes { heldOn } pageInfo { hasNextPage } } }",
    "{ meetings(first: 200) { edges { cursor node { id heldOn unit { code path { code } } } } } }",
    "{ evaluations(filter: {rating: NOT_COMPLETED}) { totalCount } }",
    "{ inspections(filter: {ground: SIGNS}) { totalCount nodes { theme } } }",
    "{ meetingSummary(groupBy: [CHILD]) { child { code } meetings averageScore } }",
    "{ meetingSummary(groupBy: [UNIT_CATEGORY]) { unitCategory meetings unitsMet } }",
    '{ unit(code: "T") { children(filter: {status: ANY}) { totalCount nodes { code } }'
    " meetingSummary { meetings averageScore } evaluationSummary(groupBy: [RATING]) { rating } } }",
    '{ meetingSummary(within: "T", groupBy: [CHILD]) { child { code } meetings } }',
    '{ inspectionSummary(within: "T") { inspections open membersCovered } }',
    '{ meetingSummary(within: "T", attribution: AS_RECORDED, groupBy: [CHILD]) { meetings } }',
    "{ appointments(first: 200) { totalCount nodes { principal role unit { code } } } }",
    '{ appointments(principal: "secret_person") { totalCount } }',
    '{ appointments(principal: "nobody at all") { totalCount } }',
    "{ grants { totalCount nodes { purpose } } }",
    "{ views { totalCount edges { cursor node { id name unit { code } } } } }",
    "{ views(first: 1) { nodes { name problems } pageInfo { hasNextPage endCursor } } }",
    "{ audit(first: 200) { totalCount nodes { principal action } } }",
    '{ audit(principal: "leader_e") { totalCount } }',
    '{ audit(action: "grant") { totalCount } }',
    '{ explain(action: "read", resource: "meeting", unitCode: "G", principal: "leader_e") '
    "{ allowed reason steps { outcome rule appointment { id } grant { id } } } }",
    '{ explain(action: "record", resource: "meeting", unitCode: "B", principal: "secret_person") '
    "{ allowed reason steps { outcome rule } } }",
]


@pytest.mark.parametrize("viewer", VIEWERS)
async def test_no_filter_order_or_count_tells_of_what_is_out_of_sight(
    worlds: Worlds, viewer: str
) -> None:
    for asked in FILTERED:
        await worlds.alike(viewer, asked, None)


@pytest.mark.parametrize("viewer", VIEWERS)
async def test_a_cursor_of_another_districts_record_opens_nothing(
    worlds: Worlds, viewer: str
) -> None:
    """Were the server's secret known, its place in the list would be all that it tells."""
    from records.filters import MeetingFilter
    from records.lists import RecordOrder

    name = ListName(b"k" * 32, ("meeting", None, MeetingFilter(), RecordOrder.NEWEST_FIRST))
    cursor = json.dumps(name.cursor(TODAY, "0" * 32))
    await worlds.alike(
        viewer, f"{{ meetings(after: {cursor}) {{ totalCount nodes {{ heldOn }} }} }}", None
    )


RECORDS: dict[str, tuple[str, dict[str, Any]]] = {
    "reviseMeeting": (
        "RecordMeetingInput",
        {
            "unitCode": "SECRET",
            "heldOn": "2024-06-05",
            "kind": "REGULAR",
            "form": "IN_PERSON",
            "membersExpected": 10,
            "membersPresent": 9,
        },
    ),
}
APPOINT = {"principal": "somebody", "role": "secretary", "validFrom": "2024-06-15"}
GRANT = {
    "roles": ["leader"],
    "resources": ["meeting"],
    "actions": ["read"],
    "purpose": "p",
    "validFrom": "2024-06-15",
    "validTo": "2025-01-01",
}
INSPECTION = {
    "body": "COMMITTEE",
    "kind": "INSPECTION",
    "ground": "PROGRAMME",
    "openedOn": "2024-06-01",
    "status": "OPEN",
}
DECISION = {
    "number": "1/QĐ",
    "title": "t",
    "issuedOn": "2024-06-01",
    "effectiveOn": "2024-07-01",
}


def refused(code: str) -> list[tuple[str, dict[str, Any]]]:
    """Mutations that name a unit out of sight, wherever one can be named."""
    meeting_input = RECORDS["reviseMeeting"][1] | {"unitCode": code}

    def mutation(name: str, kind: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        query = f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ __typename }} }}"
        return query, {"input": given}

    def decide(issued_by: str, change: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        given = DECISION | {"issuedBy": issued_by, "changes": [change]}
        return mutation("decide", "DecisionInput", given)

    return [
        mutation("recordMeeting", "RecordMeetingInput", meeting_input),
        mutation(
            "recordInspection",
            "RecordInspectionInput",
            INSPECTION | {"unitCode": code, "byUnitCode": "D"},
        ),
        mutation(
            "recordInspection",
            "RecordInspectionInput",
            INSPECTION | {"unitCode": "B", "byUnitCode": code},
        ),
        mutation("appoint", "AppointInput", APPOINT | {"unitCode": code}),
        mutation("grant", "GrantInput", GRANT | {"of": code, "to": "D"}),
        mutation("saveView", "SaveViewInput", VIEW | {"unitCode": code, "name": "mật"}),
        decide(code, {"dissolve": {"unit": "B"}}),
        decide("D", {"dissolve": {"unit": code}}),
        decide("D", {"transfer": {"unit": "B", "to": code}}),
        decide("D", {"merge": {"units": [code], "into": "B"}}),
    ]


@pytest.mark.parametrize("viewer", VIEWERS)
async def test_a_refused_mutation_tells_nothing(worlds: Worlds, viewer: str) -> None:
    """The same error, path and number of statements for what is unknown and what is unreachable."""
    for code in CODES:
        for query, variables in refused(code):
            body = await worlds.alike(viewer, query, variables)
            assert body["errors"]


async def test_who_may_not_grant_learns_of_no_code(worlds: Worlds) -> None:
    """The other end of a grant may be out of sight; whether there is one is told last, to who may
    grant alone."""
    query = "mutation ($input: GrantInput!) { grant(input: $input) { __typename } }"
    for viewer in ("secretary_b", "auditor_d", "administrator_d", "nobody"):
        for code in CODES:
            await worlds.alike(viewer, query, {"input": GRANT | {"of": "B", "to": code}})
