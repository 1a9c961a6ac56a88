"""Documents nobody thought of, many of them: `python -m tests.fuzzing --cases 100000`.

Rounds of some thousand cases (`rounds.py`), each over a fresh store, by turns on SQLite and on
PostgreSQL with the tree in Neo4j. Prints each finding, and how far it has come; exit code 1 where
there was one. `--seed` and `--round` repeat a round that was printed.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import time
from pathlib import Path

import structlog

from tests.fuzzing.judging import Seen
from tests.fuzzing.rounds import Outcome, begun
from tests.oracle.__main__ import ENGINES, stores

ROUND = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    parser.add_argument("--round", type=int, default=0, help="the first one played")
    parser.add_argument("--engine", choices=ENGINES, help="this one alone")
    options = parser.parse_args()
    logs = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=logs, logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    engines = [options.engine] if options.engine else list(ENGINES)
    found, seen, began, done, number = 0, Seen(), time.monotonic(), 0, options.round
    while done < options.cases:
        engine = engines[number % len(engines)]
        outcome = _play(engine, min(ROUND, options.cases - done), options.seed, number)
        done, seen, found = done + outcome.cases, seen + outcome.seen, found + len(outcome.findings)
        for finding in outcome.findings[:20]:
            print(finding, end="\n\n")
        rate = done / (time.monotonic() - began)
        print(f"seed {options.seed}, round {number} on {engine}: {len(outcome.findings)} findings; "
              f"{done:,} of {options.cases:,} cases, {rate:.0f} a second", flush=True)  # fmt: skip
        number += 1
    print(f"{found} findings; {told(seen)}")
    sys.exit(1 if found else 0)


def told(seen: Seen) -> str:
    """What the cases went through, in one line."""
    codes = ", ".join(f"{code} {times:,}" for code, times in sorted(seen.codes.items()))
    return (
        f"{seen.asked:,} questions asked, {seen.run:,} run, {seen.whole:,} answered whole, "
        f"{seen.with_things:,} with units or records, {seen.written:,} wrote, "
        f"{seen.followed:,} further pages, {seen.out_of_sight:,} named what is hidden; {codes}"
    )


def _play(engine: str, cases: int, seed: int, number: int) -> Outcome:
    with stores(engine) as (home, url, tree):
        address = url or f"sqlite+aiosqlite:///{Path(home) / 'chibo.db'}"
        with begun(home, address, seed * 1_000 + number, tree) as round_:
            return round_.play(cases)


if __name__ == "__main__":
    main()
