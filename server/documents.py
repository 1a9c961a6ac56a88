"""Trusted documents in the store: `chibo documents add`, and what workers read of them.

They are added, all of a folder or none, and never altered: an id names one document for as long as
it is there. Every worker finds a document from the moment it is stored. What is wrong with a folder
is found in `server/document_folder.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from graph.limits import Limits
from graph.persisted import digest_of
from hierarchy.errors import StoreError
from server.database import Database
from server.document_folder import DocumentsRefused, read_documents
from server.folder.faults import shown
from server.loading import ATTEMPTS, is_passing
from server.tables import trusted_document


class StoredDocuments:
    """The trusted documents of a store, to be read (`graph.persisted.TrustedDocuments`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def text_of(self, document_id: str) -> str | None:
        """The text under an id."""
        text = select(trusted_document.c.text).where(trusted_document.c.id == document_id)
        async with self._database.reading() as connection:
            found: str | None = await connection.scalar(text)
        return found

    async def holds(self, digest: str) -> bool:
        """Whether a text of this SHA-256 is there, under whatever id."""
        one = select(trusted_document.c.id).where(trusted_document.c.digest == digest).limit(1)
        async with self._database.reading() as connection:
            return await connection.scalar(one) is not None

    async def held(self, digests: Collection[str], connection: AsyncConnection) -> set[str]:
        """Those that are the SHA-256 of a text that is there, asked on an open connection."""
        digest = trusted_document.c.digest
        rows = await connection.execute(select(digest).where(digest.in_(list(digests))))
        return set(rows.scalars())


@dataclass(frozen=True, slots=True)
class Added:
    """How many documents of a folder are new, and how many were there."""

    new: int
    skipped: int


async def add(database: Database, folder: Path, limits: Limits) -> Added:
    """Makes the documents of a folder trusted. Raises `DocumentsRefused` with all that is wrong,
    and `StoreError` where others keep changing the store."""
    documents = read_documents(folder, limits)
    for attempt in range(ATTEMPTS):
        try:
            async with database.writing() as connection:
                return await _added(connection, documents)
        except DBAPIError as error:
            if not is_passing(database, error):
                raise
        await database.wait_before(attempt)
    raise StoreError("Others kept changing the store: no document was added.")


async def _added(connection: AsyncConnection, documents: dict[str, str]) -> Added:
    rows = await connection.execute(select(trusted_document.c.id, trusted_document.c.digest))
    there = {row.id: row.digest for row in rows}
    digests = {each: digest_of(text) for each, text in documents.items()}
    taken = [each for each, digest in digests.items() if there.get(each, digest) != digest]
    if taken:
        raise DocumentsRefused(
            [f"{shown(each)}: the id of another document, stored before" for each in taken]
        )
    now = datetime.now(UTC)
    new = [
        {"id": each, "digest": digests[each], "text": text, "added_at": now}
        for each, text in documents.items()
        if each not in there
    ]
    if new:
        await connection.execute(insert(trusted_document), new)
    return Added(len(new), len(documents) - len(new))
