"""The tables of records and of their trail, what keeps a record from being stored twice, and views.

Every record belongs to a unit of the projection. `client_key` remembers under which key a
principal stored a record and what it said; `loaded_file` the bytes of record files that were
loaded. Enumerations are kept by their names in the schema. A record's own day (`held_on`, `day`)
is kept with it: of an evaluation 31 December of its year, of an inspection the day it was
concluded, else opened, else planned for. `recorded_from_id` is the unit whose office recorded it,
null where an operator did.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
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

from hierarchy.tables import Bytewise, Moment, metadata, only_where
from records.record import (
    InspectionBody,
    InspectionGround,
    InspectionKind,
    InspectionStatus,
    MeetingForm,
    MeetingKind,
    Rating,
    RecordChangeKind,
)


def _enumeration(values: type) -> Enum:
    return Enum(values, native_enum=False, create_constraint=False, length=24)


meeting = Table(
    "meeting",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("unit_id", Integer, ForeignKey("unit.id"), nullable=False),
    Column("recorded_from_id", Integer),
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
    Column("recorded_from_id", Integer),
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
    Column("recorded_from_id", Integer),
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

record_version = Table(
    "record_version",
    metadata,
    Column("record_id", Uuid, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("resource", Text, nullable=False),
    Column("unit_id", Integer, nullable=False),
    Column("by_unit_id", Integer),
    Column("content", JSON, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("recorded_from_id", Integer),
    Column("on_signs", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
)
"""What records said before they were revised, and withdrawn ones as they last were; who and why
stands in the trail. `on_signs`: an inspection on SIGNS that was not concluded."""

year_closing = Table(
    "year_closing",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("valid_from", Date, primary_key=True),
    Column("valid_to", Date),
    Column("month", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    CheckConstraint("month BETWEEN 1 AND 12", name="month"),
    CheckConstraint("day BETWEEN 1 AND 31", name="day"),
)
"""Until which day of the next year records of a year are written by those who record them; later
only from a unit further above. A row holds for years whose last day lies between its days."""

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("principal", Bytewise, nullable=False),
    Column("action", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("unit_id", Integer),
    Column("subject", Text),
    Column("record_id", Uuid),
    Column("detail", Text, nullable=False),
    Column("salt", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("seal", Integer),
    Index(None, "at", "id"),
    Index(None, "record_id"),
    Index("ix_audit_entry_unsealed", "id", **only_where("seal IS NULL")),
    Index(None, "seal"),
)
"""The trail: appended to in the transaction of the change itself; see `records/trail.py`."""

audit_shown = Table(
    "audit_shown",
    metadata,
    Column("entry_id", Uuid, primary_key=True),
    Column("record_id", Uuid, primary_key=True),
)
"""The open inspections on SIGNS that a request has shown, by the request's entry."""

audit_seal = Table(
    "audit_seal",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sealed_at", Moment, nullable=False),
    Column("contents", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
"""The chain: each seal holds the entries of a batch and the hash of the seal before it."""

view = Table(
    "view",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("unit_id", Integer, ForeignKey("unit.id"), nullable=False),
    Column("name", Bytewise, nullable=False),
    Column("title", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("saved_by", Bytewise, nullable=False),
    Column("saved_at", Moment, nullable=False),
    UniqueConstraint("unit_id", "name"),
)
"""Queries that units keep for their subtrees; `document` is GraphQL as it was given."""

record_change = Table(
    "record_change",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", Integer),
    Column("change", _enumeration(RecordChangeKind), nullable=False),
    Column("resource", Text, nullable=False),
    Column("record_id", Uuid, nullable=False),
    Column("unit_id", Integer, nullable=False),
    Column("by_unit_id", Integer),
    Column("on_signs", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "position", unique=True),
    Index("ix_record_change_unnumbered", "id", **only_where("position IS NULL")),
)
"""What was recorded, revised and withdrawn of late, to be sent to whoever listens; `position` is
null until it was numbered. See `records/changes.py`."""

change_numbering = Table(
    "change_numbering",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
    Column("forgotten", Integer, nullable=False),
    CheckConstraint("id = 1", name="single"),
)
"""One row: the last position that was given, and the last whose change was forgotten."""

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
