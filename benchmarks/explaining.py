"""How long an explanation takes: a plain yes, and a no among many appointments and grants.

Asked over HTTP, in turn with a request that asks for nothing, which is what the explanation is held
against. Who has many holds ten appointments, and five grants for one of these; they are made
through the server first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks.client import Client, request
from benchmarks.measuring import Times, in_turn
from benchmarks.province import Store
from benchmarks.questions import DISTRICT, DISTRICT_LEADER, PROVINCE
from benchmarks.servers import Server

MANY = "many"
APPOINTMENTS, GRANTS = 10, 5
ADMINISTRATOR = f"administrator@{PROVINCE}"
NOTHING = "{ __typename }"

_UNITS = """query($within: String) { units(within: $within, first: 200,
filter: {kind: ["grassroots"]}) { nodes { code } } }"""
_APPOINT = """mutation($unit: String!) { appoint(input: {principal: "many", role: "officer",
unitCode: $unit, validFrom: "2024-01-01"}) { id } }"""
_GRANT = """mutation($of: String!, $to: String!) { grant(input: {of: $of, to: $to,
roles: ["officer"], resources: ["meeting"], actions: ["summarise"], purpose: "measured",
validFrom: "2025-01-01", validTo: "2026-01-01"}) { id } }"""
_EXPLAIN = """query($unit: String!, $principal: String) { explain(action: "read",
resource: "meeting", unitCode: $unit, principal: $principal) { allowed reason steps { outcome rule
appointment { role unit { code } } grant { of { code } to { code } } } } }"""


@dataclass(frozen=True, slots=True)
class Explained:
    """One explanation and the request for nothing beside it."""

    title: str
    times: Times
    nothing: Times

    @property
    def by_itself(self) -> float:
        """What the explanation adds, in milliseconds: the difference of the medians."""
        return self.times.at(50) - self.nothing.at(50)


def measure(store: Store, served: Server) -> Iterator[Explained]:
    """The figures on a loaded province, one after the other."""
    asking = _Asking(store, served)
    below = asking.codes(DISTRICT_LEADER, DISTRICT)
    asking.give_many(below)
    yield asking.timed("a yes, of oneself", DISTRICT_LEADER, below[-1], None)
    yield asking.timed("a no, of who has many", MANY, below[0], None)
    yield asking.timed("the same, of another", ADMINISTRATOR, below[0], MANY)


@dataclass(frozen=True, slots=True)
class _Asking:
    store: Store
    served: Server

    def codes(self, principal: str, within: str) -> list[str]:
        """Up to 200 grassroots organisations of a subtree, by code."""
        found = self._send(principal, _UNITS, within=within)
        return [node["code"] for node in found["units"]["nodes"]]

    def give_many(self, of: list[str]) -> None:
        """Ten appointments in another district, and five grants to the first of these."""
        others = [code for code in self.codes(ADMINISTRATOR, PROVINCE) if code not in of]
        for unit in others[:APPOINTMENTS]:
            self._send(ADMINISTRATOR, _APPOINT, unit=unit)
        for unit in of[:GRANTS]:
            self._send(DISTRICT_LEADER, _GRANT, of=unit, to=others[0])

    def timed(self, title: str, asker: str, unit: str, principal: str | None) -> Explained:
        explain, nothing = (
            self._request(asker, document, variables)
            for document, variables in (
                (_EXPLAIN, {"unit": unit, "principal": principal}),
                (NOTHING, {}),
            )
        )
        with Client(self.served.port) as client:
            if "errors" in (answer := orjson.loads(client.send(explain))):
                raise RuntimeError(answer["errors"])
            return Explained(title, *in_turn((client, explain), (client, nothing)))

    def _send(self, principal: str, document: str, **variables: Any) -> Any:
        with Client(self.served.port) as client:
            answer = orjson.loads(client.send(self._request(principal, document, variables)))
        if "errors" in answer:
            raise RuntimeError(answer["errors"])
        return answer["data"]

    def _request(self, principal: str, document: str, variables: dict[str, Any]) -> bytes:
        token = self.store.run("token", principal).strip()
        return request("/graphql", token, {"query": document, "variables": variables})
