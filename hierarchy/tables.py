"""The tables of the tree in the records' database.

`unit`, `placement`, `decision` and `change` are the projection: derived from the store's ledger
by `hierarchy/projection.py` and written by nothing else. `ledger`, `ledger_decision` and `tree`
hold the truth itself where no graph database is used (`hierarchy/embedded.py`). `unit_kind` and
`unit_kind_standing` are rows that an operator may change. Other rooms add their tables to the
same metadata.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Bytewise = Text(collation="C").with_variant(Text(collation="BINARY"), "sqlite")
"""Text compared by its bytes, whatever the database's locale."""


class Moment(TypeDecorator[datetime]):
    """A moment with its offset: kept in UTC, where the database knows none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and (value if value.tzinfo else value.replace(tzinfo=UTC))


def only_where(condition: str) -> dict[str, Any]:
    """What makes an index one of some rows alone."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


revision = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("tree_version", Integer, nullable=False),
    Column("policy_version", Integer, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

unit_kind = Table(
    "unit_kind",
    metadata,
    Column("code", Bytewise, primary_key=True),
    Column("name", Text, nullable=False),
    Column("rank", Integer, nullable=False),
)

unit_kind_standing = Table(
    "unit_kind_standing",
    metadata,
    Column("kind", Bytewise, ForeignKey("unit_kind.code"), primary_key=True),
    Column("under", Bytewise, ForeignKey("unit_kind.code"), primary_key=True),
    Column("valid_from", Date),
    Column("valid_to", Date),
)

tree = Table(
    "tree",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("change", Text, nullable=False),
    Column("number", Bytewise),
    Column("code", Bytewise, nullable=False),
    Column("other_code", Bytewise),
    Column("name", Text),
    Column("kind", Bytewise),
    Column("category", Bytewise),
    Column("keeps_category", Boolean, nullable=False),
    Column("implied", Boolean, nullable=False),
    Column("founds", Boolean, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("closed_on", Date),
    Index(None, "code"),
    Index(None, "other_code"),
    Index(None, "number"),
    Index("uq_ledger_founded", "code", unique=True, **only_where("founds")),
)
"""The lines about units: `change` is FOUNDING or a kind of change, `other_code` what a founding
calls its parent, `effective_on` the day a unit was established or a decision's."""

ledger_decision = Table(
    "ledger_decision",
    metadata,
    Column("number", Bytewise, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("issued_by", Bytewise, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("client_key", Text),
    Column("reversed_version", Integer),
    Column("reversed_at", Moment),
    Column("reason", Text),
)
"""The heads of decisions, and where one was reversed."""

unit = Table(
    "unit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("code", Bytewise, nullable=False, unique=True),
    Column("established_on", Date, nullable=False),
    Column("stands_from", Date, nullable=False),
    Column("closed_on", Date),
)

placement = Table(
    "placement",
    metadata,
    Column("unit_id", Integer, ForeignKey("unit.id"), primary_key=True, autoincrement=False),
    Column("valid_from", Date, primary_key=True),
    Column("valid_to", Date),
    Column("parent_id", Integer),
    Column("path", Bytewise, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("code", Bytewise, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_folded", Text, nullable=False),
    Column("kind", Bytewise, nullable=False),
    Column("category", Bytewise),
    Column("established_on", Date, nullable=False),
    Column("closed_on", Date),
    Column("last_open_on", Date),
    Index(None, "path"),
    Index(None, "parent_id", "code"),
    Index(None, "code"),
)

decision = Table(
    "decision",
    metadata,
    Column("number", Bytewise, primary_key=True),
    Column("title", Text, nullable=False),
    Column("issued_by_id", Integer, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("reversed_at", Moment),
    Column("version", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("client_key", Text),
    Index(None, "effective_on", "number"),
)
"""Decisions: on one day they apply in the order of `version`, then `position`."""

change = Table(
    "change",
    metadata,
    Column("number", Bytewise, ForeignKey("decision.number"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("change", Text, nullable=False),
    Column("unit_id", Integer, nullable=False),
    Column("other_id", Integer),
    Column("name", Text),
    Column("kind", Bytewise),
    Column("category", Bytewise),
    Column("keeps_category", Boolean, nullable=False),
    Column("implied", Boolean, nullable=False),
    Index(None, "unit_id"),
    Index(None, "other_id"),
)
"""The lines of decisions, in order, as `hierarchy/decision.py` says them (`unit_id` and
`other_id` are those of `unit_code` and `other_code`). A unit that a reversed decision founded
keeps its id: in `unit` it is closed on the day it would stand from, and it has no placement."""
