"""The province that everything is measured on: its folder, and the stores it is loaded into.

Nghệ An with five years of records, drawn once and kept under `.cache/benchmarks/`; the stores are
made anew in every run, since loading is itself measured. PostgreSQL is the one the tests use.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from server.generation import generate
from tests.servers import Server, fresh_postgres_database

ROOT = Path(__file__).resolve().parent.parent
CHIBO = str(Path(sys.executable).with_name("chibo"))
SHAPE, YEARS, SEED = "nghe-an", 5, 1
TODAY = date(2025, 6, 30)
FOLDER = ROOT / ".cache" / "benchmarks" / f"{SHAPE}-{YEARS}-{SEED}-{TODAY}"


@dataclass(frozen=True)
class Store:
    """A database under measurement: `home` is CHIBO_HOME, `url` SQLAlchemy's address of it,
    `graph` the Neo4j that holds the tree; null where it is embedded."""

    name: str
    home: Path
    url: str
    graph: Server | None = None
    today: date = TODAY

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a command on this store, and of no other setting."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CHIBO_")}
        return kept | {
            "CHIBO_HOME": str(self.home),
            "CHIBO_DATABASE_URL": self.url,
            "CHIBO_TODAY": self.today.isoformat(),
            **self._of_the_graph(),
        }

    def _of_the_graph(self) -> dict[str, str]:
        if self.graph is None:
            return {}
        return {
            "CHIBO_NEO4J_URI": self.graph.uri,
            "CHIBO_NEO4J_USER": self.graph.user,
            "CHIBO_NEO4J_PASSWORD": self.graph.password,
        }

    def run(self, *arguments: str) -> str:
        """What a `chibo` command prints. Raises `CalledProcessError` where it fails."""
        done = subprocess.run(
            [CHIBO, *arguments],
            env=self.variables,
            cwd=self.home,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout


@dataclass(frozen=True, slots=True)
class Loading:
    """One load of the whole folder; `busy` are the seconds that its process had a processor."""

    rows: int
    seconds: float
    busy: float


@contextmanager
def stores() -> Iterator[list[Store]]:
    """An empty store on each database, gone after the block."""
    with tempfile.TemporaryDirectory(prefix="chibo-bench-") as home:
        sqlite = f"sqlite+aiosqlite:///{home}/chibo.db"
        with fresh_postgres_database() as postgresql:
            yield [
                Store("PostgreSQL", Path(home), postgresql),
                Store("SQLite", Path(home), sqlite),
            ]


def folder() -> Path:
    """The province's data folder, drawn where it is not there yet."""
    return drawn(FOLDER, SHAPE, YEARS, TODAY)


def drawn(folder: Path, shape: str, years: int, today: date) -> Path:
    """A data folder, drawn where it is not there yet."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
            fresh = Path(aside) / "folder"
            generate(fresh, shape, years, SEED, today)
            fresh.rename(folder)
    return folder


def load(store: Store, folder: Path) -> Loading:
    """`chibo load` of a whole folder, from the start of its process to the end."""
    before, begun = os.times(), time.perf_counter()
    store.run("load", str(folder))
    seconds, after = time.perf_counter() - begun, os.times()
    busy = after.children_user - before.children_user
    busy += after.children_system - before.children_system
    return Loading(_rows(folder), seconds, busy)


def _rows(folder: Path) -> int:
    """Rows of all files: no cell of these folders holds a line break."""
    return sum(path.read_bytes().count(b"\n") - 1 for path in folder.glob("*.csv"))
