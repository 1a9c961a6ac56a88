"""The rules of a growing tree, by themselves: no database."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierarchy.errors import Conflict
from hierarchy.founding import code_fault
from hierarchy.store import Told
from hierarchy.timeline import Judged, judge, refuse
from hierarchy.unit import Founding
from tests.hierarchy.trees import KINDS, ODD_CODES, Oracle, day, founding, trees

ROOT = founding("A")


def judged(foundings: Sequence[Founding], *beside: Founding) -> Judged:
    known = [Told(1, position, founding) for position, founding in enumerate(beside)]
    return judge(known, foundings, (), KINDS)


def messages(*foundings: Founding, beside: Sequence[Founding] = ()) -> list[tuple[int, str]]:
    return [(fault.index, fault.message) for fault in judged(foundings, *beside).faults]


@given(trees(), st.randoms())
def test_a_faultless_tree_has_no_fault_in_any_order(tree: list[Founding], chance: object) -> None:
    """Nor has what is left of it beside what is there already."""
    chance.shuffle(tree)  # type: ignore[attr-defined]
    assert judged(tree).faults == []
    again = judged(tree, *tree)
    assert again.faults == [] and again.foundings == [] and again.changed == frozenset()


@given(trees(), st.randoms())
def test_parents_come_before_children_with_the_days_they_stand(
    tree: list[Founding], chance: object
) -> None:
    """By depth and then bytewise by code, whatever the order given."""
    chance.shuffle(tree)  # type: ignore[attr-defined]
    oracle = Oracle(tree)

    def place(unit: Founding) -> tuple[int, bytes]:
        return len(oracle.ancestors(unit.code, day(10_000))), unit.code.encode()

    made = judged(tree)
    assert made.foundings == sorted(tree, key=place)
    for unit in tree:
        life = made.lifelines[unit.code]
        assert (life.stands_from, life.closed_on) == (
            oracle.stands_from(unit.code),
            unit.closed_on if unit.closed_on and unit.closed_on <= day(10_000) else None,
        )


def test_what_is_there_is_left_out_of_the_order() -> None:
    child = founding("B", "A", "level1", established=2)
    made = judged([child, ROOT], ROOT)
    assert made.foundings == [child]
    assert made.lifelines["B"].stands_from == day(2)


@pytest.mark.parametrize("code", ODD_CODES)
def test_almost_any_text_is_a_code(code: str) -> None:
    assert code_fault(code) is None


@pytest.mark.parametrize("code", ["", "a" * 65, "a\n", "\0", "\x7f", "\x85", "\ud800"])
def test_what_is_no_code(code: str) -> None:
    assert code_fault(code)


def test_faults_come_by_index_each_with_its_reason() -> None:
    assert messages(founding("B", "X", "level1"), ROOT, founding("C", "A", "village")) == [
        (0, "unknown parent 'X'"),
        (2, "unknown kind 'village'"),
    ]


def test_every_fault_of_one_founding_is_told() -> None:
    told = messages(ROOT, founding("", "X", "village", established=3, closed=1, name=""))
    assert [index for index, _ in told] == [1] * 5


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_cycle_is_told_on_a_line_of_it(order: tuple[int, ...]) -> None:
    """Not on what merely hangs below it."""
    units = [
        founding("P", "Q", "level1"),
        founding("Q", "P", "level2"),
        founding("R", "Q", "level3"),
    ]
    told = messages(ROOT, *(units[at] for at in order))
    [(index, message)] = told
    assert message in ("a cycle through 'P'", "a cycle through 'Q'")
    assert units[order[index - 1]].code == message[-2]


def test_a_tree_that_is_one_cycle_has_no_root() -> None:
    assert messages(founding("P", "P", "level1")) == [(0, "a cycle through 'P'")]


def test_the_second_root_is_at_fault_not_the_first() -> None:
    assert messages(ROOT, founding("Z")) == [(1, "a second root: only one unit has no parent")]
    assert messages(founding("Z"), ROOT, beside=[ROOT])[0][0] == 0


def test_a_unit_may_close_with_the_one_above_it_but_not_after() -> None:
    above = founding("B", "A", "level1", closed=9)
    assert messages(ROOT, above, founding("C", "B", "level2", closed=9)) == []
    for closed in (10, None):
        [(index, message)] = messages(ROOT, above, founding("C", "B", "level2", closed=closed))
        assert index == 2
        assert message == f"outlives the unit above it ('B', closed on {day(9)})"


def test_a_unit_stands_at_least_a_day() -> None:
    """Of its own life, and of the days it stands in the tree."""
    late = founding("B", "A", "level1", established=5)
    assert messages(ROOT, late, founding("C", "B", "level2", 0, 6)) == []
    assert messages(ROOT, late, founding("C", "B", "level2", 0, 5)) == [
        (2, f"closed before it would stand, on {day(5)}")
    ]
    assert messages(ROOT, founding("C", "A", "level1", 5, 5)) == [
        (1, "closed before or on the day it is established")
    ]


def test_any_kind_may_be_the_top() -> None:
    assert messages(founding("A", kind="level6")) == []


def test_lives_are_measured_beside_units_that_are_there() -> None:
    beside = [ROOT, founding("B", "A", "level1", established=5, closed=9)]
    assert [index for index, _ in messages(founding("C", "B", "level2", 0, 5), beside=beside)] == [
        0
    ]
    assert [index for index, _ in messages(founding("C", "B", "level2"), beside=beside)] == [0]
    assert messages(founding("C", "B", "level2", 0, 6), beside=beside) == []


def test_a_refusal_tells_all_faults_led_by_their_codes() -> None:
    """Braces in a code are only text."""
    with pytest.raises(Conflict) as conflict:
        wrong = [founding("{0}", "X", "level1"), founding("Z", "Y", "level1")]
        refuse(judged(wrong), wrong)
    assert str(conflict.value) == "'{0}': unknown parent 'X'; 'Z': unknown parent 'Y'"
    refuse(judged([ROOT]), [ROOT])
