"""What another policy would change, before it is set: for how many viewers, and of how many units.

Exact: everything that all offices of a viewer cover under the one policy is compared with what
they cover under the other, on one tree, so that what one office is denied is taken from another
as well. Casbin alone says which reaches an office has; what they cover is laid out as bits, one a
unit in the order of paths, where a subtree is one run: so a whole country is compared in a few
minutes. Pure: the tree and the viewers' offices are given to it. Grants, and what the
ground `SIGNS` withholds, are not looked at.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from authz.policy import Held, Policy
from hierarchy.scope import Base, Hold, Located, Reach, Scope
from hierarchy.unit import AFTER_LABELS, prefixes

_ANYWHERE = Base(-1, "", 0, 0)
_BYTE = 8

Pair = tuple[str, str]
"""An action and a resource."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would change of one action on one resource: how many viewers would reach more units
    and how many distinct ones in all, and how many would no longer reach some."""

    action: str
    resource: str
    gaining: int
    gained: int
    losing: int
    lost: int


class Foresight:
    """Two policies held against each other, viewer by viewer."""

    def __init__(self, tree: Iterable[Located], before: Policy, after: Policy) -> None:
        """`tree`: all units of one tree, in the order of their paths."""
        self._line = _Line(tree)
        self._before = before
        self._after = after
        changed = dict.fromkeys(_changed(before, after) + _changed(after, before))
        self._tallies = {pair: _Tally(self._line.size) for pair in changed}
        self._kept: dict[tuple[bool, str, str, Pair], Scope] = {}

    def add(self, offices: Collection[Held]) -> None:
        """Compares what one viewer's offices, placed on the tree, would cover."""
        for pair, tally in self._tallies.items():
            before = self._scope(offices, pair, False)
            after = self._scope(offices, pair, True)
            if before != after:
                tally.add(list(self._line.differences(before, after)))

    def foreseen(self) -> list[Foreseen]:
        """What the viewers added would gain and lose, of each pair that a changed rule is of."""
        return [
            Foreseen(*pair, tally.gaining, tally.gained, tally.losing, tally.lost)
            for pair, tally in self._tallies.items()
        ]

    def _scope(self, offices: Collection[Held], pair: Pair, is_after: bool) -> Scope:
        scopes = [(office, self._of_office(office, pair, is_after)) for office in offices]
        return Scope(
            tuple(Hold(office.base, each.reach) for office, it in scopes for each in it.allowed),
            tuple(Hold(office.base, each.reach) for office, it in scopes for each in it.denied),
        )

    def _of_office(self, office: Held, pair: Pair, is_after: bool) -> Scope:
        """What an office of the role gives at a unit of the kind, wherever that stands."""
        key = is_after, office.role, office.kind, pair
        if key not in self._kept:
            policy = self._after if is_after else self._before
            anywhere = Held(office.role, office.kind, _ANYWHERE)
            self._kept[key] = policy.scope((anywhere,), *pair)
        return self._kept[key]


def _changed(one: Policy, other: Policy) -> list[Pair]:
    """Of which pairs the one policy has a rule that the other has not."""
    there = set(other.rules)
    return [(rule.action, rule.resource) for rule in one.rules if rule not in there]


# ---- units as bits


@dataclass(frozen=True, slots=True)
class _Difference:
    """The units gained and lost in a part of the line that begins at a byte."""

    start: int
    gained: int
    lost: int


class _Tally:
    """Counts viewers, and gathers the units of all of them."""

    def __init__(self, size: int) -> None:
        self.gaining = self.losing = 0
        self._gained = bytearray(size)
        self._lost = bytearray(size)

    @property
    def gained(self) -> int:
        return int.from_bytes(self._gained, "little").bit_count()

    @property
    def lost(self) -> int:
        return int.from_bytes(self._lost, "little").bit_count()

    def add(self, differences: Sequence[_Difference]) -> None:
        """Adds one viewer."""
        self.gaining += any(each.gained for each in differences)
        self.losing += any(each.lost for each in differences)
        for each in differences:
            _gather(self._gained, each.start, each.gained)
            _gather(self._lost, each.start, each.lost)


def _gather(units: bytearray, start: int, bits: int) -> None:
    if bits:
        end = start + (bits.bit_length() + _BYTE - 1) // _BYTE
        bits |= int.from_bytes(units[start:end], "little")
        units[start:end] = bits.to_bytes(end - start, "little")


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the line, from a byte to before another."""

    start: int
    end: int


class _Line:
    """The units of a tree in the order of their paths: a subtree is one run of them.

    A set of units in a part of the line is a number, whose lowest bit is the part's first unit.
    """

    def __init__(self, tree: Iterable[Located]) -> None:
        places = [(unit.path, unit.depth, unit.rank) for unit in tree]
        self._paths = [path for path, _, _ in places]
        self._of_depth = _masks([depth for _, depth, _ in places])
        self._of_rank = _masks([rank for _, _, rank in places])
        self._up_to_rank = cache(self._up_to)

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self._paths) // _BYTE + 1

    def differences(self, before: Scope, after: Scope) -> Iterator[_Difference]:
        """What the one scope covers and the other does not, in parts of the line that may
        overlap."""
        holds = {*before.allowed, *before.denied, *after.allowed, *after.denied}
        for part in {part for hold in holds for part in self._parts(hold)}:
            old, new = self._covered(before, part), self._covered(after, part)
            yield _Difference(part.start, new & ~old, old & ~new)

    def _parts(self, hold: Hold) -> Iterator[_Part]:
        """Where the units stand that a hold may cover."""
        if hold.reach.form != "above":
            start, end = self._run(hold.base.path)
            yield _Part(start // _BYTE, (end - 1) // _BYTE + 1)
            return
        for path in prefixes(hold.base.path):
            at = bisect_left(self._paths, path) // _BYTE
            yield _Part(at, at + 1)

    def _run(self, path: str) -> tuple[int, int]:
        return bisect_left(self._paths, path), bisect_left(self._paths, path + AFTER_LABELS)

    def _covered(self, scope: Scope, part: _Part) -> int:
        return self._any(scope.allowed, part) & ~self._any(scope.denied, part)

    def _any(self, holds: Iterable[Hold], part: _Part) -> int:
        covered = 0
        for hold in holds:
            covered |= self._of_hold(hold, part)
        return covered

    def _of_hold(self, hold: Hold, part: _Part) -> int:
        """What `hold.covers` says of each unit of the part."""
        start, end = self._run(hold.base.path)
        match hold.reach:
            case Reach("own"):
                return _bits(start, start + 1, part)
            case Reach("subtree"):
                return _bits(start, end, part)
            case Reach("below"):
                return _bits(start + 1, end, part)
            case Reach("children"):
                children = self._of_depth.get(hold.base.depth + 1, b"")
                return _bits(start, end, part) & _cut(children, part)
            case Reach("rank", rank):
                return _bits(start, end, part) & _cut(self._up_to_rank(rank), part)
        above = [bisect_left(self._paths, path) for path in prefixes(hold.base.path)]
        return sum(_bits(at, at + 1, part) for at in above)

    def _up_to(self, rank: int) -> bytes:
        """The units whose rank is at most that."""
        masks = [mask for each, mask in self._of_rank.items() if each <= rank]
        together = 0
        for mask in masks:
            together |= int.from_bytes(mask, "little")
        return together.to_bytes(self.size, "little")


def _masks(values: Sequence[int]) -> dict[int, bytes]:
    """Of each value, which units have it."""
    masks = {value: bytearray(len(values) // _BYTE + 1) for value in set(values)}
    for at, value in enumerate(values):
        masks[value][at // _BYTE] |= 1 << at % _BYTE
    return {value: bytes(mask) for value, mask in masks.items()}


def _bits(start: int, end: int, part: _Part) -> int:
    """The units from one place on the line to before another, as far as they are in the part."""
    first = part.start * _BYTE
    start, end = max(start, first), min(end, part.end * _BYTE)
    return ((1 << (end - start)) - 1) << (start - first) if start < end else 0


def _cut(mask: bytes, part: _Part) -> int:
    return int.from_bytes(mask[part.start : part.end], "little")
