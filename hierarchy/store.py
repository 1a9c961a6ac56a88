"""The contract of a hierarchy store: where the tree's truth and its whole history are kept.

Two engines answer it alike and pass one suite: `hierarchy/embedded.py` in the records' database,
`hierarchy/neo4j.py` in a graph. A store is a ledger of what happened to the tree (units founded,
decisions taken, decisions reversed) and, derived from it in the same transaction, the tree of any
day. It knows nothing of viewers: whoever reads for a viewer reads the projection, cut by a
`Scope`.

On each day, what was founded or closed as given by a folder comes first, then decisions in the
order of the ledger; lines of decisions that are reversed do nothing.
"""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from hierarchy.decision import Change, ChangeKind, Decision, Proposal, Reversal
from hierarchy.unit import Founding, Kinds

if TYPE_CHECKING:
    from hierarchy.timeline import Judged

Line = Founding | Decision | Change | Reversal
"""A line of the ledger. The changes of a decision follow its head."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger with its place. Entries of one version became true together."""

    version: int
    position: int
    line: Line


@dataclass(frozen=True, slots=True)
class Told:
    """A line about a unit with what places it in time: the ledger's place and, of a change, the
    number and the day of its decision and whether that was reversed."""

    version: int
    position: int
    line: Founding | Change
    number: str | None = None
    effective_on: date | None = None
    is_reversed: bool = False

    @property
    def code(self) -> str:
        """The unit whose state the line changes."""
        return self.line.code if isinstance(self.line, Founding) else self.line.unit_code

    @property
    def named(self) -> str | None:
        """The other unit that it names: the one above, the successor, the one split."""
        return self.line.parent_code if isinstance(self.line, Founding) else self.line.other_code

    @property
    def is_new_part(self) -> bool:
        """Whether it founds a part, of the kind of the unit split and beside it."""
        line = self.line
        return isinstance(line, Change) and line.change is ChangeKind.SPLIT and line.founds


def told(entries: Sequence[Entry]) -> Iterator[Told]:
    """The lines about units among all entries of a ledger."""
    gone = {entry.line.number for entry in entries if isinstance(entry.line, Reversal)}
    head: Decision | None = None
    for entry in entries:
        line = entry.line
        if isinstance(line, Decision):
            head = line
        elif isinstance(line, Founding):
            yield Told(entry.version, entry.position, line)
        elif isinstance(line, Change) and head is not None:
            days = head.number, head.effective_on, head.number in gone
            yield Told(entry.version, entry.position, line, *days)


class Ledger(Protocol):
    """What can be looked up in a ledger, of any version up to the newest."""

    async def lines_of(self, codes: Collection[str]) -> list[Told]:
        """The lines whose `code` or `unit_code` is one of these, in no order; those of reversed
        decisions too."""
        ...

    async def lines_naming(self, codes: Collection[str]) -> list[Told]:
        """The lines whose `parent_code` or `other_code` is one of these, in no order; those of
        reversed decisions too."""
        ...

    async def lines_of_parts(self, codes: Collection[str]) -> list[Told]:
        """The lines by which new parts were split from these units, in no order; those of
        reversed decisions too."""
        ...

    async def decision(self, number: str) -> tuple[Decision, Reversal | None, list[Change]] | None:
        """A decision with its lines in order; null where the number was never used."""
        ...

    async def issued_by(self, codes: Collection[str]) -> list[str]:
        """The numbers of the decisions in force that committees of these units issued."""
        ...


class HierarchyStore(Ledger, Protocol):
    """Versions start at 0 (an empty tree) and grow by one with each write that adds anything.

    Writers are serialised by a lock of the store's own. Days are those of the tree: a unit
    stands from its founding (or its parent's, where that is later), stays where it last stood
    once it is closed and moves with the unit it stood under, and is unknown before. One that was
    merged stands under the unit it was merged into.
    """

    async def version(self) -> int:
        """The version of the last entry."""
        ...

    async def extend(
        self, foundings: Sequence[Founding], decisions: Sequence[Proposal], kinds: Kinds
    ) -> int:
        """Founds units, in any order, and takes decisions, in theirs: all or none, as one
        version. Answers with the store's version.

        Idempotent: units and decisions that are there as given are skipped; where all are,
        nothing is written. Raises `Conflict` with every fault (`hierarchy/founding.py`) where a
        unit may not be founded, and `Refused` (`hierarchy/errors.py`) with every problem where a
        decision cannot be taken (`hierarchy/timeline.py`): the checks run inside the writing
        transaction.
        """
        ...

    async def reverse(self, number: str, reason: str, at: datetime, kinds: Kinds) -> int:
        """Takes a decision back; answers with the store's version. Raises `NotFound` where there
        is none of that number in force, and `Refused` where a later one holds on to what it
        made."""
        ...

    async def judged(self, decision: Proposal, kinds: Kinds) -> "Judged":
        """What `extend` would make of the decision, and refuse it for, without taking it; its
        lifelines are those of the units that matter to it. One that is there as it is has
        neither problems nor lifelines."""
        ...

    def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        """The ledger after a version, by version and position; parents before children within
        the units founded, which come first, then each decision before its changes."""
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
