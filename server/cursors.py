"""The secret that cursors are made with: of pages, and of changes that streams resume after.

It lies in the store, shared by its workers, which read it when they start. Renewed, no cursor that
was given before is taken any more: after a restore, when places in lists and in the changes are no
longer what clients were told. It never makes or reads a cursor itself.
"""

import secrets

from sqlalchemy import select, update

from server.database import Database
from server.tables import secret

_BYTES = 32
_OF_CURSORS = secret.c.name == "cursor"


async def cursor_key(database: Database) -> bytes:
    """The secret of this store."""
    async with database.reading() as connection:
        key = await connection.execute(select(secret.c.value).where(_OF_CURSORS))
        return bytes(key.scalar_one())


async def renew_cursors(database: Database) -> None:
    """Puts a new secret in its place; workers that run go on with the old one until they end."""
    renewed = update(secret).where(_OF_CURSORS).values(value=secrets.token_bytes(_BYTES))
    async with database.writing() as connection:
        await connection.execute(renewed)
