"""What `chibo load` refuses, with file and line, and what it must not refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import refusals
from tests.oracle.folders import HEADERS
from tests.oracle.served import Commands, Outcome, environment, run_chibo

BROKEN = refusals.broken()


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


@dataclass
class Store:
    """A store that should never take anything; a fresh one replaces one that did."""

    commands: Commands
    folder: Path
    number: int = 0

    def __post_init__(self) -> None:
        self.home: Path = self._new("home")

    def load(self, files: refusals.Files) -> Outcome:
        data = refusals.write(files, self._new("data"))
        outcome = self.commands.run(["load", str(data)], environment(self.home, refusals.TODAY))
        if outcome.exit_code == 0:
            self.home = self._new("home")
        return outcome

    def _new(self, name: str) -> Path:
        self.number += 1
        folder = self.folder / f"{name}-{self.number}"
        folder.mkdir(parents=True)
        return folder


@pytest.fixture(scope="module")
def store(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(commands, tmp_path_factory.mktemp("refusals"))


@pytest.mark.parametrize("case", BROKEN, ids=[case.name for case in BROKEN])
def test_a_broken_folder_is_refused_with_its_line(case: refusals.Broken, store: Store) -> None:
    """Exit code 1, `file:line:` of the row at fault, no traceback."""
    outcome = store.load(case.files)
    assert outcome.exit_code == 1, outcome.said
    assert "Traceback" not in outcome.said
    if case.lines:
        assert _lines(outcome, case.file) & case.lines, (case.lines, outcome.said)
    else:
        assert case.file in outcome.said


def test_nothing_of_a_refused_folder_is_stored(store: Store) -> None:
    """After all the refusals a folder with another top is loaded and the store is sound."""
    other = {"units": f"{HEADERS['units']}\nOTHER,,Khác,central,,1990-01-01,\n"}
    variables = environment(store.home, refusals.TODAY)
    assert store.load(other).exit_code == 0
    verified = store.commands.run(["verify"], variables)
    assert verified.exit_code == 0, verified.said


def test_every_error_is_told_at_once(store: Store) -> None:
    """Faults of several rows and files come together, each by its line."""
    files = refusals.good(
        meetings="Y,2024-01-05,REGULAR,IN_PERSON,,1,1,,true,true,\n"
        "G,2024-01-05,REGULAR,IN_PERSON,,1,2,,true,true,\n",
        evaluations="G,2027,GOOD,x,,,,,0,0,0,0,0\n",
        appointments="x,president,G,2020-01-01,\n",
    )
    said = store.load(files)
    assert said.exit_code == 1
    assert _lines(said, "meetings") == {2, 3}
    assert _lines(said, "evaluations") == {2}
    assert _lines(said, "appointments") == {2}


def test_fifty_errors_are_told_at_most(store: Store) -> None:
    """Of 80 faults 50 are told, the first ones."""
    rows = "Y,2024-01-05,REGULAR,IN_PERSON,,1,1,,true,true,\n" * 80
    said = store.load(refusals.good(meetings=rows))
    assert said.exit_code == 1
    assert _lines(said, "meetings") == set(range(2, 52))


def test_the_installed_command_refuses_as_well(tmp_path: Path) -> None:
    """The same from a process of its own; the errors stand on standard error."""
    case = next(case for case in BROKEN if case.name == "meetings: more present than expected")
    data = refusals.write(case.files, tmp_path / "data")
    outcome = run_chibo(["load", str(data)], environment(tmp_path, refusals.TODAY))
    assert outcome.exit_code == 1
    assert _lines(Outcome(1, "", outcome.errors), "meetings") == case.lines


def test_bytes_that_were_loaded_before_are_refused(commands: Commands, tmp_path: Path) -> None:
    """Rows without a key would count twice; `--again` loads them all the same."""
    data = refusals.write(refusals.good(), tmp_path / "data")
    variables = environment(tmp_path, refusals.TODAY)
    assert commands.run(["load", str(data)], variables).exit_code == 0
    again = commands.run(["load", str(data)], variables)
    assert again.exit_code == 1
    assert _lines(again, "meetings") and "Traceback" not in again.said
    (data / "evaluations.csv").unlink()
    assert commands.run(["load", str(data), "--again"], variables).exit_code == 0


def test_keys_let_a_folder_be_loaded_again(commands: Commands, tmp_path: Path) -> None:
    """A row whose key was loaded is skipped where it says the same, else refused by its line."""
    keyed = _keyed(refusals.GOOD["meetings"].splitlines(keepends=True)[-1])
    files = {"units": refusals.good()["units"], "meetings": keyed}
    data = refusals.write(files, tmp_path / "data")
    variables = environment(tmp_path, refusals.TODAY)
    assert commands.run(["load", str(data)], variables).exit_code == 0
    assert commands.run(["load", str(data)], variables).exit_code == 0
    refusals.write({"meetings": keyed.replace("GROUP", "REGULAR")}, data)
    other = commands.run(["load", str(data)], variables)
    assert other.exit_code == 1
    assert _lines(other, "meetings") == {2}


@pytest.mark.parametrize("name", refusals.odd())
def test_an_odd_folder_that_is_right_is_loaded(
    name: str, commands: Commands, tmp_path: Path
) -> None:
    """Exit code 0, and `chibo verify` finds nothing."""
    data = refusals.write(refusals.odd()[name], tmp_path / "data")
    variables = environment(tmp_path, refusals.TODAY)
    loaded = commands.run(["load", str(data)], variables)
    assert loaded.exit_code == 0, loaded.said
    verified = commands.run(["verify"], variables)
    assert verified.exit_code == 0, verified.said


def _keyed(row: str) -> str:
    return f"{HEADERS['meetings']},client_key\n{row.strip()},key\n"


def _lines(outcome: Outcome, file: str) -> set[int]:
    """The lines of the file that the command named."""
    return set(map(int, re.findall(rf"\b{file}\.csv:(\d+): ", outcome.said)))
