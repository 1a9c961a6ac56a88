"""`chibo decide`: one decision from a file, taken or only tried.

It is judged as any other, but by no rights: the command line is the operator's, under the
principal of loaded files. Taking it changes the tree's store and, in the transaction of the
records' database, the projection; where the tree lives in a graph a cut between the two is healed
by the next command. It changes no record.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy import projection, proposing
from hierarchy.decision import Problem
from hierarchy.errors import Conflict, Refused, StoreError
from hierarchy.layout import Effects, effects
from hierarchy.store import HierarchyStore, Told
from hierarchy.tables import decision as decision_table
from hierarchy.tables import unit
from hierarchy.timeline import number_taken
from hierarchy.unit import Founding, Kinds
from records import bulk, trail
from server.decision_file import DecisionRefused, GivenDecision, read_decision
from server.folder.folder import PRINCIPAL
from server.folder.tree import words
from server.loading import ATTEMPTS, is_passing
from server.stores import Stores

_KEY_USED = "This client key has stored something else."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision does on its day; `effects` are null where it was taken before under the
    same client key."""

    number: str
    effective_on: date
    effects: Effects | None = None


async def decide(stores: Stores, path: Path, is_dry_run: bool) -> Outcome:
    """Takes the decision of a file, or only tries it.

    Raises `DecisionRefused` with every reason why it cannot be taken, and `StoreError` where the
    database stays locked by others.
    """
    asked = read_decision(path, PRINCIPAL, datetime.now(UTC))
    for attempt in range(ATTEMPTS):
        try:
            async with stores.database.writing() as connection:
                return await _Deciding(connection, stores.tree(connection), asked).run(is_dry_run)
        except DBAPIError as error:
            if not is_passing(stores.database, error):
                raise
        await stores.database.wait_before(attempt)
    raise StoreError("Others kept changing the store: nothing was decided.")


def said(outcome: Outcome, is_dry_run: bool) -> str:
    """The outcome in words."""
    effects = outcome.effects
    if effects is None:
        return f"{outcome.number} was taken before: nothing is done again"
    done = "would be taken" if is_dry_run else "is taken"
    counts = ", ".join(
        f"{count} {'unit' if count == 1 else 'units'} {what}"
        for count, what in (
            (effects.established, "established"),
            (effects.closed, "closed"),
            (effects.moved, "moved"),
        )
    )
    return f"{outcome.number} {done}: {counts}, on {outcome.effective_on}"


class _Deciding:
    """One decision in one writing transaction."""

    def __init__(
        self, connection: AsyncConnection, tree: HierarchyStore, asked: GivenDecision
    ) -> None:
        self._connection = connection
        self._tree = tree
        self._asked = asked
        self._proposal = proposing.proposal(asked.decision, asked.changes)

    async def run(self, is_dry_run: bool) -> Outcome:
        await projection.apply(self._connection, self._tree)
        kinds = await projection.read_kinds(self._connection)
        self._refuse(proposing.input_problems(self._asked.decision, self._asked.changes, kinds))
        if await self._was_taken():
            outcome = await self._said_before()
        else:
            outcome = await self._judged(kinds)
            if not is_dry_run:
                await self._take(kinds)
        if not is_dry_run and (await self._remember_key() or outcome.effects is not None):
            await self._tell()
        return outcome

    def _refuse(self, problems: list[Problem], known: Collection[str] = ()) -> None:
        """Raises `DecisionRefused` where there is any problem."""
        if problems:
            told = [
                f"changes[{problem.change}]: {words(problem, self._proposal, known)}"
                for problem in problems
            ]
            raise DecisionRefused(told)

    # -- what the client key says

    async def _was_taken(self) -> bool:
        """Whether the client key has stored a decision. Raises `Conflict` where it stored
        something else."""
        key = self._asked.key
        if key is None:
            return False
        numbers = await self._connection.scalars(
            select(decision_table.c.number).where(
                decision_table.c.client_key == self._asked.decision.client_key
            )
        )
        number = numbers.first()
        if number is None and await bulk.stored_contents(self._connection, PRINCIPAL, [key]):
            raise Conflict(_KEY_USED)
        if number is not None and number != self._asked.decision.number:
            raise Conflict(_KEY_USED)
        return number is not None

    async def _said_before(self) -> Outcome:
        decision = self._asked.decision
        taken = await self._tree.decision(decision.number)
        if taken is None or not self._proposal.says(taken[0], taken[2]):
            raise Conflict(_KEY_USED)
        if taken[1] is not None:
            raise Conflict("What this client key has stored was taken back.")
        return Outcome(decision.number, decision.effective_on)

    async def _remember_key(self) -> bool:
        """Keeps the key from storing a record, as one of a record keeps it from deciding; whether
        that was not done before."""
        key, number = self._asked.key, self._asked.decision.number
        if not key or await bulk.stored_contents(self._connection, PRINCIPAL, [key]):
            return False
        [id_] = bulk.new_ids(1)
        stored = [(key, number, id_)]
        await bulk.store_keys(self._connection, PRINCIPAL, "decision", stored)
        return True

    async def _tell(self) -> None:
        """Tells the trail; also of a decision that the tree kept while its own entry was lost."""
        decision = self._asked.decision
        code = decision.issued_by
        unit_id = await self._connection.scalar(select(unit.c.id).where(unit.c.code == code))
        who = decision.recorded_at, PRINCIPAL
        told = trail.entry(*who, "decide", "decision", unit_id, subject=decision.number)
        await trail.append(self._connection, [told])

    # -- the tree

    async def _judged(self, kinds: Kinds) -> Outcome:
        """What the decision would do. Raises `DecisionRefused` where it cannot be taken."""
        decision = self._asked.decision
        judged = await self._tree.judged(self._proposal, kinds)
        problems = judged.problems[0]
        if not judged.changed and not problems:
            problems = [number_taken(decision.number)]
        self._refuse(problems, await self._known() if problems else ())
        changed = {code: judged.lifelines[code] for code in judged.changed}
        pairs = await projection.foreseen(self._connection, changed, decision.effective_on)
        day = decision.effective_on
        return Outcome(decision.number, day, effects(pairs, day))

    async def _known(self) -> set[str]:
        """The codes that the decision names and that are a unit's, or are to be."""
        lines = [step.change for step in self._proposal.steps]
        named = {code for line in lines for code in (line.unit_code, line.other_code) if code}
        there = filter(_founds, await self._tree.lines_of(named))
        return {line.unit_code for line in lines if line.founds}.union(told.code for told in there)

    async def _take(self, kinds: Kinds) -> None:
        try:
            await self._tree.extend([], [self._proposal], kinds)
        except Refused as refused:
            self._refuse(list(refused.problems))
        await projection.apply(self._connection, self._tree)


def _founds(told: Told) -> bool:
    return isinstance(told.line, Founding) or (told.line.founds and not told.is_reversed)
