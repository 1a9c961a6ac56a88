"""What only an operator's own kinds show of the timeline: ranks that grow forbid it as well."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hierarchy.decision import Change, ChangeKind, Decision, Proposal, Step
from hierarchy.store import Told
from hierarchy.timeline import judge
from hierarchy.unit import Kind, Kinds, Standing
from tests.hierarchy.trees import day, founding

LEVEL = Kinds.of([Kind("level0", "Level", 0)], [Standing("level0", "level0")])
CHAIN = [founding("A"), founding("B", "A"), founding("C", "B"), founding("D", "C")]


def problems(*changes: Change) -> list[tuple[int, str]]:
    """Place and words of what forbids the changes on a chain of four units of one kind."""
    known = [Told(1, position, unit) for position, unit in enumerate(CHAIN)]
    head = Decision("1", "a title", "A", day(5), day(5), datetime(2024, 1, 1, tzinfo=UTC))
    steps = tuple(Step(place, change) for place, change in enumerate(changes))
    judged = judge(known, (), [Proposal(head, steps)], LEVEL)
    return [(problem.change, str(problem)) for problem in judged.problems[0]]


@pytest.mark.parametrize("below", ["C", "D"])
def test_nothing_goes_under_what_stands_below_it(below: str) -> None:
    """Though its kind may stand there."""
    told = problems(Change(ChangeKind.TRANSFER, "B", below))
    assert told == [(0, "B would stand under itself.")]


def test_nothing_goes_under_itself() -> None:
    assert (0, "B cannot go into itself.") in problems(Change(ChangeKind.TRANSFER, "B", "B"))


def test_a_cycle_on_the_way_is_none_in_the_result() -> None:
    turned = (Change(ChangeKind.TRANSFER, "B", "C"), Change(ChangeKind.TRANSFER, "C", "A"))
    assert problems(*turned) == []
