"""The tree that a folder would make: its units and decisions held together against the store's.

Both files are judged at once by the store's own rules (`hierarchy/timeline.py`), since units may
stand under those that decisions establish, and decisions close what the other file founds. It
reads the ledger that it is given and never adds to it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from hierarchy.decision import Change, ChangeKind, Decision, Problem, Proposal, Reversal
from hierarchy.store import HierarchyStore, Told, told
from hierarchy.timeline import Lifeline, judge
from hierarchy.unit import Founding, Kinds, Life
from server.folder.decisions import Decisions, Given
from server.folder.faults import Report, shown
from server.folder.units import ALWAYS, GivenUnits, Units

_CLOSING = (ChangeKind.DISSOLVE, ChangeKind.MERGE)


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision that the ledger has, with its lines."""

    decision: Decision
    lines: list[Change]
    is_reversed: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What the ledger has: the lines about units, and the decisions by number."""

    told: list[Told] = field(default_factory=list)
    decisions: dict[str, Taken] = field(default_factory=dict)

    def codes(self) -> Iterator[str]:
        """The codes of all units; those that a reversed decision founded are none."""
        for each in self.told:
            if isinstance(each.line, Founding):
                yield each.line.code
            elif each.line.founds and not each.is_reversed:
                yield each.line.unit_code


@dataclass(frozen=True, slots=True)
class CheckedTree:
    """What is to be founded and decided, how many rows are there already, and all units."""

    foundings: list[Founding]
    proposals: list[Proposal]
    skipped_units: int
    skipped_rows: int
    units: Units


async def read_ledger(store: HierarchyStore) -> Kept:
    """All that the ledger of the store has."""
    entries = [entry async for entry in store.entries()]
    decisions: dict[str, Taken] = {}
    for line in (entry.line for entry in entries):
        if isinstance(line, Decision):
            taken = decisions[line.number] = Taken(line, [])
        elif isinstance(line, Reversal):
            decisions[line.number] = replace(decisions[line.number], is_reversed=True)
        elif isinstance(line, Change):
            taken.lines.append(line)
    return Kept(list(told(entries)), decisions)


def check_tree(
    kept: Kept,
    units: GivenUnits,
    decisions: Decisions,
    kinds: Kinds,
    report_unit: Report,
    report_decision: Report,
) -> CheckedTree:
    """Reports everything that forbids the units and the decisions of the folder."""
    is_sound = units.sound and decisions.sound
    fresh = _fresh(kept, decisions, report_decision)
    broken = set() if is_sound else _broken(kept, units, decisions)
    places = _apart_from(broken, units.foundings)
    given = [units.foundings[place] for place in places]
    proposals = [each.proposal for each in fresh] if is_sound else []
    judged = judge(kept.told, given, proposals, kinds)
    for fault in judged.faults:
        report_unit(units.lines[places[fault.index]], fault.message)
    known = {*kept.codes(), *units.codes, *decisions.founded()}
    for each, problems in zip(fresh, judged.problems, strict=False):
        for problem in problems:
            report_decision(each.lines[problem.change], words(problem, each.proposal, known))
    is_sound = is_sound and not judged.faults and not any(judged.problems)
    found = _units(judged.lifelines) if is_sound else _at_fault(known, units, decisions)
    _check_issuing(decisions, found, report_decision)
    _check_closing(fresh, units, report_decision)
    rows = sum(len(each.lines) for each in fresh)
    return CheckedTree(
        judged.foundings,
        proposals,
        len(units.foundings) - len(judged.foundings),
        decisions.rows - rows,
        found,
    )


def _fresh(kept: Kept, decisions: Decisions, report: Report) -> list[Given]:
    """The decisions that the ledger does not have; one that it has otherwise is reported."""
    fresh = []
    for given in decisions.given:
        number = given.proposal.decision.number
        taken = kept.decisions.get(number)
        if taken is None:
            fresh.append(given)
        elif taken.is_reversed:
            report(given.lines[0], f"decision {shown(number)} was reversed: its number stays used")
        elif not given.proposal.says(taken.decision, taken.lines):
            report(given.lines[0], f"decision {shown(number)} is already there and says otherwise")
    return fresh


def _broken(kept: Kept, units: GivenUnits, decisions: Decisions) -> set[str | None]:
    """The codes of units of which cannot be told how they would stand."""
    broken: set[str | None] = {*units.codes}
    broken -= {founding.code for founding in units.foundings}
    if not (units.whole and decisions.whole):
        parents = {founding.parent_code for founding in units.foundings}
        broken |= parents - {*units.codes} - {*kept.codes()} - {None}
    return broken | decisions.named


def _apart_from(broken: set[str | None], foundings: Sequence[Founding]) -> list[int]:
    """The indices of units that stand neither directly nor indirectly under a broken one."""
    if not broken:
        return list(range(len(foundings)))
    parents = {founding.code: founding.parent_code for founding in foundings}
    sound: dict[str | None, bool] = dict.fromkeys(broken, False)
    for start in parents:
        trail: dict[str | None, None] = {}
        code: str | None = start
        while code not in sound and code not in trail and code in parents:
            trail[code] = None
            code = parents[code]
        sound.update(dict.fromkeys(trail, sound.get(code, True)))
    return [index for index, founding in enumerate(foundings) if sound[founding.code]]


def words(problem: Problem, proposal: Proposal, known: Collection[str]) -> str:
    """A problem as an operator reads it: what is unknown is named."""
    changes = (step.change for step in proposal.steps if step.place == problem.change)
    codes = [code for change in changes for code in (change.unit_code, change.other_code)]
    unknown = [shown(code) for code in codes if code is not None and code not in known]
    if problem.code == "NOT_FOUND" and unknown:
        return f"unknown unit {', '.join(unknown)}"
    return str(problem)


def _units(lifelines: dict[str, Lifeline]) -> Units:
    units = Units({}, {})
    for code, line in lifelines.items():
        units.lives[code] = Life(line.stands_from, line.closed_on)
        units.parents[code] = line.versions[0].parent_code
        if len(line.versions) > 1:
            units.moves[code] = [(each.valid_from, each.parent_code) for each in line.versions]
    return units


def _at_fault(known: Collection[str], units: GivenUnits, decisions: Decisions) -> Units:
    lives = dict.fromkeys([*known, *decisions.named], ALWAYS)
    return Units(lives, {}, at_fault=True, all_known=units.whole and decisions.whole)


def _check_issuing(decisions: Decisions, units: Units, report: Report) -> None:
    for given in decisions.given:
        issued_by = given.proposal.decision.issued_by
        if units.life(issued_by) is None:
            report(given.lines[0], f"unknown issuing unit {shown(issued_by)}")


def _check_closing(fresh: Sequence[Given], units: GivenUnits, report: Report) -> None:
    """A unit is closed by the one file or by the other."""
    closed = {unit.code: unit.closed_on for unit in units.foundings if unit.closed_on is not None}
    for given in fresh if closed else ():
        for step in given.proposal.steps:
            code = step.change.unit_code
            if step.change.change in _CLOSING and code in closed:
                too = f"units.csv closes {shown(code)} too, on {closed[code]}"
                report(given.lines[step.place], too)
