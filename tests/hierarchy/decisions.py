"""What decisions make of a tree, told the long way round, and random tales of them.

`Chronicle` keeps what was given and replays all of it from nothing whenever it is asked: a dict of
units for every day on which something happens. It knows no shortcut and shares no code with
`hierarchy/timeline.py`; where the two disagree, the documents decide (`contract.graphql`,
reorganisation; `formats.md`, Data folder). `tales` are random foundings, decisions and reversals,
most of them such as can be taken. It asks no store anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from hypothesis import strategies as st

from hierarchy.decision import Change, ChangeKind, Decision, Proposal, Step
from hierarchy.store import Told
from hierarchy.unit import Founding, Kind, Kinds, Standing
from tests.hierarchy.trees import day

LEVELS = 6
STANDINGS = [
    Standing(
        f"level{rank}",
        f"level{above}",
        day(8) if (rank, above) == (3, 1) else None,
        day(15) if (rank, above) == (2, 1) else None,
    )
    for rank in range(LEVELS)
    for above in range(rank)
    if (rank, above) != (5, 2)
]
KINDS = Kinds.of([Kind(f"level{rank}", f"Level {rank}", rank) for rank in range(LEVELS)], STANDINGS)
"""Every lower level may stand under every higher one, but for a pair that never may and two that
may only until or from a day."""

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
BAD, MISSING, CONFLICT = "BAD_USER_INPUT", "NOT_FOUND", "CONFLICT"
_PAIRS = {(each.kind, each.under): (each.valid_from, each.valid_to) for each in STANDINGS}


def may_stand(kind: str, under: str, on: date | None = None) -> bool:
    """Whether a kind may stand under another, ever or on a day."""
    if (kind, under) not in _PAIRS:
        return False
    start, end = _PAIRS[kind, under]
    return on is None or ((start is None or start <= on) and (end is None or on < end))


def bytewise(codes: Iterable[str]) -> list[str]:
    return sorted(codes, key=lambda code: code.encode())


@dataclass(frozen=True)
class Stood:
    """A unit on one day. `touched` are the decisions of that day with a line about it."""

    parent: str | None
    name: str
    kind: str
    category: str | None
    established_on: date
    closed_on: date | None = None
    closed_by: str | None = None
    touched: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[str | None, str, str, str | None]:
        return self.parent, self.name, self.kind, self.category

    @property
    def is_open(self) -> bool:
        return self.closed_on is None


Tree = dict[str, Stood]


def ancestors(tree: Tree, code: str, seen: frozenset[str] = frozenset()) -> list[str]:
    """From the top to the unit itself; empty where it does not stand. A cycle, as only a tree
    within a decision may have one, is walked once."""
    if code not in tree or code in seen:
        return []
    above = tree[code].parent
    return [*(ancestors(tree, above, seen | {code}) if above is not None else []), code]


def subtree(tree: Tree, code: str) -> list[str]:
    return bytewise(each for each in tree if code in ancestors(tree, each))


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong: with a decision (`number`, and `places` of which at least one is
    to be blamed), or with what a folder gave (`number` is null). `codes` are the error codes the
    documents leave open; what is not `certain` may be told or not."""

    number: str | None
    places: frozenset[int]
    codes: frozenset[str]
    why: str
    certain: bool = True
    is_late: bool = False


@dataclass(frozen=True)
class Taken:
    """A decision as the ledger keeps it, or, `is_new`, as it is proposed."""

    decision: Decision
    steps: tuple[Step, ...]
    version: int
    position: int
    is_new: bool = False
    is_reversed: bool = False

    @property
    def moment(self) -> tuple[date, int, int]:
        return self.decision.effective_on, self.version, self.position


Flaw = tuple[str, frozenset[str]]


class Replay:
    """Everything from nothing: the tree of each day, what was kept, and what went wrong. What is
    wrong with a unit that a change failed for (`tainted`) may be told again or not."""

    def __init__(self, foundings: Mapping[str, Founding], decisions: Iterable[Taken]) -> None:
        self.foundings = foundings
        self.decisions = sorted(
            (each for each in decisions if not each.is_reversed), key=lambda each: each.moment
        )
        self.known_codes = set(foundings) | {
            step.change.unit_code
            for each in self.decisions
            if not each.is_new
            for step in each.steps
            if step.change.founds
        }
        self.used: set[str] = set()
        self.kept: dict[str, list[Change]] = {}
        self.complaints: list[Complaint] = []
        self.days: list[date] = []
        self.trees: list[Tree] = []
        self.tree: Tree = {}
        self.tainted: set[str] = set()

    def run(self, used: set[str]) -> Replay:
        """`used`: codes that reversed decisions founded."""
        self.used = self.known_codes | used
        for today in sorted(self._event_days()):
            self._live(today)
        for code in self.foundings.keys() - self.tree.keys():
            self._complain(None, f"{code} never comes to stand under what it was founded under")
        return self

    def on(self, today: date) -> Tree:
        """The tree at the end of a day."""
        found: Tree = {}
        for each, tree in zip(self.days, self.trees, strict=True):
            if each <= today:
                found = tree
        return found

    @property
    def last(self) -> Tree:
        """The tree after all that is told."""
        return self.trees[-1] if self.trees else {}

    def spans(self, code: str) -> list[tuple[date, Stood]]:
        """The days on which a unit's own fields are new, with what it was on that day's end."""
        spans: list[tuple[date, Stood]] = []
        for each, tree in zip(self.days, self.trees, strict=True):
            if code in tree and (not spans or spans[-1][1].own != tree[code].own):
                spans.append((each, tree[code]))
        return spans

    def _event_days(self) -> set[date]:
        days = {each.decision.effective_on for each in self.decisions}
        for founding in self.foundings.values():
            days |= {founding.established_on}
            days |= {founding.closed_on} if founding.closed_on else set()
        return days

    def _live(self, today: date) -> None:
        before = flaws(self.tree)
        self.tree = {code: replace(stood, touched=()) for code, stood in self.tree.items()}
        for code, founding in self.foundings.items():
            if founding.closed_on == today and code in self.tree:
                self.tree[code] = replace(self.tree[code], closed_on=today)
        self._open_what_waits(today)
        by_folder = flaws(self.tree) - before
        for each in self.decisions:
            if each.decision.effective_on == today:
                self._decide(each)
        left = flaws(self.tree)
        for flaw in by_folder:
            # A kind that a decision of the same day sets right may still be told of its row.
            if flaw in left or flaw[0] == "kind":
                self._complain(None, f"{flaw} on {today}", flaw in left)
        self.days.append(today)
        self.trees.append(dict(self.tree))

    def _open_what_waits(self, today: date) -> None:
        """Founds what is due and has the unit above it, until nothing more is."""
        for code, founding in self.foundings.items():
            above = founding.parent_code
            is_due = founding.established_on <= today and code not in self.tree
            if is_due and (above is None or above in self.tree):
                self.tree[code] = _founded(founding)
                if founding.closed_on is not None and founding.closed_on <= today:
                    self._complain(None, f"{code} is closed before it stands")
                self._open_what_waits(today)

    def _complain(self, number: str | None, why: str, certain: bool = True) -> None:
        codes = frozenset({CONFLICT} if number else {CONFLICT, BAD})
        self.complaints.append(Complaint(number, frozenset(), codes, why, certain, is_late=True))

    # One decision

    def _decide(self, taken: Taken) -> None:
        before = flaws(self.tree)
        bound: dict[str, bool] = {}
        lines: list[Change] = []
        touching: dict[str, set[int]] = {}
        for step in taken.steps:
            told = self._try(taken, step)
            for line in told or ():
                touching.setdefault(line.unit_code, set()).add(step.place)
                touching.setdefault(line.other_code or line.unit_code, set()).add(step.place)
                if line.founds or line.change in _BINDING:
                    bound[line.unit_code] = bound.get(line.unit_code, False) or _binds(line)
            lines += told or ()
        self.kept[taken.decision.number] = lines
        late = untimely(self.tree, bound, taken.decision.effective_on)
        sure = {code for code, binds in bound.items() if binds}
        wrong = flaws(self.tree) - before
        wrong |= untimely(self.tree, sure, taken.decision.effective_on)
        for flaw in sorted(wrong | late, key=str):
            what, units = flaw
            places = {place for unit in units for place in touching.get(unit, ())}
            is_sure = flaw in wrong and not units & self.tainted
            self._blame(taken, places, {BAD}, f"{what} {sorted(units)}", is_sure)
        self.tainted |= {unit for _, units in wrong for unit in units}

    def _try(self, taken: Taken, step: Step) -> list[Change] | None:
        """Carries a step out; answers with its lines, or null where it cannot be."""
        line = step.change
        today = taken.decision.effective_on
        names = {line.unit_code, line.other_code or line.unit_code}
        wrong = list(self._wrong(step, taken, today))
        is_clear = not names & self.tainted
        if wrong or not is_clear:
            codes = {code for each, _ in wrong for code in each}
            why = "; ".join(why for _, why in wrong) + f": {line}"
            self._blame(taken, {step.place}, codes, why, bool(is_clear and codes))
        if any(codes for codes, _ in wrong):
            self.tainted |= names | {code for code, s in self.tree.items() if s.parent in names}
            return None
        told = list(self._lines(line, taken.is_new))
        for each in told:
            self._apply(each, taken.decision)
            self._open_what_waits(today)
        return told

    def _lines(self, line: Change, is_new: bool) -> Iterator[Change]:
        """The line with what it brings along where it is a merge that is new."""
        yield line
        if line.change is ChangeKind.MERGE and is_new:
            for child in self._open_under(line.unit_code, line.other_code):
                yield Change(ChangeKind.TRANSFER, child, line.other_code, implied=True)
            yield Change(ChangeKind.DISSOLVE, line.unit_code, implied=True)

    def _open_under(self, code: str, successor: str | None) -> list[str]:
        """What is open directly under a unit that is merged, but for what it is merged into."""
        return bytewise(
            each
            for each, stood in self.tree.items()
            if stood.parent == code and stood.is_open and each != successor
        )

    def _blame(
        self, taken: Taken, places: Iterable[int], codes: Iterable[str], why: str, certain: bool
    ) -> None:
        if taken.is_new:
            complaint = Complaint(
                taken.decision.number, frozenset(places), frozenset(codes), why, certain
            )
            self.complaints.append(complaint)
        else:
            self._complain(taken.decision.number, why, certain)

    def _wrong(self, step: Step, taken: Taken, today: date) -> Iterator[tuple[set[str], str]]:
        """Why a change cannot be carried out now: the codes that may be told. No code at all:
        the documents do not say whether it can."""
        line = step.change
        unit, other = line.unit_code, line.other_code
        if line.founds:
            yield from self._taken(unit, taken.is_new)
        else:
            yield from self._absent(unit)
        if other is not None:
            yield from self._absent(other)
            if unit == other:
                yield {BAD}, "into itself"
        if line.kind is not None and line.kind not in KINDS:
            yield {BAD}, "unknown kind"
        yield from self._misplaced(step)

    def _misplaced(self, step: Step) -> Iterator[tuple[set[str], str]]:
        line = step.change
        unit, other = line.unit_code, line.other_code or line.unit_code
        moves = line.change in (ChangeKind.TRANSFER, ChangeKind.MERGE)
        tops = {code for code, stood in self.tree.items() if stood.parent is None}
        if (moves and unit in tops) or (_is_new_part(line) and other in tops):
            yield {BAD}, "the top's place"
        if line.change is ChangeKind.DISSOLVE and unit in tops:
            yield {BAD}, "the top is closed"
        if step.under is not None and unit in self.tree and self.tree[unit].parent != step.under:
            yield {BAD}, f"not directly under {step.under}"
        closes = line.change in (ChangeKind.MERGE, ChangeKind.DISSOLVE)
        if closes and unit in self.foundings and self.foundings[unit].closed_on is not None:
            yield {BAD, CONFLICT}, "closed both here and by the folder"
        if _is_new_part(line) and other in self.tree:
            above = self.tree[other].parent
            if above is not None and not self.tree[above].is_open:
                yield set(), "a part beside it comes under a closed unit"

    def _taken(self, code: str, is_new: bool) -> Iterator[tuple[set[str], str]]:
        if code in self.tree or (is_new and code in self.used):
            yield {CONFLICT}, "the code is taken"

    def _absent(self, code: str) -> Iterator[tuple[set[str], str]]:
        if code in self.tree:
            if not self.tree[code].is_open:
                yield {BAD}, f"{code} is closed"
        elif code in self.known_codes:
            yield {BAD}, f"{code} does not stand yet"
        elif any(step.change.unit_code == code and step.change.founds for step in self._steps()):
            yield {BAD, MISSING}, f"{code} is only founded later"
        else:
            yield {MISSING}, f"{code} is unknown"

    def _steps(self) -> Iterator[Step]:
        for each in self.decisions:
            yield from each.steps

    def _apply(self, line: Change, decision: Decision) -> None:
        unit, tree, number = line.unit_code, self.tree, decision.number
        today = decision.effective_on
        if line.change is ChangeKind.ESTABLISH:
            assert line.name is not None and line.kind is not None
            tree[unit] = Stood(line.other_code, line.name, line.kind, line.category, today)
        elif line.change in (ChangeKind.TRANSFER, ChangeKind.MERGE):
            tree[unit] = replace(tree[unit], parent=line.other_code)
        elif _is_new_part(line):
            assert line.name is not None
            whole = tree[line.other_code or ""]
            tree[unit] = Stood(whole.parent, line.name, whole.kind, line.category, today)
        elif line.change is ChangeKind.DISSOLVE:
            tree[unit] = replace(tree[unit], closed_on=today, closed_by=number)
        elif line.change is ChangeKind.RENAME:
            assert line.name is not None
            tree[unit] = replace(tree[unit], name=line.name)
        elif line.change is ChangeKind.RECLASSIFY:
            stood = tree[unit]
            category = stood.category if line.keeps_category else line.category
            tree[unit] = replace(stood, kind=line.kind or stood.kind, category=category)
        tree[unit] = replace(tree[unit], touched=(*tree[unit].touched, number))


_BINDING = (ChangeKind.ESTABLISH, ChangeKind.TRANSFER, ChangeKind.RECLASSIFY)


def _binds(line: Change) -> bool:
    """Whether a kind's dates are sure to bind the unit. The documents say that they bind what is
    reclassified: whether also where only the category is, they leave open."""
    return line.change is not ChangeKind.RECLASSIFY or line.kind is not None


def _is_new_part(line: Change) -> bool:
    return line.change is ChangeKind.SPLIT and line.name is not None


def _founded(founding: Founding) -> Stood:
    return Stood(
        founding.parent_code,
        founding.name,
        founding.kind,
        founding.category,
        founding.established_on,
        founding.closed_on if founding.closed_on == founding.established_on else None,
    )


def flaws(tree: Tree) -> set[Flaw]:
    """What no day's tree may hold: cycles, open units under closed ones, wrong kinds."""
    found: set[Flaw] = set()
    for code, stood in tree.items():
        trail = [code]
        while (above := tree[trail[-1]].parent) is not None and above not in trail:
            trail.append(above)
        if above is not None:
            found.add(("cycle", frozenset(trail[trail.index(above) :])))
        if stood.is_open and stood.parent is not None:
            parent = tree[stood.parent]
            pair = frozenset({code, stood.parent})
            if not parent.is_open:
                found.add(("open under closed", pair))
            elif not may_stand(stood.kind, parent.kind):
                found.add(("kind", pair))
    return found


def untimely(tree: Tree, bound: Iterable[str], today: date) -> set[Flaw]:
    """Open units that a decision binds and whose kind may not stand so on its day."""
    return {
        ("kind", frozenset({code, above}))
        for code in bound
        if code in tree
        and tree[code].is_open
        and (above := tree[code].parent) is not None
        and tree[above].is_open
        and not may_stand(tree[code].kind, tree[above].kind, today)
    }


# What was given, in the order given


@dataclass(frozen=True)
class Verdict:
    """What the documents say of something that is to be done."""

    replay: Replay
    complaints: tuple[Complaint, ...]

    @property
    def is_taken(self) -> bool:
        return not any(each.certain for each in self.complaints)

    @property
    def is_open(self) -> bool:
        """Whether the documents leave open if it can be taken."""
        return self.is_taken and bool(self.complaints)


@dataclass
class Chronicle:
    """A ledger that holds nothing but what was given."""

    foundings: dict[str, tuple[Founding, int, int]] = field(default_factory=dict)
    decisions: dict[str, Taken] = field(default_factory=dict)
    version: int = 0

    def replay(self) -> Replay:
        return self._replayed({}, ())

    def fresh(
        self, foundings: Sequence[Founding], proposals: Sequence[Proposal]
    ) -> tuple[list[Founding], list[Proposal]]:
        """What is not there as given. A decision that is there is told by its own lines."""
        new = [each for each in foundings if each != self.foundings.get(each.code, (None,))[0]]
        return new, [each for each in proposals if not self._says(each)]

    def judge(self, foundings: Sequence[Founding], proposals: Sequence[Proposal]) -> Verdict:
        """Of what is not yet there as given."""
        wrong = []
        taken = self._used_codes() | set(self.foundings)
        for founding in foundings:
            if founding.code in taken or sum(f.code == founding.code for f in foundings) > 1:
                wrong.append(_of_the_folder(f"{founding.code} is taken"))
        proposed = self._proposed(proposals)
        replay = self._replayed({each.code: each for each in foundings}, proposed)
        wrong += self._wrong_heads(foundings, proposals)
        return Verdict(replay, (*wrong, *replay.complaints))

    def _wrong_heads(
        self, foundings: Sequence[Founding], proposals: Sequence[Proposal]
    ) -> Iterator[Complaint]:
        """A number that is used, an issuer that is none: whatever the lines say."""
        for at, each in enumerate(proposals):
            number = each.decision.number
            if number in self.decisions or number in [p.decision.number for p in proposals[:at]]:
                places = frozenset(range(len(each.steps) + 1))
                yield Complaint(number, places, frozenset({CONFLICT}), "number used")
            if each.decision.issued_by not in self._issuers(foundings, proposals):
                yield Complaint(number, frozenset({0}), frozenset({MISSING}), "unknown issuer")

    def _issuers(self, foundings: Sequence[Founding], proposals: Sequence[Proposal]) -> set[str]:
        codes = set(self.foundings) | {each.code for each in foundings}
        steps = [step for each in self._in_force() for step in each.steps]
        steps += [step for each in proposals for step in each.steps]
        return codes | {step.change.unit_code for step in steps if step.change.founds}

    def take(
        self, foundings: Sequence[Founding], proposals: Sequence[Proposal], verdict: Verdict
    ) -> None:
        if not foundings and not proposals:
            return
        self.version += 1
        for position, founding in enumerate(foundings):
            self.foundings[founding.code] = founding, self.version, position
        for each in self._proposed(proposals, self.version):
            lines = verdict.replay.kept[each.decision.number]
            steps = tuple(Step(at, line) for at, line in enumerate(lines))
            self.decisions[each.decision.number] = replace(each, steps=steps, is_new=False)

    def judge_reversal(self, number: str) -> Verdict:
        rest = self.copy()
        rest.reverse(number)
        replay = rest.replay()
        founded = {
            step.change.unit_code for step in self.decisions[number].steps if step.change.founds
        }
        held = [
            Complaint(each.decision.number, frozenset(), frozenset({CONFLICT}), "issued by it")
            for each in rest._in_force()
            if each.decision.issued_by in founded
        ]
        return Verdict(replay, (*replay.complaints, *held))

    def reverse(self, number: str) -> None:
        self.version += 1
        self.decisions[number] = replace(self.decisions[number], is_reversed=True)

    def copy(self) -> Chronicle:
        return Chronicle(dict(self.foundings), dict(self.decisions), self.version)

    def steps(self, number: str) -> tuple[Step, ...]:
        """The lines of a decision as they are kept; none where there is none."""
        return self.decisions[number].steps if number in self.decisions else ()

    def told(self) -> list[Told]:
        """The lines about units, as a store would tell them."""
        lines = [
            Told(version, position, founding)
            for founding, version, position in self.foundings.values()
        ]
        for each in self.decisions.values():
            for at, step in enumerate(each.steps):
                head = each.decision
                lines.append(
                    Told(
                        each.version,
                        each.position + 1 + at,
                        step.change,
                        head.number,
                        head.effective_on,
                        each.is_reversed,
                    )
                )
        return lines

    def follow(self, foundings: Sequence[Founding], proposals: Sequence[Proposal]) -> Verdict:
        """Takes what is not there yet where all of it can be taken."""
        new, proposed = self.fresh(foundings, proposals)
        verdict = self.judge(new, proposed)
        if verdict.is_taken:
            self.take(new, proposed, verdict)
        return verdict

    def follow_reversal(self, number: str) -> Verdict | None:
        """Reverses a decision where nothing stands in the way; null where none is in force."""
        if number not in self.decisions or self.decisions[number].is_reversed:
            return None
        verdict = self.judge_reversal(number)
        if verdict.is_taken:
            self.reverse(number)
        return verdict

    def _in_force(self) -> list[Taken]:
        return [each for each in self.decisions.values() if not each.is_reversed]

    def _used_codes(self) -> set[str]:
        return {
            step.change.unit_code
            for each in self.decisions.values()
            for step in each.steps
            if step.change.founds
        }

    def _says(self, proposal: Proposal) -> bool:
        there = self.decisions.get(proposal.decision.number)
        if there is None or there.is_reversed:
            return False
        given = [step.change for step in proposal.steps]
        kept = [step.change for step in there.steps if not step.change.implied]
        same = replace(proposal.decision, recorded_at=there.decision.recorded_at)
        return same == there.decision and given == kept

    def _proposed(self, proposals: Sequence[Proposal], version: int = 1_000_000) -> list[Taken]:
        return [
            Taken(each.decision, each.steps, version, (at + 1) * 10_000, is_new=True)
            for at, each in enumerate(proposals)
        ]

    def _replayed(self, foundings: Mapping[str, Founding], proposed: Sequence[Taken]) -> Replay:
        given = {code: founding for code, (founding, _, _) in self.foundings.items()}
        numbers = {each.decision.number for each in proposed}
        kept = [each for code, each in self.decisions.items() if code not in numbers]
        return Replay({**foundings, **given}, [*kept, *proposed]).run(self._used_codes())


def _of_the_folder(why: str) -> Complaint:
    return Complaint(None, frozenset(), frozenset({CONFLICT, BAD}), why)


# Random tales


@dataclass(frozen=True)
class Extend:
    """Units and decisions given at once."""

    foundings: tuple[Founding, ...] = ()
    proposals: tuple[Proposal, ...] = ()


@dataclass(frozen=True)
class Reverse:
    number: str


Event = Extend | Reverse
CODES = [
    "A",
    "B",
    "C",
    "D",
    "E",
    "F",
    "a",
    "A ",
    "A.1",
    "A.10",
    "A%",
    "'\"`\\",
    "E\u0302",
    "Ê",
    "🌳",
]
LAST_DAY = 30


@st.composite
def tales(draw: st.DrawFn, most: int = 8) -> list[Event]:
    """A folder's units, then what happens to them: most of it can be taken, some of it repeats
    what was said, some is wrong."""
    chronicle = Chronicle()
    tale: list[Event] = []
    first = _give(chronicle, Extend(tuple(draw(_folders()))))
    tale.append(first)
    for turn in range(draw(st.integers(1, most))):
        event = draw(_events(chronicle, tale, turn))
        if event is not None:
            tale.append(_give(chronicle, event))
    return tale


def _give(chronicle: Chronicle, event: Event) -> Event:
    if isinstance(event, Reverse):
        chronicle.follow_reversal(event.number)
    else:
        chronicle.follow(event.foundings, event.proposals)
    return event


@st.composite
def _folders(draw: st.DrawFn) -> list[Founding]:
    units = [Founding("A", None, "top", "level0", None, day(0), None)]
    for code in draw(st.lists(st.sampled_from(CODES[1:]), min_size=3, max_size=9, unique=True)):
        unit = draw(_foundings(code, Chronicle(), units))
        if not Chronicle().judge([*units, unit], ()).complaints:
            units.append(unit)
    return units


@st.composite
def _foundings(
    draw: st.DrawFn, code: str, chronicle: Chronicle, beside: Sequence[Founding]
) -> Founding:
    """Half of the units stand from the first day, most for ever."""
    known = [each for each, _, _ in chronicle.foundings.values()] + list(beside)
    kinds = {each.code: each.kind for each in known}
    kinds |= {code: stood.kind for code, stood in chronicle.replay().on(day(LAST_DAY)).items()}
    parent = draw(st.sampled_from(list(kinds)))
    rank = min(int(kinds[parent][-1]) + draw(st.sampled_from([1, 2])), LEVELS - 1)
    established = draw(st.just(0) | st.integers(0, LAST_DAY))
    closed = draw(st.sampled_from([None] * 6 + [established + 1, 12, LAST_DAY]))
    closed_on = None if closed is None else day(closed)
    return Founding(code, parent, code, f"level{rank}", None, day(established), closed_on)


@st.composite
def _events(
    draw: st.DrawFn, chronicle: Chronicle, tale: Sequence[Event], turn: int
) -> Event | None:
    what = draw(st.sampled_from(["one"] * 6 + ["several", "units", "both", "reverse", "repeat"]))
    if what == "reverse":
        numbers = sorted(chronicle.decisions)
        return Reverse(draw(st.sampled_from(numbers))) if numbers else None
    if what == "repeat":
        before = [each for each in tale if isinstance(each, Extend)]
        return draw(st.sampled_from(before))
    foundings = (
        (draw(_foundings(f"new{turn}", chronicle, ())),) if what in ("units", "both") else ()
    )
    count = {"one": 1, "several": 2, "units": 0, "both": 1}[what]
    proposals = [draw(_proposals(chronicle, foundings, f"{turn}.{at}")) for at in range(count)]
    return Extend(foundings, tuple(proposals))


@st.composite
def _proposals(
    draw: st.DrawFn, chronicle: Chronicle, foundings: Sequence[Founding], number: str
) -> Proposal:
    """Steps that can be taken one after the other, and a few that cannot."""
    today = day(draw(st.integers(0, LAST_DAY)))
    issuers = ["A"] * 9 + bytewise(chronicle.replay().last) + ["nowhere"]
    issuer = draw(st.sampled_from(issuers))
    head = Decision(number, f"decision {number}", issuer, day(0), today, MOMENT)
    steps: list[Step] = []
    for place in range(draw(st.sampled_from([1, 1, 2, 3, 5]))):
        tree = chronicle.judge(foundings, [Proposal(head, tuple(steps))]).replay.on(today)
        tried = [*steps, *draw(_steps(tree, today, place, f"{number}.{place}"))]
        verdict = chronicle.judge(foundings, [Proposal(head, tuple(tried))])
        if verdict.is_taken or not steps or draw(st.integers(0, 3)) == 3:
            steps = tried
    return Proposal(head, tuple(steps))


@st.composite
def _steps(draw: st.DrawFn, tree: Tree, today: date, place: int, code: str) -> list[Step]:
    """One change of an input: mostly one that makes sense by itself, now and then any."""
    kind = draw(st.sampled_from(list(ChangeKind)))
    sensible = list(_sensible(kind, tree, today))
    opened = [code for code in bytewise(tree) if tree[code].is_open]
    how = draw(st.integers(0, 9))
    if how < 6 and sensible:
        unit, other = draw(st.sampled_from(sensible))
    else:
        known = st.sampled_from(opened if how < 9 and opened else ["nowhere", *CODES])
        unit, other = draw(known), draw(known)
    if kind is ChangeKind.SPLIT:
        return draw(_splits(tree, place, unit, other, code))
    return [Step(place, draw(_changes(kind, tree, today, unit, other, code)))]


def _sensible(kind: ChangeKind, tree: Tree, today: date) -> Iterator[tuple[str, str]]:
    """Pairs of open units between which a change of this kind breaks no rule by itself, for all
    that can be seen from the two and what stands directly under the first. What is merged or
    split has units under it, where there is such a unit."""
    holders = {stood.parent for stood in tree.values() if stood.is_open}
    parting = kind in (ChangeKind.MERGE, ChangeKind.SPLIT)
    among = [code for code in tree if code in holders and tree[code].parent] if parting else []
    for unit in bytewise(among or tree):
        below = [stood.kind for stood in tree.values() if stood.parent == unit and stood.is_open]
        for other in bytewise(tree):
            apart = unit not in ancestors(tree, other)
            over = tree[other].kind
            fits = {
                ChangeKind.TRANSFER: apart and may_stand(tree[unit].kind, over, today),
                ChangeKind.MERGE: apart and all(may_stand(each, over, today) for each in below),
                ChangeKind.DISSOLVE: apart and not below,
                ChangeKind.SPLIT: apart and other not in ancestors(tree, unit),
                ChangeKind.ESTABLISH: over != f"level{LEVELS - 1}",
            }
            if tree[unit].is_open and tree[other].is_open and fits.get(kind, True):
                yield unit, other


@st.composite
def _changes(
    draw: st.DrawFn, kind: ChangeKind, tree: Tree, today: date, unit: str, other: str, code: str
) -> Change:
    category = draw(st.sampled_from([None, "xã"]))
    every = [each.code for each in KINDS]
    if kind is ChangeKind.ESTABLISH:
        over = tree[other].kind if other in tree else "level0"
        fitting = [each for each in every if may_stand(each, over, today)] or every
        new, below = draw(st.sampled_from([code] * 9 + [unit])), draw(st.sampled_from(fitting))
        return Change(kind, new, other, name=new, kind=below, category=category)
    if kind is ChangeKind.RENAME:
        return Change(kind, unit, name=draw(st.sampled_from([f"name {code}", unit])))
    if kind is ChangeKind.RECLASSIFY:
        fitting = [each for each in every if _fits(tree, unit, each, today)] * 5
        as_kind = draw(st.sampled_from([None, *fitting, *every, "village"]))
        kept = draw(st.booleans())
        return Change(kind, unit, None, None, as_kind, None if kept else category, kept)
    return Change(kind, unit, None if kind is ChangeKind.DISSOLVE else other)


def _fits(tree: Tree, unit: str, kind: str, today: date) -> bool:
    if unit not in tree:
        return False
    below = [stood.kind for stood in tree.values() if stood.parent == unit and stood.is_open]
    above = tree[unit].parent
    stands = above is None or may_stand(kind, tree[above].kind, today)
    return stands and all(may_stand(each, kind) for each in below)


@st.composite
def _splits(
    draw: st.DrawFn, tree: Tree, place: int, whole: str, other: str, code: str
) -> list[Step]:
    """The parts, what each takes, and, now and then, the end of what is split."""
    parts = draw(st.sampled_from([[code], [code, f"{code}+"], [other], [code, other]]))
    children = bytewise(each for each, stood in tree.items() if stood.parent == whole)
    steps = []
    for part in parts:
        name = part if part.startswith(code) else None
        steps.append(Step(place, Change(ChangeKind.SPLIT, part, whole, name=name)))
    for child in children:
        if taker := draw(st.sampled_from([*parts, *parts, None])):
            steps.append(Step(place, Change(ChangeKind.TRANSFER, child, taker), whole))
    if draw(st.booleans()):
        steps.append(Step(place, Change(ChangeKind.DISSOLVE, whole)))
    return steps
