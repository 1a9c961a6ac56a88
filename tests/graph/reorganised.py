"""Decisions as clients give them, and the small province after a few of them.

1  from 2024-03-01  G goes from D to E              (D lost a unit, E gained one)
2  from 2024-09-01  H goes from D to E              (E will)
3  from 2024-05-01  F is merged into G
4  from 2024-06-01  G is split: K, new, takes C
5  from 2024-04-01  B is renamed, decided last
6  from 2024-06-10  Z is established under D; reversed
"""

from __future__ import annotations

from typing import Any

from tests.province import APPOINTMENTS, SMALL, Client

MORE = """
boss,leader,T,2020-01-01,
boss,administrator,T,2020-01-01,
both,administrator,G,2020-01-01,
both,secretary,C,2020-01-01,
"""
WITH_MORE = SMALL | {"appointments": APPOINTMENTS.rstrip() + MORE}
"""Somebody who decides and may read appointments, and somebody who sees a unit in which they may
summarise nothing since another has left it."""

SEEN = (
    "id number title issuedOn effectiveOn recordedAt reversedAt issuedBy { code } "
    "changes { kind unit { code } to { code } detail }"
)
DECIDE = f"mutation ($input: DecisionInput!) {{ decide(input: $input) {{ {SEEN} }} }}"
PREVIEW = (
    "query ($input: DecisionInput!) { previewDecision(input: $input) { problems { change code "
    "message } unitsMoved unitsClosed unitsEstablished meetingsMoved evaluationsMoved "
    "inspectionsMoved sightChanges { principal role unit { code } gained lost } } }"
)


def decision(number: str, by: str, day: str, *changes: dict[str, Any], **more: Any) -> Any:
    """The input of a decision issued by a unit, in force from a day."""
    head = {"number": number, "title": f"Quyết định {number}", "issuedBy": by}
    return head | {"issuedOn": "2024-01-01", "effectiveOn": day, "changes": list(changes)} | more


def transfer(unit: str, to: str) -> dict[str, Any]:
    return {"transfer": {"unit": unit, "to": to}}


def establish(code: str, under: str, kind: str = "grassroots") -> dict[str, Any]:
    return {"establish": {"code": code, "under": under, "name": f"Đảng bộ {code}", "kind": kind}}


def merge(*units: str, into: str) -> dict[str, Any]:
    return {"merge": {"units": list(units), "into": into}}


def split(unit: str, *parts: dict[str, Any], close: bool = False) -> dict[str, Any]:
    return {"split": {"unit": unit, "into": list(parts), "close": close}}


def part(code: str, *units: str, name: str | None = None) -> dict[str, Any]:
    return {"code": code, "units": list(units), "name": name}


def dissolve(unit: str) -> dict[str, Any]:
    return {"dissolve": {"unit": unit}}


def rename(unit: str, name: str) -> dict[str, Any]:
    return {"rename": {"unit": unit, "name": name}}


def reclassify(unit: str, **changes: Any) -> dict[str, Any]:
    return {"reclassify": {"unit": unit, **changes}}


TAKEN = [
    decision("1", "T", "2024-03-01", transfer("G", "E")),
    decision("2", "T", "2024-09-01", transfer("H", "E")),
    decision("3", "E", "2024-05-01", merge("F", into="G")),
    decision("4", "E", "2024-06-01", split("G", part("K", "C", name="Đảng bộ K"))),
    decision("5", "E", "2024-04-01", rename("B", "Chi bộ B mới")),
    decision("6", "D", "2024-06-10", establish("Z", "D")),
]


async def decide(client: Client, by: str, given: Any) -> Any:
    """The decision as it was answered."""
    return (await client.data(by, DECIDE, {"input": given}))["decide"]


async def reverse(client: Client, by: str, number: str) -> Any:
    query = f'mutation {{ reverseDecision(number: "{number}", reason: "Nhầm") {{ {SEEN} }} }}'
    return (await client.data(by, query))["reverseDecision"]


async def problems(client: Client, by: str, given: Any) -> list[tuple[int, str]]:
    """Place and code of everything that stands in a decision's way: `decide` and the preview say
    the same."""
    error = await client.error(by, DECIDE, {"input": given})
    found = error["extensions"]["problems"]
    preview = await client.data(by, PREVIEW, {"input": given})
    assert preview["previewDecision"]["problems"] == found
    assert (error["extensions"]["code"], error["message"]) == (
        found[0]["code"],
        found[0]["message"],
    )
    return [(each["change"], each["code"]) for each in found]


async def reorganise(client: Client) -> None:
    """Takes the decisions, those that lie back in the order given, and reverses the last."""
    by = {"T": "leader_t", "E": "leader_e", "D": "leader_d"}
    for given in TAKEN:
        await decide(client, by[given["issuedBy"]], given)
    await reverse(client, "leader_d", "6")
