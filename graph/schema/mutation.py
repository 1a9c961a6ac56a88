"""What can be written: records, decisions, rights and views, each answered with what was stored."""

from datetime import date
from typing import Annotated, Any

import strawberry
from strawberry import UNSET, argument

from graph.resolvers import appointing, correcting, deciding, granting, saving, writing
from graph.resolvers.correcting import Revising
from graph.schema.appointments import AppointInput, Appointment, given_appointment
from graph.schema.deciding import DecisionInput, given_decision
from graph.schema.decisions import Decision
from graph.schema.evaluations import Evaluation
from graph.schema.filters import given
from graph.schema.grants import Grant, GrantInput, given_grant
from graph.schema.inspections import Inspection
from graph.schema.meetings import Meeting
from graph.schema.paging import Info
from graph.schema.recording import (
    RecordEvaluationInput,
    RecordInspectionInput,
    RecordMeetingInput,
    given_evaluation,
    given_inspection,
    given_meeting,
)
from graph.schema.views import SaveViewInput, View, given_view
from records.lists import EVALUATIONS, INSPECTIONS, MEETINGS

Id = Annotated[strawberry.ID, argument(description="The record's id.")]
Revision = Annotated[int, argument(description="The revision that was read.")]
Reason = Annotated[str, argument(description="Why: kept in the trail.")]
ReasonGiven = Annotated[
    str | None, argument(description="Why, where there is something to say: kept in the trail.")
]
INPUT = argument(description="What is to be stored.")


@strawberry.type(
    description="All mutations of one request are stored together or not at all. `clientKey`: the "
    "same key from the same principal answers with what was first stored, as it is now, and stores "
    "nothing again; with other content, or once withdrawn, it is CONFLICT."
)
class Mutation:
    @strawberry.mutation(description="Records a meeting.")
    async def record_meeting(
        self, info: Info, input: Annotated[RecordMeetingInput, INPUT]
    ) -> Meeting:
        found: Any = await writing.record(info.context, MEETINGS, given_meeting(input))
        return found

    @strawberry.mutation(description="Records an evaluation: one a unit and year.")
    async def record_evaluation(
        self, info: Info, input: Annotated[RecordEvaluationInput, INPUT]
    ) -> Evaluation:
        found: Any = await writing.record(info.context, EVALUATIONS, given_evaluation(input))
        return found

    @strawberry.mutation(description="Records an inspection.")
    async def record_inspection(
        self, info: Info, input: Annotated[RecordInspectionInput, INPUT]
    ) -> Inspection:
        found: Any = await writing.record(info.context, INSPECTIONS, given_inspection(input))
        return found

    @strawberry.mutation(
        description="Replaces all that a meeting says, but its unit. `revision` is the one that "
        "was read: an older one is CONFLICT. All versions are kept, with who, when and why."
    )
    async def revise_meeting(
        self,
        info: Info,
        id: Id,
        revision: Revision,
        input: Annotated[RecordMeetingInput, INPUT],
        reason: ReasonGiven = UNSET,
    ) -> Meeting:
        asked = Revising(id, revision, given_meeting(input), given(reason))
        found: Any = await correcting.revise(info.context, MEETINGS, asked)
        return found

    @strawberry.mutation(
        description="Replaces all that an evaluation says, but its unit and year; `revision` as of "
        "reviseMeeting."
    )
    async def revise_evaluation(
        self,
        info: Info,
        id: Id,
        revision: Revision,
        input: Annotated[RecordEvaluationInput, INPUT],
        reason: ReasonGiven = UNSET,
    ) -> Evaluation:
        asked = Revising(id, revision, given_evaluation(input), given(reason))
        found: Any = await correcting.revise(info.context, EVALUATIONS, asked)
        return found

    @strawberry.mutation(
        description="Replaces all that an inspection says, but its unit; `revision` as of "
        "reviseMeeting. Its status stays, or goes from PLANNED to OPEN to CONCLUDED, or from one "
        "of the first two to CANCELLED."
    )
    async def revise_inspection(
        self,
        info: Info,
        id: Id,
        revision: Revision,
        input: Annotated[RecordInspectionInput, INPUT],
        reason: ReasonGiven = UNSET,
    ) -> Inspection:
        asked = Revising(id, revision, given_inspection(input), given(reason))
        found: Any = await correcting.revise(info.context, INSPECTIONS, asked)
        return found

    @strawberry.mutation(
        description="Withdraws a record: it is gone from every list and sum, and its id, which is "
        "answered, reads as unknown. All versions are kept. `revision` as of reviseMeeting."
    )
    async def withdraw(
        self, info: Info, id: Id, revision: Revision, reason: Reason
    ) -> strawberry.ID:
        await correcting.withdraw(info.context, id, revision, reason)
        return id

    @strawberry.mutation(
        description="Takes a decision of reorganisation: whole or not at all. Where it cannot be "
        "taken, extensions.problems has every reason."
    )
    async def decide(self, info: Info, input: Annotated[DecisionInput, INPUT]) -> Decision:
        found: Any = await deciding.decide(info.context, given_decision(input))
        return found

    @strawberry.mutation(
        description="Takes a decision back. Only while no later decision, record, appointment, "
        "grant or view holds on to what it made; else CONFLICT with how many, and the names of "
        "those in sight. Its codes and number stay used."
    )
    async def reverse_decision(
        self,
        info: Info,
        number: Annotated[str, argument(description="The decision's number.")],
        reason: Reason,
    ) -> Decision:
        found: Any = await deciding.reverse(info.context, number, reason)
        return found

    @strawberry.mutation(
        description="Makes an appointment: of whom one likes but oneself, to the roles and in the "
        "subtree that the policy gives. It counts from the next request on."
    )
    async def appoint(self, info: Info, input: Annotated[AppointInput, INPUT]) -> Appointment:
        found: Any = await appointing.appoint(info.context, given_appointment(input))
        return found

    @strawberry.mutation(
        description="Ends an appointment: from `on` (not before today, not after its validTo) it "
        "no longer holds. The right to make it is the right to end it."
    )
    async def end_appointment(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="The appointment's id.")],
        on: Annotated[date, argument(description="First day on which it no longer holds.")],
    ) -> Appointment:
        found: Any = await appointing.end(info.context, id, on)
        return found

    @strawberry.mutation(
        description="Lets holders of roles at another unit see a unit's subtree, for a purpose and "
        "a time; never more than the grantor's own appointments show there."
    )
    async def grant(self, info: Info, input: Annotated[GrantInput, INPUT]) -> Grant:
        found: Any = await granting.grant(info.context, given_grant(input))
        return found

    @strawberry.mutation(description="Ends a grant at once.")
    async def revoke_grant(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="The grant's id.")],
        reason: Reason,
    ) -> Grant:
        found: Any = await granting.revoke(info.context, id, reason)
        return found

    @strawberry.mutation(
        description="Saves a view. The same unit and name: a new revision, or none where it says "
        "the same."
    )
    async def save_view(self, info: Info, input: Annotated[SaveViewInput, INPUT]) -> View:
        found: Any = await saving.save(info.context, given_view(input))
        return found

    @strawberry.mutation(
        description="Deletes a view, and answers with its id. The right to save it is the right to "
        "delete it."
    )
    async def delete_view(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The view's id.")]
    ) -> strawberry.ID:
        await saving.delete(info.context, id)
        return id
