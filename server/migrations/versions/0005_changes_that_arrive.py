"""Changes of records, to be sent to whoever listens."""

import sqlalchemy as sa
from alembic import op

from hierarchy.tables import Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "record_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("change", sa.String(24), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("by_unit_id", sa.Integer(), nullable=True),
        sa.Column("on_signs", sa.Boolean(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_change")),
    )
    op.create_index(op.f("ix_record_change_position"), "record_change", ["position"], unique=True)
    op.create_index(
        "ix_record_change_unnumbered",
        "record_change",
        ["id"],
        postgresql_where=sa.text("position IS NULL"),
        sqlite_where=sa.text("position IS NULL"),
    )
    numbering = op.create_table(
        "change_numbering",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("forgotten", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_change_numbering_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_numbering")),
    )
    op.bulk_insert(numbering, [{"id": 1, "last": 0, "forgotten": 0}])
