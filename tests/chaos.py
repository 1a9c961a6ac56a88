"""Kills a deciding process at every step that it takes: `python -m tests.chaos`, `make chaos`.

A step is a statement or a commit that the process sends to one of its databases, before it is sent
and after it is answered. A forked process takes or reverses a decision and ends without a last
word at the n-th step, for each n, until it lives to the end. After each kill another process
starts as an operator's would; then all invariants must hold, the decision must be there whole or
not at all, and whoever tries again must get what was asked for. Prints a line a kill and ends with
exit code 1 at the first that left harm.

It hooks the drivers of its own processes, never the code that it tests. The first process opens no
database and no loop: it may fork.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neo4j._async.work.transaction import AsyncTransactionBase
from sqlalchemy import event, select
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

from graph.execution import Executor, Request
from hierarchy import projection, proposing
from hierarchy.placements import on
from hierarchy.tables import decision as decision_table
from hierarchy.tables import placement
from server.deciding import decide as decide_by_command
from server.decision_file import read_decision
from server.folder.folder import PRINCIPAL
from server.loading import load
from server.settings import Settings
from server.stores import Stores, open_stores
from server.verifying import violations
from tests import province, servers
from tests.graph.reorganised import DECIDE, decision, establish, merge, rename, transfer

ENGINES = ("sqlite", "postgresql-neo4j")
REVERSE = 'mutation ($number: String!) { reverseDecision(number: $number, reason: "-") { number } }'
READY = GRAPH_READY, RECORDS_READY = "before the graph's commit", "before the records' commit"

Unit = tuple[str | None, str, bool]
"""The code of the unit above, the name, and whether it is open."""
Tree = dict[str, Unit]


# ---- the steps of a process


class Steps:
    """What this process asks of its databases from `begin` on, and the step that is its last."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.last: int | None = None
        self._is_counting = False
        self._farewell = -1

    def begin(self, last: int | None, farewell: int) -> None:
        """Kills the process at the step `last`, whose name it writes to a file descriptor."""
        self.last, self._farewell, self._is_counting = last, farewell, True

    def end(self) -> None:
        self._is_counting = False

    def reach(self, step: str) -> None:
        if not self._is_counting:
            return
        self.seen.append(step)
        if len(self.seen) == self.last:
            os.write(self._farewell, json.dumps(step).encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(self) -> None:
        """Has the drivers of this process tell each step."""
        self._hook_records()
        self._hook_graph()

    def _hook_records(self) -> None:
        def before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            self.reach(f"before {_short(statement)}")

        def after(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            self.reach(f"after {_short(statement)}")

        event.listen(Engine, "before_cursor_execute", before)
        event.listen(Engine, "after_cursor_execute", after)
        commit = DefaultDialect.do_commit

        def do_commit(dialect: Any, connection: Any) -> None:
            self.reach(RECORDS_READY)
            commit(dialect, connection)
            self.reach("after the records' commit")

        DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]

    def _hook_graph(self) -> None:
        run, commit = AsyncTransactionBase.run, AsyncTransactionBase._commit

        async def run_told(transaction: Any, query: Any, *args: Any, **named: Any) -> Any:
            self.reach(f"before {_short(query)}")
            result = await run(transaction, query, *args, **named)
            self.reach(f"after {_short(query)}")
            return result

        async def commit_told(transaction: Any) -> Any:
            self.reach(GRAPH_READY)
            result = await commit(transaction)
            self.reach("after the graph's commit")
            return result

        AsyncTransactionBase.run = run_told  # type: ignore[method-assign, assignment]
        AsyncTransactionBase._commit = commit_told  # type: ignore[method-assign]


def _short(statement: str) -> str:
    words = " ".join(statement.split())
    return words if len(words) <= 50 else f"{words[:49]}…"


# ---- a Chibo over the small province, in one process


@dataclass(frozen=True)
class Chibo:
    """Whoever decides, by GraphQL and by the command line, and what came of it."""

    settings: Settings
    stores: Stores

    @property
    def executor(self) -> Executor:
        database, today = self.stores.database, self.settings.today
        return Executor(database, self.settings.limits(), b"-", today, self.stores)

    async def found(self) -> None:
        """Loads the small province."""
        folder = province.write(self.settings.home / "data", province.SMALL)
        await load(self.stores.database, self.stores.graph, folder, province.TODAY)

    async def decide(self, number: int) -> None:
        answer = await self._ask(DECIDE, {"input": given(number)})
        assert "errors" not in answer, answer

    async def command(self, number: int) -> None:
        effects = await decide_by_command(self.stores, self._file(number), False)
        assert effects.number == str(number)

    async def reverse(self, number: int) -> None:
        """Reverses it, unless it was reversed before."""
        answer = await self._ask(REVERSE, {"number": str(number)})
        if answer["data"] is None:
            [error] = answer["errors"]
            assert error["message"] == "The decision was reversed before.", answer

    async def leave_ahead(self, number: int) -> None:
        """Decides in the graph alone, as who was killed before the records' commit."""
        assert self.stores.graph is not None
        asked = read_decision(self._file(number), PRINCIPAL, datetime.now(UTC))
        proposal = proposing.proposal(asked.decision, asked.changes)
        async with self.stores.database.reading() as connection:
            kinds = await projection.read_kinds(connection)
        await self.stores.graph.extend([], [proposal], kinds)

    async def catch_up(self, _number: int) -> None:
        await self.stores.catch_up()

    async def tree(self) -> Tree:
        """The tree of today, as readers have it."""
        above = placement.alias("above")
        day = self.settings.today()
        statement = (
            select(placement.c.code, above.c.code, placement.c.name, placement.c.closed_on)
            .outerjoin_from(
                placement, above, (above.c.unit_id == placement.c.parent_id) & on(above.c, day)
            )
            .where(on(placement.c, day))
        )
        async with self.stores.database.reading() as connection:
            rows = await connection.execute(statement)
            return {
                code: (parent, name, closed_on is None or closed_on > day)
                for code, parent, name, closed_on in rows
            }

    async def is_in_force(self, number: int) -> bool:
        """Whether the store of the tree and the projection have the decision, both."""
        async with self.stores.database.reading() as connection:
            known = await self.stores.tree(connection).decision(str(number))
            projected = await connection.execute(
                select(decision_table.c.number).where(
                    decision_table.c.number == str(number), decision_table.c.reversed_at.is_(None)
                )
            )
            in_force = known is not None and known[1] is None
            assert in_force == (projected.first() is not None), "store and projection differ"
            return in_force

    async def check_invariants(self) -> None:
        found = await violations(self.stores)
        assert not found, found

    def _file(self, number: int) -> Path:
        path = self.settings.home / f"{number}.json"
        path.write_text(json.dumps(given(number)), "utf-8")
        return path

    async def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = await self.executor.answer(Request(query, variables, None, "en"), "leader_t")
        body: dict[str, Any] = answer.body
        return body


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[Chibo]:
    """As an operator starts it."""
    async with open_stores(settings) as stores:
        await stores.prepare()
        yield Chibo(settings, stores)


def given(number: int) -> Any:
    """A decision that founds, merges, moves and renames; taken twice it is one."""
    return decision(
        str(number),
        "T",
        "2024-06-01",
        establish(f"N{number}", "D"),
        merge("G", into=f"N{number}"),
        transfer("H", "E"),
        rename("B", "Chi bộ khác"),
        clientKey=f"key {number}",
    )


def decided(tree: Tree, number: int) -> Tree:
    """The tree after that decision, told by hand."""
    new = f"N{number}"
    return tree | {
        new: ("D", f"Đảng bộ {new}", True),
        "G": (new, tree["G"][1], False),
        "B": (new, "Chi bộ khác", True),
        "C": (new, tree["C"][1], True),
        "H": ("E", tree["H"][1], True),
    }


# ---- what is done, killed, and looked at afterwards


Act = Callable[[Chibo, int], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """What a process does before its steps count, what while they do, and what whoever comes
    next tries again. `is_decided`: whether the decision is there before, and after."""

    name: str
    first: Act | None
    act: Act
    again: Act
    is_decided: tuple[bool, bool]


DECIDING = Scenario("decide", None, Chibo.decide, Chibo.decide, (False, True))
COMMANDING = Scenario("command", None, Chibo.command, Chibo.command, (False, True))
REVERSING = Scenario("reverse", Chibo.decide, Chibo.reverse, Chibo.reverse, (True, False))
HEALING = Scenario("heal", Chibo.leave_ahead, Chibo.catch_up, Chibo.command, (True, True))
"""The process that heals is killed, too."""


class Harm(Exception):
    """What a kill has left."""


class Chaos:
    """Rounds of kills on one store, each with a decision of its own. Between rounds the tree is
    always the same: what a round decided is reversed at its end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._number = 0
        self._tree: Tree = self._run(self._found)

    def steps(self, scenario: Scenario) -> list[str]:
        """The steps of a process that lives to the end."""
        steps = self._round(scenario, None)
        assert isinstance(steps, list)
        return steps

    def kill(self, scenario: Scenario, last: int) -> str | None:
        """Kills a process at its n-th step, and checks what comes then. Answers with the step,
        or null where it lived. Raises `Harm`."""
        step = self._round(scenario, last)
        return step if isinstance(step, str) else None

    def _round(self, scenario: Scenario, last: int | None) -> Any:
        self._number += 1
        said = self._doomed(scenario, last)
        try:
            self._look(scenario)
        except Harm as harm:
            step = said if isinstance(said, str) else "none"
            raise Harm(f"{scenario.name}, killed at step {last}, {step}:\n{harm}") from None
        return said

    def _doomed(self, scenario: Scenario, last: int | None) -> Any:
        """The name of the step that a process was killed at, or all that it lived through."""
        number = self._number

        async def work(farewell: int) -> list[str]:
            steps = Steps()
            steps.hook()
            async with started(self._settings) as chibo:
                if scenario.first is not None:
                    await scenario.first(chibo, number)
                steps.begin(last, farewell)
                await scenario.act(chibo, number)
                steps.end()
            return steps.seen

        return forked(work)

    def _look(self, scenario: Scenario) -> None:
        number = self._number
        trees = self._tree, decided(self._tree, number)

        async def work(_farewell: int) -> None:
            async with started(self._settings) as chibo:
                await chibo.check_invariants()
                is_decided = await chibo.is_in_force(number)
                assert is_decided in scenario.is_decided, "the decision is not as it was left"
                await self._compare(chibo, trees[is_decided])
                await scenario.again(chibo, number)
                assert await chibo.is_in_force(number) == scenario.is_decided[1]
                await self._compare(chibo, trees[scenario.is_decided[1]])
                await chibo.reverse(number)
                await self._compare(chibo, trees[False])
                await chibo.check_invariants()

        self._run(work)

    async def _compare(self, chibo: Chibo, expected: Tree) -> None:
        tree = await chibo.tree()
        assert tree == expected, {
            code: (tree.get(code), expected.get(code))
            for code in tree.keys() | expected.keys()
            if tree.get(code) != expected.get(code)
        }

    async def _found(self, _farewell: int) -> list[tuple[str, Unit]]:
        async with started(self._settings) as chibo:
            await chibo.found()
            # The first decision of all is told from less than those after it: it takes other steps.
            await chibo.decide(0)
            await chibo.reverse(0)
            return [*(await chibo.tree()).items()]

    def _run(self, work: Callable[[int], Coroutine[Any, Any, Any]]) -> Any:
        said = forked(work)
        return said if said is None else {code: tuple(unit) for code, unit in said}


def forked(work: Callable[[int], Coroutine[Any, Any, Any]]) -> Any:
    """What a process of its own answers, or the step it was killed at. Raises `Harm`, with what
    it printed, where it failed."""
    with tempfile.TemporaryFile() as farewell:
        child = os.fork()
        if child == 0:
            _live(work, farewell.fileno())
        _, status = os.waitpid(child, 0)
        farewell.seek(0)
        said = farewell.read().decode()
    ended = os.waitstatus_to_exitcode(status)
    if ended not in (0, -signal.SIGKILL):
        raise Harm(said)
    return json.loads(said)


def _live(work: Callable[[int], Coroutine[Any, Any, Any]], farewell: int) -> None:
    """The child; never returns."""
    code = 1
    try:
        said = json.dumps(asyncio.run(work(farewell)))
        code = 0
    except BaseException:
        said = traceback.format_exc()
    os.write(farewell, said.encode())
    os._exit(code)


# ---- the command


def kill_all(settings: Settings, kills: int | None) -> int:
    """Kills at each step of every scenario on an empty store, or at so many of each; answers
    with how many it killed. Raises `Harm`."""
    chaos, killed = Chaos(settings), 0
    engine = settings.database_url.get_backend_name() + ("-neo4j" if settings.neo4j_uri else "")
    for scenario in (DECIDING, COMMANDING, REVERSING, *([HEALING] if settings.neo4j_uri else [])):
        steps = chaos.steps(scenario)
        for last in spread(steps, kills or len(steps)):
            step = chaos.kill(scenario, last)
            killed += step is not None
            place = f"{scenario.name} {last}/{len(steps)}"
            print(f"{engine} {place}: {step or 'lived'}", flush=True)
    return killed


def spread(steps: Sequence[str], count: int) -> list[int]:
    """So many of the steps, counted from 1: the one before the last commit, where one store has
    stored and the other has not, and others at even distances."""
    between = max(at for at, step in enumerate(steps, 1) if step in READY)
    others = [place for place in range(1, len(steps) + 1) if place != between]
    rest = min(count, len(steps)) - 1
    even = [others[(2 * at + 1) * len(others) // (2 * rest)] for at in range(rest)]
    return sorted([between, *even])


@contextmanager
def fresh(engine: str) -> Iterator[Settings]:
    """Settings of an empty store of the engine."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if engine == "sqlite":
            yield province.settings_of(home, f"sqlite+aiosqlite:///{home / 'chibo.db'}")
            return
        tree = servers.neo4j_server()
        if "CHIBO_NEO4J_URI" in os.environ and not servers.is_empty(tree):
            sys.exit("CHIBO_NEO4J_URI names a database that is not empty: it would be deleted")
        with servers.locked("neo4j-use"), servers.fresh_postgres_database() as url:
            servers.wipe(tree)
            login = {"neo4j_uri": tree.uri, "neo4j_user": tree.user}
            yield province.settings_of(home, url, **login, neo4j_password=tree.password)
            servers.wipe(tree)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--here", action="store_true", help="the empty store of the environment")
    parser.add_argument("--kills", type=int, help="so many a scenario, else at every step")
    options = parser.parse_args()
    killed, began = 0, time.monotonic()
    try:
        if options.here:
            killed = kill_all(Settings(), options.kills)
        for engine in [] if options.here else options.engine or ENGINES:
            with fresh(engine) as settings:
                killed += kill_all(settings, options.kills)
    except Harm as harm:
        sys.exit(f"harm: {harm}")
    print(f"{killed} kills and no harm, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
