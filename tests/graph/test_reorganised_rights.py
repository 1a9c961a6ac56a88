"""Rights on the tree that is asked for: a district that lost a unit, one that gained one, and one
that will (`contract.graphql`, top; `design.md`, 3, Which tree).

G with B, C and O was D's until 2024-03-01 and is E's since; H is D's and will be E's from
2024-09-01. F, merged into G, and C, which went to K, are E's too. Meetings: B 5 January and
5 February, C 6 January, O 5 June 2023, H 5 March; F 5 May, and so on its last day, 30 April.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.graph.reorganised import decide, decision, establish, merge, rename, transfer
from tests.province import Client

BEFORE, AHEAD = "2024-01-01", "2024-10-01"


async def figure(client: Client, who: str, code: str, **asked: Any) -> Any:
    """The meetings summed over a subtree, asked of the unit: null where it is not told; and the
    same at the root, where that is FORBIDDEN."""
    as_of, attribution = asked.get("as_of"), asked.get("attribution", "AS_OF")
    day = f', asOf: "{as_of}"' if as_of else ""
    query = f"""{{ unit(code: "{code}"{day}) {{
      meetingSummary(attribution: {attribution}) {{ meetings }} }} }}"""
    unit = (await client.data(who, query))["unit"]
    found = unit["meetingSummary"] and unit["meetingSummary"][0]["meetings"]
    if attribution == "AS_OF" or not as_of:
        root = f"""{{ meetingSummary(within: "{code}"{day}, attribution: {attribution})
          {{ meetings }} }}"""
        body = await client.ask(who, root)
        if found is None:
            assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        else:
            assert body["data"] == {"meetingSummary": [{"meetings": found}]}
    return found


@pytest.mark.parametrize(
    ("who", "code", "asked", "meetings"),
    [
        # D lost G: its figures of the time stay, in both attributions, and nothing since.
        ("leader_d", "D", {}, 1),
        ("leader_d", "D", {"as_of": BEFORE}, 5),
        ("leader_d", "D", {"attribution": "AS_RECORDED"}, 5),
        ("leader_d", "G", {"as_of": BEFORE}, 4),
        ("leader_d", "G", {"as_of": BEFORE, "attribution": "AS_RECORDED"}, 4),
        # E gained G: all that is its today counts on today's tree, of the days before nothing.
        ("leader_e", "E", {}, 5),
        ("leader_e", "E", {"as_of": BEFORE}, 1),
        ("leader_e", "E", {"attribution": "AS_RECORDED"}, 1),
        ("leader_e", "G", {}, 4),
        ("leader_e", "G", {"attribution": "AS_RECORDED"}, 0),
        # H will be E's: nobody counts what is yet to come; to D it is lost on that tree.
        ("leader_e", "E", {"as_of": AHEAD}, 5),
        ("leader_e", "H", {"as_of": AHEAD}, None),
        ("leader_d", "D", {"as_of": AHEAD}, 0),
        ("leader_d", "H", {}, 1),
        # Who sees G today and could summarise C while it stood there keeps those figures.
        ("both", "G", {}, None),
        ("both", "G", {"attribution": "AS_RECORDED"}, 1),
        # The province has everything, wherever it stands.
        ("leader_t", "D", {"as_of": BEFORE}, 5),
        ("leader_t", "H", {"as_of": AHEAD}, 1),
        ("leader_t", "E", {"as_of": AHEAD}, 6),
        ("leader_t", "D", {"attribution": "AS_RECORDED"}, 5),
        ("leader_t", "E", {"attribution": "AS_RECORDED"}, 1),
        ("administrator_t", "D", {"attribution": "AS_RECORDED"}, None),
    ],
    ids=str,
)
async def test_figures_follow_the_tree_that_is_asked_for(
    reorganised: Client, who: str, code: str, asked: Any, meetings: int | None
) -> None:
    assert await figure(reorganised, who, code, **asked) == meetings


async def test_single_records_follow_todays_tree(reorganised: Client) -> None:
    """Whatever day is asked for: those of a unit that left are lost, and with it come those of
    before."""
    query = "{ meetings { totalCount } }"
    counts = {
        who: (await reorganised.data(who, query))["meetings"]["totalCount"]
        for who in ("leader_d", "leader_e")
    }
    assert counts == {"leader_d": 1, "leader_e": 5}
    past = f'{{ unit(code: "B", asOf: "{BEFORE}") {{ code meetings {{ totalCount }} }} }}'
    assert (await reorganised.data("leader_d", past))["unit"] == {"code": "B", "meetings": None}


CHILDREN = """meetingSummary({}groupBy: CHILD, attribution: AS_RECORDED) {{ meetings child {{ code
  name closedOn parent {{ code }} path {{ code }} children {{ totalCount }} }} }}"""


async def test_a_child_that_has_left_is_shown_by_its_own_fields(writer: Client) -> None:
    """As it was when it was last here, though it is called otherwise since and is closed."""
    await decide(writer, "leader_t", decision("1", "T", "2024-03-01", transfer("G", "E")))
    renamed = decision("2", "E", "2024-04-01", rename("G", "Tên mới"), merge("G", into="F"))
    await decide(writer, "leader_e", renamed)
    at_root = CHILDREN.format('within: "D", ')
    query = f'{{ {at_root} unit(code: "D") {{ {CHILDREN.format("")} }} }}'
    found = await writer.data("leader_d", query)
    left, stayed = found["meetingSummary"]
    assert found["unit"]["meetingSummary"] == [left, stayed]
    assert (left["meetings"], stayed["meetings"]) == (4, 1)
    assert (stayed["child"]["code"], stayed["child"]["parent"]) == ("H", {"code": "D"})
    child = left["child"]
    assert (child["code"], child["name"], child["closedOn"]) == ("G", "Đảng bộ xã G", None)
    assert (child["parent"], child["path"]) == (None, [{"code": "G"}])


async def test_units_follow_the_tree_that_is_asked_for(reorganised: Client) -> None:
    query = f"""{{ before: unit(code: "G", asOf: "{BEFORE}") {{ parent {{ code }} }}
      unit(code: "G") {{ parent {{ code }} }}
      past: units(asOf: "{BEFORE}") {{ totalCount }} units {{ totalCount }}
      ahead: units(asOf: "{AHEAD}") {{ totalCount }} }}"""
    d, e = {"parent": {"code": "D"}}, {"parent": {"code": "E"}}
    assert await reorganised.data("leader_d", query) == {
        "before": d,
        "unit": None,
        "past": {"totalCount": 6},
        "units": {"totalCount": 3},
        "ahead": {"totalCount": 2},
    }
    found = await reorganised.data("leader_e", query)
    assert (found["before"], found["unit"]) == (None, e)


async def test_a_unit_that_comes_to_stand_has_a_real_nought(writer: Client) -> None:
    """Of one that is established ahead nothing is withheld: there is nothing yet."""
    await decide(writer, "leader_d", decision("1", "D", AHEAD, establish("N", "D")))
    assert await figure(writer, "leader_d", "N", as_of=AHEAD) == 0
