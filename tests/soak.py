"""A server under a mixed load for minutes, and its memory: `python -m tests.soak --minutes 10`.

A real `chibo serve` on PostgreSQL is asked by a few clients at once, each for one thing after the
other: lists, figures, nested pages, records written, revised and withdrawn, decisions, rights
given and ended, documents by their hash, pages by their ETag, questions that must be refused.
Prints a line each half minute. Memory is flat where, once warm, it grows by less than GROWTH a
minute (the slope of a straight line through what was resident; the proportional part is shown
too, but wavers with whatever else runs on the machine); exit code 1 where it grows, or where an
answer had another status or code than its kind of load expects.

For another kind of load, write a function like those below and name it in LOADS. One that lasts,
such as a stream, simply takes some seconds before it returns.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from typing import Any
from urllib.parse import quote

import httpx
import psutil

from server.database import Database
from server.identity import development_token
from server.loading import load
from server.settings import Settings
from tests import province, servers
from tests.fuzzing.marked import LEADER, VIEWER, Folder
from tests.province import TODAY
from tests.workers import Running, running

CLIENTS = 6
WARM, WARM_LOADS = 120.0, 3_000
"""Seconds, and loads, until caches, pools and the interpreter have what they need: where others
keep the machine busy it takes longer."""
GROWTH = 0.25
"""MB a minute: what a process may grow by that is restarted once a week, and no more than the
measure itself wavers in ten minutes."""
SAMPLE = 5.0
SHOWN = 30.0
MB = 1024 * 1024


@dataclass
class Soak:
    """The server, whoever asks it, and what came of it so far."""

    server: Running
    settings: Settings
    http: httpx.AsyncClient
    folder: Folder
    random: random.Random = field(default_factory=lambda: random.Random(6))
    asked: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    number: int = 0
    is_over: bool = False

    def headers(self, principal: str) -> dict[str, str]:
        if principal not in self.tokens:
            self.tokens[principal] = development_token(self.settings, principal, 86_400)
        return {"Authorization": f"Bearer {self.tokens[principal]}"}

    def next(self) -> int:
        self.number += 1
        return self.number

    def unit(self) -> str:
        return str(self.random.choice(self.folder.files["units"])["code"])

    def somebody(self) -> str:
        return str(self.random.choice(self.folder.files["appointments"])["principal"])

    async def post(self, principal: str, body: Any, *codes: str) -> dict[str, Any]:
        """The answer to a body; one whose error has another code than the expected is told."""
        answer = await self.http.post("/graphql", json=body, headers=self.headers(principal))
        found: dict[str, Any] = answer.json() if answer.status_code < 500 else {}
        told = {error["extensions"]["code"] for error in found.get("errors", ())}
        if answer.status_code not in (200, 400) or not told <= set(codes):
            self.wrong.append(f"{answer.status_code} {body} {answer.text[:300]}")
        return found

    async def ask(self, principal: str, query: str, *codes: str, **variables: Any) -> Any:
        found = await self.post(principal, {"query": query, "variables": variables}, *codes)
        return found.get("data") or {}


# ---- the kinds of load


async def lists(soak: Soak) -> None:
    """A page of records with their units, and the page after it."""
    query = """query ($after: String) { meetings(first: 50, after: $after) {
      nodes { id heldOn topic score unit { code name } } pageInfo { endCursor } totalCount } }"""
    page = await soak.ask(VIEWER, query, after=None)
    await soak.ask(VIEWER, query, after=page["meetings"]["pageInfo"]["endCursor"])


async def figures(soak: Soak) -> None:
    query = """query ($asOf: Date) {
      meetingSummary(groupBy: [CHILD, YEAR], asOf: $asOf) { child { code } period meetings }
      evaluationSummary(groupBy: [RATING]) { rating evaluations }
      inspectionSummary(groupBy: [STATUS]) { status inspections } }"""
    days = [None, "2021-12-31", "2023-01-01", "2024-06-01"]
    await soak.ask(soak.random.choice([VIEWER, LEADER]), query, asOf=soak.random.choice(days))


async def nested(soak: Soak) -> None:
    query = """query ($code: String!) { unit(code: $code) { name path { code } parent { code }
      history { name decision { number } } children(first: 20) { nodes { code
        meetings(first: 3) { nodes { topic unit { name } } }
        evaluations(first: 2) { nodes { rating } } meetingSummary { meetings } } } } }"""
    await soak.ask(soak.random.choice([VIEWER, LEADER]), query, code=soak.unit())


async def everybody(soak: Soak) -> None:
    """Many principals, whose rights are kept."""
    query = "{ viewer { name appointments { role unit { code } } } units(first: 5) { totalCount } }"
    await soak.ask(soak.somebody(), query, "FORBIDDEN")


async def never_asked(soak: Soak) -> None:
    """A document that nobody asked before, as long as what is kept of such: full once warm."""
    query = f"{{ n{soak.next()}: units(first: 3) {{ nodes {{ code name }} }} }}"
    await soak.ask(LEADER, query + " " * 8_000)


async def writes(soak: Soak) -> None:
    """A meeting recorded twice by one key, revised, revised in vain and withdrawn."""
    record = """mutation ($input: RecordMeetingInput!) { recordMeeting(input: $input)
      { id revision } }"""
    revise = """mutation ($id: ID!, $revision: Int!, $input: RecordMeetingInput!) {
      reviseMeeting(id: $id, revision: $revision, input: $input) { revision } }"""
    withdraw = """mutation ($id: ID!, $revision: Int!) {
      withdraw(id: $id, revision: $revision, reason: "-") }"""
    told = {"unitCode": soak.folder.places.districts[0], "heldOn": "2024-06-01", "kind": "REGULAR"}
    told |= {"form": "ONLINE", "topic": f"Buổi {soak.next()}"}
    counted: dict[str, Any] = {**told, "membersExpected": 9, "membersPresent": 8}
    keyed = {**counted, "clientKey": f"soak {soak.next()}"}
    stored = (await soak.ask(VIEWER, record, input=keyed))["recordMeeting"]
    await soak.ask(VIEWER, record, input=keyed)
    await soak.ask(VIEWER, revise, id=stored["id"], revision=1, input=counted | {"score": 70})
    await soak.ask(VIEWER, revise, "CONFLICT", id=stored["id"], revision=1, input=counted)
    await soak.ask(VIEWER, withdraw, id=stored["id"], revision=2)


async def decisions(soak: Soak) -> None:
    """A unit renamed for as long as it takes to take that back: the tree has two versions more."""
    decide = "mutation ($input: DecisionInput!) { decide(input: $input) { number } }"
    number, top = f"soak {soak.next()}", soak.folder.places.top
    name = {"unit": soak.folder.places.districts[2], "name": f"Huyện {number}"}
    told = {"number": number, "title": "-", "issuedBy": top, "issuedOn": "2024-06-01"}
    told |= {"effectiveOn": "2024-06-14"}
    await soak.ask(LEADER, decide, "CONFLICT", input={**told, "changes": [{"rename": name}]})
    reverse = 'mutation ($n: String!) { reverseDecision(number: $n, reason: "-") { number } }'
    await soak.ask(LEADER, reverse, "CONFLICT", "NOT_FOUND", n=number)


async def rights(soak: Soak) -> None:
    """Somebody appointed, asking, and dismissed: everybody's rights are read anew."""
    appoint = """mutation ($input: AppointInput!) { appoint(input: $input) { id } }"""
    end = "mutation ($id: ID!, $on: Date!) { endAppointment(id: $id, on: $on) { validTo } }"
    [administrator] = [each["principal"] for each in soak.folder.files["appointments"]
                       if each["role"] == "administrator"]  # fmt: skip
    holder = f"holder {soak.next() % 50}"
    told = {"principal": holder, "role": "office", "unitCode": soak.folder.places.districts[0]}
    given = {**told, "validFrom": TODAY.isoformat()}
    made = await soak.ask(administrator, appoint, input=given)
    await soak.ask(holder, "{ meetings(first: 5) { nodes { topic } } }", "FORBIDDEN")
    await soak.ask(administrator, end, id=made["appoint"]["id"], on=TODAY.isoformat())


async def explained(soak: Soak) -> None:
    query = """query ($code: String!) { explain(action: "read", resource: "meeting",
      unitCode: $code) { allowed reason steps { outcome } } }"""
    await soak.ask(VIEWER, query, "NOT_FOUND", code=soak.unit())


async def refused(soak: Soak) -> None:
    """Everything that is refused: at the door, by the document, by the input, by rights."""
    for query, code in (
        ("{ units {", "BAD_USER_INPUT"),
        (f"{{ unit(code: 1) {{ no{soak.next()} }} }}", "BAD_USER_INPUT"),
        ("{ units(first: 201) { totalCount } }", "BAD_USER_INPUT"),
        ('{ units(within: "none") { totalCount } }', "NOT_FOUND"),
        ("{ appointments { totalCount } }", "FORBIDDEN"),
        ("{" + " ".join(f"a{at}: __typename" for at in range(101)) + "}", "QUERY_TOO_COSTLY"),
    ):
        if not (await soak.post(VIEWER, {"query": query}, code)).get("errors"):
            soak.wrong.append(f"not refused: {query}")
    for token in ("", "Bearer", f"Bearer x{soak.next()}", "Basic eDp4"):
        answer = await soak.http.post(
            "/graphql", json={"query": "{ viewer { name } }"}, headers={"Authorization": token}
        )
        _expect(soak, answer, 401)


def _expect(soak: Soak, answer: httpx.Response, status: int) -> None:
    if answer.status_code != status:
        soak.wrong.append(f"{answer.status_code}, not {status}: {answer.text[:300]}")


async def kept_pages(soak: Soak) -> None:
    """GET with an ETag: once whole, once unchanged."""
    asked = {"query": "{ inspections(first: 5) { nodes { id theme by { name } } } }"}
    first = await soak.http.get("/graphql", params=asked, headers=soak.headers(VIEWER))
    _expect(soak, first, 200)
    known = {**soak.headers(VIEWER), "If-None-Match": first.headers.get("ETag", "")}
    again = await soak.http.get("/graphql", params=asked, headers=known)
    if again.status_code not in (200, 304):
        _expect(soak, again, 304)


async def views(soak: Soak) -> None:
    """A view saved anew, and run by somebody below as JSON and as a table."""
    save = "mutation ($input: SaveViewInput!) { saveView(input: $input) { id } }"
    told = {"unitCode": soak.folder.places.top, "name": "soak", "title": f"Bảng {soak.next()}"}
    document = "{ meetings(first: 20) { nodes { heldOn topic unit { name } } } }"
    saved = await soak.ask(LEADER, save, input={**told, "document": document})
    path = f"/views/{quote(saved['saveView']['id'], safe='')}"
    for form in ("application/json", "text/csv"):
        headers = {**soak.headers(VIEWER), "Accept": form}
        _expect(soak, await soak.http.get(path, headers=headers), 200)


async def hashes(soak: Soak) -> None:
    """A document by its hash: unknown, sent beside it, known."""
    query = f'{{ unit(code: "{soak.next()}") {{ code }} }}'
    digest = hashlib.sha256(query.encode()).hexdigest()
    named = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    await soak.post(VIEWER, named, "PERSISTED_QUERY_NOT_FOUND")
    await soak.post(VIEWER, {**named, "query": query})
    await soak.post(VIEWER, named)


LOADS: dict[Callable[[Soak], Awaitable[None]], int] = {
    lists: 8,
    figures: 4,
    nested: 6,
    everybody: 4,
    never_asked: 4,
    writes: 3,
    decisions: 1,
    rights: 1,
    explained: 2,
    refused: 2,
    kept_pages: 3,
    views: 2,
    hashes: 2,
}
"""Each kind of load, and how often it is chosen."""


# ---- the run


@dataclass(frozen=True)
class Sample:
    """Bytes of the server's processes: resident, and its proportional part of what is shared."""

    seconds: float
    rss: int
    pss: int


async def client(soak: Soak) -> None:
    """One client: one kind of load after the other."""
    while not soak.is_over:
        [kind] = soak.random.choices(list(LOADS), list(LOADS.values()))
        soak.asked[kind.__name__] += 1
        try:
            await kind(soak)
        except (httpx.HTTPError, KeyError, TypeError) as error:
            soak.wrong.append(f"{kind.__name__}: {error!r}")


async def watch(soak: Soak, minutes: float) -> list[Sample]:
    """What the server's memory was every few seconds since it was warm; prints a line now and
    then."""
    samples: list[Sample] = []
    began, shown = time.monotonic(), 0.0
    print(f"{'seconds':>8} {'loads':>8} {'RSS MB':>8} {'PSS MB':>8} {'wrong':>6}")
    while not samples or samples[-1].seconds < samples[0].seconds + minutes * 60 - WARM:
        await asyncio.sleep(SAMPLE)
        now = measured(soak.server.process.pid, time.monotonic() - began)
        if now.seconds >= WARM and soak.asked.total() >= WARM_LOADS:
            samples.append(now)
        if now.seconds >= shown + SHOWN:
            shown = now.seconds
            print(
                f"{now.seconds:8.0f} {soak.asked.total():8,} {now.rss / MB:8.1f} "
                f"{now.pss / MB:8.1f} {len(soak.wrong):6}",
                flush=True,
            )
    soak.is_over = True
    return samples


def measured(pid: int, seconds: float) -> Sample:
    process = psutil.Process(pid)
    found = [each.memory_full_info() for each in (process, *process.children(recursive=True))]
    return Sample(seconds, sum(each.rss for each in found), sum(each.pss for each in found))


def growth(samples: list[Sample], name: str) -> float:
    """MB a minute: the slope of the line with the least squares."""
    minutes = [each.seconds / 60 for each in samples]
    return linear_regression(minutes, [getattr(each, name) / MB for each in samples]).slope


async def soaked(home: Path, url: str, minutes: float) -> tuple[Soak, list[Sample]]:
    folder = Folder()
    folder.write(home / "data")
    database = Database(url)
    await database.migrate()
    await load(database, None, home / "data", TODAY)
    await database.close()
    (home / ".env").write_text("CHIBO_APQ=1\nCHIBO_COST_PER_MINUTE=0\n")
    with running(home, url) as server:
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as http:
            soak = Soak(server, province.settings_of(home, url), http, folder)
            watching = asyncio.create_task(watch(soak, minutes))
            await asyncio.gather(*(client(soak) for _ in range(CLIENTS)))
            return soak, await watching


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=10, help="more than three")
    minutes = max(3.0, parser.parse_args().minutes)
    with tempfile.TemporaryDirectory() as folder, servers.fresh_postgres_database() as url:
        soak, samples = asyncio.run(soaked(Path(folder), url, minutes))
    print(", ".join(f"{name} {times:,}" for name, times in soak.asked.most_common()))
    slopes = {name: growth(samples, name) for name in ("rss", "pss")}
    print(f"once warm: RSS {slopes['rss']:+.3f}, PSS {slopes['pss']:+.3f} MB a minute; "
          f"flat is less than {GROWTH}")  # fmt: skip
    for each in soak.wrong[:20]:
        print(each)
    if soak.wrong or slopes["rss"] >= GROWTH:
        sys.exit(f"{len(soak.wrong)} unexpected answers" if soak.wrong else "memory grows")


if __name__ == "__main__":
    main()
