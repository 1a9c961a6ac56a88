"""Views: queries that units keep for their subtrees, and the rules about them."""

import sqlalchemy as sa
from alembic import op

from hierarchy.tables import Bytewise, Moment
from server.default_policy import add_rules

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "view",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("name", Bytewise, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("saved_by", Bytewise, nullable=False),
        sa.Column("saved_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_view_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_view")),
        sa.UniqueConstraint("unit_id", "name", name=op.f("uq_view_unit_id_name")),
    )
    add_rules(op.get_bind(), lambda resource: resource == "view")
