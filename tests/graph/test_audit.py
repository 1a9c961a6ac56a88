"""Who sees which entry of the trail: held against an oracle that loops over offices and rules.

A small province in which inspections on SIGNS are opened, concluded and withdrawn, and shown to
those who may see them; then each viewer asks for the trail.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, select, text

from authz.tables import policy_rule
from graph.resolvers.identity import id_of, parse_id
from records import trail
from records.tables import audit_entry, audit_shown, client_key
from server.database import Database
from tests import province
from tests.province import Client

OFFICES = {
    "auditor_t": [("auditor", "T")],
    "auditor_d": [("auditor", "D")],
    "auditor_g": [("auditor", "G")],
    "auditor_b": [("auditor", "B")],
    "auditor_e": [("auditor", "E")],
    # Audits a branch, and inspects from above it.
    "inspecting_b": [("auditor", "B"), ("inspection_commission", "D")],
    # Audits and leads a unit under inspection; another one leads what it does not audit.
    "leading_g": [("auditor", "G"), ("leader", "G")],
    "leading_d": [("auditor", "G"), ("leader", "D")],
    # Reads figures and texts alike, down to rank 3.
    "leading_t": [("auditor", "T"), ("leader", "T")],
}
MORE = """
commission_t,inspection_commission,T,2020-01-01,
commission_e,inspection_commission,E,2020-01-01,
secretary_f,secretary,F,2020-01-01,
"""
PARENTS = {"T": "", "D": "T", "E": "T", "G": "D", "H": "D", "B": "G", "C": "G", "O": "G", "F": "E"}
RANKS = {"T": 1, "D": 2, "E": 2, "G": 3, "H": 3, "F": 3, "B": 5, "C": 5, "O": 5}
RECORDS = ("meeting", "evaluation", "inspection")
FIELDS = "at principal action resource unit { code } subject detail hash"
SEEN = "inspections(first: 200) { nodes { id } }"


# ---- what is true, naively


def units_above(unit: str) -> list[str]:
    return [] if not unit else [unit, *units_above(PARENTS[unit])]


def gives(role: str, held_at: str, action: str, resource: str, unit: str) -> bool:
    """Whether an office gives a right at a unit, by the rules of the roles above."""
    if held_at not in units_above(unit):
        return False
    if role == "auditor":
        return (action == "summarise" and resource in RECORDS) or (
            action == "read" and resource in ("audit", "appointment", "grant")
        )
    if role == "inspection_commission":
        return resource == "inspection" and action in ("read", "summarise")
    if resource == "grant":
        return action == "read"
    if resource not in RECORDS:
        return False
    return action == "summarise" or held_at != "T" or RANKS[unit] <= 3


def may(viewer: str, action: str, resource: str, unit: str) -> bool:
    return any(gives(*office, action, resource, unit) for office in OFFICES[viewer])


@dataclass
class Record:
    """A record as it is now, or last was; `signs`: on SIGNS and not concluded."""

    resource: str
    unit: str
    by: str = ""
    signs: bool = False

    def is_seen(self, viewer: str, *actions: str) -> bool:
        return any(
            gives(role, held_at, action, self.resource, self.unit)
            and (not self.signs or held_at != self.unit or held_at == self.by)
            for role, held_at in OFFICES[viewer]
            for action in actions
        )

    def is_known(self, viewer: str) -> bool:
        return self.is_seen(viewer, "read", "summarise")


@dataclass
class World:
    """A server, and what was done on it: records by id in hex, unit codes by id."""

    client: Client
    database: Database
    records: dict[str, Record] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    async def entries(self) -> list[Any]:
        """All entries, newest first, each with the records that it showed."""
        async with self.database.reading() as connection:
            rows = (await connection.execute(select(audit_entry))).all()
            shown = (await connection.execute(select(audit_shown))).all()
        found = [
            (row, [each.record_id.hex for each in shown if each.entry_id == row.id]) for row in rows
        ]
        return sorted(found, key=lambda each: (each[0].at, each[0].id), reverse=True)

    def shown_to(self, viewer: str, shown: list[str]) -> list[str]:
        """The units of those of the shown inspections that the viewer sees in the trail."""
        known = [self.records[each] for each in shown]
        return [
            each.unit
            for each in known
            if may(viewer, "read", "audit", each.unit) and each.is_known(viewer)
        ]

    def sees(self, viewer: str, row: Any, shown: list[str]) -> bool:
        if row.action == "read":
            return bool(self.shown_to(viewer, shown))
        if row.unit_id is None:
            return may(viewer, "read", "audit", "T")
        unit = self.codes[row.unit_id]
        if not may(viewer, "read", "audit", unit):
            return False
        if row.resource in RECORDS:
            return self.records[row.record_id.hex].is_known(viewer)
        return row.resource not in ("appointment", "grant") or may(
            viewer, "read", row.resource, unit
        )

    async def seen(self, viewer: str) -> list[Any]:
        return [each for each in await self.entries() if self.sees(viewer, *each)]

    def unit(self, viewer: str, row: Any, shown: list[str]) -> str | None:
        if row.action == "read":
            units = set(self.shown_to(viewer, shown))
            return units.pop() if len(units) == 1 else None
        return None if row.unit_id is None else self.codes[row.unit_id]


# ---- what is done


def inspection(unit: str, by: str, **more: str) -> str:
    values = {
        "unitCode": json.dumps(unit),
        "byUnitCode": json.dumps(by),
        "body": "INSPECTION_COMMISSION",
        "kind": "INSPECTION",
        "ground": "SIGNS",
        "openedOn": '"2024-05-02"',
        "status": "OPEN",
    } | more
    return "{" + ", ".join(f"{name}: {value}" for name, value in values.items()) + "}"


CONCLUDED = {"status": "CONCLUDED", "concludedOn": '"2024-06-01"'}


async def record(world: World, viewer: str, name: str, unit: str, by: str, **more: str) -> str:
    asked = f"mutation {{ made: recordInspection(input: {inspection(unit, by, **more)}) {{ id }} }}"
    made: str = (await world.client.data(viewer, asked))["made"]["id"]
    world.ids[name] = made
    signs = more.get("ground") is None and more.get("status") != "CONCLUDED"
    world.records[(parse_id(made) or ("", ""))[1]] = Record("inspection", unit, by, signs)
    return made


async def meet(world: World, viewer: str, unit: str) -> str:
    given = f'{{unitCode: "{unit}", heldOn: "2024-06-01", kind: REGULAR, form: ONLINE, '
    given += 'membersExpected: 7, membersPresent: 7, topic: "Việc riêng"}'
    asked = f"mutation {{ made: recordMeeting(input: {given}) {{ id }} }}"
    made: str = (await world.client.data(viewer, asked))["made"]["id"]
    world.records[(parse_id(made) or ("", ""))[1]] = Record("meeting", unit)
    return made


async def revise(world: World, viewer: str, name: str, unit: str, by: str, **more: str) -> None:
    id_ = world.ids[name]
    given = inspection(unit, by, **more)
    asked = f'reviseInspection(id: "{id_}", revision: 1, input: {given}) {{ revision }}'
    await world.client.data(viewer, f"mutation {{ {asked} }}")
    world.records[(parse_id(id_) or ("", ""))[1]] = Record("inspection", unit, by)


async def withdraw(world: World, viewer: str, id_: str, reason: str) -> None:
    asked = f'withdraw(id: "{id_}", revision: 1, reason: "{reason}")'
    await world.client.data(viewer, f"mutation {{ {asked} }}")


async def live(world: World) -> None:
    """Everything that the trail is asked about."""
    await meet(world, "secretary_b", "B")
    await meet(world, "secretary_f", "F")
    gone = await meet(world, "secretary_b", "B")
    await withdraw(world, "secretary_b", gone, "Trùng buổi")
    await record(world, "commission_d", "open on G", "G", "D")
    await record(world, "commission_g", "its own", "G", "G")
    await record(world, "commission_t", "open on D", "D", "T")
    await record(world, "commission_e", "open on F", "F", "E")
    await record(world, "commission_d", "concluded", "G", "D")
    await record(world, "commission_d", "withdrawn", "B", "D")
    await record(world, "commission_d", "withdrawn, concluded", "B", "D", **CONCLUDED)
    await record(world, "commission_d", "complaint", "H", "D", ground="COMPLAINT")
    for viewer in ("commission_d", "commission_t", "commission_e", "commission_g"):
        await world.client.data(viewer, f"{{ {SEEN} }}")
    await revise(world, "commission_d", "concluded", "G", "D", **CONCLUDED)
    for name in ("withdrawn", "withdrawn, concluded"):
        await withdraw(world, "commission_d", world.ids[name], "Ghi nhầm")
    await add_others(world)


async def add_others(world: World) -> None:
    """Entries of things that are tested elsewhere, at units of their own."""
    units = {code: id_ for id_, code in world.codes.items()}
    now = datetime.now(UTC)
    made = [
        trail.entry(now, "somebody", action, resource, units[unit], "ab" * 16, facts=facts)
        for action, resource, facts in (
            ("appoint", "appointment", {"role": "office", "appointed": "x", "valid_from": "y"}),
            ("grant", "grant", {"to": "E", "roles": ["leader"]}),
            ("decide", "decision", {}),
            ("explain", "appointment", {}),
        )
        for unit in ("T", "D", "G", "B", "E")
    ]
    made.append(trail.entry(now, "cli", "set", "policy", facts={"added": ["a"], "removed": []}))
    async with world.database.writing() as connection:
        await trail.append(connection, made)


@pytest_asyncio.fixture(scope="module", params=["sqlite", "postgresql"])
async def world(
    request: pytest.FixtureRequest,
    fresh_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    home, url = tmp_path_factory.mktemp("audited"), fresh_database(request.param)
    database = Database(url)
    held = [f"{who},{role},{at},2020-01-01," for who, some in OFFICES.items() for role, at in some]
    appointments = set(held) | set(province.APPOINTMENTS.split()) | set(MORE.split())
    files = province.SMALL | {"appointments": "\n".join(sorted(appointments))}
    await province.fill(database, home / "data", files)
    async with province.served(province.settings_of(home, url)) as client:
        made = World(client, database)
        async with database.reading() as connection:
            rows = await connection.execute(text("SELECT id, code FROM unit"))
            made.codes = {row.id: row.code for row in rows}
            loaded = await connection.execute(
                text("SELECT id FROM inspection WHERE ground = 'SIGNS'")
            )
            [(id_,)] = loaded.all()
            made.records[str(id_).replace("-", "")] = Record("inspection", "B", "D", True)
        await live(made)
        yield made
    await database.close()


async def asked(world: World, viewer: str, arguments: str = "first: 200") -> dict[str, Any]:
    document = f"{{ audit({arguments}) {{ totalCount nodes {{ {FIELDS} }} "
    document += "pageInfo { hasNextPage hasPreviousPage endCursor } } }"
    found: dict[str, Any] = (await world.client.data(viewer, document))["audit"]
    return found


def hashes(found: dict[str, Any]) -> list[str]:
    return [node["hash"] for node in found["nodes"]]


# ---- who sees what


@pytest.mark.parametrize("viewer", OFFICES)
async def test_everybody_sees_their_part_newest_first(world: World, viewer: str) -> None:
    """Of every entry as much as the oracle says, and its unit where that is to be seen."""
    expected = await world.seen(viewer)
    found = await asked(world, viewer)
    assert hashes(found) == [row.hash for row, _ in expected]
    assert found["totalCount"] == len(expected)
    for node, (row, shown) in zip(found["nodes"], expected, strict=True):
        code = node["unit"] and node["unit"]["code"]
        assert code == world.unit(viewer, row, shown), row
        assert (node["principal"], node["action"], node["resource"]) == (
            row.principal, row.action, row.resource,
        )  # fmt: skip
        if row.action == "read":
            many = len(world.shown_to(viewer, shown))
            assert node["detail"].endswith(f"violation: {many}.")


async def test_the_world_tells_its_viewers_apart(world: World) -> None:
    """No two of them see the same, so that the oracle is asked something."""
    seen = {viewer: str([row.id for row, _ in await world.seen(viewer)]) for viewer in OFFICES}
    same = {"leading_t", "auditor_t"}, {"auditor_g", "leading_g", "leading_d"}
    assert len(set(seen.values())) >= len(OFFICES) - sum(len(each) - 1 for each in same)
    assert seen["auditor_b"] != seen["inspecting_b"]


async def test_a_unit_under_open_signs_learns_nothing_from_its_auditor(world: World) -> None:
    """Neither that an inspection was recorded, shown, nor that it was withdrawn; once it is
    concluded, everything."""
    nodes = (await asked(world, "auditor_g"))["nodes"]
    subjects = {node["subject"] for node in nodes}
    hidden = {world.ids[name] for name in ("open on G", "open on D", "open on F")}
    assert not subjects & hidden and world.ids["withdrawn, concluded"] in subjects
    told = [node["action"] for node in nodes if node["subject"] == world.ids["concluded"]]
    assert told == ["revise", "record"]
    branch = (await asked(world, "auditor_b"))["nodes"]
    assert world.ids["withdrawn"] in subjects
    assert world.ids["withdrawn"] not in {node["subject"] for node in branch}
    assert not any(node["action"] == "read" for node in branch)


async def test_a_reason_is_for_whoever_may_read_the_record(world: World) -> None:
    """Who may only count learns that it was withdrawn, and nothing that was written."""
    for viewer, reads in {"auditor_g": False, "leading_g": True, "leading_t": False}.items():
        nodes = (await asked(world, viewer, 'first: 200, action: "withdraw"'))["nodes"]
        meetings = [node["detail"] for node in nodes if node["resource"] == "meeting"]
        reason = " Reason: Trùng buổi" if reads else ""
        assert meetings == [f"Withdrew a meeting at revision 1.{reason}"]
    [node] = (await asked(world, "leading_g", 'action: "record", principal: "secretary_b"'))[
        "nodes"
    ][:1]
    assert node["detail"] == "Recorded a meeting."


async def test_a_sentence_speaks_the_language_of_the_request(world: World) -> None:
    headers = world.client.bearer("auditor_b") | {"Accept-Language": "vi"}
    body = {"query": '{ audit(action: "withdraw", first: 1) { nodes { detail } } }'}
    answer = await world.client.http.post("/graphql", json=body, headers=headers)
    [node] = answer.json()["data"]["audit"]["nodes"]
    assert node["detail"] == "Đã rút một cuộc kiểm tra, giám sát, ở phiên bản 1."


async def test_what_an_entry_is_about_has_its_global_id(world: World) -> None:
    nodes = (await asked(world, "auditor_t"))["nodes"]
    found = {(node["resource"], node["subject"]) for node in nodes}
    assert ("inspection", world.ids["withdrawn"]) in found
    assert ("appointment", id_of("Appointment", "ab" * 16)) in found
    assert ("grant", id_of("Grant", "ab" * 16)) in found
    assert ("policy", None) in found and ("folder", None) in found


# ---- pages and filters


@pytest.mark.parametrize("viewer", ["auditor_t", "auditor_g", "inspecting_b"])
async def test_pages_together_are_the_list(world: World, viewer: str) -> None:
    whole, found, after = hashes(await asked(world, viewer)), [], ""
    while True:
        page = await asked(world, viewer, f"first: 3{after}")
        assert page["totalCount"] == len(whole)
        assert page["pageInfo"]["hasPreviousPage"] == bool(after)
        found += hashes(page)
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = f", after: {json.dumps(page['pageInfo']['endCursor'])}"
    assert found == whole


async def test_a_cursor_of_another_list_is_refused(world: World) -> None:
    page = await asked(world, "auditor_t", "first: 1")
    after = json.dumps(page["pageInfo"]["endCursor"])
    document = f'{{ audit(action: "record", after: {after}) {{ totalCount }} }}'
    error = await world.client.error("auditor_t", document)
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "after"}


@pytest.mark.parametrize("viewer", ["auditor_d", "auditor_b", "inspecting_b"])
async def test_a_filter_counts_nothing_that_is_not_seen(world: World, viewer: str) -> None:
    """Names, actions and subtrees: all that there are, and some that there are not."""
    seen = await world.seen(viewer)
    everything = await world.entries()
    for name in ("principal", "action"):
        values = {getattr(row, name) for row, _ in everything} | {"", "nobody", "\0", "%"}
        for value in values:
            found = await asked(world, viewer, f"first: 200, {name}: {json.dumps(value)}")
            expected = [row.hash for row, _ in seen if getattr(row, name) == value]
            assert hashes(found) == expected
            assert found["totalCount"] == len(expected)


@pytest.mark.parametrize("viewer", ["auditor_t", "auditor_d", "auditor_g"])
async def test_within_is_a_subtree_of_today(world: World, viewer: str) -> None:
    """An entry of what was shown is within where one that it showed is; it says the same there."""
    for unit in PARENTS:
        inside = [each for each in PARENTS if unit in units_above(each)]
        if not may(viewer, "read", "audit", unit):
            continue
        found = await asked(world, viewer, f'first: 200, within: "{unit}"')
        expected = []
        for row, shown in await world.seen(viewer):
            about = [world.codes.get(row.unit_id)]
            if row.action == "read":
                about = [*world.shown_to(viewer, shown)]
            if any(each in inside for each in about):
                expected.append(row.hash)
        assert hashes(found) == expected, unit


async def test_moments_are_both_included(world: World) -> None:
    """Whatever their offset; the wrong way round they match nothing."""
    rows = [row for row, _ in await world.seen("auditor_t")]
    first, last = rows[-3].at.astimezone(UTC), rows[4].at.astimezone(UTC)
    assert first < last
    shifted = last.astimezone(tz=datetime.fromisoformat("2024-01-01T00:00:00+07:00").tzinfo)
    span = f'from: "{first.isoformat()}", to: "{shifted.isoformat()}", first: 200'
    expected = [row.hash for row in rows if first <= row.at.astimezone(UTC) <= last]
    assert hashes(await asked(world, "auditor_t", span)) == expected
    just = f'from: "{(first + timedelta(microseconds=1)).isoformat()}", first: 200'
    late = [row.hash for row in rows if row.at.astimezone(UTC) > first]
    assert hashes(await asked(world, "auditor_t", just)) == late
    for nothing in (
        f'from: "{last.isoformat()}", to: "{first.isoformat()}"',
        'to: "0001-01-01T00:00:00+07:00"',
        'from: "9999-12-31T23:59:59-07:00"',
    ):
        found = await asked(world, "auditor_t", nothing)
        assert (found["nodes"], found["totalCount"]) == ([], 0)


async def test_the_trail_of_nothing_is_forbidden_and_of_the_unseen_not_found(world: World) -> None:
    """A unit out of sight and one that there is not read the same."""
    document = "{ audit%s { totalCount } }"
    for viewer in ("leader_t", "secretary_b", "nobody"):
        error = await world.client.error(viewer, document % "")
        assert error["extensions"]["code"] == "FORBIDDEN"
    beside = await world.client.error("leading_d", document % '(within: "H")')
    assert beside["extensions"]["code"] == "FORBIDDEN"
    above = await asked(world, "leading_d", 'within: "D", first: 200')
    assert above["totalCount"] == len(await world.seen("leading_d"))
    unseen = [
        await world.client.error(viewer, document % f'(within: "{code}")')
        for viewer in ("auditor_d", "secretary_b")
        for code in ("E", "X")
    ]
    assert unseen == [unseen[0]] * 4
    assert unseen[0]["extensions"]["code"] == "NOT_FOUND"


# ---- what is told


async def told(client: Client) -> list[Any]:
    """The entries so far, by id, each with how many inspections it showed."""
    database = Database(client.settings.database_url)
    async with database.reading() as connection:
        rows = (await connection.execute(select(audit_entry).order_by(audit_entry.c.id))).all()
        shown = (await connection.execute(select(audit_shown.c.entry_id))).scalars().all()
    await database.close()
    return [(row, shown.count(row.id)) for row in rows if row.action != "load"]


async def signs_of_b(client: Client) -> str:
    found = await client.data(
        "commission_d", "{ inspections { nodes { id ground unit { code } } } }"
    )
    [id_] = [each["id"] for each in found["inspections"]["nodes"] if each["ground"] == "SIGNS"]
    return str(id_)


async def test_one_request_is_told_once_whatever_it_shows(writer: Client) -> None:
    """Lists, own lists of units, aliases, edges and nodes together; the same one counts once."""
    first = await signs_of_b(writer)
    made = f"mutation {{ made: recordInspection(input: {inspection('G', 'D')}) {{ id }} }}"
    second = (await writer.data("commission_d", made))["made"]["id"]
    before = len(await told(writer))
    document = f"""{{
        inspections {{ nodes {{ id }} edges {{ node {{ theme }} }} }}
        again: inspections(first: 1) {{ nodes {{ id }} }}
        unit(code: "B") {{ inspections {{ nodes {{ id }} }} }}
        node(id: "{first}") {{ id }}
        other: node(id: "{second}") {{ ... on Inspection {{ status }} }}
    }}"""
    await writer.data("commission_d", document)
    [(row, many)] = (await told(writer))[before:]
    assert (row.action, row.resource, row.principal) == ("read", "inspection", "commission_d")
    assert (many, row.unit_id, row.record_id) == (2, None, None)


@pytest.mark.parametrize(
    "shown",
    ["nodes { id }", "edges { node { id } }", "edges { cursor }", "pageInfo { endCursor }"],
)
async def test_whatever_of_an_element_is_answered_is_told(writer: Client, shown: str) -> None:
    """A cursor holds an element's key. The entry names the unit of all that was shown."""
    await writer.data("commission_d", f'{{ inspections(within: "B") {{ {shown} }} }}')
    [(row, many)] = await told(writer)
    assert many == 1 and row.unit_id is not None


@pytest.mark.parametrize(
    "question",
    [
        "inspections { totalCount }",
        "inspections { pageInfo { hasNextPage hasPreviousPage } }",
        "inspections(filter: {ground: [PROGRAMME]}) { nodes { id } }",
        "inspectionSummary { inspections open }",
        'unit(code: "B") { inspections { totalCount } inspectionSummary { inspections } }',
        "units { nodes { code } }",
    ],
)
async def test_counts_sums_and_others_are_not_told(writer: Client, question: str) -> None:
    await writer.data("commission_d", f"{{ {question} }}")
    assert await told(writer) == []


async def test_the_element_beyond_a_page_is_not_told(writer: Client) -> None:
    """It was fetched only to know that there is one."""
    whole = await writer.data("commission_d", "{ inspections { nodes { ground status } } }")
    before = len(await told(writer))
    place = [each["ground"] for each in whole["inspections"]["nodes"]].index("SIGNS")
    page = f"inspections(first: {place}) {{ nodes {{ id }} pageInfo {{ hasNextPage }} }}"
    found = await writer.data("commission_d", f"{{ {page} }}")
    assert place and found["inspections"]["pageInfo"]["hasNextPage"]
    assert len(await told(writer)) == before
    await writer.data("commission_d", f"{{ inspections(first: {place + 1}) {{ nodes {{ id }} }} }}")
    assert len(await told(writer)) == before + 1


async def test_whom_nothing_was_shown_is_not_told(writer: Client) -> None:
    """The inspected unit does not see it, by any way."""
    id_ = await signs_of_b(writer)
    before = len(await told(writer))
    document = f'{{ node(id: "{id_}") {{ id }} inspections {{ nodes {{ ground }} }} }}'
    found = await writer.data("secretary_b", document)
    assert found == {"node": None, "inspections": {"nodes": [{"ground": "PROGRAMME"}]}}
    assert len(await told(writer)) == before


async def test_an_answer_of_a_mutation_is_told_with_the_change(writer: Client) -> None:
    """A revision too; one on a programme is no more than recorded."""
    for ground, actions in {"SIGNS": ["record", "read"], "PROGRAMME": ["record"]}.items():
        before = len(await told(writer))
        given = inspection("C", "D", ground=ground)
        await writer.data(
            "commission_d", f"mutation {{ recordInspection(input: {given}) {{ id }} }}"
        )
        assert [row.action for row, _ in (await told(writer))[before:]] == actions


async def test_a_failing_mutation_leaves_no_entry(writer: Client) -> None:
    """Nor do those beside it in the request."""
    good, bad = inspection("C", "D"), inspection("X", "D")
    document = f"mutation {{ a: recordInspection(input: {good}) {{ id }} "
    document += f"b: recordInspection(input: {bad}) {{ id }} }}"
    assert "errors" in await writer.ask("commission_d", document)
    assert await told(writer) == []


async def test_what_cannot_be_told_is_not_answered(writer: Client) -> None:
    """The entry is stored before the answer goes out; who is shown nothing needs none."""
    database = Database(writer.settings.database_url)
    async with database.writing() as connection:
        await connection.exec_driver_sql("ALTER TABLE audit_shown RENAME TO audit_hidden")
    await database.close()
    answer = await writer.post("commission_d", f"{{ {SEEN} }}")
    assert (answer.status_code, answer.json().keys()) == (500, {"errors"})
    await writer.data("commission_d", "{ inspections { totalCount } }")


DECISION = """mutation {{ decide(input: {{number: "{number}", title: "Đổi tên", issuedBy: "D",
issuedOn: "2024-06-01", effectiveOn: "2024-06-10", {key}
changes: [{{rename: {{unit: "G", name: "Tên mới"}}}}]}}) {{ number }} }}"""


async def test_a_decision_and_its_reversal_are_told(writer: Client) -> None:
    """At the issuing unit; the reason to whoever sees the whole of it."""
    await writer.data("leader_t", DECISION.format(number="1", key="").replace('"D"', '"T"'))
    await writer.data(
        "leader_t", 'mutation { reverseDecision(number: "1", reason: "Nhầm") { id } }'
    )
    found = await writer.data("auditor_t", f"{{ audit(first: 2) {{ nodes {{ {FIELDS} }} }} }}")
    shown = [
        (node["action"], node["unit"]["code"], node["subject"], node["detail"])
        for node in found["audit"]["nodes"]
    ]
    id_ = id_of("Decision", "1")
    assert shown == [
        ("reverse", "T", id_, "Reversed the decision 1. Reason: Nhầm"),
        ("decide", "T", id_, "Took the decision 1."),
    ]


async def test_a_decision_sent_again_is_told_once(writer: Client) -> None:
    """Also where the tree kept it while the transaction that told of it was lost."""
    keyed = DECISION.format(number="2", key='clientKey: "k",')
    for _ in range(2):
        await writer.data("leader_d", keyed)
        assert [row.action for row, _ in await told(writer)] == ["decide"]
    database = Database(writer.settings.database_url)
    async with database.writing() as connection:
        await connection.execute(delete(client_key))
        await connection.execute(delete(audit_entry).where(audit_entry.c.action == "decide"))
    await database.close()
    for _ in range(2):
        await writer.data("leader_d", keyed)
        assert [row.action for row, _ in await told(writer)] == ["decide"]


async def test_a_denial_hides_what_an_office_shows(writer: Client) -> None:
    """Rules are rows: an auditor who may not count a kind of record sees no entry about it."""
    database = Database(writer.settings.database_url)
    async with database.writing() as connection:
        await connection.execute(
            delete(policy_rule).where(
                policy_rule.c.role == "auditor", policy_rule.c.resource == "meeting"
            )
        )
        await connection.exec_driver_sql("UPDATE revision SET policy_version = policy_version + 1")
    await database.close()
    world = World(writer, database)
    await meet(world, "secretary_b", "B")
    found = await asked(world, "auditor_t")
    assert [node["action"] for node in found["nodes"]] == ["load"]
