"""Rights revoked through one server are dead on the other: `python -m tests.revocation`.

Two `chibo serve` processes, and a third that lives a day later, share one PostgreSQL. Again and
again somebody is appointed through one server, reads through the other, and is dismissed through
the first while requests of theirs still run on the other. From the answer to the dismissal on, the
very next request on the other must read like that of somebody who was never appointed, whatever is
asked: a page after a cursor given before, a record by its id, figures, a unit; and nothing may be
written. The two servers take turns. On the third server the appointment has run out: there it must
never give anything. Prints how many were dead; exit code 1 where one was not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from server.database import Database
from server.identity import development_token
from server.settings import Settings
from tests import province, servers
from tests.province import TODAY
from tests.workers import Running, running

ADMINISTRATOR, HOLDER, NOBODY = "administrator_t", "holder", "nobody"
TOMORROW = TODAY + timedelta(days=1)
AT_ONCE = 2
"""Requests of the holder that run while they are dismissed."""

APPOINT = f"""mutation {{ appoint(input: {{principal: "{HOLDER}", role: "office", unitCode: "B",
  validFrom: "{TODAY}", validTo: "{TOMORROW}"}}) {{ id }} }}"""
END = "mutation ($id: ID!, $on: Date!) { endAppointment(id: $id, on: $on) { validTo } }"
ASK = """query ($after: String, $id: ID!) {
  viewer { appointments { role } }
  unit(code: "B") { name }
  node(id: $id) { id }
  meetings(first: 1, after: $after) { nodes { id } pageInfo { endCursor } }
  meetingSummary { meetings } }"""
RECORD = f"""mutation {{ recordMeeting(input: {{unitCode: "B", heldOn: "{TODAY}", kind: GROUP,
  form: ONLINE, membersExpected: 1, membersPresent: 1}}) {{ id }} }}"""


@dataclass
class Server:
    """One of the servers, as clients reach it."""

    running: Running
    settings: Settings
    client: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(self, principal: str, query: str, **variables: Any) -> dict[str, Any]:
        if principal not in self.tokens:
            self.tokens[principal] = development_token(self.settings, principal, 86_400)
        headers = {"Authorization": f"Bearer {self.tokens[principal]}", "Accept-Language": "en"}
        body = {"query": query, "variables": variables}
        answer = await self.client.post("/graphql", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@dataclass
class Outcome:
    """How many were dismissed, and what each who was not dead was shown."""

    times: int
    seconds: float
    survivors: list[str]

    @property
    def dead(self) -> int:
        return self.times - len(self.survivors)


async def revoke(home: Path, url: str, times: int) -> Outcome:
    """Appoints and dismisses so many times, on servers over an empty database."""
    database = Database(url)
    await province.fill(database, home / "data", province.SMALL)
    await database.close()
    survivors = []
    async with _servers(home, url) as (one, other, later):
        began = time.monotonic()
        for turn in range(times):
            first, second = (one, other) if turn % 2 == 0 else (other, one)
            if lived := await _dismissed(first, second, later):
                survivors.append(f"{turn + 1}: {lived}")
        return Outcome(times, time.monotonic() - began, survivors)


@asynccontextmanager
async def _servers(home: Path, url: str) -> AsyncIterator[tuple[Server, Server, Server]]:
    settings = province.settings_of(home, url)
    with ExitStack() as processes:
        started = [
            processes.enter_context(running(home, url, today=today))
            for today in (TODAY, TODAY, TOMORROW)
        ]
        one, other, later = [
            Server(each, settings, httpx.AsyncClient(base_url=each.url, timeout=60))
            for each in started
        ]
        yield one, other, later
        for server in (one, other, later):
            await server.client.aclose()


async def _dismissed(first: Server, second: Server, later: Server) -> str | None:
    """What somebody dismissed through the first server still gets from the second; null where
    that is nothing."""
    id_ = (await first.ask(ADMINISTRATOR, APPOINT))["data"]["appoint"]["id"]
    alive = (await second.ask(HOLDER, ASK, after=None, id=id_))["data"]
    assert alive["viewer"]["appointments"] == [{"role": "office"}] and alive["meetings"], alive
    before = {"after": alive["meetings"]["pageInfo"]["endCursor"]}
    before["id"] = alive["meetings"]["nodes"][0]["id"]
    expired = await later.ask(HOLDER, ASK, **before)
    under_way = [asyncio.ensure_future(second.ask(HOLDER, ASK, **before)) for _ in range(AT_ONCE)]
    ended = await first.ask(ADMINISTRATOR, END, id=id_, on=TODAY.isoformat())
    assert ended["data"] == {"endAppointment": {"validTo": TODAY.isoformat()}}, ended
    shown = await second.ask(HOLDER, ASK, **before)
    written = await second.ask(HOLDER, RECORD)
    await asyncio.gather(*under_way)
    nothing = await second.ask(NOBODY, ASK, **before)
    refused = await second.ask(NOBODY, RECORD)
    assert nothing["data"]["meetings"] is None and refused["data"] is None
    lived = [each for each in (shown, expired) if each != nothing]
    lived += [written] if written != refused else []
    return str(lived) if lived else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.revocation")
    parser.add_argument("--times", type=int, default=1000)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder, servers.fresh_postgres_database() as url:
        outcome = asyncio.run(revoke(Path(folder), url, times))
    print(
        f"{outcome.dead} of {outcome.times} were dead on the other server's next request,", end=""
    )
    print(f" in {outcome.seconds:.0f} s")
    if outcome.survivors:
        sys.exit("\n".join(outcome.survivors))


if __name__ == "__main__":
    main()
