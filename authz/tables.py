"""The tables of rights: appointments, grants, and the rows of the policy.

An appointment is a principal's office at a unit for a time; a grant lets holders of roles at one
unit see another's subtree for a time; a policy row says how far a role reaches. There is never a
row of the policy for one unit or one person.
"""

from sqlalchemy import (
    JSON,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from hierarchy.tables import Bytewise, Moment, metadata

appointment = Table(
    "appointment",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("principal", Bytewise, nullable=False),
    Column("role", Bytewise, nullable=False),
    Column("unit_id", Integer, ForeignKey("unit.id"), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Index(None, "principal"),
    Index(None, "unit_id"),
)

grant = Table(
    "grant",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("of_unit_id", Integer, ForeignKey("unit.id"), nullable=False),
    Column("to_unit_id", Integer, ForeignKey("unit.id"), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("resources", JSON, nullable=False),
    Column("actions", JSON, nullable=False),
    Column("max_rank", Integer),
    Column("purpose", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date, nullable=False),
    Column("granted_by", Bytewise, nullable=False),
    Column("granted_at", Moment, nullable=False),
    Column("granted_on", Date, nullable=False),
    Column("revoked_at", Moment),
    Column("revoked_on", Date),
    Column("ceiling", JSON, nullable=False),
    Index(None, "of_unit_id"),
    Index(None, "to_unit_id"),
)
"""`ceiling`: what the grantor's own rights gave at `of` when it was made (`authz/grants.py`);
`granted_on` and `revoked_on` are the days of those moments where the server stands."""

policy_rule = Table(
    "policy_rule",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("role", Bytewise, nullable=False),
    Column("at", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reach", Text, nullable=False),
    Column("eft", Text, nullable=False),
    UniqueConstraint("role", "at", "resource", "action", "reach", "eft"),
)
