"""Scope: which parts of one tree a viewer's rights cover.

A `Hold` is one reach taken from one unit of a tree (an appointment's unit, a grant's); a grant's is
`Narrowed` by what it was made for. A `Scope` is what the allowed holds and the granted ones cover
less what the denied ones cover. The same value answers for one
unit (`covers`) and as a condition for the database (`predicate`), and the two always agree. It
builds on the standard library alone: columns are anything that compares as SQLAlchemy's do. It
never decides who holds what; `authz` does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import and_, or_
from typing import Any, Protocol

from hierarchy.unit import AFTER_LABELS, prefixes

Condition = Any
"""A condition of SQLAlchemy's expression language, or anything with `&`, `|` and `~`."""


class Located(Protocol):
    """Where a unit stands on a tree."""

    @property
    def path(self) -> str: ...
    @property
    def depth(self) -> int: ...
    @property
    def rank(self) -> int: ...


class Columns(Protocol):
    """The columns of a placement that a scope looks at."""

    path: Any
    depth: Any
    rank: Any


def subtree(path_column: Any, path: Any) -> Condition:
    """That a path lies in the subtree of the unit at `path`, itself included: one index range."""
    return (path_column >= path) & (path_column < path + AFTER_LABELS)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a right extends from its unit: own, children, subtree, below, rank<=N or above."""

    form: str
    rank: int = 0

    FORMS = ("own", "children", "subtree", "below", "above")

    @classmethod
    def parse(cls, text: str) -> "Reach":
        """Raises ValueError where the text is no reach."""
        if text in cls.FORMS:
            return cls(text)
        form, mark, rank = text.partition("<=")
        if form == "rank" and mark and rank.isdecimal():
            return cls("rank", int(rank))
        raise ValueError(f"{text!r} is no reach")

    def __str__(self) -> str:
        return f"rank<={self.rank}" if self.form == "rank" else self.form

    def covers(self, base: Located, unit: Located) -> bool:
        """Whether the reach, taken from `base`, includes `unit` of the same tree."""
        return _COVERS[self.form](self, base, unit)

    def predicate(self, base: Located, columns: Columns) -> Condition:
        """The same as a condition on a placement's columns."""
        return _PREDICATES[self.form](self, base, columns)


_COVERS: dict[str, Callable[[Reach, Located, Located], bool]] = {
    "own": lambda reach, base, unit: unit.path == base.path,
    "children": lambda reach, base, unit: (
        unit.depth == base.depth + 1 and unit.path.startswith(base.path)
    ),
    "subtree": lambda reach, base, unit: unit.path.startswith(base.path),
    "below": lambda reach, base, unit: unit.depth > base.depth and unit.path.startswith(base.path),
    "rank": lambda reach, base, unit: unit.rank <= reach.rank and unit.path.startswith(base.path),
    "above": lambda reach, base, unit: base.path.startswith(unit.path),
}

_PREDICATES: dict[str, Callable[[Reach, Located, Columns], Condition]] = {
    "own": lambda reach, base, columns: columns.path == base.path,
    "children": lambda reach, base, columns: (
        subtree(columns.path, base.path) & (columns.depth == base.depth + 1)
    ),
    "subtree": lambda reach, base, columns: subtree(columns.path, base.path),
    "below": lambda reach, base, columns: (
        subtree(columns.path, base.path) & (columns.path != base.path)
    ),
    "rank": lambda reach, base, columns: (
        subtree(columns.path, base.path) & (columns.rank <= reach.rank)
    ),
    "above": lambda reach, base, columns: columns.path.in_(prefixes(base.path)),
}


@dataclass(frozen=True, slots=True)
class Base:
    """A unit that rights are held at, as it stands on one tree."""

    unit_id: int
    path: str
    depth: int
    rank: int


@dataclass(frozen=True, slots=True)
class Hold:
    """One reach, taken from one unit."""

    base: Base
    reach: Reach

    def covers(self, unit: Located) -> bool:
        return self.reach.covers(self.base, unit)

    def predicate(self, columns: Columns) -> Condition:
        return self.reach.predicate(self.base, columns)

    def covers_from_above(self, unit: Located) -> bool:
        """Whether it covers the unit and is held strictly above it."""
        return unit.depth > self.base.depth and unit.path.startswith(self.base.path)

    @property
    def is_solid(self) -> bool:
        """Whether every unit between a covered unit and the base is covered too."""
        return self.reach.form in ("own", "subtree", "above") or (
            self.reach.form == "rank" and self.base.rank <= self.reach.rank
        )


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A hold that covers no more than every one of some scopes: what a grant gives. It never
    gives an open inspection on SIGNS (`design.md`, 3, Grants)."""

    hold: Hold
    limits: tuple["Scope", ...] = ()

    @property
    def base(self) -> Base:
        return self.hold.base

    def covers(self, unit: Located) -> bool:
        return self.hold.covers(unit) and all(limit.covers(unit) for limit in self.limits)

    def predicate(self, columns: Columns) -> Condition:
        limits = [limit.predicate(columns) for limit in self.limits]
        return reduce(and_, limits, self.hold.predicate(columns))

    @property
    def is_solid(self) -> bool:
        """As a hold's: it covers its base, and every limit is solid and taken from there too."""
        return (
            self.hold.is_solid
            and self.covers(self.base)
            and all(limit.is_solid and set(limit.bases) <= {self.base} for limit in self.limits)
        )


def _any(conditions: list[Condition], columns: Columns) -> Condition:
    """One of the conditions; none of them is a condition that never holds."""
    return reduce(or_, conditions) if conditions else columns.path < ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which units of one tree the rights to one action on one resource cover."""

    allowed: tuple[Hold, ...] = ()
    denied: tuple[Hold, ...] = ()
    granted: tuple[Narrowed, ...] = ()

    def __bool__(self) -> bool:
        """False where it surely covers nothing."""
        return bool(self.allowed or self.granted)

    @property
    def giving(self) -> tuple[Hold | Narrowed, ...]:
        """All holds that give something."""
        return self.allowed + self.granted

    @property
    def bases(self) -> tuple[Base, ...]:
        """The units that the rights are held at."""
        return tuple(hold.base for hold in self.giving)

    def covers(self, unit: Located) -> bool:
        """Whether the rights reach the unit, which stands on the scope's tree."""
        return any(hold.covers(unit) for hold in self.giving) and not self.denies(unit)

    def denies(self, unit: Located) -> bool:
        """Whether a denied hold covers the unit."""
        return any(hold.covers(unit) for hold in self.denied)

    def predicate(self, columns: Columns) -> Condition:
        """`covers` as a condition on a placement's columns."""
        allowed = _any([hold.predicate(columns) for hold in self.giving], columns)
        return self._less_denied(allowed, columns)

    def predicate_on_signs(self, columns: Columns, inspecting_unit: Any) -> Condition:
        """Of an open inspection on SIGNS: only through an appointment's hold at a unit strictly
        above the inspected one or at the inspecting one (`domain.md`, 5; `design.md`, 3)."""
        allowed = [
            hold.predicate(columns)
            & (
                (subtree(columns.path, hold.base.path) & (columns.path != hold.base.path))
                | (inspecting_unit == hold.base.unit_id)
            )
            for hold in self.allowed
        ]
        return self._less_denied(_any(allowed, columns), columns)

    def covers_on_signs(self, unit: Located, inspecting_unit: int) -> bool:
        """`predicate_on_signs` for one unit."""
        return any(
            hold.covers(unit)
            and (hold.covers_from_above(unit) or hold.base.unit_id == inspecting_unit)
            for hold in self.allowed
        ) and not self.denies(unit)

    def surely_reaches(self, path: str) -> bool:
        """Whether it covers the very unit of one of its bases in the subtree of a path; where
        not, only the database can tell whether it covers anything there."""
        return any(base.path.startswith(path) and self.covers(base) for base in self.bases)

    @property
    def is_solid(self) -> bool:
        """Whether whatever stands above a covered unit is covered, or stands above a base."""
        return not self.denied and all(hold.is_solid for hold in self.giving)

    def bases_above(self) -> list[str]:
        """The paths of all bases and of what stands above them, each once."""
        return sorted({path for base in self.bases for path in prefixes(base.path)})

    def _less_denied(self, allowed: Condition, columns: Columns) -> Condition:
        if not self.denied:
            return allowed
        return allowed & ~_any([hold.predicate(columns) for hold in self.denied], columns)


@dataclass(frozen=True, slots=True)
class Window:
    """A scope for the days from `valid_from` to before `valid_to`; null is without end."""

    valid_from: date
    valid_to: date | None
    scope: Scope

    def holds(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class ScopeThroughTime:
    """The same rights on the tree of each day: what a record's own day is measured by."""

    windows: tuple[Window, ...]

    def predicate(self, columns: Columns, day: Any) -> Condition:
        """That the scope of the tree on `day` (a column or expression) covers the placement."""
        return _any([self._during(window, columns, day) for window in self.windows], columns)

    def predicate_on_signs(self, columns: Columns, inspecting_unit: Any, day: Any) -> Condition:
        return _any(
            [
                _within(window, day) & window.scope.predicate_on_signs(columns, inspecting_unit)
                for window in self.windows
            ],
            columns,
        )

    @staticmethod
    def _during(window: Window, columns: Columns, day: Any) -> Condition:
        return _within(window, day) & window.scope.predicate(columns)


def _within(window: Window, day: Any) -> Condition:
    begun = day >= window.valid_from
    return begun if window.valid_to is None else reduce(and_, (begun, day < window.valid_to))
