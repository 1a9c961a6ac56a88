"""`chibo policy`: the policy as it is stored, and what another one would change.

A policy is checked against one snapshot of the store: the file, the kinds, the appointments, and
what every viewer's reach would be. It is set in one transaction, with its entry in the trail, on a
store that is still the one it was checked against, so that what was said is what happens; a
running server obeys at its next request. It never changes one rule alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from authz import holders
from authz.appointments import read_rules, store_rules
from authz.foreseeing import Foreseen, Foresight
from authz.policy import Policy, Rule
from hierarchy.errors import StoreError
from hierarchy.placements import (
    Revision,
    lock_revision,
    on,
    raise_policy_version,
    read_revision,
)
from hierarchy.projection import read_kinds
from hierarchy.tables import placement
from hierarchy.unit import Kinds
from records import trail
from server.database import Database
from server.folder.folder import PRINCIPAL
from server.loading import ATTEMPTS, is_passing
from server.policy_file import read_policy

_TREE = select(placement.c.path, placement.c.depth, placement.c.rank).order_by(placement.c.path)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A policy that may be set: what it adds and takes away, and what that would change for
    viewers on the store of a revision; the `rules` are all of it, in the file's order."""

    revision: Revision
    rules: list[Rule]
    added: list[Rule]
    removed: list[Rule]
    foreseen: list[Foreseen]
    leaves_out_grants: bool

    @property
    def is_change(self) -> bool:
        return bool(self.added or self.removed)


async def stored(database: Database) -> tuple[list[Rule], Kinds]:
    """The rules of the store in their order, and the kinds that they speak of."""
    async with database.reading() as connection:
        return await read_rules(connection), await read_kinds(connection)


TOLD_EACH = 1_000
"""Viewers between two words of progress."""

Progress = Callable[[int, str], None]
"""Told how many viewers have been looked at."""


def _untold(done: int, name: str) -> None:
    """The progress of a look that nobody watches."""


async def check(
    database: Database, path: Path, today: date, progress: Progress = _untold
) -> Outcome:
    """What the policy of a file would change. Raises `LoadRefused` with all that is wrong with
    it, and `BadInput` where the file cannot be read."""
    async with database.reading() as connection:
        revision = await read_revision(connection)
        held = await holders.roles_held(connection, today)
        rules = read_policy(path, await read_kinds(connection), held)
        there = await read_rules(connection)
        added = [rule for rule in rules if rule not in there]
        removed = [rule for rule in there if rule not in rules]
        foreseen = []
        if added or removed:
            policies = Policy(there), Policy(rules)
            foreseen = await _foreseen(connection, *policies, today, progress)
        without = await holders.are_grants_in_force(connection, today)
        return Outcome(revision, rules, added, removed, foreseen, without)


async def put(database: Database, path: Path, today: date, progress: Progress = _untold) -> Outcome:
    """Sets the policy of a file; one that says the same changes nothing.

    Raises as `check` does, and `StoreError` where others keep changing the store meanwhile.
    """
    for attempt in range(ATTEMPTS):
        outcome = await check(database, path, today, progress)
        try:
            if not outcome.is_change or await store(database, outcome, today):
                return outcome
        except DBAPIError as error:
            if not is_passing(database, error):
                raise
        await database.wait_before(attempt)
    raise StoreError("Others kept changing the store: the policy is as it was.")


async def _foreseen(
    connection: AsyncConnection, before: Policy, after: Policy, today: date, progress: Progress
) -> list[Foreseen]:
    tree = await connection.execute(_TREE.where(on(placement.c, today)))
    foresight = Foresight(tree, before, after)
    looked_at = 0
    async for offices in holders.offices(connection, today):
        foresight.add(offices)
        looked_at += 1
        if looked_at % TOLD_EACH == 0:
            progress(looked_at, "viewers")
    return foresight.foreseen()


async def store(database: Database, outcome: Outcome, today: date) -> bool:
    """Puts the rules in the place of those that are there; false where the store is no longer the
    one they were checked against."""
    async with database.writing() as connection:
        if await lock_revision(connection, alone=True) != outcome.revision:
            return False
        await store_rules(connection, outcome.rules)
        await raise_policy_version(connection)
        facts = {"added": _texts(outcome.added), "removed": _texts(outcome.removed)}
        top = await connection.scalar(
            select(placement.c.unit_id).where(placement.c.depth == 0, on(placement.c, today))
        )
        who = datetime.now(UTC), PRINCIPAL
        entry = trail.entry(*who, "set", "policy", top, facts=facts)
        await trail.append(connection, [entry])
    return True


# ---- in words


def said(outcome: Outcome) -> str:
    """What a policy changes, line by line."""
    return "\n".join(_said(outcome))


def _said(outcome: Outcome) -> Iterator[str]:
    if not outcome.is_change:
        yield "the policy says the same: nothing changes"
        return
    for what, rules in (("added", outcome.added), ("removed", outcome.removed)):
        if rules:
            yield f"{_counted(len(rules), 'rule')} {what}:"
            yield from (f"  {text}" for text in _texts(rules))
    for foreseen in outcome.foreseen:
        yield from _said_of(foreseen, [*outcome.added, *outcome.removed])
    if outcome.leaves_out_grants:
        yield "grants not counted"


def _said_of(foreseen: Foreseen, changed: Sequence[Rule]) -> Iterator[str]:
    """What changes of one action on one resource, led by the roles whose rules are changed."""
    pair = foreseen.action, foreseen.resource
    roles = dict.fromkeys(rule.role for rule in changed if (rule.action, rule.resource) == pair)
    of = f"{', '.join(roles)}: {' '.join(pair)}"
    if foreseen.gaining:
        gained = _counted(foreseen.gained, "more unit")
        yield f"{of}: {_counted(foreseen.gaining, 'viewer')} would reach {gained}"
    if foreseen.losing:
        lost = _counted(foreseen.lost, "unit")
        yield f"{of}: {_counted(foreseen.losing, 'viewer')} would no longer reach {lost}"
    if not foreseen.gaining and not foreseen.losing:
        yield f"{of}: nobody's reach would change"


def _texts(rules: Iterable[Rule]) -> list[str]:
    return [str(rule) for rule in rules]


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
