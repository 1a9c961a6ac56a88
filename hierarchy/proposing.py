"""Decisions as they are given, turned into steps, and what is wrong with them by themselves.

A client's mutation, a file of `chibo decide` and `decisions.csv` say the same changes in their own
forms; here each becomes the lines that the ledger would keep (`contract.graphql`, reorganisation).
What shows without looking at the tree is told by `input_problems`: whether a decision can be taken
on the tree is told by `hierarchy/timeline.py` alone, of a decision without such problems. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from hierarchy.decision import Change, ChangeKind, Decision, Problem, Proposal, Step
from hierarchy.founding import MAX_CODE_LENGTH, code_fault, text_fault
from hierarchy.unit import Kinds

MAX_NUMBER_LENGTH = 255
MAX_TITLE_LENGTH = 1_000

BAD = "BAD_USER_INPUT"


@dataclass(frozen=True, slots=True)
class Part:
    """What takes over of a unit that is split: with a name a new unit, without one that stands;
    `units` are those it takes."""

    code: str
    name: str | None
    category: str | None
    units: tuple[str, ...]


def establish(
    place: int, code: str, under: str, name: str, kind: str, category: str | None
) -> list[Step]:
    """A new unit under another."""
    line = Change(ChangeKind.ESTABLISH, code, under, name=name, kind=kind, category=category)
    return [Step(place, line)]


def transfer(place: int, unit: str, to: str) -> list[Step]:
    """A unit with all below it goes under another."""
    return [Step(place, Change(ChangeKind.TRANSFER, unit, to))]


def merge(place: int, units: Sequence[str], into: str) -> list[Step]:
    """Units are closed, and what stands under them goes under their successor."""
    return [Step(place, Change(ChangeKind.MERGE, unit, into)) for unit in units]


def split(place: int, unit: str, parts: Sequence[Part], close: bool) -> list[Step]:
    """Parts take over from a unit: the parts in their order, then what each takes, which must
    stand directly under the unit, then the unit's end where it is to `close`. None without parts.
    """
    steps = [
        Step(
            place,
            Change(ChangeKind.SPLIT, part.code, unit, name=part.name, category=part.category),
        )
        for part in parts
    ]
    for part in parts:
        for moved in part.units:
            steps.append(Step(place, Change(ChangeKind.TRANSFER, moved, part.code), under=unit))
    return steps + (dissolve(place, unit) if parts and close else [])


def dissolve(place: int, unit: str) -> list[Step]:
    """A unit under which nothing is open is closed."""
    return [Step(place, Change(ChangeKind.DISSOLVE, unit))]


def rename(place: int, unit: str, name: str) -> list[Step]:
    """A unit is called otherwise."""
    return [Step(place, Change(ChangeKind.RENAME, unit, name=name))]


def reclassify(
    place: int, unit: str, kind: str | None, category: str | None, keeps_category: bool
) -> list[Step]:
    """A unit becomes one of another kind (null: it stays) or category (null clears it, unless it
    is kept)."""
    line = Change(
        ChangeKind.RECLASSIFY,
        unit,
        kind=kind,
        category=None if keeps_category else category,
        keeps_category=keeps_category,
    )
    return [Step(place, line)]


def proposal(decision: Decision, changes: Sequence[Sequence[Step]]) -> Proposal:
    """The decision with the steps of all its changes, in the order given."""
    return Proposal(decision, tuple(step for steps in changes for step in steps))


def key_digest(principal: str, key: str) -> str:
    """What a decision keeps of a principal's client key: SHA-256, in hex, of the two."""
    told = f"{len(principal)} {principal} {key}"
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def input_problems(
    decision: Decision, changes: Sequence[Sequence[Step]], kinds: Kinds
) -> list[Problem]:
    """Everything that is wrong with a decision whatever the tree is, by change.

    `changes` has the steps of each change as it was given, at the change's place. A decision
    that has such problems is not to be judged on the tree.
    """
    found = [*_head_problems(decision, changes)]
    for place, steps in enumerate(changes):
        if not steps:
            found.append(Problem(place, BAD, "The change names no unit."))
        found += _twice(place, steps)
        for step in steps:
            found += _step_problems(place, step.change, kinds)
    return sorted(dict.fromkeys(found), key=lambda problem: problem.change)


def _head_problems(decision: Decision, changes: Sequence[Sequence[Step]]) -> Iterator[Problem]:
    if not decision.number.strip():
        yield Problem(0, BAD, "A decision needs a number.")
    if not decision.title.strip():
        yield Problem(0, BAD, "A decision needs a title.")
    if len(decision.number) > MAX_NUMBER_LENGTH:
        most = (("most", MAX_NUMBER_LENGTH),)
        yield Problem(0, BAD, "The number of a decision has at most {most} characters.", most)
    if len(decision.title) > MAX_TITLE_LENGTH:
        most = (("most", MAX_TITLE_LENGTH),)
        yield Problem(0, BAD, "The title of a decision has at most {most} characters.", most)
    if not changes:
        yield Problem(0, BAD, "A decision needs a change.")
    yield from _unstorable(0, decision.number, decision.title, decision.issued_by)


def _twice(place: int, steps: Sequence[Step]) -> Iterator[Problem]:
    """Units that one change names in the same part more than once."""
    seen = set()
    for step in steps:
        named = step.change.change, step.change.unit_code
        if named in seen:
            code = (("code", step.change.unit_code),)
            yield Problem(place, BAD, "The change names {code} a second time.", code)
        seen.add(named)


def _step_problems(place: int, change: Change, kinds: Kinds) -> Iterator[Problem]:
    texts = change.unit_code, change.other_code, change.name, change.kind, change.category
    yield from _unstorable(place, *texts)
    if change.founds:
        yield from _code_problems(place, change.unit_code)
    if change.name is not None and not change.name.strip():
        yield Problem(place, BAD, "A unit needs a name.")
    if change.category is not None and not change.category.strip():
        yield Problem(place, BAD, "A category is not empty; without one it is null.")
    if any(len(text or "") > MAX_TITLE_LENGTH for text in (change.name, change.category)):
        most = (("most", MAX_TITLE_LENGTH),)
        yield Problem(place, BAD, "Names and categories have at most {most} characters.", most)
    if change.kind is not None and change.kind not in kinds:
        yield Problem(place, BAD, "Unknown kind of unit: {kind}.", (("kind", change.kind),))
    yield from _senseless(place, change)


def _senseless(place: int, change: Change) -> Iterator[Problem]:
    """What a kind of change cannot be asked for."""
    code = (("code", change.unit_code),)
    is_itself = change.unit_code == change.other_code
    if change.change is ChangeKind.MERGE and is_itself:
        yield Problem(place, BAD, "The unit {code} cannot be merged into itself.", code)
    if change.change is ChangeKind.SPLIT and is_itself:
        yield Problem(place, BAD, "The unit {code} cannot be a part of itself.", code)
    if change.change is ChangeKind.SPLIT and change.category is not None and not change.founds:
        yield Problem(place, BAD, "Only a part that is new is given a category.")
    is_reclassified = change.change is ChangeKind.RECLASSIFY
    if is_reclassified and change.kind is None and change.keeps_category:
        yield Problem(place, BAD, "Neither kind nor category is to change.")


def _code_problems(place: int, code: str) -> Iterator[Problem]:
    if not code:
        yield Problem(place, BAD, "A unit needs a code.")
    elif code_fault(code) and not text_fault("", code):
        yield Problem(
            place,
            BAD,
            "A code has at most {most} characters, none of them a control character.",
            (("most", MAX_CODE_LENGTH),),
        )


def _unstorable(place: int, *texts: str | None) -> Iterator[Problem]:
    if any(text and text_fault("", text) for text in texts):
        yield Problem(place, BAD, "A text holds a character that cannot be stored.")
