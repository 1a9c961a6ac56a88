"""Changes that arrive: what is told to whom, from where on, and when it ends."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import parse
from sqlalchemy import bindparam, text

from graph.execution import Request, Subscription
from graph.resolvers import changing
from graph.streams import Stream, Streams, _shape
from records import changes
from records.tables import record_change
from server.app import make_app
from server.cursors import cursor_key
from server.database import Database
from server.identity import development_token
from tests import province
from tests.province import Client

PLAIN = """subscription ($within: String, $kinds: [RecordKind!], $since: String) {
  recordChanges(within: $within, kinds: $kinds, since: $since) {
    cursor change kind id unit { code } at
    record { id ... on Meeting { revision heldOn } ... on Inspection { ground status } } } }"""
MORE = PLAIN.replace("unit { code }", "unit { code path { code } meetings { totalCount } }")
OF_EACH = PLAIN.replace("unit { code }", "unit { code path { code } parent { name } }")
"""PLAIN is answered alike for all, OF_EACH by what each sees, MORE by reading more for each."""
ON_SIGNS = """subscription { recordChanges(within: "B") { id
  unit { inspections(filter: {ground: [SIGNS]}) { nodes { id status } } } } }"""
DEAR = """subscription ($within: String) { recordChanges(within: $within) { change id unit { code
  a: path { path { code } } b: path { path { code } } c: path { path { code } } } } }"""

MEETING = """mutation ($unit: String!) { recordMeeting(input: {unitCode: $unit,
  heldOn: "2024-06-01", kind: GROUP, form: ONLINE, membersExpected: 3, membersPresent: 2}) {
  id } }"""
REVISE = """mutation ($id: ID!, $revision: Int!, $unit: String!) { reviseMeeting(id: $id,
  revision: $revision, input: {unitCode: $unit, heldOn: "2024-06-02", kind: GROUP, form: ONLINE,
  membersExpected: 3, membersPresent: 3}) { id } }"""
WITHDRAW = """mutation ($id: ID!, $revision: Int!) {
  withdraw(id: $id, revision: $revision, reason: "Nhầm") }"""
INSPECTION = """mutation ($unit: String!, $by: String!, $ground: InspectionGround!) {
  recordInspection(input: {unitCode: $unit, byUnitCode: $by, body: COMMITTEE, kind: INSPECTION,
  ground: $ground, openedOn: "2024-06-01", status: OPEN}) { id } }"""
REVISE_INSPECTION = """mutation ($id: ID!, $revision: Int!, $unit: String!, $by: String!,
  $ground: InspectionGround!, $status: InspectionStatus!, $on: Date) {
  reviseInspection(id: $id, revision: $revision, input: {unitCode: $unit, byUnitCode: $by,
  body: COMMITTEE, kind: INSPECTION, ground: $ground, openedOn: "2024-06-01", status: $status,
  concludedOn: $on}) { id } }"""
APPOINT = """mutation { appoint(input: {principal: "passing", role: "office", unitCode: "B",
  validFrom: "2024-06-01", validTo: "2025-06-01"}) { id } }"""
END = 'mutation ($id: ID!) { endAppointment(id: $id, on: "2024-06-15") { validTo } }'


@dataclass
class Listening:
    """An event stream over ASGI, with no server between: it is left like a client leaves."""

    app: Any
    headers: dict[str, str]
    document: str
    variables: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    last_event_id: str | None = None
    status: int = 0
    is_complete: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _left: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        body = json.dumps({"query": self.document, "variables": self.variables}).encode()
        headers = self.headers | {
            "Accept": "text/event-stream",
            "Content-Type": "application/json",
        }
        if self.last_event_id is not None:
            headers["Last-Event-ID"] = self.last_event_id
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "root_path": "",
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("chibo", 80),
        }
        asked = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if asked:
                return asked.pop()
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                return
            self._take(message.get("body", b"").decode())

        await self.app(scope, receive, send)

    def _take(self, content: str) -> None:
        for block in content.split("\n\n"):
            told = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            self.is_complete |= told.get("event") == "complete" or "complete" in block
            if told.get("event") == "next":
                self.events.append(json.loads(told["data"]))
                self.last_event_id = told.get("id", self.last_event_id)
        self._news.set()

    async def until(self, count: int) -> list[dict[str, Any]]:
        """The first events, when there are so many."""
        async with asyncio.timeout(15):
            while len(self.events) < count:
                self._news.clear()
                await self._news.wait()
        return self.events

    def leave(self) -> None:
        self._left.set()

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """Of each event the change, the unit and the record."""
        found = [event["data"]["recordChanges"] for event in self.events]
        return [(each["change"], each["unit"]["code"], each["id"]) for each in found]


@dataclass
class World:
    """A served province, and those who listen to it."""

    client: Client
    app: Any
    database: Database

    @asynccontextmanager
    async def listening(
        self,
        principal: str,
        document: str = PLAIN,
        last_event_id: str | None = None,
        **variables: Any,
    ) -> AsyncIterator[Listening]:
        """A stream that has begun, and is left at the end."""
        headers = self.client.bearer(principal)
        stream = Listening(self.app, headers, document, variables, last_event_id=last_event_id)
        task = asyncio.create_task(stream.run())
        while not stream._news.is_set() and not task.done():
            await asyncio.sleep(0.005)
        try:
            yield stream
        finally:
            stream.leave()
            await asyncio.wait_for(task, 10)

    async def settled(self) -> None:
        """Waits until all that was written has its place."""
        async with asyncio.timeout(10):
            while True:
                async with self.database.reading() as connection:
                    statement = "SELECT count(*) FROM record_change WHERE position IS NULL"
                    if not (await connection.execute(text(statement))).scalar_one():
                        return
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", params=["sqlite", "postgresql"])
async def world(
    request: pytest.FixtureRequest,
    fresh_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    """One for the module: whoever listens begins at its own moment."""
    async with serving(tmp_path_factory.mktemp("changes"), fresh_database(request.param)) as world:
        yield world


@asynccontextmanager
async def serving(home: Path, url: str, **more: Any) -> AsyncIterator[World]:
    """The province, and a commission at its root."""
    commission = "commission_t,inspection_commission,T,2020-01-01,"
    appointments = f"{province.APPOINTMENTS.strip()}\n{commission}"
    database = Database(url)
    files = province.SMALL | {"appointments": appointments}
    await province.fill(database, home / "data", files)
    settings = province.settings_of(home, url, **more)
    app = make_app(settings, "127.0.0.1")
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://chibo") as http:
            yield World(Client(settings, http), app, database)
    await database.close()


async def record(world: World, principal: str, unit: str) -> str:
    data = await world.client.data(principal, MEETING, {"unit": unit})
    return str(data["recordMeeting"]["id"])


async def test_a_change_is_told_to_who_may_read_it_and_to_nobody_else(world: World) -> None:
    """Recorded, revised, withdrawn: as the record is, and null at the end."""
    async with (
        world.listening("secretary_g") as seeing,
        world.listening("leader_t") as above,
        world.listening("secretary_c") as beside,
    ):
        id_ = await record(world, "secretary_b", "B")
        revising = {"id": id_, "revision": 1, "unit": "B"}
        await seeing.until(1)
        await world.client.data("secretary_b", REVISE, revising)
        await seeing.until(2)
        await world.client.data("secretary_b", WITHDRAW, {"id": id_, "revision": 2})
        await record(world, "secretary_c", "C")
        told = await seeing.until(4)
        assert (await beside.until(1)) and len(beside.events) == 1
        assert [each[:2] for each in seeing.told] == [
            ("RECORDED", "B"),
            ("REVISED", "B"),
            ("WITHDRAWN", "B"),
            ("RECORDED", "C"),
        ]
        records = [each["data"]["recordChanges"]["record"] for each in told]
        assert [each and each["revision"] for each in records] == [1, 2, None, 1]
        # A province reads down to the grassroots only.
        assert above.events == []


async def test_the_inspected_unit_is_told_of_signs_when_they_are_concluded(world: World) -> None:
    """Until then, nothing: not that it was recorded, revised, nor withdrawn."""
    async with (
        world.listening("secretary_g") as inspected,
        world.listening("leader_d") as inspecting,
    ):
        asked = {"unit": "G", "by": "D", "ground": "SIGNS"}
        made = await world.client.data("commission_d", INSPECTION, asked)
        id_ = made["recordInspection"]["id"]
        await inspecting.until(1)
        other = await world.client.data("commission_d", INSPECTION, asked)
        gone = {"id": other["recordInspection"]["id"], "revision": 1}
        await inspecting.until(2)
        await world.client.data("commission_d", WITHDRAW, gone)
        concluded = asked | {"id": id_, "revision": 1, "status": "CONCLUDED", "on": "2024-06-10"}
        await inspecting.until(3)
        await world.client.data("commission_d", REVISE_INSPECTION, concluded)
        await inspecting.until(4)
        await inspected.until(1)
        changes = [each[0] for each in inspecting.told]
        assert changes == ["RECORDED", "RECORDED", "WITHDRAWN", "REVISED"]
        assert [each[::2] for each in inspected.told] == [("REVISED", id_)]
        # Two that were recorded, and one that was withdrawn while it was open.
        assert await read_of(world, "leader_d") == ["G"] * 3


async def read_of(world: World, principal: str) -> list[str]:
    """Of which units the trail tells that the principal was shown open inspections on SIGNS."""
    audit = """query ($who: String!) {
      audit(principal: $who, action: "read") { nodes { unit { code } } } }"""
    found = (await world.client.data("auditor_t", audit, {"who": principal}))["audit"]["nodes"]
    return [each["unit"]["code"] for each in found]


async def test_the_root_inspects_like_any_other_unit(world: World) -> None:
    """Who is told of what it opened on SIGNS, and that it was withdrawn, is who `node` shows it."""
    names = ["secretary_g", "commission_g", "leader_d", "commission_d", "leader_t", "commission_t"]
    async with AsyncExitStack() as stack:
        streams = {name: await stack.enter_async_context(world.listening(name)) for name in names}
        asked = {"unit": "G", "by": "T", "ground": "SIGNS"}
        made = await world.client.data("commission_t", INSPECTION, asked)
        id_ = made["recordInspection"]["id"]
        seeing = {name for name in names if await sees(world, name, id_)}
        await asyncio.gather(*(streams[name].until(1) for name in seeing))
        await world.client.data("commission_t", WITHDRAW, {"id": id_, "revision": 1})
        asked = {"unit": "G", "by": "D", "ground": "PROGRAMME"}
        last = await world.client.data("commission_d", INSPECTION, asked)
        of_it = [("RECORDED", "G", id_), ("WITHDRAWN", "G", id_)]
        end = ("RECORDED", "G", last["recordInspection"]["id"])
        for name, stream in streams.items():
            expected = [*of_it, end] if name in seeing else [end]
            await stream.until(len(expected))
            assert stream.told == expected, name
        assert {"leader_t", "commission_t"} <= seeing and "secretary_g" not in seeing


async def test_what_an_event_shows_beside_the_change_is_told_by_the_trail(world: World) -> None:
    """Of open inspections on SIGNS of the unit, one entry for each viewer."""
    viewers = ["leader_d", "commission_d"]
    before = {name: await read_of(world, name) for name in viewers}
    async with (
        world.listening(viewers[0], ON_SIGNS) as one,
        world.listening(viewers[1], ON_SIGNS) as other,
    ):
        asked = {"unit": "B", "by": "D", "ground": "PROGRAMME"}
        await world.client.data("commission_d", INSPECTION, asked)
        for stream in (one, other):
            [event] = await stream.until(1)
            [shown] = event["data"]["recordChanges"]["unit"]["inspections"]["nodes"]
            assert shown["status"] == "OPEN"
        for name in viewers:
            assert sorted(await read_of(world, name)) == sorted([*before[name], "B"])


async def test_each_viewer_is_answered_by_their_own_rights(world: World) -> None:
    """What is selected of one change reads for each viewer as it does in a query: nobody is given
    the answer that was made for another."""
    document = PLAIN.replace("unit { code }", "unit { code meetings { totalCount } }")
    seeing = ["leader_d", "secretary_g"] * 2
    async with AsyncExitStack() as stack:
        listening = [
            (name, await stack.enter_async_context(world.listening(name, document)))
            for name in [*seeing, "commission_g"]
        ]
        asked = {"unit": "G", "by": "G", "ground": "PROGRAMME"}
        await world.client.data("commission_g", INSPECTION, asked)
        for name, stream in listening:
            [event] = await stream.until(1)
            found = event["data"]["recordChanges"]["unit"]["meetings"]
            assert (found is None) == (name == "commission_g")


async def test_a_stream_goes_on_after_the_last_event(world: World) -> None:
    """By `since`, and by Last-Event-ID, which is the newer of the two; nothing is lost or told
    twice. A list and the cursor beside it leave no gap."""
    start = await world.client.data("secretary_g", "{ recordChangesCursor }")
    first = await record(world, "secretary_b", "B")
    async with world.listening("secretary_g", since=start["recordChangesCursor"]) as stream:
        await stream.until(1)
    second = await record(world, "secretary_b", "B")
    third = await record(world, "secretary_c", "C")
    given = {"since": start["recordChangesCursor"], "last_event_id": stream.last_event_id}
    async with world.listening("secretary_g", MORE, **given) as again:
        await again.until(2)
    async with world.listening("secretary_g", since=stream.last_event_id, last_event_id="") as anew:
        await anew.until(2)
    assert [each[2] for each in stream.told] == [first]
    assert [each[2] for each in again.told] == [each[2] for each in anew.told] == [second, third]


async def test_a_cursor_says_nothing(world: World) -> None:
    """Two of one moment are different, of one length however much has happened."""
    ask = "{ recordChangesCursor }"
    found = [(await world.client.data("leader_d", ask))["recordChangesCursor"] for _ in range(2)]
    await record(world, "secretary_b", "B")
    found.append((await world.client.data("leader_d", ask))["recordChangesCursor"])
    assert len(set(found)) == 3 and len({len(each) for each in found}) == 1


@pytest.mark.parametrize(
    ("principal", "variables", "code"),
    [
        ("secretary_g", {"since": "x"}, "BAD_USER_INPUT"),
        ("secretary_g", {"since": ""}, "BAD_USER_INPUT"),
        ("secretary_g", {"within": "E"}, "NOT_FOUND"),
        ("secretary_g", {"within": "nowhere"}, "NOT_FOUND"),
        ("auditor_t", {}, "FORBIDDEN"),
        ("nobody", {}, "FORBIDDEN"),
        ("nobody", {"within": "B", "since": "x"}, "BAD_USER_INPUT"),
        ("commission_g", {"kinds": ["MEETING"]}, "FORBIDDEN"),
    ],
)
async def test_a_stream_is_refused_like_a_list(
    reader: Client, principal: str, variables: dict[str, Any], code: str
) -> None:
    """First what the input shows, then what is out of sight, then rights; told by an event."""
    headers = reader.bearer(principal) | {"Accept": "text/event-stream"}
    body = {"query": PLAIN, "variables": variables}
    answer = await reader.http.post("/graphql", json=body, headers=headers)
    assert answer.status_code == 200
    event = json.loads(answer.text.split("data: ", 1)[1].split("\n")[0])
    [error] = event["errors"]
    assert error["extensions"]["code"] == code and error["path"] == ["recordChanges"]
    assert answer.text.endswith("event: complete\ndata:\n\n")


async def test_queries_are_answered_as_events_and_streams_never_as_json(reader: Client) -> None:
    """One `next`, then `complete`; without a token 401; a subscription over JSON is refused."""
    headers = reader.bearer("leader_d") | {"Accept": "text/event-stream"}
    answer = await reader.http.post(
        "/graphql", json={"query": "{ viewer { name } }"}, headers=headers
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    told, end = answer.text.removeprefix("event: next\ndata: ").split("\n\n", 1)
    assert end == "event: complete\ndata:\n\n"
    body = json.loads(told)
    assert body["data"] == {"viewer": {"name": "leader_d"}} and "cost" in body["extensions"]
    bare = await reader.http.post(
        "/graphql", json={"query": PLAIN}, headers={"Accept": "text/event-stream"}
    )
    assert bare.status_code == 401
    error = (await reader.post("leader_d", PLAIN)).json()["errors"][0]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    empty = {"query": PLAIN, "variables": {"kinds": []}}
    answer = await reader.http.post("/graphql", json=empty, headers=headers)
    assert "next" not in answer.text and answer.text.endswith("event: complete\ndata:\n\n")


async def test_what_is_too_old_is_read_anew(world: World) -> None:
    """Changes are forgotten after a time: a cursor from before them is BAD_USER_INPUT, one from
    after them still good, and no position is ever given again."""
    ask = "{ recordChangesCursor }"
    old = (await world.client.data("secretary_g", ask))["recordChangesCursor"]
    await record(world, "secretary_b", "B")
    await world.settled()
    async with world.database.writing() as connection:
        assert await changes.forget(connection, datetime.now(UTC) + timedelta(days=1))
    new = (await world.client.data("secretary_g", ask))["recordChangesCursor"]
    async with (
        world.listening("secretary_g", since=old) as refused,
        world.listening("secretary_g", since=new) as going_on,
    ):
        [event] = await refused.until(1)
        assert event["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "since"}
        id_ = await record(world, "secretary_b", "B")
        await going_on.until(1)
        assert going_on.told == [("RECORDED", "B", id_)]


async def place_of_now(world: World) -> tuple[bytes, int]:
    """The key of cursors, and the last position."""
    await world.settled()
    key = await cursor_key(world.database)
    async with world.database.reading() as connection:
        return key, (await changes.bounds(connection)).last


async def test_a_cursor_is_refused_by_its_age_alone(world: World) -> None:
    """One of eight days ago though nothing happened since, one of six days ago never, though what
    came after it was written before: it is not forgotten yet."""
    key, last = await place_of_now(world)
    now = datetime.now(UTC)
    old, young = (
        changing.cursor(key, changing.Place(last, now - timedelta(days=days))) for days in (8, 6)
    )
    async with world.listening("secretary_g", since=old) as refused:
        [event] = await refused.until(1)
        assert event["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "since"}
    id_ = await record(world, "secretary_b", "B")
    await world.settled()
    aged = "UPDATE record_change SET at = :at WHERE position > :last"
    written = text(aged).bindparams(bindparam("at", type_=record_change.c.at.type))
    async with world.database.writing() as connection:
        await connection.execute(written, {"at": now - timedelta(days=7.5), "last": last})
        await changes.forget(connection, now - timedelta(days=7))
    async with world.listening("secretary_g", since=young) as going_on:
        await going_on.until(1)
        assert going_on.told == [("RECORDED", "B", id_)]


async def test_each_event_is_charged(fresh_database: Callable[[str], str], tmp_path: Path) -> None:
    """Where the budget of its viewer does not suffice a stream ends, after all that it sufficed
    for; others are told all the same."""
    limits = {"max_cost": 2000, "cost_per_minute": 2000}
    async with (
        serving(tmp_path, fresh_database("sqlite"), **limits) as world,
        world.listening("secretary_g", DEAR, within="B") as dear,
        world.listening("leader_d") as other,
    ):
        made = [await record(world, "secretary_b", "B") for _ in range(8)]
        await other.until(len(made))
        async with asyncio.timeout(15):
            while not dear.is_complete:
                await asyncio.sleep(0.01)
        *told, end = dear.events
        extensions = end["errors"][0]["extensions"]
        assert extensions["code"] == "QUERY_TOO_COSTLY" and extensions["retryAfter"] > 0
        assert [each["data"]["recordChanges"]["id"] for each in told] == made[: len(told)]
        assert 0 < len(told) < len(made)


async def test_dear_streams_are_in_nobodys_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are told before any of them is executed; those of one principal take turns."""
    running, most = Counter[str](), Counter[str]()
    serve = Streams._serve_alone

    async def watched(self: Streams, stream: Stream) -> None:
        running[stream.bearer.name] += 1
        most[stream.bearer.name] = max(most[stream.bearer.name], running[stream.bearer.name])
        try:
            await serve(self, stream)
        finally:
            running[stream.bearer.name] -= 1

    monkeypatch.setattr(Streams, "_serve_alone", watched)
    async with AsyncExitStack() as stack:
        dear = [
            await stack.enter_async_context(world.listening("secretary_g", DEAR)) for _ in range(4)
        ]
        other = await stack.enter_async_context(world.listening("leader_d"))
        await record(world, "secretary_b", "B")
        await other.until(1)
        assert [each.events for each in dear] == [[]] * 4
        await asyncio.gather(*(each.until(1) for each in dear))
    assert most == {"secretary_g": 1}


async def test_what_a_document_does_not_declare_is_nothing_to_it(world: World) -> None:
    """Streams that differ by it alone share their answers, however deep it is."""
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    document = parse("subscription ($kinds: [RecordKind!]) { recordChanges(kinds: $kinds) { id } }")

    def shape(variables: dict[str, Any]) -> Any:
        return _shape(Subscription(Request("", variables, None, "en"), document, 1))

    plain = {"kinds": ["MEETING"]}
    assert shape(plain) == shape(plain | {"x": 1}) == shape(plain | {"x": deep})
    assert shape(plain) != shape({"kinds": ["INSPECTION"]})
    assert shape({"kinds": deep}) != shape({"kinds": deep})
    async with world.listening("secretary_g", x=[["what nobody asked"]]) as stream:
        await record(world, "secretary_b", "B")
        await stream.until(1)
        assert [each[:2] for each in stream.told] == [("RECORDED", "B")]


async def test_a_stream_ends_with_its_viewers_rights(world: World) -> None:
    """FORBIDDEN and the end, without anything being recorded; not where something is left."""
    made = await world.client.data("administrator_t", APPOINT)
    async with world.listening("passing") as stream, world.listening("leader_d") as other:
        await world.client.data("administrator_t", END, {"id": made["appoint"]["id"]})
        [event] = await stream.until(1)
        assert event["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert stream.is_complete and other.events == [] and not other.is_complete


async def test_a_stream_ends_with_its_token(world: World) -> None:
    """UNAUTHENTICATED and the end, while nothing happens."""
    world.client.tokens["leader_d"] = development_token(world.client.settings, "leader_d", 1)
    async with world.listening("leader_d") as stream:
        [event] = await stream.until(1)
        assert event["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert stream.is_complete
    del world.client.tokens["leader_d"]


# ---- the law


VIEWERS = {
    "leader_d": PLAIN,
    "secretary_g": OF_EACH,
    "secretary_b": PLAIN,
    "secretary_c": MORE,
    "commission_g": PLAIN,
    "board_d": MORE,
    "leader_t": OF_EACH,
}
WATCHER = "leader_d"
"""Is told of all that is written here, and listens without a break."""


@dataclass
class Viewer:
    """Somebody who listens, leaves and comes back, and what they must have been told."""

    name: str
    cursor: str
    expected: list[tuple[str, str]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    missed: list[tuple[str, str, bool]] = field(default_factory=list)
    stream: Listening | None = None
    task: asyncio.Task[None] | None = None

    async def come(self, world: World) -> None:
        """Begins where the last stream of theirs ended. Of what was missed they are told what they
        may read now, and withdrawals of what they could read."""
        headers, variables = world.client.bearer(self.name), {"since": self.cursor}
        self.stream = Listening(world.app, headers, VIEWERS[self.name], variables)
        self.task = asyncio.create_task(self.stream.run())
        for change, id_, was_seen in self.missed:
            if was_seen if change == "WITHDRAWN" else await sees(world, self.name, id_):
                self.expected.append((change, id_))
        self.missed.clear()

    async def leave(self) -> None:
        """Leaves when all that was to be told has been."""
        assert self.stream is not None and self.task is not None
        await self.stream.until(len(self.expected) - len(self.told))
        self.stream.leave()
        await self.task
        self.told += [(change, id_) for change, _, id_ in self.stream.told]
        self.cursor = self.stream.last_event_id or self.cursor
        self.stream = None

    async def was_done(self, world: World, change: str, id_: str, was_seen: bool) -> None:
        if self.stream is None:
            self.missed.append((change, id_, was_seen))
        elif was_seen if change == "WITHDRAWN" else await sees(world, self.name, id_):
            self.expected.append((change, id_))


async def sees(world: World, principal: str, id_: str) -> bool:
    found = await world.client.data(
        principal, "query ($id: ID!) { node(id: $id) { id } }", {"id": id_}
    )
    return found["node"] is not None


class Writers:
    """Random writes: what was done to which record, in its order."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._records: dict[str, tuple[str, int, dict[str, Any]]] = {}

    async def write(self) -> tuple[str, str, dict[str, bool]]:
        """The change, the record, and who could read it before."""
        done = self._chance.choice(["meeting", "meeting", "inspection", "revise", "withdraw"])
        if done in ("revise", "withdraw") and self._records:
            return await self._correct(done)
        if done == "inspection":
            ground = self._chance.choice(["SIGNS", "PROGRAMME"])
            unit = self._chance.choice("GBC")
            asked = {"unit": unit, "by": self._chance.choice(["D", unit]), "ground": ground}
            return await self._record("commission_d", INSPECTION, asked)
        unit = self._chance.choice("GBC")
        return await self._record(f"secretary_{unit.lower()}", MEETING, {"unit": unit})

    async def _record(
        self, principal: str, document: str, asked: dict[str, Any]
    ) -> tuple[str, str, dict[str, bool]]:
        [made] = (await self._world.client.data(principal, document, asked)).values()
        self._records[made["id"]] = principal, 1, asked
        return "RECORDED", made["id"], {}

    async def _correct(self, done: str) -> tuple[str, str, dict[str, bool]]:
        id_ = self._chance.choice(list(self._records))
        principal, revision, asked = self._records[id_]
        before = {name: await sees(self._world, name, id_) for name in VIEWERS}
        meant = {"id": id_, "revision": revision}
        if done == "withdraw":
            await self._world.client.data(principal, WITHDRAW, meant)
            del self._records[id_]
            return "WITHDRAWN", id_, before
        if principal == "commission_d":
            ground = self._chance.choice(["SIGNS", "COMPLAINT"])
            ended = self._chance.choice([{"status": "OPEN"}, CONCLUDED])
            if asked.get("status") == "CONCLUDED":
                ended = CONCLUDED
            asked = asked | {"ground": ground} | ended
            await self._world.client.data(principal, REVISE_INSPECTION, meant | asked)
        else:
            await self._world.client.data(principal, REVISE, meant | asked)
        self._records[id_] = principal, revision + 1, asked
        return "REVISED", id_, before


CONCLUDED = {"status": "CONCLUDED", "on": "2024-06-10"}
STEPS = 30


@pytest.mark.parametrize("seed", [1])
async def test_streams_tell_exactly_what_single_look_ups_allow(world: World, seed: int) -> None:
    """Each viewer is told of the changes whose record `node` shows them at that moment (of a
    withdrawal: before it), in one order, none twice and none lost, whenever they leave and come
    back, and whether their document reads more or not."""
    chance = random.Random(seed)
    start = (await world.client.data(WATCHER, "{ recordChangesCursor }"))["recordChangesCursor"]
    viewers = {name: Viewer(name, start) for name in VIEWERS}
    for viewer in viewers.values():
        await viewer.come(world)
    writers, order = Writers(world, chance), []
    for _ in range(STEPS):
        change, id_, before = await writers.write()
        order.append((change, id_))
        for name, viewer in viewers.items():
            await viewer.was_done(world, change, id_, before.get(name, False))
        for viewer in viewers.values():
            if viewer.stream is not None:
                await viewer.stream.until(len(viewer.expected) - len(viewer.told))
        for name in chance.sample(sorted(viewers.keys() - {WATCHER}), 2):
            viewer = viewers[name]
            await (viewer.come(world) if viewer.stream is None else viewer.leave())
    for viewer in viewers.values():
        if viewer.stream is None:
            await viewer.come(world)
        await viewer.leave()
        assert viewer.told == viewer.expected, viewer.name
    assert viewers[WATCHER].told == order
    assert 0 < len(viewers["secretary_b"].told) < len(order)


async def test_nothing_is_lost_where_many_write_at_once(world: World) -> None:
    """Transactions end in another order than they begin: all are told, once, to all alike."""
    async with (
        world.listening("leader_d") as one,
        world.listening("secretary_g", OF_EACH) as other,
    ):
        units = ["B", "C", "G"] * 10
        asked = [record(world, f"secretary_{unit.lower()}", unit) for unit in units]
        made = await asyncio.gather(*asked)
        await asyncio.gather(one.until(30), other.until(30))
        assert sorted(each[2] for each in one.told) == sorted(made)
        assert one.told == other.told
