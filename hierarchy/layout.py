"""How a unit's life is laid out as rows: for each span of days its path and its own fields.

A row of `placement` holds for the days in which neither the unit's own fields nor its path
change; the path changes where the unit or one above it moves. Pure: it is told lives, or rows
that were laid out before, and never reads a database.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hierarchy.timeline import Lifeline
from hierarchy.unit import LABEL_WIDTH, Kinds, folded, label

Row = dict[str, Any]
"""A row of a table by its columns' names."""


@dataclass(frozen=True, slots=True)
class Span:
    """A path for some days; `valid_to` null is without end."""

    valid_from: date
    valid_to: date | None
    path: str


@dataclass(frozen=True, slots=True)
class Own:
    """A unit's own fields for some days."""

    valid_from: date
    valid_to: date | None
    parent_id: int | None
    name: str
    name_folded: str
    kind: str
    category: str | None

    def says(self, other: "Own") -> bool:
        mine = (self.parent_id, self.name, self.kind, self.category)
        return mine == (other.parent_id, other.name, other.kind, other.category)


@dataclass(frozen=True, slots=True)
class Constants:
    """What is the same on all rows of a unit."""

    unit_id: int
    code: str
    established_on: date
    stands_from: date
    closed_on: date | None

    def row(self) -> Row:
        return {
            "id": self.unit_id,
            "code": self.code,
            "established_on": self.established_on,
            "stands_from": self.stands_from,
            "closed_on": self.closed_on,
        }

    def placement_rows(self, own: Own, spans: Iterable[Span], kinds: Kinds) -> Iterator[Row]:
        same = {
            "unit_id": self.unit_id,
            "parent_id": own.parent_id,
            "rank": kinds.rank(own.kind),
            "code": self.code,
            "name": own.name,
            "name_folded": own.name_folded,
            "kind": own.kind,
            "category": own.category,
            "established_on": self.established_on,
            "closed_on": self.closed_on,
            "last_open_on": self.closed_on and self.closed_on - timedelta(days=1),
        }
        for span in spans:
            yield {
                **same,
                "valid_from": span.valid_from,
                "valid_to": span.valid_to,
                "path": span.path,
                "depth": len(span.path) // LABEL_WIDTH - 1,
            }


def clipped(spans: Iterable[Span], begin: date, end: date | None) -> Iterator[Span]:
    """What of the spans lies between two days; neighbours on one path are one."""
    last: Span | None = None
    for span in spans:
        first = max(span.valid_from, begin)
        to = earlier(span.valid_to, end)
        if to is not None and to <= first:
            continue
        if last is not None and last.path == span.path:
            last = Span(last.valid_from, to, span.path)
            continue
        if last is not None:
            yield last
        last = Span(first, to, span.path)
    if last is not None:
        yield last


def earlier(one: date | None, other: date | None) -> date | None:
    """The earlier of two ends; null is no end."""
    if one is None or other is None:
        return one or other
    return min(one, other)


class Paths:
    """The paths of units through time, told from their own fields and those above them.

    On each day the tree has no cycle, so that asking for the days of one parent only ends; over
    all days two units may well have stood under each other.
    """

    def __init__(self, own: Mapping[int, Sequence[Own]], known: Mapping[int, list[Span]]) -> None:
        self._own = own
        self._known = known
        self._told: dict[tuple[int, date, date | None], list[Span]] = {}
        self._labels: dict[int, str] = {}

    def spans(self, unit_id: int, begin: date, end: date | None) -> list[Span]:
        key = unit_id, begin, end
        if key not in self._told:
            self._told[key] = list(clipped(self._pieces(unit_id, begin, end), begin, end))
        return self._told[key]

    def of_own(self, unit_id: int, own: Own) -> list[Span]:
        """The unit's paths while it has these fields of its own."""
        return self._under(own.parent_id, unit_id, own.valid_from, own.valid_to)

    def _under(
        self, parent_id: int | None, unit_id: int, begin: date, end: date | None
    ) -> list[Span]:
        mine = self._label(unit_id)
        if parent_id is None:
            return [Span(begin, end, mine)]
        above = self.spans(parent_id, begin, end)
        return [Span(span.valid_from, span.valid_to, span.path + mine) for span in above]

    def _label(self, unit_id: int) -> str:
        if unit_id not in self._labels:
            self._labels[unit_id] = label(unit_id)
        return self._labels[unit_id]

    def _pieces(self, unit_id: int, begin: date, end: date | None) -> Iterator[Span]:
        if unit_id not in self._own:
            yield from self._known.get(unit_id, ())
            return
        for own in self._own[unit_id]:
            first, to = max(own.valid_from, begin), earlier(own.valid_to, end)
            if to is None or first < to:
                yield from self._under(own.parent_id, unit_id, first, to)


def own_of_life(life: Lifeline, ids: Mapping[str, int]) -> list[Own]:
    """A unit's own fields, version by version."""
    ends = [version.valid_from for version in life.versions[1:]]
    return [
        Own(
            version.valid_from,
            end,
            None if version.parent_code is None else ids[version.parent_code],
            version.name,
            folded(version.name),
            version.kind,
            version.category,
        )
        for version, end in zip(life.versions, [*ends, None], strict=True)
    ]


def own_of_rows(rows: Iterable[Row]) -> list[Own]:
    """A unit's own fields from its rows, which may be cut where something above it moved."""
    found: list[Own] = []
    for row in rows:
        names = (row["name"], row["name_folded"])
        fields = (row["parent_id"], *names, row["kind"], row["category"])
        own = Own(row["valid_from"], row["valid_to"], *fields)
        if found and found[-1].says(own):
            own = Own(found.pop().valid_from, row["valid_to"], *fields)
        found.append(own)
    return found


def row_on(rows: Iterable[Row], day: date) -> Row | None:
    return next(
        (
            row
            for row in rows
            if row["valid_from"] <= day and (row["valid_to"] is None or day < row["valid_to"])
        ),
        None,
    )


def saying(row: Row | None) -> Row | None:
    """What a row says of its day."""
    return row and {name: row[name] for name in row if name not in ("valid_from", "valid_to")}


def stood_under(spans: Iterable[Own]) -> list[tuple[date, int | None]]:
    """From when on the unit stood where."""
    found: list[tuple[date, int | None]] = []
    for own in spans:
        if not found or found[-1][1] != own.parent_id:
            found.append((own.valid_from, own.parent_id))
    return found


def constants_of_row(row: Row) -> Constants:
    days = (row["established_on"], row["valid_from"], row["closed_on"])
    return Constants(row["unit_id"], row["code"], *days)


def placements_of(
    constants: Constants, spans: Sequence[Own], paths: Paths, kinds: Kinds
) -> list[Row]:
    return [
        row
        for own in spans
        for row in constants.placement_rows(own, paths.of_own(constants.unit_id, own), kinds)
    ]


def is_shorter(before: Row, after: Row) -> bool:
    """Whether a row only ends earlier than it did."""
    end = after["valid_to"]
    ends_earlier = end is not None and (before["valid_to"] is None or end < before["valid_to"])
    return ends_earlier and saying(before) == saying(after)


def never(unit_id: int, code: str, day: date) -> Row:
    """A unit that has no life: it is told, or was reversed."""
    return Constants(unit_id, code, day, day, day).row()


@dataclass(frozen=True, slots=True)
class Effects:
    """What units come to on the day of a decision: how many are established, how many are closed
    that were not, how many are open before and after and stand under other units."""

    established: int
    closed: int
    moved: int


def effects(
    pairs: Iterable[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]], day: date
) -> Effects:
    """Counts units by their rows on the day before and after."""
    established = closed = moved = 0
    for before, after in pairs:
        was_open, is_open = is_open_on(before, day), is_open_on(after, day)
        was_closed = before is not None and not was_open
        established += before is None
        closed += after is not None and not is_open and not was_closed
        if before is not None and after is not None and was_open and is_open:
            moved += before["path"] != after["path"]
    return Effects(established, closed, moved)


def is_open_on(row: Mapping[str, Any] | None, day: date) -> bool:
    """Whether a unit that stands so is open on a day."""
    return row is not None and (row["closed_on"] is None or row["closed_on"] > day)
