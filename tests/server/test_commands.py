"""The command line: what each command prints where, and with which code it ends."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from graphql import build_schema

from tests import province
from tests.clients.schema import printed
from tests.oracle.served import Commands, Outcome, environment
from tests.province import TODAY


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


@dataclass
class Operator:
    """Whoever runs commands on one store."""

    commands: Commands
    folder: Path

    def run(self, *arguments: str, **variables: str) -> Outcome:
        given = environment(self.folder, TODAY) | {
            f"CHIBO_{name.upper()}": value for name, value in variables.items()
        }
        outcome = self.commands.run(list(arguments), given)
        assert "Traceback" not in outcome.said
        return outcome

    def load(self, files: dict[str, str], *options: str) -> Outcome:
        return self.run("load", str(province.write(self.folder / "data", files)), *options)


@pytest.fixture
def operator(commands: Commands, tmp_path: Path) -> Operator:
    return Operator(commands, tmp_path)


@pytest.fixture(scope="module")
def loaded(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """The small province, loaded; nobody changes it."""
    made = Operator(commands, tmp_path_factory.mktemp("loaded"))
    assert made.load(province.SMALL).exit_code == 0
    return made


# ---- wrong usage


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("load",),
        ("load", "a", "b"),
        ("load", "--nonsense", "a"),
        ("serve", "--port", "99999"),
        ("serve", "--port", "x"),
        ("serve", "--workers", "0"),
        ("token",),
        ("token", "who", "--ttl", "0"),
        ("generate", "folder", "--shape", "nonsense"),
        ("explain", "who", "read", "unit"),
        ("verify", "nonsense"),
        ("demo", "--port", "0"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(operator: Operator, arguments: tuple[str, ...]) -> None:
    """In words on standard error, and nothing on standard output."""
    outcome = operator.run(*arguments)
    assert (outcome.exit_code, outcome.output) == (2, "")
    assert outcome.errors.strip()
    assert not list(operator.folder.iterdir())


@pytest.mark.parametrize(
    "command", ["demo", "load", "serve", "token", "generate", "schema", "explain", "verify"]
)
def test_every_command_tells_how_it_is_used(operator: Operator, command: str) -> None:
    outcome = operator.run(command, "--help")
    assert (outcome.exit_code, outcome.errors) == (0, "")
    assert command in outcome.output


# ---- the input or the store at fault


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (("verify",), {"today": "20240615"}, "CHIBO_TODAY"),
        (("verify",), {"max_depth": "many"}, "CHIBO_MAX_DEPTH"),
        (("verify",), {"database_url": "mysql://user:hush@host/x"}, "CHIBO_DATABASE_URL"),
        (("load", "/nowhere"), {}, "/nowhere"),
        (("token", ""), {}, "principal"),
        (("explain", "who", "read", "unit", "nowhere"), {}, "nowhere"),
        (("verify",), {"database_url": "postgresql://who:hush@127.0.0.1:1/x"}, "Connect"),
        (("load", "/"), {"database_url": "postgresql://who:hush@127.0.0.1:1/x"}, "Connect"),
        (("serve",), {"database_url": "postgresql://who:hush@127.0.0.1:1/x"}, "Connect"),
        (
            ("serve", "--workers", "2"),
            {"database_url": "postgresql://who:hush@127.0.0.1:1/x"},
            "Connect",
        ),
        (("verify",), {"neo4j_uri": "bolt://127.0.0.1:1", "neo4j_password": "hush"}, "chibo"),
        (("serve",), {"home": "/proc"}, "CHIBO_HOME"),
        (("token", "who"), {"home": "/proc"}, "CHIBO_HOME"),
        (("serve", "--host", "nowhere.invalid"), {}, "chibo"),
    ],
    ids=str,
)
def test_what_is_at_fault_is_told_and_ends_with_1(
    operator: Operator, arguments: tuple[str, ...], variables: dict[str, str], said: str
) -> None:
    """On standard error, without a traceback and without a password."""
    outcome = operator.run(*arguments, **variables)
    assert (outcome.exit_code, outcome.output) == (1, "")
    assert said in outcome.errors
    assert "hush" not in outcome.errors


def test_an_address_that_is_taken_is_told(operator: Operator) -> None:
    """By one worker and by several, before any of them starts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for workers in ("1", "2"):
            outcome = operator.run("serve", "--port", port, "--workers", workers)
            assert (outcome.exit_code, outcome.output) == (1, "")
            assert "in use" in outcome.errors


def test_a_file_that_is_no_database(operator: Operator) -> None:
    (operator.folder / "chibo.db").write_bytes(b"no database" * 1000)
    for arguments in (("verify",), ("explain", "a", "b", "c", "d"), ("serve", "--port", "1")):
        outcome = operator.run(*arguments)
        assert (outcome.exit_code, outcome.output) == (1, ""), arguments


def test_arguments_that_are_no_text(operator: Operator) -> None:
    """Bytes that are not UTF-8 come as half characters."""
    half = os.fsdecode(b"\xff")
    for arguments in (("token", half), ("explain", half, "a", "b", "c"), ("load", half)):
        assert operator.run(*arguments).exit_code == 1
    assert operator.run("explain", "a", "b", "c", half).exit_code == 1


# ---- load


def test_a_load_tells_what_was_new_and_what_was_skipped(operator: Operator) -> None:
    """Again: units and appointments are skipped, record files refused unless told to."""
    first = operator.load(province.SMALL)
    assert first.exit_code == 0
    for told in ("units.csv: 9 new, 0 skipped", "meetings.csv: 6 new, 0 skipped"):
        assert told in first.output
    second = operator.load(province.SMALL)
    assert second.exit_code == 1
    assert re.search(r"meetings\.csv", second.errors)
    third = operator.load(province.SMALL, "--again")
    # One evaluation a unit and year: not even `--again` stores a second one.
    assert third.exit_code == 1
    without = {name: rows for name, rows in province.SMALL.items() if name != "evaluations"}
    (operator.folder / "data" / "evaluations.csv").unlink()
    fourth = operator.load(without, "--again")
    assert fourth.exit_code == 0, fourth.errors
    for told in ("units.csv: 0 new, 9 skipped", "meetings.csv: 6 new, 0 skipped"):
        assert told in fourth.output


# ---- token, schema, explain, verify


def test_a_token_is_all_that_is_printed(operator: Operator) -> None:
    """What else there is to say, that a key was made, is said on standard error."""
    outcome = operator.run("token", "đ/ồng chí", "--ttl", "60")
    assert outcome.exit_code == 0 and "A new development key is made" in outcome.errors
    assert operator.run("token", "đ/ồng chí").errors == ""
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", outcome.output, re.ASCII)
    key = operator.folder / "development.key"
    assert key.stat().st_mode & 0o077 == 0


def test_the_schema_is_printed_whole(operator: Operator) -> None:
    outcome = operator.run("schema")
    assert (outcome.exit_code, outcome.errors) == (0, "")
    built = build_schema(outcome.output)
    assert built.mutation_type is not None and "recordMeeting" in built.mutation_type.fields
    assert outcome.output == printed()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("leader_d", "read", "meeting", "B"), ["allowed", "rule: allow leader", "leader at D"]),
        (
            ("leader_t", "read", "meeting", "B"),
            ["denied", "rank<=3", "leader at T from 2020", "B is of rank 5"],
        ),
        (("leader_t", "summarise", "meeting", "B"), ["allowed", "subtree"]),
        (("leader_e", "read", "unit", "B"), ["denied", "leader at E", "another subtree"]),
        (("nobody", "read", "unit", "B"), ["denied", "no appointment"]),
        (("secretary_o", "read", "unit", "O"), ["denied", "closed on 2023-07-01"]),
        (("commission_g", "record", "meeting", "B"), ["denied", "no such right"]),
        (("auditor_t", "read", "meeting", "B"), ["denied", "figures alone"]),
        (("leader_d", "read", "inspection", "D"), ["allowed", "subtree", "- ", "on signs"]),
        (("secretary_b", "record", "meeting", "B"), ["allowed", "own"]),
        (("ends_soon", "read", "unit", "B"), ["allowed", "to 2024-06-17"]),
    ],
    ids=str,
)
def test_a_decision_is_explained(
    loaded: Operator, asked: tuple[str, str, str, str], said: list[str]
) -> None:
    outcome = loaded.run("explain", *asked)
    assert (outcome.exit_code, outcome.errors) == (0, "")
    assert outcome.output.startswith(said[0])
    for words in said[1:]:
        assert words in outcome.output


def test_the_day_is_the_fixed_one(loaded: Operator) -> None:
    """`CHIBO_TODAY` decides what is in force."""
    asked = ("explain", "ends_soon", "read", "unit", "B")
    for day, said in (("2024-06-16", "allowed"), ("2024-06-17", "denied")):
        assert loaded.run(*asked, today=day).output.startswith(said)


def test_a_sound_store_is_verified(loaded: Operator) -> None:
    outcome = loaded.run("verify")
    assert (outcome.exit_code, outcome.errors) == (0, "")
    assert outcome.output == "all invariants hold\n"
