"""The contract of a hierarchy store: where the tree's truth and its whole history are kept.

Two engines answer it alike and pass one suite: `hierarchy/embedded.py` in the records' database,
`hierarchy/neo4j.py` in a graph. A store is a ledger of what happened to the tree and, derived
from it in the same transaction, the tree of any day. It knows nothing of viewers: whoever reads
for a viewer reads the projection, cut by a `Scope`.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from hierarchy.unit import Founding, Kinds


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger. Entries of one version became true together."""

    version: int
    position: int
    founding: Founding


class HierarchyStore(Protocol):
    """Versions start at 0 (an empty tree) and grow by one with each write that adds anything.

    Writers are serialised by a lock of the store's own. Days are those of the tree: a unit
    stands from its founding (or its parent's, where that is later), stays where it last stood
    once it is closed, and is unknown before.
    """

    async def version(self) -> int:
        """The version of the last entry."""
        ...

    async def found(self, foundings: Sequence[Founding], kinds: Kinds) -> int:
        """Founds units, in any order, all or none; answers with the store's version.

        Idempotent: units that are there as given are skipped; where all are, nothing is
        written. Raises `Conflict` with every fault (`hierarchy/founding.py`) where one of them
        may not be founded: the checks run inside the writing transaction.
        """
        ...

    def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        """The ledger after a version, by version and position; parents before children."""
        ...

    async def parent(self, code: str, as_of: date) -> str | None:
        """The code of the unit above on a day; null at the root and where nothing stands."""
        ...

    async def ancestors(self, code: str, as_of: date) -> list[str]:
        """Codes from the root to the unit itself on a day; empty where it does not stand."""
        ...

    async def subtree(self, code: str, as_of: date) -> list[str]:
        """Codes of the unit and all below it on a day, closed ones too, bytewise by code;
        empty where the unit does not stand."""
        ...
