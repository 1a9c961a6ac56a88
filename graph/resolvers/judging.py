"""Whether a viewer may take a decision: everything that stands in its way, in the order of phases.

First what the input alone shows, then units that are not in sight, then what is out of the
decider's reach, then what only the stored tree shows; within a phase by change. Reach is measured
from the issuing unit: `decision record`, held at that very unit, on the tree of today and on that
of the day of effect as it is decided so far (`contract.graphql`, Decision; `design.md`, 3). A unit
that is changed must be in it on each of the two on which it stands; a new parent, a successor, the
unit one is established under and an existing part of a split may also be the issuing unit itself.
Units established earlier in the decision follow from where they are put.

What is told of the stored tree names no unit and no decision out of sight; that a code or a number
is taken may be told (the issue). It writes nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date

from graph.resolvers.context import Context
from hierarchy import decisions, placements
from hierarchy.decision import Change, ChangeKind, Decision, Problem, Proposal, Step
from hierarchy.errors import Forbidden, NotFound
from hierarchy.proposing import input_problems
from hierarchy.scope import Scope
from hierarchy.timeline import Judged, number_taken
from hierarchy.unit import Placed

LATER = "What is out of your sight stands in the way."

Changes = Sequence[Sequence[Step]]
"""The steps of each change of a decision, in the order given."""


@dataclass(frozen=True)
class Before:
    """The problems that show before the tree is asked, and at which changes they are; nothing may
    be asked where the decider `is_barred`: they do not hold the right at the issuing unit."""

    problems: tuple[Problem, ...]
    places: frozenset[int]
    is_barred: bool

    def after(self, problem: Problem) -> "Before":
        """The same after a problem of the decision as a whole."""
        return replace(self, problems=(problem, *self.problems))


@dataclass(frozen=True)
class Judgement:
    """What came of judging: all problems in their order, and what the tree's store says would
    come of it, null where nothing was left to judge; whether it `was_stored` by the same client
    key before; the `field` of the input that the first problem is about."""

    problems: tuple[Problem, ...]
    judged: Judged | None
    was_stored: bool = False
    field: str | None = None


async def before_tree(context: Context, decision: Decision, changes: Changes) -> Before:
    """What the input alone shows, then what is not in sight, then what is out of reach."""
    faulty = input_problems(decision, changes, context.kinds)
    of_head = set(input_problems(decision, (), context.kinds))
    places = {problem.change for problem in faulty if problem not in of_head}
    asked = [each for each in _asked(changes) if each.place not in places]
    named = [decision.issued_by, *(each.code for each in asked)]
    stood = await _Stood.read(context, named, decision.effective_on)
    reach = _Reach(context, stood, decision)
    barred = reach.of_issuing_unit()
    hidden = [not_found(each.place) for each in asked if each.code not in stood.seen]
    beyond = reach.problems(asked)
    beyond += await _merged_beyond(context, reach, changes, places, decision.effective_on)
    places |= {problem.change for problem in (*hidden, *beyond)}
    found = _in_phases([*barred, *hidden, *beyond])
    return Before((*faulty, *found), frozenset(places), bool(barred))


def _in_phases(problems: Iterable[Problem]) -> list[Problem]:
    """Each once: what is not in sight, then what is out of reach; by change."""
    phases = (NotFound.code, Forbidden.code)
    return sorted(
        dict.fromkeys(problems), key=lambda problem: (phases.index(problem.code), problem.change)
    )


async def judge(
    context: Context, decision: Decision, changes: Changes, before: Before
) -> Judgement:
    """What the stored tree shows of whatever has no problem yet, after what came `before`. Who
    may not decide at all is told nothing of it."""
    steps = () if before.is_barred else _fit(decision, changes, before, context)
    if not steps:
        return Judgement(before.problems, None)
    proposal = Proposal(decision, tuple(steps))
    judged = await context.ask_tree(lambda tree: tree.judged(proposal, context.kinds))
    problems = [problem for each in judged.problems for problem in each]
    if not judged.changed and not problems:
        problems = [number_taken(decision.number)]
    told = await shown(context, decision, problems, changes)
    return Judgement((*before.problems, *told), judged)


async def shown(
    context: Context, decision: Decision, problems: Iterable[Problem], changes: Changes
) -> tuple[Problem, ...]:
    """Problems of the stored tree as the viewer may know them: of later decisions the numbers of
    those in sight, and no unit out of sight."""
    found = list(problems)
    numbers = sorted({number for problem in found for number in problem.later})
    seen = await _seen(context, numbers) if numbers else frozenset()
    given = {code for steps in changes for step in steps for code in _codes(step.change)}
    told = {code for problem in found for code in _units(problem)} - given
    stood = await _Stood.read(context, sorted(told), decision.effective_on)
    known = given | stood.seen.keys()
    return tuple(_shown(problem, seen, known) for problem in found)


async def _seen(context: Context, numbers: Sequence[str]) -> Set[str]:
    found = await context.ask(decisions.decisions_of, context.sight_through_time, numbers)
    return found.keys()


def _shown(problem: Problem, numbers: Set[str], known: Set[str]) -> Problem:
    later = tuple(number for number in problem.later if number in numbers)
    if _units(problem) <= known:
        return replace(problem, later=later)
    return Problem(problem.change, problem.code, LATER, later=later)


def _units(problem: Problem) -> set[str]:
    """The codes of the units that the problem's sentence names."""
    return {str(value) for name, value in problem.values if name in ("unit", "above")}


def _codes(change: Change) -> list[str]:
    return [code for code in (change.unit_code, change.other_code) if code is not None]


def not_found(place: int) -> Problem:
    error = NotFound()
    return Problem(place, error.code, error.message)


def forbidden(place: int) -> Problem:
    error = Forbidden()
    return Problem(place, error.code, error.message)


# ---- what is left for the tree to judge


def _fit(decision: Decision, changes: Changes, before: Before, context: Context) -> Sequence[Step]:
    """The steps of changes without a problem yet, that need nothing which one with a problem
    founds; none where the decision as a whole is at fault."""
    missing: set[str] = set()
    fit: list[Sequence[Step]] = []
    for place, steps in enumerate(changes):
        named = {code for step in steps for code in _codes(step.change)}
        if place in before.places or named & missing:
            missing |= {step.change.unit_code for step in steps if step.change.founds}
        else:
            fit.append(steps)
    if not fit or input_problems(decision, fit, context.kinds):
        return ()
    return [step for steps in fit for step in steps]


# ---- sight


@dataclass(frozen=True)
class _Stood:
    """The units of these codes that are in sight today or on the day of effect (`seen`, as on
    either), and where those stand on each of the two, in sight there or not."""

    seen: Mapping[str, Placed]
    today: Mapping[int, Placed]
    then: Mapping[int, Placed]

    @classmethod
    async def read(cls, context: Context, codes: Iterable[str], day: date) -> "_Stood":
        asked = sorted(set(codes))
        seen: dict[str, Placed] = {}
        for each in dict.fromkeys((day, context.today)):
            seen |= await context.ask(decisions.units_of, context.sight(each), asked, each)
        ids = [unit.unit_id for unit in seen.values()]
        today = await context.ask(placements.placed, ids, context.today)
        then = today if day == context.today else await context.ask(placements.placed, ids, day)
        return cls(seen, today, then)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A unit that a step needs: `may_be_issuer` where it may be the issuing unit itself."""

    place: int
    code: str
    may_be_issuer: bool


def _asked(changes: Changes) -> Iterator[_Asked]:
    """The units that stood before: those that an earlier step founds are nobody's to see yet."""
    new: set[str] = set()
    for place, steps in enumerate(changes):
        for step in steps:
            for code, may_be_issuer in _needed(step.change):
                if code not in new:
                    yield _Asked(place, code, may_be_issuer)
            if step.change.founds:
                new.add(step.change.unit_code)


def _needed(change: Change) -> Iterator[tuple[str, bool]]:
    is_split = change.change is ChangeKind.SPLIT
    if not change.founds:
        yield change.unit_code, is_split
    if change.other_code is not None:
        yield change.other_code, not is_split


# ---- reach


class _Reach:
    """How far the issuing unit's committee decides, through the viewer's offices there."""

    def __init__(self, context: Context, stood: _Stood, decision: Decision) -> None:
        self._issuer = stood.seen.get(decision.issued_by)
        self._stood = stood
        self._scopes = reach_from(context, self._issuer, decision.effective_on)

    @property
    def is_held(self) -> bool:
        """Whether the right is held today: an office that gives nothing yet decides nothing."""
        return bool(self._scopes[0])

    def of_issuing_unit(self) -> list[Problem]:
        """What is wrong with it: not in sight, or the right is not held there."""
        if self._issuer is None:
            return [not_found(0)]
        return [] if self.is_held else [forbidden(0)]

    def problems(self, asked: Iterable[_Asked]) -> list[Problem]:
        """Nothing where there is nowhere to measure from."""
        if not self.is_held:
            return []
        seen = [each for each in asked if each.code in self._stood.seen]
        return [forbidden(each.place) for each in seen if not self._covers(each)]

    def covers_today(self, unit: Placed) -> bool:
        return self._scopes[0].covers(unit)

    def _covers(self, asked: _Asked) -> bool:
        unit = self._stood.seen[asked.code]
        if asked.may_be_issuer and self._issuer and unit.unit_id == self._issuer.unit_id:
            return True
        places = (self._stood.today.get(unit.unit_id), self._stood.then.get(unit.unit_id))
        return reaches(self._scopes, places)


def reach_from(context: Context, issuer: Placed | None, day: date) -> tuple[Scope, Scope]:
    """What `decision record` covers through offices at the issuing unit, today and on a day."""
    if issuer is None:
        return Scope(), Scope()
    days = (context.today, day)
    today, then = (
        context.rights.scope_from(issuer.unit_id, "record", "decision", each) for each in days
    )
    return today, then


def reaches(scopes: tuple[Scope, Scope], places: tuple[Placed | None, Placed | None]) -> bool:
    """Whether a unit is covered on each of the two trees on which it stands."""
    return all(
        scope.covers(place)
        for scope, place in zip(scopes, places, strict=True)
        if place is not None
    )


async def _merged_beyond(
    context: Context, reach: _Reach, changes: Changes, left_out: Collection[int], day: date
) -> list[Problem]:
    """A merge moves what is open under the unit on its day: where that stands elsewhere today,
    it must be in reach there too."""
    merged = {
        step.change.unit_code: place
        for place, steps in enumerate(changes)
        for step in steps
        if step.change.change is ChangeKind.MERGE and place not in left_out
    }
    if not merged or day == context.today or not reach.is_held:
        return []
    above = await context.ask(decisions.units_of, context.sight(day), sorted(merged), day)
    places = {unit.unit_id: merged[code] for code, unit in above.items()}
    listed = await context.ask(
        placements.open_children, context.sight(day), day, sorted(places), _EVERY
    )
    below = {child.unit_id: places[at] for at, children in listed.items() for child in children}
    standing = await context.ask(placements.placed, sorted(below), context.today)
    return [
        forbidden(below[unit_id])
        for unit_id, unit in standing.items()
        if not reach.covers_today(unit)
    ]


_EVERY = 1_000_000
"""More children than any unit has."""
