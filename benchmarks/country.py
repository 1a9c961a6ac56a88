"""The whole reorganisation of 2025: how long the country takes to load with its 34 decisions.

The units of 30 June 2025 down to the branch and the decisions of 1 July, without records, as
`chibo generate --shape reorganisation-2025 --years 0` writes them; drawn once and kept under
`.cache/benchmarks/`. The tree is embedded in the records' database.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from benchmarks.province import FOLDER, SEED, Store, drawn
from server.generation import country
from tests.servers import fresh_postgres_database

TODAY = date(2026, 1, 15)
_FOLDER = FOLDER.parent / f"{country.NAME}-0-{SEED}-{TODAY}"


def folder() -> Path:
    """The country's data folder, drawn where it is not there yet."""
    return drawn(_FOLDER, country.NAME, 0, TODAY)


@contextmanager
def stores() -> Iterator[list[Store]]:
    """An empty store on each database, gone after the block."""
    with (
        tempfile.TemporaryDirectory(prefix="chibo-bench-") as home,
        fresh_postgres_database() as postgresql,
    ):
        sqlite = f"sqlite+aiosqlite:///{home}/chibo.db"
        yield [
            Store("PostgreSQL", Path(home), postgresql, today=TODAY),
            Store("SQLite", Path(home), sqlite, today=TODAY),
        ]
