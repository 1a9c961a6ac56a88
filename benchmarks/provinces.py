"""Two provinces under one centre, with a year of records: what decisions are measured on.

Nghệ An twice, the second under codes of its own, 23,765 units in all; drawn once and kept under
`.cache/benchmarks/`. They are loaded into PostgreSQL with the tree in Neo4j, and into SQLite. The
graph database is the one the tests use, which has room for one user at a time: it is emptied, and
others wait until the block ends.
"""

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from benchmarks.province import FOLDER, SEED, SHAPE, TODAY, Store, load
from server.generation import generate
from tests import servers

CENTRE = "TW"
FIRST, SECOND = "T.40", "2.T.40"
DISTRICTS = tuple(f"H.{number}" for number in range(412, 433) if number != 413)
PARTS = (*DISTRICTS, "K.40", "CA.40", "QS.40")
"""All that stands directly under the first province: 11,881 units with what is below."""
DISTRICT = "H.429"
"""Of 594 units."""
COMMUNE = "X.17830"
MOVED_ON = date(2025, 1, 1)

_FOLDER = FOLDER.parent / f"two-provinces-1-{SEED}-{TODAY}"
_CODES = frozenset({"code", "parent_code", "unit_code", "by_unit_code"})


def folder() -> Path:
    """The data folder of both, drawn where it is not there yet."""
    if not _FOLDER.exists():
        _FOLDER.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_FOLDER.parent) as aside:
            one, both = Path(aside) / "one", Path(aside) / "both"
            generate(one, SHAPE, 1, SEED, TODAY)
            both.mkdir()
            for file in one.glob("*.csv"):
                _double(file, both / file.name)
            both.rename(_FOLDER)
    return _FOLDER


def _double(file: Path, target: Path) -> None:
    with file.open(encoding="utf-8", newline="") as read:
        rows = list(csv.DictReader(read))
    with target.open("w", encoding="utf-8", newline="") as written:
        writer = csv.DictWriter(written, rows[0])
        writer.writeheader()
        writer.writerows(_of_the_centre(file.name))
        writer.writerows(_under_the_centre(row) for row in rows)
        writer.writerows(_under_the_centre(_second(row)) for row in rows)


def _of_the_centre(name: str) -> list[dict[str, str]]:
    unit = {"code": CENTRE, "name": "Trung ương", "kind": "central", "established_on": "1930-02-03"}
    office = {"principal": f"leader@{CENTRE}", "role": "leader", "unit_code": CENTRE}
    office["valid_from"] = "2024-01-01"
    return {"units.csv": [unit], "appointments.csv": [office]}.get(name, [])


def _under_the_centre(row: dict[str, str]) -> dict[str, str]:
    return row | {"parent_code": CENTRE} if row.get("parent_code") == "" else row


def _second(row: dict[str, str]) -> dict[str, str]:
    """A row of the second province: its units, and whoever holds an office there."""
    codes = {name: f"2.{row[name]}" for name in _CODES & row.keys() if row[name]}
    named = {"principal": f"2.{row['principal']}"} if "principal" in row else {}
    return row | codes | named


@contextmanager
def in_graph() -> Iterator[Store]:
    """The two provinces in PostgreSQL with Neo4j, gone after the block."""
    with (
        tempfile.TemporaryDirectory(prefix="chibo-bench-") as home,
        servers.fresh_postgres_database() as url,
        _graph() as graph,
    ):
        store = Store("PostgreSQL with Neo4j", Path(home), url, graph)
        load(store, folder())
        yield store


@contextmanager
def embedded() -> Iterator[Store]:
    """The two provinces in SQLite, gone after the block."""
    with tempfile.TemporaryDirectory(prefix="chibo-bench-") as home:
        store = Store("SQLite", Path(home), f"sqlite+aiosqlite:///{home}/chibo.db")
        load(store, folder())
        yield store


@contextmanager
def _graph() -> Iterator[servers.Server]:
    with servers.locked("neo4j-use"):
        server = servers.neo4j_server()
        servers.wipe(server, schema=True)
        try:
            yield server
        finally:
            servers.wipe(server, schema=True)
