"""A decision in the making: changes written down, and the tree as they leave it.

Each change is applied to the open units as soon as it is written down, so that the next one is
made of what the tree is by then. It checks nothing: whether a decision can be taken is for
`hierarchy/timeline.py` to say.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from random import Random

from hierarchy.decision import Change, ChangeKind
from server.generation.tree import SyntheticUnit, found


class Draft:
    """Changes in force from one day on; `changes` are the lines so far."""

    def __init__(self, units: Iterable[SyntheticUnit], day: date, random: Random) -> None:
        self.day = day
        self.changes: list[Change] = []
        self._random = random
        self._units: dict[str, SyntheticUnit] = {}
        self._below: dict[str | None, dict[str, None]] = {}
        for unit in units:
            if unit.closed_on is None:
                self._place(unit)

    def unit(self, code: str) -> SyntheticUnit:
        return self._units[code]

    def below(self, code: str) -> list[str]:
        """The open units directly under one, by code."""
        return sorted(self._below.get(code, ()))

    def of_kind(self, *kinds: str) -> list[str]:
        """The open units of these kinds, as they were placed."""
        return [code for code, unit in self._units.items() if unit.kind in kinds]

    def establish(self, code: str, under: str, name: str, kind: str, category: str | None) -> None:
        self.changes.append(Change(ChangeKind.ESTABLISH, code, under, name, kind, category))
        above = self._units[under]
        self._place(found(above, code, name, kind, category, self.day, self._random))

    def transfer(self, code: str, to: str) -> None:
        self.changes.append(Change(ChangeKind.TRANSFER, code, to))
        self._move(code, to)

    def merge(self, code: str, into: str) -> None:
        """What is open directly under the unit goes with it, without lines of its own."""
        self.changes.append(Change(ChangeKind.MERGE, code, into))
        for lower in self.below(code):
            self._move(lower, into)
        self._close(code)

    def split(self, code: str, part: str) -> None:
        """That a unit which is there takes over from another; what it takes is transferred."""
        self.changes.append(Change(ChangeKind.SPLIT, part, code))

    def dissolve(self, code: str) -> None:
        self.changes.append(Change(ChangeKind.DISSOLVE, code))
        self._close(code)

    def rename(self, code: str, name: str) -> None:
        self.changes.append(Change(ChangeKind.RENAME, code, name=name))
        self._units[code] = replace(self._units[code], name=name)

    def reclassify(self, code: str, kind: str) -> None:
        """The category stays."""
        self.changes.append(Change(ChangeKind.RECLASSIFY, code, kind=kind, keeps_category=True))
        self._units[code] = replace(self._units[code], kind=kind)

    def result(self) -> list[SyntheticUnit]:
        """The open units, each after the one it stands under, as they stand from the day on."""
        tops = [code for code, unit in self._units.items() if unit.parent_code not in self._units]
        return [
            replace(unit, stands_from=max(unit.stands_from, self.day))
            for top in tops
            for unit in self._subtree(top)
        ]

    def _subtree(self, code: str) -> Iterator[SyntheticUnit]:
        yield self._units[code]
        for lower in self._below.get(code, ()):
            yield from self._subtree(lower)

    def _place(self, unit: SyntheticUnit) -> None:
        self._units[unit.code] = unit
        self._below.setdefault(unit.parent_code, {})[unit.code] = None

    def _move(self, code: str, to: str) -> None:
        unit = self._units[code]
        del self._below[unit.parent_code][code]
        self._place(replace(unit, parent_code=to))

    def _close(self, code: str) -> None:
        unit = self._units.pop(code)
        del self._below[unit.parent_code][code]
