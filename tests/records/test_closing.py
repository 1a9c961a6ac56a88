"""Until which day the records of a year are written, by rows alone."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierarchy.unit import Placed, label
from records.closing import (
    YearClosing,
    directly_above,
    is_further_above,
    last_day,
    years_of,
)
from records.record import (
    Evaluation,
    EvaluationEntry,
    InspectionBody,
    InspectionEntry,
    InspectionGround,
    InspectionKind,
    InspectionStatus,
    Meeting,
    MeetingEntry,
    MeetingForm,
    MeetingKind,
    Rating,
)

MARCH = YearClosing(date(1, 1, 1), None, 3, 31)


@pytest.mark.parametrize(
    ("closing", "year", "day"),
    [
        (MARCH, 2024, date(2025, 3, 31)),
        (MARCH, 1, date(2, 3, 31)),
        (MARCH, 9999, None),
        (YearClosing(date(1, 1, 1), None, 2, 30), 2023, date(2024, 2, 29)),
        (YearClosing(date(1, 1, 1), None, 2, 30), 2024, date(2025, 2, 28)),
        (YearClosing(date(1, 1, 1), None, 12, 31), 2024, date(2025, 12, 31)),
    ],
    ids=str,
)
def test_a_year_is_open_until_a_day_of_the_next(
    closing: YearClosing, year: int, day: date | None
) -> None:
    """A day that the month does not have is its last; after the last year there is no day."""
    assert last_day([closing], year) == day


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "holds"),
    [
        (date(2024, 12, 31), None, True),
        (date(2025, 1, 1), None, False),
        (date(1, 1, 1), date(2024, 12, 31), False),
        (date(1, 1, 1), date(2025, 1, 1), True),
    ],
    ids=str,
)
def test_a_row_holds_by_the_last_day_of_the_year(
    valid_from: date, valid_to: date | None, holds: bool
) -> None:
    closing = YearClosing(valid_from, valid_to, 1, 15)
    assert last_day([closing], 2024) == (date(2025, 1, 15) if holds else None)


def test_without_a_row_a_year_is_never_closed() -> None:
    assert last_day([], 1950) is None


def test_of_several_rows_the_newest_decides() -> None:
    newer = YearClosing(date(2020, 1, 1), None, 6, 30)
    for rows in ([MARCH, newer], [newer, MARCH]):
        assert last_day(rows, 2024) == date(2025, 6, 30)
        assert last_day(rows, 2019) == date(2020, 3, 31)


_COUNTS = 0, 0, 0, 0, 0
_MEETING: Any = (MeetingKind.REGULAR, MeetingForm.ONLINE, None, 1, 1, None, True, False, None)
_EVALUATION: Any = (Rating.GOOD, "132-QĐ/TW", None, None, None, None, *_COUNTS)
_STORED: Any = (UUID(int=1), 1, 1, datetime(2030, 1, 1))


def inspection(**days: date) -> InspectionEntry:
    none: dict[str, Any] = dict.fromkeys(("planned_for", "opened_on", "concluded_on"))
    return InspectionEntry(
        body=InspectionBody.COMMITTEE,
        kind=InspectionKind.INSPECTION,
        ground=InspectionGround.PROGRAMME,
        theme=None,
        status=InspectionStatus.CONCLUDED,
        members_covered=0,
        members_in_violation=0,
        members_sanctioned=0,
        **(none | days),
    )


def test_a_record_is_of_the_year_of_its_own_day() -> None:
    """Stored or given; an inspection's is the day it was concluded, else opened, else planned."""
    assert years_of(MeetingEntry(date(2024, 1, 1), *_MEETING)) == {2024}
    assert years_of(Meeting(*_STORED, date(2023, 12, 31), *_MEETING)) == {2023}
    assert years_of(EvaluationEntry(2022, *_EVALUATION)) == {2022}
    assert years_of(Evaluation(*_STORED, 2021, *_EVALUATION)) == {2021}
    planned, opened, concluded = (date(year, 10, 1) for year in (2022, 2023, 2024))
    assert years_of(inspection(planned_for=planned)) == {2022}
    assert years_of(inspection(planned_for=planned, opened_on=opened)) == {2023}
    whole = inspection(planned_for=planned, opened_on=opened, concluded_on=concluded)
    assert years_of(whole, inspection(opened_on=opened)) == {2024, 2023}


def placed(ids: list[int], rank: int) -> Placed:
    path = "".join(map(label, ids))
    begun = date(2000, 1, 1)
    depth = len(ids) - 1
    return Placed(ids[-1], path, path, "k", None, rank, None, path, depth, begun, None, begun)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=5))
def test_what_lies_further_above_is_above_and_another(ids: list[int]) -> None:
    """As a walk up the tree says it; the top has nobody further above."""
    chain = [placed(ids[:end], end) for end in range(1, len(ids) + 1)]
    lowest, others = chain[-1], [placed([*ids, 9], 0), placed([9], 0)]
    for other in [*chain, *others]:
        assert is_further_above(other, lowest) == (other in chain[:-1])
    assert directly_above(lowest, chain) == chain[max(0, len(ids) - 2)]


def test_a_successor_is_not_above_what_was_merged_into_it() -> None:
    """It stands under its successor, which is of the same rank: the committee above both is."""
    district, successor, merged = placed([1], 2), placed([1, 2], 3), placed([1, 2, 3], 3)
    assert not is_further_above(successor, merged)
    assert is_further_above(district, merged)
    assert directly_above(merged, [district, successor, merged]) == district
