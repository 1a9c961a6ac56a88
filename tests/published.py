"""What is published about 1 July 2025, and a folder's decisions replayed on plain dictionaries.

A naive oracle for the real case: it reads the tables of the Statistics Office and the files of a
folder anew, and uses nothing of the loader, of a store or of the generator.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "server" / "generation" / "data"
EVE, DAY = "2025-06-30", "2025-07-01"
Row = dict[str, str]
Figures = tuple[int, int, int]
"""Meetings, members expected, members present."""


# ---- what is published


def rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@dataclass(frozen=True)
class Published:
    """The tables as plain dictionaries by code; what is above each place is a code, too."""

    provinces: dict[str, str]
    districts: dict[str, str]
    communes: dict[str, str]
    new_provinces: dict[str, str]
    new_communes: dict[str, str]
    successors: dict[str, set[str]]

    @classmethod
    def read(cls) -> Published:
        """The tables without what the list of 2024 does not have."""
        communes = {row["code"]: row["district_code"] for row in rows(DATA / "2024-communes.csv")}
        successors: dict[str, set[str]] = {code: set() for code in communes}
        for row in rows(DATA / "2024-to-2025.csv"):
            if row["old_code"] in communes:
                successors[row["old_code"]].add(row["new_code"])
        return cls(
            {row["code"]: row["name"] for row in rows(DATA / "2024-provinces.csv")},
            {row["code"]: row["province_code"] for row in rows(DATA / "2024-districts.csv")},
            communes,
            {row["code"]: row["name"] for row in rows(DATA / "2025-provinces.csv")},
            {row["code"]: row["province_code"] for row in rows(DATA / "2025-communes.csv")},
            successors,
        )

    def only(self, province: str) -> Published:
        """The part of one province that merged with none."""
        districts = {code: above for code, above in self.districts.items() if above == province}
        communes = {code: above for code, above in self.communes.items() if above in districts}
        return Published(
            {province: self.provinces[province]},
            districts,
            communes,
            {province: self.new_provinces[province]},
            {code: above for code, above in self.new_communes.items() if above == province},
            {code: self.successors[code] for code in communes},
        )

    def province_after(self) -> dict[str, str]:
        """The province of 2025 that each one of 2024 is in, by the successors of its communes."""
        return {
            self.districts[self.communes[old]]: self.new_communes[new]
            for old, found in self.successors.items()
            for new in found
        }

    def without_successor(self) -> set[str]:
        """Old communes that no row of the conversion names."""
        return {code for code, found in self.successors.items() if not found}

    def without_predecessor(self) -> set[str]:
        return self.new_communes.keys() - set().union(*self.successors.values())

    def counts(self) -> dict[str, dict[str, int]]:
        """Open units by kind on each of the two days, as published."""
        return {
            EVE: {
                "province": len(self.provinces),
                "district": len(self.districts),
                "grassroots": len(self.communes),
                "commune": 0,
            },
            DAY: {
                "province": len(self.new_provinces),
                "district": 0,
                "grassroots": 0,
                "commune": len(self.new_communes),
                "branch": 0,
            },
        }


# ---- the replay: a naive oracle


@dataclass
class Tree:
    """The tree of one day: what is above each unit, its kind and name, and what is closed."""

    above: dict[str, str]
    kind: dict[str, str]
    name: dict[str, str]
    closed: set[str] = field(default_factory=set)

    def copy(self) -> Tree:
        return Tree(dict(self.above), dict(self.kind), dict(self.name), set(self.closed))

    def open(self, kind: str) -> set[str]:
        return {code for code, one in self.kind.items() if one == kind} - self.closed

    def path(self, code: str) -> list[str]:
        """From the unit up to the top."""
        found = []
        while code:
            found.append(code)
            code = self.above[code]
        return found


class Replay:
    """A folder by itself, its decisions all of one day: both trees, and which unit took over
    from which. Decisions are taken as their rows stand; AssertionError where a row is about a
    unit that is not open. A unit that `units.csv` closes is closed on both days.
    """

    def __init__(self, folder: Path) -> None:
        units = rows(folder / "units.csv")
        self.before = Tree(
            {row["code"]: row["parent_code"] for row in units},
            {row["code"]: row["kind"] for row in units},
            {row["code"]: row["name"] for row in units},
            {row["code"] for row in units if row["closed_on"]},
        )
        self.after = self.before.copy()
        self.successors: dict[str, set[str]] = defaultdict(set)
        self._below: dict[str, set[str]] = defaultdict(set)
        for code, above in self.before.above.items():
            self._below[above].add(code)
        for row in rows(folder / "decisions.csv"):
            assert row["effective_on"] == DAY
            self._take(row)

    def _take(self, row: Row) -> None:
        tree, code, to = self.after, row["unit_code"], row["to_code"]
        if row["change"] == "ESTABLISH":
            assert code not in tree.above and self._is_open(to)
            tree.above[code], tree.kind[code], tree.name[code] = to, row["kind"], row["name"]
            self._below[to].add(code)
            return
        assert self._is_open(code)
        if row["change"] == "TRANSFER":
            self._move(code, to)
        elif row["change"] == "MERGE":
            for lower in [each for each in self._below[code] if each not in tree.closed]:
                self._move(lower, to)
            self._move(code, to)
            tree.closed.add(code)
            self.successors[code].add(to)
        elif row["change"] == "SPLIT":
            assert self._is_open(row["from_code"])
            self.successors[row["from_code"]].add(code)
        elif row["change"] == "DISSOLVE":
            assert self._below[code] <= tree.closed
            tree.closed.add(code)
        elif row["change"] == "RENAME":
            tree.name[code] = row["name"]
        else:
            assert row["change"] == "RECLASSIFY"
            tree.kind[code] = row["kind"] or tree.kind[code]

    def _is_open(self, code: str) -> bool:
        return code in self.after.above and code not in self.after.closed

    def _move(self, code: str, to: str) -> None:
        assert self._is_open(to) and to not in self._subtree(code)
        self._below[self.after.above[code]].discard(code)
        self._below[to].add(code)
        self.after.above[code] = to

    def _subtree(self, code: str) -> set[str]:
        return {code}.union(*(self._subtree(lower) for lower in self._below[code]))


def differences(published: Published, replay: Replay) -> Iterator[str]:
    """What the folder says otherwise than the tables, row by row, in words."""
    for day, tree in ((EVE, replay.before), (DAY, replay.after)):
        for kind, count in published.counts()[day].items():
            if len(tree.open(kind)) != count:
                yield f"{day}: {len(tree.open(kind))} open units of kind {kind}, not {count}"
    for code, found in published.successors.items():
        old, new = f"X.{code}", {f"X25.{each}" for each in found}
        if replay.successors.get(old, set()) != new:
            yield f"{old}: successors {replay.successors.get(old)}, the table has {new or 'none'}"
        if old not in replay.after.closed:
            yield f"{old} is still open"
    for code, above in published.new_communes.items():
        if replay.after.above.get(f"X25.{code}") != f"T.{above}":
            yield f"X25.{code} is not under T.{above}"
    for code, above in published.province_after().items():
        merged = (f"T.{code}" in replay.after.closed, replay.after.above.get(f"T.{code}"))
        if merged != ((True, f"T.{above}") if code != above else (False, "TW")):
            yield f"T.{code} did not go into T.{above}"
    for code, name in published.new_provinces.items():
        if replay.after.name[f"T.{code}"] != f"Đảng bộ {name[0].lower()}{name[1:]}":
            yield f"T.{code} is called {replay.after.name[f'T.{code}']}, not {name}"


def figures_of(folder: Path, year: int) -> dict[str, Figures]:
    """The meetings of a year by the unit that held them."""
    own: dict[str, Figures] = defaultdict(lambda: (0, 0, 0))
    with (folder / "meetings.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines):
            if row[1].startswith(f"{year}-"):
                own[row[0]] = _plus(own[row[0]], (1, int(row[5]), int(row[6])))
    return own


def sums(own: dict[str, Figures], tree: Tree) -> dict[str, dict[str | None, Figures]]:
    """The figures below each unit, by the child they fall under; None: the unit's own."""
    found: dict[str, dict[str | None, Figures]] = defaultdict(dict)
    for code, figures in own.items():
        child: str | None = None
        for above in tree.path(code):
            found[above][child] = _plus(found[above].get(child, (0, 0, 0)), figures)
            child = above
    return found


def _plus(one: Figures, other: Figures) -> Figures:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]
