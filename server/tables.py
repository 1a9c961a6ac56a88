"""The server's own table: secrets that all workers on one store share.

Importing it gives the metadata of every room's tables, complete.
"""

from sqlalchemy import Column, LargeBinary, Table, Text

import authz.tables
import records.tables
from hierarchy.tables import metadata

__all__ = ["authz", "metadata", "records", "secret"]

secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
