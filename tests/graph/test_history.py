"""Lists of decisions, the lives of units and what took over from what, cut to each viewer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from graph.execution import Executor, Request
from graph.limits import Limits
from server.database import Database
from tests import province
from tests.graph.reorganised import (
    TAKEN,
    decide,
    decision,
    dissolve,
    establish,
    rename,
    transfer,
)
from tests.province import TODAY, Client

VIEWERS = (
    "leader_t",
    "leader_d",
    "leader_e",
    "secretary_b",
    "secretary_c",
    "secretary_g",
    "auditor_t",
)
NUMBERS = [given["number"] for given in TAKEN]

# ---- lists of decisions


async def listed(client: Client, who: str, **arguments: Any) -> list[str]:
    """The numbers of a list, which tells as many as it has."""
    given = ", ".join(f"{name}: {json.dumps(value)}" for name, value in arguments.items())
    query = f"{{ decisions({given}) {{ totalCount nodes {{ number }} }} }}"
    query = query.replace("()", "")
    found = (await client.data(who, query))["decisions"]
    numbers = [node["number"] for node in found["nodes"]]
    assert found["totalCount"] == len(numbers)
    return numbers


SEEN = {
    "leader_t": ["2", "6", "4", "3", "5", "1"],
    "leader_e": ["2", "4", "3", "5", "1"],
    # D sees what it has today (H) and what it had on the day (G until the first of March); Z is
    # nowhere any more, but D itself, under which it was to stand, is D's.
    "leader_d": ["2", "6"],
    "secretary_b": ["2", "4", "3", "5", "1"],
}


async def test_a_list_is_what_single_look_ups_allow(reorganised: Client) -> None:
    """By effectiveOn, newest first; the list, its count and each look-up agree for everyone."""
    for who in VIEWERS:
        single = []
        for given in sorted(TAKEN, key=lambda each: each["effectiveOn"], reverse=True):
            query = f'{{ decision(number: "{given["number"]}") {{ number }} }}'
            if (await reorganised.data(who, query))["decision"]:
                single.append(given["number"])
        assert await listed(reorganised, who) == single, who
        assert single == SEEN.get(who, single), who


async def test_a_change_is_shown_to_who_sees_all_its_units(reorganised: Client) -> None:
    """H will go to E: D sees that something is decided about H, not where it goes."""
    query = '{ decision(number: "2") { title changes { unit { code } to { code } } } }'
    shown = {"title": "Quyết định 2", "changes": [{"unit": {"code": "H"}, "to": {"code": "E"}}]}
    for who, expected in (
        ("leader_d", {"title": None, "changes": []}),
        ("leader_e", shown),
        ("leader_t", shown),
    ):
        assert (await reorganised.data(who, query))["decision"] == expected, who


async def test_pages_of_decisions(reorganised: Client) -> None:
    query = """query ($after: String) { decisions(first: 2, after: $after) { nodes { number }
      totalCount pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
    numbers, after, pages = [], None, []
    while True:
        page = (await reorganised.data("leader_t", query, {"after": after}))["decisions"]
        numbers += [node["number"] for node in page["nodes"]]
        info = page["pageInfo"]
        pages.append((info["hasPreviousPage"], info["hasNextPage"], page["totalCount"]))
        after = info["endCursor"]
        if not info["hasNextPage"]:
            break
    assert numbers == SEEN["leader_t"]
    assert pages == [(False, True, 6), (True, True, 6), (True, False, 6)]
    other = f'{{ decisions(within: "E", after: {json.dumps(after)}) {{ totalCount }} }}'
    assert (await reorganised.error("leader_t", other))["extensions"]["field"] == "after"


@pytest.mark.parametrize(
    ("who", "arguments", "numbers"),
    [
        ("leader_t", {"effectiveFrom": "2024-05-01", "effectiveTo": "2024-06-01"}, ["4", "3"]),
        ("leader_t", {"effectiveFrom": "2024-09-02"}, []),
        ("leader_t", {"within": "E"}, ["4", "3", "5", "1"]),
        ("leader_t", {"within": "D"}, ["2"]),
        ("leader_t", {"within": "B"}, ["5"]),
        ("leader_t", {"within": "F"}, ["3"]),
        ("leader_t", {"within": "K"}, ["4"]),
        ("leader_e", {"within": "E"}, ["4", "3", "5", "1"]),
        ("leader_e", {"within": "T"}, ["2", "4", "3", "5", "1"]),
        ("leader_d", {"within": "D"}, ["2"]),
        ("secretary_b", {"within": "E"}, ["4", "5", "1"]),
    ],
    ids=str,
)
async def test_what_a_list_is_narrowed_to(
    reorganised: Client, who: str, arguments: Any, numbers: list[str]
) -> None:
    """Both ends of the days are included; a unit that is changed, and that the viewer sees, stands
    in the subtree today: H, which is to come, is not yet E's."""
    assert await listed(reorganised, who, **arguments) == numbers


async def test_what_stands_only_on_the_decisions_day_is_within_then(writer: Client) -> None:
    await decide(writer, "leader_d", decision("1", "D", "2024-09-01", establish("N", "D")))
    assert await listed(writer, "leader_d", within="D") == ["1"]
    assert await listed(writer, "leader_t", within="E") == []


async def test_a_list_of_nothing_and_one_that_is_not_allowed(reorganised: Client) -> None:
    for who, query, code in (
        ("nobody", "{ decisions { totalCount } }", "FORBIDDEN"),
        ("leader_d", '{ decisions(within: "F") { totalCount } }', "NOT_FOUND"),
        ("leader_d", '{ decisions(within: "nowhere") { totalCount } }', "NOT_FOUND"),
        ("leader_d", "{ decisions(first: 201) { totalCount } }", "BAD_USER_INPUT"),
    ):
        assert (await reorganised.error(who, query))["extensions"]["code"] == code
    assert await listed(reorganised, "secretary_c", effectiveFrom="2030-01-01") == []


# ---- lives

LIFE = """{{ unit(code: "{}") {{ history {{ from to name kind {{ code }} category
  parent {{ code }} decision {{ number title }} }} }} }}"""


async def life(client: Client, who: str, code: str) -> list[tuple[Any, ...]]:
    """Days, name, parent and decision of the versions shown."""
    unit = (await client.data(who, LIFE.format(code)))["unit"]
    return [
        (
            each["from"],
            each["to"],
            each["name"],
            each["parent"] and each["parent"]["code"],
            each["decision"] and each["decision"]["number"],
        )
        for each in unit["history"]
    ]


async def test_a_life_is_one_version_for_each_span_without_a_change(reorganised: Client) -> None:
    """B was moved with G, which is no change of its own; a rename is one, and so is what lies
    ahead. The last version ends where the unit is closed."""
    assert await life(reorganised, "leader_t", "B") == [
        ("2000-01-01", "2024-04-01", "Chi bộ B", "G", None),
        ("2024-04-01", None, "Chi bộ B mới", "G", "5"),
    ]
    assert await life(reorganised, "leader_t", "H") == [
        ("2000-01-01", "2024-09-01", "Chi bộ cơ sở H", "D", None),
        ("2024-09-01", None, "Chi bộ cơ sở H", "E", "2"),
    ]
    assert await life(reorganised, "leader_t", "F") == [
        ("2024-01-01", "2024-05-01", "Đảng bộ xã F", "E", None)
    ]
    assert await life(reorganised, "leader_t", "K") == [("2024-06-01", None, "Đảng bộ K", "E", "4")]
    assert await life(reorganised, "leader_t", "O") == [
        ("2000-01-01", "2023-07-01", "Chi bộ O", "G", None)
    ]


async def test_a_viewer_who_sees_a_unit_today_sees_its_whole_life(reorganised: Client) -> None:
    """With the units above that they see, on the first day or today: E has G today, never D."""
    assert await life(reorganised, "leader_e", "C") == [
        ("2000-01-01", "2024-06-01", "Chi bộ C", "G", None),
        ("2024-06-01", None, "Chi bộ C", "K", "4"),
    ]
    assert await life(reorganised, "leader_e", "G") == [
        ("2000-01-01", "2024-03-01", "Đảng bộ xã G", None, None),
        ("2024-03-01", None, "Đảng bộ xã G", "E", "1"),
    ]
    assert await life(reorganised, "leader_d", "H") == [
        ("2000-01-01", "2024-09-01", "Chi bộ cơ sở H", "D", None),
        ("2024-09-01", None, "Chi bộ cơ sở H", None, "2"),
    ]


async def test_a_unit_that_left_shows_what_it_was(reorganised: Client) -> None:
    """Of a unit that a viewer sees on a past day only: the versions that began then."""
    query = """{ unit(code: "G", asOf: "2024-01-01") { name history { from to parent { code }
      decision { number } } successors { code } } }"""
    assert (await reorganised.data("leader_d", query))["unit"] == {
        "name": "Đảng bộ xã G",
        "history": [
            {"from": "2000-01-01", "to": "2024-03-01", "parent": {"code": "D"}, "decision": None}
        ],
        "successors": [],
    }


# ---- lineage


async def lineage(client: Client, who: str, code: str, day: str) -> tuple[list[str], list[str]]:
    query = f"""{{ unit(code: "{code}", asOf: "{day}") {{ successors {{ code }}
      predecessors {{ code }} }} }}"""
    unit = (await client.data(who, query))["unit"]
    return (
        [each["code"] for each in unit["successors"]],
        [each["code"] for each in unit["predecessors"]],
    )


@pytest.mark.parametrize(
    ("code", "day", "successors", "predecessors"),
    [
        ("F", "2024-04-30", [], []),
        ("F", "2024-05-01", ["G"], []),
        ("G", "2024-05-01", [], ["F"]),
        ("G", "2024-06-01", ["K"], ["F"]),
        ("K", "2024-06-01", [], ["G"]),
        ("C", "2024-06-01", [], []),
        ("B", "2024-06-15", [], []),
    ],
)
async def test_what_took_over_by_the_day_asked_for(
    reorganised: Client, code: str, day: str, successors: list[str], predecessors: list[str]
) -> None:
    """Directly, by merges and splits in force: what was only moved took over nothing."""
    for who in ("leader_t", "leader_e"):
        assert await lineage(reorganised, who, code, day) == (successors, predecessors)


async def test_what_took_over_out_of_sight_is_left_out(reorganised: Client) -> None:
    """C's secretary sees K above it, and nothing of what K came from; B's, of G, nothing else."""
    assert await lineage(reorganised, "secretary_c", "K", "2024-06-15") == ([], [])
    assert await lineage(reorganised, "secretary_b", "G", "2024-06-15") == ([], [])


# ---- statements


@pytest.mark.parametrize(
    ("asked", "statements"),
    [
        ('unit(code: "E") { children { nodes { history { from name } } } }', 3),
        ('unit(code: "E") { children { nodes { history { parent { code } } } } }', 3),
        ('unit(code: "E") { children { nodes { history { decision { number title } } } } }', 4),
        ('unit(code: "E") { children { nodes { successors { code } } } }', 3),
        ('unit(code: "E") { children { nodes { predecessors { name } successors { code } } } }', 4),
        ("decisions { nodes { number issuedBy { code } } }", 1),
        ("decisions { nodes { changes { detail unit { code } to { code } } } }", 2),
        ("decisions { totalCount }", 1),
        ('decision(number: "1") { title changes { detail } }', 2),
    ],
)
async def test_statements_are_one_a_level(reorganised: Client, asked: str, statements: int) -> None:
    """Whatever the number of units and decisions asked about."""
    database = Database(reorganised.settings.database_url)
    executor = Executor(database, Limits(), b"k" * 32, lambda: TODAY)
    request = Request(f"{{ {asked} }}", None, None, "en")
    assert "errors" not in (await executor.answer(request, "leader_t")).body
    with province.statements(database) as seen:
        await executor.answer(request, "leader_t")
    await database.close()
    assert len(seen) == statements + 1


async def test_a_history_ends_where_the_unit_leaves_sight(writer: Client) -> None:
    """With a unit above it: neither its closing there nor what is decided ahead is told."""
    for by, number, day, change in (
        ("leader_t", "1", "2024-03-01", transfer("G", "E")),
        ("leader_e", "2", "2024-05-20", dissolve("C")),
        ("leader_e", "3", "2024-11-20", rename("B", "Chi bộ khác")),
    ):
        await decide(writer, by, decision(number, by[-1].upper(), day, change))
    query = '{ c: unit(code: "C", asOf: "2024-01-01") { closedOn history { from to } }'
    query += ' b: unit(code: "B", asOf: "2024-01-01") { history { from to } } }'
    left = [{"from": "2000-01-01", "to": "2024-03-01"}]
    found = await writer.data("leader_d", query)
    assert found == {"c": {"closedOn": None, "history": left}, "b": {"history": left}}
    found = await writer.data("leader_e", query.replace("2024-01-01", "2024-06-01"))
    assert [each["to"] for each in found["c"]["history"]] == ["2024-05-20"]
    assert [each["to"] for each in found["b"]["history"]] == ["2024-11-20", None]
