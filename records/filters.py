"""What narrows a list or a sum of records: values, and the conditions they are.

Null leaves out; an empty list matches nothing; ranges include both ends. The kind and category of
the unit are those of the tree on which the record counts, whose placement the caller gives. A
filter never widens anything: it is joined to the viewer's scope by `and`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement

from hierarchy.placements import storable
from records.record import (
    InspectionBody,
    InspectionGround,
    InspectionKind,
    InspectionStatus,
    MeetingForm,
    MeetingKind,
    Rating,
)

Columns = Any
Conditions = Iterator[ColumnElement[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingFilter:
    """Scores are 0 to 100, at least or below a bound; a meeting without one matches neither."""

    kind: tuple[MeetingKind, ...] | None = None
    form: tuple[MeetingForm, ...] | None = None
    held_from: date | None = None
    held_to: date | None = None
    unit_kind: tuple[str, ...] | None = None
    unit_category: tuple[str, ...] | None = None
    score_at_least: float | None = None
    score_below: float | None = None
    minutes_kept: bool | None = None
    attended_by_higher_committee: bool | None = None

    def conditions(self, record: Columns, stood: Columns) -> Conditions:
        yield from _among(record.kind, self.kind)
        yield from _among(record.form, self.form)
        yield from _between(record.held_on, self.held_from, self.held_to)
        yield from _of_unit(stood, self.unit_kind, self.unit_category)
        if self.score_at_least is not None:
            yield record.score >= self.score_at_least
        if self.score_below is not None:
            yield record.score < self.score_below
        yield from _is(record.minutes_kept, self.minutes_kept)
        yield from _is(record.attended_by_higher_committee, self.attended_by_higher_committee)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFilter:
    """`four_goods` matches evaluations where it is known."""

    rating: tuple[Rating, ...] | None = None
    year_from: int | None = None
    year_to: int | None = None
    unit_kind: tuple[str, ...] | None = None
    unit_category: tuple[str, ...] | None = None
    four_goods: bool | None = None

    def conditions(self, record: Columns, stood: Columns) -> Conditions:
        yield from _among(record.rating, self.rating)
        yield from _between(record.year, self.year_from, self.year_to)
        yield from _of_unit(stood, self.unit_kind, self.unit_category)
        if self.four_goods is not None:
            yield four_goods(record) if self.four_goods else lacks_a_good(record)


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionFilter:
    """Ranges of the quarter planned for and of the day concluded."""

    kind: tuple[InspectionKind, ...] | None = None
    ground: tuple[InspectionGround, ...] | None = None
    body: tuple[InspectionBody, ...] | None = None
    status: tuple[InspectionStatus, ...] | None = None
    planned_from: date | None = None
    planned_to: date | None = None
    concluded_from: date | None = None
    concluded_to: date | None = None
    unit_kind: tuple[str, ...] | None = None
    unit_category: tuple[str, ...] | None = None

    def conditions(self, record: Columns, stood: Columns) -> Conditions:
        yield from _among(record.kind, self.kind)
        yield from _among(record.ground, self.ground)
        yield from _among(record.body, self.body)
        yield from _among(record.status, self.status)
        yield from _between(record.planned_for, self.planned_from, self.planned_to)
        yield from _between(record.concluded_on, self.concluded_from, self.concluded_to)
        yield from _of_unit(stood, self.unit_kind, self.unit_category)


RecordFilter = MeetingFilter | EvaluationFilter | InspectionFilter


def four_goods(record: Columns) -> ColumnElement[bool]:
    """That all four goods hold (`002_…`, III.1)."""
    held: ColumnElement[bool] = (
        record.political_task.is_(True)
        & record.meeting_quality.is_(True)
        & record.unity_discipline.is_(True)
        & record.cadres_members.is_(True)
    )
    return held


def lacks_a_good(record: Columns) -> ColumnElement[bool]:
    """That all four are known and not all hold."""
    goods = (
        record.political_task,
        record.meeting_quality,
        record.unity_discipline,
        record.cadres_members,
    )
    known: Any = goods[0].is_not(None)
    for good in goods[1:]:
        known = known & good.is_not(None)
    lacking: ColumnElement[bool] = known & ~four_goods(record)
    return lacking


def _among(column: Any, values: tuple[Enum, ...] | tuple[str, ...] | None) -> Conditions:
    if values is not None:
        yield column.in_(values)


def _between(column: Any, first: Any, last: Any) -> Conditions:
    if first is not None:
        yield column >= first
    if last is not None:
        yield column <= last


def _of_unit(
    stood: Columns, kinds: tuple[str, ...] | None, categories: tuple[str, ...] | None
) -> Conditions:
    yield from _among(stood.kind, kinds)
    if categories is not None:
        yield stood.category.in_([text for text in categories if storable(text)])


def _is(column: Any, value: bool | None) -> Conditions:
    if value is not None:
        yield column.is_(value)
