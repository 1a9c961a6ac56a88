"""What requests cost: told in every answer, bounded for one request and for each principal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from graphql import (
    get_named_type,
    get_nullable_type,
    is_interface_type,
    is_list_type,
    is_object_type,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

from graph.budget import MOST_KEPT, Budgets
from graph.documents import GRAPHQL_SCHEMA
from graph.limits import COUNTS, FIELDS, LISTS, Limits, cost
from tests import province
from tests.province import Client

NAME = "{ viewer { name } }"
UNITS = "{ units(first: 100) { nodes { code name } } }"
GRAPHQL_JSON = "application/graphql-response+json"

Start = Callable[..., Awaitable[Client]]


@pytest_asyncio.fixture
async def start(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Start]:
    """Servers with settings of their own."""
    async with AsyncExitStack() as running:

        async def started(**settings: Any) -> Client:
            given = province.settings_of(tmp_path, sqlite_url, **settings)
            return await running.enter_async_context(province.served(given))

        yield started


async def post(client: Client, body: Any, by: str = "leader_d", **headers: str) -> httpx.Response:
    sent = client.bearer(by) | headers
    return await client.http.post("/graphql", json=body, headers=sent)


def cost_of(answer: httpx.Response) -> Any:
    return answer.json()["extensions"]["cost"]


def weighed(query: str, **variables: Any) -> int:
    return cost(parse(query), Limits(), GRAPHQL_SCHEMA, variables, None)


# ---- told


async def test_every_answer_tells_what_it_cost(start: Start) -> None:
    """Whatever it answers: what was estimated, the most, and what is left of the minute."""
    client = await start(cost_per_minute=2_000_000, max_batch=2)
    forbidden = '{ meetings(within: "nowhere") { totalCount } }'
    for query in (NAME, UNITS, forbidden, "{ __typename }"):
        estimated = weighed(query)
        found = {"estimated": estimated, "most": 1_000_000, "perMinute": 2_000_000}
        for answer in (
            await post(client, {"query": query}),
            await client.http.get(
                "/graphql", params={"query": query}, headers=client.bearer("leader_d")
            ),
        ):
            shown = cost_of(answer)
            assert 0 <= shown.pop("left") <= 2_000_000 - estimated
            assert shown == found
    bodies = (await post(client, [{"query": NAME}, {"query": UNITS}])).json()
    assert [each["extensions"]["cost"]["estimated"] for each in bodies] == [2, weighed(UNITS)]
    assert "extensions" not in (await post(client, {"query": "{ nonsense }"})).json()


async def test_without_budgets_nothing_is_told_of_them(start: Start) -> None:
    client = await start(cost_per_minute=0)
    shown = cost_of(await post(client, {"query": NAME}))
    assert shown == {"estimated": 2, "most": 1_000_000, "left": None, "perMinute": None}


async def test_the_same_answer_has_one_etag_whatever_is_left(start: Start) -> None:
    """So that it is not sent again, though what it cost was charged both times."""
    client = await start(max_cost=10_000, cost_per_minute=10_000)
    headers = client.bearer("leader_d")
    params = {"query": UNITS}
    first = await client.http.get("/graphql", params=params, headers=headers)
    await post(client, {"query": "{ units(first: 200) { nodes { children { totalCount } } } }"})
    second = await client.http.get("/graphql", params=params, headers=headers)
    assert cost_of(first)["left"] > cost_of(second)["left"]
    assert first.headers["etag"] == second.headers["etag"]
    known = headers | {"If-None-Match": first.headers["etag"]}
    third = await client.http.get("/graphql", params=params, headers=known)
    assert (third.status_code, third.content) == (304, b"")


# ---- refused


async def test_a_refusal_names_what_made_it_costly(start: Start) -> None:
    """The dearest places, by their names in the answer, why, in the client's language; and what it
    would have cost. Nothing of the data is in it: a unit out of sight reads alike."""
    client = await start(max_cost=1_000, cost_per_minute=0)
    query = """query ($code: String!, $n: Int) { viewer { name } all: unit(code: $code) {
      children(first: $n) { nodes { path { code } } } meetingSummary(groupBy: KIND) { kind } } }"""
    for code in ("D", "nowhere"):
        variables = {"code": code, "n": 90}
        answer = await post(client, {"query": query, "variables": variables}, "leader_e")
        [error] = answer.json()["errors"]
        estimated = 2 + 1 + (2 + 90 * (1 + 10)) + (50 + 50)
        assert estimated == weighed(query, **variables)
        assert error["extensions"] == {
            "code": "QUERY_TOO_COSTLY",
            "costly": [
                {
                    "path": "all.children",
                    "cost": 2 + 90 * 11,
                    "times": 90,
                    "because": "`first`: what is in the list counts 90 times.",
                },
                {
                    "path": "all.children.nodes.path",
                    "cost": 90 * 11,
                    "times": 10,
                    "because": "A list without `first`: what is in it counts 10 times.",
                },
                {
                    "path": "all.meetingSummary",
                    "cost": 100,
                    "times": 50,
                    "because": "It is grouped: its rows count 50 times.",
                },
            ],
        }
        assert cost_of(answer) == {
            "estimated": estimated,
            "most": 1_000,
            "left": None,
            "perMinute": None,
        }
    said = await post(
        client,
        {"query": query, "variables": {"code": "D", "n": 90}},
        **{"Accept-Language": "vi"},
    )
    [error] = said.json()["errors"]
    assert error["extensions"]["costly"][0]["because"].startswith("`first`: nội dung")


async def test_what_is_too_deep_or_too_long_is_shown_in_the_document(start: Start) -> None:
    client = await start(max_depth=3, max_tokens=30, max_aliases=1)
    deep = '{ viewer { name } unit(code: "B") { code up: parent { parent { code } } } }'
    [error] = (await post(client, {"query": deep})).json()["errors"]
    assert error["extensions"]["costly"] == [{"path": "unit.up.parent.code"}]
    [place] = error["locations"]
    assert deep[place["column"] - 1 :].startswith("code } } }")
    [error] = (await post(client, {"query": "{ a" + " a" * 30 + "}"})).json()["errors"]
    assert error["locations"] == [{"line": 1, "column": 3 + 2 * 29}]
    [error] = (await post(client, {"query": "query Q { a: __typename b: __typename }"})).json()[
        "errors"
    ]
    assert error["locations"] == [{"line": 1, "column": 9}]


async def test_an_array_costs_no_more_than_one_request_may(start: Start) -> None:
    """Together; what follows the one that is too much may still be small enough."""
    client = await start(max_cost=500, max_batch=4)
    asked = [{"query": UNITS}, {"query": UNITS}, {"query": UNITS}, {"query": NAME}]
    bodies = (await post(client, asked)).json()
    assert ["data" in body for body in bodies] == [True, True, False, True]
    assert bodies[2]["errors"][0]["extensions"]["code"] == "QUERY_TOO_COSTLY"
    assert bodies[2]["extensions"]["cost"]["estimated"] == 3 * weighed(UNITS)


# ---- a minute's budget


async def test_a_principal_asks_no_more_than_their_budget(start: Start) -> None:
    """Then they are told how long to wait; others are answered, and a bad token changes nothing."""
    client = await start(max_cost=600, cost_per_minute=600)
    asked = {"query": "{ units(first: 200) { nodes { code name } } }"}
    assert "data" in (await post(client, asked)).json()
    bad = {"Authorization": "Bearer nonsense"}
    for _ in range(5):
        assert (await client.http.post("/graphql", json=asked, headers=bad)).status_code == 401
    answer = await post(client, asked)
    [error] = answer.json()["errors"]
    seconds = error["extensions"]["retryAfter"]
    assert error["message"] == (
        f"The budget of this minute does not suffice: ask again in {seconds} seconds."
    )
    assert error["extensions"]["code"] == "QUERY_TOO_COSTLY"
    assert error["extensions"]["costly"][0]["path"] == "units"
    assert 1 <= seconds <= 21
    assert (answer.status_code, answer.headers["retry-after"]) == (200, str(seconds))
    assert (await post(client, asked, Accept=GRAPHQL_JSON)).status_code == 400
    assert cost_of(answer)["left"] < cost_of(answer)["estimated"]
    assert "data" in (await post(client, {"query": NAME})).json()
    assert "data" in (await post(client, asked, "leader_e")).json()


async def test_who_has_nothing_left_is_refused_a_view_before_it_is_looked_up(start: Start) -> None:
    client = await start(max_cost=600, cost_per_minute=600)
    for _ in range(3):
        await post(client, {"query": "{ nothing }" + " " * 590})
    refused = await client.http.get("/views/nothing", headers=client.bearer("leader_d"))
    [error] = refused.json()["errors"]
    assert error["extensions"]["code"] == "QUERY_TOO_COSTLY" and "retry-after" in refused.headers
    other = await client.http.get("/views/nothing", headers=client.bearer("leader_e"))
    assert other.status_code == 404


async def test_a_document_that_is_refused_costs_its_length(start: Start) -> None:
    """For it had to be read; what is well-formed and not run costs no more than that. Where nothing
    is left, nothing is read."""
    client = await start(max_cost=1_000_000, cost_per_minute=1_000_000)
    long = "{ nonsense }" + " " * 900_000
    assert "BAD_USER_INPUT" in (await post(client, {"query": long})).text
    left = cost_of(await post(client, {"query": NAME}))["left"]
    assert 50_000 < left < 900_000
    dear = "query ($n: Int!) { units(first: 200) { nodes { meetings(first: $n) { totalCount } } } }"
    await post(client, {"query": dear, "variables": {"n": "many"}})
    after = cost_of(await post(client, {"query": NAME}))["left"]
    assert after > left - 1_000
    assert "BAD_USER_INPUT" in (await post(client, {"query": long})).text
    for query in (long, NAME):
        answer = await post(client, {"query": query})
        [error] = answer.json()["errors"]
        assert error["extensions"]["code"] == "QUERY_TOO_COSTLY"
        assert 30 < error["extensions"]["retryAfter"] <= 60
        assert answer.headers["retry-after"] == str(error["extensions"]["retryAfter"])
        assert "extensions" not in answer.json()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 600)), max_size=30))
def test_a_budget_fills_by_the_second_up_to_a_minutes_worth(
    asked: list[tuple[int, int]],
) -> None:
    """As one who counts by hand would have it; and after the time to wait it suffices."""
    clock, left = Clock(), 600
    budgets = Budgets(600, clock)
    for seconds, amount in asked:
        clock.now += seconds
        left = min(600, left + 10 * seconds)
        wait = budgets.wait("a", amount)
        assert (wait == 0) == (amount <= left)
        assert left + 10 * wait >= amount > left + 10 * (wait - 1) or wait == 0
        if not wait:
            left -= amount
            assert budgets.charge("a", amount) == left
        assert budgets.left("a") == left


def test_budgets_that_are_full_again_are_forgotten() -> None:
    """And of very many principals the one who asked longest ago."""
    clock = Clock()
    budgets = Budgets(600, clock)
    for number in range(MOST_KEPT + 10):
        budgets.charge(str(number), 1)
    assert len(budgets) == MOST_KEPT
    clock.now += 120
    budgets.charge("a", 1)
    assert len(budgets) == 1


# ---- the schema


def test_every_list_is_weighed() -> None:
    """By the `first` of its connection, by a grouping, or by a number of its own; and every number
    is that of a field."""
    fields = {
        f"{kind.name}.{name}": field
        for kind in GRAPHQL_SCHEMA.type_map.values()
        if is_object_type(kind) or is_interface_type(kind)
        for name, field in kind.fields.items()
    }
    paged = {get_named_type(each.type).name for each in fields.values() if "first" in each.args}
    unweighed = {
        place
        for place, field in fields.items()
        if is_list_type(get_nullable_type(field.type))
        and "groupBy" not in field.args
        and place.partition(".")[0] not in paged
    }
    assert unweighed - {"__Directive.locations"} == set(LISTS)
    assert set(FIELDS) <= set(fields)
    assert set(COUNTS) <= {place.partition(".")[2] for place in fields}
    connections = {place.partition(".")[0] for place in fields if place.endswith(".edges")}
    assert connections <= paged


def test_a_mutation_costs_more_than_it_answers_and_a_decision_by_its_changes() -> None:
    record = 'mutation { withdraw(id: "1", revision: 1, reason: "x") }'
    assert weighed(record) == 100
    decide = "mutation ($input: DecisionInput!) { decide(input: $input) { number } }"
    changes = [{"change": "RENAME", "unitCode": "B", "name": "x"}] * 7
    assert weighed(decide, input={"changes": changes}) == 1_000 + 7 * 10 + 1
    written = json.dumps(changes[0]).replace('"change"', "change").replace('"unitCode"', "unitCode")
    written = written.replace('"name"', "name").replace('"RENAME"', "RENAME")
    inline = f"{{ previewDecision(input: {{changes: [{written}]}}) {{ number }} }}"
    assert weighed(inline) == 1_000 + 10 + 1
