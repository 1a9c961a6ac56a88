"""`chibo policy`: what it shows, refuses and foresees, and that what is set is obeyed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import insert, select

from authz import holders
from authz.policy import Rule
from authz.tables import grant
from hierarchy.tables import unit
from hierarchy.unit import Kind, Kinds, Standing
from records.tables import audit_entry
from server import policies
from server.database import Database
from server.folder.faults import LoadRefused
from server.loading import load
from server.policies import check, put, said, store, stored
from server.policy_file import read_policy, written
from server.policy_page import tables
from tests import province
from tests.oracle.served import Commands, environment
from tests.province import TODAY, Client

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = (ROOT / "authz" / "default_policy.csv").read_text("utf-8")
HEADER = "role,at,resource,action,reach,eft\n"
LEADER = HEADER + "leader,*,unit,read,subtree,allow\n"
KNOWN = (
    "unit, meeting, evaluation, inspection, decision, appointment, grant, audit, view, "
    "appointment:ROLE"
)
REACHES = "own, children, subtree, below, above or rank<=N"
MEETINGS = "{ meetings { totalCount } }"


async def test_a_long_look_tells_how_far_it_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many viewers have been looked at; the small province has twelve."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}")
    await province.fill(database, tmp_path / "data", province.SMALL)
    file = tmp_path / "policy.csv"
    file.write_text(WIDER, "utf-8")
    monkeypatch.setattr(policies, "TOLD_EACH", 4)
    told: list[tuple[int, str]] = []
    await check(database, file, TODAY, lambda done, name: told.append((done, name)))
    await database.close()
    assert told == [(4, "viewers"), (8, "viewers"), (12, "viewers")]


def default_kinds() -> Kinds:
    def rows(name: str) -> list[dict[str, str]]:
        with (ROOT / "hierarchy" / name).open(encoding="utf-8") as lines:
            return list(csv.DictReader(lines))

    kinds = [Kind(it["code"], it["name"], int(it["rank"])) for it in rows("default_kinds.csv")]
    standings = [Standing(it["kind"], it["under"]) for it in rows("default_standings.csv")]
    return Kinds.of(kinds, standings)


KINDS = default_kinds()


def refused(tmp_path: Path, text: str | bytes, held: dict[str, int] | None = None) -> list[str]:
    """The faults of a file, without its name."""
    path = tmp_path / "policy.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(LoadRefused) as caught:
        read_policy(path, KINDS, held or {})
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


# ---- what is refused


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("leader,*,unit,read", "4 cells, and the header has 6"),
        ("leader,*,unit,read,subtree,allow,", "7 cells, and the header has 6"),
        ("leader,*,unit,read,subtree,allow", "the same rule as in line 2"),
        ("leader,distrikt,meeting,read,own,allow", "unknown kind 'distrikt'"),
        ("leader,district|,meeting,read,own,allow", "a kind is empty"),
        ("leader,,meeting,read,own,allow", "a kind is empty"),
        ("leader,*|district,meeting,read,own,allow", "unknown kind '*'"),
        ("leader,*,meeting,read,all,allow", f"unknown reach 'all': {REACHES}"),
        ("leader,*,meeting,read,rank<=x,allow", f"unknown reach 'rank<=x': {REACHES}"),
        ("leader,*,meeting,read,own,Deny", "unknown effect 'Deny': allow or deny"),
        ("leader,*,meetings,read,own,allow", f"nothing asks about 'meetings': {KNOWN}"),
        (
            "leader,*,meeting,write,own,allow",
            "nothing asks to 'write' meeting: read, summarise, record",
        ),
        ("leader,*,unit,record,own,allow", "nothing asks to 'record' unit: read"),
        ("leader,*,decision,read,own,allow", "nothing asks to 'read' decision: record"),
        ("leader,*,appointment:leader,read,own,allow", "nothing asks to 'read' "
         "appointment:leader: record"),
        (
            "leader,*,appointment:chief,record,own,allow",
            "no rule is for the role 'chief', which is to be given",
        ),
        (
            "leader,province,meeting,read,rank<=0,allow",
            "reaches nothing: rank<=0 is above the rank of province",
        ),
        (
            "leader,district|branch,meeting,read,rank<=1,allow",
            "reaches nothing: rank<=1 is above the rank of district|branch",
        ),
        (
            "leader,group,meeting,read,below,allow",
            "reaches nothing: no unit may stand under group",
        ),
        (
            "leader,group,meeting,read,children,deny",
            "reaches nothing: no unit may stand under group",
        ),
        ("leader,*,meeting,read,own,deny", "denies what no rule allows: read meeting"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_meant_is_refused(tmp_path: Path, row: str, message: str) -> None:
    assert refused(tmp_path, LEADER + row + "\n") == [f"3: {message}"]


def test_a_role_is_a_text_that_can_be_written(tmp_path: Path) -> None:
    """It is neither empty nor of control characters; the line is that on which the row begins."""
    text = LEADER + ',*,unit,read,own,allow\n"two\nlines",*,unit,read,own,allow\nx\n'
    assert refused(tmp_path, text) == [
        "3: role is empty",
        "4: role 'two\\nlines' holds a control character",
        "6: 1 cells, and the header has 6",
    ]


@pytest.mark.parametrize(
    ("given", "denied"),
    [
        ("district,{},own", ["district|bloc,{},subtree"]),
        ("district,{},own", ["*,{},above"]),
        ("district,{},rank<=3", ["*,{},rank<=4"]),
        ("district,{},below", ["district,{},children", "district,{},below"]),
        ("district|bloc,{},subtree", ["district,{},subtree", "bloc,{},subtree"]),
        ("branch,{},subtree", ["branch,{},own", "branch,{},children"]),
        ("group,{},subtree", ["*,{},rank<=6"]),
    ],
)
def test_what_denials_take_back_wholly_is_refused(
    tmp_path: Path, given: str, denied: list[str]
) -> None:
    """At all its kinds and everywhere below them, by one denial of the role or by several."""
    row = f"leader,{given.format('meeting,read')},allow\n"
    rows = [f"leader,{each.format('meeting,read')},deny\n" for each in denied]
    [said] = refused(tmp_path, LEADER + row + "".join(rows))
    assert said.startswith("3: gives nothing: all of it is denied by ")
    last = "".join(rows[:-1]) + rows[-1].replace("leader", "officer")
    officer = "officer,*,unit,read,subtree,allow\n"
    assert accepted(tmp_path, LEADER + row + last + officer)


@pytest.mark.parametrize(
    ("given", "denied"),
    [
        ("district|bloc,{},own", "district,{},subtree"),
        ("district,{},subtree", "*,{},below"),
        ("district,{},subtree", "*,{},rank<=5"),
        ("district,{},below", "*,{},children"),
        ("province,{},above", "*,{},subtree"),
    ],
)
def test_what_is_denied_in_part_is_a_rule(tmp_path: Path, given: str, denied: str) -> None:
    row = f"leader,{given.format('meeting,read')},allow\n"
    assert accepted(tmp_path, LEADER + row + f"leader,{denied.format('meeting,read')},deny\n")


def accepted(tmp_path: Path, text: str, held: dict[str, int] | None = None) -> bool:
    path = tmp_path / "policy.csv"
    path.write_text(text, "utf-8")
    return written(read_policy(path, KINDS, held or {})) == text.removeprefix("\ufeff")


def test_a_file_as_it_may_be(tmp_path: Path) -> None:
    """With a byte-order mark, and a comma or quotes in a role; the default policy is one."""
    odd = '"head, ""acting"" of | them",*,unit,read,subtree,allow\n'
    assert accepted(tmp_path, "\ufeff" + LEADER + odd)
    assert accepted(tmp_path, DEFAULT)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    header = "1: the header is not role,at,resource,action,reach,eft"
    assert refused(tmp_path, "") == [header]
    assert refused(tmp_path, "role,at\n") == [header]
    assert refused(tmp_path, HEADER) == ["1: there is no rule"]
    assert refused(tmp_path, LEADER.encode() + b"\xff") == ["3: not UTF-8"]


def test_every_role_must_be_known_and_see_units(tmp_path: Path) -> None:
    """A role that is held may not vanish, nor one of the file be left blind."""
    text = LEADER + "office,*,meeting,record,own,allow\noffice,*,unit,read,own,deny\n"
    assert refused(tmp_path, text, {"officer": 1, "auditor": 1200, "leader": 3}) == [
        "1: no rule is for the role 'auditor', which 1,200 appointments hold",
        "1: no rule is for the role 'officer', which 1 appointment holds",
        "3: no rule lets the role 'office' read unit, as every role must",
    ]


def test_fifty_faults_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    rows = [f"leader,*,meeting,read,reach {at},allow\n" for at in range(53)]
    faults = refused(tmp_path, LEADER + "".join(rows))
    assert (len(faults), faults[0][:2], faults[-1]) == (51, "3:", "and 3 more")


def test_a_policy_as_a_page() -> None:
    """A denial says so; kinds are named, or those left out where they are fewer."""
    rules = [
        Rule("a|b", "*", "unit", "read", "subtree"),
        Rule("c", "*", "unit", "read", "subtree"),
        Rule("c", "district|bloc", "meeting", "read", "own", "deny"),
        Rule("c", "district|bloc|branch", "appointment:c", "record", "below"),
    ]
    assert tables(rules, ["district", "bloc", "branch", "group"]).splitlines() == [
        "| role | appointed at | to | of | reach |",
        "|---|---|---|---|---|",
        "| `a\\|b` `c` | any unit | `read` | `unit` | `subtree` |",
        "| `c` | `district` `bloc` | not `read` | `meeting` | `own` |",
        "",
        "| role | appointed at | gives and ends the role | reach |",
        "|---|---|---|---|",
        "| `c` | any but `group` | `c` | `below` |",
    ]


# ---- the store


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


MORE = "leader,province,meeting,read,subtree,allow\n"
WIDER = DEFAULT.replace("leader,central|province,meeting,read,rank<=3,allow\n", MORE)
FORESEEN = """\
1 rule added:
  allow leader at province: meeting read subtree
1 rule removed:
  allow leader at central|province: meeting read rank<=3
leader: read meeting: 1 viewer would reach 3 more units
"""


def test_what_was_shown_is_set_without_a_change(commands: Commands, tmp_path: Path) -> None:
    """By the commands themselves: each says what it does and ends as it should."""
    variables = environment(tmp_path, TODAY)

    def run(*arguments: str) -> tuple[int, str]:
        outcome = commands.run(["policy", *arguments], variables)
        return outcome.exit_code, outcome.said

    data = str(province.write(tmp_path / "data", province.SMALL))
    assert commands.run(["load", data], variables).exit_code == 0
    file = tmp_path / "policy.csv"
    file.write_text(WIDER, "utf-8")
    assert run("show") == (0, DEFAULT)
    assert run("check", str(file)) == (0, FORESEEN)
    assert run("show") == (0, DEFAULT)
    assert run("set", str(file)) == (0, FORESEEN)
    assert run("show") == (0, WIDER)
    assert run("set", str(file)) == (0, "the policy says the same: nothing changes\n")
    file.write_text("role\n", "utf-8")
    wrong = f"{file}:1: the header is not role,at,resource,action,reach,eft\n"
    assert run("check", str(file)) == run("set", str(file)) == (1, wrong)
    assert run("check", str(tmp_path / "none.csv"))[0] == 1
    assert run("show", "--markdown")[1].startswith("| role | appointed at | to | of | reach |\n")


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_a_running_server_obeys_at_its_next_request(
    engine: str, fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    """What was foreseen happens, and the trail tells of it once."""
    url = fresh_database(engine)
    database = Database(url)
    await province.fill(database, tmp_path / "data", province.SMALL)
    file = tmp_path / "policy.csv"
    file.write_text(WIDER, "utf-8")
    async with province.served(province.settings_of(tmp_path, url)) as client:
        assert await _meetings(client) == 2
        outcome = await put(database, file, TODAY)
        assert said(outcome) + "\n" == FORESEEN
        assert await _meetings(client) == 6
        assert not (await put(database, file, TODAY)).is_change
        file.write_text(DEFAULT, "utf-8")
        assert "would no longer reach 3 units" in said(await put(database, file, TODAY))
        assert await _meetings(client) == 2
    assert written((await stored(database))[0]) == DEFAULT
    assert await _trail(database) == [
        ("cli", "set", "policy", await _id_of(database, "T"), FORESEEN.split("\n")[1].strip()),
        ("cli", "set", "policy", await _id_of(database, "T"), FORESEEN.split("\n")[3].strip()),
    ]
    await database.close()


async def test_grants_are_said_not_to_be_counted(tmp_path: Path) -> None:
    """Where one is in force, and nothing of them otherwise."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}")
    await province.fill(database, tmp_path / "data", province.SMALL)
    file = tmp_path / "policy.csv"
    file.write_text(WIDER, "utf-8")
    row = {
        "id": UUID(int=1),
        "of_unit_id": await _id_of(database, "G"),
        "to_unit_id": await _id_of(database, "E"),
        "roles": ["leader"],
        "resources": ["meeting"],
        "actions": ["read"],
        "purpose": "Thi đua",
        "valid_from": TODAY,
        "valid_to": TODAY + timedelta(days=1),
        "granted_by": "leader_d",
        "granted_at": datetime(2024, 6, 1, tzinfo=UTC),
        "granted_on": TODAY,
        "ceiling": [],
    }
    async with database.writing() as connection:
        await connection.execute(insert(grant).values(row))
    assert said(await check(database, file, TODAY)) + "\n" == FORESEEN + "grants not counted\n"
    assert said(await check(database, file, TODAY + timedelta(days=1))) + "\n" == FORESEEN
    await database.close()


async def test_who_is_held_to_be_a_viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has appointments in force at open units, once, however few rows are read at a time;
    a role to come is known too, one past is not."""
    monkeypatch.setattr(holders, "AT_ONCE", 1)
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}")
    posts = """
ahead,office,B,2024-06-16,
past,auditor,B,2024-01-01,2024-06-15
closed,administrator,O,2020-01-01,
twice,secretary,B,2024-01-01,
twice,secretary,C,2024-01-01,
once,secretary,C,2024-01-01,
"""
    await province.fill(database, tmp_path / "data", province.SMALL | {"appointments": posts})
    file = tmp_path / "policy.csv"
    secretary = "secretary,*,unit,read,subtree,allow\n"
    file.write_text(HEADER + secretary, "utf-8")
    with pytest.raises(LoadRefused) as caught:
        await check(database, file, TODAY)
    assert str(caught.value) == (
        f"{file}:1: no rule is for the role 'office', which 1 appointment holds"
    )
    file.write_text(HEADER + secretary + secretary.replace("secretary", "office"), "utf-8")
    told = said(await check(database, file, TODAY)).splitlines()
    assert "secretary, office: record meeting: 2 viewers would no longer reach 2 units" in told
    nobody = "administrator, auditor: read appointment: nobody's reach would change"
    assert nobody in told
    await database.close()


async def test_a_store_that_has_changed_is_checked_anew(tmp_path: Path) -> None:
    """What is said when a policy is set is what happens, not what would have a moment before."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}")
    await province.fill(database, tmp_path / "data", province.SMALL)
    file = tmp_path / "policy.csv"
    file.write_text(WIDER, "utf-8")
    before = await check(database, file, TODAY)
    more = {"appointments": "second_leader_t,leader,T,2020-01-01,"}
    await load(database, None, province.write(tmp_path / "more", more), TODAY)
    assert not await store(database, before, TODAY)
    assert written((await stored(database))[0]) == DEFAULT
    assert "2 viewers would reach 3 more units" in said(await put(database, file, TODAY))
    await database.close()


async def _id_of(database: Database, code: str) -> int:
    async with database.reading() as connection:
        found = await connection.scalar(select(unit.c.id).where(unit.c.code == code))
        assert found is not None
        return int(found)


async def _meetings(client: Client) -> int:
    found = await client.data("leader_t", MEETINGS)
    return int(found["meetings"]["totalCount"])


async def _trail(database: Database) -> list[tuple[str, ...]]:
    """The entries about the policy, each with the one rule that it adds."""
    columns = audit_entry.c
    async with database.reading() as connection:
        rows = await connection.execute(
            select(
                columns.principal, columns.action, columns.resource, columns.unit_id, columns.detail
            )
            .where(columns.resource == "policy")
            .order_by(columns.at)
        )
        return [(*row[:4], *json.loads(row.detail)["added"]) for row in rows]
