"""Decisions of reorganisation: the ledger keeps changes too, and the projection shows them."""

import sqlalchemy as sa
from alembic import op

from hierarchy.tables import Bytewise, Moment
from server.default_policy import add_rules

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _renew_ledger()
    op.create_table(
        "ledger_decision",
        sa.Column("number", Bytewise, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("issued_by", Bytewise, nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=True),
        sa.Column("reversed_version", sa.Integer(), nullable=True),
        sa.Column("reversed_at", Moment(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger_decision")),
    )
    op.create_table(
        "decision",
        sa.Column("number", Bytewise, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("issued_by_id", sa.Integer(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column("reversed_at", Moment(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_decision")),
    )
    op.create_index(op.f("ix_decision_effective_on_number"), "decision", ["effective_on", "number"])
    op.create_table(
        "change",
        sa.Column("number", Bytewise, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("kind", Bytewise, nullable=True),
        sa.Column("category", Bytewise, nullable=True),
        sa.Column("keeps_category", sa.Boolean(), nullable=False),
        sa.Column("implied", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["decision.number"], name=op.f("fk_change_number")),
        sa.PrimaryKeyConstraint("number", "position", name=op.f("pk_change")),
    )
    op.create_index(op.f("ix_change_unit_id"), "change", ["unit_id"])
    op.create_index(op.f("ix_change_other_id"), "change", ["other_id"])
    add_rules(op.get_bind(), {"decision", "appointment"}.__contains__)


def _renew_ledger() -> None:
    """What was founded stays in its place; a founding is one line among others now."""
    op.execute("CREATE TABLE ledger_before AS SELECT * FROM ledger")
    op.drop_table("ledger")
    op.create_table(
        "ledger",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("number", Bytewise, nullable=True),
        sa.Column("code", Bytewise, nullable=False),
        sa.Column("other_code", Bytewise, nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("kind", Bytewise, nullable=True),
        sa.Column("category", Bytewise, nullable=True),
        sa.Column("keeps_category", sa.Boolean(), nullable=False),
        sa.Column("implied", sa.Boolean(), nullable=False),
        sa.Column("founds", sa.Boolean(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("version", "position", name=op.f("pk_ledger")),
    )
    op.execute(
        "INSERT INTO ledger (version, position, change, code, other_code, name, kind, category,"
        " keeps_category, implied, founds, effective_on, closed_on)"
        " SELECT version, position, 'FOUNDING', code, parent_code, name, kind, category,"
        " false, false, true, established_on, closed_on FROM ledger_before"
    )
    op.execute("DROP TABLE ledger_before")
    op.create_index(op.f("ix_ledger_code"), "ledger", ["code"])
    op.create_index(op.f("ix_ledger_other_code"), "ledger", ["other_code"])
    op.create_index(op.f("ix_ledger_number"), "ledger", ["number"])
    founds = sa.text("founds")
    op.create_index(
        "uq_ledger_founded",
        "ledger",
        ["code"],
        unique=True,
        postgresql_where=founds,
        sqlite_where=founds,
    )
