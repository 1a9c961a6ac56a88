"""The tables of rights: appointments, and the rows of the policy.

An appointment is a principal's office at a unit for a time; a policy row says how far a role
reaches. There is never a row of the policy for one unit or one person.
"""

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, Uuid

from hierarchy.tables import Bytewise, metadata

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
