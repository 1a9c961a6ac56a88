"""How decisions about the tree are taken and reversed.

What stands in a decision's way is told by `judging.py`, all of it, before anything is written. The
tree's store writes the decision, the projection is brought up to it, and the request goes on with
the new tree: its answer and later mutations of it see what was decided. The transactions end at
the edge (`graph/execution.py`).

A decision is remembered under its client key as records are. It also keeps that key's digest in
the ledger, so that one which the tree kept while the records' transaction was lost is recognised
when the client tries again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from uuid import UUID, uuid5

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from authz import grants
from authz.appointments import Appointment, appointed_at
from authz.rights import Rights, RightsKeeper
from graph.resolvers import judging
from graph.resolvers.context import Context
from graph.resolvers.judging import Judgement
from graph.resolvers.texts import check_text
from hierarchy import decisions, placements, projection, proposing
from hierarchy.decision import Decision, Problem, Proposal, Step
from hierarchy.decisions import DecisionSeen
from hierarchy.errors import BadInput, Conflict, Forbidden, NotFound, Refused
from hierarchy.placements import Revision
from hierarchy.scope import Scope
from hierarchy.store import HierarchyStore
from hierarchy.unit import Kinds, Placed
from records import holding, views, writing
from records.content import key_fault

NUMBERS = UUID("5d1f2c0a-6f0b-4d0e-9a57-3c1f6f8f3b11")
"""The name space in which a decision's number is the UUID that client keys remember."""


@dataclass(frozen=True, slots=True)
class Given:
    """A decision as a client gives it: `changes` are the steps of each."""

    number: str
    title: str
    issued_by: str
    issued_on: date
    effective_on: date
    changes: Sequence[Sequence[Step]]
    client_key: str | None

    def decision(self, context: Context) -> Decision:
        """The decision as the viewer would take it now."""
        return Decision(
            self.number,
            self.title,
            self.issued_by,
            self.issued_on,
            self.effective_on,
            context.now,
            self.client_key and proposing.key_digest(context.rights.principal, self.client_key),
        )

    def proposal(self, decision: Decision) -> Proposal:
        """The decision with all its steps."""
        return proposing.proposal(decision, self.changes)

    @property
    def content(self) -> str:
        """What it says, as one short text: SHA-256 in hex of everything but the key."""
        said = ("decision", replace(self, client_key=None))
        return sha256(orjson.dumps(said)).hexdigest()

    def key_problem(self) -> Problem | None:
        """Why its client key can be none."""
        if self.client_key is None:
            return None
        message = key_fault(self.client_key)
        return Problem(0, BadInput.code, message) if message else None


async def decide(context: Context, given: Given) -> DecisionSeen:
    """Takes a decision, or answers with the one that the same client key has stored.

    Raises `Refused` with every problem where the decision cannot be taken.
    """
    decision = given.decision(context)
    judgement = await judged(context, given, decision)
    if judgement.problems:
        raise Refused(judgement.problems, judgement.field)
    if not judgement.was_stored:
        await _extend(context, given, decision)
        await _go_on(context)
    is_new = await _remember(context, given) or not judgement.was_stored
    stored = await _stored(context, given.number)
    if is_new:
        context.note("decide", "decision", stored.issued_by.unit_id, subject=given.number)
    return stored


async def judged(context: Context, given: Given, decision: Decision) -> Judgement:
    """Everything that stands in a decision's way, its client key included; that it
    `was_stored` by the same key and content before is no problem."""
    before = await judging.before_tree(context, decision, given.changes)
    key_problem = given.key_problem()
    try:
        if not (key_problem or before.problems) and await _was_stored(context, given, decision):
            return Judgement((), None, was_stored=True)
    except Conflict as conflict:
        key_problem = Problem(0, conflict.code, conflict.message)
    if key_problem is not None:
        before = before.after(key_problem)
    judgement = await judging.judge(context, decision, given.changes, before)
    return replace(judgement, field="client_key" if key_problem else None)


async def _was_stored(context: Context, given: Given, decision: Decision) -> bool:
    """Whether the same decision was stored under the same key before, remembered or not.

    Raises `Conflict` where the key stored something else, or what it stored was taken back.
    """
    if given.client_key is None:
        return False
    kept = (context.rights.principal, given.client_key, given.content)
    if await context.ask(writing.stored_under, *kept) is not None:
        await _check_in_force(context, given.number)
        return True
    known = await context.ask_tree(lambda tree: tree.decision(given.number))
    if known is None or known[1] is not None or known[0].client_key != decision.client_key:
        return False
    return given.proposal(decision).says(known[0], known[2])


async def _check_in_force(context: Context, number: str) -> None:
    known = await context.ask_tree(lambda tree: tree.decision(number))
    if known is None or known[1] is not None:
        raise Conflict("What this client key has stored was taken back.", field="client_key")


async def _extend(context: Context, given: Given, decision: Decision) -> None:
    proposal = given.proposal(decision)
    await context.ask_tree(lambda tree: tree.extend([], [proposal], context.kinds))


async def _remember(context: Context, given: Given) -> bool:
    """Remembers the decision under its client key; whether that was not done before. What the
    tree kept while the records' transaction was lost is told to the trail now, as it was lost
    there too."""
    if given.client_key is None:
        return False
    kept = (context.rights.principal, given.client_key, given.content)
    if await context.ask(writing.stored_under, *kept) is not None:
        return False
    await context.ask(writing.remember, "decision", *kept, uuid5(NUMBERS, given.number))
    return True


async def _stored(context: Context, number: str) -> DecisionSeen:
    sight = context.sight_through_time
    found = await context.ask(decisions.decisions_of, sight, [number])
    if number not in found:
        raise NotFound
    return found[number]


# ---- reversing


async def reverse(context: Context, number: str, reason: str) -> DecisionSeen:
    """Takes a decision back. The viewer must see it, and reach all that it changed, today and on
    its day, from the issuing unit or from one above it: that one may be closed by now.

    Raises `BadInput` for a reason that is none, `NotFound`, `Forbidden`, and `Conflict` where it
    is reversed already or something later holds on to what it made, with how many.
    """
    _check_reason(reason)
    decision = await _stored(context, number)
    await _check_reach(context, decision)
    if decision.reversed_at is not None:
        raise Conflict("The decision was reversed before.")
    holding_on = [*await _held(context, number), *await _reverse(context, number, reason)]
    if holding_on:
        raise Refused(holding_on)
    await _go_on(context)
    issuing = decision.issued_by.unit_id
    context.note("reverse", "decision", issuing, subject=number, reason=reason)
    return await _stored(context, number)


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise BadInput("A reversal needs a reason.", field="reason")
    check_text(reason, "reason")


async def _check_reach(context: Context, decision: DecisionSeen) -> None:
    """Offices at the issuing unit, or at one above it, reach all that the decision changed."""
    day = decision.effective_on
    changed = await context.ask(decisions.changed_units, decision.number)
    for each in dict.fromkeys((context.today, day)):
        issuing = await context.ask(placements.placed, [decision.issued_by.unit_id], each)
        scope = _at_or_above(context, issuing.get(decision.issued_by.unit_id), each)
        standing = await context.ask(placements.placed, changed, each)
        if not scope or not all(map(scope.covers, standing.values())):
            raise Forbidden


def _at_or_above(context: Context, issuing: Placed | None, day: date) -> Scope:
    """What `decision record` covers through offices at a unit and at those above it."""
    scope = context.rights.scope("record", "decision", day)
    if issuing is None:
        return Scope()
    held = (hold for hold in scope.allowed if issuing.path.startswith(hold.base.path))
    return Scope(tuple(held), scope.denied)


async def _held(context: Context, number: str) -> list[Problem]:
    """What is recorded for and kept by the units that the decision founded, who is appointed
    there, and what is granted."""
    founded = await context.ask(decisions.founded_units, number)
    records = await context.ask(holding.count_records, founded)
    appointed = await context.ask(appointed_at, founded)
    found = []
    if records:
        found.append(_holding("Records hold on to what it made: {count}.", records))
    if appointed:
        names = await _readable_names(context, appointed)
        many = len(appointed)
        found.append(_holding("Appointments hold on to what it made: {count}.", many, names))
    if granted := await context.ask(grants.count_at, founded):
        found.append(_holding("Grants hold on to what it made: {count}.", granted))
    readable = context.rights.scope("read", "view", context.today)
    kept, named = await context.ask(views.kept_at, readable, context.today, founded)
    if kept:
        found.append(_holding("Views hold on to what it made: {count}.", kept, tuple(named)))
    return found


async def _readable_names(context: Context, appointed: Sequence[Appointment]) -> tuple[str, ...]:
    """The principals of the appointments that the viewer may read."""
    ids = sorted({each.unit_id for each in appointed})
    scope = context.rights.scope("read", "appointment", context.today)
    units = {unit.unit_id: unit for unit in await context.units(ids, context.today)}
    return tuple(
        sorted(
            {
                e.principal
                for e in appointed
                if e.unit_id in units and scope.covers(units[e.unit_id])
            }
        )
    )


async def _reverse(context: Context, number: str, reason: str) -> list[Problem]:
    """Reverses it in the tree; what was decided later and holds on to what it made."""
    try:
        when, kinds = context.now, context.kinds
        await context.ask_tree(lambda tree: tree.reverse(number, reason, when, kinds))
    except Refused as refused:
        later = {each for problem in refused.problems for each in problem.later}
        seen = await context.ask(decisions.decisions_of, context.sight_through_time, sorted(later))
        many, names = max(1, len(later)), tuple(sorted(seen))
        return [_holding("Later decisions hold on to what it made: {count}.", many, names)]
    return []


def _holding(message: str, count: int, names: tuple[str, ...] = ()) -> Problem:
    return Problem(0, Conflict.code, message, (("count", count),), names)


# ---- the tree that the request goes on with


async def catch_up(context: Context) -> None:
    """Brings the projection up to the tree, where another process changed that and did not live
    to project it."""
    if await context.ask_tree(lambda tree: tree.version()) != context.revision.tree_version:
        await _go_on(context)


async def _go_on(context: Context) -> None:
    """Projects what the tree has new, and goes on with it. Nothing of it is kept beyond the
    request: it is not yet stored."""
    context.renew(
        *await context.ask(_projected, context.tree, context.rights.principal, context.today)
    )


async def _projected(
    connection: AsyncConnection, tree: HierarchyStore, principal: str, today: date
) -> tuple[Rights, Revision, Kinds]:
    await projection.apply(connection, tree)
    revision = await placements.read_revision(connection)
    rights = await RightsKeeper().rights(connection, principal, revision, today)
    return rights, revision, await projection.read_kinds(connection)
