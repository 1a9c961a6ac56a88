"""What a decision would do on its day, without doing it: `decide` tried, and what would come of it.

The store judges the decision as it would on taking it; the rows of the projection are worked out
and not written. Where anything stands in its way nothing would be done, and every figure is nought.
Figures are the viewer's part: records they may summarise on the tree of the day as it is decided so
far, appointments they may read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from authz.appointments import Appointment, in_force_at
from graph.resolvers import deciding
from graph.resolvers.context import Context
from graph.resolvers.deciding import Given
from graph.resolvers.summaries import EVALUATIONS, INSPECTIONS, MEETINGS, Form, counting_on
from hierarchy import placements, projection
from hierarchy.decision import Problem
from hierarchy.errors import Conflict
from hierarchy.layout import effects, is_open_on
from hierarchy.scope import Base, Scope
from hierarchy.unit import Placed, units_of_path
from records import summaries
from records.filters import EvaluationFilter, InspectionFilter, MeetingFilter, RecordFilter
from records.summaries import Attribution

Row = Mapping[str, Any]
Pair = tuple[Row | None, Row | None]
"""A unit's placement on the day of effect before and after; null where it does not stand."""

_RECORDS: dict[str, tuple[Form, RecordFilter]] = {
    "meetings_moved": (MEETINGS, MeetingFilter()),
    "evaluations_moved": (EVALUATIONS, EvaluationFilter()),
    "inspections_moved": (INSPECTIONS, InspectionFilter()),
}


class Overtaken(Conflict):
    """The tree is newer than the snapshot of the request, which is to be answered again."""

    def __init__(self) -> None:
        super().__init__("The tree is being changed: ask again in a moment.")


@dataclass(frozen=True)
class SightChange:
    """An appointment whose holder would reach `gained` units more and `lost` units less."""

    principal: str
    role: str
    unit: Placed
    gained: int
    lost: int


@dataclass(frozen=True)
class Preview:
    """What would come of a decision, or every reason why nothing would."""

    problems: tuple[Problem, ...]
    units_moved: int
    units_closed: int
    units_established: int
    meetings_moved: int | None = None
    evaluations_moved: int | None = None
    inspections_moved: int | None = None
    sight_changes: Sequence[SightChange] = ()


async def preview(context: Context, given: Given, selected: frozenset[str]) -> Preview:
    """What the decision would do; of records and appointments only what is `selected`."""
    await _check_version(context)
    problems, pairs = await _tried(context, given)
    await _check_version(context)
    day = given.effective_on
    moved = [(before, after) for before, after in pairs if _is_moved(before, after)]
    counts = effects(pairs, day)
    return Preview(
        problems,
        counts.moved,
        counts.closed,
        counts.established,
        **await _records_moved(context, day, moved, selected),
        sight_changes=await _sight_changes(context, day, pairs, selected),
    )


async def _check_version(context: Context) -> None:
    if await context.ask_tree(lambda tree: tree.version()) != context.revision.tree_version:
        raise Overtaken


async def _tried(context: Context, given: Given) -> tuple[tuple[Problem, ...], Sequence[Pair]]:
    """What stands in the way, and where units would stand otherwise where nothing does."""
    decision = given.decision(context)
    judgement = await deciding.judged(context, given, decision)
    if judgement.problems or judgement.judged is None:
        return judgement.problems, ()
    lives = judgement.judged.lifelines
    changed = {code: lives[code] for code in judgement.judged.changed if code in lives}
    return (), await context.ask(projection.foreseen, changed, given.effective_on)


def _is_moved(before: Row | None, after: Row | None) -> bool:
    """Whether it stands on both trees, and the units above differ."""
    return before is not None and after is not None and bool(before["path"] != after["path"])


# ---- records


async def _records_moved(
    context: Context, day: date, moved: Iterable[Pair], selected: frozenset[str]
) -> dict[str, int | None]:
    """How many records of the moved units the viewer may count, of each kind; null where they
    may summarise none of it anywhere."""
    units = [before["unit_id"] for before, _ in moved if before is not None]
    return {
        name: await _count(context, form, chosen, day, units)
        for name, (form, chosen) in _RECORDS.items()
        if name in selected
    }


async def _count(
    context: Context, form: Form, chosen: RecordFilter, day: date, units: Sequence[int]
) -> int | None:
    resource = form.summary.series.resource
    if not context.rights.through_time("summarise", resource).windows:
        return None
    if not units:
        return 0
    counting = counting_on(context, form, Attribution.AS_OF, day)
    return await context.ask(summaries.count_of_units, form.summary, counting, chosen, units)


# ---- sight


@dataclass(frozen=True)
class _Office:
    """An appointment with the units it lets its holder read on each of the two trees; those
    above its unit are not counted."""

    appointment: Appointment
    unit: Placed
    before: Scope
    after: Scope


async def _sight_changes(
    context: Context, day: date, pairs: Sequence[Pair], selected: frozenset[str]
) -> Sequence[SightChange]:
    """Appointments in force on the day that the viewer may read, where the office itself gains or
    loses units and so does its holder by all their offices that the viewer may read: others are
    not weighed, so that none shows by what it makes up for."""
    readable = context.rights.scope("read", "appointment", day)
    if "sight_changes" not in selected or not readable or not pairs:
        return ()
    offices = [each for each in await _offices(context, day, pairs) if readable.covers(each.unit)]
    units = [*pairs, *await _beside(context, day, pairs, offices)]
    gained, lost, touched = _reached(units, offices)
    return [
        SightChange(who, each.appointment.role, each.unit, gained[who], lost[who])
        for each in offices
        if (who := each.appointment.principal) in gained.keys() | lost.keys()
        and each.appointment.id in touched
    ]


async def _offices(context: Context, day: date, pairs: Sequence[Pair]) -> list[_Office]:
    """The offices, in force at open units, that may cover a unit which stands otherwise: those
    held there or above it on either tree."""
    chains = {at for pair in pairs for row in pair if row for at in units_of_path(row["path"])}
    held = await context.ask(in_force_at, sorted(chains), day)
    placed = await context.ask(placements.placed, {each.unit_id for each in held}, day)
    after = {before["unit_id"]: row for before, row in pairs if before is not None}
    return [
        _office(context, each, unit, after.get(unit.unit_id, _row(unit)), day)
        for each in held
        if (unit := placed.get(each.unit_id)) is not None and unit.is_open
    ]


def _office(
    context: Context, held: Appointment, unit: Placed, after: Row | None, day: date
) -> _Office:
    before = _reads(context, held.role, _row(unit))
    is_open = after is not None and is_open_on(after, day)
    return _Office(
        held, unit, before, _reads(context, held.role, after) if after and is_open else Scope()
    )


def _reads(context: Context, role: str, row: Row) -> Scope:
    scope = context.rights.office(role, row["kind"], _base(row), "read", "unit")
    below = tuple(hold for hold in scope.allowed if hold.reach.form != "above")
    return Scope(below, scope.denied)


def _row(unit: Placed) -> Row:
    return {
        name: getattr(unit, name)
        for name in ("unit_id", "kind", "path", "depth", "rank", "closed_on")
    }


def _base(row: Row) -> Base:
    return Base(row["unit_id"], row["path"], row["depth"], row["rank"])


async def _beside(
    context: Context, day: date, pairs: Iterable[Pair], offices: Iterable[_Office]
) -> list[Pair]:
    """Units that stand as they stood, below an office that reaches otherwise since its unit is of
    another kind."""
    known = {row["unit_id"] for pair in pairs for row in pair if row}
    found: dict[int, Pair] = {}
    for office in offices:
        if _forms(office.before) != _forms(office.after) and office.after:
            below = await context.ask(placements.below, office.unit, day)
            found |= {unit.unit_id: (_row(unit), _row(unit)) for unit in below}
    return [pair for unit_id, pair in found.items() if unit_id not in known]


def _forms(scope: Scope) -> tuple[Any, ...]:
    return tuple(
        tuple((hold.reach.form, hold.reach.rank) for hold in holds)
        for holds in (scope.allowed, scope.denied)
    )


def _reached(
    pairs: Iterable[Pair], offices: Iterable[_Office]
) -> tuple[Counter[str], Counter[str], set[Any]]:
    """How many units each holder gains and loses, and the appointments that do."""
    at: dict[int, list[_Office]] = {}
    for office in offices:
        at.setdefault(office.unit.unit_id, []).append(office)
    gained: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    touched = set()
    for before, after in pairs:
        near = {above for row in (before, after) if row for above in units_of_path(row["path"])}
        for each in _holders([office for unit in near for office in at.get(unit, ())]):
            had, has = _covered(each, before, True), _covered(each, after, False)
            if had != has:
                (gained if has else lost)[each[0].appointment.principal] += 1
                touched |= {one.appointment.id for one in each if _differs(one, before, after)}
    return gained, lost, touched


def _holders(offices: Iterable[_Office]) -> Iterator[list[_Office]]:
    """The offices by holder."""
    found: dict[str, list[_Office]] = {}
    for office in offices:
        found.setdefault(office.appointment.principal, []).append(office)
    yield from found.values()


def _covered(offices: Iterable[_Office], row: Row | None, is_before: bool) -> bool:
    """Whether offices of one holder cover a unit, which stands so."""
    if row is None:
        return False
    scopes = [office.before if is_before else office.after for office in offices]
    allowed = tuple(hold for scope in scopes for hold in scope.allowed)
    denied = tuple(hold for scope in scopes for hold in scope.denied)
    return Scope(allowed, denied).covers(_base(row))


def _differs(office: _Office, before: Row | None, after: Row | None) -> bool:
    return _covered([office], before, True) != _covered([office], after, False)
