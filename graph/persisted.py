"""Documents that are asked for by a name, and those that alone may be asked.

An operator makes documents trusted, each under an id; they lie in the store that all workers share
and are never altered there, so what was read once is kept. With `keeps_hashes` a document that a
client sent beside its hash is kept too: in this process alone, and bounded, so that no client fills
a store. Whoever asks for one that was forgotten, or that another worker was told, is answered
PersistedQueryNotFound and sends it again: that is Apollo's protocol.

Having a name gives no right and takes none: what it names is run for the viewer like any text.
"""

import hashlib
import re
import time
from collections.abc import Collection
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from graph.kept import Kept
from hierarchy.errors import ChiboError, Forbidden

ID = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
"""What the id of a document may be."""

MAX_KEPT_CHARACTERS = 400_000
"""Characters of the trusted documents that are kept; as many of those that clients named."""

ASKED_AGAIN_SECONDS = 60.0
"""How long a document is told as not trusted after it was found to be none."""


class TrustedDocuments(Protocol):
    """The documents that an operator has registered. None is ever altered."""

    async def text_of(self, document_id: str) -> str | None:
        """The text under an id."""
        ...

    async def holds(self, digest: str) -> bool:
        """Whether a text of this SHA-256 is registered, under whatever id."""
        ...

    async def held(self, digests: Collection[str], connection: AsyncConnection) -> set[str]:
        """Those that are the SHA-256 of a registered text, asked on an open connection."""
        ...


class NoTrustedDocuments:
    """Where nothing was registered."""

    async def text_of(self, document_id: str) -> str | None:
        return None

    async def holds(self, digest: str) -> bool:
        return False

    async def held(self, digests: Collection[str], connection: AsyncConnection) -> set[str]:
        return set()


class UnknownDocument(ChiboError):
    """No document is known by this name. The message is read by clients' programs, which send the
    document then: it is Apollo's, in every language."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


def unregistered() -> Forbidden:
    """What is said of a document that is not answered."""
    return Forbidden("Only registered documents are answered here.")


def digest_of(text: str) -> str:
    """The SHA-256 of a document's bytes, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


class PersistedDocuments:
    """Finds the text of what is asked, for one process."""

    def __init__(
        self,
        trusted: TrustedDocuments | None = None,
        *,
        keeps_hashes: bool = False,
        trusted_only: bool = False,
    ) -> None:
        self._trusted = trusted or NoTrustedDocuments()
        self._keeps_hashes = keeps_hashes
        self._trusted_only = trusted_only
        self._texts: Kept[str] = Kept(MAX_KEPT_CHARACTERS)
        self._sent: Kept[str] = Kept(MAX_KEPT_CHARACTERS)
        self._digests: Kept[bool] = Kept(MAX_KEPT_CHARACTERS)
        self._untrusted: Kept[float] = Kept(MAX_KEPT_CHARACTERS)

    async def text(self, query: str, document_id: str | None) -> str:
        """The document to run: the text, or where it is empty the one of that id.

        A text with an id beside it has that SHA-256. Raises `UnknownDocument` where nothing is
        known by the id, `Forbidden` where the text is none of those that alone may be asked.
        """
        if not query:
            return await self._known(document_id or "")
        if not await self.may_run(query):
            raise unregistered()
        if document_id is not None and self._keeps_hashes:
            self._sent.keep(document_id, query, len(query))
        return query

    async def may_run(self, query: str) -> bool:
        """Whether a text is answered at all."""
        return not self._trusted_only or await self._is_trusted(query)

    async def unanswered(self, texts: Collection[str], connection: AsyncConnection) -> set[str]:
        """Those of the texts that are not answered at all. A request that has a connection asks
        on that one: were each to wait for a second, they would wait for one another."""
        if not self._trusted_only:
            return set()
        digests = {digest_of(text): text for text in texts}
        unknown = [digest for digest in digests if not self._digests.get(digest)]
        held = await self._trusted.held(unknown, connection) if unknown else set()
        for digest in held:
            self._digests.keep(digest, True, len(digest))
        return {digests[digest] for digest in unknown if digest not in held}

    async def trusted_text(self, query: str, document_id: str | None) -> str | None:
        """The document to run where an operator registered it, under that id or any; null for any
        other, a minute longer than it is one."""
        key = digest_of(query) if query else document_id or ""
        found_none = self._untrusted.get(key)
        if found_none is not None and time.monotonic() < found_none + ASKED_AGAIN_SECONDS:
            return None
        if query:
            text = query if await self._is_trusted(query) else None
        else:
            text = await self._trusted_text(document_id or "")
        if text is None:
            self._untrusted.keep(key, time.monotonic(), len(key))
        return text

    async def _known(self, document_id: str) -> str:
        found = await self._trusted_text(document_id) or self._sent.get(document_id)
        if found is None:
            raise UnknownDocument
        return found

    async def _trusted_text(self, document_id: str) -> str | None:
        kept = self._texts.get(document_id)
        if kept is not None or not ID.fullmatch(document_id):
            return kept
        found = await self._trusted.text_of(document_id)
        if found is not None:
            self._texts.keep(document_id, found, len(found))
        return found

    async def _is_trusted(self, query: str) -> bool:
        digest = digest_of(query)
        if self._digests.get(digest):
            return True
        if not await self._trusted.holds(digest):
            return False
        self._digests.keep(digest, True, len(digest))
        return True
