"""The records that committees keep: meetings, evaluations, inspections, as values.

Pure: enumerations, what is given to be stored, and what is stored. Counts are of members, never
of persons; days are `date`. It never touches a database. Which records may be taken is decided in
`records/rules.py`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from uuid import UUID

from hierarchy.unit import Placed


class MeetingKind(Enum):
    """Kinds of meeting (`domain.md`, 3)."""

    REGULAR = "REGULAR"
    THEMATIC = "THEMATIC"
    COMMITTEE = "COMMITTEE"
    ASSEMBLY = "ASSEMBLY"
    GROUP = "GROUP"


class MeetingForm(Enum):
    """How a meeting is held (`000_…`, III.1.3)."""

    IN_PERSON = "IN_PERSON"
    ONLINE = "ONLINE"
    HYBRID = "HYBRID"


class Rating(Enum):
    """The four ratings of a unit (`domain.md`, 4), best first."""

    EXCELLENT = "EXCELLENT"
    GOOD = "GOOD"
    COMPLETED = "COMPLETED"
    NOT_COMPLETED = "NOT_COMPLETED"


class InspectionKind(Enum):
    """Inspection or supervision (`domain.md`, 5)."""

    INSPECTION = "INSPECTION"
    SUPERVISION = "SUPERVISION"


class InspectionGround(Enum):
    """Why a unit is inspected: the programme, signs of violation, or a complaint."""

    PROGRAMME = "PROGRAMME"
    SIGNS = "SIGNS"
    COMPLAINT = "COMPLAINT"


class InspectionBody(Enum):
    """Which body of the inspecting unit inspects."""

    COMMITTEE = "COMMITTEE"
    INSPECTION_COMMISSION = "INSPECTION_COMMISSION"
    BRANCH = "BRANCH"


class InspectionStatus(Enum):
    """How far an inspection has come."""

    PLANNED = "PLANNED"
    OPEN = "OPEN"
    CONCLUDED = "CONCLUDED"
    CANCELLED = "CANCELLED"


class RecordKind(Enum):
    """Kinds of record; the value in small letters is the resource of the policy."""

    MEETING = "MEETING"
    EVALUATION = "EVALUATION"
    INSPECTION = "INSPECTION"

    @property
    def resource(self) -> str:
        return self.value.lower()


class RecordChangeKind(Enum):
    """What was done to a record."""

    RECORDED = "RECORDED"
    REVISED = "REVISED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class MeetingEntry:
    """A meeting as it is given to be stored; `score` is 0 to 100, null until scored."""

    held_on: date
    kind: MeetingKind
    form: MeetingForm
    topic: str | None
    members_expected: int
    members_present: int
    documents_sent_on: date | None
    minutes_kept: bool
    attended_by_higher_committee: bool
    score: float | None


@dataclass(frozen=True, slots=True)
class EvaluationEntry:
    """A unit's yearly evaluation as decided above it; counts are of members rated."""

    year: int
    rating: Rating
    regulation: str
    political_task: bool | None
    meeting_quality: bool | None
    unity_discipline: bool | None
    cadres_members: bool | None
    members_rated: int
    members_excellent: int
    members_good: int
    members_completed: int
    members_not_completed: int

    @property
    def day(self) -> date:
        """The evaluation's own day: the last of its year."""
        return date(self.year, 12, 31)


@dataclass(frozen=True, slots=True)
class InspectionEntry:
    """An inspection as it is given to be stored; the inspecting unit is named beside it."""

    body: InspectionBody
    kind: InspectionKind
    ground: InspectionGround
    theme: str | None
    planned_for: date | None
    opened_on: date | None
    concluded_on: date | None
    status: InspectionStatus
    members_covered: int
    members_in_violation: int
    members_sanctioned: int

    @property
    def day(self) -> date | None:
        """The inspection's date: concluded, else opened, else planned for."""
        return self.concluded_on or self.opened_on or self.planned_for

    @property
    def is_open_on_signs(self) -> bool:
        """Whether it is on signs of violation and not concluded (`domain.md`, 5)."""
        is_concluded = self.status is InspectionStatus.CONCLUDED
        return self.ground is InspectionGround.SIGNS and not is_concluded


Entry = MeetingEntry | EvaluationEntry | InspectionEntry


@dataclass(frozen=True, slots=True)
class Meeting:
    """A stored meeting. `revision` is 1 when first recorded; `unit` is set where asked for."""

    id: UUID
    unit_id: int
    revision: int
    recorded_at: datetime
    held_on: date
    kind: MeetingKind
    form: MeetingForm
    topic: str | None
    members_expected: int
    members_present: int
    documents_sent_on: date | None
    minutes_kept: bool
    attended_by_higher_committee: bool
    score: float | None
    unit: Placed | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A stored evaluation: one a unit and year."""

    id: UUID
    unit_id: int
    revision: int
    recorded_at: datetime
    year: int
    rating: Rating
    regulation: str
    political_task: bool | None
    meeting_quality: bool | None
    unity_discipline: bool | None
    cadres_members: bool | None
    members_rated: int
    members_excellent: int
    members_good: int
    members_completed: int
    members_not_completed: int
    unit: Placed | None = None

    @property
    def four_goods(self) -> bool | None:
        """Whether all four goods hold (`002_…`); null when one of them is not known."""
        goods = (
            self.political_task,
            self.meeting_quality,
            self.unity_discipline,
            self.cadres_members,
        )
        return None if None in goods else all(goods)


@dataclass(frozen=True, slots=True)
class Inspection:
    """A stored inspection of `unit_id` by `by_unit_id`; `day` is its date."""

    id: UUID
    unit_id: int
    by_unit_id: int
    revision: int
    recorded_at: datetime
    body: InspectionBody
    kind: InspectionKind
    ground: InspectionGround
    theme: str | None
    planned_for: date | None
    opened_on: date | None
    concluded_on: date | None
    day: date
    status: InspectionStatus
    members_covered: int
    members_in_violation: int
    members_sanctioned: int
    unit: Placed | None = None

    @property
    def is_open_on_signs(self) -> bool:
        """Whether it was opened on signs of violation and is not concluded (`domain.md`, 5)."""
        is_concluded = self.status is InspectionStatus.CONCLUDED
        return self.ground is InspectionGround.SIGNS and not is_concluded


Record = Meeting | Evaluation | Inspection
