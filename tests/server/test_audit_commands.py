"""`chibo audit export` and `chibo verify --against`; what commands and workers tell and seal."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from records import sealing, trail
from records.tables import audit_entry
from server import app
from server.database import Database
from server.stores import open_stores
from tests import province
from tests.graph.test_audit import SEEN
from tests.oracle.served import Commands, Outcome, environment
from tests.province import TODAY

NOW = datetime(2024, 6, 15, tzinfo=UTC)
DECISION = """\
number: 1-QĐ/TU
title: Đổi tên
issuedBy: D
issuedOn: 2024-06-01
effectiveOn: 2024-06-10
changes:
  - rename: {unit: G, name: Đảng bộ xã mới}
"""
WHOLE = "all invariants hold\n"


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


class Operator:
    """Whoever runs commands on one store, and may write to its database."""

    def __init__(self, commands: Commands, home: Path, url: str | None = None) -> None:
        self.home = home
        self.export = home / "trail.jsonl"
        self._commands = commands
        self._variables = environment(home, TODAY, url)

    def run(self, *arguments: str) -> Outcome:
        return self._commands.run(list(arguments), self._variables)

    def load(self, **files: str) -> Outcome:
        return self.run("load", str(province.write(self.home / "data", files)))

    def decide(self, text: str, *options: str) -> Outcome:
        (self.home / "decision.yaml").write_text(text)
        return self.run("decide", str(self.home / "decision.yaml"), *options)

    def exported(self) -> list[dict[str, Any]]:
        outcome = self.run("audit", "export", "--output", str(self.export))
        assert (outcome.exit_code, outcome.said) == (0, "")
        return self.lines()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.export.read_text().splitlines()]

    def rewrite(self, lines: list[Any]) -> None:
        self.export.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def against(self) -> tuple[int, str]:
        """How holding the store against the file ends, and the first thing that is told."""
        outcome = self.run("verify", "--against", str(self.export))
        told = outcome.errors.partition("\n")[0] if outcome.exit_code else outcome.output
        return outcome.exit_code, told.replace(f"{self.home}/", "")

    def damage(self, *statements: str) -> None:
        connection = sqlite3.connect(self.home / "chibo.db")
        for statement in statements:
            assert connection.execute(statement).rowcount, statement
        connection.commit()
        connection.close()


@pytest.fixture(scope="module")
def told(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a store whose trail has three seals, and of its export; to be copied."""
    home = tmp_path_factory.mktemp("told")
    operator = Operator(commands, home)
    assert operator.load(**province.SMALL).exit_code == 0
    asyncio.run(add(f"sqlite+aiosqlite:///{home / 'chibo.db'}"))
    assert operator.decide(DECISION).exit_code == 0
    assert len(operator.exported()) == 7
    return home


async def add(url: str) -> None:
    """A seal of four entries."""
    database = Database(url)
    async with database.writing() as connection:
        entries = [
            trail.entry(NOW, f"viewer {at}", "read", "inspection", shown=[UUID(int=at)])
            for at in range(4)
        ]
        await trail.append(connection, entries)
        await sealing.seal(connection, NOW)
    await database.close()


@pytest.fixture
def operator(commands: Commands, told: Path, tmp_path: Path) -> Operator:
    shutil.copytree(told, tmp_path, dirs_exist_ok=True)
    return Operator(commands, tmp_path)


# ---- what is told


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_load_and_a_decision_are_told_and_sealed(
    engine: Any, commands: Commands, tmp_path: Path, fresh_database: Callable[[str], str]
) -> None:
    """At the top of the tree and at the issuing unit, under the operator's name."""
    operator = Operator(commands, tmp_path, fresh_database(engine))
    assert operator.load(**province.SMALL).exit_code == 0
    assert operator.decide(DECISION, "--dry-run").exit_code == 0
    assert operator.decide(DECISION).exit_code == 0
    *lines, head = operator.exported()
    loaded, decided = lines[0], lines[-1]
    assert (loaded["principal"], loaded["action"], loaded["resource"]) == ("cli", "load", "folder")
    files = json.loads(loaded["detail"])["files"]
    assert files["units.csv"] == {"new": 9, "skipped": 0}
    assert files["meetings.csv"] == {"new": 6, "skipped": 0}
    assert (decided["action"], decided["subject"]) == ("decide", "1-QĐ/TU")
    assert loaded["unit_id"] not in (None, decided["unit_id"])
    assert head["head"]["entries"] == len(lines) and operator.against() == (0, WHOLE)


def test_what_changes_nothing_is_not_told(operator: Operator) -> None:
    """A load of what is there, a decision that is only tried or refused, or taken before."""
    units = {name: province.SMALL[name] for name in ("units", "appointments")}
    shutil.rmtree(operator.home / "data")
    assert operator.load(**units).exit_code == 0
    assert operator.decide(DECISION).exit_code == 1
    other = DECISION.replace("1-QĐ", "2-QĐ") + "clientKey: k\n"
    assert operator.decide(other, "--dry-run").exit_code == 0
    assert len(operator.exported()) == 7
    for _ in range(2):
        assert operator.decide(other.replace("mới", "khác")).exit_code == 0
        assert len(operator.exported()) == 8


def test_a_decision_whose_telling_was_lost_is_told_under_its_key(operator: Operator) -> None:
    """The tree kept it, and the transaction that told of it was lost."""
    keyed = DECISION.replace("1-QĐ", "2-QĐ").replace("mới", "khác") + "clientKey: k\n"
    assert operator.decide(keyed).exit_code == 0
    operator.damage(
        "DELETE FROM client_key WHERE key = 'k'",
        "DELETE FROM audit_entry WHERE subject = '2-QĐ/TU'",
        "DELETE FROM audit_seal WHERE number = 4",
    )
    for _ in range(2):
        assert operator.decide(keyed).exit_code == 0
        assert [line.get("subject") for line in operator.exported()].count("2-QĐ/TU") == 1


async def test_a_worker_seals_what_it_tells(
    commands: Commands, told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, soon after."""
    monkeypatch.setattr(app, "SEAL_SECONDS", 0.01)
    shutil.copytree(told, tmp_path, dirs_exist_ok=True)
    url = f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}"
    settings = province.settings_of(tmp_path, url)
    async with province.served(settings) as client, open_stores(settings) as stores:
        await client.data("commission_d", f"{{ {SEEN} }}")
        for _ in range(300):
            if not await stores.has_unsealed():
                break
            await asyncio.sleep(0.01)
        async with stores.database.reading() as connection:
            rows = await connection.execute(audit_entry.select().order_by(audit_entry.c.id.desc()))
            newest = rows.first()
            assert newest is not None
            assert (newest.principal, newest.seal) == ("commission_d", 4)
            assert await sealing.first_fault(connection) is None


# ---- the file


def test_the_file_holds_itself_together(operator: Operator) -> None:
    """By what the documents say of it, computed here anew."""
    *lines, head = operator.lines()
    chain, number = "0" * 64, 0
    for at in sorted({line["seal"] for line in lines}):
        sealed = [line for line in lines if line["seal"] == at]
        for line in sealed:
            names = "id at principal action resource unit_id subject record_id shown detail"
            form = [line[name] for name in names.split()]
            said = json.dumps(form, separators=(",", ":"), ensure_ascii=False).encode()
            assert line["hash"] == sha256(bytes.fromhex(line["salt"]) + said).hexdigest()
        held = [[line["id"], line["hash"]] for line in sealed]
        contents = json.dumps(held, separators=(",", ":"))
        chain = sha256(f"{chain}{sealed[0]['sealed_at']}{contents}".encode()).hexdigest()
        number += 1
    assert head == {"head": {"seal": number, "hash": chain, "entries": len(lines)}}
    assert [(line["seal"], line["id"]) for line in lines] == sorted(
        (line["seal"], line["id"]) for line in lines
    )


def test_standard_output_is_the_file(operator: Operator) -> None:
    outcome = operator.run("audit", "export")
    assert (outcome.exit_code, outcome.errors) == (0, "")
    assert outcome.output == operator.export.read_text()


def test_an_empty_trail_has_a_head(commands: Commands, tmp_path: Path) -> None:
    operator = Operator(commands, tmp_path)
    head = {"seal": 0, "hash": "0" * 64, "entries": 0}
    assert operator.exported() == [{"head": head}]
    assert operator.against() == (0, WHOLE)


def test_half_a_file_never_has_the_name(operator: Operator) -> None:
    """What was there stays where writing fails, and nothing is left beside it."""
    before = operator.export.read_text()
    nowhere = operator.run("audit", "export", "--output", str(operator.home / "no" / "file"))
    assert (nowhere.exit_code, nowhere.output) == (1, "") and "No such file" in nowhere.errors
    operator.damage("UPDATE audit_entry SET at = 'no time' WHERE action = 'decide'")
    assert operator.run("audit", "export", "--output", str(operator.export)).exit_code == 1
    assert operator.export.read_text() == before
    assert not list(operator.home.glob(".trail*"))


def test_wrong_usage(operator: Operator) -> None:
    assert operator.run("audit", "export", "--x").exit_code == 2
    assert operator.run("audit", "nothing").exit_code == 2
    missing = operator.run("verify", "--against", "/nowhere")
    assert (missing.exit_code, missing.output) == (1, "") and "No such file" in missing.errors


# ---- the store against the file


def test_a_store_that_has_gone_on_is_still_what_the_file_says(operator: Operator) -> None:
    assert operator.against() == (0, WHOLE)
    assert operator.decide(DECISION.replace("1-QĐ", "2-QĐ").replace("mới", "khác")).exit_code == 0
    assert operator.against() == (0, WHOLE)


FILE_FAULTS: dict[str, tuple[Callable[[list[Any]], list[Any]], str]] = {
    "a field": (lambda lines: changed(lines, 2, principal="x"), ":3: the entry does not have"),
    "a hash": (lambda lines: changed(lines, 0, hash="0" * 64), ":1: the entry does not have"),
    "what was shown": (lambda lines: changed(lines, 1, shown=[]), ":2: the entry does not"),
    "a moment's form": (lambda lines: changed(lines, 1, at="2024-06-15"), ":2: this is no entry"),
    "the seal": (lambda lines: changed(lines, 2, seal=3), ":4: seal 2 does not come after seal 3"),
    "a line gone": (lambda lines: [*lines[:2], *lines[3:]], ":6: the head is not"),
    "a seal gone": (lambda lines: lines[1:], ":1: seal 2 does not come after seal 0"),
    "a line twice": (lambda lines: [*lines[:2], *lines[1:]], ":8: the head is not"),
    "lines exchanged": (
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        ":7: the head is not",
    ),
    "the head's hash": (lambda lines: headed(lines, hash="0" * 64), ":7: the head is not"),
    "the head's count": (lambda lines: headed(lines, entries=5), ":7: the head is not"),
    "no head": (lambda lines: lines[:-1], ":6: the file was cut off"),
    "no lines": (lambda lines: [], ":0: the file was cut off"),
    "more behind it": (lambda lines: [*lines, lines[0]], ":8: something follows the head"),
    "another head": (lambda lines: [*lines[:-1], {"head": 3}], ":7: this is no head"),
    "a list": (lambda lines: [[], *lines], ":1: this is no line"),
    "an object": (lambda lines: [lines[0], {"a": 1}], ":2: this is no entry"),
}


def changed(lines: list[Any], place: int, **values: Any) -> list[Any]:
    return [*lines[:place], lines[place] | values, *lines[place + 1 :]]


def headed(lines: list[Any], **values: Any) -> list[Any]:
    return [*lines[:-1], {"head": lines[-1]["head"] | values}]


@pytest.mark.parametrize("name", FILE_FAULTS)
def test_a_file_that_is_not_whole_is_told_as_such(operator: Operator, name: str) -> None:
    change, said = FILE_FAULTS[name]
    operator.rewrite(change(operator.lines()))
    exit_code, fault = operator.against()
    assert exit_code == 1 and fault.startswith(f"trail.jsonl{said}"), fault


def test_a_file_that_was_cut_off_is_told_as_such(operator: Operator) -> None:
    """Wherever it was cut, in the midst of a line too."""
    whole = operator.export.read_bytes()
    for length in (0, 1, 50, len(whole) // 2, len(whole) - 1):
        operator.export.write_bytes(whole[:length])
        exit_code, fault = operator.against()
        assert exit_code == 1 and "the file was cut off" in fault, (length, fault)


ENTRY = "(SELECT id FROM audit_entry ORDER BY id LIMIT 1 OFFSET 2)"
STORE_FAULTS = {
    "a field": (f"UPDATE audit_entry SET principal = 'x' WHERE id = {ENTRY}", 3, "altered"),
    "a moment": (f"UPDATE audit_entry SET at = 'no time' WHERE id = {ENTRY}", 3, "altered"),
    "its hash": (f"UPDATE audit_entry SET hash = '00' WHERE id = {ENTRY}", 3, "altered"),
    "gone": (f"DELETE FROM audit_entry WHERE id = {ENTRY}", 3, "does not have this entry"),
    "moved": (f"UPDATE audit_entry SET seal = 1 WHERE id = {ENTRY}", 3, "does not have this"),
    "shown": (f"DELETE FROM audit_shown WHERE entry_id = {ENTRY}", 3, "altered"),
    "a seal": ("DELETE FROM audit_seal WHERE number = 2", 2, "does not have seal 2 so"),
    "a seal's moment": (
        "UPDATE audit_seal SET sealed_at = '2000-01-01 00:00:00.000000' WHERE number = 2",
        2,
        "does not have seal 2 so",
    ),
    "the head": ("UPDATE audit_seal SET hash = 'x' WHERE number = 3", 7, "another seal 3"),
}


@pytest.mark.parametrize("name", STORE_FAULTS)
def test_a_store_that_was_tampered_with_is_named_by_line(operator: Operator, name: str) -> None:
    statement, line, said = STORE_FAULTS[name]
    operator.damage(statement)
    exit_code, fault = operator.against()
    assert exit_code == 1 and fault.startswith(f"trail.jsonl:{line}: ") and said in fault, fault
    assert operator.run("verify").exit_code == 1


def test_a_chain_made_anew_is_betrayed_by_the_head(operator: Operator) -> None:
    """Whoever can write the database can leave an entry out and seal the rest again: the store
    holds by itself, and not against what was kept elsewhere. So does one cut off at its end."""
    operator.damage(
        f"DELETE FROM audit_shown WHERE entry_id = {ENTRY}",
        f"DELETE FROM audit_entry WHERE id = {ENTRY}",
        "UPDATE audit_entry SET seal = NULL WHERE seal > 1",
        "DELETE FROM audit_seal WHERE number > 1",
    )
    assert operator.run("audit", "export").exit_code == 0
    assert operator.run("verify").output == WHOLE
    exit_code, fault = operator.against()
    assert exit_code == 1 and fault.startswith("trail.jsonl:2: "), fault


def test_the_end_of_a_chain_cut_off_is_betrayed_by_the_file(operator: Operator) -> None:
    operator.damage(
        "DELETE FROM audit_entry WHERE seal = 3", "DELETE FROM audit_seal WHERE number = 3"
    )
    assert operator.run("verify").output == WHOLE
    exit_code, fault = operator.against()
    assert exit_code == 1 and fault == "trail.jsonl:6: the store does not have seal 3 so"
