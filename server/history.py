"""`chibo history`: a unit's life in lines, from the ledger.

Each line has its day and, where a decision made it so, the decision's number. Decisions that were
reversed did nothing and are not told. It reads for the operator, not for a viewer.
"""

from collections.abc import Iterator
from datetime import date

from hierarchy.decision import Change, ChangeKind
from hierarchy.errors import BadInput
from hierarchy.founding import code_fault
from hierarchy.gathering import gather_above
from hierarchy.store import HierarchyStore, Told
from hierarchy.timeline import Lifeline, lifelines
from hierarchy.unit import Founding
from server.stores import Stores


async def history(stores: Stores, code: str) -> list[str]:
    """The life of a unit, oldest first. Raises `BadInput` where there is none of this code."""
    async with stores.database.reading() as connection:
        tree = stores.tree(connection)
        lifeline = None if code_fault(code) else await _lifeline(tree, code)
        if lifeline is None:
            raise BadInput("There is no unit {code!r}.", code=code)
        own = _in_force(await tree.lines_of([code]))
        named = _in_force(await tree.lines_naming([code]))
    lines = [_newest(lifeline), *_life(lifeline, own), *_lineage(own, named)]
    return [" ".join(line.splitlines()) for line in lines]


async def _lifeline(tree: HierarchyStore, code: str) -> Lifeline | None:
    return lifelines(await gather_above(tree, [code])).get(code)


def _in_force(lines: list[Told]) -> list[Told]:
    """In the order in which they apply."""
    kept = [told for told in lines if not told.is_reversed]
    return sorted(kept, key=lambda told: (_day(told), told.version, told.position))


def _day(told: Told) -> date:
    line = told.line
    return line.established_on if isinstance(line, Founding) else told.effective_on or date.min


def _newest(unit: Lifeline) -> str:
    now = unit.versions[-1]
    return f"{unit.code}: {now.name} ({_kind(now.kind, now.category)})"


def _kind(kind: str | None, category: str | None) -> str:
    return ", ".join(filter(None, [kind, category]))


def _life(unit: Lifeline, own: list[Told]) -> Iterator[str]:
    for told in own:
        line = told.line
        if isinstance(line, Founding):
            yield f"{line.established_on} founded{_founded(line)}"
            if unit.stands_from > line.established_on:
                yield f"{unit.stands_from} stands in the tree"
        elif said := _changed(line):
            yield f"{told.effective_on} {said}, by {told.number}"
    if unit.closed_on is not None and unit.closed_by is None:
        yield f"{unit.closed_on} closed"


def _founded(line: Founding) -> str:
    above = "" if line.parent_code is None else f" under {line.parent_code}"
    return f"{above} as {line.name} ({_kind(line.kind, line.category)})"


def _changed(line: Change) -> str | None:
    """What a decision did to the unit; null for a part that stood before it took over."""
    match line.change:
        case ChangeKind.ESTABLISH:
            kind = _kind(line.kind, line.category)
            return f"established under {line.other_code} as {line.name} ({kind})"
        case ChangeKind.SPLIT:
            return f"split off from {line.other_code} as {line.name}" if line.founds else None
        case ChangeKind.TRANSFER:
            return f"transferred under {line.other_code}"
        case ChangeKind.MERGE:
            return f"merged into {line.other_code}"
        case ChangeKind.DISSOLVE:
            return "closed"
        case ChangeKind.RENAME:
            return f"renamed {line.name}"
        case ChangeKind.RECLASSIFY:
            return f"reclassified: {', '.join(_reclassified(line))}"


def _reclassified(line: Change) -> Iterator[str]:
    if line.kind is not None:
        yield f"kind {line.kind}"
    if not line.keeps_category:
        yield f"category {line.category}" if line.category else "no category"


def _lineage(own: list[Told], named: list[Told]) -> Iterator[str]:
    """What took over from the unit, and what it took over from, by code."""
    after = {*_others(own, ChangeKind.MERGE), *_subjects(named, ChangeKind.SPLIT)}
    before = {*_subjects(named, ChangeKind.MERGE), *_others(own, ChangeKind.SPLIT)}
    for what, codes in (("successors", after), ("predecessors", before)):
        if codes:
            yield f"{what}: {', '.join(sorted(codes))}"


def _subjects(lines: list[Told], change: ChangeKind) -> Iterator[str]:
    for told in lines:
        if isinstance(told.line, Change) and told.line.change is change:
            yield told.line.unit_code


def _others(lines: list[Told], change: ChangeKind) -> Iterator[str]:
    for told in lines:
        if isinstance(told.line, Change) and told.line.change is change and told.line.other_code:
            yield told.line.other_code
