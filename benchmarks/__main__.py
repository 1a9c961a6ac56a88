"""`make bench`: loads the province into both databases, asks both servers, prints a table; then
reorganises two provinces, loads the whole country, and measures what the trail costs writers and
what open streams cost a worker. `python -m benchmarks PART` runs one part: `province`,
`reorganisation`, `country`, `trail` or `streams`.

It takes seven to fifteen minutes and asserts nothing: a figure beyond its aim is marked `!`, and
the exit code stays 0.
"""

import os
import platform
import sys

from rich.console import Console
from rich.table import Table

from benchmarks import (
    country,
    crowd,
    explaining,
    floor,
    offices,
    past,
    province,
    provinces,
    rights,
    streams,
    trail,
    transfers,
)
from benchmarks.client import Client, request
from benchmarks.measuring import Times, alone, alternately, in_turn
from benchmarks.province import Store
from benchmarks.questions import NOTHING, OF_A_CROWD, QUESTIONS, WITH_PARENT, Question
from benchmarks.servers import Server, chibo, hand_written
from benchmarks.transfers import TRANSFERS, Transfer

MOST_MEMORY = 200
MOST_COLD = 2.0
FEWEST_COVERED = 500_000
FEWEST_ROWS = {"PostgreSQL": 50_000, "SQLite": 30_000}
MOST_DISTURBED = 2.0
MOST_PAST = 1.5
MOST_OFFICES = 1.5
MOST_COUNTRY = 180
LEAST_OF_WRITING = 0.8
MOST_EXPLAINED = 5.0
MOST_ABOVE_NOTHING = 1.0
MOST_SPREAD = 3.0
LEAST_OF_FLOOR = 0.6
MOST_OF_STREAMS = 300
MOST_TO_REACH = 1.0

console = Console(highlight=False, width=100)


def main() -> None:
    """The parts of the run that are named, or all of them."""
    parts = {
        "province": _province,
        "reorganisation": _reorganisation,
        "country": _country,
        "trail": _trail,
        "streams": _streams,
    }
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} processors")
    for name in sys.argv[1:] or parts:
        parts[name]()


def _province() -> None:
    console.print(f"The province's folder: {province.folder()}")
    with province.stores() as stores:
        for store in stores:
            _measure(store)


def _reorganisation() -> None:
    console.print(f"The folder of two provinces: {provinces.folder()}")
    for opened in (provinces.in_graph, provinces.embedded):
        with opened() as store:
            _reorganise(store)


def _country() -> None:
    console.print(f"The country's folder: {country.folder()}")
    with country.stores() as stores:
        for store in stores:
            loading = province.load(store, country.folder())
            shown = _marked(f"{loading.seconds:.1f} s", loading.seconds <= MOST_COUNTRY)
            console.print(
                f"{store.name}: the reorganisation of 2025 loaded in {shown}, "
                f"{loading.busy:.1f} s of them busy; aim ≤ {MOST_COUNTRY} s"
            )


def _trail() -> None:
    console.rule("PostgreSQL: writing with the trail and without")
    found = trail.measure()
    shown = _marked(f"{found.ratio:.2f}", found.ratio >= LEAST_OF_WRITING)
    for title, rounds in (("with", found.with_trail), ("without", found.without)):
        told = Times(rounds)
        span = f"{told.at(0):.0f} to {told.at(100):.0f}"
        console.print(f"meetings a second, {title}: {told.at(50):.0f} (rounds {span})")
    console.print(f"ratio {shown}, aim ≥ {LEAST_OF_WRITING:g}")


def _streams() -> None:
    console.rule(f"PostgreSQL: {streams.STREAMS:,} open streams on one worker")
    for found in streams.measure():
        held = _marked(f"{found.memory} MiB", found.memory <= MOST_OF_STREAMS)
        reached = _marked(f"{max(found.seconds):.2f} s", max(found.seconds) <= MOST_TO_REACH)
        console.print(
            f"{found.title}: {held} ({found.before} before), aim ≤ {MOST_OF_STREAMS}; an event "
            f"has reached all in {reached} at the most, aim ≤ {MOST_TO_REACH:g} s"
        )


def _measure(store: Store) -> None:
    console.rule(store.name)
    table = _table("Chibo p50", "p99", "floor p50", "p99", "ratio", "aim")
    _load(store, table)
    with chibo(store) as served, hand_written(store) as floored:
        for question in QUESTIONS:
            _ask(store, served, floored, question, table)
        _parent(store, served, table)
        _crowd(store, served, floored, table)
        _memory(served, table)
        _explain(store, served, table)
        _offices(store, served, table)
    _rights(store, table)
    console.print(table)


def _reorganise(store: Store) -> None:
    """Transfers in two provinces, who reads meanwhile, and a summary on both sides of one."""
    console.rule(store.name)
    table = _table("p50", "p99", "beside p50", "p99", "ratio", "aim")
    with chibo(store) as deciding, chibo(store) as beside:
        for transfer in TRANSFERS:
            _transfer(store, deciding, beside, transfer, table)
        console.print("  a summary of a past day …", style="dim")
        past.reorganise(store, deciding)
        then, today = past.measure(store, beside)
        _against(table, "summary of a past day", then, today, 50, MOST_PAST)
    console.print(table)


def _transfer(
    store: Store, deciding: Server, beside: Server, transfer: Transfer, table: Table
) -> None:
    console.print(f"  transfer of {transfer.title} …", style="dim")
    found = transfers.measure(store, deciding, beside, transfer)
    shown, is_met = _pair(found.there), found.there.at(50) <= transfer.aim
    table.add_row(
        f"transfer of {transfer.title}",
        *(_marked(shown[0], is_met), shown[1], "", "", "", f"≤ {transfer.aim:g} ms"),
    )
    table.add_row("  and its reversal", *_pair(found.back), "", "", "", "")
    for title, name in (("elsewhere", "beside"), ("in its process", "same")):
        meanwhile, undisturbed = (
            Times(tuple(getattr(readers, name))) for readers in (found.meanwhile, found.undisturbed)
        )
        _against(table, f"  readers {title}", meanwhile, undisturbed, 99, MOST_DISTURBED)


def _against(
    table: Table, title: str, times: Times, least: Times, percent: int, most: float
) -> None:
    ratio = times.at(percent) / least.at(percent)
    shown = _marked(f"{ratio:.2f}", ratio <= most)
    table.add_row(title, *_pair(times), *_pair(least), shown, f"p{percent} ≤ {most:g}")


def _table(*columns: str) -> Table:
    table = Table("work", *columns, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _load(store: Store, table: Table) -> None:
    loading = province.load(store, province.folder())
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


def _parent(store: Store, served: Server, table: Table) -> None:
    """A unit with what is above it, beside a request for nothing."""
    token = store.run("token", WITH_PARENT.principal).strip()
    asked, nothing = (
        request("/graphql", token, {"query": each.document}) for each in (WITH_PARENT, NOTHING)
    )
    with Client(served.port) as client:
        times, least = in_turn((client, asked), (client, nothing))
    own = times.at(50) - least.at(50)
    shown, aim = (
        _marked(f"+{own:.2f} ms", own <= MOST_ABOVE_NOTHING),
        f"≤ +{MOST_ABOVE_NOTHING:g} ms",
    )
    table.add_row(WITH_PARENT.title, *_pair(times), *_pair(least), shown, aim)


def _crowd(store: Store, served: Server, floored: Server, table: Table) -> None:
    """Many clients at once: answers a second, and how much longer some wait than most."""
    console.print(f"  {crowd.CLIENTS} clients …", style="dim")
    [question] = [each for each in QUESTIONS if each.name == OF_A_CROWD]
    token = store.run("token", question.principal).strip()
    asked = request("/graphql", token, {"query": question.document})
    by_hand = request(f"/{question.name}", floor.TOKEN, {})
    found, least = crowd.in_turn((served.port, asked), (floored.port, by_hand))
    share, spread = found.throughput / least.throughput, found.answers.at(99) / found.answers.at(50)
    table.add_row(
        f"{crowd.CLIENTS} clients: {question.title}",
        *_pair(found.answers),
        *_pair(least.answers),
        _marked(f"{spread:.2f}", spread <= MOST_SPREAD),
        f"p99 ≤ {MOST_SPREAD:g} × p50",
    )
    a_second = f"{found.throughput:,.0f}", "", f"{least.throughput:,.0f}", ""
    shown, aim = _marked(f"{share:.2f}", share >= LEAST_OF_FLOOR), f"≥ {LEAST_OF_FLOOR:g}"
    table.add_row("  answers a second", *a_second, shown, aim)


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


def _offices(store: Store, served: Server, table: Table) -> None:
    found = offices.measure(store, served)
    many, one = found.meetings
    title = f"through 10 appointments, 5 grants; 1 ({many:,}; {one:,} meetings)"
    _against(table, title, found.many, found.one, 50, MOST_OFFICES)


def _explain(store: Store, served: Server, table: Table) -> None:
    """Beside each explanation a request for nothing; the difference is the explanation's own."""
    for found in explaining.measure(store, served):
        console.print(f"  explain, {found.title} …", style="dim")
        own = _marked(f"+{found.by_itself:.2f} ms", found.by_itself <= MOST_EXPLAINED)
        title, aim = f"explain, {found.title}", f"≤ +{MOST_EXPLAINED:g} ms"
        table.add_row(title, *_pair(found.times), *_pair(found.nothing), own, aim)


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
