"""Where every unit stands on every day, by `units.csv` and `decisions.csv` alone.

A full copy of the tree is kept for each day on which something happens, made by going through all
rows from the first day to the last. It never imports the rooms it judges. `Impossible` is raised
where the rows break a rule of `formats.md`, so that random decisions can be tried before they are
written into a folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

KINDS = {
    "central": 0,
    "province": 1,
    "district": 2,
    "bloc": 2,
    "direct": 2,
    "commune": 2,
    "grassroots": 3,
    "grassroots_branch": 3,
    "section": 4,
    "branch": 5,
    "group": 6,
}
MAY_STAND_UNDER = {
    "central": [],
    "province": ["central"],
    "district": ["province"],
    "bloc": ["province", "central"],
    "direct": ["province", "central"],
    "commune": ["province"],
    "grassroots": ["province", "district", "bloc", "direct", "commune"],
    "grassroots_branch": ["province", "district", "bloc", "direct", "commune"],
    "section": ["grassroots"],
    "branch": ["grassroots", "section"],
    "group": ["branch", "grassroots_branch"],
}
NO_LONGER = {("district", "province"): date(2025, 7, 1), ("bloc", "province"): date(2025, 7, 1)}
"""From that day no decision may put the one under the other."""

Row = dict[str, str]


class Impossible(Exception):
    """The rows break a rule."""


@dataclass(frozen=True)
class Unit:
    """A unit on one day; `closed_on` is its closing day wherever that lies."""

    code: str
    parent: str | None
    name: str
    kind: str
    category: str | None
    established_on: date
    closed_on: date | None

    def is_open(self, day: date) -> bool:
        return self.closed_on is None or day < self.closed_on


Tree = dict[str, Unit]


def above(tree: Tree, code: str) -> list[str]:
    """From the top to the unit, on a tree without a cycle; empty where it does not stand."""
    if code not in tree:
        return []
    parent = tree[code].parent
    return ([] if parent is None else above(tree, parent)) + [code]


class Moves:
    """The tree of every day."""

    def __init__(self, units: Iterable[Row], decisions: Iterable[Row]) -> None:
        self._founded = [_unit(row) for row in units]
        self._decisions = _by_decision(decisions)
        self._tree: Tree = {}
        self._trees: list[tuple[date, Tree]] = []
        for day in sorted(set(self._days())):
            self._found(day)
            for rows in self._decisions:
                if _day(rows[0]["effective_on"]) == day:
                    self._decide(rows, day)
            _check(self._tree, day, ())
            self._trees.append((day, dict(self._tree)))
        if {unit.code for unit in self._founded} - self._tree.keys():
            raise Impossible("a unit never comes to stand")
        self._tell_closings()

    def on(self, day: date) -> Tree:
        found: Tree = {}
        for since, tree in self._trees:
            if since <= day:
                found = tree
        return found

    @property
    def last(self) -> Tree:
        """Every unit there is, as it is in the end."""
        return self._trees[-1][1] if self._trees else {}

    @property
    def days(self) -> list[date]:
        """The days on which something happens."""
        return [day for day, _ in self._trees]

    def start(self, code: str) -> date:
        """The day from which the unit stands in the tree."""
        return next(day for day, tree in self._trees if code in tree)

    def _tell_closings(self) -> None:
        """What is closed some day is so on the trees before, too: with a day that lies ahead."""
        closings = {code: unit.closed_on for code, unit in self.last.items()}
        self._trees = [
            (day, {code: replace(unit, closed_on=closings[code]) for code, unit in tree.items()})
            for day, tree in self._trees
        ]

    def _days(self) -> Iterator[date]:
        for unit in self._founded:
            yield unit.established_on
            yield unit.closed_on or unit.established_on
        for rows in self._decisions:
            yield _day(rows[0]["effective_on"])

    def _found(self, day: date) -> None:
        """Founds what is due and has the unit above it, until nothing more is."""
        for unit in self._founded:
            is_due = unit.established_on <= day and unit.code not in self._tree
            if is_due and (unit.parent is None or unit.parent in self._tree):
                if not unit.is_open(day):
                    raise Impossible(f"{unit.code} is closed before it stands")
                self._tree[unit.code] = unit
                self._found(day)

    def _decide(self, rows: list[Row], day: date) -> None:
        touched = []
        for row in rows:
            touched.append(row["unit_code"])
            if row["change"] == "MERGE":
                touched += self._merge(row["unit_code"], row["to_code"], day)
            else:
                self._change(row, day)
            self._found(day)
        _check(self._tree, day, touched)

    def _open(self, code: str, day: date) -> Unit:
        if code not in self._tree or not self._tree[code].is_open(day):
            raise Impossible(f"{code} is not open")
        return self._tree[code]

    def _new(self, unit: Unit) -> None:
        if unit.code in self._tree or unit.code in {each.code for each in self._founded}:
            raise Impossible(f"{unit.code} is there")
        self._tree[unit.code] = unit

    def _move(self, code: str, to: str, day: date) -> None:
        unit = self._open(code, day)
        if unit.parent is None or code == self._open(to, day).code:
            raise Impossible(f"{code} may not move")
        self._tree[code] = replace(unit, parent=to)

    def _close(self, code: str, day: date) -> None:
        unit = self._open(code, day)
        if unit.parent is None or unit.closed_on is not None:
            raise Impossible(f"{code} is closed elsewhere, or the top")
        self._tree[code] = replace(unit, closed_on=day)

    def _merge(self, code: str, into: str, day: date) -> list[str]:
        self._move(code, into, day)
        below = [u.code for u in self._tree.values() if u.parent == code and u.is_open(day)]
        for child in below:
            self._move(child, into, day)
        self._close(code, day)
        return below

    def _change(self, row: Row, day: date) -> None:
        code, change, category = row["unit_code"], row["change"], row["category"] or None
        if change == "ESTABLISH":
            above = self._open(row["to_code"], day).code
            self._new(Unit(code, above, row["name"], row["kind"], category, day, None))
        elif change == "TRANSFER":
            self._move(code, row["to_code"], day)
        elif change == "SPLIT":
            whole = self._open(row["from_code"], day)
            if row["name"] and whole.parent is None:
                raise Impossible("the top is one")
            if row["name"]:
                self._new(Unit(code, whole.parent, row["name"], whole.kind, category, day, None))
            elif self._open(code, day) == whole:
                raise Impossible(f"{code} is its own part")
        elif change == "DISSOLVE":
            self._close(code, day)
        elif change == "RENAME":
            self._tree[code] = replace(self._open(code, day), name=row["name"])
        else:
            unit = self._open(code, day)
            kind, kept = row["kind"] or unit.kind, category or unit.category
            self._tree[code] = replace(unit, kind=kind, category=kept)


def _check(tree: Tree, day: date, touched: Iterable[str]) -> None:
    """No cycle, no open unit under a closed one, no kind where it may not stand."""
    for unit in tree.values():
        seen = {unit.code}
        parent = unit.parent
        while parent is not None:
            if parent in seen:
                raise Impossible(f"a cycle through {parent}")
            seen.add(parent)
            parent = tree[parent].parent
        if unit.parent is not None and unit.is_open(day):
            over = tree[unit.parent]
            pair = unit.kind, over.kind
            if not over.is_open(day) or over.kind not in MAY_STAND_UNDER[unit.kind]:
                raise Impossible(f"{unit.code} may not stand under {over.code}")
            if unit.code in touched and pair in NO_LONGER and NO_LONGER[pair] <= day:
                raise Impossible(f"{unit.code} may no longer be put under {over.code}")


def _by_decision(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows of each number in the order of their positions; numbers by their first rows."""
    decisions: dict[str, list[Row]] = {}
    for row in rows:
        decisions.setdefault(row["number"], []).append(row)
    return [sorted(each, key=lambda row: int(row["position"])) for each in decisions.values()]


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _unit(row: Row) -> Unit:
    return Unit(
        row["code"],
        row["parent_code"] or None,
        row["name"],
        row["kind"],
        row["category"] or None,
        _day(row["established_on"]),
        _day(row["closed_on"]) if row["closed_on"] else None,
    )
