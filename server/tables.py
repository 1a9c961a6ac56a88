"""The server's own tables: secrets that all workers on one store share, and the documents that an
operator made trusted.

Importing it gives the metadata of every room's tables, complete.
"""

from sqlalchemy import Column, LargeBinary, Table, Text

import authz.tables
import records.tables
from hierarchy.tables import Bytewise, Moment, metadata

__all__ = ["authz", "metadata", "records", "secret", "trusted_document"]

secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

trusted_document = Table(
    "trusted_document",
    metadata,
    Column("id", Bytewise, primary_key=True),
    Column("digest", Text, nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("added_at", Moment, nullable=False),
)
"""`digest` is the SHA-256 of the text. A row is never altered: workers keep what they read."""
