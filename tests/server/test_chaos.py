"""A process killed while it decides leaves no harm: a few of the kills of `make chaos`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos import GRAPH_READY, RECORDS_READY, spread
from tests.oracle.served import ROOT, environment
from tests.province import TODAY
from tests.servers import Server

KILLS = 2


def killed(home: Path, url: str, tree: Server | None = None) -> list[str]:
    """What `python -m tests.chaos` says of an empty store."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--here", "--kills", str(KILLS)],
        env=environment(home, TODAY, url, tree), cwd=ROOT, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    *kills, _total = done.stdout.splitlines()
    return kills


def test_whoever_dies_on_postgresql_with_neo4j_is_healed(
    fresh_database: Callable[[str], str], empty_neo4j: Server, tmp_path: Path
) -> None:
    """Deciding by GraphQL and by the command line, reversing, and the healing itself."""
    kills = killed(tmp_path, fresh_database("postgresql"), empty_neo4j)
    assert len(kills) == 4 * KILLS
    assert sum(RECORDS_READY in kill for kill in kills) == 4
    assert not any("lived" in kill for kill in kills)


def test_whoever_dies_on_sqlite_is_healed(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    kills = killed(tmp_path, fresh_database("sqlite"))
    assert len(kills) == 3 * KILLS
    assert sum(RECORDS_READY in kill for kill in kills) == 3
    assert not any("lived" in kill for kill in kills)


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_kills_are_spread(count: int) -> None:
    """The step between the stores is always one of them, and none comes twice."""
    steps = ["a", GRAPH_READY, "b", GRAPH_READY, "c", RECORDS_READY, "d"]
    places = spread(steps, count)
    assert len(places) == len(set(places)) == count
    assert 6 in places and set(places) <= set(range(1, 8))
