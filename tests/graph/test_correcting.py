"""Revising and withdrawing: what is stored and kept, who may until when, and sums that move."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from graph.execution import Executor, Request
from graph.limits import Limits
from graph.resolvers.identity import parse_id
from server.database import Database
from server.settings import Settings
from server.stores import open_stores
from server.verifying import violations
from tests import province
from tests.graph.reorganised import decide, decision, establish, merge
from tests.graph.test_writing import (
    INSPECTION,
    KINDS,
    MEETING,
    RECORD,
    add_appointment,
    record,
    write,
)
from tests.province import TODAY, Client

OTHER: dict[str, dict[str, Any]] = {
    "Meeting": {
        "heldOn": "2024-06-04",
        "kind": "THEMATIC",
        "form": "ONLINE",
        "topic": "Chuyên đề",
        "membersExpected": 12,
        "membersPresent": 12,
        "documentsSentOn": "2024-06-01",
        "minutesKept": True,
        "attendedByHigherCommittee": True,
        "score": 88.5,
    },
    "Evaluation": {
        "rating": "EXCELLENT",
        "regulation": "124-QĐ/TW",
        "politicalTask": True,
        "meetingQuality": True,
        "unityDiscipline": False,
        "cadresMembers": True,
        "membersRated": 10,
        "membersExcellent": 4,
        "membersGood": 3,
        "membersCompleted": 2,
        "membersNotCompleted": 1,
    },
    "Inspection": {
        "body": "COMMITTEE",
        "kind": "SUPERVISION",
        "ground": "COMPLAINT",
        "theme": "Tài chính",
        "plannedFor": "2024-04-01",
        "openedOn": "2024-06-02",
        "concludedOn": "2024-06-03",
        "status": "CONCLUDED",
        "membersCovered": 7,
        "membersInViolation": 2,
        "membersSanctioned": 1,
    },
}
"""A revision of each kind in which every field says something else."""

READERS = {"Meeting": "leader_d", "Evaluation": "leader_d", "Inspection": "commission_d"}


def mutation(kind: str) -> str:
    return (
        f"mutation ($id: ID!, $revision: Int!, $input: Record{kind}Input!, $reason: String) "
        f"{{ revise{kind}(id: $id, revision: $revision, input: $input, reason: $reason) "
        f"{{ id revision recordedAt unit {{ code }} {RECORD[kind][2]} }} }}"
    )


WITHDRAW = """mutation ($id: ID!, $revision: Int!, $reason: String!) {
  withdraw(id: $id, revision: $revision, reason: $reason) }"""


def asked(kind: str, id: str, revision: int, reason: str | None, changes: Any) -> Any:
    variables = {"id": id, "revision": revision, "input": RECORD[kind][0] | changes}
    return variables | ({} if reason is None else {"reason": reason})


async def revise(
    client: Client,
    kind: str,
    id: str,
    /,
    revision: int = 1,
    by: str | None = None,
    reason: str | None = None,
    **changes: Any,
) -> Any:
    """The record as it was answered."""
    variables = asked(kind, id, revision, reason, changes)
    return (await client.data(by or RECORD[kind][1], mutation(kind), variables))[f"revise{kind}"]


async def refusal(
    client: Client,
    kind: str,
    id: str,
    /,
    revision: int = 1,
    by: str | None = None,
    reason: str | None = None,
    **changes: Any,
) -> Any:
    """Code and field of the only error, once it is sure that nothing was stored."""
    before = await everything(client)
    variables = asked(kind, id, revision, reason, changes)
    error = await client.error(by or RECORD[kind][1], mutation(kind), variables)
    assert await everything(client) == before
    return error["extensions"]["code"], error["extensions"].get("field")


async def withdraw(client: Client, by: str, id: str, revision: int = 1, reason: str = "Sai") -> Any:
    return await client.ask(by, WITHDRAW, {"id": id, "revision": revision, "reason": reason})


async def withdrawal_refused(client: Client, by: str, id: str, revision: int = 1) -> Any:
    before = await everything(client)
    [error] = (await withdraw(client, by, id, revision))["errors"]
    assert await everything(client) == before
    return error["extensions"]["code"]


async def rows(client: Client, statement: str) -> list[Any]:
    database = Database(client.settings.database_url)
    async with database.reading() as connection:
        found = [tuple(row) for row in await connection.execute(text(statement))]
    await database.close()
    return found


async def everything(client: Client) -> list[Any]:
    """All that a correction may write to; entries are sealed meanwhile."""
    tables = ("meeting", "evaluation", "inspection", "record_version", "client_key")
    asked = [f"SELECT * FROM {table}" for table in tables] + ["SELECT id, hash FROM audit_entry"]
    return [sorted(map(repr, await rows(client, statement))) for statement in asked]


async def trail(client: Client, id: str) -> list[Any]:
    """Principal, action and facts of the entries about a record, in order."""
    found = await rows(
        client,
        "SELECT principal, action, detail, resource, subject, unit.code FROM audit_entry "
        f"JOIN unit ON unit.id = unit_id WHERE record_id = '{key_of(id)}' ORDER BY audit_entry.id",
    )
    return [(row[0], row[1], json.loads(row[2]), *row[3:]) for row in found]


def key_of(id: str) -> str:
    found = parse_id(id)
    assert found is not None
    return found[1]


async def node(client: Client, kind: str, id: str, by: str | None = None) -> Any:
    query = f"{{ node(id: {json.dumps(id)}) {{ ... on {kind} {{ id revision recordedAt "
    query += f"unit {{ code }} {RECORD[kind][2]} }} }} }}"
    return (await client.data(by or READERS[kind], query))["node"]


@pytest_asyncio.fixture
async def later(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Callable[[date], Any]]:
    """The same province on another day: `async with later(day) as client`."""

    def on(day: date) -> Any:
        return province.served(province.settings_of(tmp_path, sqlite_url, CHIBO_TODAY=day))

    yield on


# ---- what is stored


@pytest.mark.parametrize("kind", KINDS)
async def test_a_revision_replaces_all_that_was_said(writer: Client, kind: str) -> None:
    """At the next revision and a later moment, under the same id and unit."""
    first = await record(writer, kind)
    second = await revise(writer, kind, first["id"], **OTHER[kind])
    assert (second["id"], second["unit"]) == (first["id"], first["unit"])
    assert (first["revision"], second["revision"]) == (1, 2)
    moments = [datetime.fromisoformat(each["recordedAt"]) for each in (first, second)]
    assert moments[0] < moments[1]
    assert second.items() >= OTHER[kind].items()
    assert all(second[name] != first[name] for name in OTHER[kind])
    assert await node(writer, kind, first["id"]) == second


@pytest.mark.parametrize("kind", KINDS)
async def test_every_version_is_kept_with_who_when_and_why(writer: Client, kind: str) -> None:
    """Whole, in its order; the trail says who and why, of each write once."""
    given, principal, _ = RECORD[kind]
    first = await record(writer, kind)
    second = await revise(writer, kind, first["id"], 1, reason="Nhầm số", **OTHER[kind])
    third = await revise(writer, kind, first["id"], 2, **OTHER[kind])
    assert (await withdraw(writer, principal, first["id"], 3, "Ghi trùng"))["data"] == {
        "withdraw": first["id"]
    }
    kept = await rows(
        writer,
        "SELECT revision, content, recorded_at, withdrawn, on_signs, resource, unit.code "
        "FROM record_version JOIN unit ON unit.id = unit_id ORDER BY revision",
    )
    assert [(row[0], bool(row[3]), bool(row[4])) for row in kept] == [
        (1, False, False),
        (2, False, False),
        (3, True, False),
    ]
    for row, answer in zip(kept, (first, second, third), strict=True):
        assert row[5:] == (kind.lower(), given["unitCode"])
        said = {_camel(name): value for name, value in json.loads(row[1]).items()}
        shown = {name: answer[name] for name in answer if name in said}
        assert {name: said[name] for name in shown} == shown
        assert set(said) - set(shown) <= {"day"}
        moment = datetime.fromisoformat(answer["recordedAt"]).replace(tzinfo=None)
        assert datetime.fromisoformat(row[2]) == moment
    place = (kind.lower(), key_of(first["id"]), given["unitCode"])
    assert await trail(writer, first["id"]) == [
        (principal, "record", {"revision": 1}, *place),
        (principal, "revise", {"revision": 2, "reason": "Nhầm số"}, *place),
        (principal, "revise", {"revision": 3}, *place),
        (principal, "withdraw", {"revision": 3, "reason": "Ghi trùng"}, *place),
    ]
    assert await amiss(writer.settings) == []


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


async def amiss(given: Settings) -> list[str]:
    async with open_stores(given) as stores:
        return await violations(stores)


async def test_verify_misses_a_version_that_is_not_kept(writer: Client) -> None:
    """One before the present revision, and one before the last of a withdrawn record."""
    first, other = await record(writer, "Meeting"), await record(writer, "Meeting")
    await revise(writer, "Meeting", first["id"], 1)
    await revise(writer, "Meeting", other["id"], 1)
    await withdraw(writer, "secretary_b", other["id"], 2)
    assert await amiss(writer.settings) == []
    await write(writer, "DELETE FROM record_version WHERE revision = 1")
    assert await amiss(writer.settings) == [
        "1 of table meeting: a version before is not kept",
        "1 withdrawn records: a version is not kept",
    ]


async def test_a_version_remembers_that_it_was_kept_from_the_inspected(writer: Client) -> None:
    """An inspection on signs until it is concluded."""
    first = await record(writer, "Inspection", ground="SIGNS")
    concluded = {"ground": "SIGNS", "status": "CONCLUDED", "concludedOn": "2024-06-02"}
    await revise(writer, "Inspection", first["id"], 1, **concluded)
    await withdraw(writer, "commission_d", first["id"], 2)
    kept = await rows(writer, "SELECT on_signs FROM record_version ORDER BY revision")
    assert [bool(row[0]) for row in kept] == [True, False]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_withdrawn_record_is_gone(writer: Client, kind: str) -> None:
    """Its id reads as unknown wherever it is named; it may be recorded anew, under a new id."""
    first = await record(writer, kind)
    principal = RECORD[kind][1]
    await withdraw(writer, principal, first["id"])
    assert await node(writer, kind, first["id"], principal) is None
    assert await refusal(writer, kind, first["id"], 1) == ("NOT_FOUND", None)
    assert await withdrawal_refused(writer, principal, first["id"]) == "NOT_FOUND"
    again = await record(writer, kind)
    assert (again["id"] != first["id"], again["revision"]) == (True, 1)


async def test_a_loaded_record_is_corrected_like_any_other(writer: Client) -> None:
    query = '{ unit(code: "B") { meetings(first: 1) { nodes { id revision } } } }'
    [found] = (await writer.data("secretary_b", query))["unit"]["meetings"]["nodes"]
    assert (await revise(writer, "Meeting", found["id"], found["revision"]))["revision"] == 2


# ---- what is refused

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("Meeting", {"membersPresent": 11}, "membersPresent"),
    ("Meeting", {"heldOn": "2024-06-16"}, "heldOn"),
    ("Meeting", {"heldOn": "1999-12-31"}, "heldOn"),
    ("Meeting", {"unitCode": "C"}, "unitCode"),
    ("Meeting", {"unitCode": "nowhere"}, "unitCode"),
    ("Meeting", {"reason": "x" * 10_001}, "reason"),
    ("Meeting", {"reason": "\0"}, "reason"),
    ("Meeting", {"clientKey": ""}, "clientKey"),
    ("Evaluation", {"unitCode": "B"}, "unitCode"),
    ("Evaluation", {"year": 2023}, "year"),
    ("Evaluation", {"year": 2025}, "year"),
    ("Evaluation", {"membersRated": 7}, "membersRated"),
    ("Inspection", {"unitCode": "C"}, "unitCode"),
    ("Inspection", {"byUnitCode": "C"}, "byUnitCode"),
    ("Inspection", {"openedOn": "1999-12-31"}, "openedOn"),
    ("Inspection", {"status": "PLANNED"}, "status"),
]


@pytest.mark.parametrize(("kind", "changes", "field"), REFUSED, ids=str)
async def test_refused_input_names_its_field(
    writer: Client, kind: str, changes: dict[str, Any], field: str
) -> None:
    first = await record(writer, kind)
    assert await refusal(writer, kind, first["id"], **changes) == ("BAD_USER_INPUT", field)


@pytest.mark.parametrize("reason", ["", "  \n", "\0", "x" * 10_001])
async def test_a_withdrawal_says_why(writer: Client, reason: str) -> None:
    first = await record(writer, "Meeting")
    [error] = (await withdraw(writer, "secretary_b", first["id"], 1, reason))["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "reason"}
    assert await node(writer, "Meeting", first["id"]) == first


STATUSES: dict[str, dict[str, Any]] = {
    "PLANNED": {"plannedFor": "2024-07-01", "openedOn": None},
    "OPEN": {"plannedFor": "2024-04-01"},
    "CONCLUDED": {"plannedFor": "2024-04-01", "concludedOn": "2024-06-02"},
    "CANCELLED": {"plannedFor": "2024-04-01"},
}
MOVES = {
    ("PLANNED", "OPEN"),
    ("OPEN", "CONCLUDED"),
    ("PLANNED", "CANCELLED"),
    ("OPEN", "CANCELLED"),
}


async def test_an_inspection_moves_along_its_life(writer: Client) -> None:
    """Planned, open, concluded; cancelled from the first two; the same again is a correction."""
    for before, after in product(STATUSES, STATUSES):
        first = await record(writer, "Inspection", status=before, **STATUSES[before])
        to = {"status": after, **STATUSES[after]}
        if before == after or (before, after) in MOVES:
            assert (await revise(writer, "Inspection", first["id"], **to))["status"] == after
        else:
            refused = await refusal(writer, "Inspection", first["id"], **to)
            assert refused == ("BAD_USER_INPUT", "status")


async def test_an_inspection_of_a_dissolved_unit_is_concluded(writer: Client) -> None:
    """After the unit was closed, where it was opened before; nothing is recorded there any more."""
    on_o = {"unitCode": "O", "openedOn": "2023-06-01"}
    first = await record(writer, "Inspection", openedOn="2023-06-01")
    await write(
        writer, "UPDATE inspection SET unit_id = (SELECT id FROM unit WHERE code = 'O') "
        "WHERE opened_on = '2023-06-01'",
    )  # fmt: skip
    late = {**on_o, "openedOn": "2023-07-01"}
    assert await refusal(writer, "Inspection", first["id"], **late) == (
        "BAD_USER_INPUT",
        "openedOn",
    )
    concluded = {**on_o, "status": "CONCLUDED", "concludedOn": "2023-08-01"}
    answer = await revise(writer, "Inspection", first["id"], **concluded)
    assert (answer["unit"], answer["concludedOn"]) == ({"code": "O"}, "2023-08-01")
    assert await amiss(writer.settings) == []
    error = await writer.error(
        "commission_d",
        "mutation ($input: RecordInspectionInput!) { recordInspection(input: $input) { id } }",
        {"input": INSPECTION | concluded},
    )
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "unitCode"}


# ---- stale revisions


async def test_another_revision_is_a_conflict(writer: Client) -> None:
    """An older one, one that is yet to come, and one that never was."""
    first = await record(writer, "Meeting")
    await revise(writer, "Meeting", first["id"], 1)
    for revision in (1, 3, 0, -1):
        assert await refusal(writer, "Meeting", first["id"], revision) == ("CONFLICT", "revision")
        assert await withdrawal_refused(writer, "secretary_b", first["id"], revision) == "CONFLICT"
    assert (await revise(writer, "Meeting", first["id"], 2))["revision"] == 3


async def test_who_has_changed_it_is_told_to_whom_may_know(writer: Client) -> None:
    """To whoever did it, and to who may read the trail of the unit; of the last change alone."""

    async def told(principal: str) -> str:
        variables = asked("Meeting", first["id"], 1, None, {})
        message = (await writer.error(principal, mutation("Meeting"), variables))["message"]
        [error] = (await withdraw(writer, principal, first["id"]))["errors"]
        assert error["message"] == message
        return str(message)

    first = await record(writer, "Meeting", "ends_soon")
    await revise(writer, "Meeting", first["id"], 1, "ends_soon")
    await revise(writer, "Meeting", first["id"], 2, "secretary_b")
    assert await told("secretary_b") == "You have changed it since."
    assert await told("ends_soon") == "It has been changed since."
    await add_appointment(writer, "ends_soon", "auditor", "C")
    assert await told("ends_soon") == "It has been changed since."
    await add_appointment(writer, "ends_soon", "auditor", "G")
    assert await told("ends_soon") == "secretary_b has changed it since."


# ---- sight and rights, and in which order


async def test_what_is_looked_at_first(writer: Client) -> None:
    """Input, sight, right, the year's closing, the key, the revision, what is stored."""
    first = await record(writer, "Meeting", heldOn="2024-01-01", clientKey="k")
    id, other = first["id"], {"unitCode": "C", "heldOn": "2024-01-01"}
    bad = {"membersPresent": 11}
    assert await refusal(writer, "Meeting", "none", **bad) == ("BAD_USER_INPUT", "membersPresent")
    assert await refusal(writer, "Meeting", "none", by="leader_d") == ("NOT_FOUND", None)
    stale = {"revision": 7, "clientKey": "k", **other}
    assert await refusal(writer, "Meeting", id, by="leader_d", **stale) == ("FORBIDDEN", None)
    await write(writer, CLOSING.format(resource="meeting", month=1, day=1))
    closed = stale | {"heldOn": "2022-01-01"}
    assert await refusal(writer, "Meeting", id, **closed) == ("FORBIDDEN", None)
    assert await refusal(writer, "Meeting", id, **stale) == ("CONFLICT", "clientKey")
    unkeyed = stale | {"clientKey": None}
    assert await refusal(writer, "Meeting", id, **unkeyed) == ("CONFLICT", "revision")
    assert await refusal(writer, "Meeting", id, 1, **other) == ("BAD_USER_INPUT", "unitCode")


@pytest.mark.parametrize("kind", KINDS)
async def test_who_may_read_but_not_record_is_forbidden(writer: Client, kind: str) -> None:
    """A leader reads all of them and records none, whatever the revision."""
    first = await record(writer, kind)
    for revision in (1, 9):
        assert await refusal(writer, kind, first["id"], revision, "leader_d") == ("FORBIDDEN", None)
        assert await withdrawal_refused(writer, "leader_d", first["id"], revision) == "FORBIDDEN"


async def test_an_office_below_takes_over_no_inspection(writer: Client) -> None:
    """The right is needed at the unit, at who inspects now and at who is to inspect."""
    first = await record(writer, "Inspection")
    for by in ("G", "D", "B"):
        at = {"by": "commission_g", "byUnitCode": by}
        assert await refusal(writer, "Inspection", first["id"], **at) == ("FORBIDDEN", None)
    assert await withdrawal_refused(writer, "commission_g", first["id"]) == "FORBIDDEN"
    assert await refusal(writer, "Inspection", first["id"], byUnitCode="T") == ("FORBIDDEN", None)
    for unseen in ("E", "nowhere", ""):
        at = {"byUnitCode": unseen}
        assert await refusal(writer, "Inspection", first["id"], **at) == ("NOT_FOUND", None)
    handed = await revise(writer, "Inspection", first["id"], byUnitCode="G")
    assert handed["by"] == {"code": "G"}
    taken = await revise(writer, "Inspection", first["id"], 2, "commission_g", byUnitCode="B")
    assert taken["by"] == {"code": "B"}


async def test_the_inspecting_unit_is_above_on_the_inspections_day(writer: Client) -> None:
    """As in recording: one beside or below the unit inspects nothing."""
    first = await record(writer, "Inspection", unitCode="G", byUnitCode="D")
    below = {"unitCode": "G", "byUnitCode": "B"}
    assert await refusal(writer, "Inspection", first["id"], **below) == (
        "BAD_USER_INPUT",
        "byUnitCode",
    )


async def test_out_of_reach_reads_like_unknown(writer: Client, sqlite_url: str) -> None:
    """The same error from as many statements: another's record, one on signs at one's own unit,
    a withdrawn one, one that never was; texts that are no ids ask nothing."""
    await add_appointment(writer, "commission_b", "inspection_commission", "B")
    await add_appointment(writer, "commission_b", "secretary", "B")
    hidden = await record(writer, "Inspection", ground="SIGNS")
    gone = await record(writer, "Inspection", byUnitCode="B", by="commission_b")
    await withdraw(writer, "commission_b", gone["id"])
    never = id_of(f"Inspection:{uuid4().hex}")
    elsewhere = await record(writer, "Meeting")
    told = {
        json.dumps(await unknown_to("commission_b", "Inspection", id, sqlite_url))
        for id in (hidden["id"], gone["id"], never)
    }
    told |= {
        json.dumps(await unknown_to("secretary_c", "Meeting", id, sqlite_url))
        for id in (elsewhere["id"], id_of(f"Meeting:{uuid4().hex}"))
    }
    assert len(told) == 1
    of_another_type = await refusal(writer, "Inspection", elsewhere["id"], by="commission_b")
    assert of_another_type == ("NOT_FOUND", None)
    for text_ in ("", "nonsense", id_of("Unit:B"), id_of("Meeting:x"), hidden["id"]):
        [error, _] = await unknown_to("commission_b", "Meeting", text_, sqlite_url)
        assert error["extensions"] == {"code": "NOT_FOUND"}


def id_of(said: str) -> str:
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


async def unknown_to(principal: str, kind: str, id: str, url: str) -> Any:
    """The error of revising and how many statements it took, the same as of withdrawing."""
    database = Database(url)
    executor = Executor(database, Limits(), b"k" * 32, lambda: TODAY)
    await executor.answer(Request("{ viewer { name } }", None, None, "en"), principal)
    counts, errors = [], []
    for query, variables in (
        (mutation(kind), asked(kind, id, 1, None, {})),
        (WITHDRAW, {"id": id, "revision": 1, "reason": "Sai"}),
    ):
        with province.statements(database) as seen:
            answer = await executor.answer(Request(query, variables, None, "en"), principal)
        [error] = answer.body["errors"]
        counts.append(len(seen))
        errors.append({"message": error["message"], "extensions": error["extensions"]})
    await database.close()
    assert errors[0]["extensions"] == {"code": "NOT_FOUND"}
    assert kind == "Meeting" or errors[0] == errors[1]
    return errors[0], counts[0]


async def test_corrections_of_a_request_are_stored_together_or_not_at_all(writer: Client) -> None:
    first, other = await record(writer, "Meeting"), await record(writer, "Meeting")
    query = """mutation ($one: ID!, $two: ID!, $revision: Int!, $input: RecordMeetingInput!) {
      reviseMeeting(id: $one, revision: 1, input: $input) { revision }
      withdraw(id: $two, revision: $revision, reason: "Sai")
      recordMeeting(input: $input) { revision } }"""
    variables = {"one": first["id"], "two": other["id"], "input": MEETING}
    before = await everything(writer)
    body = await writer.ask("secretary_b", query, variables | {"revision": 2})
    assert body["data"] is None and len(body["errors"]) == 1
    assert await everything(writer) == before
    done = await writer.data("secretary_b", query, variables | {"revision": 1})
    assert done["reviseMeeting"] == {"revision": 2}


# ---- client keys


@pytest.mark.parametrize("kind", KINDS)
async def test_a_revision_sent_again_is_stored_once(writer: Client, kind: str) -> None:
    """It answers with the record as it is now, and leaves nothing in the trail."""
    first = await record(writer, kind)
    said = OTHER[kind] | {"clientKey": "k", "reason": "Nhầm"}
    second = await revise(writer, kind, first["id"], **said)
    before = await everything(writer)
    assert await revise(writer, kind, first["id"], **said) == second
    assert await everything(writer) == before
    third = await revise(writer, kind, first["id"], 2, **OTHER[kind])
    assert await revise(writer, kind, first["id"], **said) == third


async def test_a_key_with_other_content_is_a_conflict(writer: Client) -> None:
    """Another record, revision, reason or field; a key of recording; and the other way round."""
    first, other = await record(writer, "Meeting", clientKey="r"), await record(writer, "Meeting")
    conflict = ("CONFLICT", "clientKey")
    assert await refusal(writer, "Meeting", first["id"], clientKey="r") == conflict
    await revise(writer, "Meeting", first["id"], clientKey="k")
    for id, revision, changes in (
        (other["id"], 1, {}),
        (first["id"], 2, {}),
        (first["id"], 1, {"reason": "Nhầm"}),
        (first["id"], 1, {"topic": "Khác"}),
    ):
        again = {"clientKey": "k", **changes}
        assert await refusal(writer, "Meeting", id, revision, **again) == conflict
    error = await writer.error(
        "secretary_b",
        "mutation ($input: RecordMeetingInput!) { recordMeeting(input: $input) { id } }",
        {"input": MEETING | {"clientKey": "k"}},
    )
    assert error["extensions"] == {"code": "CONFLICT", "field": "clientKey"}
    theirs = await revise(writer, "Meeting", other["id"], by="ends_soon", clientKey="k")
    assert theirs["revision"] == 2


async def test_a_key_of_what_was_revised_since_answers_with_it(writer: Client) -> None:
    first = await record(writer, "Meeting", clientKey="k")
    second = await revise(writer, "Meeting", first["id"], **OTHER["Meeting"])
    assert await record(writer, "Meeting", clientKey="k") == second


@pytest.mark.parametrize("kind", KINDS)
async def test_a_key_of_what_was_withdrawn_is_a_conflict(writer: Client, kind: str) -> None:
    """For ever: it stores nothing anew, and `chibo verify` knows of it."""
    given, principal, _ = RECORD[kind]
    first = await record(writer, kind, clientKey="k")
    await withdraw(writer, principal, first["id"])
    query = f"mutation ($input: Record{kind}Input!) {{ record{kind}(input: $input) {{ id }} }}"
    before = await everything(writer)
    error = await writer.error(principal, query, {"input": given | {"clientKey": "k"}})
    assert error["message"] == "What this client key has stored was withdrawn."
    assert error["extensions"] == {"code": "CONFLICT", "field": "clientKey"}
    assert await everything(writer) == before
    assert await amiss(writer.settings) == []


async def test_a_key_gives_no_sight_of_what_has_become_hidden(writer: Client) -> None:
    """Who recorded an inspection, and is now inspected on signs from above, is told what is told
    of a withdrawn one."""
    own = {"unitCode": "G", "byUnitCode": "G"}
    first = await record(writer, "Inspection", "commission_g", clientKey="k", **own)
    hidden = {"unitCode": "G", "byUnitCode": "D", "ground": "SIGNS"}
    await revise(writer, "Inspection", first["id"], 1, "commission_d", **hidden)
    error = await writer.error(
        "commission_g",
        "mutation ($input: RecordInspectionInput!) { recordInspection(input: $input) { id } }",
        {"input": INSPECTION | own | {"clientKey": "k"}},
    )
    assert error["message"] == "What this client key has stored was withdrawn."


async def test_a_key_answers_with_what_may_still_be_read(writer: Client) -> None:
    """An inspection on signs that another unit has taken over, read from above the inspected."""
    below = {"unitCode": "C", "byUnitCode": "G"}
    first = await record(writer, "Inspection", "commission_g", clientKey="k", **below)
    taken = {"unitCode": "C", "byUnitCode": "D", "ground": "SIGNS"}
    await revise(writer, "Inspection", first["id"], 1, "commission_d", **taken)
    again = await record(writer, "Inspection", "commission_g", clientKey="k", **below)
    assert (again["id"], again["revision"]) == (first["id"], 2)


# ---- closed years

CLOSING = (
    "INSERT INTO year_closing (resource, valid_from, valid_to, month, day) "
    "VALUES ('{resource}', '2000-01-01', NULL, {month}, {day})"
)
LAST = date(2025, 3, 31)


async def test_a_year_is_closed_after_its_day(later: Callable[[date], Any]) -> None:
    """On the day all is as ever; from the next on only an office further above the one that
    recorded records, revises and withdraws."""
    async with later(LAST) as client:
        first = await record(client, "Evaluation")
        other = await record(client, "Evaluation", unitCode="B")
        await revise(client, "Evaluation", first["id"])
        await withdraw(client, "secretary_g", other["id"])
    async with later(LAST + timedelta(days=1)) as client:
        error = await client.error(
            "secretary_g", mutation("Evaluation"), asked("Evaluation", first["id"], 2, None, {})
        )
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert error["message"] == (
            "Records of 2024 could be written until 2025-03-31; later only from a unit further "
            "above than the one that recorded them."
        )
        assert await withdrawal_refused(client, "secretary_g", first["id"], 2) == "FORBIDDEN"
        assert await recording_refused(client, "Evaluation", "secretary_g", unitCode="B")
        assert (await record(client, "Evaluation", "board_d", unitCode="B"))["year"] == 2024
        assert (await revise(client, "Evaluation", first["id"], 2, "board_d"))["revision"] == 3
        assert "errors" not in await withdraw(client, "board_d", first["id"], 3)
        assert (await record(client, "Evaluation", year=2025))["year"] == 2025


async def recording_refused(client: Client, kind: str, by: str, **changes: Any) -> bool:
    before = await everything(client)
    query = f"mutation ($input: Record{kind}Input!) {{ record{kind}(input: $input) {{ id }} }}"
    error = await client.error(by, query, {"input": RECORD[kind][0] | changes})
    assert await everything(client) == before
    return bool(error["extensions"] == {"code": "FORBIDDEN"})


async def test_further_above_is_measured_from_who_recorded(later: Callable[[date], Any]) -> None:
    """Recorded from the district, only the province is further above; who corrects a closed year
    may correct it again, and send it again. The lowest office that has the right counts."""
    async with later(LAST) as client:
        await add_appointment(client, "board_t", "organisation_board", "T")
        await add_appointment(client, "board_d", "organisation_board", "G")
        by_d = await record(client, "Evaluation", "board_d", unitCode="G")
        by_g = await record(client, "Evaluation", "board_d", unitCode="C")
    async with later(LAST + timedelta(days=1)) as client:
        of_g = {"unitCode": "G"}
        assert await refusal(client, "Evaluation", by_d["id"], 1, "board_d", **of_g) == (
            "FORBIDDEN",
            None,
        )
        keyed = {"clientKey": "k", **of_g}
        for _ in range(2):
            late = await revise(client, "Evaluation", by_d["id"], 1, "board_t", **keyed)
            assert late["revision"] == 2
        await revise(client, "Evaluation", by_d["id"], 2, "board_t", **of_g)
        assert (await revise(client, "Evaluation", by_g["id"], 1, "board_d"))["revision"] == 2
        assert await refusal(client, "Evaluation", by_g["id"], 2, "secretary_g") == (
            "FORBIDDEN",
            None,
        )


async def test_a_successor_is_not_further_above(later: Callable[[date], Any]) -> None:
    """G recorded, and was merged into K beside it: K's secretary is of the same level."""
    async with later(LAST) as client:
        by_g = await record(client, "Evaluation")
        given = [establish("K", "D"), merge("G", into="K")]
        await decide(client, "leader_d", decision("1", "D", LAST.isoformat(), *given))
        await add_appointment(client, "secretary_k", "secretary", "K")
    async with later(LAST + timedelta(days=1)) as client:
        assert await refusal(client, "Evaluation", by_g["id"], 1, "secretary_k") == (
            "FORBIDDEN",
            None,
        )
        assert (await revise(client, "Evaluation", by_g["id"], 1, "board_d"))["revision"] == 2


async def test_of_loaded_evaluations_the_unit_directly_above_recorded(writer: Client) -> None:
    """That of G is the district's, that of C is G's."""
    query = "{ evaluations { nodes { id unit { code } } } }"
    nodes = (await writer.data("leader_d", query))["evaluations"]["nodes"]
    ids = {each["unit"]["code"]: each["id"] for each in nodes}
    of_2023 = {"year": 2023}
    of_g = of_2023 | {"unitCode": "G", "by": "board_d"}
    assert await refusal(writer, "Evaluation", ids["G"], 1, **of_g) == ("FORBIDDEN", None)
    assert await refusal(writer, "Evaluation", ids["C"], 1, **of_2023) == ("FORBIDDEN", None)
    changed = await revise(writer, "Evaluation", ids["C"], 1, "board_d", **of_2023)
    assert changed["revision"] == 2


async def test_a_row_closes_other_records_too(later: Callable[[date], Any]) -> None:
    """By the year of their day, on both sides of a revision; the 30th of February is the last of
    the month; without a row nothing is closed."""
    async with later(date(2025, 3, 1)) as client:
        first = await record(client, "Meeting")
        await write(client, CLOSING.format(resource="meeting", month=2, day=30))
        now = await record(client, "Meeting", heldOn="2025-03-01")
        assert await recording_refused(client, "Meeting", "secretary_b")
        to_now = {"heldOn": "2025-03-01"}
        assert await refusal(client, "Meeting", first["id"], **to_now) == ("FORBIDDEN", None)
        assert await refusal(client, "Meeting", now["id"]) == ("FORBIDDEN", None)
        opened = {"openedOn": "2024-12-31"}
        of_d = await record(client, "Inspection", **opened)
        of_g = await record(client, "Inspection", "commission_g", byUnitCode="G", **opened)
        await write(client, CLOSING.format(resource="inspection", month=1, day=31))
        by_g = {"by": "commission_g", "byUnitCode": "G", **opened}
        assert await refusal(client, "Inspection", of_g["id"], **by_g) == ("FORBIDDEN", None)
        assert await refusal(client, "Inspection", of_d["id"], **opened) == ("FORBIDDEN", None)
        assert (await revise(client, "Inspection", of_g["id"], **opened))["revision"] == 2
    async with later(date(2025, 2, 28)) as client:
        assert (await revise(client, "Meeting", first["id"]))["revision"] == 2


# ---- several at once


@pytest_asyncio.fixture
async def two_workers(postgresql_url: str, tmp_path: Path) -> AsyncIterator[tuple[Client, Client]]:
    given = province.settings_of(tmp_path, postgresql_url)
    async with province.served(given) as one, province.served(given) as other:
        yield one, other


def code_of(body: Any) -> str:
    return str(body["errors"][0]["extensions"]["code"]) if "errors" in body else "stored"


async def test_of_many_who_correct_at_once_one_wins(two_workers: tuple[Client, Client]) -> None:
    """Two workers on PostgreSQL: the others are told, and the versions are one more."""
    for _ in range(4):
        first = await record(two_workers[0], "Meeting")
        answers = await asyncio.gather(
            *(
                two_workers[at % 2].ask(
                    "secretary_b",
                    mutation("Meeting"),
                    asked("Meeting", first["id"], 1, None, {"membersPresent": at}),
                )
                for at in range(4)
            )
        )
        assert sorted(map(code_of, answers)) == ["CONFLICT"] * 3 + ["stored"]
        answers = await asyncio.gather(
            revised(two_workers[0], first["id"]),
            withdraw(two_workers[1], "secretary_b", first["id"], 2),
        )
        codes = sorted(map(code_of, answers))
        assert codes in (["NOT_FOUND", "stored"], ["CONFLICT", "stored"])
    assert await amiss(two_workers[0].settings) == []


async def revised(client: Client, id: str) -> Any:
    variables = asked("Meeting", id, 2, None, {})
    return await client.ask("secretary_b", mutation("Meeting"), variables)


async def test_a_revision_sent_many_times_at_once_is_stored_once(
    two_workers: tuple[Client, Client],
) -> None:
    first = await record(two_workers[0], "Meeting")
    key = uuid4().hex
    answers = await asyncio.gather(
        *(
            revise(two_workers[at % 2], "Meeting", first["id"], clientKey=key, topic="Một lần")
            for at in range(5)
        )
    )
    assert {json.dumps(answer) for answer in answers} == {json.dumps(answers[0])}
    assert answers[0]["revision"] == 2


# ---- sums

SUMS = """{
  meetingSummary { meetings unitsMet membersExpected membersPresent minutesKept }
  evaluationSummary(groupBy: [YEAR]) { year evaluations excellent good membersRated }
  inspectionSummary(groupBy: [STATUS]) { status inspections unitsInspected membersCovered }
}"""
SUMMING = "everybody"


def naive(kept: list[tuple[str, Any]]) -> Any:
    """The same, added up one by one."""
    meetings = [said for kind, said in kept if kind == "Meeting"]
    evaluations = [said for kind, said in kept if kind == "Evaluation"]
    inspections = [said for kind, said in kept if kind == "Inspection"]
    return {
        "meetingSummary": [
            {
                "meetings": len(meetings),
                "unitsMet": len({said["unitCode"] for said in meetings}),
                "membersExpected": sum(said["membersExpected"] for said in meetings),
                "membersPresent": sum(said["membersPresent"] for said in meetings),
                "minutesKept": sum(said.get("minutesKept", False) for said in meetings),
            }
        ],
        "evaluationSummary": [
            {
                "year": year,
                "evaluations": len(of_year),
                "excellent": sum(said["rating"] == "EXCELLENT" for said in of_year),
                "good": sum(said["rating"] == "GOOD" for said in of_year),
                "membersRated": sum(said["membersRated"] for said in of_year),
            }
            for year in sorted({said["year"] for said in evaluations})
            if (of_year := [said for said in evaluations if said["year"] == year])
        ],
        "inspectionSummary": [
            {
                "status": status,
                "inspections": len(alike),
                "unitsInspected": len(
                    {s["unitCode"] for s in alike if status in ("OPEN", "CONCLUDED")}
                ),
                "membersCovered": sum(said["membersCovered"] for said in alike),
            }
            for status in STATUSES
            if (alike := [said for said in inspections if said["status"] == status])
        ],
    }


COUNTS = st.integers(0, 30)
SAID = {
    "Meeting": st.fixed_dictionaries(
        {"membersExpected": COUNTS.map(lambda n: n + 30), "membersPresent": COUNTS},
        optional={"minutesKept": st.booleans(), "score": st.sampled_from([None, 50, 99.5])},
    ),
    "Evaluation": st.builds(
        lambda rating, good: {
            "rating": rating,
            "membersRated": good + 1,
            "membersGood": good,
            "membersExcellent": 1,
            "membersCompleted": 0,
        },
        st.sampled_from(["EXCELLENT", "GOOD", "COMPLETED"]),
        COUNTS,
    ),
    "Inspection": st.builds(
        lambda status, covered: {"status": status, "membersCovered": covered, **STATUSES[status]},
        st.sampled_from(sorted(STATUSES)),
        COUNTS,
    ),
}
STEPS = st.lists(
    st.sampled_from(KINDS).flatmap(
        lambda kind: st.tuples(
            st.sampled_from(["record", "revise", "revise", "withdraw"]),
            st.just(kind),
            st.integers(0, 5),
            st.sampled_from(["B", "C"]),
            SAID[kind],
        )
    ),
    max_size=12,
)


@pytest_asyncio.fixture(scope="module", params=["sqlite", "postgresql"])
async def executor(
    request: pytest.FixtureRequest,
    fresh_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Executor]:
    """A worker over the small province without a record; one principal may do everything."""
    offices = "\n".join(
        f"{SUMMING},{role},{code},2020-01-01,"
        for role, code in (
            ("secretary", "B"),
            ("secretary", "C"),
            ("organisation_board", "D"),
            ("inspection_commission", "D"),
        )
    )
    database = Database(fresh_database(request.param))
    files = {"units": province.UNITS, "appointments": offices}
    await province.fill(database, tmp_path_factory.mktemp("sums"), files)
    yield Executor(database, Limits(), b"k" * 32, lambda: TODAY)
    await database.close()


class Sequence:
    """Records that are written one after another, and what they say as a plain list."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.kept: dict[str, tuple[str, int, Any]] = {}

    async def run(self, query: str, variables: Any = None) -> Any:
        answer = await self.executor.answer(Request(query, variables, None, "en"), SUMMING)
        return answer.body

    async def step(self, action: str, kind: str, at: int, code: str, changes: Any) -> None:
        alike = [id for id, (its, *_) in self.kept.items() if its == kind]
        if action == "record" or not alike:
            await self.record(kind, RECORD[kind][0] | {"unitCode": code} | changes)
            return
        id = alike[at % len(alike)]
        _, revision, said = self.kept[id]
        if action == "withdraw":
            done = await self.run(WITHDRAW, {"id": id, "revision": revision, "reason": "Sai"})
            assert done == {"data": {"withdraw": id}}
            del self.kept[id]
        else:
            await self.revise(kind, id, revision, said, said | changes)

    async def record(self, kind: str, said: Any) -> None:
        query = f"mutation ($i: Record{kind}Input!) {{ record{kind}(input: $i) {{ id }} }}"
        body = await self.run(query, {"i": said})
        if kind == "Evaluation" and any(
            (its, other["unitCode"]) == (kind, said["unitCode"])
            for its, _, other in self.kept.values()
        ):
            assert code_of(body) == "BAD_USER_INPUT"
            return
        self.kept[body["data"][f"record{kind}"]["id"]] = (kind, 1, said)

    async def revise(self, kind: str, id: str, revision: int, before: Any, said: Any) -> None:
        variables = {"id": id, "revision": revision, "input": said}
        body = await self.run(mutation(kind), variables)
        move = before.get("status"), said.get("status")
        if move[0] == move[1] or move in MOVES:
            assert body["data"][f"revise{kind}"]["revision"] == revision + 1
            self.kept[id] = (kind, revision + 1, said)
        else:
            assert code_of(body) == "BAD_USER_INPUT"

    async def undo(self) -> None:
        for id, (_, revision, _) in self.kept.items():
            await self.run(WITHDRAW, {"id": id, "revision": revision, "reason": "Sai"})


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
async def test_sums_move_exactly(executor: Executor, steps: list[Any]) -> None:
    """After each of a random sequence of records, revisions and withdrawals they are those of a
    plain list of what is there."""
    sequence = Sequence(executor)
    try:
        for step in steps:
            await sequence.step(*step)
            sums = await sequence.run(SUMS)
            assert sums == {"data": naive([(k, said) for k, _, said in sequence.kept.values()])}
    finally:
        await sequence.undo()
