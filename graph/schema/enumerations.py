"""The enumerations, in the order in which groups are sorted."""

import strawberry

from hierarchy.decision import ChangeKind
from hierarchy.placements import UnitStatus
from records.lists import RecordOrder
from records.record import (
    InspectionBody,
    InspectionGround,
    InspectionKind,
    InspectionStatus,
    MeetingForm,
    MeetingKind,
    Rating,
)
from records.summaries import Attribution

__all__ = [
    "Attribution",
    "ChangeKind",
    "InspectionBody",
    "InspectionGround",
    "InspectionKind",
    "InspectionStatus",
    "MeetingForm",
    "MeetingKind",
    "Rating",
    "RecordOrder",
    "UnitStatus",
]

strawberry.enum(
    ChangeKind, description="What may be changed about the tree: seven kinds of change."
)
strawberry.enum(UnitStatus, description="Whether a unit is open on the day asked for.")
strawberry.enum(RecordOrder, description="By the record's date, ties in one stable order.")
strawberry.enum(
    Attribution,
    description="Under which unit a record counts: where its unit stands on `asOf`, or where it "
    "stood on the record's own day. It moves records, it does not choose them: filters do.",
)
strawberry.enum(MeetingKind, description="Kinds of meeting.")
strawberry.enum(MeetingForm, description="How a meeting was held.")
strawberry.enum(Rating, description="The four ratings of a unit, best first.")
strawberry.enum(InspectionKind, description="Inspection or supervision.")
strawberry.enum(InspectionGround, description="The programme, signs of violation, or a complaint.")
strawberry.enum(InspectionBody, description="Which body of the inspecting unit inspects.")
strawberry.enum(InspectionStatus, description="How far an inspection has come.")
