"""Appointments through the API: who may make and end which, what is refused, and who reads them."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select

from authz.appointments import Appointment
from authz.tables import appointment as appointment_table
from graph.execution import Executor, Request
from graph.limits import Limits
from graph.resolvers.identity import global_id, parse_id
from hierarchy.tables import unit as unit_table
from records.tables import audit_entry, client_key
from server.database import Database
from server.loading import load
from server.stores import open_stores
from server.verifying import violations
from tests import province
from tests.oracle.served import ROOT
from tests.province import TODAY, Client

FIELDS = "id principal role unit { code } validFrom validTo"
APPOINT = f"mutation ($input: AppointInput!) {{ appoint(input: $input) {{ {FIELDS} }} }}"
END = f"mutation ($id: ID!, $on: Date!) {{ endAppointment(id: $id, on: $on) {{ {FIELDS} }} }}"
NODE = f"query ($id: ID!) {{ node(id: $id) {{ ... on Appointment {{ {FIELDS} }} }} }}"
GIVEN = {"principal": "new", "role": "officer", "unitCode": "G", "validFrom": "2024-06-15"}
YESTERDAY, TOMORROW = "2024-06-14", "2024-06-16"
NOT_FOUND, FORBIDDEN = ("NOT_FOUND", None), ("FORBIDDEN", None)
Refusal = tuple[str, str | None]

PARENTS = {
    line.split(",")[0]: line.split(",")[1] or None for line in province.UNITS.strip().splitlines()
}


def above(code: str) -> Iterator[str]:
    """A unit and what stands over it, going up."""
    step: str | None = code
    while step is not None:
        yield step
        step = PARENTS[step]


async def appoint(client: Client, by: str = "administrator_t", **changes: Any) -> Any:
    """The appointment as it was answered."""
    return (await client.data(by, APPOINT, {"input": GIVEN | changes}))["appoint"]


async def end(client: Client, id: str, on: Any = TODAY, by: str = "administrator_t") -> Any:
    return (await client.data(by, END, {"id": id, "on": str(on)}))["endAppointment"]


async def refusal(client: Client, by: str = "administrator_t", **changes: Any) -> Refusal:
    """Code and field of the only error, once it is sure that nothing was stored."""
    return await refused(client, by, APPOINT, {"input": GIVEN | changes})


async def no_end(client: Client, id: str, on: Any = TODAY, by: str = "administrator_t") -> Refusal:
    return await refused(client, by, END, {"id": id, "on": str(on)})


async def refused(client: Client, by: str, query: str, variables: dict[str, Any]) -> Refusal:
    before = await stored(client)
    error = await client.error(by, query, variables)
    assert await stored(client) == before
    return error["extensions"]["code"], error["extensions"].get("field")


async def rows_of(client: Client, statement: Any) -> list[Any]:
    database = Database(client.settings.database_url)
    async with database.reading() as connection:
        rows = (await connection.execute(statement)).all()
    await database.close()
    return list(rows)


async def stored(client: Client) -> list[list[Any]]:
    """All appointments, client keys and entries of the trail, which others seal meanwhile."""
    statements = (
        select(appointment_table).order_by(appointment_table.c.id),
        select(client_key).order_by(client_key.c.key),
        select(audit_entry.c.id, audit_entry.c.hash).order_by(audit_entry.c.id),
    )
    return [await rows_of(client, statement) for statement in statements]


@dataclass(frozen=True)
class Told:
    """An entry of the trail about an appointment."""

    by: str
    action: str
    unit: str
    id: str
    facts: dict[str, Any]


async def trail(client: Client) -> list[Told]:
    """What the trail tells of appointments, in the order in which it was told."""
    rows = await rows_of(
        client,
        select(audit_entry, unit_table.c.code)
        .join(unit_table, unit_table.c.id == audit_entry.c.unit_id)
        .where(audit_entry.c.resource == "appointment")
        .order_by(audit_entry.c.id),
    )
    return [
        Told(row.principal, row.action, row.code, opaque(row.subject), json.loads(row.detail))
        for row in rows
    ]


def opaque(key: str) -> str:
    """The global id of an appointment."""
    return global_id(Appointment(UUID(hex=key), "", "", 0, "", TODAY, None))


async def id_of(client: Client, principal: str) -> str:
    """The global id of a principal's only appointment."""
    key = appointment_table.c.id
    [row] = await rows_of(client, select(key).where(appointment_table.c.principal == principal))
    return opaque(row.id.hex)


async def held_by(client: Client, principal: str) -> list[str]:
    """The roles that give rights today."""
    shown = await client.data(principal, "{ viewer { appointments { role } } }")
    return [each["role"] for each in shown["viewer"]["appointments"]]


# ---- what is stored


async def test_the_answer_is_what_was_stored(writer: Client) -> None:
    """It is read again by its id, and the trail tells who made it, where, and of whom."""
    answer = await appoint(writer, validTo="2025-01-01")
    said = {"principal": "new", "role": "officer", "unit": {"code": "G"}}
    days = {"validFrom": "2024-06-15", "validTo": "2025-01-01"}
    assert answer == {"id": answer["id"]} | said | days
    assert (await writer.data("auditor_t", NODE, {"id": answer["id"]}))["node"] == answer
    facts = {"role": "officer", "appointed": "new"}
    facts |= {"valid_from": "2024-06-15", "valid_to": "2025-01-01"}
    assert await trail(writer) == [Told("administrator_t", "appoint", "G", answer["id"], facts)]


async def test_an_appointment_counts_from_the_next_request(writer: Client) -> None:
    """And is dead in the next one after it was ended."""
    asked = '{ unit(code: "B") { code } }'
    assert (await writer.data("new", asked))["unit"] is None
    made = await appoint(writer)
    assert (await writer.data("new", asked))["unit"] == {"code": "B"}
    ended = await end(writer, made["id"])
    assert ended == made | {"validTo": TODAY.isoformat()}
    assert (await writer.data("new", asked))["unit"] is None
    assert await held_by(writer, "new") == []
    told = [(each.action, each.id, each.facts["valid_to"]) for each in await trail(writer)]
    assert told == [("appoint", made["id"], None), ("end", made["id"], TODAY.isoformat())]


async def test_principals_are_kept_exactly(writer: Client) -> None:
    """No trimming, no normalisation, no other character; 255 of them."""
    for principal in (" a ", "Đảng\u0302", "'; DROP TABLE appointment; --", "🌳" * 255, "A", "a"):
        assert (await appoint(writer, principal=principal))["principal"] == principal
        assert await held_by(writer, principal) == ["officer"]


async def test_an_end_ahead_leaves_the_days_until_then(writer: Client) -> None:
    made = await appoint(writer)
    assert (await end(writer, made["id"], TOMORROW))["validTo"] == TOMORROW
    assert await held_by(writer, "new") == ["officer"]
    assert (await end(writer, made["id"], TOMORROW))["validTo"] == TOMORROW
    assert (await end(writer, made["id"]))["validTo"] == TODAY.isoformat()
    assert await held_by(writer, "new") == []


async def test_one_ended_before_it_begins_holds_on_no_day(either: Client) -> None:
    """Which is no fault of the store, for the trail tells of it; without that it is."""
    made = await appoint(either, validFrom="2024-09-01", clientKey="k")
    await end(either, made["id"])
    query = '{ appointments(principal: "new", inForceOn: "2024-09-01") { totalCount } }'
    assert (await either.data("auditor_t", query))["appointments"] == {"totalCount": 0}
    async with open_stores(either.settings) as stores:
        assert await violations(stores) == []
        async with stores.database.writing() as connection:
            await connection.execute(audit_entry.delete())
        assert any("end before they begin" in each for each in await violations(stores))
        async with stores.database.writing() as connection:
            await connection.execute(appointment_table.delete())
        assert any("client keys name nothing" in each for each in await violations(stores))


async def test_a_folder_loaded_again_brings_nobody_back(either: Client, tmp_path: Path) -> None:
    """Who was loaded and has been ended since stays so; others of the folder are skipped too."""
    await end(either, await id_of(either, "secretary_c"))
    database = Database(either.settings.database_url)
    folder = province.write(tmp_path / "again", {"appointments": province.APPOINTMENTS})
    counts = (await load(database, None, folder, TODAY)).files["appointments.csv"]
    await database.close()
    assert (counts.new, counts.skipped) == (0, 13)
    assert await held_by(either, "secretary_c") == []


# ---- who may

POLICY = list(csv.DictReader((ROOT / "authz" / "default_policy.csv").open(encoding="utf-8")))
ROLES = list(dict.fromkeys(rule["role"] for rule in POLICY))
REACHES: dict[str, Callable[[str, str], bool]] = {
    "own": lambda base, code: code == base,
    "subtree": lambda base, code: base in above(code),
    "below": lambda base, code: code != base and base in above(code),
}
OFFICES = {
    "administrator_t": ("administrator", "T"),
    "administrator_d": ("administrator", "D"),
    "auditor_t": ("auditor", "T"),
    "leader_d": ("leader", "D"),
}


def expected(by: str, role: str, code: str) -> str | None:
    """What the rows of the policy say: the code of the error, null where it is allowed."""
    held, base = OFFICES[by]
    if code not in above(base) and base not in above(code):
        return "NOT_FOUND"
    allowed = any(
        (rule["role"], rule["resource"], rule["action"]) == (held, f"appointment:{role}", "record")
        and REACHES[rule["reach"]](base, code)
        for rule in POLICY
    )
    return None if allowed else "FORBIDDEN"


async def test_who_may_appoint_and_end_what_where(writer: Client) -> None:
    """Each role at each open unit, by who administers, checks and leads: the same rows of the
    policy answer for making and for ending; what is out of sight reads as unknown."""
    await appoint(writer, principal="administrator_d", role="administrator", unitCode="D")
    tried = 0
    for by in OFFICES:
        for role in ROLES:
            for code in PARENTS.keys() - {"O"}:
                given = GIVEN | {"principal": "anybody", "role": role, "unitCode": code}
                body = await writer.ask(by, APPOINT, {"input": given})
                assert error_of(body) == expected(by, role, code), (by, role, code)
                tried += 1
                if body["data"] is not None:
                    await end(writer, body["data"]["appoint"]["id"], by=by)
    assert tried == len(OFFICES) * len(ROLES) * 8


def error_of(body: dict[str, Any]) -> str | None:
    found = [error["extensions"]["code"] for error in body.get("errors", ())]
    return found[0] if found else None


async def test_who_may_not_appoint_may_not_end(writer: Client) -> None:
    """An auditor reads them all and ends none; an administrator ends none at their own unit that
    is made from above; a leader reads none but their own."""
    await appoint(writer, principal="administrator_d", role="administrator", unitCode="D")
    ids = {who: await id_of(writer, who) for who in ("leader_d", "board_d", "secretary_b")}
    for who in ids:
        assert await no_end(writer, ids[who], by="auditor_t") == FORBIDDEN
    assert await no_end(writer, ids["leader_d"], by="administrator_d") == FORBIDDEN
    assert await no_end(writer, ids["board_d"], by="leader_d") == NOT_FOUND
    assert await no_end(writer, await id_of(writer, "leader_e"), by="administrator_d") == NOT_FOUND
    for who in ("board_d", "secretary_b"):
        await end(writer, ids[who], by="administrator_d")
        assert await held_by(writer, who) == []
    await end(writer, ids["leader_d"])


async def test_ones_own_is_read_and_ended_only_where_the_rule_reaches(writer: Client) -> None:
    own = await id_of(writer, "secretary_b")
    assert (await writer.data("secretary_b", NODE, {"id": own}))["node"]["role"] == "secretary"
    assert await no_end(writer, own, by="secretary_b") == FORBIDDEN
    await appoint(writer, principal="secretary_b", role="administrator", unitCode="B")
    await end(writer, own, by="secretary_b")
    assert await held_by(writer, "secretary_b") == ["administrator"]


async def test_nobody_appoints_themselves(writer: Client) -> None:
    """With a right or without, to whatever; but not before it is sure that the unit is in sight."""
    error = await writer.error(
        "administrator_t", APPOINT, {"input": GIVEN | {"principal": "administrator_t"}}
    )
    assert error["message"] == "Nobody appoints themselves."
    assert await refusal(writer, principal="administrator_t") == FORBIDDEN
    assert await refusal(writer, "leader_d", principal="leader_d") == FORBIDDEN
    assert await refusal(writer, "leader_d", principal="leader_d", unitCode="F") == NOT_FOUND
    assert await refusal(writer, principal="administrator_t", role="king") == (
        "BAD_USER_INPUT",
        "role",
    )


async def test_two_administrators_appoint_one_another_and_the_trail_shows_both(
    writer: Client,
) -> None:
    """What one may not do alone two may: nothing hides it."""
    first = {"principal": "friend", "role": "administrator", "unitCode": "D"}
    await appoint(writer, **first)
    await appoint(writer, "friend", principal="administrator_t", role="leader", unitCode="G")
    assert (await writer.data("administrator_t", '{ meetings(within: "B") { totalCount } }'))[
        "meetings"
    ] == {"totalCount": 2}
    told = [(each.by, each.facts["appointed"], each.unit) for each in await trail(writer)]
    assert told == [("administrator_t", "friend", "D"), ("friend", "administrator_t", "G")]


# ---- what is refused, and in which order

BAD: list[tuple[dict[str, Any], str]] = [
    ({"role": "king"}, "role"),
    ({"role": ""}, "role"),
    ({"role": "officer\0"}, "role"),
    ({"role": "Officer"}, "role"),
    ({"principal": ""}, "principal"),
    ({"principal": "a\0"}, "principal"),
    ({"principal": "a" * 256}, "principal"),
    ({"validTo": "2024-06-15"}, "validTo"),
    ({"validTo": YESTERDAY}, "validTo"),
    ({"clientKey": ""}, "clientKey"),
    ({"clientKey": "k\0"}, "clientKey"),
    ({"clientKey": "k" * 256}, "clientKey"),
]


async def test_what_the_input_alone_shows_comes_first(writer: Client) -> None:
    """For whoever may appoint, and for whoever may nothing at a unit that there is none of."""
    for changes, field in BAD:
        assert await refusal(writer, **changes) == ("BAD_USER_INPUT", field), changes
        nowhere = changes | {"unitCode": "nowhere"}
        assert await refusal(writer, "nobody", **nowhere) == ("BAD_USER_INPUT", field), changes


async def test_a_closed_unit_comes_last(writer: Client) -> None:
    assert await refusal(writer, unitCode="O") == ("BAD_USER_INPUT", "unitCode")
    assert await refusal(writer, "auditor_t", unitCode="O") == FORBIDDEN
    assert await refusal(writer, "leader_e", unitCode="O") == NOT_FOUND


async def test_an_end_is_refused_in_order(writer: Client) -> None:
    """A day that has passed, what is not in sight, no right, and last what is stored."""
    soon = await id_of(writer, "ends_soon")
    passed = ("BAD_USER_INPUT", "on")
    assert await no_end(writer, "nonsense", YESTERDAY, "nobody") == passed
    assert await no_end(writer, soon, "2024-06-18", "leader_d") == NOT_FOUND
    assert await no_end(writer, soon, "2024-06-18", "auditor_t") == FORBIDDEN
    assert await no_end(writer, soon, "2024-06-18") == passed
    assert (await end(writer, soon, "2024-06-17"))["validTo"] == "2024-06-17"
    await end(writer, soon, TODAY)
    assert await no_end(writer, soon, TOMORROW) == passed


async def test_an_id_of_something_else_reads_as_unknown(writer: Client) -> None:
    """A unit's, a record's, an appointment's under another name, one that is made up, and none."""
    seen = await writer.data("leader_d", "{ meetings(first: 1) { nodes { id unit { id } } } }")
    [meeting] = seen["meetings"]["nodes"]
    known = await id_of(writer, "leader_d")
    _, key = parse_id(known) or ("", "")
    renamed = base64.urlsafe_b64encode(f"Meeting:{key}".encode()).decode().rstrip("=")
    others = [meeting["id"], meeting["unit"]["id"], renamed, opaque(uuid4().hex), "", "é"]
    for id_ in (*others, known + "A"):
        assert await no_end(writer, id_) == NOT_FOUND
        assert (await writer.data("administrator_t", NODE, {"id": id_}))["node"] in (None, {})


async def test_ended_ones_at_a_closed_unit_stay_with_those_who_may_read_them(
    writer: Client,
) -> None:
    """An office at a closed unit gives nothing, is read from above, and may be ended there."""
    id_ = await id_of(writer, "secretary_o")
    assert (await writer.data("secretary_o", NODE, {"id": id_}))["node"] is None
    assert (await writer.data("auditor_t", NODE, {"id": id_}))["node"]["unit"] == {"code": "O"}
    assert (await end(writer, id_))["validTo"] == TODAY.isoformat()


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def executor(
    request: pytest.FixtureRequest, sqlite_url: str, postgresql_url: str
) -> AsyncIterator[Executor]:
    """A worker whose statements are counted."""
    database = Database(sqlite_url if request.param == "sqlite" else postgresql_url)
    yield Executor(database, Limits(), b"k" * 32, lambda: TODAY)
    await database.close()


async def asked(
    executor: Executor, by: str, query: str, variables: dict[str, Any]
) -> tuple[Any, int]:
    """The answer and how many statements it took, whatever was kept before."""
    database: Any = executor.store
    request = Request(query, variables, None, "en")
    await executor.answer(request, by)
    with province.statements(database) as seen:
        answer = await executor.answer(request, by)
    return answer.body, len(seen)


async def test_out_of_sight_reads_as_unknown_statement_by_statement(executor: Executor) -> None:
    """The same answer after as many statements: units and appointments, asked for and written,
    by who may administer elsewhere and by who may nothing."""
    database: Any = executor.store
    async with database.reading() as connection:
        key = appointment_table.c.id
        theirs = select(key).where(appointment_table.c.principal == "leader_d")
        hidden = opaque((await connection.execute(theirs)).scalar_one().hex)
    listed = "query ($code: String!) { appointments(within: $code) { totalCount } }"
    unknown = opaque(uuid4().hex)
    for by in ("leader_e", "nobody"):
        for query, two in (
            (APPOINT, [{"input": GIVEN | {"unitCode": code}} for code in ("G", "X")]),
            (END, [{"id": id_, "on": str(TODAY)} for id_ in (hidden, unknown)]),
            (NODE, [{"id": id_} for id_ in (hidden, unknown)]),
            (listed, [{"code": code} for code in ("G", "X")]),
        ):
            one, other = [await asked(executor, by, query, each) for each in two]
            assert one == other, query
            assert error_of(one[0]) == (None if query == NODE else "NOT_FOUND")


# ---- client keys


async def test_the_same_key_and_content_appoint_once(writer: Client) -> None:
    """The answer is what was stored, as it is now; also once the unit is closed to others."""
    first = await appoint(writer, clientKey="k", validTo=None)
    before = await stored(writer)
    assert await appoint(writer, clientKey="k") == first
    assert await stored(writer) == before
    ended = await end(writer, first["id"], TOMORROW)
    assert await appoint(writer, clientKey="k") == ended


@pytest.mark.parametrize(
    "changes",
    [
        {"principal": "other"},
        {"role": "office"},
        {"unitCode": "B"},
        {"validFrom": TOMORROW},
        {"validTo": "2025-01-01"},
    ],
    ids=str,
)
async def test_a_key_with_other_content_is_a_conflict(
    writer: Client, changes: dict[str, Any]
) -> None:
    await appoint(writer, clientKey="k")
    assert await refusal(writer, clientKey="k", **changes) == ("CONFLICT", "clientKey")


async def test_a_key_is_one_principals_alone(writer: Client) -> None:
    """Another may use it for the same or for something else; rights come before the key."""
    await appoint(writer, principal="administrator_d", role="administrator", unitCode="D")
    ours = await appoint(writer, clientKey="k")
    theirs = await appoint(writer, "administrator_d", clientKey="k")
    assert ours["id"] != theirs["id"]
    assert await refusal(writer, "leader_d", clientKey="k") == FORBIDDEN
    assert await refusal(writer, "leader_e", clientKey="k") == NOT_FOUND


async def test_the_key_of_a_record_is_no_key_of_an_appointment(writer: Client) -> None:
    await appoint(writer, principal="secretary_b", role="administrator", unitCode="B")
    await writer.data(
        "secretary_b",
        """mutation { recordMeeting(input: {clientKey: "k", unitCode: "B", heldOn: "2024-06-10",
          kind: GROUP, form: ONLINE, membersExpected: 1, membersPresent: 1}) { id } }""",
    )
    own = {"clientKey": "k", "unitCode": "B"}
    assert await refusal(writer, "secretary_b", **own) == ("CONFLICT", "clientKey")


async def test_a_key_replayed_by_somebody_dismissed_is_refused(writer: Client) -> None:
    """One that was rejected and one that had stored something; and nothing is stored."""
    office = {"principal": "administrator_d", "role": "administrator", "unitCode": "D"}
    made = await appoint(writer, **office)
    await appoint(writer, "administrator_d", clientKey="stored")
    rejected = {"clientKey": "rejected", "unitCode": "O"}
    assert await refusal(writer, "administrator_d", **rejected) == ("BAD_USER_INPUT", "unitCode")
    assert await refusal(
        writer, "administrator_d", clientKey="no", role="leader", unitCode="D"
    ) == (FORBIDDEN)
    await end(writer, made["id"])
    for key, code in (("stored", "G"), ("rejected", "O"), ("rejected", "G"), ("no", "D")):
        again = {"clientKey": key, "unitCode": code}
        assert await refusal(writer, "administrator_d", **again) == NOT_FOUND
    await appoint(writer, principal="administrator_d", role="auditor", unitCode="D")
    assert await refusal(writer, "administrator_d", clientKey="stored") == FORBIDDEN


# ---- several in one request

TWO = """mutation ($one: AppointInput!, $two: AppointInput!) {
  one: appoint(input: $one) { unit { code } } two: appoint(input: $two) { unit { code } } }"""


async def test_an_officer_of_several_units_is_appointed_in_one_request(writer: Client) -> None:
    given = {"one": GIVEN | {"unitCode": "G"}, "two": GIVEN | {"unitCode": "E"}}
    body = await writer.data("administrator_t", TWO, given)
    assert [body[name]["unit"]["code"] for name in ("one", "two")] == ["G", "E"]
    assert await held_by(writer, "new") == ["officer", "officer"]
    assert len(await trail(writer)) == 2


OUT_OF_REACH = {"unitCode": "T", "role": "leader"}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("bad", [{"unitCode": "O"}, {"role": "king"}, OUT_OF_REACH], ids=str)
async def test_or_in_none_of_them(writer: Client, bad: dict[str, Any], first: bool) -> None:
    """One that fails, wherever it stands, and nobody is appointed."""
    before = await stored(writer)
    inputs = [GIVEN | bad, GIVEN] if first else [GIVEN, GIVEN | bad]
    body = await writer.ask("administrator_t", TWO, dict(zip(("one", "two"), inputs, strict=True)))
    assert body["data"] is None
    assert await stored(writer) == before
    assert await held_by(writer, "new") == []


async def test_rights_change_inside_a_request(writer: Client) -> None:
    """Who ends their own appointment may not use it in the same request; all of it is undone."""
    await appoint(writer, principal="secretary_b", role="administrator", unitCode="B")
    own = await id_of_role(writer, "secretary_b", "secretary")
    ending = "endAppointment(id: $id, on: $on) { validTo }"
    recording = """recordMeeting(input: {unitCode: "B", heldOn: "2024-06-10", kind: GROUP,
      form: ONLINE, membersExpected: 1, membersPresent: 1}) { unit { code } }"""
    head, given = "mutation ($id: ID!, $on: Date!)", {"id": own, "on": str(TODAY)}
    after = f"{head} {{ {ending} {recording} }}"
    assert await refused(writer, "secretary_b", after, given) == FORBIDDEN
    assert await held_by(writer, "secretary_b") == ["administrator", "secretary"]
    await writer.data("secretary_b", f"{head} {{ {recording} {ending} }}", given)
    assert await held_by(writer, "secretary_b") == ["administrator"]


async def id_of_role(client: Client, principal: str, role: str) -> str:
    columns = appointment_table.c
    [row] = await rows_of(
        client, select(columns.id).where(columns.principal == principal, columns.role == role)
    )
    return opaque(row.id.hex)


# ---- lists

MORE_UNITS = province.UNITS + "N,E,Đảng bộ N,grassroots,,2025-01-01,\n"
MORE = [
    *(line.split(",") for line in province.APPOINTMENTS.strip().splitlines()),
    ["administrator_d", "administrator", "D", "2020-01-01", ""],
    ["two_posts", "administrator", "G", "2020-01-01", ""],
    ["two_posts", "leader", "E", "2020-01-01", ""],
    ["past", "officer", "G", "2020-01-01", "2021-01-01"],
    ["past", "officer", "G", "2020-01-01", "2022-01-01"],
    ["ahead", "officer", "G", "2024-07-01", ""],
    ["Ahead", "officer", "G", "2024-07-01", ""],
    ["đ", "officer", "G", "2024-07-01", ""],
    ["z", "officer", "G", "2024-06-30", "2024-07-01"],
    ["early", "secretary", "F", "2023-01-01", ""],
    ["unborn", "secretary", "N", "2024-01-01", ""],
]
Row = tuple[str, str, str, str, str | None]
"""Unit, role, first day, principal, last day."""
LISTED = "nodes { principal role unit { code } validFrom validTo } totalCount"
CLOSED_ON = {"O": "2023-07-01"}


@pytest_asyncio.fixture(scope="module", params=["sqlite", "postgresql"])
async def listing(
    request: pytest.FixtureRequest,
    fresh_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Client]:
    """A province with appointments of all times, to be read."""
    home, url = tmp_path_factory.mktemp("appointments"), fresh_database(request.param)
    database = Database(url)
    rows = "\n".join(",".join(row) for row in MORE)
    await province.fill(database, home / "data", {"units": MORE_UNITS, "appointments": rows})
    await database.close()
    async with province.served(province.settings_of(home, url)) as client:
        yield client


def rows_in(*bases: str) -> list[Row]:
    """What is to be listed of some subtrees, in order: texts by their bytes."""
    found = [
        (code, role, first, principal, last or None)
        for principal, role, code, first, last in MORE
        if code in PARENTS and any(base in above(code) for base in bases)
    ]
    return sorted(found, key=lambda row: ([text.encode() for text in row[:4]], row[4] or "~"))


async def page(client: Client, by: str, arguments: str, selected: str = LISTED) -> Any:
    asked = f"({arguments})" if arguments else ""
    return (await client.data(by, f"{{ appointments{asked} {{ {selected} }} }}"))["appointments"]


def row_of(node: dict[str, Any]) -> Row:
    return (
        node["unit"]["code"],
        node["role"],
        node["validFrom"],
        node["principal"],
        node["validTo"],
    )


READERS = {
    # By whom, with which arguments, and of which subtrees.
    ("administrator_t", ""): ("T",),
    ("auditor_t", 'within: "T"'): ("T",),
    ("auditor_t", 'within: "D"'): ("D",),
    ("administrator_d", ""): ("D",),
    ("administrator_d", 'within: "T"'): ("D",),
    ("administrator_d", 'within: "G"'): ("G",),
    ("administrator_d", 'within: "O"'): ("O",),
    ("two_posts", ""): ("G",),
    ("two_posts", 'within: "D"'): ("G",),
}


@pytest.mark.parametrize(("by", "arguments"), READERS)
async def test_a_list_is_the_viewers_part_in_order(
    listing: Client, by: str, arguments: str
) -> None:
    """By unit, role, first day and principal, past ones and those to come too; none at a unit
    that does not stand today."""
    wanted = rows_in(*READERS[by, arguments])
    found = await page(listing, by, ", ".join(filter(None, (arguments, "first: 200"))))
    # Where all but the id is the same the order is the ids', which nobody knows before.
    assert [row[:4] for row in map(row_of, found["nodes"])] == [row[:4] for row in wanted]
    assert sorted(map(str, map(row_of, found["nodes"]))) == sorted(map(str, wanted))
    assert found["totalCount"] == len(wanted)


REFUSED = {
    ("leader_d", ""): "FORBIDDEN",
    ("nobody", ""): "FORBIDDEN",
    ("leader_d", 'within: "G"'): "FORBIDDEN",
    ("two_posts", 'within: "F"'): "FORBIDDEN",
    ("two_posts", 'within: "B", principal: "secretary_b"'): None,
    ("administrator_d", 'within: "E"'): "NOT_FOUND",
    ("administrator_d", 'within: "nowhere"'): "NOT_FOUND",
    ("nobody", 'within: "T"'): "NOT_FOUND",
    ("administrator_t", "first: 201"): "BAD_USER_INPUT",
    ("administrator_t", "first: -1"): "BAD_USER_INPUT",
    ("nobody", 'within: "nowhere", first: 201'): "BAD_USER_INPUT",
    ("nobody", 'within: "nowhere", after: "x"'): "BAD_USER_INPUT",
}


@pytest.mark.parametrize(("by", "arguments"), REFUSED)
async def test_nothing_readable_is_forbidden_and_unseen_is_unknown(
    listing: Client, by: str, arguments: str
) -> None:
    asked = f"({arguments})" if arguments else ""
    body = await listing.ask(by, f"{{ appointments{asked} {{ totalCount }} }}")
    assert error_of(body) == REFUSED[by, arguments]


@pytest.mark.parametrize(
    "principal", ["past", "Ahead", "ahead", "AHEAD", "", "a%", "a\0", "unborn"]
)
async def test_a_principal_is_matched_exactly(listing: Client, principal: str) -> None:
    found = await page(listing, "auditor_t", f"principal: {json.dumps(principal)}")
    assert [row_of(node)[3] for node in found["nodes"]] == [
        row[3] for row in rows_in("T") if row[3] == principal
    ]
    assert found["totalCount"] == len(found["nodes"])


@pytest.mark.parametrize(
    "day",
    ["2019-12-31", "2020-01-01", "2020-12-31", "2021-01-01", "2023-06-30", "2023-07-01",
     "2024-06-15", "2024-06-16", "2024-06-17", "2024-06-30", "2024-07-01", "2030-01-01"],
)  # fmt: skip
async def test_in_force_is_begun_not_ended_and_at_a_unit_not_closed(
    listing: Client, day: str
) -> None:
    found = await page(listing, "auditor_t", f'inForceOn: "{day}", first: 200')
    assert [row_of(node)[:4] for node in found["nodes"]] == [
        row[:4]
        for row in rows_in("T")
        if row[2] <= day < (row[4] or "~") and day < CLOSED_ON.get(row[0], "~")
    ]


WHOLE = "edges { cursor node { id } } nodes { id } totalCount "
WHOLE += "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


@pytest.mark.parametrize("first", [1, 2, 3])
@pytest.mark.parametrize("arguments", ["", 'within: "G", ', 'inForceOn: "2024-07-01", '])
async def test_pages_together_are_the_list(listing: Client, arguments: str, first: int) -> None:
    """No element twice, none left out, both ends and the count exact."""
    whole = await page(listing, "administrator_d", f"{arguments}first: 200", WHOLE)
    nodes: list[Any] = []
    after = "null"
    while True:
        found = await page(
            listing, "administrator_d", f"{arguments}first: {first}, after: {after}", WHOLE
        )
        cursors = [edge["cursor"] for edge in found["edges"]]
        info = found["pageInfo"]
        assert (info["startCursor"], info["endCursor"]) == (cursors[0], cursors[-1])
        assert info["hasPreviousPage"] == bool(nodes)
        assert not [node for node in found["nodes"] if node in nodes]
        nodes += found["nodes"]
        assert found["totalCount"] == whole["totalCount"] == len(whole["nodes"])
        if not info["hasNextPage"]:
            break
        after = json.dumps(info["endCursor"])
    assert nodes == whole["nodes"]


async def test_a_page_does_not_shift(writer: Client) -> None:
    """When one is made, or ended, before where it begins."""
    first = await page(writer, "administrator_t", "first: 5", WHOLE)
    rest = f"first: 5, after: {json.dumps(first['pageInfo']['endCursor'])}"
    before = await page(writer, "administrator_t", rest, WHOLE)
    made = await appoint(writer, unitCode="B")
    after = await page(writer, "administrator_t", rest, WHOLE)
    assert (after["nodes"], after["totalCount"]) == (before["nodes"], before["totalCount"] + 1)
    await end(writer, made["id"])
    assert (await page(writer, "administrator_t", rest, WHOLE))["nodes"] == before["nodes"]


async def test_a_cursor_is_good_for_its_own_list_alone_and_widens_nothing(
    listing: Client,
) -> None:
    found = await page(listing, "administrator_t", "first: 3", WHOLE)
    cursor = found["pageInfo"]["endCursor"]
    forged = [cursor[:-1], cursor + "A", "A" + cursor[1:], cursor[:20] + "A" + cursor[21:], ""]
    assert cursor not in forged
    others = [f"after: {json.dumps(each)}" for each in forged]
    after = f"after: {json.dumps(cursor)}"
    others += [
        f'within: "T", {after}',
        f'principal: "past", {after}',
        f'inForceOn: "{TODAY}", {after}',
    ]
    for arguments in others:
        body = await listing.ask(
            "administrator_t", f"{{ appointments({arguments}) {{ totalCount }} }}"
        )
        assert body["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "after"}
    body = await listing.ask("administrator_t", f"{{ meetings({after}) {{ totalCount }} }}")
    assert error_of(body) == "BAD_USER_INPUT"
    theirs = await page(listing, "two_posts", f"first: 200, {after}")
    wanted = [row for row in rows_in("G") if row[:4] > row_of(await last(listing))[:4]]
    assert [row_of(node)[:4] for node in theirs["nodes"]] == [row[:4] for row in wanted]
    body = await listing.ask("leader_d", f"{{ appointments({after}) {{ totalCount }} }}")
    assert error_of(body) == "FORBIDDEN"


async def last(client: Client) -> Any:
    """The last of the administrator's first three."""
    return (await page(client, "administrator_t", "first: 3"))["nodes"][-1]


async def test_what_a_node_shows(listing: Client) -> None:
    """One's own in force, those of the list; nothing else, under whatever alias or fragment."""
    ids = {who: await id_of(listing, who) for who in ("secretary_b", "leader_e", "unborn", "z")}
    readable = {
        "administrator_t": {"secretary_b", "leader_e", "z"},
        "administrator_d": {"secretary_b", "z"},
        "secretary_b": {"secretary_b"},
        "leader_e": {"leader_e"},
        "leader_d": set(),
        "z": set(),
        "unborn": set(),
        "nobody": set(),
    }
    query = "query ({}) {{ {} }}".format(
        ", ".join(f"${who}: ID!" for who in ids),
        " ".join(f"{who}: node(id: ${who}) {{ id ... on Node {{ id }} }}" for who in ids),
    )
    for by, names in readable.items():
        shown = await listing.data(by, query, ids)
        assert {who for who in ids if shown[who] is not None} == names, by


async def test_whoever_changes_rights_has_the_revision_alone(postgresql_url: str) -> None:
    """No record is stored beside it, under rights that it takes away; records are stored side by
    side."""
    database = Database(postgresql_url)
    executor = Executor(database, Limits(), b"k" * 32, lambda: TODAY)

    async def modes(query: str) -> list[str]:
        with province.statements(database) as seen:
            answer = await executor.answer(Request(query, None, None, "en"), "leader_t")
        assert "errors" in answer.body
        return [each for each in seen if each.startswith("LOCK TABLE")]

    for changing in (
        'endAppointment(id: "x", on: "2024-07-01") { id }',
        'revokeGrant(id: "x", reason: "x") { id }',
    ):
        assert await modes(f"mutation {{ {changing} }}") == [
            "LOCK TABLE revision IN EXCLUSIVE MODE"
        ]
    withdrawing = 'mutation { withdraw(id: "x", revision: 1, reason: "x") }'
    assert await modes(withdrawing) == ["LOCK TABLE revision IN ROW SHARE MODE"]
    appointing = """mutation { appoint(input: {principal: "x", role: "secretary", unitCode: "B",
      validFrom: "2024-07-01"}) { id } }"""
    granting = """mutation { grant(input: {of: "NOPE", to: "E", roles: ["leader"],
      resources: ["meeting"], actions: ["read"], purpose: "p", validFrom: "2024-07-01",
      validTo: "2025-01-01"}) { id } }"""
    for changing in (appointing, granting):
        assert await modes(changing) == ["LOCK TABLE revision IN EXCLUSIVE MODE"]
    await database.close()
