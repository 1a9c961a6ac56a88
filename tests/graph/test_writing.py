"""The three mutations: what they store, what they refuse and in which order, and client keys."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from server.database import Database
from tests import province
from tests.province import Client

MEETING = {
    "unitCode": "B",
    "heldOn": "2024-06-05",
    "kind": "REGULAR",
    "form": "IN_PERSON",
    "membersExpected": 10,
    "membersPresent": 9,
}
EVALUATION = {
    "unitCode": "C",
    "year": 2024,
    "rating": "GOOD",
    "regulation": "132-QĐ/TW",
    "membersRated": 6,
    "membersExcellent": 1,
    "membersGood": 2,
    "membersCompleted": 3,
    "membersNotCompleted": 0,
}
INSPECTION = {
    "unitCode": "B",
    "byUnitCode": "D",
    "body": "INSPECTION_COMMISSION",
    "kind": "INSPECTION",
    "ground": "PROGRAMME",
    "openedOn": "2024-06-01",
    "status": "OPEN",
    "membersCovered": 5,
}
RECORD = {
    "Meeting": (
        MEETING,
        "secretary_b",
        "heldOn kind form topic membersExpected membersPresent documentsSentOn minutesKept "
        "attendedByHigherCommittee score",
    ),
    "Evaluation": (
        EVALUATION,
        "secretary_g",
        "year rating regulation politicalTask meetingQuality unityDiscipline cadresMembers "
        "fourGoods membersRated membersExcellent membersGood membersCompleted membersNotCompleted",
    ),
    "Inspection": (
        INSPECTION,
        "commission_d",
        "by { code } body kind ground theme plannedFor openedOn concludedOn status "
        "membersCovered membersInViolation membersSanctioned",
    ),
}
KINDS = tuple(RECORD)


def mutation(kind: str) -> str:
    return (
        f"mutation ($input: Record{kind}Input!) {{ record{kind}(input: $input) "
        f"{{ id revision recordedAt unit {{ code }} {RECORD[kind][2]} }} }}"
    )


async def record(client: Client, kind: str, by: str | None = None, **changes: Any) -> Any:
    """The record as it was answered."""
    given, principal, _ = RECORD[kind]
    variables = {"input": given | changes}
    return (await client.data(by or principal, mutation(kind), variables))[f"record{kind}"]


async def refusal(client: Client, kind: str, by: str | None = None, **changes: Any) -> Any:
    """Code and field of the only error, once it is sure that nothing was stored."""
    before = await stored(client)
    given, principal, _ = RECORD[kind]
    error = await client.error(by or principal, mutation(kind), {"input": given | changes})
    assert await stored(client) == before
    return error["extensions"]["code"], error["extensions"].get("field")


async def stored(client: Client) -> dict[str, int]:
    database = Database(client.settings.database_url)
    async with database.reading() as connection:
        tables = ("meeting", "evaluation", "inspection", "client_key")
        counts = {table: await province.count(connection, table) for table in tables}
    await database.close()
    return counts


# ---- what is stored


@pytest.mark.parametrize("kind", KINDS)
async def test_the_answer_is_what_was_stored(writer: Client, kind: str) -> None:
    """At revision 1, with the moment in its offset, under an id by which it is read again."""
    answer = await record(writer, kind)
    assert (answer["revision"], answer["unit"]) == (1, {"code": RECORD[kind][0]["unitCode"]})
    recorded_at = datetime.fromisoformat(answer["recordedAt"])
    assert recorded_at.utcoffset() is not None
    assert abs((datetime.now(recorded_at.tzinfo) - recorded_at).total_seconds()) < 60
    again = f"{{ node(id: {json.dumps(answer['id'])}) {{ ... on {kind} {{ id revision recordedAt "
    again += f"unit {{ code }} {RECORD[kind][2]} }} }} }}"
    assert (await writer.data("commission_d" if kind == "Inspection" else "leader_d", again))[
        "node"
    ] == answer


async def test_what_is_left_out_is_null_or_its_default(writer: Client) -> None:
    meeting = await record(writer, "Meeting")
    assert (meeting["topic"], meeting["score"], meeting["documentsSentOn"]) == (None, None, None)
    assert (meeting["minutesKept"], meeting["attendedByHigherCommittee"]) == (False, False)
    evaluation = await record(writer, "Evaluation", politicalTask=True)
    assert (evaluation["politicalTask"], evaluation["fourGoods"]) == (True, None)
    inspection = await record(writer, "Inspection", theme=None)
    assert (inspection["membersInViolation"], inspection["theme"]) == (0, None)


async def test_texts_come_back_exactly(writer: Client) -> None:
    """No trimming, no normalisation, no other character."""
    for topic in (" a ", "Đảng\u0302 ủy", "🌳\t\n", "'; DROP TABLE meeting; --", ""):
        assert (await record(writer, "Meeting", topic=topic))["topic"] == topic


async def test_a_recorded_inspection_is_answered_though_it_may_not_be_read(writer: Client) -> None:
    """On signs and open: who recorded it at their own unit is shown it once."""
    own = {"unitCode": "G", "byUnitCode": "G", "ground": "SIGNS"}
    assert (await record(writer, "Inspection", "commission_g", **own))["unit"] == {"code": "G"}


async def test_days_at_the_edges_of_a_life(writer: Client) -> None:
    """The first day of a unit and today; an evaluation of the year the unit came to stand in."""
    await record(writer, "Meeting", heldOn="2000-01-01")
    await record(writer, "Meeting", heldOn=province.TODAY.isoformat())
    await record(writer, "Evaluation", "board_d", year=2000)
    await record(writer, "Evaluation", year=province.TODAY.year)
    await record(writer, "Meeting", membersExpected=1_000_000, score=100)


async def test_a_planned_or_cancelled_inspection_may_lie_ahead(writer: Client) -> None:
    ahead = {"openedOn": None, "plannedFor": "2024-10-01"}
    await record(writer, "Inspection", status="PLANNED", **ahead)
    await record(writer, "Inspection", status="CANCELLED", **ahead)


# ---- what is refused

PLANNED = {"status": "PLANNED", "openedOn": None}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("Meeting", {"membersPresent": 11}, "membersPresent"),
    ("Meeting", {"membersExpected": -1, "membersPresent": -2}, "membersExpected"),
    ("Meeting", {"membersPresent": -1}, "membersPresent"),
    ("Meeting", {"membersExpected": 1_000_001}, "membersExpected"),
    ("Meeting", {"score": 100.01}, "score"),
    ("Meeting", {"score": -0.5}, "score"),
    ("Meeting", {"documentsSentOn": "2024-06-06"}, "documentsSentOn"),
    ("Meeting", {"heldOn": "2024-06-16"}, "heldOn"),
    ("Meeting", {"heldOn": "1999-12-31"}, "heldOn"),
    ("Meeting", {"topic": "a\0b"}, "topic"),
    ("Meeting", {"clientKey": ""}, "clientKey"),
    ("Meeting", {"clientKey": "a\0"}, "clientKey"),
    ("Meeting", {"clientKey": "k" * 256}, "clientKey"),
    ("Evaluation", {"membersRated": 7}, "membersRated"),
    ("Evaluation", {"membersGood": -1, "membersRated": 3}, "membersGood"),
    ("Evaluation", {"membersGood": 1_000_001, "membersRated": 1_000_005}, "membersRated"),
    ("Evaluation", {"year": 0}, "year"),
    ("Evaluation", {"year": 10_000}, "year"),
    ("Evaluation", {"year": -2022}, "year"),
    ("Evaluation", {"year": 2025}, "year"),
    ("Evaluation", {"by": "board_d", "year": 1999}, "year"),
    ("Evaluation", {"regulation": ""}, "regulation"),
    ("Evaluation", {"regulation": "\0"}, "regulation"),
    ("Evaluation", {"by": "board_d", "year": 2023}, "year"),
    ("Inspection", {"status": "PLANNED"}, "status"),
    ("Inspection", PLANNED, "status"),
    ("Inspection", {"status": "OPEN", "openedOn": None, "plannedFor": "2024-04-01"}, "status"),
    ("Inspection", {"concludedOn": "2024-06-02"}, "status"),
    ("Inspection", {"status": "CONCLUDED"}, "status"),
    ("Inspection", {"status": "CONCLUDED", "concludedOn": "2024-05-31"}, "concludedOn"),
    ("Inspection", {"status": "CANCELLED", "openedOn": None}, "status"),
    ("Inspection", {"status": "CANCELLED", "concludedOn": "2024-06-02"}, "status"),
    ("Inspection", {"plannedFor": "2024-05-01"}, "plannedFor"),
    ("Inspection", {"plannedFor": "2024-04-02"}, "plannedFor"),
    ("Inspection", {"openedOn": "2024-06-16"}, "openedOn"),
    ("Inspection", {"status": "CONCLUDED", "concludedOn": "2024-06-16"}, "concludedOn"),
    ("Inspection", {"openedOn": "1999-12-31"}, "openedOn"),
    (
        "Inspection",
        {"status": "PLANNED", "openedOn": None, "plannedFor": "1999-10-01"},
        "plannedFor",
    ),
    ("Inspection", {"membersInViolation": 6}, "membersInViolation"),
    ("Inspection", {"membersSanctioned": 1_000_001}, "membersSanctioned"),
    ("Inspection", {"membersCovered": -1}, "membersCovered"),
    ("Inspection", {"theme": "\0"}, "theme"),
    ("Inspection", {"unitCode": "D", "byUnitCode": "B"}, "byUnitCode"),
    ("Inspection", {"byUnitCode": "C"}, "byUnitCode"),
    ("Inspection", {"unitCode": "O"}, "unitCode"),
]


@pytest.mark.parametrize(("kind", "changes", "field"), REFUSED, ids=str)
async def test_refused_input_names_its_field(
    writer: Client, kind: str, changes: dict[str, Any], field: str
) -> None:
    assert await refusal(writer, kind, **changes) == ("BAD_USER_INPUT", field)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("Meeting", {"heldOn": "20240605"}),
        ("Meeting", {"heldOn": "2024-W23-3"}),
        ("Meeting", {"heldOn": "2024-06-31"}),
        ("Meeting", {"heldOn": "2024-06-05T00:00:00"}),
        ("Meeting", {"heldOn": "２０２４-06-05"}),
        ("Meeting", {"heldOn": 20240605}),
        ("Meeting", {"kind": "regular"}),
        ("Meeting", {"kind": None}),
        ("Meeting", {"membersExpected": 1.5}),
        ("Meeting", {"membersExpected": True}),
        ("Meeting", {"membersExpected": 2**31}),
        ("Meeting", {"minutesKept": None}),
        ("Meeting", {"minutesKept": "true"}),
        ("Meeting", {"score": "90"}),
        ("Meeting", {"unitCode": 1}),
        ("Meeting", {"unknown": 1}),
        ("Evaluation", {"year": "2022"}),
        ("Evaluation", {"membersRated": None}),
        ("Inspection", {"status": "DONE"}),
        ("Inspection", {"membersCovered": None}),
    ],
    ids=str,
)
async def test_values_of_another_type_are_bad_input(
    writer: Client, kind: str, changes: dict[str, Any]
) -> None:
    given, principal, _ = RECORD[kind]
    body = await writer.ask(principal, mutation(kind), {"input": given | changes})
    assert {error["extensions"]["code"] for error in body["errors"]} == {"BAD_USER_INPUT"}
    assert "data" not in body


# ---- the order of what is looked at


async def test_bad_input_comes_before_an_unknown_unit(writer: Client) -> None:
    changes = {"unitCode": "nowhere", "membersPresent": 11}
    assert await refusal(writer, "Meeting", **changes) == ("BAD_USER_INPUT", "membersPresent")


@pytest.mark.parametrize("code", ["nowhere", "", "b", "B ", "F", "\0", "%"])
async def test_an_unknown_unit_reads_like_one_out_of_sight(writer: Client, code: str) -> None:
    """The same code, message and path; before rights and stored data are looked at."""
    given = {"input": MEETING | {"unitCode": code, "heldOn": "1999-12-31"}}
    error = await writer.error("secretary_b", mutation("Meeting"), given)
    assert (error["message"], error["extensions"], error["path"]) == (
        "Not found.",
        {"code": "NOT_FOUND"},
        ["recordMeeting"],
    )
    for name in ("unitCode", "byUnitCode"):
        assert await refusal(writer, "Inspection", **{name: code}) == ("NOT_FOUND", None)


async def test_no_right_comes_before_stored_data(writer: Client) -> None:
    """Also before the key is looked at, and whether the unit is closed or stood that day."""
    assert await refusal(writer, "Meeting", "leader_d") == ("FORBIDDEN", None)
    assert await refusal(writer, "Meeting", "leader_d", heldOn="1999-01-01") == ("FORBIDDEN", None)
    assert await refusal(writer, "Meeting", "secretary_g", unitCode="O") == ("FORBIDDEN", None)
    assert await refusal(writer, "Evaluation", "secretary_g", unitCode="G", year=2023) == (
        "FORBIDDEN",
        None,
    )
    assert await refusal(writer, "Evaluation", "secretary_b", unitCode="B") == ("FORBIDDEN", None)
    assert await refusal(writer, "Meeting", "administrator_t") == ("FORBIDDEN", None)


async def test_the_recorder_needs_the_right_for_the_inspecting_unit_too(writer: Client) -> None:
    """In sight above is not enough; at or below the recorder's own unit is."""
    assert await refusal(writer, "Inspection", "commission_g") == ("FORBIDDEN", None)
    assert await refusal(writer, "Inspection", byUnitCode="T") == ("FORBIDDEN", None)
    await record(writer, "Inspection", "commission_g", byUnitCode="G")
    await record(writer, "Inspection", byUnitCode="B")


async def test_an_office_at_a_closed_unit_sees_nothing(writer: Client) -> None:
    assert await refusal(writer, "Meeting", "secretary_o", unitCode="O") == ("NOT_FOUND", None)
    assert await refusal(writer, "Meeting", "nobody") == ("NOT_FOUND", None)


# ---- client keys


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_key_and_content_store_once(writer: Client, kind: str) -> None:
    first = await record(writer, kind, clientKey="k-1")
    before = await stored(writer)
    assert await record(writer, kind, clientKey="k-1") == first
    assert await stored(writer) == before


async def test_content_is_what_was_said_not_how(writer: Client) -> None:
    """Null or left out, 90 or 90.0, a default given: the same content."""
    first = await record(writer, "Meeting", clientKey="k", score=90)
    said = {"topic": None, "minutesKept": False, "score": 90.0, "documentsSentOn": None}
    assert (await record(writer, "Meeting", clientKey="k", **said))["id"] == first["id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"membersPresent": 8},
        {"topic": ""},
        {"minutesKept": True},
        {"score": 0},
        {"heldOn": "2024-06-04"},
    ],
    ids=str,
)
async def test_a_key_with_other_content_is_a_conflict(
    writer: Client, changes: dict[str, Any]
) -> None:
    await record(writer, "Meeting", clientKey="k")
    assert await refusal(writer, "Meeting", clientKey="k", **changes) == ("CONFLICT", "clientKey")


async def test_a_key_is_one_principals_alone(writer: Client) -> None:
    """Another may use the same for the same or for something else."""
    ours = await record(writer, "Meeting", clientKey="k")
    theirs = await record(writer, "Meeting", "ends_soon", clientKey="k")
    assert ours["id"] != theirs["id"]
    await record(writer, "Evaluation", clientKey="k")
    await record(writer, "Evaluation", "board_d", clientKey="k", unitCode="H")
    assert (await record(writer, "Meeting", clientKey="k"))["id"] == ours["id"]


async def test_a_key_of_another_kind_of_record_is_a_conflict(writer: Client) -> None:
    """A principal who may record two kinds cannot use one key for both."""
    await add_appointment(writer, "secretary_b", "inspection_commission", "B")
    await record(writer, "Meeting", clientKey="k")
    own = {"byUnitCode": "B", "clientKey": "k"}
    assert await refusal(writer, "Inspection", "secretary_b", **own) == ("CONFLICT", "clientKey")


async def test_a_replay_whose_rights_are_gone_is_refused(writer: Client) -> None:
    """Rights are looked at before the key."""
    await record(writer, "Meeting", clientKey="k")
    await add_appointment(writer, "secretary_b", "leader", "B")
    assert (await record(writer, "Meeting", clientKey="k"))["revision"] == 1
    await write(
        writer, "DELETE FROM appointment WHERE principal='secretary_b' AND role='secretary'"
    )
    assert await refusal(writer, "Meeting", clientKey="k") == ("FORBIDDEN", None)
    await write(writer, "DELETE FROM appointment WHERE principal = 'secretary_b'")
    assert await refusal(writer, "Meeting", clientKey="k") == ("NOT_FOUND", None)


async def test_a_replayed_evaluation_is_no_second_one(writer: Client) -> None:
    first = await record(writer, "Evaluation", clientKey="k")
    assert (await record(writer, "Evaluation", clientKey="k"))["id"] == first["id"]
    assert await refusal(writer, "Evaluation") == ("BAD_USER_INPUT", "year")
    assert await refusal(writer, "Evaluation", clientKey="other") == ("BAD_USER_INPUT", "year")


async def add_appointment(client: Client, principal: str, role: str, code: str) -> None:
    await write(
        client,
        "INSERT INTO appointment (id, principal, role, unit_id, valid_from) SELECT "
        f"'{uuid4().hex}', '{principal}', '{role}', id, '2020-01-01' "
        f"FROM unit WHERE code = '{code}'",
    )


async def write(client: Client, statement: str) -> None:
    """Changes rights behind the server's back, as another process does it."""
    database = Database(client.settings.database_url)
    async with database.writing() as connection:
        await connection.execute(text(statement))
        await connection.execute(text("UPDATE revision SET policy_version = policy_version + 1"))
    await database.close()


# ---- several at once

TWO = """mutation ($one: RecordMeetingInput!, $two: RecordMeetingInput!) {
  one: recordMeeting(input: $one) { id } two: recordMeeting(input: $two) { id } }"""


async def test_the_mutations_of_a_request_are_stored_together(writer: Client) -> None:
    before = (await stored(writer))["meeting"]
    await writer.data("secretary_b", TWO, {"one": MEETING, "two": MEETING})
    assert (await stored(writer))["meeting"] == before + 2


@pytest.mark.parametrize("bad", [{"membersPresent": 11}, {"heldOn": "1999-01-01"}], ids=str)
@pytest.mark.parametrize("first", [True, False])
async def test_or_not_at_all(writer: Client, bad: dict[str, Any], first: bool) -> None:
    """One that fails, wherever it stands, and nothing is stored; the answer says null."""
    before = await stored(writer)
    inputs = [MEETING | bad, MEETING] if first else [MEETING, MEETING | bad]
    body = await writer.ask("secretary_b", TWO, dict(zip(("one", "two"), inputs, strict=True)))
    assert body["data"] is None
    assert await stored(writer) == before


async def test_a_key_twice_in_one_request_stores_once(writer: Client) -> None:
    before = (await stored(writer))["meeting"]
    keyed = MEETING | {"clientKey": "k"}
    answer = await writer.data("secretary_b", TWO, {"one": keyed, "two": keyed})
    assert answer["one"] == answer["two"]
    assert (await stored(writer))["meeting"] == before + 1


@pytest_asyncio.fixture
async def two_workers(postgresql_url: str, tmp_path: Path) -> AsyncIterator[tuple[Client, Client]]:
    settings = province.settings_of(tmp_path, postgresql_url)
    async with province.served(settings) as one, province.served(settings) as other:
        yield one, other


async def test_a_key_sent_many_times_at_once_stores_one_record(
    two_workers: tuple[Client, Client],
) -> None:
    """Two workers on PostgreSQL: every sender is answered with the same record."""
    before = await stored(two_workers[0])
    keyed = {"clientKey": uuid4().hex, "heldOn": "2024-06-01"}
    answers = await asyncio.gather(
        *(record(two_workers[at % 2], "Meeting", **keyed) for at in range(6))
    )
    assert len({json.dumps(answer) for answer in answers}) == 1
    after = await stored(two_workers[0])
    assert {name: after[name] - before[name] for name in after} == {
        "meeting": 1,
        "evaluation": 0,
        "inspection": 0,
        "client_key": 1,
    }


async def test_evaluations_of_one_year_at_once_store_one(
    two_workers: tuple[Client, Client],
) -> None:
    """One is stored; the others are told of it, and nobody of a database."""
    given = {"input": EVALUATION | {"year": 2019}}
    answers = await asyncio.gather(
        *(two_workers[at % 2].ask("board_d", mutation("Evaluation"), given) for at in range(4))
    )
    refused = [answer["errors"][0]["extensions"] for answer in answers if "errors" in answer]
    assert refused == [{"code": "BAD_USER_INPUT", "field": "year"}] * 3


# ---- sums that grow too large


async def test_a_sum_over_the_largest_int_is_a_clear_error(writer: Client) -> None:
    """Its own branch alone is cut; rates and smaller sums still answer."""
    await write(
        writer,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2200) "
        "INSERT INTO meeting (id, unit_id, revision, recorded_at, held_on, kind, form, "
        "members_expected, members_present, minutes_kept, attended_by_higher_committee) "
        "SELECT printf('%032x', i), unit.id, 1, '2024-01-01', '2024-01-05', 'REGULAR', "
        "'IN_PERSON', 1000000, 500000, 0, 0 FROM n, unit WHERE unit.code = 'B'",
    )
    query = """{ large: meetingSummary(within: "B") { meetings membersExpected }
      small: meetingSummary(within: "B") { meetings attendanceRate membersPresent }
      unit(code: "B") { code meetingSummary { membersExpected } } }"""
    body = await writer.ask("secretary_b", query)
    assert body["data"]["large"] is None
    [row] = body["data"]["small"]
    assert (row["meetings"], row["membersPresent"]) == (2202, 1_100_000_038)
    assert row["attendanceRate"] == pytest.approx(0.5, abs=1e-4)
    assert body["data"]["unit"] == {"code": "B", "meetingSummary": None}
    for error in body["errors"]:
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert re.search("2147483647", error["message"])
