"""`chibo decide` and `chibo history`: what they read, what they print, and what they leave."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from hierarchy import projection
from hierarchy.decision import Change, ChangeKind, Step
from hierarchy.embedded import EmbeddedStore
from hierarchy.proposing import key_digest
from server.database import Database
from server.decision_file import DecisionRefused, GivenDecision, read_decision
from tests.oracle.served import Commands, Outcome, environment

TODAY = date(2025, 1, 15)
NOW = datetime(2025, 1, 15, tzinfo=UTC)
UNITS = """code,parent_code,name,kind,category,established_on,closed_on
P,,Tỉnh,province,,1990-01-01,
D,P,Huyện một,district,,1990-01-01,
E,P,Huyện hai,district,,1990-01-01,
G,D,Đảng bộ xã G,grassroots,xã,2000-05-01,
A,G,Chi bộ A,branch,,2000-05-01,
B,G,Chi bộ B,branch,,1980-05-01,2020-01-01
C,G,Chi bộ C,branch,,2000-05-01,
H,D,Đảng bộ xã H,grassroots,xã,2000-05-01,
I,H,Chi bộ I,branch,,2000-05-01,
"""
HEAD = """\
number: 12-QĐ/TU
title: Sắp xếp đảng bộ
issuedBy: P
issuedOn: 2025-01-10
effectiveOn: 2025-01-12
changes:
"""
CHANGES = """\
  - establish: {code: N, under: E, name: Đảng bộ xã mới, kind: grassroots, category: xã}
  - merge: {units: [G], into: N}
  - transfer: {unit: H, to: E}
  - rename: {unit: A, name: no}
"""
DECISION = HEAD + CHANGES

KINDS = "establish, transfer, merge, split, dissolve, rename, reclassify"
FIELDS = "number, title, issuedBy, issuedOn, effectiveOn, changes, clientKey"
PART = "changes[0].split.into[0]"
NO_DAY = "is no date of the form YYYY-MM-DD"
NO_TRUTH = "is neither true nor false"
KEY_TOO_LONG = "A client key has at most 255 characters."


# ---- reading


def read(tmp_path: Path, text: str | bytes, name: str = "decision.yaml") -> GivenDecision:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_decision(path, "cli", NOW)


def refused(tmp_path: Path, text: str | bytes, name: str = "decision.yaml") -> list[str]:
    with pytest.raises(DecisionRefused) as caught:
        read(tmp_path, text, name)
    return [fault.replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def of(changes: str) -> str:
    return HEAD + changes


def test_every_kind_of_change_is_read(tmp_path: Path) -> None:
    given = read(
        tmp_path,
        of(
            """\
- establish: {code: N, under: E, name: Mới, kind: grassroots}
- transfer: {unit: H, to: E}
- merge: {units: [G, H], into: N}
- split:
    unit: D
    into:
      - {code: D1, name: Một, category: xã, units: [G]}
      - {code: E, units: []}
    close: true
- dissolve: {unit: I}
- rename: {unit: A, name: Tên}
- reclassify: {unit: A, kind: branch}
- reclassify: {unit: A, category: null}
- reclassify: {unit: A, category: "null", kind: null}
"""
        ),
    )
    kind = ChangeKind
    assert [[step.change for step in steps] for steps in given.changes] == [
        [Change(kind.ESTABLISH, "N", "E", "Mới", "grassroots")],
        [Change(kind.TRANSFER, "H", "E")],
        [Change(kind.MERGE, "G", "N"), Change(kind.MERGE, "H", "N")],
        [
            Change(kind.SPLIT, "D1", "D", "Một", category="xã"),
            Change(kind.SPLIT, "E", "D"),
            Change(kind.TRANSFER, "G", "D1"),
            Change(kind.DISSOLVE, "D"),
        ],
        [Change(kind.DISSOLVE, "I")],
        [Change(kind.RENAME, "A", name="Tên")],
        [Change(kind.RECLASSIFY, "A", kind="branch", keeps_category=True)],
        [Change(kind.RECLASSIFY, "A")],
        [Change(kind.RECLASSIFY, "A", category="null")],
    ]
    assert [{step.place for step in steps} for steps in given.changes] == [{at} for at in range(9)]


@pytest.mark.parametrize("text", ["no", "yes", "12", "012", "1e3", "2025-01-01", "true", "0x1F"])
def test_a_text_without_quotes_stays_as_it_is_written(tmp_path: Path, text: str) -> None:
    [[step]] = read(tmp_path, of(f"- rename: {{unit: {text}, name: {text}}}")).changes
    assert step == Step(0, Change(ChangeKind.RENAME, text, name=text))
    assert type(step.change.name) is str


def test_json_says_the_same(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "number": "12-QĐ/TU",
        "title": "Sắp xếp đảng bộ",
        "issuedBy": "P",
        "issuedOn": "2025-01-10",
        "effectiveOn": "2025-01-12",
        "clientKey": None,
        "changes": [
            {"establish": {"code": "N", "under": "E", "name": "Đảng bộ xã mới",
                           "kind": "grassroots", "category": "xã"}},
            {"merge": {"units": ["G"], "into": "N"}},
            {"transfer": {"unit": "H", "to": "E"}},
            {"rename": {"unit": "A", "name": "no"}},
        ],
    }  # fmt: skip
    in_yaml = read(tmp_path, DECISION)
    for name in ("decision.json", "decision.yml"):
        assert read(tmp_path, json.dumps(given), name) == in_yaml
    assert read(tmp_path, b"\xef\xbb\xbf" + DECISION.encode()) == in_yaml


def test_a_client_key_is_kept_as_a_digest(tmp_path: Path) -> None:
    given = read(tmp_path, DECISION + "clientKey: '7'\n")
    assert (given.key, given.decision.client_key) == ("7", key_digest("cli", "7"))
    assert read(tmp_path, DECISION).decision.client_key is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", f"is no mapping with {FIELDS}"),
        (DECISION.replace("title: Sắp xếp đảng bộ\n", ""), "title: is missing"),
        (DECISION.replace("Sắp xếp đảng bộ", ""), "title: is missing"),
        (DECISION.replace("Sắp xếp đảng bộ", "''"), "title: is empty"),
        (DECISION.replace("2025-01-12", "1/1/2025"), f"effectiveOn: {NO_DAY}"),
        (DECISION.replace("2025-01-12", "[]"), "effectiveOn: is no text"),
        (DECISION + "issued_on: x", "issued_on: is no field here"),
        (DECISION + "clientKey: ''", "clientKey: is empty"),
        (DECISION + "clientKey: " + "x" * 256, f"clientKey: {KEY_TOO_LONG}"),
        (HEAD, "changes: is missing"),
        (of("  merge: {}"), "changes: is no list"),
        (of("- merge: {units: [G]}"), "changes[0].merge.into: is missing"),
        (of("- merge: {units: G, into: N}"), "changes[0].merge.units: is no list"),
        (of("- merge: {units: [G, [H]], into: N}"), "changes[0].merge.units[1]: is no text"),
        (of("- merge: {units: [G], into: N, x: y}"), "changes[0].merge.x: is no field here"),
        (of("- rename: G"), "changes[0].rename: is no mapping with unit, name"),
        (of("- G"), f"changes[0]: is no mapping with {KINDS}"),
        (of("- {}"), f"changes[0]: says nothing; a change is one of {KINDS}"),
        (
            of("- dissolve: {unit: A}\n  rename: {unit: A, name: x}"),
            f"changes[0]: dissolve and rename in one change; a change is one of {KINDS}",
        ),
        (of("- split: {unit: D, into: [{code: X}], close: true}"), f"{PART}.units: is missing"),
        (of("- split: {unit: D, into: [], close: no}"), f"changes[0].split.close: {NO_TRUTH}"),
        (of("- split: {unit: D, into: [], close: 'true'}"), f"changes[0].split.close: {NO_TRUTH}"),
        (of("- reclassify: {unit: A, kind: ''}"), "changes[0].reclassify.kind: is empty"),
        (DECISION + "number: 13-QĐ", "decision.yaml: line 11: 'number' a second time"),
        (DECISION + "]", "decision.yaml: line 11: not YAML"),
        (DECISION + "---\na: b", "decision.yaml: line 11: not YAML"),
        (DECISION + "\x07", "decision.yaml: not YAML"),
        (DECISION.encode("utf-16"), "decision.yaml: not UTF-8"),
        ("[" * 5_000, "decision.yaml: nested too deeply"),
        ("&a [*a]", "decision.yaml: line 1: stands in itself"),
        ("? [a]\n: b", "decision.yaml: line 1: no name of a field"),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_a_file_at_fault_is_told_by_its_place(
    tmp_path: Path, text: str | bytes, fault: str
) -> None:
    assert refused(tmp_path, text) == [fault]


def test_every_fault_of_a_file_is_told(tmp_path: Path) -> None:
    text = HEAD.replace("number", "numbers") + "- rename: {unit: A}\n- G\n- dissolve: {unit: []}"
    assert refused(tmp_path, text) == [
        "numbers: is no field here",
        "number: is missing",
        "changes[0].rename.name: is missing",
        f"changes[1]: is no mapping with {KINDS}",
        "changes[2].dissolve.unit: is no text",
    ]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("{", ["decision.json: line 1: not JSON"]),
        ('{"number": "1", "number": "2"}', ["decision.json: 'number' a second time"]),
        (f"{'9' * 5000}", ["decision.json: a number of too many digits"]),
        ("[" * 100_000, ["decision.json: nested too deeply"]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_json_at_fault_is_told(tmp_path: Path, text: str, faults: list[str]) -> None:
    assert refused(tmp_path, text, "decision.json") == faults


def test_json_has_its_own_types(tmp_path: Path) -> None:
    head = {"number": 12, "title": "T", "issuedBy": "P", "issuedOn": "2025-01-01"}
    split = {"unit": True, "into": [{"code": "X", "units": []}], "close": "true"}
    given = head | {"effectiveOn": "2025-01-01", "changes": [{"split": split}]}
    given["clientKey"] = "\ud800"
    assert refused(tmp_path, json.dumps(given), "decision.json") == [
        "clientKey: a client key holds half a character",
        "number: is no text",
        "changes[0].split.unit: is no text",
        "changes[0].split.close: is neither true nor false",
    ]


# ---- taking


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


class Operator:
    """Whoever runs commands on one store."""

    def __init__(
        self, commands: Commands, folder: Path, database_url: str | None = None, tree: Any = None
    ) -> None:
        self.folder = folder
        self._commands = commands
        self._variables = environment(folder, TODAY, database_url, tree)

    def load_units(self) -> None:
        data = self.folder / "data"
        data.mkdir()
        (data / "units.csv").write_text(UNITS)
        assert self.run("load", str(data)).exit_code == 0

    def run(self, *arguments: str) -> Outcome:
        outcome = self._commands.run(list(arguments), self._variables)
        assert "Traceback" not in outcome.said, outcome.said
        return outcome

    def decide(self, text: str, *options: str) -> Outcome:
        path = self.folder / "decision.yaml"
        path.write_text(text)
        return self.run("decide", str(path), *options)

    def history(self, code: str) -> list[str]:
        outcome = self.run("history", code)
        assert (outcome.exit_code, outcome.errors) == (0, "")
        return outcome.output.splitlines()

    def load_meeting(self, code: str, day: str, key: str) -> Outcome:
        data = self.folder / "meetings"
        data.mkdir(exist_ok=True)
        (data / "meetings.csv").write_text(
            "unit_code,held_on,kind,form,topic,members_expected,members_present,documents_sent_on,"
            "minutes_kept,attended_by_higher_committee,score,client_key\n"
            f"{code},{day},REGULAR,ONLINE,,1,1,,true,true,,{key}\n"
        )
        return self.run("load", str(data))


@pytest.fixture(scope="module")
def loaded(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a store that has the units, to be copied."""
    made = Operator(commands, tmp_path_factory.mktemp("loaded"))
    made.load_units()
    return made.folder


@pytest.fixture
def operator(commands: Commands, loaded: Path, tmp_path: Path) -> Operator:
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    return Operator(commands, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql", "neo4j"])
def either(
    request: pytest.FixtureRequest, commands: Commands, tmp_path: Path, fresh_database: Any
) -> Operator:
    """A store that has the units; the tree lives in the graph of that name or beside the rest."""
    tree = request.getfixturevalue("empty_neo4j") if request.param == "neo4j" else None
    kind = "sqlite" if tree else request.param
    made = Operator(commands, tmp_path, str(fresh_database(kind)), tree)
    made.load_units()
    return made


def test_a_decision_is_taken_as_it_was_tried(either: Operator) -> None:
    """Moved are A and C with the merged G, and H with I; B was closed before and G is now."""
    operator = either
    counts = "1 unit established, 1 unit closed, 4 units moved, on 2025-01-12"
    tried = operator.decide(DECISION, "--dry-run")
    assert (tried.exit_code, tried.errors) == (0, "")
    assert tried.output == f"12-QĐ/TU would be taken: {counts}\n"
    assert operator.run("history", "N").exit_code == 1
    taken = operator.decide(DECISION)
    assert (taken.exit_code, taken.output) == (0, f"12-QĐ/TU is taken: {counts}\n")
    assert operator.run("verify").output == "all invariants hold\n"
    assert operator.load_meeting("N", "2025-01-12", "a").exit_code == 0
    assert operator.load_meeting("G", "2025-01-12", "b").exit_code == 1


def test_a_life_is_told_from_its_beginning(operator: Operator) -> None:
    assert operator.decide(DECISION).exit_code == 0
    assert operator.history("G") == [
        "G: Đảng bộ xã G (grassroots, xã)",
        "2000-05-01 founded under D as Đảng bộ xã G (grassroots, xã)",
        "2025-01-12 merged into N, by 12-QĐ/TU",
        "2025-01-12 closed, by 12-QĐ/TU",
        "successors: N",
    ]
    assert operator.history("A") == [
        "A: no (branch)",
        "2000-05-01 founded under G as Chi bộ A (branch)",
        "2025-01-12 transferred under N, by 12-QĐ/TU",
        "2025-01-12 renamed no, by 12-QĐ/TU",
    ]
    assert operator.history("N") == [
        "N: Đảng bộ xã mới (grassroots, xã)",
        "2025-01-12 established under E as Đảng bộ xã mới (grassroots, xã), by 12-QĐ/TU",
        "predecessors: G",
    ]
    assert operator.history("B") == [
        "B: Chi bộ B (branch)",
        "1980-05-01 founded under G as Chi bộ B (branch)",
        "2000-05-01 stands in the tree",
        "2020-01-01 closed",
    ]


def test_a_unit_that_is_unknown_has_no_life(operator: Operator) -> None:
    for code in ("X", "g", "", "\x07"):
        outcome = operator.run("history", code)
        assert (outcome.exit_code, outcome.output) == (1, "")
        assert "There is no unit" in outcome.errors


def test_every_problem_is_told_by_its_change(operator: Operator) -> None:
    """On standard error, with nothing stored; trying tells the same."""
    changes = """\
- transfer: {unit: X, to: E}
- rename: {unit: B, name: Tên}
- establish: {code: A, under: E, name: Tên, kind: grassroots}
- transfer: {unit: I, to: P}
"""
    for options in ((), ("--dry-run",)):
        outcome = operator.decide(of(changes), *options)
        assert (outcome.exit_code, outcome.output) == (1, "")
        assert sorted(outcome.errors.splitlines()) == [
            "changes[0]: unknown unit 'X'",
            "changes[1]: B is closed on that day.",
            "changes[2]: The code A is taken.",
            "changes[3]: I: a branch may not stand under a province (P).",
        ]
    assert operator.run("verify").exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DECISION.replace("issuedBy: P", "issuedBy: X"), "Unknown issuing unit: X."),
        (DECISION.replace("kind: grassroots", "kind: village"), "Unknown kind of unit: village."),
        (of("- merge: {units: [], into: E}"), "changes[0]: The change names no unit."),
        (of("  []"), "A decision needs a change."),
        (of("- merge: {units: [G], into: }"), "changes[0].merge.into: is missing"),
    ],
)
def test_what_cannot_be_taken_ends_with_1(operator: Operator, text: str, said: str) -> None:
    outcome = operator.decide(text)
    assert (outcome.exit_code, outcome.output) == (1, "")
    assert said in outcome.errors


def test_a_number_is_used_once(operator: Operator) -> None:
    """Also by the very same decision, unless a client key says that it is the same."""
    assert operator.decide(DECISION).exit_code == 0
    again = operator.decide(DECISION)
    assert again.exit_code == 1
    assert "The number 12-QĐ/TU is taken." in again.errors


def test_a_client_key_takes_a_decision_once(operator: Operator) -> None:
    """The same content does nothing again; other content, or a record's key, is refused."""
    keyed = DECISION + "clientKey: k\n"
    assert operator.load_meeting("A", "2024-01-01", "m").exit_code == 0
    assert operator.decide(DECISION + "clientKey: m\n").exit_code == 1
    assert operator.decide(keyed, "--dry-run").exit_code == 0
    assert operator.decide(keyed).output.startswith("12-QĐ/TU is taken")
    again = operator.decide(keyed)
    assert (again.exit_code, again.output) == (
        0,
        "12-QĐ/TU was taken before: nothing is done again\n",
    )
    for other in (keyed.replace("12-QĐ", "13-QĐ"), keyed.replace("Sắp", "Xếp")):
        outcome = operator.decide(other)
        assert (outcome.exit_code, outcome.output) == (1, "")
        assert "This client key has stored something else." in outcome.errors
    assert operator.load_meeting("A", "2024-01-01", "k").exit_code == 1
    assert operator.run("verify").output == "all invariants hold\n"


async def test_what_was_reversed_is_no_part_of_a_life(operator: Operator) -> None:
    """Nor is it done again under its client key."""
    before = operator.history("A")
    assert operator.decide(DECISION + "clientKey: k\n").exit_code == 0
    database = Database(f"sqlite+aiosqlite:///{operator.folder / 'chibo.db'}")
    async with database.writing() as connection:
        kinds = await projection.read_kinds(connection)
        await EmbeddedStore(connection).reverse("12-QĐ/TU", "nhầm", NOW, kinds)
    await database.close()
    assert operator.history("A") == before
    assert operator.run("history", "N").exit_code == 1
    again = operator.decide(DECISION + "clientKey: k\n")
    assert again.exit_code == 1 and "taken back" in again.errors


def test_wrong_usage_and_a_file_that_is_not_there(operator: Operator) -> None:
    for arguments in (("decide",), ("decide", "a", "b"), ("history",), ("decide", "--x", "a")):
        assert operator.run(*arguments).exit_code == 2
    for arguments in (("decide", "/nowhere"), ("decide", "/")):
        assert operator.run(*arguments).exit_code == 1
    for command in ("decide", "history"):
        told = operator.run(command, "--help")
        assert (told.exit_code, told.errors) == (0, "") and command in told.output
