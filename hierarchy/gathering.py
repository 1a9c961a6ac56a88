"""Finds the lines of a ledger that a decision must be held against, however long the ledger is.

A unit's life is told by its own lines; whether it may change depends on the units above it, on
those that ever stood directly under it, and on the parts that were split from it. Those are
looked up in a few rounds of a ledger's own look-ups, each for many units at once. It judges
nothing: that is `hierarchy/timeline.py`.
"""

from collections.abc import Collection, Iterable, Sequence

from hierarchy.decision import Change, Proposal
from hierarchy.store import Ledger, Told


async def gather(ledger: Ledger, proposals: Sequence[Proposal]) -> list[Told]:
    """The lines about units that judging these decisions needs."""
    changes = [step.change for proposal in proposals for step in proposal.steps]
    return await _gather(ledger, changes, {each.decision.issued_by for each in proposals})


async def gather_reversal(ledger: Ledger, changes: Sequence[Change]) -> list[Told]:
    """The lines that judging the reversal of a decision with these lines needs."""
    return await _gather(ledger, changes, set())


async def gather_above(ledger: Ledger, codes: Collection[str]) -> list[Told]:
    """The lines of the units and of everything that they ever stood under or were split from."""
    found = _Gathered(ledger)
    await found.add(codes)
    return found.lines


async def _gather(ledger: Ledger, changes: Sequence[Change], issuers: set[str]) -> list[Told]:
    found = _Gathered(ledger)
    changed = {change.unit_code for change in changes}
    await found.add(
        changed | issuers | {change.other_code for change in changes if change.other_code}
    )
    await found.add_below(changed)
    return found.lines


class _Gathered:
    def __init__(self, ledger: Ledger) -> None:
        self.lines: list[Told] = []
        self._ledger = ledger
        self._known: set[str] = set()
        self._below: set[str] = set()

    async def add(self, codes: Iterable[str]) -> None:
        """The own lines of the units, and of those above them."""
        wanted = set(codes) - self._known
        while wanted:
            self._known |= wanted
            lines = await self._ledger.lines_of(wanted)
            self.lines += lines
            wanted = {told.named for told in lines if told.named is not None} - self._known

    async def add_below(self, changed: Iterable[str]) -> None:
        """What ever stood directly under the changed units, parts beside their children included;
        of parts that were split from them the same."""
        wanted = set(changed)
        while wanted:
            self._below |= wanted
            named = await self._ledger.lines_naming(wanted)
            parts = {told.code for told in named if told.is_new_part}
            children = {told.code for told in named}
            await self.add(children)
            beside = await self._ledger.lines_of_parts(children)
            await self.add(told.code for told in beside)
            wanted = parts - self._below
