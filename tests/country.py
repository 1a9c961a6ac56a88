"""The country before and after 1 July 2025, held against what is published: `make country`.

What a served store says of both days (how many units of which kind, what became of every old
commune, where each unit stands, the figures of 2024 in either structure) must be what the tables
and a naive replay say (`tests/published.py`). Run as `python -m tests.country` it asks for the
whole country, on SQLite and on PostgreSQL with Neo4j, and ends with exit code 1 where anything
differs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from server import logs
from server.generation import country, generate
from server.loading import load
from server.settings import Settings
from server.stores import open_stores
from tests import province, servers
from tests.province import Client
from tests.published import (
    DAY,
    EVE,
    Figures,
    Published,
    Replay,
    Tree,
    differences,
    figures_of,
    sums,
)

TODAY = date(2026, 1, 15)
VIEWER = "leader@TW"
SEED = 1
ENGINES = ("sqlite", "postgresql-neo4j")


# ---- the store


UNITS = """query ($kind: [String!], $asOf: Date) {
  units(filter: {kind: $kind}, asOf: $asOf, first: 0) { totalCount } }"""
OLD_COMMUNES = """query ($after: String) {
  units(filter: {kind: ["grassroots"], status: CLOSED}, asOf: "2025-07-01", first: 200,
    after: $after) {
    nodes { code successors { code } } pageInfo { hasNextPage endCursor } } }"""
PLACES = """query ($after: String, $asOf: Date) {
  units(filter: {status: ANY}, asOf: $asOf, first: 200, after: $after) {
    nodes { code name kind { code } parent { code } closedOn }
    pageInfo { hasNextPage endCursor } } }"""
SUMS = """query ($within: String!, $asOf: Date, $attribution: Attribution!) {
  meetingSummary(within: $within, groupBy: [CHILD], asOf: $asOf, attribution: $attribution,
    filter: {heldFrom: "2024-01-01", heldTo: "2024-12-31"}) {
    child { code } meetings membersExpected membersPresent } }"""
OF_BRANCHES = """query ($asOf: Date) {
  meetingSummary(asOf: $asOf, filter: {unitKind: ["branch", "grassroots_branch"],
    heldFrom: "2024-01-01", heldTo: "2024-12-31"}) {
    meetings membersExpected membersPresent } }"""


@dataclass
class Examination:
    """A served store that a folder was loaded into, asked as the leader of the centre.

    Every check answers with what it found wrong; `tell` hears of each one that is done.
    """

    client: Client
    folder: Path
    published: Published
    replay: Replay
    tell: Callable[[str], Any] = str

    async def run(self) -> list[str]:
        found = []
        for check in (self.counts, self.successors, self.places, self.figures, self.branches):
            begun = time.monotonic()
            wrong = [finding async for finding in check()]
            self.tell(f"{check.__doc__} {len(wrong)} wrong, {time.monotonic() - begun:.1f} s")
            found += wrong
        return found

    async def counts(self) -> AsyncIterator[str]:
        """Open units by kind on both days, as published."""
        for day, counts in self.published.counts().items():
            for kind, count in counts.items():
                data = await self._ask(UNITS, kind=[kind], asOf=day)
                if data["units"]["totalCount"] != count:
                    yield f"{day}: {data['units']['totalCount']} of kind {kind}, not {count}"

    async def successors(self) -> AsyncIterator[str]:
        """What became of every old commune, as the table of conversion has it."""
        told = {
            node["code"]: {each["code"] for each in node["successors"]}
            async for node in self._pages(OLD_COMMUNES)
        }
        for code, found in self.published.successors.items():
            expected = {f"X25.{each}" for each in found}
            if told.pop(f"X.{code}", None) != expected:
                yield f"X.{code}: not {expected or 'without successor'}"
        for code in told:
            yield f"{code} is closed, and no commune of 2024"

    async def places(self) -> AsyncIterator[str]:
        """Where every unit stands on both days, as the decisions replayed have it."""
        for day, tree in ((EVE, self.replay.before), (DAY, self.replay.after)):
            told = {node["code"]: node async for node in self._pages(PLACES, asOf=day)}
            for code in told.keys() ^ tree.above.keys():
                yield f"{day}: {code} is on one tree alone"
            for code in told.keys() & tree.above.keys():
                if _place(told[code]) != _expected(tree, code):
                    yield f"{day}: {code} is {_place(told[code])}, not {_expected(tree, code)}"

    async def figures(self) -> AsyncIterator[str]:
        """The figures of 2024 below every unit above the commune, in both structures."""
        own = figures_of(self.folder, 2024)
        before, after = sums(own, self.replay.before), sums(own, self.replay.after)
        tops = {code for code in before if code[0] in "TH"}
        for within in sorted(tops | {code for code in after if code[0] == "T"}):
            for told, expected in (
                (await self._sums(within, asOf=EVE), before),
                (await self._sums(within, asOf=DAY), after),
                (await self._sums(within, attribution="AS_RECORDED"), before),
            ):
                other = told.items() ^ expected.get(within, {}).items()
                for child, figures in sorted(other, key=str):
                    yield f"{within}: {child} with {figures} on one side alone"

    async def branches(self) -> AsyncIterator[str]:
        """What the branches did in 2024, the same in both structures."""
        told = [await self._ask(OF_BRANCHES, asOf=day) for day in (EVE, DAY, None)]
        if not told[0]["meetingSummary"][0]["meetings"] or told != [told[0]] * 3:
            yield f"branches: {told}"

    async def _sums(self, within: str, **variables: str) -> dict[str | None, Figures]:
        given = {"within": within, "attribution": "AS_OF", **variables}
        data = await self._ask(SUMS, **given)
        told: dict[str | None, Figures] = {}
        for row in data["meetingSummary"]:
            if row["meetings"]:
                code = row["child"] and row["child"]["code"]
                told[code] = row["meetings"], row["membersExpected"], row["membersPresent"]
        return told

    async def _pages(self, query: str, **variables: Any) -> Any:
        after = None
        while True:
            page = (await self._ask(query, after=after, **variables))["units"]
            for node in page["nodes"]:
                yield node
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    async def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        return await self.client.data(VIEWER, query, variables)


def _place(node: dict[str, Any]) -> tuple[str, str, str, bool]:
    above = node["parent"]["code"] if node["parent"] else ""
    return above, node["kind"]["code"], node["name"], node["closedOn"] is not None


def _expected(tree: Tree, code: str) -> tuple[str, str, str, bool]:
    return tree.above[code], tree.kind[code], tree.name[code], code in tree.closed


# ---- the whole country


async def examine(
    settings: Settings, folder: Path, published: Published, tell: Callable[[str], Any] = str
) -> list[str]:
    """Loads the folder into the empty store of the settings, serves it, and asks everything."""
    begun = time.monotonic()
    async with open_stores(settings) as stores:
        await stores.prepare()
        await load(stores.database, stores.graph, folder, TODAY)
    tell(f"Loaded, {time.monotonic() - begun:.1f} s")
    async with province.served(settings) as client:
        return await Examination(client, folder, published, Replay(folder), tell).run()


@contextmanager
def empty_store(engine: str) -> Iterator[Settings]:
    """The settings of a fresh store of the engine, gone after the block."""
    with tempfile.TemporaryDirectory(prefix="chibo-country-") as home:
        if engine == "sqlite":
            yield province.settings_of(
                Path(home), f"sqlite+aiosqlite:///{home}/chibo.db", CHIBO_TODAY=TODAY
            )
            return
        tree = servers.neo4j_server()
        if "CHIBO_NEO4J_URI" in os.environ and not servers.is_empty(tree):
            sys.exit("CHIBO_NEO4J_URI names a database that is not empty: it would be deleted")
        with servers.locked("neo4j-use"), servers.fresh_postgres_database() as url:
            servers.wipe(tree)
            yield settings_with_graph(Path(home), url, tree)
            servers.wipe(tree)


def settings_with_graph(home: Path, url: str, tree: servers.Server) -> Settings:
    return province.settings_of(
        home,
        url,
        CHIBO_TODAY=TODAY,
        CHIBO_NEO4J_URI=tree.uri,
        CHIBO_NEO4J_USER=tree.user,
        CHIBO_NEO4J_PASSWORD=tree.password,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.country")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="both if left out")
    parser.add_argument("--years", type=int, default=1, help="years of records on either side")
    options = parser.parse_args()
    logs.configure("WARNING")
    published = Published.read()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="chibo-country-") as aside:
        folder = Path(aside)
        for remark in generate(folder, country.NAME, options.years, SEED, TODAY):
            print(remark)
        found = list(differences(published, Replay(folder)))
        print(f"The folder against the tables: {len(found)} wrong")
        for engine in options.engine or ENGINES:
            print(f"── {engine}")
            with empty_store(engine) as settings:
                found += asyncio.run(examine(settings, folder, published, print))
        wrong = len(found)
        print(*found[:50], sep="\n")
    print(f"{wrong} findings")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
