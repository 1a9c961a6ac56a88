"""Decisions of reorganisation: what a committee decides about units, and what the ledger keeps.

A decision carries any number of changes, applied in the order given, in force as a whole from its
day. The ledger keeps it as lines, each of which changes the state of one unit at the most, so
that the life of a unit can be told from its own lines. Whether a decision can be taken is not
told here but by `hierarchy/timeline.py`. Pure values; the source of the kinds of change is
`domain.md`, 2.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum


class ChangeKind(Enum):
    """What may be changed about the tree."""

    ESTABLISH = "ESTABLISH"
    TRANSFER = "TRANSFER"
    MERGE = "MERGE"
    SPLIT = "SPLIT"
    DISSOLVE = "DISSOLVE"
    RENAME = "RENAME"
    RECLASSIFY = "RECLASSIFY"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a decision, about the unit whose state it changes.

    `unit_code` is the unit established, transferred, merged away, dissolved, renamed or
    reclassified; of a SPLIT the part. `other_code` is the unit above it, or the successor; of a
    SPLIT the unit that is split. `name` is that of a new or renamed unit: a SPLIT with a name
    founds its part, of the kind of the unit split and beside it. `kind` and `category` are those
    of a new or reclassified unit; a RECLASSIFY without kind leaves it, and leaves the category
    where it `keeps_category`. A line is `implied` where a MERGE brings it with it.
    """

    change: ChangeKind
    unit_code: str
    other_code: str | None = None
    name: str | None = None
    kind: str | None = None
    category: str | None = None
    keeps_category: bool = False
    implied: bool = False

    @property
    def founds(self) -> bool:
        """Whether the line brings its unit into the tree."""
        is_new_part = self.change is ChangeKind.SPLIT and self.name is not None
        return self.change is ChangeKind.ESTABLISH or is_new_part


@dataclass(frozen=True, slots=True)
class Decision:
    """The head of a decision. `issued_by` is the code of the unit whose committee decided;
    `client_key` the digest of the principal's key, null where none was given."""

    number: str
    title: str
    issued_by: str
    issued_on: date
    effective_on: date
    recorded_at: datetime
    client_key: str | None = None


@dataclass(frozen=True, slots=True)
class Reversal:
    """That a decision, as if it had never been taken, is no longer in force."""

    number: str
    reversed_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """A change as it is proposed: `place` is the index of what asked for it, counted from 0 in
    what was given, `under` the unit it must stand directly under (a part of a split)."""

    place: int
    change: Change
    under: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision that is to be taken. A MERGE is given as its one line; what it implies is found
    by `hierarchy/timeline.py` on the tree of the day."""

    decision: Decision
    steps: tuple[Step, ...]

    def says(self, decision: Decision, kept: Iterable[Change]) -> bool:
        """Whether it says the same as a decision that is kept with these lines."""
        head = (decision.number, decision.title, decision.issued_by)
        days = (decision.issued_on, decision.effective_on)
        mine = self.decision
        return (
            head == (mine.number, mine.title, mine.issued_by)
            and days == (mine.issued_on, mine.effective_on)
            and [step.change for step in self.steps] == [line for line in kept if not line.implied]
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a decision cannot be taken.

    `change` is the place of what is at fault (0 where it is the decision as a whole), `code` one
    of the error codes, `message` an English sentence with named places for `values`. `later` are
    the numbers of decisions that stand in the way: whoever tells a viewer names those in sight.
    """

    change: int
    code: str
    message: str
    values: tuple[tuple[str, object], ...] = ()
    later: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = self.message.format(**dict(self.values))
        return f"{said} ({', '.join(self.later)})" if self.later else said
