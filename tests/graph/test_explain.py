"""`explain`: what is told to whom, in which language, what is refused, and what the trail keeps."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, select

from graph.execution import Executor, Request
from graph.limits import Limits
from hierarchy.tables import unit as unit_table
from records.tables import audit_entry
from server.database import Database
from tests import province
from tests.province import TODAY, Client

MORE = {
    "units": "N,D,Chi bộ N,grassroots_branch,,2025-01-01,",
    "appointments": """
administrator_d,administrator,D,2020-01-01,
auditor_d,auditor,D,2020-01-01,
moved,leader,D,2020-01-01,2024-01-01
moved,secretary,B,2024-01-01,
moved,secretary,N,2024-01-01,
moved,secretary,C,2024-07-01,
two,secretary,B,2020-01-01,
two,leader,E,2020-01-01,
closed,secretary,O,2020-01-01,
""",
}
SAID = {
    "action": "read",
    "resource": "meeting",
    "unitCode": "B",
}
EXPLAIN = """
query ($action: String!, $resource: String!, $unitCode: String!, $principal: String) {
  explain(action: $action, resource: $resource, unitCode: $unitCode, principal: $principal) {
    allowed
    reason
    steps {
      appointment { principal role unit { code } }
      grant { of { code } to { code } }
      rule
      outcome
    }
  }
}"""
GRANT = """mutation ($input: GrantInput!) { grant(input: $input) { id } }"""
REVOKE = """mutation ($id: ID!) { revokeGrant(id: $id, reason: "Thôi") { id } }"""
FIGURES_OF_G = {
    "of": "G",
    "to": "E",
    "roles": ["leader"],
    "resources": ["meeting"],
    "actions": ["summarise"],
    "purpose": "Phối hợp",
    "validFrom": "2024-06-01",
    "validTo": "2025-01-01",
}
UNREAD = {
    "appointment": None,
    "grant": None,
    "rule": None,
    "outcome": "An appointment or a grant that you may not read gives this right.",
}


@pytest_asyncio.fixture(scope="module", params=["sqlite", "postgresql"])
async def client(
    request: pytest.FixtureRequest,
    fresh_database: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Client]:
    """The small province with more appointments, and sight of G granted to E."""
    home, url = tmp_path_factory.mktemp("explain"), fresh_database(request.param)
    database = Database(url)
    await province.fill(database, home / "data", with_more())
    await database.close()
    async with province.served(province.settings_of(home, url)) as client:
        await client.data("leader_d", GRANT, {"input": FIGURES_OF_G})
        yield client


def with_more() -> dict[str, str]:
    return {name: f"{rows.strip()}\n{MORE.get(name, '')}" for name, rows in province.SMALL.items()}


async def explained(client: Client, by: str, **asked: Any) -> Any:
    return (await client.data(by, EXPLAIN, SAID | asked))["explain"]


async def outcomes(client: Client, by: str, **asked: Any) -> list[str]:
    steps = (await explained(client, by, **asked))["steps"]
    return [step["outcome"] for step in steps]


async def refusal(client: Client, by: str, **asked: Any) -> tuple[str, str | None]:
    error = await client.error(by, EXPLAIN, SAID | asked)
    return error["extensions"]["code"], error["extensions"].get("field")


# ---- of oneself


async def test_a_yes_names_the_appointment_and_the_rule(client: Client) -> None:
    assert await explained(client, "leader_d") == {
        "allowed": True,
        "reason": "The office leader at D gives this right.",
        "steps": [
            {
                "appointment": {"principal": "leader_d", "role": "leader", "unit": {"code": "D"}},
                "grant": None,
                "rule": "allow leader at district|bloc|direct|commune|grassroots|grassroots_branch|"
                "section|branch|group: meeting read subtree",
                "outcome": "The office leader at D gives this right.",
            }
        ],
    }


async def test_a_no_tells_all_that_was_ever_held_the_nearest_first(client: Client) -> None:
    """One at a unit that does not stand yet, or is out of sight by now, is told in words alone."""
    found = await explained(client, "moved", unitCode="G")
    assert not found["allowed"]
    assert found["reason"] == "The office leader at D expired on 2024-01-01."
    shown = [(step["appointment"] or {}).get("unit") for step in found["steps"]]
    assert shown == [{"code": "D"}, {"code": "B"}, None, None]
    assert [step["outcome"] for step in found["steps"]] == [
        "The office leader at D expired on 2024-01-01.",
        "The office secretary at B is for another subtree, in which G does not stand.",
        "The office secretary at N gives nothing yet: its unit does not stand today.",
        "The office secretary at C is not in force today, and would not give this right either.",
    ]


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        (
            "en",
            "The office leader at T shows records down to rank 3 only: B is of rank 5, below which "
            "there are figures alone.",
        ),
        (
            "vi",
            "Phân công cấp ủy viên tại T chỉ cho xem bản ghi đến bậc 3: B thuộc bậc 5, ở bậc thấp "
            "hơn chỉ có số liệu tổng hợp.",
        ),
    ],
)
async def test_it_speaks_the_language_of_the_request(
    client: Client, language: str, reason: str
) -> None:
    headers = client.bearer("leader_t") | {"Accept-Language": language}
    body = {"query": EXPLAIN, "variables": SAID}
    answer = await client.http.post("/graphql", json=body, headers=headers)
    assert answer.json()["data"]["explain"]["reason"] == reason


@pytest.mark.parametrize(
    ("by", "asked", "last"),
    [
        ("auditor_t", {}, "shows figures alone, no single records."),
        ("secretary_b", {"resource": "evaluation", "action": "record"}, "below B alone, not B."),
        ("commission_d", {}, "gives no such right anywhere."),
        (
            "secretary_g",
            {"resource": "evaluation", "action": "record", "unitCode": "O"},
            "O is closed: nothing new is recorded for it.",
        ),
        (
            "leader_d",
            {"resource": "inspection", "unitCode": "D"},
            "An open inspection of D on signs of violation is not shown by this, unless an "
            "appointment is held at the unit that inspects.",
        ),
        ("leader_d", {"resource": "inspection"}, "The office leader at D gives this right."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_told_last(client: Client, by: str, asked: Any, last: str) -> None:
    assert (await outcomes(client, by, **asked))[-1].endswith(last)


async def test_ones_own_name_is_oneself(client: Client) -> None:
    assert await explained(client, "moved", principal="moved", unitCode="G") == await explained(
        client, "moved", unitCode="G"
    )


async def test_what_is_asked_about_is_what_the_server_asks_or_a_rule_speaks_of(
    client: Client,
) -> None:
    for action, resource in (("record", "appointment:officer"), ("read", "audit")):
        assert (await explained(client, "leader_d", action=action, resource=resource))["steps"]
    assert await refusal(client, "leader_d", action="dance") == ("BAD_USER_INPUT", "action")
    for resource in ("hall", "appointment:dancer", "policy"):
        refused = await refusal(client, "leader_d", resource=resource)
        assert refused == ("BAD_USER_INPUT", "resource")


# ---- grants


async def test_a_grant_that_gives_is_shown_to_whom_it_is_for(client: Client) -> None:
    found = await explained(client, "leader_e", action="summarise")
    assert found["allowed"]
    assert found["steps"] == [
        {
            "appointment": None,
            "grant": {"of": {"code": "G"}, "to": {"code": "E"}},
            "rule": "allow leader at *: meeting summarise subtree",
            "outcome": "The grant of G to E gives this right.",
        }
    ]
    assert await outcomes(client, "leader_e") == [
        "The grant of G to E is for other actions or resources.",
        "The office leader at E is for another subtree, in which B does not stand.",
    ]


async def test_a_revoked_grant_is_told_to_whom_it_was_for_and_no_one_made_after(
    writer: Client, tmp_path: Path
) -> None:
    """A grant to roles that one no longer held is not one's own to know."""
    more = "past_e,leader,E,2020-01-01,2024-01-01\npast_e,secretary,B,2020-01-01,\n"
    rows = {"appointments": f"{more}two,leader,E,2020-01-01,\ntwo,secretary,B,2020-01-01,"}
    database = Database(writer.settings.database_url)
    await province.fill(database, tmp_path / "more", rows)
    await database.close()
    made = await writer.data("leader_d", GRANT, {"input": FIGURES_OF_G})
    await writer.data("leader_d", REVOKE, made["grant"])
    asked = {"action": "summarise", "unitCode": "G"}
    assert await outcomes(writer, "two", **asked) == [
        f"The grant of G to E was revoked on {TODAY}.",
        "The office secretary at B is for another subtree, in which G does not stand.",
        "The office leader at E is for another subtree, in which G does not stand.",
    ]
    assert not any("grant" in each for each in await outcomes(writer, "past_e", **asked))


# ---- of another


async def test_of_another_what_the_asker_may_read_is_told(client: Client) -> None:
    """An auditor of all reads appointments and grants, an administrator no grants; those of the
    district only their own part."""
    asked = {"principal": "leader_e", "action": "summarise"}
    [step] = (await explained(client, "auditor_t", **asked))["steps"]
    assert step["grant"] == {"of": {"code": "G"}, "to": {"code": "E"}}
    for by in ("administrator_t", "auditor_d", "administrator_d"):
        found = await explained(client, by, **asked)
        assert (found["allowed"], found["steps"]) == (True, [UNREAD])


async def test_an_appointment_out_of_reach_is_not_told(client: Client) -> None:
    told = "The office secretary at B is for another subtree, in which C does not stand."
    asked = {"principal": "two", "unitCode": "C"}
    assert await outcomes(client, "administrator_d", **asked) == [told]
    assert await outcomes(client, "auditor_t", **asked) == [
        "The grant of G to E is for other actions or resources.",
        told,
        "The office leader at E is for another subtree, in which C does not stand.",
    ]


async def test_a_principal_out_of_reach_reads_as_one_that_nobody_knows(client: Client) -> None:
    """The same answer after as many statements; the name alone is no help."""
    async with Worker(client) as executor:
        answers = [
            await asked_of(executor, "administrator_d", principal=principal)
            for principal in ("leader_e", "nobody", "", "\0", "leader_t ")
        ]
    assert all(answer == answers[0] for answer in answers)
    found = answers[0][0]["data"]["explain"]
    assert (found["allowed"], found["reason"]) == (False, "There is no appointment to show.")


@pytest.mark.parametrize("principal", [None, "leader_d", "nobody"])
async def test_a_unit_out_of_sight_reads_as_one_that_nobody_knows(
    client: Client, principal: str | None
) -> None:
    async with Worker(client) as executor:
        for by in ("administrator_d", "secretary_b", "stranger"):
            one, other = [
                await asked_of(executor, by, principal=principal, unitCode=code)
                for code in ("E", "X")
            ]
            assert one == other
            [error] = one[0]["errors"]
            assert error["extensions"]["code"] == "NOT_FOUND"


async def test_what_is_refused_is_refused_in_order(client: Client) -> None:
    """What the input shows, then sight, then the right to read appointments there."""
    other = {"principal": "leader_d"}
    bad = {"action": "dance", "resource": "hall", "unitCode": "X", **other}
    assert await refusal(client, "secretary_b", **bad) == ("BAD_USER_INPUT", "action")
    bad["action"] = "read"
    assert await refusal(client, "secretary_b", **bad) == ("BAD_USER_INPUT", "resource")
    assert await refusal(client, "secretary_b", unitCode="X", **other) == ("NOT_FOUND", None)
    assert await refusal(client, "secretary_b", **other) == ("FORBIDDEN", None)
    # The unit above is in sight, the appointments there are not.
    assert await refusal(client, "administrator_d", unitCode="T", **other) == ("FORBIDDEN", None)


# ---- the trail


async def test_asking_about_another_is_told_to_the_trail(client: Client) -> None:
    """Once a question; not about oneself, and not what was refused."""
    database = Database(client.settings.database_url)
    explain = audit_entry.c.action == "explain"
    told = (
        select(audit_entry, unit_table.c.code)
        .join(unit_table, unit_table.c.id == audit_entry.c.unit_id)
        .where(explain)
    )
    try:
        async with database.writing() as connection:
            await connection.execute(delete(audit_entry).where(explain))
        await explained(client, "moved", unitCode="G")
        await explained(client, "moved", unitCode="G", principal="moved")
        await refusal(client, "secretary_b", principal="leader_d")
        await explained(client, "auditor_t", principal="nobody", action="record")
        async with database.reading() as connection:
            [entry] = (await connection.execute(told)).all()
    finally:
        await database.close()
    assert (entry.principal, entry.resource, entry.code) == ("auditor_t", "appointment", "B")
    assert json.loads(entry.detail) == {
        "asked_about": "nobody",
        "asked_action": "record",
        "asked_resource": "meeting",
    }


# ---- small things


class Worker:
    """A worker of its own over the client's database, so that statements can be counted."""

    def __init__(self, client: Client) -> None:
        self._database = Database(client.settings.database_url)

    async def __aenter__(self) -> Executor:
        return Executor(self._database, Limits(), b"k" * 32, lambda: TODAY)

    async def __aexit__(self, *_: Any) -> None:
        await self._database.close()


async def asked_of(executor: Executor, by: str, **asked: Any) -> tuple[Any, int]:
    """The answer and how many statements it took, once the asker's rights are known."""
    database: Any = executor.store
    request = Request(EXPLAIN, SAID | asked, None, "en")
    await executor.answer(request, by)
    with province.statements(database) as seen:
        answer = await executor.answer(request, by)
    return answer.body, len(seen)
