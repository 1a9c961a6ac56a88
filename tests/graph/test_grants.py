"""Grants through the API: what is shown to whom, for how long, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from authz.tables import grant as grant_table
from graph.execution import Executor, Request
from graph.limits import Limits
from hierarchy.tables import unit as unit_table
from records.tables import audit_entry, client_key
from server.database import Database
from tests import province
from tests.graph.reorganised import decide, decision, dissolve, establish, reverse, transfer
from tests.province import TODAY, Client

FIELDS = """id of { code } to { code } roles resources actions maxRank purpose validFrom validTo
  grantedBy revokedAt"""
GRANT = f"mutation ($input: GrantInput!) {{ grant(input: $input) {{ {FIELDS} }} }}"
REVOKE = f"""mutation ($id: ID!, $reason: String!) {{
  revokeGrant(id: $id, reason: $reason) {{ {FIELDS} }} }}"""
NODE = f"query ($id: ID!) {{ node(id: $id) {{ ... on Grant {{ {FIELDS} }} }} }}"
FIGURES = {
    "of": "G",
    "to": "E",
    "roles": ["leader"],
    "resources": ["meeting", "evaluation"],
    "actions": ["summarise"],
    "purpose": "Phối hợp",
    "validFrom": "2024-01-01",
    "validTo": "2025-01-01",
}
"""Leaders of E see the figures of G's meetings and evaluations."""
RECORDS = FIGURES | {"actions": ["read", "summarise"]}
TOMORROW = "2024-06-16"
BAD, NOT_FOUND, FORBIDDEN, CONFLICT = "BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN", "CONFLICT"
Refusal = tuple[str, str | None]


async def give(client: Client, by: str = "leader_d", **changes: Any) -> Any:
    """The grant as it was answered."""
    return (await client.data(by, GRANT, {"input": FIGURES | changes}))["grant"]


async def revoke(client: Client, id: str, by: str = "leader_d") -> Any:
    return (await client.data(by, REVOKE, {"id": id, "reason": "Xong"}))["revokeGrant"]


async def refusal(client: Client, by: str = "leader_d", **changes: Any) -> Refusal:
    """Code and field of the only error, once it is sure that nothing was stored."""
    return await refused(client, by, GRANT, {"input": FIGURES | changes})


async def no_revocation(
    client: Client, id: str, by: str = "leader_d", reason: str = "Xong"
) -> Refusal:
    return await refused(client, by, REVOKE, {"id": id, "reason": reason})


async def refused(client: Client, by: str, query: str, variables: dict[str, Any]) -> Refusal:
    before = await stored(client)
    error = await client.error(by, query, variables)
    assert await stored(client) == before
    return error["extensions"]["code"], error["extensions"].get("field")


async def stored(client: Client) -> list[list[Any]]:
    """All grants, client keys and entries of the trail, which others seal meanwhile; what was
    tried is told though nothing is stored."""
    statements = (
        select(grant_table).order_by(grant_table.c.id),
        select(client_key).order_by(client_key.c.key),
        select(audit_entry.c.id, audit_entry.c.hash)
        .where(audit_entry.c.action != "try")
        .order_by(audit_entry.c.id),
    )
    database = Database(client.settings.database_url)
    async with database.reading() as connection:
        found = [list((await connection.execute(each)).all()) for each in statements]
    await database.close()
    return found


async def sees(client: Client, who: str = "leader_e", code: str = "G") -> bool:
    return (await client.data(who, f'{{ unit(code: "{code}") {{ code }} }}'))["unit"] is not None


async def appoint(client: Client, principal: str, role: str, code: str) -> str:
    query = f"""mutation {{ appoint(input: {{principal: "{principal}", role: "{role}",
      unitCode: "{code}", validFrom: "2024-06-15"}}) {{ id }} }}"""
    found: str = (await client.data("administrator_t", query))["appoint"]["id"]
    return found


async def dismiss(client: Client, principal: str) -> None:
    """Ends the principal's only appointment today."""
    query = f'{{ appointments(principal: "{principal}") {{ nodes {{ id }} }} }}'
    [found] = (await client.data("administrator_t", query))["appointments"]["nodes"]
    end = f'mutation {{ endAppointment(id: "{found["id"]}", on: "{TODAY}") {{ id }} }}'
    await client.data("administrator_t", end)


# ---- what a grant shows

SHOWN = """{ unit(code: "G") { path { code } children { nodes { code } } meetings { totalCount }
    meetingSummary { meetings } evaluationSummary { evaluations }
    inspectionSummary { inspections } }
  branch: unit(code: "B") { meetings { nodes { topic } } }
  units { nodes { code } } meetingSummary { meetings } viewer { appointments { role } } }"""


async def test_holders_see_the_figures_they_were_granted(either: Client) -> None:
    """And the units they are about with those above; no record, no other kind, no other unit."""
    assert await sees(either) is False
    await give(either)
    found = await either.data("leader_e", SHOWN)
    assert found["unit"] == {
        "path": [{"code": "T"}, {"code": "D"}, {"code": "G"}],
        "children": {"nodes": [{"code": "B"}, {"code": "C"}]},
        "meetings": None,
        "meetingSummary": [{"meetings": 4}],
        "evaluationSummary": [{"evaluations": 3}],
        "inspectionSummary": None,
    }
    assert found["branch"] == {"meetings": None}
    assert [each["code"] for each in found["units"]["nodes"]] == list("BCDEFGT")
    assert found["meetingSummary"] == [{"meetings": 5}]
    assert found["viewer"] == {"appointments": [{"role": "leader"}]}


async def test_records_where_they_were_granted(writer: Client) -> None:
    await give(writer, **RECORDS)
    found = await writer.data("leader_e", SHOWN)
    topics = [each["topic"] for each in found["branch"]["meetings"]["nodes"]]
    assert topics == ["Chuyên đề", "Tháng 1"]
    meetings = "{ meetings { totalCount } evaluations { totalCount } }"
    counts = await writer.data("leader_e", meetings)
    assert counts == {"meetings": {"totalCount": 5}, "evaluations": {"totalCount": 3}}


async def test_it_is_for_holders_of_the_role_at_the_unit_itself(writer: Client) -> None:
    """Not for other roles there, nor for leaders below it or elsewhere."""
    await appoint(writer, "officer_e", "officer", "E")
    await appoint(writer, "leader_f", "leader", "F")
    await give(writer)
    assert await sees(writer, "leader_e")
    for who in ("officer_e", "leader_f", "secretary_o", "nobody"):
        assert not await sees(writer, who)


async def test_each_role_sees_what_it_would_there(writer: Client) -> None:
    """The office of a district reads no evaluations: neither does E's by the grant."""
    await appoint(writer, "office_e", "office", "E")
    await give(writer, **RECORDS | {"roles": ["office"]})
    query = '{ unit(code: "B") { meetings { totalCount } evaluations { totalCount } } }'
    found = await writer.data("office_e", query)
    assert found["unit"] == {"meetings": {"totalCount": 2}, "evaluations": None}


async def test_a_rank_bounds_what_is_seen(writer: Client) -> None:
    await give(writer, **RECORDS | {"of": "D", "maxRank": 3})
    query = """{ units(within: "D") { nodes { code } } unit(code: "D") {
      meetingSummary { meetings } } meetings(within: "D") { totalCount } }"""
    assert await writer.data("leader_e", query) == {
        "units": {"nodes": [{"code": "D"}, {"code": "G"}, {"code": "H"}]},
        "unit": {"meetingSummary": [{"meetings": 1}]},
        "meetings": {"totalCount": 1},
    }


async def test_never_more_than_the_grantor_could_see(writer: Client) -> None:
    """A province's leader reads no branch's records; its figures are the leader's to show."""
    await give(writer, "leader_t", **RECORDS)
    found = await writer.data("leader_e", SHOWN)
    assert found["unit"]["meetings"] == {"totalCount": 0}
    assert found["branch"] == {"meetings": None}
    assert found["unit"]["meetingSummary"] == [{"meetings": 4}]


async def test_never_what_was_granted_to_the_grantor(writer: Client) -> None:
    """Neither passed on by itself, nor within a grant of one's own."""
    await give(writer, **RECORDS)
    assert await refusal(writer, "leader_e", **RECORDS | {"to": "H"}) == (FORBIDDEN, None)
    own = {"roles": ["leader"], "resources": ["meeting"], "actions": ["read", "summarise"]}
    await give(writer, "leader_t", **own, of="H", to="G")  # the province reads down to H
    await give(writer, "leader_t", **own, of="B", to="H", purpose="figures alone")
    await appoint(writer, "leader_h", "leader", "H")
    query = '{ unit(code: "B") { meetings { totalCount } meetingSummary { meetings } } }'
    found = await writer.data("leader_h", query)
    assert found["unit"] == {"meetings": None, "meetingSummary": [{"meetings": 2}]}


async def test_never_an_open_inspection_on_signs(writer: Client) -> None:
    """In no list, sum or node; what is concluded or on other grounds is seen."""
    await give(writer, of="D", resources=["inspection"], actions=["read", "summarise"])
    query = """{ inspections { nodes { id ground } totalCount } inspectionSummary { inspections }
      unit(code: "B") { inspections { totalCount } inspectionSummary { inspections } } }"""
    found = await writer.data("leader_e", query)
    assert sorted(each["ground"] for each in found["inspections"]["nodes"]) == [
        "COMPLAINT",
        "PROGRAMME",
        "PROGRAMME",
    ]
    assert found["inspections"]["totalCount"] == 3
    assert found["inspectionSummary"] == [{"inspections": 3}]
    assert found["unit"] == {
        "inspections": {"totalCount": 1},
        "inspectionSummary": [{"inspections": 1}],
    }
    seen = await writer.data("leader_d", "{ inspections { nodes { id ground } } }")
    [signs] = [each for each in seen["inspections"]["nodes"] if each["ground"] == "SIGNS"]
    node = {"id": signs["id"]}
    query = "query ($id: ID!) { node(id: $id) { id } }"
    assert await writer.data("leader_d", query, node) == {"node": node}
    assert await writer.data("leader_e", query, node) == {"node": None}


async def test_never_the_right_to_record(writer: Client) -> None:
    await appoint(writer, "secretary_e", "secretary", "E")
    await give(writer, **RECORDS | {"roles": ["secretary"]})
    record = """mutation { recordMeeting(input: {unitCode: "G", heldOn: "2024-06-01", kind: REGULAR,
      form: ONLINE, membersExpected: 1, membersPresent: 1}) { id } }"""
    error = await writer.error("secretary_e", record)
    assert error["extensions"]["code"] == FORBIDDEN
    rename = """mutation { decide(input: {number: "1", title: "x", issuedBy: "G",
      issuedOn: "2024-06-01", effectiveOn: "2024-06-15",
      changes: [{rename: {unit: "B", name: "x"}}]}) { number } }"""
    error = await writer.error("secretary_e", rename)
    assert error["extensions"]["code"] == FORBIDDEN


async def test_it_is_measured_on_the_tree_asked_for(writer: Client) -> None:
    """C leaves G: of the past it is seen, of today no longer."""
    await give(writer, **RECORDS)
    await decide(writer, "leader_d", decision("1", "D", "2024-06-15", establish("N", "D")))
    await decide(writer, "leader_d", decision("2", "D", "2024-06-15", transfer("C", "N")))
    query = """{ now: unit(code: "C") { code } then: unit(code: "C", asOf: "2024-06-01") { code }
      unit(code: "G") { meetingSummary { meetings } }
      before: unit(code: "G", asOf: "2024-06-01") { meetingSummary { meetings } } }"""
    assert await writer.data("leader_e", query) == {
        "now": None,
        "then": {"code": "C"},
        "unit": {"meetingSummary": [{"meetings": 3}]},
        "before": {"meetingSummary": [{"meetings": 4}]},
    }


@pytest.mark.parametrize(
    ("first", "last", "holds"),
    [
        ("2024-06-15", "2024-06-16", True),
        ("2024-06-16", "2024-06-17", False),
        ("2024-06-01", "2024-06-15", False),
    ],
)
async def test_it_holds_from_its_first_day_to_before_its_last(
    writer: Client, first: str, last: str, holds: bool
) -> None:
    await give(writer, validFrom=first, validTo=last)
    assert await sees(writer) is holds


# ---- how long it lives


async def test_a_revoked_grant_is_dead_at_the_next_request(either: Client) -> None:
    """And in the same one, for what comes after it; it is still told of."""
    made = await give(either)
    assert made["revokedAt"] is None
    assert await sees(either)
    gone = await revoke(either, made["id"])
    assert gone["revokedAt"] is not None
    assert not await sees(either)
    assert (await either.data("leader_e", NODE, {"id": made["id"]}))["node"] == gone
    assert await no_revocation(either, made["id"]) == (CONFLICT, None)
    query = '{ grants { totalCount } now: grants(inForceOn: "2024-06-15") { totalCount } }'
    counts = await either.data("leader_d", query)
    assert counts == {"grants": {"totalCount": 1}, "now": {"totalCount": 0}}


async def test_the_closing_of_either_unit_ends_it(writer: Client) -> None:
    await appoint(writer, "leader_f", "leader", "F")
    await give(writer, of="B")
    await give(writer, of="C", to="F")
    assert await sees(writer, "leader_e", "B")
    assert await sees(writer, "leader_f", "C")
    await decide(writer, "leader_d", decision("1", "D", "2024-06-15", dissolve("B")))
    assert not await sees(writer, "leader_e", "B")
    await decide(writer, "leader_e", decision("2", "E", TOMORROW, dissolve("F")))
    assert await sees(writer, "leader_f", "C")
    await reverse(writer, "leader_e", "2")
    await decide(writer, "leader_e", decision("3", "E", "2024-06-15", dissolve("F")))
    assert not await sees(writer, "leader_f", "C")


async def test_it_goes_with_its_unit(writer: Client) -> None:
    """G goes from D to E: what was granted of it, to H, holds on, though D's leader lost it."""
    await appoint(writer, "leader_h", "leader", "H")
    await give(writer, **RECORDS | {"to": "H"})
    await decide(writer, "leader_t", decision("1", "T", "2024-06-15", transfer("G", "E")))
    assert not await sees(writer, "leader_d")
    query = '{ unit(code: "B") { path { code } meetings { totalCount } } }'
    assert await writer.data("leader_h", query) == {
        "unit": {
            "path": [{"code": each} for each in "TEGB"],
            "meetings": {"totalCount": 2},
        }
    }


async def test_earlier_trees_show_no_more_than_they_showed_the_grantor(writer: Client) -> None:
    """G came to E in March: what it was under D is not E's to show."""
    await appoint(writer, "leader_f", "leader", "F")
    given = [establish("M", "D"), transfer("C", "M")]
    await decide(writer, "leader_t", decision("1", "T", "2024-02-01", *given))
    await decide(writer, "leader_t", decision("2", "T", "2024-03-01", transfer("G", "E")))
    await give(writer, "leader_e", **RECORDS | {"to": "F"})
    asked = """{ then: unit(code: "B", asOf: "2024-02-15") { name }
      gone: unit(code: "C", asOf: "2024-01-10") { name }
      past: unit(code: "G", asOf: "2024-02-15") { meetingSummary { meetings } }
      unit(code: "G") { history { from parent { code } } meetingSummary { meetings }
        recorded: meetingSummary(attribution: AS_RECORDED) { meetings } }
      decisions { nodes { number } } }"""
    granted, grantor = [await writer.data(who, asked) for who in ("leader_f", "leader_e")]
    assert granted == grantor
    assert (granted["then"], granted["gone"], granted["past"]) == (None, None, None)
    assert granted["unit"]["meetingSummary"] == [{"meetings": 3}]
    assert await sees(writer, "leader_f", "B")


async def test_a_code_out_of_sight_is_not_tried_without_a_trace(writer: Client) -> None:
    """A grant that is undone with the rest of its request, or names nothing, is told; a closed
    unit out of sight reads as unknown."""
    await decide(writer, "leader_e", decision("1", "E", "2024-05-01", establish("K", "E")))
    await decide(writer, "leader_e", decision("2", "E", "2024-06-01", dissolve("K")))
    query = """mutation ($input: GrantInput!) { grant(input: $input) { id }
      withdraw(id: "x", revision: 1, reason: "x") }"""
    for code in ("E", "NOPE", "K"):
        error = await writer.error("leader_d", query, {"input": FIGURES | {"to": code}})
        assert error["extensions"]["code"] == NOT_FOUND
    told = '{ audit(action: "try") { nodes { principal unit { code } detail } } }'
    nodes = (await writer.data("auditor_t", told))["audit"]["nodes"]
    assert nodes == [
        {
            "principal": "leader_d",
            "unit": {"code": "G"},
            "detail": f"Tried to grant sight to {code}, and nothing was stored.",
        }
        for code in ("K", "NOPE", "E")
    ]


async def test_it_outlives_the_grantors_office(writer: Client) -> None:
    await give(writer)
    await dismiss(writer, "leader_d")
    assert not await sees(writer, "leader_d")
    assert await sees(writer)


async def test_it_ends_for_whoever_leaves_the_office(writer: Client) -> None:
    await give(writer)
    await dismiss(writer, "leader_e")
    assert not await sees(writer)


async def test_what_a_decision_made_is_held_on_to_by_grants(writer: Client) -> None:
    """Past and revoked ones too."""
    await decide(writer, "leader_d", decision("1", "D", "2024-06-15", establish("N", "D")))
    made = await give(writer, of="N")
    await give(writer, "leader_e", of="E", to="N", validTo="2024-02-01")
    await revoke(writer, made["id"])
    query = 'mutation { reverseDecision(number: "1", reason: "Nhầm") { number } }'
    error = await writer.error("leader_d", query)
    assert error["extensions"]["code"] == CONFLICT
    assert error["message"] == "Grants hold on to what it made: 2."


# ---- what is refused

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("no role", {"roles": []}, "roles"),
    ("a role of no policy", {"roles": ["leader", "king"]}, "roles"),
    ("no resource", {"resources": []}, "resources"),
    ("a resource that is none", {"resources": ["unit"]}, "resources"),
    ("no action", {"actions": []}, "actions"),
    ("an action that gives more than sight", {"actions": ["read", "record"]}, "actions"),
    ("a rank below nought", {"maxRank": -1}, "maxRank"),
    ("no purpose", {"purpose": " \n"}, "purpose"),
    ("a purpose that cannot be stored", {"purpose": "a\0b"}, "purpose"),
    ("a purpose without end", {"purpose": "x" * 10_001}, "purpose"),
    ("no day", {"validTo": "2024-01-01"}, "validTo"),
    ("an end before the beginning", {"validTo": "2023-12-31"}, "validTo"),
    ("five years and a day", {"validTo": "2029-01-02"}, "validTo"),
    ("an empty key", {"clientKey": ""}, "clientKey"),
    ("a key that cannot be stored", {"clientKey": "a\0b"}, "clientKey"),
]


@pytest.mark.parametrize(
    ("changes", "field"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG]
)
async def test_what_the_input_shows_is_told_first(
    writer: Client, changes: dict[str, Any], field: str
) -> None:
    """To whoever asks, of units that are not there too."""
    for who, of in (("leader_d", "G"), ("nobody", "G"), ("leader_d", "nowhere")):
        assert await refusal(writer, who, **changes | {"of": of}) == (BAD, field)


async def test_five_years_are_the_most(writer: Client) -> None:
    await give(writer, validTo="2029-01-01")
    leap = {"validFrom": "2024-02-29"}
    await give(writer, **leap, validTo="2029-03-01")
    assert await refusal(writer, **leap, validTo="2029-03-02") == (BAD, "validTo")
    assert await refusal(writer, validFrom="9998-01-01", validTo="9998-01-01") == (BAD, "validTo")
    await give(writer, validFrom="9998-01-01", validTo="9999-12-31")


async def test_the_order_of_refusals(writer: Client) -> None:
    """`of` in sight, the right, something to show, the key, `to`, where both stand."""
    key = {"clientKey": "k"}
    await give(writer, **key)
    for of in ("nowhere", "G\0", "E"):
        assert await refusal(writer, of=of, to="nowhere", **key) == (NOT_FOUND, None)
    assert await refusal(writer, "leader_e", of="H", to="nowhere") == (NOT_FOUND, None)
    assert await refusal(writer, "leader_e", to="nowhere") == (FORBIDDEN, None)
    for who in ("secretary_g", "auditor_t", "administrator_t", "commission_d"):
        assert await refusal(writer, who, to="nowhere") == (FORBIDDEN, None)
    # The province's leader reads the records of no branch.
    nothing = {"of": "B", "resources": ["meeting"], "actions": ["read"]}
    assert await refusal(writer, "leader_t", to="nowhere", **nothing) == (FORBIDDEN, None)
    error = await writer.error("leader_t", GRANT, {"input": FIGURES | nothing})
    assert error["message"].startswith("Your own appointments show nothing there")
    assert await refusal(writer, to="nowhere", **key) == (CONFLICT, "clientKey")
    for to in ("nowhere", "E\0"):
        assert await refusal(writer, to=to) == (NOT_FOUND, None)
    for to in ("G", "B", "D", "T"):
        assert await refusal(writer, to=to) == (BAD, "to")
    assert await refusal(writer, of="H", to="O") == (BAD, "to")
    assert await refusal(writer, of="O", to="E") == (BAD, "of")


async def test_a_part_of_what_is_asked_may_be_nothing(writer: Client) -> None:
    """The province's leader gives the figures of a branch, and of its records nothing."""
    await give(writer, "leader_t", **RECORDS | {"of": "B"})
    query = '{ unit(code: "B") { meetings { totalCount } meetingSummary { meetings } } }'
    found = await writer.data("leader_e", query)
    assert found["unit"] == {"meetings": None, "meetingSummary": [{"meetings": 2}]}


async def test_who_may_revoke(writer: Client) -> None:
    """Whoever may grant there, not the grantor alone; others who see it may not."""
    made = (await give(writer))["id"]
    for reason in ("", " ", "x" * 10_001, "a\0b"):
        assert await no_revocation(writer, made, reason=reason) == (BAD, "reason")
        assert await no_revocation(writer, "nonsense", reason=reason) == (BAD, "reason")
    for who in ("secretary_b", "secretary_g", "administrator_t", "nobody"):
        assert await no_revocation(writer, made, who) == (NOT_FOUND, None)
    for who in ("leader_e", "auditor_t"):
        assert await no_revocation(writer, made, who) == (FORBIDDEN, None)
    unit = (await writer.data("leader_d", '{ unit(code: "G") { id } }'))["unit"]["id"]
    for id_ in ("nonsense", "", unit):
        assert await no_revocation(writer, id_) == (NOT_FOUND, None)
    assert (await revoke(writer, made, "leader_t"))["grantedBy"] == "leader_d"


async def test_all_of_a_request_or_nothing(writer: Client) -> None:
    """One that fails takes back what was made before it in the same request."""
    query = """mutation ($a: GrantInput!, $b: GrantInput!) {
      a: grant(input: $a) { id } b: grant(input: $b) { id } }"""
    given = {"a": FIGURES, "b": FIGURES | {"to": "nowhere"}}
    assert await refused(writer, "leader_d", query, given) == (NOT_FOUND, None)
    assert not await sees(writer)


# ---- client keys


async def test_a_key_answers_with_what_it_stored(writer: Client) -> None:
    """As it is now; with other content it is CONFLICT; another's key is another's."""
    first = await give(writer, clientKey="k")
    before = await stored(writer)
    assert await give(writer, clientKey="k") == first
    assert await stored(writer) == before
    assert await refusal(writer, clientKey="k", purpose="khác") == (CONFLICT, "clientKey")
    assert await refusal(writer, clientKey="k", of="H") == (CONFLICT, "clientKey")
    other = await give(writer, "leader_t", clientKey="k")
    assert (other["id"] != first["id"], other["grantedBy"]) == (True, "leader_t")
    gone = await revoke(writer, first["id"])
    assert await give(writer, clientKey="k") == gone


async def test_a_key_is_worth_nothing_to_the_dismissed(writer: Client) -> None:
    """Out of sight for them, as what never was; still in sight but without the right: refused."""
    await give(writer, clientKey="k")
    await appoint(writer, "leader_h", "leader", "H")
    await dismiss(writer, "leader_d")
    assert await refusal(writer, clientKey="k") == (NOT_FOUND, None)
    await appoint(writer, "leader_d", "office", "D")
    assert await refusal(writer, clientKey="k") == (FORBIDDEN, None)


async def test_a_key_of_another_thing_is_no_key_here(writer: Client) -> None:
    """Keys are one name space for each principal (decision 6)."""
    given = decision("1", "D", "2024-06-15", establish("N", "D"), clientKey="k")
    await decide(writer, "leader_d", given)
    assert await refusal(writer, clientKey="k") == (CONFLICT, "clientKey")


# ---- who reads them


async def test_grants_are_read_at_either_end(writer: Client) -> None:
    made = [await give(writer), await give(writer, of="H", purpose="khác")]
    listed = f"{{ grants {{ nodes {{ {FIELDS} }} totalCount }} }}"
    for who in ("leader_d", "leader_e", "leader_t", "auditor_t"):
        found = (await writer.data(who, listed))["grants"]
        assert found == {"nodes": made, "totalCount": 2}
        assert (await writer.data(who, NODE, {"id": made[0]["id"]}))["node"] == made[0]
    for who in ("secretary_g", "secretary_b", "administrator_t", "commission_d", "nobody"):
        assert (await writer.error(who, listed))["extensions"]["code"] == FORBIDDEN
        assert (await writer.data(who, NODE, {"id": made[0]["id"]}))["node"] is None


async def test_the_other_end_shows_its_own_fields_alone(writer: Client) -> None:
    """To the grantor, of the unit granted to; to its holders, of what is above what they see."""
    end = """code name kind { code } parent { code } path { code } children { totalCount }
      meetings { totalCount } meetingSummary { meetings } history { from }"""
    query = f"{{ grants {{ nodes {{ to {{ {end} }} }} }} }}"
    await give(writer)
    [found] = (await writer.data("leader_d", query))["grants"]["nodes"]
    assert found["to"] == {
        "code": "E",
        "name": "Huyện ủy E",
        "kind": {"code": "district"},
        "parent": None,
        "path": [{"code": "E"}],
        "children": {"totalCount": 0},
        "meetings": None,
        "meetingSummary": None,
        "history": [],
    }


@pytest.mark.parametrize(
    "query",
    [
        "query ($id: ID!) { a: node(id: $id) { id } b: node(id: $id) { ... on Node { id } } }",
        "query ($id: ID!) { a: node(id: $id) { ...F } } "
        "fragment F on Node { ... on Grant { purpose of { code } } }",
        "query ($id: ID!) { a: node(id: $id) { __typename ... on Appointment { principal } } }",
    ],
)
async def test_strangers_learn_nothing_by_its_id(writer: Client, query: str) -> None:
    """However it is asked for: as of an id that never was."""
    made = (await give(writer))["id"]
    none = (await give(writer, to="H"))["id"]
    for who in ("secretary_g", "administrator_t", "nobody"):
        answers = [await writer.ask(who, query, {"id": id_}) for id_ in (made, none, "nonsense")]
        assert answers[0] == answers[1] == answers[2]
        assert set(answers[0]["data"].values()) == {None}


async def test_within_and_in_force(writer: Client) -> None:
    """`within`: either unit in that subtree; `inForceOn`: from the first day to before the last."""
    await give(writer, validTo="2024-03-01")
    await give(writer, of="H", to="F")
    await give(writer, "leader_e", of="F", to="H")

    async def listed(who: str, arguments: str) -> list[str]:
        query = f"{{ grants({arguments}) {{ nodes {{ of {{ code }} }} }} }}"
        return [each["of"]["code"] for each in (await writer.data(who, query))["grants"]["nodes"]]

    assert await listed("leader_t", 'within: "T"') == ["F", "G", "H"]
    assert await listed("leader_t", 'within: "G"') == ["G"]
    assert await listed("leader_t", 'within: "F"') == ["F", "H"]
    assert await listed("leader_t", 'inForceOn: "2024-02-29"') == ["F", "G", "H"]
    assert await listed("leader_t", 'inForceOn: "2024-03-01"') == ["F", "H"]
    assert await listed("leader_t", 'inForceOn: "2023-12-31"') == []
    error = await writer.error("leader_d", '{ grants(within: "E") { totalCount } }')
    assert error["extensions"]["code"] == NOT_FOUND


async def test_within_a_unit_seen_otherwise_are_the_grants_in_sight(writer: Client) -> None:
    """Who reads grants at D alone, and sees E: FORBIDDEN there while none in sight ends in it."""
    appoint = """mutation { appoint(input: {principal: "leader_d", role: "secretary",
      unitCode: "E", validFrom: "2024-01-01"}) { id } }"""
    await writer.data("administrator_t", appoint)
    asked = '{ grants(within: "E") { totalCount nodes { of { code } } } }'
    assert (await writer.error("leader_d", asked))["extensions"]["code"] == "FORBIDDEN"
    await give(writer, of="G", to="E")
    found = (await writer.data("leader_d", asked))["grants"]
    assert found == {"totalCount": 1, "nodes": [{"of": {"code": "G"}}]}


async def test_pages_follow_each_other_by_cursors_of_this_list_alone(writer: Client) -> None:
    """By code of `of`, first day, id; what is added before the cursor shifts nothing."""
    for of, first in (("H", "2024-01-01"), ("G", "2024-02-01"), ("G", "2024-01-01")):
        await give(writer, of=of, validFrom=first)
    query = """query ($first: Int, $after: String, $within: String) {
      grants(first: $first, after: $after, within: $within) {
        nodes { of { code } validFrom } totalCount
        pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
    after, found = None, []
    for at in range(3):
        page = (await writer.data("leader_d", query, {"first": 1, "after": after}))["grants"]
        found += [(each["of"]["code"], each["validFrom"]) for each in page["nodes"]]
        info = page["pageInfo"]
        assert page["totalCount"] == 3 + (at > 0)
        assert (info["hasNextPage"], info["hasPreviousPage"]) == (at < 2, at > 0)
        after = info["endCursor"]
        if not at:
            await give(writer, of="B")
    assert found == [("G", "2024-01-01"), ("G", "2024-02-01"), ("H", "2024-01-01")]
    assert after is not None
    units = await writer.data("leader_d", "{ units(first: 1) { pageInfo { endCursor } } }")
    foreign = units["units"]["pageInfo"]["endCursor"]
    forged = after[:-2] + ("AA" if after[-2:] != "AA" else "BB")
    for variables in (
        {"after": foreign},
        {"after": forged},
        {"after": "x"},
        {"after": after, "within": "D"},
    ):
        error = await writer.error("leader_d", query, variables)
        assert error["extensions"] == {"code": BAD, "field": "after"}
    for first in (-1, 201):
        error = await writer.error("leader_d", query, {"first": first})
        assert error["extensions"] == {"code": BAD, "field": "first"}


# ---- the trail


async def test_the_trail_tells_of_it(writer: Client) -> None:
    made = await give(writer, clientKey="k")
    await give(writer, clientKey="k")
    await revoke(writer, made["id"], "leader_t")
    database = Database(writer.settings.database_url)
    async with database.reading() as connection:
        rows = await connection.execute(
            select(audit_entry, unit_table.c.code)
            .join(unit_table, unit_table.c.id == audit_entry.c.unit_id)
            .where(audit_entry.c.resource == "grant")
            .order_by(audit_entry.c.id)
        )
        told = [(row.principal, row.action, row.code, row.subject, row.detail) for row in rows]
        [id_] = (await connection.execute(select(grant_table.c.id))).scalars()
    await database.close()
    assert [each[:4] for each in told] == [
        ("leader_d", "grant", "G", id_.hex),
        ("leader_t", "revoke", "G", id_.hex),
    ]
    assert json.loads(told[0][4]) == {"to": "E", "roles": ["leader"]}
    assert json.loads(told[1][4]) == {"reason": "Xong"}


# ---- what the database is asked


async def test_unknown_costs_what_unreachable_costs(sqlite_url: str, writer: Client) -> None:
    """The same error by as many statements: of both ends, of an id, of a revocation."""
    made = (await give(writer))["id"]
    unknown = (await give(writer, to="H"))["id"]
    database = Database(sqlite_url)
    async with database.writing() as connection:
        rows = grant_table.c.to_unit_id.in_(select(unit_table.c.id).where(unit_table.c.code == "H"))
        await connection.execute(grant_table.delete().where(rows))
    executor = Executor(database, Limits(), b"k" * 32, lambda: TODAY)

    async def asked(who: str, query: str, variables: dict[str, Any]) -> tuple[Any, list[str]]:
        request = Request(query, variables, None, "en")
        await executor.answer(request, who)  # what is kept is warm
        with province.statements(database) as seen:
            answer = await executor.answer(request, who)
        return answer.body, seen

    alike: list[tuple[str, str, list[dict[str, Any]]]] = [
        ("leader_e", GRANT, [{"input": FIGURES | {"of": of}} for of in ("G9", "H", "T9")]),
        ("secretary_b", GRANT, [{"input": FIGURES | {"of": of}} for of in ("G9", "H")]),
        ("secretary_g", GRANT, [{"input": FIGURES | {"to": to}} for to in ("G9", "H", "E")]),
        ("secretary_g", REVOKE, [{"id": id_, "reason": "x"} for id_ in (made, unknown)]),
        ("secretary_g", NODE, [{"id": id_} for id_ in (made, unknown)]),
        (
            "leader_d",
            "query ($w: String) { grants(within: $w) { totalCount } }",
            [{"w": code} for code in ("E", "F", "E9")],
        ),
    ]
    for who, query, choices in alike:
        answers = [await asked(who, query, each) for each in choices]
        assert all(each == answers[0] for each in answers), (who, query)
    await database.close()


async def test_a_unit_yet_to_stand_is_granted_nothing(writer: Client) -> None:
    await decide(writer, "leader_e", decision("1", "E", TOMORROW, establish("N", "E")))
    assert await refusal(writer, to="N") == (NOT_FOUND, None)
    assert await refusal(writer, "leader_e", of="N", to="D") == (NOT_FOUND, None)
