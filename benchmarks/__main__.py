"""`make bench`: loads the province into both databases, asks both servers, prints a table.

It takes four to ten minutes and asserts nothing: a figure beyond its aim is marked `!`, and the
exit code stays 0.
"""

import os
import platform

from rich.console import Console
from rich.table import Table

from benchmarks import floor, province, rights
from benchmarks.client import Client, request
from benchmarks.measuring import Times, alone, alternately
from benchmarks.province import Store
from benchmarks.questions import QUESTIONS, Question
from benchmarks.servers import Server, chibo, hand_written

MOST_MEMORY = 200
MOST_COLD = 2.0
FEWEST_COVERED = 500_000
FEWEST_ROWS = {"PostgreSQL": 50_000, "SQLite": 30_000}

console = Console(highlight=False, width=100)


def main() -> None:
    """The whole run, database by database."""
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} processors")
    console.print(f"The province's folder: {province.folder()}")
    with province.stores() as stores:
        for store in stores:
            _measure(store)


def _measure(store: Store) -> None:
    console.rule(store.name)
    table = Table("work", "Chibo p50", "p99", "floor p50", "p99", "ratio", "aim", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    _load(store, table)
    with chibo(store) as served, hand_written(store) as floored:
        for question in QUESTIONS:
            _ask(store, served, floored, question, table)
        _memory(served, table)
    _rights(store, table)
    console.print(table)


def _load(store: Store, table: Table) -> None:
    loading = province.load(store)
    speed, aim = loading.rows / loading.seconds, FEWEST_ROWS[store.name]
    console.print(f"  loaded in {loading.seconds:.1f} s, {loading.busy:.1f} s of them busy")
    _plain(table, "chibo load, rows a second", f"{speed:,.0f}", f"≥ {aim:,}", speed >= aim)


def _ask(store: Store, served: Server, floored: Server, question: Question, table: Table) -> None:
    console.print(f"  {question.title} …", style="dim")
    token = store.run("token", question.principal).strip()
    asked = request("/graphql", token, {"query": question.document})
    with Client(served.port) as client, Client(floored.port) as other:
        if question.aim is None:
            _timed(table, question, alone(client, asked), None)
        else:
            by_hand = request(f"/{question.name}", floor.TOKEN, {})
            _timed(table, question, *alternately((client, asked), (other, by_hand)))


def _timed(table: Table, question: Question, times: Times, least: Times | None) -> None:
    shown = [question.title, *_pair(times)]
    if least is None or question.aim is None:
        table.add_row(*shown, "", "", "", "")
        return
    ratio = times.at(50) / least.at(50)
    aim = f"≤ {question.aim:g}"
    table.add_row(*shown, *_pair(least), _marked(f"{ratio:.2f}", ratio <= question.aim), aim)


def _pair(times: Times) -> list[str]:
    return [f"{times.at(50):.2f} ms", f"{times.at(99):.2f} ms"]


def _memory(served: Server, table: Table) -> None:
    held = served.memory()
    title, is_met = f"memory, MiB (PSS {held['Pss']})", held["Rss"] <= MOST_MEMORY
    _plain(table, title, str(held["Rss"]), f"≤ {MOST_MEMORY}", is_met)


def _rights(store: Store, table: Table) -> None:
    found = rights.measure(store)
    title = "scope from appointments, cold"
    shown, is_met = _pair(found.cold), found.cold.at(50) <= MOST_COLD
    table.add_row(title, _marked(shown[0], is_met), shown[1], "", "", "", f"≤ {MOST_COLD:g} ms")
    table.add_row("  and the policy read anew", *_pair(found.with_policy), "", "", "", "")
    is_met = found.covers >= FEWEST_COVERED
    _plain(table, "scope.covers, a second", f"{found.covers:,.0f}", f"≥ {FEWEST_COVERED:,}", is_met)


def _plain(table: Table, title: str, figure: str, aim: str, is_met: bool) -> None:
    table.add_row(title, _marked(figure, is_met), "", "", "", "", aim)


def _marked(figure: str, is_met: bool) -> str:
    return figure if is_met else f"{figure} !"


if __name__ == "__main__":
    main()
