"""The tables of the tree in the records' database.

`unit` and `placement` are the projection: derived from the store's ledger by
`hierarchy/projection.py` and written by nothing else. `ledger` and `tree` hold the truth itself
where no graph database is used (`hierarchy/embedded.py`). `unit_kind` and `unit_kind_standing`
are rows that an operator may change. Other rooms add their tables to the same metadata.
"""

from datetime import UTC, datetime

from sqlalchemy import (
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
    Column("code", Bytewise, nullable=False, unique=True),
    Column("parent_code", Bytewise),
    Column("name", Text, nullable=False),
    Column("kind", Bytewise, nullable=False),
    Column("category", Bytewise),
    Column("established_on", Date, nullable=False),
    Column("closed_on", Date),
)

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
