"""What clients give to be recorded or revised, and how it becomes an entry of a record."""

from datetime import date

import strawberry
from strawberry import UNSET

from graph.resolvers.writing import Given
from graph.schema.enumerations import (
    InspectionBody,
    InspectionGround,
    InspectionKind,
    InspectionStatus,
    MeetingForm,
    MeetingKind,
    Rating,
)
from graph.schema.filters import given
from records.record import EvaluationEntry, InspectionEntry, MeetingEntry


@strawberry.input(description="A meeting to be recorded. Counts are at most 1,000,000.")
class RecordMeetingInput:
    client_key: str | None = UNSET
    unit_code: str
    held_on: date
    kind: MeetingKind
    form: MeetingForm
    topic: str | None = UNSET
    members_expected: int
    members_present: int
    documents_sent_on: date | None = UNSET
    minutes_kept: bool = False
    attended_by_higher_committee: bool = False
    score: float | None = UNSET


@strawberry.input(description="An evaluation to be recorded. Counts are at most 1,000,000.")
class RecordEvaluationInput:
    client_key: str | None = UNSET
    unit_code: str
    year: int
    rating: Rating
    regulation: str
    political_task: bool | None = UNSET
    meeting_quality: bool | None = UNSET
    unity_discipline: bool | None = UNSET
    cadres_members: bool | None = UNSET
    members_rated: int
    members_excellent: int
    members_good: int
    members_completed: int
    members_not_completed: int


@strawberry.input(
    description="An inspection to be recorded. `byUnitCode`: the inspected unit itself or one "
    "above it; the recorder needs the right for both."
)
class RecordInspectionInput:
    client_key: str | None = UNSET
    unit_code: str
    by_unit_code: str
    body: InspectionBody
    kind: InspectionKind
    ground: InspectionGround
    theme: str | None = UNSET
    planned_for: date | None = UNSET
    opened_on: date | None = UNSET
    concluded_on: date | None = UNSET
    status: InspectionStatus
    members_covered: int = 0
    members_in_violation: int = 0
    members_sanctioned: int = 0


def given_meeting(input: RecordMeetingInput) -> Given:
    """A meeting as a client gives it."""
    entry = MeetingEntry(
        held_on=input.held_on,
        kind=input.kind,
        form=input.form,
        topic=given(input.topic),
        members_expected=input.members_expected,
        members_present=input.members_present,
        documents_sent_on=given(input.documents_sent_on),
        minutes_kept=input.minutes_kept,
        attended_by_higher_committee=input.attended_by_higher_committee,
        score=given(input.score),
    )
    return Given(entry, input.unit_code, None, given(input.client_key))


def given_evaluation(input: RecordEvaluationInput) -> Given:
    """An evaluation as a client gives it."""
    entry = EvaluationEntry(
        year=input.year,
        rating=input.rating,
        regulation=input.regulation,
        political_task=given(input.political_task),
        meeting_quality=given(input.meeting_quality),
        unity_discipline=given(input.unity_discipline),
        cadres_members=given(input.cadres_members),
        members_rated=input.members_rated,
        members_excellent=input.members_excellent,
        members_good=input.members_good,
        members_completed=input.members_completed,
        members_not_completed=input.members_not_completed,
    )
    return Given(entry, input.unit_code, None, given(input.client_key))


def given_inspection(input: RecordInspectionInput) -> Given:
    """An inspection as a client gives it."""
    entry = InspectionEntry(
        body=input.body,
        kind=input.kind,
        ground=input.ground,
        theme=given(input.theme),
        planned_for=given(input.planned_for),
        opened_on=given(input.opened_on),
        concluded_on=given(input.concluded_on),
        status=input.status,
        members_covered=input.members_covered,
        members_in_violation=input.members_in_violation,
        members_sanctioned=input.members_sanctioned,
    )
    return Given(entry, input.unit_code, input.by_unit_code, given(input.client_key))
