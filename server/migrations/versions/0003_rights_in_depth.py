"""Grants, versions of records, closed years, and the trail."""

from datetime import date

import sqlalchemy as sa
from alembic import op

from hierarchy.tables import Bytewise, Moment
from records.tables import year_closing
from server.default_policy import add_rules

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("principal", Bytewise, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("seal", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_at_id"), "audit_entry", ["at", "id"])
    op.create_index(op.f("ix_audit_entry_record_id"), "audit_entry", ["record_id"])
    op.create_index(op.f("ix_audit_entry_seal"), "audit_entry", ["seal"])
    op.create_index(
        "ix_audit_entry_unsealed",
        "audit_entry",
        ["id"],
        postgresql_where=sa.text("seal IS NULL"),
        sqlite_where=sa.text("seal IS NULL"),
    )
    op.create_table(
        "audit_seal",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed_at", Moment(), nullable=False),
        sa.Column("contents", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_seal")),
    )
    op.create_table(
        "audit_shown",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "record_id", name=op.f("pk_audit_shown")),
    )
    op.create_table(
        "record_version",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("by_unit_id", sa.Integer(), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column("recorded_from_id", sa.Integer(), nullable=True),
        sa.Column("on_signs", sa.Boolean(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "revision", name=op.f("pk_record_version")),
    )
    op.create_table(
        "year_closing",
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.CheckConstraint("day BETWEEN 1 AND 31", name=op.f("ck_year_closing_day")),
        sa.CheckConstraint("month BETWEEN 1 AND 12", name=op.f("ck_year_closing_month")),
        sa.PrimaryKeyConstraint("resource", "valid_from", name=op.f("pk_year_closing")),
    )
    op.create_table(
        "grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("of_unit_id", sa.Integer(), nullable=False),
        sa.Column("to_unit_id", sa.Integer(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("resources", sa.JSON(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.Column("max_rank", sa.Integer(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("granted_by", Bytewise, nullable=False),
        sa.Column("granted_at", Moment(), nullable=False),
        sa.Column("granted_on", sa.Date(), nullable=False),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.Column("revoked_on", sa.Date(), nullable=True),
        sa.Column("ceiling", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["of_unit_id"], ["unit.id"], name=op.f("fk_grant_of_unit_id")),
        sa.ForeignKeyConstraint(["to_unit_id"], ["unit.id"], name=op.f("fk_grant_to_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grant")),
    )
    op.create_index(op.f("ix_grant_of_unit_id"), "grant", ["of_unit_id"])
    op.create_index(op.f("ix_grant_to_unit_id"), "grant", ["to_unit_id"])
    op.add_column("evaluation", sa.Column("recorded_from_id", sa.Integer(), nullable=True))
    op.add_column("inspection", sa.Column("recorded_from_id", sa.Integer(), nullable=True))
    op.add_column("meeting", sa.Column("recorded_from_id", sa.Integer(), nullable=True))
    op.bulk_insert(
        year_closing,
        [{"resource": "evaluation", "valid_from": date(1, 1, 1), "month": 3, "day": 31}],
    )
    add_rules(op.get_bind(), _is_new)


def _is_new(resource: str) -> bool:
    return resource in ("grant", "audit") or resource.startswith("appointment:")
