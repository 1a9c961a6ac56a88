"""Inputs that narrow lists and sums. Null leaves out; an empty list matches nothing."""

from datetime import date
from typing import TypeVar

import strawberry
from strawberry import UNSET

from graph.schema.enumerations import (
    InspectionBody,
    InspectionGround,
    InspectionKind,
    InspectionStatus,
    MeetingForm,
    MeetingKind,
    Rating,
    UnitStatus,
)
from hierarchy import placements
from hierarchy.errors import BadInput
from records import filters

T = TypeVar("T")

MAX_LISTED = 1_000
"""The most different elements of a list in a filter."""


def given(value: T | None) -> T | None:
    """What was given; null where it was left out."""
    return None if value is UNSET else value


def listed(values: list[T] | None, field: str) -> tuple[T, ...] | None:
    """A list as a value that can be compared and kept, each element once."""
    if values is UNSET or values is None:
        return None
    distinct = tuple(dict.fromkeys(values))
    if len(distinct) > MAX_LISTED:
        raise BadInput(
            "A list in a filter has at most {limit} elements.", field=field, limit=MAX_LISTED
        )
    return distinct


@strawberry.input(
    description="`nameContains` ignores case and diacritics (đ is d) and knows no wildcard. "
    "`status` is that of the day asked for."
)
class UnitFilter:
    kind: list[str] | None = UNSET
    category: list[str] | None = UNSET
    name_contains: str | None = UNSET
    status: UnitStatus = UnitStatus.OPEN


def unit_filter(chosen: UnitFilter | None) -> placements.UnitFilter:
    """The filter of units; open ones where none is given."""
    if chosen is UNSET or chosen is None:
        return placements.UnitFilter()
    return placements.UnitFilter(
        listed(chosen.kind, "kind"),
        listed(chosen.category, "category"),
        given(chosen.name_contains),
        chosen.status,
    )


@strawberry.input(description="Ranges include both ends.")
class MeetingFilter:
    kind: list[MeetingKind] | None = UNSET
    form: list[MeetingForm] | None = UNSET
    held_from: date | None = UNSET
    held_to: date | None = UNSET
    unit_kind: list[str] | None = UNSET
    unit_category: list[str] | None = UNSET
    score_at_least: float | None = UNSET
    score_below: float | None = UNSET
    minutes_kept: bool | None = UNSET
    attended_by_higher_committee: bool | None = UNSET


def meeting_filter(chosen: MeetingFilter | None) -> filters.MeetingFilter:
    if chosen is UNSET or chosen is None:
        return filters.MeetingFilter()
    return filters.MeetingFilter(
        kind=listed(chosen.kind, "kind"),
        form=listed(chosen.form, "form"),
        held_from=given(chosen.held_from),
        held_to=given(chosen.held_to),
        unit_kind=listed(chosen.unit_kind, "unit_kind"),
        unit_category=listed(chosen.unit_category, "unit_category"),
        score_at_least=given(chosen.score_at_least),
        score_below=given(chosen.score_below),
        minutes_kept=given(chosen.minutes_kept),
        attended_by_higher_committee=given(chosen.attended_by_higher_committee),
    )


@strawberry.input(description="Ranges include both ends.")
class EvaluationFilter:
    rating: list[Rating] | None = UNSET
    year_from: int | None = UNSET
    year_to: int | None = UNSET
    unit_kind: list[str] | None = UNSET
    unit_category: list[str] | None = UNSET
    four_goods: bool | None = UNSET


def evaluation_filter(chosen: EvaluationFilter | None) -> filters.EvaluationFilter:
    if chosen is UNSET or chosen is None:
        return filters.EvaluationFilter()
    return filters.EvaluationFilter(
        rating=listed(chosen.rating, "rating"),
        year_from=given(chosen.year_from),
        year_to=given(chosen.year_to),
        unit_kind=listed(chosen.unit_kind, "unit_kind"),
        unit_category=listed(chosen.unit_category, "unit_category"),
        four_goods=given(chosen.four_goods),
    )


@strawberry.input(description="Ranges include both ends.")
class InspectionFilter:
    kind: list[InspectionKind] | None = UNSET
    ground: list[InspectionGround] | None = UNSET
    body: list[InspectionBody] | None = UNSET
    status: list[InspectionStatus] | None = UNSET
    planned_from: date | None = UNSET
    planned_to: date | None = UNSET
    concluded_from: date | None = UNSET
    concluded_to: date | None = UNSET
    unit_kind: list[str] | None = UNSET
    unit_category: list[str] | None = UNSET


def inspection_filter(chosen: InspectionFilter | None) -> filters.InspectionFilter:
    if chosen is UNSET or chosen is None:
        return filters.InspectionFilter()
    return filters.InspectionFilter(
        kind=listed(chosen.kind, "kind"),
        ground=listed(chosen.ground, "ground"),
        body=listed(chosen.body, "body"),
        status=listed(chosen.status, "status"),
        planned_from=given(chosen.planned_from),
        planned_to=given(chosen.planned_to),
        concluded_from=given(chosen.concluded_from),
        concluded_to=given(chosen.concluded_to),
        unit_kind=listed(chosen.unit_kind, "unit_kind"),
        unit_category=listed(chosen.unit_category, "unit_category"),
    )
