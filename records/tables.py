"""The tables of records, and what keeps a record from being stored twice.

Every record belongs to a unit of the projection. `client_key` remembers under which key a
principal stored a record and what it said; `loaded_file` the bytes of record files that were
loaded. Enumerations are kept by their names in the schema. A record's own day (`held_on`, `day`)
is kept with it: of an evaluation 31 December of its year, of an inspection the day it was
concluded, else opened, else planned for.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from hierarchy.tables import Bytewise, Moment, metadata
from records.record import (
    InspectionBody,
    InspectionGround,
    InspectionKind,
    InspectionStatus,
    MeetingForm,
    MeetingKind,
    Rating,
)


def _enumeration(values: type) -> Enum:
    return Enum(values, native_enum=False, create_constraint=False, length=24)


meeting = Table(
    "meeting",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("unit_id", Integer, ForeignKey("unit.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("held_on", Date, nullable=False),
    Column("kind", _enumeration(MeetingKind), nullable=False),
    Column("form", _enumeration(MeetingForm), nullable=False),
    Column("topic", Text),
    Column("members_expected", Integer, nullable=False),
    Column("members_present", Integer, nullable=False),
    Column("documents_sent_on", Date),
    Column("minutes_kept", Boolean, nullable=False),
    Column("attended_by_higher_committee", Boolean, nullable=False),
    Column("score", Float),
    Index(None, "unit_id", "held_on", "id"),
    Index(None, "held_on", "id"),
)

evaluation = Table(
    "evaluation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("unit_id", Integer, ForeignKey("unit.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("year", Integer, nullable=False),
    Column("day", Date, nullable=False),
    Column("rating", _enumeration(Rating), nullable=False),
    Column("regulation", Text, nullable=False),
    Column("political_task", Boolean),
    Column("meeting_quality", Boolean),
    Column("unity_discipline", Boolean),
    Column("cadres_members", Boolean),
    Column("members_rated", Integer, nullable=False),
    Column("members_excellent", Integer, nullable=False),
    Column("members_good", Integer, nullable=False),
    Column("members_completed", Integer, nullable=False),
    Column("members_not_completed", Integer, nullable=False),
    UniqueConstraint("unit_id", "year"),
    Index(None, "year", "id"),
)

inspection = Table(
    "inspection",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("unit_id", Integer, ForeignKey("unit.id"), nullable=False),
    Column("by_unit_id", Integer, ForeignKey("unit.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("body", _enumeration(InspectionBody), nullable=False),
    Column("kind", _enumeration(InspectionKind), nullable=False),
    Column("ground", _enumeration(InspectionGround), nullable=False),
    Column("theme", Text),
    Column("planned_for", Date),
    Column("opened_on", Date),
    Column("concluded_on", Date),
    Column("day", Date, nullable=False),
    Column("status", _enumeration(InspectionStatus), nullable=False),
    Column("members_covered", Integer, nullable=False),
    Column("members_in_violation", Integer, nullable=False),
    Column("members_sanctioned", Integer, nullable=False),
    Index(None, "unit_id", "day", "id"),
    Index(None, "day", "id"),
)

client_key = Table(
    "client_key",
    metadata,
    Column("principal", Bytewise, primary_key=True),
    Column("key", Bytewise, primary_key=True),
    Column("resource", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("record_id", Uuid, nullable=False),
)

loaded_file = Table(
    "loaded_file",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("loaded_at", Moment, nullable=False),
)
