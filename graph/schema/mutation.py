"""What can be written: records and decisions, each answered with what was stored."""

from datetime import date
from typing import Any

import strawberry
from strawberry import UNSET

from graph.resolvers import deciding, writing
from graph.resolvers.writing import Given
from graph.schema.deciding import DecisionInput, given_decision
from graph.schema.decisions import Decision
from graph.schema.enumerations import (
    InspectionBody,
    InspectionGround,
    InspectionKind,
    InspectionStatus,
    MeetingForm,
    MeetingKind,
    Rating,
)
from graph.schema.evaluations import Evaluation
from graph.schema.filters import given
from graph.schema.inspections import Inspection
from graph.schema.meetings import Meeting
from graph.schema.paging import Info
from records.lists import EVALUATIONS, INSPECTIONS, MEETINGS
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


@strawberry.type(
    description="All mutations of one request are stored together or not at all. `clientKey`: the "
    "same key from the same principal answers with what was first stored, and stores nothing again."
)
class Mutation:
    @strawberry.mutation(description="Records a meeting.")
    async def record_meeting(self, info: Info, input: RecordMeetingInput) -> Meeting:
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
        asked = Given(entry, input.unit_code, None, given(input.client_key))
        found: Any = await writing.record(info.context, MEETINGS, asked)
        return found

    @strawberry.mutation(description="Records an evaluation: one a unit and year.")
    async def record_evaluation(self, info: Info, input: RecordEvaluationInput) -> Evaluation:
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
        asked = Given(entry, input.unit_code, None, given(input.client_key))
        found: Any = await writing.record(info.context, EVALUATIONS, asked)
        return found

    @strawberry.mutation(description="Records an inspection.")
    async def record_inspection(self, info: Info, input: RecordInspectionInput) -> Inspection:
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
        asked = Given(entry, input.unit_code, input.by_unit_code, given(input.client_key))
        found: Any = await writing.record(info.context, INSPECTIONS, asked)
        return found

    @strawberry.mutation(
        description="Takes a decision of reorganisation: whole or not at all. Where it cannot be "
        "taken, extensions.problems has every reason."
    )
    async def decide(self, info: Info, input: DecisionInput) -> Decision:
        found: Any = await deciding.decide(info.context, given_decision(input))
        return found

    @strawberry.mutation(
        description="Takes a decision back. Only while no later decision, record or appointment "
        "holds on to what it made; else CONFLICT with how many, and the names of those in sight. "
        "Its codes and number stay used."
    )
    async def reverse_decision(self, info: Info, number: str, reason: str) -> Decision:
        found: Any = await deciding.reverse(info.context, number, reason)
        return found
