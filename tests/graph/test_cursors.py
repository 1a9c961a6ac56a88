"""Pages: walked by keys, exact at both ends, and bound to the list that gave them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import province
from tests.province import Client

LISTS = {
    # A list as leader_t asks it, and what tells its elements apart.
    "units(status)": "units(filter: {status: ANY}, first: %s) { %s }",
    "units(within)": 'units(within: "D", first: %s) { %s }',
    "meetings": "meetings(first: %s) { %s }",
    "meetings(order)": "meetings(orderBy: OLDEST_FIRST, first: %s) { %s }",
    "meetings(filter)": "meetings(filter: {kind: [REGULAR]}, first: %s) { %s }",
    "meetings(within)": 'meetings(within: "D", first: %s) { %s }',
    "evaluations": "evaluations(first: %s) { %s }",
    "inspections": "inspections(first: %s) { %s }",
}
PAGE = "edges { cursor node { id } } nodes { id } totalCount "
PAGE += "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
VIEWER = "commission_d"


def asked(shape: str, first: int, after: str | None) -> str:
    arguments = f"{first}" + (f", after: {json.dumps(after)}" if after is not None else "")
    return "{ list: " + shape % (arguments, PAGE) + " }"


async def page(client: Client, shape: str, first: int, after: str | None, by: str) -> Any:
    return (await client.data(by, asked(shape, first, after)))["list"]


async def every_page(client: Client, shape: str, first: int, by: str) -> list[Any]:
    pages = [await page(client, shape, first, None, by)]
    while pages[-1]["pageInfo"]["hasNextPage"]:
        pages.append(await page(client, shape, first, pages[-1]["pageInfo"]["endCursor"], by))
    return pages


def viewer_of(name: str) -> str:
    return "commission_d" if name.startswith("inspections") else "leader_d"


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("first", [1, 2, 3])
async def test_pages_together_are_the_list(reader: Client, name: str, first: int) -> None:
    """Whatever their size: no element twice, none left out, both ends and the count exact."""
    shape, by = LISTS[name], viewer_of(name)
    whole = await page(reader, shape, 200, None, by)
    pages = await every_page(reader, shape, first, by)
    assert [node for each in pages for node in each["nodes"]] == whole["nodes"]
    assert {each["totalCount"] for each in pages} == {len(whole["nodes"])}
    for at, each in enumerate(pages):
        cursors = [edge["cursor"] for edge in each["edges"]]
        assert each["pageInfo"] == {
            "hasPreviousPage": at > 0,
            "hasNextPage": at < len(pages) - 1,
            "startCursor": cursors[0],
            "endCursor": cursors[-1],
        }
        assert [edge["node"] for edge in each["edges"]] == each["nodes"]


@pytest.mark.parametrize("name", LISTS)
async def test_an_empty_page(reader: Client, name: str) -> None:
    """None of its elements asked for: no cursors, and what lies after it is told exactly."""
    shape, by = LISTS[name], viewer_of(name)
    found = await page(reader, shape, 0, None, by)
    assert (found["nodes"], found["edges"]) == ([], [])
    ends = {"startCursor": None, "endCursor": None}
    assert found["pageInfo"] == {"hasPreviousPage": False, "hasNextPage": True} | ends
    whole = await page(reader, shape, 200, None, by)
    last = await page(reader, shape, 5, whole["pageInfo"]["endCursor"], by)
    assert last["pageInfo"] == {"hasPreviousPage": True, "hasNextPage": False} | ends


async def test_children_have_pages_of_their_own(reader: Client) -> None:
    """Several parents in one request, each with its own ends."""
    query = """{ units(filter: {kind: "district"}) { nodes { code children(first: 1) {
      nodes { code } totalCount pageInfo { hasNextPage hasPreviousPage endCursor } } } } }"""
    d, e = (await reader.data("leader_t", query))["units"]["nodes"]
    assert (d["children"]["nodes"], d["children"]["totalCount"]) == ([{"code": "G"}], 2)
    assert (d["children"]["pageInfo"]["hasNextPage"], e["children"]["pageInfo"]["hasNextPage"]) == (
        True,
        False,
    )
    after = json.dumps(d["children"]["pageInfo"]["endCursor"])
    second = f'{{ unit(code: "D") {{ children(first: 1, after: {after}) {{ nodes {{ code }} '
    second += "pageInfo { hasNextPage hasPreviousPage } } } }"
    assert (await reader.data("leader_t", second))["unit"]["children"] == {
        "nodes": [{"code": "H"}],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True},
    }
    foreign = second.replace('"D"', '"E"')
    error = await reader.error("leader_t", foreign)
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "after"}


OTHERS = {
    "meetings(first: 5, after: %s) { totalCount }": True,
    "meetings(after: %s) { nodes { id } }": True,
    "meetings(orderBy: NEWEST_FIRST, filter: {}, within: null, after: %s) { totalCount }": True,
    "meetings(orderBy: OLDEST_FIRST, after: %s) { totalCount }": False,
    "meetings(filter: {kind: REGULAR}, after: %s) { totalCount }": False,
    "meetings(filter: {kind: []}, after: %s) { totalCount }": False,
    'meetings(within: "D", after: %s) { totalCount }': False,
    "evaluations(after: %s) { totalCount }": False,
    "inspections(after: %s) { totalCount }": False,
    "units(after: %s) { totalCount }": False,
    'unit(code: "B") { meetings(after: %s) { totalCount } }': False,
}


@pytest.mark.parametrize("other", OTHERS)
async def test_a_cursor_is_good_for_its_own_list_alone(reader: Client, other: str) -> None:
    """The same field, order, filter and within; the size of the page is free."""
    found = await page(reader, LISTS["meetings"], 1, None, "leader_d")
    query = "{ " + other % json.dumps(found["pageInfo"]["endCursor"]) + " }"
    if OTHERS[other]:
        await reader.data("leader_d", query)
    else:
        error = await reader.error("leader_d", query)
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "after"}


async def test_a_cursor_of_units_is_of_one_day(reader: Client) -> None:
    def units(day: str, after: str) -> str:
        return f'{{ units(first: 1, asOf: "{day}"{after}) {{ pageInfo {{ endCursor }} }} }}'

    found = await reader.data("leader_t", units("2024-02-01", ""))
    after = f", after: {json.dumps(found['units']['pageInfo']['endCursor'])}"
    await reader.data("leader_t", units("2024-02-01", after))
    error = await reader.error("leader_t", units("2024-02-02", after))
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_no_cursor_can_be_made_by_hand(reader: Client) -> None:
    """Any letter changed, cut or added, and it is one that no list gave."""
    found = await page(reader, LISTS["meetings"], 1, None, "leader_d")
    cursor = found["pageInfo"]["endCursor"]
    changed = [
        cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        for at in (*range(0, len(cursor), 5), len(cursor) - 1)
    ]
    for made in (
        *changed,
        cursor[:-1],
        cursor[1:],
        cursor + "A",
        cursor + "=",
        "",
        " " + cursor,
        "é",
    ):
        body = await reader.ask("leader_d", asked(LISTS["meetings"], 1, made))
        assert body["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "after"}


async def test_a_cursor_widens_nothing(reader: Client) -> None:
    """Another viewer may go on from it, and sees their own part."""
    found = await page(reader, LISTS["meetings"], 1, None, "leader_t")
    cursor = found["pageInfo"]["endCursor"]
    theirs = await page(reader, LISTS["meetings"], 200, None, "leader_e")
    rest = await page(reader, LISTS["meetings"], 200, cursor, "leader_e")
    ids = [node["id"] for node in theirs["nodes"]]
    assert [node["id"] for node in rest["nodes"]] == [id_ for id_ in ids if id_ not in cursor][
        len(ids) - len(rest["nodes"]) :
    ]
    body = await reader.ask("nobody", asked(LISTS["meetings"], 1, cursor))
    assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"]


async def test_a_page_does_not_shift_when_something_comes_before_it(writer: Client) -> None:
    first = await page(writer, LISTS["meetings"], 2, None, "leader_d")
    cursor = first["pageInfo"]["endCursor"]
    before = await page(writer, LISTS["meetings"], 2, cursor, "leader_d")
    await writer.data(
        "secretary_b",
        """mutation { recordMeeting(input: {unitCode: "B", heldOn: "2024-06-10", kind: GROUP,
          form: ONLINE, membersExpected: 1, membersPresent: 1}) { id } }""",
    )
    after = await page(writer, LISTS["meetings"], 2, cursor, "leader_d")
    assert after["nodes"] == before["nodes"]
    assert after["totalCount"] == before["totalCount"] + 1


async def test_a_cursor_outlives_the_server_that_gave_it(writer: Client) -> None:
    """Any worker of the store takes it: the key is the store's."""
    found = await page(writer, LISTS["meetings"], 1, None, "leader_d")
    async with province.served(writer.settings) as later:
        rest = await page(later, LISTS["meetings"], 1, found["pageInfo"]["endCursor"], "leader_d")
    assert rest["nodes"] and rest["nodes"] != found["nodes"]
