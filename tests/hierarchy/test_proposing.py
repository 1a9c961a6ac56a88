"""Decisions as they are given: the lines they become, and what is wrong with them by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from hierarchy.decision import Change, ChangeKind, Decision, Step
from hierarchy.proposing import (
    Part,
    dissolve,
    establish,
    input_problems,
    key_digest,
    merge,
    proposal,
    reclassify,
    rename,
    split,
    transfer,
)
from hierarchy.unit import Kind, Kinds

KINDS = Kinds.of([Kind("branch", "chi bộ", 5)], [])
DECISION = Decision(
    "1-QĐ", "Sáp nhập", "P", date(2025, 1, 1), date(2025, 2, 1), datetime(2025, 1, 2, tzinfo=UTC)
)
RENAMED = rename(0, "A", "Tên")


def problems(steps: Sequence[Step], decision: Decision = DECISION) -> list[str]:
    return [str(problem) for problem in input_problems(decision, [steps], KINDS)]


def test_a_merge_is_a_line_a_unit_in_the_order_given() -> None:
    assert merge(3, ["B", "A"], "C") == [
        Step(3, Change(ChangeKind.MERGE, "B", "C")),
        Step(3, Change(ChangeKind.MERGE, "A", "C")),
    ]


def test_a_split_is_its_parts_then_what_they_take_then_its_end() -> None:
    """What a part takes must stand directly under the unit that is split."""
    parts = [Part("X", "Mới", "xã", ("b", "a")), Part("Y", None, None, ("c",))]
    ended = split(1, "A", parts, close=True)
    assert [step.place for step in ended] == [1] * 6
    assert [(step.change, step.under) for step in ended] == [
        (Change(ChangeKind.SPLIT, "X", "A", name="Mới", category="xã"), None),
        (Change(ChangeKind.SPLIT, "Y", "A"), None),
        (Change(ChangeKind.TRANSFER, "b", "X"), "A"),
        (Change(ChangeKind.TRANSFER, "a", "X"), "A"),
        (Change(ChangeKind.TRANSFER, "c", "Y"), "A"),
        (Change(ChangeKind.DISSOLVE, "A"), None),
    ]
    assert split(1, "A", parts, close=False) == ended[:-1]


def test_what_a_reclassification_leaves_out_stays() -> None:
    [kept] = reclassify(0, "A", "branch", None, keeps_category=True)
    [cleared] = reclassify(0, "A", None, None, keeps_category=False)
    assert (kept.change.kind, kept.change.keeps_category) == ("branch", True)
    assert (cleared.change.kind, cleared.change.keeps_category) == (None, False)
    assert problems([cleared]) == problems([kept]) == []


def test_a_proposal_has_all_steps_in_order() -> None:
    changes = [dissolve(0, "A"), merge(1, ["B", "C"], "D")]
    assert [step.change.unit_code for step in proposal(DECISION, changes).steps] == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("number", " ", "A decision needs a number."),
        ("title", "", "A decision needs a title."),
        ("number", "x" * 256, "The number of a decision has at most 255 characters."),
        ("title", "x" * 1001, "The title of a decision has at most 1000 characters."),
        ("title", "a\0", "A text holds a character that cannot be stored."),
        ("issued_by", "\ud800", "A text holds a character that cannot be stored."),
    ],
)
def test_a_head_that_is_wrong(field: str, value: str, said: str) -> None:
    assert problems(RENAMED, replace(DECISION, **{field: value})) == [said]


def test_lengths_count_to_their_end() -> None:
    assert problems(RENAMED, replace(DECISION, number="x" * 255, title="x" * 1000)) == []


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([], "The change names no unit."),
        (split(0, "A", [], close=True), "The change names no unit."),
        (merge(0, ["A", "B", "A"], "C"), "The change names A a second time."),
        (merge(0, ["A"], "A"), "The unit A cannot be merged into itself."),
        (
            split(0, "A", [Part("A", None, None, ())], False),
            "The unit A cannot be a part of itself.",
        ),
        (
            split(0, "A", [Part("X", None, None, ("b",)), Part("Y", None, None, ("b",))], False),
            "The change names b a second time.",
        ),
        (
            split(0, "A", [Part("X", None, "xã", ())], False),
            "Only a part that is new is given a category.",
        ),
        (split(0, "A", [Part("X", "", None, ())], False), "A unit needs a name."),
        (rename(0, "A", " "), "A unit needs a name."),
        (rename(0, "A", "\0"), "A text holds a character that cannot be stored."),
        (transfer(0, "\ud800", "B"), "A text holds a character that cannot be stored."),
        (establish(0, "", "P", "Tên", "branch", None), "A unit needs a code."),
        (
            establish(0, "x" * 65, "P", "Tên", "branch", None),
            "A code has at most 64 characters, none of them a control character.",
        ),
        (
            establish(0, "\t", "P", "Tên", "branch", None),
            "A code has at most 64 characters, none of them a control character.",
        ),
        (establish(0, "A", "P", "Tên", "village", None), "Unknown kind of unit: village."),
        (reclassify(0, "A", "village", None, True), "Unknown kind of unit: village."),
        (reclassify(0, "A", None, None, True), "Neither kind nor category is to change."),
    ],
)  # fmt: skip
def test_a_change_that_is_wrong_by_itself(steps: list[Step], said: str) -> None:
    assert problems(steps) == [said]


def test_every_problem_is_told_by_its_change() -> None:
    changes = [merge(0, [], "A"), rename(1, "A", "Tên"), rename(2, "A", ""), dissolve(3, "\0")]
    found = input_problems(replace(DECISION, title=""), changes, KINDS)
    assert [problem.change for problem in found] == [0, 0, 2, 3]
    assert {problem.code for problem in found} == {"BAD_USER_INPUT"}
    assert input_problems(DECISION, [], KINDS)[0].message == "A decision needs a change."


def test_a_key_is_told_apart_by_principal_and_key() -> None:
    assert key_digest("a", "b") == key_digest("a", "b")
    assert len({key_digest("a", "b c"), key_digest("a b", "c"), key_digest("\ud800", "")}) == 3


def test_a_category_is_null_or_says_something() -> None:
    """In every kind of change that gives one: an empty text would be a category of its own."""
    for given in (
        establish(0, "X", "A", "Tên", "branch", ""),
        reclassify(0, "A", None, " ", keeps_category=False),
        split(0, "A", [Part("X", "Tên", "", ("b",))], close=False),
    ):
        assert problems(given) == ["A category is not empty; without one it is null."]


def test_names_and_categories_have_an_end() -> None:
    for given in (rename(0, "A", "x" * 1_001), establish(0, "X", "A", "x", "branch", "x" * 1_001)):
        assert problems(given) == ["Names and categories have at most 1000 characters."]
    assert problems(rename(0, "A", "x" * 1_000)) == []
