"""Thousands of documents that nobody thought of, asked by a district's secretary.

At length: `make fuzz`. `CHIBO_TEST_SEED` repeats a run, whose seed is printed where it fails.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzzing.__main__ import told
from tests.fuzzing.marked import LEADER, Folder, Sight
from tests.fuzzing.rounds import NESTED, Round, begun, fields

CASES = 2_000
SEED = int(os.environ.get("CHIBO_TEST_SEED") or secrets.randbelow(10**9))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzing")


@pytest.fixture(scope="module")
def round_(home: Path) -> Iterator[Round]:
    with begun(home, f"sqlite+aiosqlite:///{home / 'chibo.db'}", SEED) as begun_:
        yield begun_


def nothing_found(round_: Round) -> None:
    """Takes what was found since it was last looked at."""
    found, round_.outcome.findings = round_.outcome.findings, []
    first = "\n\n".join(map(str, found[:8]))
    assert not found, f"CHIBO_TEST_SEED={SEED}: {len(found)} findings:\n\n{first}"


@pytest.mark.parametrize("field", fields())
def test_no_document_fails_the_server_or_shows_what_is_out_of_sight(
    field: str, round_: Round
) -> None:
    """No status of a failed server, no word of a library, nothing out of a secretary's sight,
    whatever is asked of a field."""
    round_.ask_field(field, CASES)
    nothing_found(round_)


def test_no_nested_document_shows_what_is_out_of_sight(round_: Round) -> None:
    """Units, their children, the records of those, their units and what is above them."""
    round_.ask_nested(CASES // NESTED)
    nothing_found(round_)


def test_nothing_was_written_but_what_a_secretary_may_write(round_: Round) -> None:
    """After all mutations: the district's own meetings, evaluations below it, and that is all."""
    round_.look_back()
    nothing_found(round_)


def test_the_documents_went_deep(round_: Round, home: Path) -> None:
    """Most were run, hundreds showed units and records, hundreds asked for what the secretary may
    not see, and nearly everything that there is to see was shown."""
    seen, visible = round_.outcome.seen, Sight(home / "data").marks
    assert round_.outcome.cases >= CASES
    assert seen.run > 0.75 * seen.asked, told(seen)
    assert seen.whole > 0.33 * seen.asked, told(seen)
    assert seen.with_things > 300 and len(seen.marks & visible) > 0.7 * len(visible), told(seen)
    assert seen.out_of_sight > 200 and seen.written > 20 and seen.followed > 50, told(seen)
    assert {"NOT_FOUND", "FORBIDDEN", "BAD_USER_INPUT", "CONFLICT"} <= seen.codes.keys()


def test_what_somebody_else_may_see_is_found_out_of_sight(tmp_path: Path) -> None:
    """The check is no dead letter: asked by the province's leader and judged as if by the
    secretary, units, records and decisions out of sight are told by the dozen."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}"
    with begun(tmp_path, url, 1, asker=LEADER) as round_:
        for field in ("Query.units", "Query.meetings", "Query.inspections", "Query.decisions"):
            round_.ask_field(field, 120)
        findings = round_.outcome.findings
    shown = {each.fault.split()[1] for each in findings if each.fault.startswith("showed")}
    assert len(shown) > 24


def test_a_secretary_sees_a_part_of_the_marked_province(tmp_path: Path) -> None:
    """There is much to see, and more that must not be seen."""
    folder = Folder()
    folder.write(tmp_path)
    sight = Sight(tmp_path)
    assert len(sight.marks) > 150
    assert folder.marks - len(sight.marks | sight.past | sight.inspecting) > 400
    assert sight.past and sight.inspecting and sight.offices
