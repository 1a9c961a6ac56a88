"""Taking decisions: what is answered, everything that is refused, keys, and what is foreseen."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from graphql import DocumentNode, TypeDefinitionNode, parse, print_ast
from sqlalchemy import text

from graph.schema.schema import schema
from server.database import Database
from tests import province
from tests.graph.reorganised import (
    DECIDE,
    PREVIEW,
    SEEN,
    decide,
    decision,
    dissolve,
    establish,
    merge,
    part,
    problems,
    reclassify,
    rename,
    reverse,
    split,
    transfer,
)
from tests.province import Client

BAD, NOT_FOUND, FORBIDDEN, CONFLICT = "BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN", "CONFLICT"


async def stored(client: Client) -> dict[str, int]:
    database = Database(client.settings.database_url)
    async with database.reading() as connection:
        tables = ("ledger_decision", "decision", "change", "placement", "meeting", "client_key")
        counts = {table: await province.count(connection, table) for table in tables}
    await database.close()
    return counts


def lines(answer: Any) -> list[tuple[str, str, str | None]]:
    return [
        (each["kind"], each["unit"]["code"], each["to"] and each["to"]["code"])
        for each in answer["changes"]
    ]


# ---- what is answered


async def test_a_merge_is_answered_with_what_it_brings(writer: Client) -> None:
    """A TRANSFER of each open unit directly under it, by code, and its end."""
    given = decision("1", "D", "2024-07-01", establish("N", "D"), merge("G", into="N"))
    answer = await decide(writer, "leader_d", given)
    assert lines(answer) == [
        ("ESTABLISH", "N", "D"),
        ("MERGE", "G", "N"),
        ("TRANSFER", "B", "N"),
        ("TRANSFER", "C", "N"),
        ("DISSOLVE", "G", None),
    ]
    assert (answer["title"], answer["issuedBy"]) == ("Quyết định 1", {"code": "D"})
    assert (answer["effectiveOn"], answer["reversedAt"]) == ("2024-07-01", None)


async def test_a_split_is_answered_with_its_parts_first(writer: Client) -> None:
    """`unit` is the one split, `to` the part; then what each takes, then the end."""
    parts = part("N", "C", name="Đảng bộ N"), part("H2", "B", name="Đảng bộ H2")
    given = decision("1", "D", "2024-07-01", split("G", *parts, close=True))
    assert lines(await decide(writer, "leader_d", given)) == [
        ("SPLIT", "G", "N"),
        ("SPLIT", "G", "H2"),
        ("TRANSFER", "C", "N"),
        ("TRANSFER", "B", "H2"),
        ("DISSOLVE", "G", None),
    ]


async def test_what_was_decided_is_there_for_the_rest_of_the_request(writer: Client) -> None:
    """A later mutation of the same request records for a unit that an earlier one brought in."""
    query = """mutation ($input: DecisionInput!, $more: DecisionInput!) {
      decide(input: $input) { changes { unit { code path { code } } } }
      again: decide(input: $more) { number } }"""
    given = decision("1", "D", "2024-06-15", establish("N", "D"))
    more = decision("2", "D", "2024-06-15", transfer("B", "N"))
    found = await writer.data("leader_d", query, {"input": given, "more": more})
    path = [{"code": "T"}, {"code": "D"}, {"code": "N"}]
    assert found["decide"]["changes"] == [{"unit": {"code": "N", "path": path}}]
    parent = await writer.data("secretary_b", '{ unit(code: "B") { parent { code } } }')
    assert parent == {"unit": {"parent": {"code": "N"}}}


async def test_mutations_of_one_request_are_stored_together_or_not_at_all(writer: Client) -> None:
    before = await stored(writer)
    query = """mutation ($input: DecisionInput!, $more: DecisionInput!) {
      decide(input: $input) { number } again: decide(input: $more) { number } }"""
    given = decision("1", "D", "2024-06-15", establish("N", "D"))
    more = decision("2", "D", "2024-06-15", dissolve("D"))
    body = await writer.ask("leader_d", query, {"input": given, "more": more})
    assert body["data"] is None
    assert body["errors"][0]["path"] == ["again"]
    assert await stored(writer) == before
    assert (await writer.data("leader_d", '{ unit(code: "N") { code } }'))["unit"] is None
    again = decision("1", "D", "2024-06-15", rename("G", "Tên khác"))
    await decide(writer, "leader_d", again)
    name = await writer.data("leader_d", '{ n: unit(code: "N") { code } unit(code: "G") { name } }')
    assert name == {"n": None, "unit": {"name": "Tên khác"}}


async def test_the_edge_sees_a_decision_in_a_fragment(writer: Client) -> None:
    query = """mutation ($input: DecisionInput!) { ...F }
      fragment F on Mutation { decide(input: $input) { number } }"""
    given = decision("1", "D", "2024-06-15", rename("G", "Tên khác"))
    assert await writer.data("leader_d", query, {"input": given}) == {"decide": {"number": "1"}}


# ---- what each viewer is told


async def test_each_viewer_sees_the_changes_of_their_units(writer: Client) -> None:
    """The title only whoever sees all; a detail names nothing out of sight."""
    given = decision("1", "T", "2024-06-15", transfer("G", "E"), rename("F", "Xã F"))
    await decide(writer, "leader_t", given)
    query = '{ decision(number: "1") { title changes { unit { code } detail } issuedBy { code } } }'
    seen = {
        who: (await writer.data(who, query))["decision"]
        for who in ("leader_t", "leader_e", "secretary_b", "leader_d", "nobody")
    }
    assert [each["unit"]["code"] for each in seen["leader_t"]["changes"]] == ["G", "F"]
    assert seen["leader_t"]["changes"][0]["detail"] == "Transferred from Huyện ủy Đ to Huyện ủy E."
    assert seen["leader_t"]["title"] == "Quyết định 1"
    assert seen["leader_e"]["changes"][0]["detail"] == "Transferred to Huyện ủy E."
    assert seen["leader_e"]["title"] == "Quyết định 1"
    assert seen["secretary_b"]["title"] is None
    assert [each["unit"]["code"] for each in seen["secretary_b"]["changes"]] == ["G"]
    assert seen["leader_d"] is None
    assert seen["nobody"] is None


async def test_a_detail_speaks_the_language_of_the_request(writer: Client) -> None:
    given = decision(
        "1",
        "D",
        "2024-06-15",
        establish("N", "D"),
        reclassify("H", category="xã"),
        reclassify("G", kind="grassroots", category=None),
        split("G", part("N", "C")),
        dissolve("H"),
    )
    await decide(writer, "leader_d", given)
    query = {"query": '{ decision(number: "1") { changes { detail } } }'}
    said = {}
    for language in ("vi", "en"):
        headers = writer.bearer("leader_d") | {"Accept-Language": language}
        answer = (await writer.http.post("/graphql", json=query, headers=headers)).json()
        said[language] = [each["detail"] for each in answer["data"]["decision"]["changes"]]
    assert said["vi"] == [
        "Thành lập, trực thuộc Huyện ủy Đ.",
        "Chuyển sang loại hình xã.",
        "Chuyển thành Đảng bộ cơ sở, không thuộc loại hình nào.",
        "Chia, tách: Đảng bộ N tiếp nhận một phần.",
        "Chuyển từ Đảng bộ xã G đến Đảng bộ N.",
        "Giải thể.",
    ]
    assert said["en"][1] == "Put into the category xã."


async def test_the_issuing_unit_out_of_sight_shows_its_own_fields_alone(writer: Client) -> None:
    """B has left D for E, and with it the decision that D took about it."""
    await decide(writer, "leader_d", decision("1", "D", "2024-06-15", rename("B", "Chi bộ mới")))
    await decide(writer, "leader_t", decision("2", "T", "2024-06-15", transfer("G", "E")))
    query = """{ decision(number: "1") { issuedBy { code name path { code } parent { code }
      children { totalCount } meetingSummary { meetings } history { from }
      successors { code } } } }"""
    assert (await writer.data("leader_e", query))["decision"]["issuedBy"] == {
        "code": "D",
        "name": "Huyện ủy Đ",
        "path": [{"code": "D"}],
        "parent": None,
        "children": {"totalCount": 0},
        "meetingSummary": None,
        "history": [],
        "successors": [],
    }


# ---- what is refused

OUT_OF_REACH = [
    # who, the decision, the problems
    ("leader_d", decision("1", "E", "2024-07-01", rename("G", "x")), [(0, NOT_FOUND)]),
    ("leader_d", decision("1", "nowhere", "2024-07-01", rename("G", "x")), [(0, NOT_FOUND)]),
    ("leader_d", decision("1", "T", "2024-07-01", rename("G", "x")), [(0, FORBIDDEN)]),
    ("leader_d", decision("1", "G", "2024-07-01", rename("B", "x")), [(0, FORBIDDEN)]),
    ("secretary_g", decision("1", "G", "2024-07-01", rename("B", "x")), [(0, FORBIDDEN)]),
    ("leader_d", decision("1", "D", "2024-07-01", rename("D", "x")), [(0, FORBIDDEN)]),
    ("leader_d", decision("1", "D", "2024-07-01", transfer("G", "T")), [(0, FORBIDDEN)]),
    ("leader_d", decision("1", "D", "2024-07-01", transfer("G", "E")), [(0, NOT_FOUND)]),
    ("leader_d", decision("1", "D", "2024-07-01", establish("N", "T")), [(0, FORBIDDEN)]),
    ("leader_d", decision("1", "D", "2024-07-01", merge("G", "F", into="D")), [(0, NOT_FOUND)]),
    (
        "leader_d",
        decision("1", "D", "2024-07-01", split("D", part("N", name="N"))),
        [(0, FORBIDDEN)],
    ),
    (
        "leader_d",
        decision("1", "D", "2024-07-01", rename("F", "x"), rename("T", "x"), rename("F", "")),
        [(2, BAD), (0, NOT_FOUND), (1, FORBIDDEN)],
    ),
    (
        "leader_d",
        decision("1", "D", "2024-07-01", rename("T", "x"), dissolve("G"), dissolve("F"), title=" "),
        [(0, BAD), (2, NOT_FOUND), (0, FORBIDDEN)],
    ),
    (
        "leader_d",
        decision("1", "D", "2024-07-01", dissolve("G"), rename("F", "x"), rename("O", "x")),
        [(1, NOT_FOUND), (0, BAD), (0, BAD), (2, BAD)],
    ),
]


@pytest.mark.parametrize(("who", "given", "expected"), OUT_OF_REACH, ids=str)
async def test_everything_that_stands_in_the_way_is_told(
    reader: Client, who: str, given: Any, expected: list[tuple[int, str]]
) -> None:
    """By phase, then by change: input, sight, right (held at the issuing unit, and reaching below
    it), the stored tree."""
    assert await problems(reader, who, given) == expected


ACCEPTED = [
    (
        "leader_d",
        decision(
            "1", "D", "2024-07-01", transfer("B", "D"), reclassify("B", kind="grassroots_branch")
        ),
    ),
    ("board_d", decision("1", "D", "2024-07-01", establish("N", "D"), transfer("C", "N"))),
    ("leader_t", decision("1", "T", "2024-07-01", merge("E", into="D"))),
]


@pytest.mark.parametrize(("who", "given"), ACCEPTED, ids=str)
async def test_the_issuing_unit_may_take_what_is_moved(
    reader: Client, who: str, given: Any
) -> None:
    """A new parent, a successor and the unit one is established under may be the decider's own."""
    found = await reader.data(who, PREVIEW, {"input": given})
    assert found["previewDecision"]["problems"] == []


async def test_reach_is_measured_today_and_on_the_day(writer: Client) -> None:
    """What leaves D before the day is no longer D's to change, and what comes to E not yet E's."""
    await decide(writer, "leader_t", decision("1", "T", "2024-07-01", transfer("G", "E")))
    after, before = "2024-08-01", "2024-06-20"
    for day in (before, after):
        gained = decision("2", "E", day, rename("B", "x"))
        lost = decision("2", "D", day, rename("B", "x"))
        expected = [(0, FORBIDDEN)] if day == after else [(0, NOT_FOUND)]
        assert await problems(writer, "leader_e", gained) == expected
        if day == after:
            assert await problems(writer, "leader_d", lost) == [(0, FORBIDDEN)]
    answer = await decide(writer, "leader_d", decision("2", "D", before, rename("B", "x")))
    assert answer["number"] == "2"


async def test_a_merge_moves_nothing_that_is_still_another_s(writer: Client) -> None:
    """H comes under F only later: E may not merge F before H is E's today."""
    ahead = decision("1", "T", "2024-07-01", transfer("C", "F"))
    await decide(writer, "leader_t", ahead)
    given = decision("2", "E", "2024-08-01", establish("N", "E"), merge("F", into="N"))
    assert await problems(writer, "leader_e", given) == [(1, FORBIDDEN)]
    given["issuedBy"] = "T"
    await decide(writer, "leader_t", given)


async def test_who_may_not_decide_is_told_nothing_of_codes_and_numbers(writer: Client) -> None:
    """That one is taken is the one thing a decider may learn about what they do not see."""
    await decide(writer, "leader_e", decision("1", "E", "2024-07-01", rename("F", "Xã F")))
    asked = decision("1", "G", "2024-07-01", rename("B", "x"), establish("F", "G", "branch"))
    assert await problems(writer, "secretary_g", asked) == [(0, FORBIDDEN)]
    taken = decision("1", "D", "2024-07-01", establish("F", "D"))
    assert await problems(writer, "leader_d", taken) == [(0, CONFLICT), (0, CONFLICT)]
    assert await problems(writer, "leader_d", taken | {"number": "2"}) == [(0, CONFLICT)]


async def test_a_code_that_is_taken_says_nothing_else_of_its_unit(reader: Client) -> None:
    """F stands out of sight: neither dissolving it before nor moving it after tells more."""
    for code in ("F", "nowhere"):
        before = decision("1", "D", "2024-07-01", dissolve(code), establish(code, "D"))
        assert (await problems(reader, "leader_d", before))[0] == (0, NOT_FOUND)
    after = decision("1", "D", "2024-07-01", establish("F", "D"), dissolve("F"))
    assert await problems(reader, "leader_d", after) == [(0, CONFLICT)]


async def test_later_decisions_in_the_way_are_named_where_they_are_in_sight(
    writer: Client,
) -> None:
    await decide(
        writer,
        "leader_d",
        decision("later", "D", "2024-09-01", transfer("B", "H"))
        | {"changes": [establish("N", "D"), transfer("B", "N")]},
    )
    given = decision("1", "D", "2024-08-01", dissolve("B"))
    error = await writer.error("leader_d", DECIDE, {"input": given})
    [problem] = error["extensions"]["problems"]
    assert problem["code"] == CONFLICT
    assert problem["message"] == "What was decided later no longer holds. (later)"
    assert error["message"] == problem["message"]


# ---- client keys and numbers


async def test_the_same_key_answers_with_what_it_stored(writer: Client) -> None:
    given = decision("1", "D", "2024-07-01", rename("G", "x"), clientKey="k")
    first = await decide(writer, "leader_d", given)
    before = await stored(writer)
    assert await decide(writer, "leader_d", given) == first
    assert await stored(writer) == before
    preview = (await writer.data("leader_d", PREVIEW, {"input": given}))["previewDecision"]
    assert (preview["problems"], preview["unitsMoved"]) == ([], 0)
    for other in ({"title": "Khác"}, {"number": "2"}, {"changes": [rename("G", "y")]}):
        error = await writer.error("leader_d", DECIDE, {"input": given | other})
        assert (error["extensions"]["code"], error["extensions"]["field"]) == (
            CONFLICT,
            "clientKey",
        )
    await reverse(writer, "leader_d", "1")
    error = await writer.error("leader_d", DECIDE, {"input": given})
    assert error["extensions"]["code"] == CONFLICT


async def test_a_number_is_used_once(writer: Client) -> None:
    """By whoever, whatever it says, and after it was reversed."""
    given = decision("1", "D", "2024-07-01", rename("G", "x"))
    await decide(writer, "leader_d", given)
    assert await problems(writer, "leader_d", given) == [(0, CONFLICT)]
    await reverse(writer, "leader_d", "1")
    assert await problems(writer, "leader_d", given) == [(0, CONFLICT)]
    other = decision("1", "E", "2024-07-01", rename("F", "x"))
    assert await problems(writer, "leader_e", other) == [(0, CONFLICT)]


@pytest.mark.parametrize("key", ["", "a\0", "k" * 256])
async def test_a_key_that_is_none_names_its_field(reader: Client, key: str) -> None:
    given = decision("1", "D", "2024-07-01", rename("G", "x"), clientKey=key)
    error = await reader.error("leader_d", DECIDE, {"input": given | {"number": ""}})
    told = [each["code"] for each in error["extensions"].pop("problems")]
    assert error["extensions"] == {"code": BAD, "field": "clientKey"}
    assert told == [BAD, BAD]


@pytest.mark.parametrize("change", [{}, rename("G", "x") | dissolve("G"), {"dissolve": None}])
async def test_a_change_is_of_exactly_one_kind(reader: Client, change: Any) -> None:
    given = decision("1", "D", "2024-07-01", change)
    error = await reader.error("leader_d", DECIDE, {"input": given})
    assert error["extensions"]["code"] == BAD


# ---- reversing


async def test_a_reversed_decision_does_nothing_and_stays_listed(writer: Client) -> None:
    given = decision("1", "D", "2024-06-15", establish("N", "D"), transfer("B", "N"))
    await decide(writer, "leader_d", given)
    answer = await reverse(writer, "leader_d", "1")
    assert answer["reversedAt"] is not None
    query = (
        '{ unit(code: "B") { parent { code } } decisions { nodes { number title reversedAt } } }'
    )
    found = await writer.data("leader_d", query)
    assert found["unit"] == {"parent": {"code": "G"}}
    [listed] = found["decisions"]["nodes"]
    assert (listed["title"], listed["reversedAt"]) == ("Quyết định 1", answer["reversedAt"])


async def test_what_the_issuing_unit_took_over_itself_may_be_reversed(writer: Client) -> None:
    """Its own part in a decision is no change of its own: what it may take it may take back."""
    given = decision("1", "D", "2024-06-15", split("G", part("D")), merge("H", into="D"))
    await decide(writer, "leader_d", given)
    assert (await reverse(writer, "leader_d", "1"))["reversedAt"] is not None


async def reversal(client: Client, who: str, number: str, reason: str = "Nhầm") -> Any:
    query = f'mutation {{ reverseDecision(number: "{number}", reason: "{reason}") {{ id }} }}'
    return await client.error(who, query)


async def test_who_may_reverse(writer: Client) -> None:
    """Who holds the right there; input comes first, and what is out of sight is not there."""
    await decide(writer, "leader_d", decision("1", "D", "2024-06-15", rename("G", "x")))
    for who, number, reason, code in (
        ("leader_e", "nowhere", " ", BAD),
        ("leader_e", "1", "Nhầm", NOT_FOUND),
        ("leader_d", "nowhere", "Nhầm", NOT_FOUND),
        ("secretary_g", "1", "Nhầm", FORBIDDEN),
    ):
        assert (await reversal(writer, who, number, reason))["extensions"]["code"] == code
    await reverse(writer, "board_d", "1")
    assert (await reversal(writer, "leader_d", "1"))["extensions"]["code"] == CONFLICT


async def test_a_committee_above_may_reverse_what_one_below_decided(writer: Client) -> None:
    """Also when that one is closed by now; never one below what one above decided."""
    await decide(writer, "leader_t", decision("1", "T", "2024-06-01", rename("H", "x")))
    await decide(writer, "leader_d", decision("2", "D", "2024-06-01", rename("G", "x")))
    await decide(writer, "leader_t", decision("3", "T", "2024-06-10", merge("D", into="E")))
    for who in ("leader_d", "leader_e"):
        assert (await reversal(writer, who, "1"))["extensions"]["code"] in (FORBIDDEN, NOT_FOUND)
    assert (await reverse(writer, "leader_t", "2"))["reversedAt"] is not None


async def test_what_holds_on_to_a_decision_is_counted_and_named(writer: Client) -> None:
    """Decisions in sight and appointments that may be read by name, records by their number."""
    await decide(writer, "leader_d", decision("1", "D", "2024-06-15", establish("N", "D")))
    await decide(writer, "leader_d", decision("2", "D", "2024-06-16", transfer("B", "N")))
    database = Database(writer.settings.database_url)
    async with database.writing() as connection:
        await connection.execute(
            text(
                "INSERT INTO appointment (id, principal, role, unit_id, valid_from) "
                "SELECT '00000000000000000000000000000001', 'new', 'secretary', id, '2024-06-15' "
                "FROM unit WHERE code = 'N'"
            )
        )
        await connection.execute(text("UPDATE revision SET policy_version = policy_version + 1"))
    await database.close()
    meeting = """mutation { recordMeeting(input: {unitCode: "N", heldOn: "2024-06-15",
      kind: REGULAR, form: IN_PERSON, membersExpected: 1, membersPresent: 1}) { id } }"""
    await writer.data("new", meeting)
    error = await reversal(writer, "leader_d", "1")
    assert [each["message"] for each in error["extensions"]["problems"]] == [
        "Records hold on to what it made: 1.",
        "Appointments hold on to what it made: 1.",
        "Later decisions hold on to what it made: 1. (2)",
    ]
    assert {each["code"] for each in error["extensions"]["problems"]} == {CONFLICT}
    assert (await writer.data("leader_d", '{ unit(code: "N") { code } }'))["unit"] is not None


# ---- what is foreseen


async def test_what_is_foreseen_is_what_comes(writer: Client) -> None:
    """Units and records as they are counted before and after, of the viewer's part."""
    given = decision(
        "1", "T", "2024-06-15", establish("N", "E"), merge("G", into="N"), dissolve("H")
    )
    preview = (await writer.data("leader_t", PREVIEW, {"input": given}))["previewDecision"]
    counts = """{ d: meetingSummary(within: "D") { meetings } e: meetingSummary(within: "E")
      { meetings } f: evaluationSummary(within: "E") { evaluations }
      g: inspectionSummary(within: "E") { inspections } }"""
    before = await writer.data("leader_t", counts)
    await decide(writer, "leader_t", given)
    after = await writer.data("leader_t", counts)
    assert (preview["unitsMoved"], preview["unitsClosed"], preview["unitsEstablished"]) == (2, 2, 1)
    moved = {
        key: after[key][0][name] - before[key][0][name]
        for key, name in (
            ("d", "meetings"),
            ("e", "meetings"),
            ("f", "evaluations"),
            ("g", "inspections"),
        )
    }
    assert moved == {"d": -4, "e": 4, "f": 3, "g": 3}
    assert preview["meetingsMoved"] == 4
    assert (preview["evaluationsMoved"], preview["inspectionsMoved"]) == (3, 3)
    assert preview["sightChanges"] == []


async def test_a_preview_tells_whose_sight_would_change(reorganised: Client) -> None:
    """Of the appointments that the viewer may read, without the units above; one at a unit that
    is closed gives nothing any more. G has B, and O and F, which are closed."""
    given = decision("7", "T", "2024-07-01", establish("N", "D"), merge("G", into="N"))
    found = await reorganised.data("boss", PREVIEW, {"input": given})
    changes = [
        (each["unit"]["code"], each["role"], each["principal"], each["gained"], each["lost"])
        for each in found["previewDecision"]["sightChanges"]
    ]
    assert changes == [
        ("D", "inspection_commission", "commission_d", 5, 0),
        ("D", "leader", "leader_d", 5, 0),
        ("D", "organisation_board", "board_d", 5, 0),
        ("E", "leader", "leader_e", 0, 4),
        ("G", "administrator", "both", 0, 4),
        ("G", "inspection_commission", "commission_g", 0, 4),
        ("G", "secretary", "secretary_g", 0, 4),
        ("T", "administrator", "administrator_t", 1, 0),
        ("T", "administrator", "boss", 1, 0),
        ("T", "auditor", "auditor_t", 1, 0),
        ("T", "leader", "boss", 1, 0),
        ("T", "leader", "leader_t", 1, 0),
    ]


async def test_a_preview_writes_nothing(writer: Client) -> None:
    before = await stored(writer)
    given = decision("1", "D", "2024-06-15", establish("N", "D"), merge("G", into="N"))
    await writer.data("leader_d", PREVIEW, {"input": given})
    assert await stored(writer) == before


async def test_recording_for_a_unit_that_a_decision_closed_or_moved(writer: Client) -> None:
    """A closed one is named; one that has left reads as unknown."""
    meeting = """mutation {{ recordInspection(input: {{unitCode: "{}", byUnitCode: "D",
      body: COMMITTEE, kind: INSPECTION, ground: PROGRAMME, status: OPEN, openedOn: "2024-06-15"}})
      {{ id }} }}"""
    await decide(writer, "leader_d", decision("1", "D", "2024-06-15", dissolve("H")))
    await decide(writer, "leader_t", decision("2", "T", "2024-06-15", transfer("G", "E")))
    closed = await writer.error("commission_d", meeting.format("H"))
    assert closed["extensions"] == {"code": BAD, "field": "unitCode"}
    moved = await writer.error("commission_d", meeting.format("B"))
    assert moved["extensions"] == {"code": NOT_FOUND}


async def test_a_decision_is_a_node(writer: Client) -> None:
    given = decision("12:3-QĐ/HU", "D", "2024-06-15", rename("G", "x"))
    answer = await decide(writer, "leader_d", given)
    query = f"{{ node(id: {json.dumps(answer['id'])}) {{ ... on Decision {{ {SEEN} }} }} }}"
    assert (await writer.data("leader_d", query))["node"] == answer
    assert (await writer.data("leader_e", query))["node"] is None


# ---- the schema

CONTRACT = parse((Path(__file__).parent / "reorganisation.graphql").read_text(encoding="utf-8"))


def signatures(document: DocumentNode) -> dict[str, set[str]]:
    """Of each type its fields with their arguments, and its interfaces and directives."""
    found = {}
    for node in document.definitions:
        if isinstance(node, TypeDefinitionNode):
            names = ("interfaces", "directives", "fields", "values")
            parts = [part for name in names for part in getattr(node, name, None) or ()]
            found[node.name.value] = {print_ast(part) for part in parts}
    return found


def test_the_schema_offers_what_clients_hold_on_to() -> None:
    """Every type, field, argument and default of reorganisation, as it was promised."""
    bare = re.sub(r'"""[\s\S]*?"""', "", schema.as_str())
    offered = signatures(parse(bare))
    for name, promised in signatures(CONTRACT).items():
        assert promised <= offered[name], name
