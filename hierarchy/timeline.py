"""The life of the tree: what its ledger makes of it on every day, and whether more may be added.

The lines of the ledger are replayed in the order of their days: on each day first what folders
found and close, then decisions in the order they were taken. `lifelines` tells what comes of it;
`judge` replays known lines together with new ones and answers with everything that forbids them.
Existence and openness are checked change by change, the rest (cycles, kinds, open units under
closed ones) on the result of each decision and of every later one (`contract.graphql`,
reorganisation; `formats.md`, Data folder).

Pure: it is told the lines, all of the ledger or those that `hierarchy/gathering.py` finds to
matter. A unit that is named but whose own lines are not told is taken to be as it was.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from typing import Any

from hierarchy.decision import Change, ChangeKind, Problem, Proposal, Step
from hierarchy.errors import Conflict, NotFound, Refused
from hierarchy.founding import Fault, given_faults, in_order
from hierarchy.gathering import gather, gather_reversal
from hierarchy.store import Ledger, Told
from hierarchy.unit import Founding, Kinds

Place = tuple[date, int, int, int]
"""Day; 0 for folders and 1 for decisions; version; position."""

_NEWEST = 2**62
_PUTS = (ChangeKind.TRANSFER, ChangeKind.MERGE)
_DECIDED_LATER = "What was decided later no longer holds."
_FOUNDED_LATER = "What is founded or closed later no longer holds."
BAD, UNKNOWN, CONFLICT = "BAD_USER_INPUT", "NOT_FOUND", "CONFLICT"


@dataclass(frozen=True, slots=True)
class Version:
    """A unit's own fields from a day on; `number` is that of the decision that made them so."""

    valid_from: date
    parent_code: str | None
    name: str
    kind: str
    category: str | None
    number: str | None

    def says(self, other: "Version") -> bool:
        """Whether the fields are the same, whenever and by whatever they became so."""
        mine = (self.parent_code, self.name, self.kind, self.category)
        return mine == (other.parent_code, other.name, other.kind, other.category)


@dataclass(frozen=True, slots=True)
class Lifeline:
    """A unit through time: its versions by day, the last without end; it stands closed from
    `closed_on`, a decision's doing where `closed_by` names one."""

    code: str
    established_on: date
    stands_from: date
    closed_on: date | None
    closed_by: str | None
    versions: tuple[Version, ...]


@dataclass(frozen=True)
class Judged:
    """What comes of new foundings and proposals beside what is known.

    `faults` are those of the foundings, by index; `problems` and `kept` (the lines as the ledger
    is to keep them) those of each proposal; `foundings` the new ones, parents first. `changed`
    are the codes whose lifeline is new or may differ from before; `broken` says what does not
    hold among the known lines by themselves.
    """

    faults: list[Fault]
    problems: list[list[Problem]]
    kept: list[list[Change]]
    foundings: list[Founding]
    lifelines: dict[str, Lifeline] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    broken: list[str] = field(default_factory=list)


def lifelines(lines: Iterable[Told]) -> dict[str, Lifeline]:
    """The life of every unit that the lines found. The lines of each unit must be told whole,
    and those of the units above it at its founding, and of whatever it was split from."""
    replay = _Replay(_events(lines, [], []), None)
    replay.run()
    return replay.lifelines()


def judge(
    known: Iterable[Told],
    foundings: Sequence[Founding],
    proposals: Sequence[Proposal],
    kinds: Kinds,
) -> Judged:
    """What comes of founding the units and taking the decisions, in their order.

    Foundings that are known as given are skipped; a proposal that is known is not to be given.
    """
    lines = list(known)
    there = {line.line.code: line.line for line in lines if isinstance(line.line, Founding)}
    founded = {
        told.line.unit_code for told in lines if isinstance(told.line, Change) and told.line.founds
    }
    steps = (step.change for proposal in proposals for step in proposal.steps)
    proposed = {change.unit_code for change in steps if change.founds}
    faults = given_faults(foundings, there, founded, proposed, kinds)
    if faults:
        return Judged(faults, [[] for _ in proposals], [[] for _ in proposals], [])
    fresh = in_order(foundings, there)
    indices = {founding.code: index for index, founding in enumerate(foundings)}
    events = _events(lines, fresh, proposals)
    codes = {founding.code for founding in fresh}
    replay = _Replay(events, kinds, codes, len(proposals), used=founded | there.keys() | codes)
    replay.run()
    faults = [Fault(indices[code], message) for code, message in dict.fromkeys(replay.faults)]
    return Judged(
        sorted(faults, key=lambda fault: fault.index),
        [_in_order(problems) for problems in replay.problems],
        replay.kept,
        fresh,
        replay.lifelines(),
        _dependent(codes | replay.blame.keys(), events),
        replay.broken,
    )


def refuse(
    judged: Judged, foundings: Sequence[Founding], taken: Mapping[int, Problem] | None = None
) -> None:
    """Raises what forbids a write: `Conflict` with every fault of the foundings, `Refused` with
    every problem of the first decision that cannot be taken, that its number is `taken` first."""
    wrong = [f"{foundings[fault.index].code!r}: {fault.message}" for fault in judged.faults]
    if wrong:
        raise Conflict("{faults}", faults="; ".join(wrong))
    for index, problems in enumerate(judged.problems):
        if found := [*filter(None, [(taken or {}).get(index)]), *problems]:
            raise Refused(found)


async def new_proposals(
    ledger: Ledger, proposals: Sequence[Proposal]
) -> tuple[list[Proposal], dict[int, Problem]]:
    """Those that a ledger does not have yet, and of which the number was used before for
    something else, in the ledger or among them: by index among those that are new."""
    fresh: list[Proposal] = []
    taken: dict[int, Problem] = {}
    for proposal in proposals:
        number = proposal.decision.number
        stored = await ledger.decision(number)
        if stored is not None and stored[1] is None and proposal.says(stored[0], stored[2]):
            continue
        if stored is not None or number in {each.decision.number for each in fresh}:
            taken[len(fresh)] = number_taken(number)
        fresh.append(proposal)
    return fresh, taken


async def tried(ledger: Ledger, proposal: Proposal, kinds: Kinds) -> Judged:
    """What comes of taking one decision beside a ledger, a number that is taken among its
    problems."""
    fresh, taken = await new_proposals(ledger, [proposal])
    if not fresh:
        return Judged([], [[]], [[]], [])
    judged = judge(await gather(ledger, fresh), (), fresh, kinds)
    judged.problems[0][:0] = taken.values()
    return judged


def number_taken(number: str) -> Problem:
    """That a decision's number was used before."""
    return Problem(0, CONFLICT, "The number {number} is taken.", (("number", number),))


async def reversal(ledger: Ledger, number: str, kinds: Kinds) -> Judged:
    """What comes of taking back a decision of a ledger. Raises `NotFound` where there is none of
    that number in force, and `Refused` with what stands in the way."""
    stored = await ledger.decision(number)
    if stored is None or stored[1] is not None:
        raise NotFound
    judged = judge_reversal(await gather_reversal(ledger, stored[2]), number, kinds)
    founded = [line.unit_code for line in stored[2] if line.founds]
    issued = [each for each in await ledger.issued_by(founded) if each != number]
    held = [Problem(0, CONFLICT, _DECIDED_LATER, later=(each,)) for each in issued]
    if problems := [*judged.problems[0], *held]:
        raise Refused(problems)
    return judged


def judge_reversal(known: Iterable[Told], number: str, kinds: Kinds) -> Judged:
    """What comes of taking a decision back: its problems are what stands in the way."""
    lines = list(known)
    gone = {told.code for told in lines if told.number == number}
    kept = [told for told in lines if told.number != number]
    events = _events(kept, [], [])
    replay = _Replay(events, kinds, (), 1, blame=dict.fromkeys(gone, (0, 0)))
    replay.run()
    changed = _dependent(gone, events)
    return Judged(
        [],
        [_in_order(problems) for problems in replay.problems],
        [],
        [],
        replay.lifelines(),
        changed,
    )


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Each once: what is unknown first, then what only the stored tree shows; by change."""
    rank = {UNKNOWN: 0}
    return sorted(dict.fromkeys(problems), key=lambda each: (rank.get(each.code, 1), each.change))


# ---- events


@dataclass(slots=True)
class _Opening:
    place: Place
    order: int
    founding: Founding


@dataclass(slots=True)
class _Closing:
    place: Place
    order: int
    code: str
    stands_from: date


@dataclass(slots=True)
class _Taking:
    """A decision: `proposal` is its index among the new ones, null for one that is kept."""

    place: Place
    order: int
    number: str
    steps: list[Step]
    proposal: int | None
    issued_by: str | None = None


_Event = _Opening | _Closing | _Taking


def _events(
    known: Iterable[Told], fresh: Sequence[Founding], proposals: Sequence[Proposal]
) -> list[_Event]:
    """Everything that happens, in its order."""
    takings, foundings = _kept(known)
    takings += [
        _Taking(
            (proposal.decision.effective_on, 1, _NEWEST, index),
            0,
            proposal.decision.number,
            list(proposal.steps),
            index,
            proposal.decision.issued_by,
        )
        for index, proposal in enumerate(proposals)
    ]
    openings = _openings([*foundings, *fresh], takings)
    closings = [
        _Closing(
            (opening.founding.closed_on, 0, 0, 0),
            opening.order,
            opening.founding.code,
            opening.place[0],
        )
        for opening in openings
        if opening.founding.closed_on is not None
    ]
    events: list[_Event] = [*openings, *closings, *takings]
    events.sort(key=lambda event: (event.place, event.order))
    return events


def _kept(known: Iterable[Told]) -> tuple[list[_Taking], list[Founding]]:
    """Decisions in force and foundings, each in the ledger's order."""
    foundings, changes = [], []
    for told in known:
        if isinstance(told.line, Founding):
            foundings.append(told)
        elif not told.is_reversed:
            changes.append(told)
    takings: dict[str, _Taking] = {}
    for told in sorted(changes, key=_written):
        number, day = str(told.number), told.effective_on or date.min
        place = (day, 1, told.version, told.position)
        taking = takings.setdefault(number, _Taking(place, 0, number, [], None))
        if isinstance(told.line, Change):
            taking.steps.append(Step(0, told.line))
    units = [each.line for each in sorted(foundings, key=_written)]
    return list(takings.values()), [unit for unit in units if isinstance(unit, Founding)]


def _written(told: Told) -> tuple[int, int]:
    return told.version, told.position


def _openings(foundings: Sequence[Founding], takings: Iterable[_Taking]) -> list[_Opening]:
    """When each founded unit comes to stand: on its day, or once the unit above does."""
    waiting = {founding.code: founding for founding in foundings}
    begun = {
        step.change.unit_code: taking.place
        for taking in takings
        for step in taking.steps
        if step.change.founds and step.change.unit_code not in waiting
    }
    order = {founding.code: at for at, founding in enumerate(foundings, 1)}
    for founding in foundings:
        chain = []
        at: Founding | None = founding
        while at is not None and at.code not in begun:
            chain.append(at)
            at = waiting.get(at.parent_code) if at.parent_code is not None else None
        for each in reversed(chain):
            own = (each.established_on, 0, 0, 0)
            above = begun.get(each.parent_code, own) if each.parent_code is not None else own
            begun[each.code] = max(own, above)
    return [
        _Opening(begun[founding.code], order[founding.code], founding) for founding in foundings
    ]


def _dependent(changed: Collection[str], events: Iterable[_Event]) -> frozenset[str]:
    """The changed units, and the parts that took kind and place from one of them."""
    found = set(changed)
    for event in events:
        for step in event.steps if isinstance(event, _Taking) else ():
            is_new_part = step.change.change is ChangeKind.SPLIT and step.change.founds
            if is_new_part and step.change.other_code in found:
                found.add(step.change.unit_code)
    return frozenset(found)


# ---- the replay


@dataclass(slots=True)
class _Unit:
    """A unit as the replay has it at this point."""

    code: str
    established_on: date
    stands_from: date
    versions: list[Version]
    closed_on: date | None = None
    closed_by: str | None = None

    @property
    def now(self) -> Version:
        return self.versions[-1]

    @property
    def parent(self) -> str | None:
        return self.versions[-1].parent_code

    def becomes(self, day: date, number: str, **fields: Any) -> None:
        """The fields from the day on; a day has one version, its last."""
        version = replace(self.now, valid_from=day, number=number, **fields)
        if version.says(self.now):
            return
        if self.now.valid_from == day:
            self.versions.pop()
        self.versions.append(version)

    def lifeline(self) -> Lifeline:
        versions: list[Version] = []
        for version in self.versions:
            if not versions or not version.says(versions[-1]):
                versions.append(version)
        days = (self.established_on, self.stands_from, self.closed_on)
        return Lifeline(self.code, *days, self.closed_by, tuple(versions))


@dataclass(slots=True)
class _Touch:
    """What a decision did to a unit: whether it put it where it stands (and so is bound by the
    dates of kinds), and whether it gave it another kind."""

    place: int
    puts: bool
    rekinds: bool

    def __init__(self, place: int, line: Change, before: "_Touch | None") -> None:
        self.place = place
        self.rekinds = line.change is ChangeKind.RECLASSIFY and line.kind is not None
        self.puts = line.founds or line.change is ChangeKind.TRANSFER or self.rekinds
        if before is not None:
            self.puts |= before.puts
            self.rekinds |= before.rekinds


Complaint = tuple[str, str, dict[str, object]]
"""An error code, a message with named places, and its values."""


class _Replay:
    """Runs events one after the other; with `kinds` it also holds them against the rules.

    `blame` tells which new proposal, and which of its steps, last touched a unit: what later
    lines stumble over is its doing. `used` are the codes that nobody may give again.
    """

    def __init__(
        self,
        events: Sequence[_Event],
        kinds: Kinds | None,
        fresh: Collection[str] = (),
        proposals: int = 0,
        used: Collection[str] = (),
        blame: dict[str, tuple[int, int]] | None = None,
    ) -> None:
        self.faults: list[tuple[str, str]] = []
        self.problems: list[list[Problem]] = [[] for _ in range(proposals)]
        self.kept: list[list[Change]] = [[] for _ in range(proposals)]
        self.broken: list[str] = []
        self.blame = blame or {}
        self._events = events
        self._kinds = kinds
        self._fresh = fresh
        self._units: dict[str, _Unit] = {}
        self._children: dict[str, set[str]] = defaultdict(set)
        self._spoiled: set[str] = set()
        self._ahead = set(_opened(events))
        self._used = set(used)
        self._new = {
            event.number
            for event in events
            if isinstance(event, _Taking) and event.proposal is not None
        }

    def run(self) -> None:
        for _, events in groupby(self._events, key=lambda event: event.place[0]):
            opened: list[_Unit] = []
            closed: list[_Unit] = []
            for event in events:
                if isinstance(event, _Opening):
                    opened.append(self._open(event))
                elif isinstance(event, _Closing):
                    self._close_as_founded(event, closed)
                else:
                    self._take(event)
            self._check_founded(opened, closed)

    def lifelines(self) -> dict[str, Lifeline]:
        return {code: unit.lifeline() for code, unit in self._units.items()}

    # -- foundings

    def _open(self, event: _Opening) -> _Unit:
        founding, day = event.founding, event.place[0]
        version = Version(
            day, founding.parent_code, founding.name, founding.kind, founding.category, None
        )
        return self._stand(_Unit(founding.code, founding.established_on, day, [version]))

    def _stand(self, unit: _Unit) -> _Unit:
        self._units[unit.code] = unit
        if unit.parent is not None:
            self._children[unit.parent].add(unit.code)
        return unit

    def _close_as_founded(self, event: _Closing, closed: list[_Unit]) -> None:
        day = event.place[0]
        unit = self._units.get(event.code)
        if unit is None or event.stands_from >= day:
            self._fault(event.code, f"closed before it would stand, on {event.stands_from}")
            self._spoiled.add(event.code)
        elif unit.closed_on is not None:
            self._twice_closed(unit, day)
        else:
            unit.closed_on = day
            closed.append(unit)

    def _twice_closed(self, unit: _Unit, day: date) -> None:
        message = "{unit} is closed by its folder too, on {day}."
        self._stumble(unit.code, [unit.code], message, {"unit": unit.code, "day": day}, None)

    def _fault(self, code: str, message: str) -> None:
        if code in self._fresh:
            self.faults.append((code, message))
        elif self._kinds is not None:
            self.broken.append(f"unit {code!r}: {message}")

    def _check_founded(self, opened: list[_Unit], closed: list[_Unit]) -> None:
        """What folders found and close on a day, once the day's decisions are taken too."""
        if self._kinds is None:
            return
        for unit in opened:
            above = self._units.get(unit.parent) if unit.parent is not None else None
            if above is not None:
                self._check_opened(unit, above)
            elif unit.parent in self.blame:
                self._stumble(unit.code, [unit.parent], _FOUNDED_LATER, {}, None)
        for above in closed:
            for unit in self._open_below(above.code):
                self._outlives(unit, above)

    def _check_opened(self, unit: _Unit, above: _Unit) -> None:
        if unit.closed_on is not None or self._kinds is None:
            return
        if not self._kinds.may_stand(unit.now.kind, above.now.kind):
            kinds = f"a {unit.now.kind} may not stand under a {above.now.kind}"
            self._founded_amiss(unit, above, f"{kinds} ({above.code!r})")
        if above.closed_on is not None:
            self._outlives(unit, above)

    def _outlives(self, unit: _Unit, above: _Unit) -> None:
        message = f"outlives the unit above it ({above.code!r}, closed on {above.closed_on})"
        self._founded_amiss(unit, above, message)

    def _founded_amiss(self, unit: _Unit, above: _Unit, message: str) -> None:
        """The fault of the unit where it is new, else of the decision that brought it there."""
        if unit.code in self._spoiled:
            return
        if unit.code in self._fresh or not {unit.code, above.code} & self.blame.keys():
            self._fault(unit.code, message)
        else:
            founded_by = above.versions[0].number
            stands = above.closed_on is None and founded_by not in self._new
            number = founded_by if stands else None
            self._stumble(unit.code, [unit.code, above.code], _FOUNDED_LATER, {}, number)

    # -- decisions

    def _take(self, taking: _Taking) -> None:
        touched: dict[str, _Touch] = {}
        self._check_issuer(taking)
        for step in taking.steps:
            for line in self._lines(taking, step):
                self._apply(line, taking)
                self._note(taking, step, line)
                touched[line.unit_code] = _Touch(step.place, line, touched.get(line.unit_code))
        if self._kinds is not None:
            for code, touch in touched.items():
                if code in self._units and code not in self._spoiled:
                    self._check_result(taking, touch, self._units[code])

    def _check_issuer(self, taking: _Taking) -> None:
        code = taking.issued_by
        if taking.proposal is not None and code not in self._units and code not in self._ahead:
            problem = Problem(0, UNKNOWN, "Unknown issuing unit: {unit}.", (("unit", code),))
            self.problems[taking.proposal].append(problem)

    def _note(self, taking: _Taking, step: Step, line: Change) -> None:
        if line.founds:
            self._ahead.discard(line.unit_code)
            self._used.add(line.unit_code)
        if taking.proposal is not None:
            self.blame[line.unit_code] = taking.proposal, step.place
            self.kept[taking.proposal].append(line)
        elif line.change is ChangeKind.SPLIT and line.founds and line.other_code in self.blame:
            # The part is of the kind and in the place that whoever changed the one split gave it.
            self.blame[line.unit_code] = self.blame[line.other_code]

    def _lines(self, taking: _Taking, step: Step) -> list[Change]:
        """The lines that a step comes to; none where it cannot be taken."""
        change, is_new = step.change, taking.proposal is not None
        complaints = [] if self._kinds is None else list(self._complaints(taking, step))
        if is_new and self._spoiled & {change.unit_code, change.other_code}:
            # What the earlier fault may have brought about is not told a second time.
            complaints = [each for each in complaints if each[0] in (UNKNOWN, CONFLICT)]
            self._spoiled.add(change.unit_code)
            for complaint in complaints:
                self._refuse(taking, step, complaint)
            return []
        for complaint in complaints:
            self._refuse(taking, step, complaint)
        if complaints:
            self._spoiled.add(change.unit_code)
        if complaints or not self._can_apply(change):
            return []
        if is_new and change.change is ChangeKind.MERGE:
            return list(self._merged(change))
        return [change]

    def _can_apply(self, change: Change) -> bool:
        needed = change.other_code if change.founds else change.unit_code
        return change.change is ChangeKind.ESTABLISH or needed in self._units

    def _merged(self, change: Change) -> Iterator[Change]:
        """A MERGE with what it implies: what is open directly under the unit goes to its
        successor, by code, and the unit is closed (`contract.graphql`, MergeInput)."""
        yield change
        for unit in self._open_below(change.unit_code):
            if unit.code != change.other_code:
                yield Change(ChangeKind.TRANSFER, unit.code, change.other_code, implied=True)
        yield Change(ChangeKind.DISSOLVE, change.unit_code, implied=True)

    def _apply(self, line: Change, taking: _Taking) -> None:
        day, number = taking.place[0], taking.number
        if line.founds:
            self._stand(self._founded(line, day, number))
        elif line.change in _PUTS:
            unit = self._units[line.unit_code]
            self._children[unit.parent or ""].discard(unit.code)
            self._children[line.other_code or ""].add(unit.code)
            unit.becomes(day, number, parent_code=line.other_code)
        elif line.change is ChangeKind.DISSOLVE:
            unit = self._units[line.unit_code]
            unit.closed_on, unit.closed_by = day, number
        elif line.change is ChangeKind.RENAME:
            self._units[line.unit_code].becomes(day, number, name=line.name)
        elif line.change is ChangeKind.RECLASSIFY:
            unit = self._units[line.unit_code]
            category = unit.now.category if line.keeps_category else line.category
            unit.becomes(day, number, kind=line.kind or unit.now.kind, category=category)

    def _founded(self, line: Change, day: date, number: str) -> _Unit:
        """A unit established, or a new part: of the kind of the unit split and beside it."""
        parent, kind = line.other_code, line.kind
        if line.change is ChangeKind.SPLIT:
            split = self._units[line.other_code or ""].now
            parent, kind = split.parent_code, split.kind
        version = Version(day, parent, line.name or "", kind or "", line.category, number)
        return _Unit(line.unit_code, day, day, [version])

    # -- change by change

    def _complaints(self, taking: _Taking, step: Step) -> Iterator[Complaint]:
        change, is_new = step.change, taking.proposal is not None
        if change.founds and is_new and change.unit_code in self._used:
            yield CONFLICT, "The code {code} is taken.", {"code": change.unit_code}
        if change.kind is not None and self._kinds is not None and change.kind not in self._kinds:
            yield BAD, "Unknown kind of unit: {kind}.", {"kind": change.kind}
        subject = None if change.founds else change.unit_code
        for code in (subject, change.other_code):
            if code is not None and (complaint := self._not_open(code, is_new)):
                yield complaint
        if change.other_code == change.unit_code:
            yield BAD, "{unit} cannot go into itself.", {"unit": change.unit_code}
        yield from self._out_of_place(step)

    def _not_open(self, code: str, is_new: bool) -> Complaint | None:
        unit = self._units.get(code)
        if unit is not None:
            closed = unit.closed_on is not None
            return (BAD, "{unit} is closed on that day.", {"unit": code}) if closed else None
        if code in self._ahead:
            return BAD, "{unit} does not stand yet on that day.", {"unit": code}
        return (UNKNOWN, "Not found.", {}) if is_new or code in self.blame else None

    def _out_of_place(self, step: Step) -> Iterator[Complaint]:
        change = step.change
        moved = change.other_code if change.change is ChangeKind.SPLIT else change.unit_code
        unit = self._units.get(moved or "")
        leaves = change.change in (*_PUTS, ChangeKind.DISSOLVE) or (
            change.change is ChangeKind.SPLIT and change.founds
        )
        if unit is not None and unit.parent is None and leaves:
            yield BAD, "{unit} is the top of the tree and keeps its place.", {"unit": unit.code}
        if unit is not None and step.under is not None and unit.parent != step.under:
            values: dict[str, object] = {"unit": unit.code, "above": step.under}
            yield BAD, "{unit} does not stand directly under {above}.", values

    # -- on a decision's result

    def _check_result(self, taking: _Taking, touch: _Touch, unit: _Unit) -> None:
        if cycle := self._cycle_above(unit):
            message = "{unit} would stand under itself."
            self._amiss(taking, touch.place, cycle, message, {"unit": unit.code})
        elif unit.closed_on is not None:
            for child in self._open_below(unit.code):
                self._left_open(taking, touch.place, child, unit)
        else:
            self._check_open(taking, touch, unit)

    def _check_open(self, taking: _Taking, touch: _Touch, unit: _Unit) -> None:
        above = self._units.get(unit.parent) if unit.parent is not None else None
        if above is not None and above.closed_on is not None:
            self._left_open(taking, touch.place, unit, above)
        elif above is not None and touch.puts:
            self._check_kinds(taking, touch.place, unit, above, taking.place[0])
        for child in self._open_below(unit.code) if touch.rekinds else ():
            self._check_kinds(taking, touch.place, child, unit, None)

    def _left_open(self, taking: _Taking, place: int, unit: _Unit, above: _Unit) -> None:
        if unit.code not in self._spoiled:
            message = "{unit} would be left open under {above}, which is closed."
            values = {"unit": unit.code, "above": above.code}
            self._amiss(taking, place, [unit.code, above.code], message, values)

    def _check_kinds(
        self, taking: _Taking, place: int, unit: _Unit, above: _Unit, day: date | None
    ) -> None:
        """The dates of kinds bind what this decision itself puts in its place."""
        kinds, pair = self._kinds, (unit.now.kind, above.now.kind)
        if kinds is None or unit.code in self._spoiled or kinds.may_stand(*pair, day):
            return
        message = "{unit}: a {kind} may not stand under a {above_kind} ({above})."
        if kinds.may_stand(*pair):
            message = "{unit}: on that day a {kind} may not stand under a {above_kind} ({above})."
        kind, above_kind = (kinds.word(code) for code in pair)
        values = {"unit": unit.code, "kind": kind, "above": above.code, "above_kind": above_kind}
        self._amiss(taking, place, [unit.code, above.code], message, values)

    def _cycle_above(self, unit: _Unit) -> list[str]:
        """The units that would stand above themselves, from one of them on; none is well."""
        seen = [unit.code]
        at = self._units.get(unit.parent) if unit.parent is not None else None
        while at is not None and at.code not in seen:
            seen.append(at.code)
            at = self._units.get(at.parent) if at.parent is not None else None
        return seen if at is unit else []

    def _open_below(self, code: str) -> list[_Unit]:
        """The open units directly under one, by code."""
        found: list[str] = []
        for child in self._children.get(code, ()):
            if self._units[child].closed_on is None:
                insort(found, child)
        return [self._units[child] for child in found]

    # -- who is at fault

    def _refuse(self, taking: _Taking, step: Step, complaint: Complaint) -> None:
        code, message, values = complaint
        if taking.proposal is not None:
            problem = Problem(step.place, code, message, tuple(values.items()))
            self.problems[taking.proposal].append(problem)
            return
        named = [step.change.unit_code, step.change.other_code or step.change.unit_code]
        self._stumble(step.change.unit_code, named, message, values, taking.number)

    def _amiss(
        self,
        taking: _Taking,
        place: int,
        codes: Sequence[str],
        message: str,
        values: dict[str, Any],
    ) -> None:
        if taking.proposal is not None:
            problem = Problem(place, BAD, message, tuple(values.items()))
            self.problems[taking.proposal].append(problem)
        else:
            self._stumble(codes[0], codes, message, values, taking.number)

    def _stumble(
        self,
        code: str,
        codes: Sequence[str],
        message: str,
        values: dict[str, Any],
        number: str | None,
    ) -> None:
        """A line that is kept does not hold: a fault of what is newly founded, else of whoever
        touched its units last."""
        founded = [each for each in codes if each in self._fresh]
        if founded:
            self.faults.append((founded[0], message.format(**values)))
            return
        blamed = [self.blame[each] for each in codes if each in self.blame]
        if not blamed:
            if self._kinds is not None and not self._spoiled & set(codes):
                what = f"decision {number!r}" if number else f"unit {code!r}"
                self.broken.append(f"{what}: {message.format(**values)}")
            return
        proposal, place = blamed[0]
        said = _DECIDED_LATER if number else message
        problem = Problem(
            place,
            CONFLICT,
            said,
            () if number else tuple(values.items()),
            (number,) if number else (),
        )
        self.problems[proposal].append(problem)
        self._spoiled.add(code)


def _opened(events: Iterable[_Event]) -> Iterator[str]:
    for event in events:
        if isinstance(event, _Opening):
            yield event.founding.code
        elif isinstance(event, _Taking):
            yield from (step.change.unit_code for step in event.steps if step.change.founds)
