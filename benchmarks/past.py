"""A summary on the tree of a past day against the same on today's, reorganised in between.

Half the districts of the first province went to the second one and as many came from there, so
that both days have as many units and records to sum. The leader of the centre asks, district by
district.
"""

from datetime import timedelta

import orjson

from benchmarks.client import Client, request
from benchmarks.measuring import Times, in_turn
from benchmarks.province import Store
from benchmarks.provinces import CENTRE, DISTRICTS, FIRST, MOVED_ON, SECOND
from benchmarks.servers import Server
from benchmarks.transfers import Decider

EXCHANGED = DISTRICTS[::2]

SUMMARY = """query ($province: String!, $asOf: Date) {
  meetingSummary(within: $province, asOf: $asOf, groupBy: [CHILD],
    filter: {heldFrom: "2024-07-01", heldTo: "2025-06-30"}) {
    child { code name } meetings membersExpected membersPresent averageScore } }"""


def reorganise(store: Store, server: Server) -> None:
    """Exchanges the districts, for good."""
    decider = Decider(store, server)
    decider.decide(EXCHANGED, SECOND)
    decider.decide([f"2.{code}" for code in EXCHANGED], FIRST)


def measure(store: Store, server: Server) -> tuple[Times, Times]:
    """Times of the answers on the day before the exchange, and on today's tree."""
    token = store.run("token", f"leader@{CENTRE}").strip()
    before = (MOVED_ON - timedelta(days=1)).isoformat()
    past, today = (
        request("/graphql", token, {"query": SUMMARY, "variables": variables})
        for variables in ({"province": FIRST, "asOf": before}, {"province": FIRST})
    )
    with Client(server.port) as client:
        for asked in (past, today):
            if "errors" in (answer := orjson.loads(client.send(asked))):
                raise RuntimeError(answer["errors"])
        return in_turn((client, past), (client, today))
