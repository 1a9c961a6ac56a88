"""The tree, records and rights; a fresh database begins with the default kinds and policy."""

import csv
import secrets
from datetime import date
from importlib.resources import files
from typing import Any

import sqlalchemy as sa
from alembic import op

from authz.tables import policy_rule
from hierarchy.tables import Bytewise, Moment, tree, unit_kind, unit_kind_standing
from hierarchy.tables import revision as revision_row
from server.default_policy import default_rules
from server.tables import secret

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "client_key",
        sa.Column("principal", Bytewise, nullable=False),
        sa.Column("key", Bytewise, nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("principal", "key", name=op.f("pk_client_key")),
    )
    op.create_table(
        "ledger",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", Bytewise, nullable=False),
        sa.Column("parent_code", Bytewise, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", Bytewise, nullable=False),
        sa.Column("category", Bytewise, nullable=True),
        sa.Column("established_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("version", "position", name=op.f("pk_ledger")),
        sa.UniqueConstraint("code", name=op.f("uq_ledger_code")),
    )
    op.create_table(
        "loaded_file",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("loaded_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_loaded_file")),
    )
    op.create_table(
        "policy_rule",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", Bytewise, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reach", sa.Text(), nullable=False),
        sa.Column("eft", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_rule")),
        sa.UniqueConstraint(
            "role",
            "at",
            "resource",
            "action",
            "reach",
            "eft",
            name=op.f("uq_policy_rule_role_at_resource_action_reach_eft"),
        ),
    )
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tree_version", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_revision_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "tree",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_tree_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tree")),
    )
    op.create_table(
        "unit",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", Bytewise, nullable=False),
        sa.Column("established_on", sa.Date(), nullable=False),
        sa.Column("stands_from", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("code", name=op.f("uq_unit_code")),
    )
    op.create_table(
        "unit_kind",
        sa.Column("code", Bytewise, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_unit_kind")),
    )
    op.create_table(
        "appointment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("principal", Bytewise, nullable=False),
        sa.Column("role", Bytewise, nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_appointment_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment")),
    )
    with op.batch_alter_table("appointment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_appointment_principal"), ["principal"], unique=False)
        batch_op.create_index(batch_op.f("ix_appointment_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "evaluation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column(
            "rating",
            sa.Enum(
                "EXCELLENT",
                "GOOD",
                "COMPLETED",
                "NOT_COMPLETED",
                name="rating",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("regulation", sa.Text(), nullable=False),
        sa.Column("political_task", sa.Boolean(), nullable=True),
        sa.Column("meeting_quality", sa.Boolean(), nullable=True),
        sa.Column("unity_discipline", sa.Boolean(), nullable=True),
        sa.Column("cadres_members", sa.Boolean(), nullable=True),
        sa.Column("members_rated", sa.Integer(), nullable=False),
        sa.Column("members_excellent", sa.Integer(), nullable=False),
        sa.Column("members_good", sa.Integer(), nullable=False),
        sa.Column("members_completed", sa.Integer(), nullable=False),
        sa.Column("members_not_completed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_evaluation_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation")),
        sa.UniqueConstraint("unit_id", "year", name=op.f("uq_evaluation_unit_id_year")),
    )
    with op.batch_alter_table("evaluation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evaluation_year_id"), ["year", "id"], unique=False)

    op.create_table(
        "inspection",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("by_unit_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column(
            "body",
            sa.Enum(
                "COMMITTEE",
                "INSPECTION_COMMISSION",
                "BRANCH",
                name="inspectionbody",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "kind",
            sa.Enum(
                "INSPECTION", "SUPERVISION", name="inspectionkind", native_enum=False, length=24
            ),
            nullable=False,
        ),
        sa.Column(
            "ground",
            sa.Enum(
                "PROGRAMME",
                "SIGNS",
                "COMPLAINT",
                name="inspectionground",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("theme", sa.Text(), nullable=True),
        sa.Column("planned_for", sa.Date(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("concluded_on", sa.Date(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "PLANNED",
                "OPEN",
                "CONCLUDED",
                "CANCELLED",
                name="inspectionstatus",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("members_covered", sa.Integer(), nullable=False),
        sa.Column("members_in_violation", sa.Integer(), nullable=False),
        sa.Column("members_sanctioned", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["by_unit_id"], ["unit.id"], name=op.f("fk_inspection_by_unit_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_inspection_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
    )
    with op.batch_alter_table("inspection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inspection_day_id"), ["day", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_inspection_unit_id_day_id"), ["unit_id", "day", "id"], unique=False
        )

    op.create_table(
        "meeting",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "REGULAR",
                "THEMATIC",
                "COMMITTEE",
                "ASSEMBLY",
                "GROUP",
                name="meetingkind",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "form",
            sa.Enum(
                "IN_PERSON", "ONLINE", "HYBRID", name="meetingform", native_enum=False, length=24
            ),
            nullable=False,
        ),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("members_expected", sa.Integer(), nullable=False),
        sa.Column("members_present", sa.Integer(), nullable=False),
        sa.Column("documents_sent_on", sa.Date(), nullable=True),
        sa.Column("minutes_kept", sa.Boolean(), nullable=False),
        sa.Column("attended_by_higher_committee", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_meeting_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting")),
    )
    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_meeting_held_on_id"), ["held_on", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_meeting_unit_id_held_on_id"), ["unit_id", "held_on", "id"], unique=False
        )

    op.create_table(
        "placement",
        sa.Column("unit_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("path", Bytewise, nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("code", Bytewise, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_folded", sa.Text(), nullable=False),
        sa.Column("kind", Bytewise, nullable=False),
        sa.Column("category", Bytewise, nullable=True),
        sa.Column("established_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("last_open_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_placement_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "valid_from", name=op.f("pk_placement")),
    )
    with op.batch_alter_table("placement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_placement_code"), ["code"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_placement_parent_id_code"), ["parent_id", "code"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_placement_path"), ["path"], unique=False)

    op.create_table(
        "unit_kind_standing",
        sa.Column("kind", Bytewise, nullable=False),
        sa.Column("under", Bytewise, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["kind"], ["unit_kind.code"], name=op.f("fk_unit_kind_standing_kind")
        ),
        sa.ForeignKeyConstraint(
            ["under"], ["unit_kind.code"], name=op.f("fk_unit_kind_standing_under")
        ),
        sa.PrimaryKeyConstraint("kind", "under", name=op.f("pk_unit_kind_standing")),
    )
    _fill()


def _fill() -> None:
    op.bulk_insert(tree, [{"id": 1, "version": 0}])
    op.bulk_insert(revision_row, [{"id": 1, "tree_version": 0, "policy_version": 1}])
    op.bulk_insert(secret, [{"name": "cursor", "value": secrets.token_bytes(32)}])
    kinds = [kind | {"rank": int(kind["rank"])} for kind in _rows("hierarchy", "default_kinds")]
    op.bulk_insert(unit_kind, kinds)
    op.bulk_insert(
        unit_kind_standing, [_dated(row) for row in _rows("hierarchy", "default_standings")]
    )
    rules = enumerate(default_rules(), 1)
    op.bulk_insert(policy_rule, [{"id": number} | rule for number, rule in rules])


def _rows(room: str, name: str) -> list[dict[str, Any]]:
    with (files(room) / f"{name}.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    days = {
        name: date.fromisoformat(row[name]) if row[name] else None
        for name in ("valid_from", "valid_to")
    }
    return row | days
