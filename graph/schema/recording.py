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
    client_key: str | None = strawberry.field(
        default=UNSET,
        description="Chosen by the client: sent again, the same key stores nothing twice.",
    )
    unit_code: str = strawberry.field(description="The code of the unit that met.")
    held_on: date = strawberry.field(description="The day it was held.")
    kind: MeetingKind = strawberry.field(description="The kind of meeting.")
    form: MeetingForm = strawberry.field(description="How it was held.")
    topic: str | None = strawberry.field(default=UNSET, description="What it was about.")
    members_expected: int = strawberry.field(description="How many members were to be there.")
    members_present: int = strawberry.field(description="How many of them were there.")
    documents_sent_on: date | None = strawberry.field(
        default=UNSET,
        description="The day its documents were sent to the members; null where none were.",
    )
    minutes_kept: bool = strawberry.field(default=False, description="Whether minutes were kept.")
    attended_by_higher_committee: bool = strawberry.field(
        default=False, description="Whether a member of a higher committee attended."
    )
    score: float | None = strawberry.field(
        default=UNSET, description="Its quality: 0 to 100; null until scored."
    )


@strawberry.input(description="An evaluation to be recorded. Counts are at most 1,000,000.")
class RecordEvaluationInput:
    client_key: str | None = strawberry.field(
        default=UNSET,
        description="Chosen by the client: sent again, the same key stores nothing twice.",
    )
    unit_code: str = strawberry.field(description="The code of the unit evaluated.")
    year: int = strawberry.field(description="The year evaluated.")
    rating: Rating = strawberry.field(description="The unit's rating.")
    regulation: str = strawberry.field(
        description="The regulation it was made under, e.g. 132-QĐ/TW."
    )
    political_task: bool | None = strawberry.field(
        default=UNSET,
        description="Good at the political task, the first of the four goods (bốn tốt); null "
        "where not judged.",
    )
    meeting_quality: bool | None = strawberry.field(
        default=UNSET, description="Good meetings, the second; null where not judged."
    )
    unity_discipline: bool | None = strawberry.field(
        default=UNSET, description="Good unity and discipline, the third; null where not judged."
    )
    cadres_members: bool | None = strawberry.field(
        default=UNSET, description="Good cadres and members, the fourth; null where not judged."
    )
    members_rated: int = strawberry.field(description="How many members were rated.")
    members_excellent: int = strawberry.field(description="How many of them EXCELLENT.")
    members_good: int = strawberry.field(description="How many of them GOOD.")
    members_completed: int = strawberry.field(description="How many of them COMPLETED.")
    members_not_completed: int = strawberry.field(description="How many of them NOT_COMPLETED.")


@strawberry.input(
    description="An inspection to be recorded. `byUnitCode`: the inspected unit itself or one "
    "above it; the recorder needs the right for both."
)
class RecordInspectionInput:
    client_key: str | None = strawberry.field(
        default=UNSET,
        description="Chosen by the client: sent again, the same key stores nothing twice.",
    )
    unit_code: str = strawberry.field(description="The code of the unit inspected.")
    by_unit_code: str = strawberry.field(description="The code of the unit that inspects.")
    body: InspectionBody = strawberry.field(
        description="The body of the inspecting unit that inspects."
    )
    kind: InspectionKind = strawberry.field(description="Inspection or supervision.")
    ground: InspectionGround = strawberry.field(description="Why the unit is inspected.")
    theme: str | None = strawberry.field(default=UNSET, description="What is looked at.")
    planned_for: date | None = strawberry.field(
        default=UNSET,
        description="First day of the quarter it is planned for; null where unplanned.",
    )
    opened_on: date | None = strawberry.field(
        default=UNSET, description="The day it was opened; null before."
    )
    concluded_on: date | None = strawberry.field(
        default=UNSET, description="The day it was concluded; null before."
    )
    status: InspectionStatus = strawberry.field(description="How far it has come.")
    members_covered: int = strawberry.field(default=0, description="How many members it covers.")
    members_in_violation: int = strawberry.field(
        default=0, description="How many of them were found in violation."
    )
    members_sanctioned: int = strawberry.field(
        default=0, description="How many of them were sanctioned."
    )


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
