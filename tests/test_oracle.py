"""Some hundreds of random questions to served random folders, answered as the naive oracle says.

At length: `python -m tests.oracle --seeds 100 --questions 200 --engine sqlite` (`make oracle`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.oracle.__main__ import examine
from tests.oracle.examination import Finding
from tests.oracle.served import Commands

SQLITE_SEEDS = (0, 2)
POSTGRES_SEED = 3
QUESTIONS = 150


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


@pytest.mark.parametrize("seed", SQLITE_SEEDS)
def test_sqlite_answers_as_the_oracle(seed: int, commands: Commands, tmp_path: Path) -> None:
    """SQLite, the tree embedded."""
    _assert_none(examine(commands, seed, QUESTIONS, tmp_path))


def test_postgresql_with_neo4j_answers_as_the_oracle(
    commands: Commands,
    tmp_path: Path,
    fresh_database: Callable[[str], str],
    empty_neo4j: servers.Server,
) -> None:
    """PostgreSQL, the tree in Neo4j."""
    url = fresh_database("postgresql")
    _assert_none(examine(commands, POSTGRES_SEED, QUESTIONS, tmp_path, url, empty_neo4j))


def _assert_none(found: list[Finding]) -> None:
    told = "\n\n".join(map(str, found[:8]))
    assert not found, f"{len(found)} findings, the first of them:\n\n{told}"
