"""Random trees and what is true of them, told by recursion over a dict."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from hypothesis import strategies as st

from hierarchy.unit import Founding, Kind, Kinds, Standing

DEPTH = 7
KINDS = Kinds.of(
    [Kind(f"level{rank}", f"Level {rank}", rank) for rank in range(DEPTH)],
    [Standing(f"level{rank}", f"level{above}") for rank in range(DEPTH) for above in range(rank)],
)
FIRST_DAY = date(2020, 1, 1)

ODD_CODES = [
    "a",
    "A",
    "A.1",
    "A.10",
    "A.2",
    "A%",
    "A_",
    "A ",
    " A",
    "~",
    "'\"`\\",
    "}) DETACH DELETE n //",
    "$code",
    "'; DROP TABLE ledger; --",
    "{faults}",
    "Ê",
    "E\u0302",
    "🌳",
    "\uffff",
    "Đ" * 64,
]
"""Codes that trip up quoting, patterns, collations and normalisation."""


def day(number: int) -> date:
    """The first day is day 0."""
    return FIRST_DAY + timedelta(days=number)


def founding(
    code: str,
    parent_code: str | None = None,
    kind: str = "level0",
    established: int = 0,
    closed: int | None = None,
    name: str = "a name",
) -> Founding:
    closed_on = None if closed is None else day(closed)
    return Founding(code, parent_code, name, kind, None, day(established), closed_on)


@st.composite
def trees(draw: st.DrawFn, most: int = 12) -> list[Founding]:
    """Faultless foundings of one tree, parents first: odd codes, lives that overlap all ways."""
    code = st.sampled_from(ODD_CODES) | st.text("Ab.1ệ", min_size=1, max_size=3)
    codes = draw(st.lists(code, min_size=1, max_size=most, unique=True))
    tree: list[Founding] = []
    for at, its_code in enumerate(codes):
        holders = [unit for unit in tree if unit.kind != f"level{DEPTH - 1}"]
        above = draw(st.sampled_from(holders)) if at else None
        tree.append(draw(_unit(its_code, above, tree)))
    return tree


@st.composite
def _unit(draw: st.DrawFn, code: str, above: Founding | None, tree: list[Founding]) -> Founding:
    rank = 0 if above is None else draw(st.integers(KINDS.rank(above.kind) + 1, DEPTH - 1))
    end = (above and above.closed_on) or day(40)
    established_on = draw(st.dates(FIRST_DAY, end - timedelta(days=1)))
    stands_from = max(established_on, Oracle(tree).stands_from(above.code) if above else FIRST_DAY)
    closed_on = draw(st.none() | st.dates(stands_from + timedelta(days=1), end))
    if above and above.closed_on:
        closed_on = closed_on or above.closed_on
    category = draw(st.sampled_from([None, "xã", "phường, thị trấn"]))
    parent_code = None if above is None else above.code
    name, kind = f"Đảng bộ {code}", f"level{rank}"
    return Founding(code, parent_code, name, kind, category, established_on, closed_on)


class Oracle:
    """The tree of any day, by recursion over a dict."""

    def __init__(self, foundings: Iterable[Founding]) -> None:
        self.units = {unit.code: unit for unit in foundings}

    def stands_from(self, code: str) -> date:
        unit = self.units[code]
        if unit.parent_code is None:
            return unit.established_on
        return max(unit.established_on, self.stands_from(unit.parent_code))

    def stands(self, code: str, as_of: date) -> bool:
        return code in self.units and self.stands_from(code) <= as_of

    def ancestors(self, code: str, as_of: date) -> list[str]:
        if not self.stands(code, as_of):
            return []
        above = self.units[code].parent_code
        return [*(self.ancestors(above, as_of) if above is not None else []), code]

    def parent(self, code: str, as_of: date) -> str | None:
        return self.units[code].parent_code if self.stands(code, as_of) else None

    def subtree(self, code: str, as_of: date) -> list[str]:
        if not self.stands(code, as_of):
            return []
        below = [unit.code for unit in self.units.values() if unit.parent_code == code]
        codes = [code] + [each for child in below for each in self.subtree(child, as_of)]
        return sorted(codes, key=lambda each: each.encode())
