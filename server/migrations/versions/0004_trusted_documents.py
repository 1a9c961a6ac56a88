"""Documents that an operator made trusted."""

import sqlalchemy as sa
from alembic import op

from hierarchy.tables import Bytewise, Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trusted_document",
        sa.Column("id", Bytewise, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("added_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trusted_document")),
    )
    op.create_index(op.f("ix_trusted_document_digest"), "trusted_document", ["digest"])
