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

UNIT_KINDS = "Kinds of unit, by code: of the unit on the tree under which the record counts."
UNIT_CATEGORIES = "Categories of unit, likewise."


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
    kind: list[str] | None = strawberry.field(default=UNSET, description="Kinds, by code.")
    category: list[str] | None = strawberry.field(default=UNSET, description="Categories.")
    name_contains: str | None = strawberry.field(
        default=UNSET, description="Part of the name: case and diacritics do not count."
    )
    status: UnitStatus = strawberry.field(
        default=UnitStatus.OPEN, description="Open ones, closed ones, or any."
    )


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
    kind: list[MeetingKind] | None = strawberry.field(
        default=UNSET, description="Kinds of meeting."
    )
    form: list[MeetingForm] | None = strawberry.field(default=UNSET, description="How it was held.")
    held_from: date | None = strawberry.field(
        default=UNSET, description="Held on this day or later."
    )
    held_to: date | None = strawberry.field(
        default=UNSET, description="Held on this day or before."
    )
    unit_kind: list[str] | None = strawberry.field(default=UNSET, description=UNIT_KINDS)
    unit_category: list[str] | None = strawberry.field(default=UNSET, description=UNIT_CATEGORIES)
    score_at_least: float | None = strawberry.field(
        default=UNSET, description="Scored this or more."
    )
    score_below: float | None = strawberry.field(
        default=UNSET, description="Scored less than this."
    )
    minutes_kept: bool | None = strawberry.field(
        default=UNSET, description="Whether minutes were kept."
    )
    attended_by_higher_committee: bool | None = strawberry.field(
        default=UNSET, description="Whether a member of a higher committee attended."
    )


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
    rating: list[Rating] | None = strawberry.field(default=UNSET, description="Ratings.")
    year_from: int | None = strawberry.field(default=UNSET, description="Of this year or later.")
    year_to: int | None = strawberry.field(default=UNSET, description="Of this year or before.")
    unit_kind: list[str] | None = strawberry.field(default=UNSET, description=UNIT_KINDS)
    unit_category: list[str] | None = strawberry.field(default=UNSET, description=UNIT_CATEGORIES)
    four_goods: bool | None = strawberry.field(
        default=UNSET,
        description="Whether all four goods hold; neither, where one of them was not judged.",
    )


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
    kind: list[InspectionKind] | None = strawberry.field(
        default=UNSET, description="Inspection or supervision."
    )
    ground: list[InspectionGround] | None = strawberry.field(default=UNSET, description="Grounds.")
    body: list[InspectionBody] | None = strawberry.field(
        default=UNSET, description="Bodies that inspect."
    )
    status: list[InspectionStatus] | None = strawberry.field(
        default=UNSET, description="How far it has come."
    )
    planned_from: date | None = strawberry.field(
        default=UNSET, description="Planned for this day or later."
    )
    planned_to: date | None = strawberry.field(
        default=UNSET, description="Planned for this day or before."
    )
    concluded_from: date | None = strawberry.field(
        default=UNSET, description="Concluded on this day or later."
    )
    concluded_to: date | None = strawberry.field(
        default=UNSET, description="Concluded on this day or before."
    )
    unit_kind: list[str] | None = strawberry.field(default=UNSET, description=UNIT_KINDS)
    unit_category: list[str] | None = strawberry.field(default=UNSET, description=UNIT_CATEGORIES)


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
