"""The oracle at length: `python -m tests.oracle --seeds 100 --questions 200 --engine sqlite`.

Prints each finding and ends with exit code 1 where there was one.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import servers
from tests.oracle.examination import Examination, Finding
from tests.oracle.folders import Folder, broken, lines, make_folder
from tests.oracle.model import Model
from tests.oracle.recording import Recording
from tests.oracle.served import Commands, Served, environment

ENGINES = ("sqlite", "postgresql-neo4j")


def examine(
    commands: Commands,
    seed: int,
    questions: int,
    home: Path,
    database_url: str | None = None,
    tree: Any = None,
) -> list[Finding]:
    """Load the folder of this seed into an empty store, serve it and ask; also record."""
    folder = make_folder(seed)
    data = home / "data"
    folder.write(data)
    model = Model(data, folder.today)
    variables = environment(home, folder.today, database_url, tree)
    refused = list(_refused(commands, folder, home / "broken", variables))
    loaded = commands.run(["load", str(data)], variables)
    if loaded.exit_code:
        what = f"chibo load ended with {loaded.exit_code}: {loaded.said[-1500:]}"
        return [*refused, Finding(seed, "operator", "", {}, what)]
    with Served(commands, variables) as served:
        examination = Examination(seed, model, folder.principals, served.ask)
        found = [*refused, *examination.run(questions)]
        found += Recording(examination).run(questions // 6)
        found += examination.run(examination.asked + questions // 6)
        return found


def _refused(
    commands: Commands, folder: Folder, data: Path, variables: dict[str, str]
) -> Iterator[Finding]:
    """A decision with a fault: the load is refused at one of its rows, and leaves nothing: what
    is asked later would tell."""
    made = broken(folder)
    if made is None:
        return
    wrong, place = made
    wrong.write(data)
    rows, begins = wrong.files["decisions"], lines(data / "decisions.csv")
    numbers = {rows[place]["number"]}
    at = {line for row, line in zip(rows, begins, strict=True) if row["number"] in numbers}
    loaded = commands.run(["load", str(data)], variables)
    told = {int(line) for line in re.findall(r"decisions\.csv:(\d+):", loaded.said)}
    if loaded.exit_code != 1 or not told & at:
        what = f"{rows[place]}: expected a fault at one of {sorted(at)}, got {loaded.said[-900:]}"
        yield Finding(folder.seed, "operator", "", {}, what)


@contextmanager
def stores(engine: str) -> Iterator[tuple[Path, str | None, Any]]:
    """A fresh store of the engine: a home folder, a database's address and a tree's server."""
    with tempfile.TemporaryDirectory() as home:
        if engine == "sqlite":
            yield Path(home), None, None
            return
        tree = servers.neo4j_server()
        if "CHIBO_NEO4J_URI" in os.environ and not servers.is_empty(tree):
            sys.exit("CHIBO_NEO4J_URI names a database that is not empty: it would be deleted")
        with servers.locked("neo4j-use"), servers.fresh_postgres_database() as url:
            servers.wipe(tree)
            yield Path(home), url, tree
            servers.wipe(tree)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("--seeds", type=int, default=20, help="how many folders")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--questions", type=int, default=200, help="requests a folder")
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    options = parser.parse_args()
    total, started = 0, time.monotonic()
    with Commands() as commands:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            with stores(options.engine) as (home, url, tree):
                found = examine(commands, seed, options.questions, home, url, tree)
            total += len(found)
            for finding in found:
                print(finding, end="\n\n")
            print(f"seed {seed}: {len(found)} findings", file=sys.stderr)
    print(f"{total} findings, {time.monotonic() - started:.0f} s", file=sys.stderr)
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
