"""What a field must be answered to a viewer, and whether an answer is that.

The order among records of one date is free but for being stable, so an answer is compared by dates
and, within a date, as a multiset. An identifier may be any text that is not empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import Any

from tests.oracle.model import Model, Record, Refused, four_goods, record_date
from tests.oracle.moves import KINDS
from tests.oracle.questions import LISTS, SUMMARIES, Field

Path = tuple[Any, ...]


class AnyIdentifier:
    def __repr__(self) -> str:
        return "<an identifier>"


@dataclass(frozen=True)
class Connection:
    """The whole list with each item's place in the order, and the page asked of it."""

    items: list[tuple[Any, Any]]
    selection: tuple[Field, ...]
    first: int
    offset: int

    @property
    def page(self) -> list[tuple[Any, Any]]:
        return self.items[self.offset : self.offset + self.first]

    def __repr__(self) -> str:
        return f"items {self.offset} to +{self.first} of {len(self.items)}: {self.page}"


class Answers:
    """The expected answers to one viewer."""

    def __init__(self, model: Model, principal: str) -> None:
        self.model, self.principal = model, principal

    def root(self, field: Field, offset: int = 0) -> Any:
        """The value, None, or a `Refused` that says with which code."""
        try:
            return self._root(field, offset)
        except Refused as refusal:
            return refusal

    def _root(self, field: Field, offset: int) -> Any:
        arguments = field.arguments
        day = arguments.get("asOf") or self.model.today
        if field.name == "unit":
            seen = self.model.visible(self.principal, day)
            code = arguments["code"]
            return self.unit(code, day, field, offset) if code in seen else None
        if field.name in SUMMARIES:
            return self._root_summary(field, day)
        within, filter = arguments.get("within"), arguments.get("filter")
        if field.name == "units":
            codes = self.model.listed_units(self.principal, within, filter, day)
            return self._units(codes, day, field, offset)
        records = self.model.listed_records(self.principal, LISTS[field.name], within, filter)
        return self._records(LISTS[field.name], records, field, offset)

    def _root_summary(self, field: Field, day: date) -> Any:
        within = field.arguments.get("within")
        if within is not None and within not in self.model.visible(self.principal, day):
            raise Refused("NOT_FOUND")
        rows = self._summary(field, within, day)
        if rows is None:
            raise Refused("FORBIDDEN")
        return rows

    def unit(self, code: str, day: date, field: Field, offset: int = 0) -> dict[str, Any]:
        return {inner.key: self._of_unit(code, day, inner, offset) for inner in field.selection}

    def _of_unit(self, code: str, day: date, field: Field, offset: int) -> Any:
        unit, name = self.model.unit(code, day), field.name
        if name in ("id", "__typename"):
            return AnyIdentifier() if name == "id" else "Unit"
        if name == "kind":
            return _pick(field, {"code": unit.kind, "rank": KINDS[unit.kind]})
        if name == "parent":
            return None if unit.parent is None else self.unit(unit.parent, day, field)
        if name == "path":
            return [self.unit(above, day, field) for above in self.model.path(code, day)]
        if name == "children":
            filter = field.arguments.get("filter")
            codes = self.model.children(self.principal, code, filter, day)
            return self._units(codes, day, field, offset)
        if name in LISTS:
            filter = field.arguments.get("filter")
            records = self.model.records_of(self.principal, LISTS[name], code, filter)
            return None if records is None else self._records(LISTS[name], records, field, offset)
        if name in SUMMARIES:
            return self._summary(field, code, day)
        return {
            "code": code,
            "name": unit.name,
            "category": unit.category,
            "establishedOn": unit.established_on.isoformat(),
            "closedOn": _text(unit.closed_on if self.model.closed(code, day) else None),
        }[name]

    def _units(self, codes: list[str], day: date, field: Field, offset: int) -> Connection:
        node = _node(field)
        return self._connection([(c, self.unit(c, day, node)) for c in codes], field, offset)

    def _records(
        self, resource: str, records: list[Record], field: Field, offset: int
    ) -> Connection:
        node = _node(field)
        items = [
            (_sorting(resource, record), self.record(resource, record, node)) for record in records
        ]
        newest = field.arguments.get("orderBy") != "OLDEST_FIRST"
        items.sort(key=lambda item: item[0], reverse=newest)
        return self._connection(items, field, offset)

    def _connection(self, items: list[Any], field: Field, offset: int) -> Connection:
        first = field.arguments.get("first")
        return Connection(items, field.selection, 50 if first is None else first, offset)

    def record(self, resource: str, record: Record, field: Field) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        for inner in field.selection:
            if inner.name in ("unit", "by"):
                answer[inner.key] = self._beside(record[inner.name], inner)
            elif inner.name == "id":
                answer[inner.key] = AnyIdentifier()
            elif inner.name == "revision":
                answer[inner.key] = record.get("revision", 1)
            elif inner.name == "__typename":
                answer[inner.key] = resource.capitalize()
            elif inner.name == "fourGoods":
                answer[inner.key] = four_goods(record)
            else:
                answer[inner.key] = _text(record[inner.name])
        return answer

    def _beside(self, code: str, field: Field) -> dict[str, Any]:
        """A record's unit, or one that is in sight only as the inspecting one: by itself."""
        today = self.model.today
        answer = self.unit(code, today, field)
        if code not in self.model.visible(self.principal, today):
            for inner in field.selection:
                if inner.name == "parent":
                    answer[inner.key] = None
                elif inner.name == "path":
                    answer[inner.key] = [self.unit(code, today, inner)]
        return answer

    def _summary(self, field: Field, within: str | None, day: date) -> Any:
        arguments = field.arguments
        recorded = arguments.get("attribution") == "AS_RECORDED"
        rows = self.model.summary(
            self.principal,
            SUMMARIES[field.name],
            within,
            arguments.get("filter"),
            [str.__str__(key) for key in arguments.get("groupBy") or []],
            day,
            recorded,
            day,
        )
        return None if rows is None else [self._row(row, day, field) for row in rows]

    def _row(self, row: Record, day: date, field: Field) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        for inner in field.selection:
            value = row[inner.name]
            if inner.name == "child" and value is not None:
                shown = day if self.model.stands(value, day) else self.model.today
                value = self.unit(value, shown, inner)
            elif inner.name == "unitKind" and value is not None:
                value = _pick(inner, {"code": value, "rank": KINDS[value]})
            answer[inner.key] = _text(value) if not isinstance(value, dict) else value
        return answer


def _node(field: Field) -> Field:
    """The selection of a connection's nodes, wherever it stands."""
    for inner in field.selection:
        if inner.name == "nodes":
            return inner
        if inner.name == "edges":
            return next(part for part in inner.selection if part.name == "node")
    return Field("nodes", {})


def _sorting(resource: str, record: Record) -> str:
    return record_date(resource, record).isoformat()


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _pick(field: Field, values: dict[str, Any]) -> dict[str, Any]:
    return {inner.key: values[inner.name] for inner in field.selection}


# ---- expected and got


def differences(expected: Any, got: Any, path: Path, errors: dict[Path, str]) -> Iterator[str]:
    """Each place where they differ; takes out of `errors` those that were expected."""
    if isinstance(expected, Refused):
        yield from _refusal_differences(expected, got, path, errors)
    elif isinstance(expected, Connection):
        yield from _connection_differences(expected, got, path, errors)
    elif isinstance(expected, AnyIdentifier):
        if not isinstance(got, str) or not got:
            yield f"{_place(path)}: expected an identifier, got {got!r}"
    elif isinstance(expected, dict):
        yield from _object_differences(expected, got, path, errors)
    elif isinstance(expected, list):
        yield from _list_differences(expected, got, path, errors)
    elif not _same(expected, got):
        yield f"{_place(path)}: expected {_plain(expected)!r}, got {got!r}{_error(path, errors)}"


def _refusal_differences(
    expected: Refused, got: Any, path: Path, errors: dict[Path, str]
) -> Iterator[str]:
    code = errors.pop(path, None)
    if got is not None or code != expected.code:
        yield f"{_place(path)}: expected {expected.code}, got {code or short(got)}"


def _object_differences(
    expected: dict[str, Any], got: Any, path: Path, errors: dict[Path, str]
) -> Iterator[str]:
    if not isinstance(got, dict):
        yield f"{_place(path)}: expected {short(expected)}, got {got!r}{_error(path, errors)}"
        return
    for key, value in expected.items():
        yield from differences(value, got.get(key), (*path, key), errors)


def _list_differences(
    expected: list[Any], got: Any, path: Path, errors: dict[Path, str]
) -> Iterator[str]:
    if not isinstance(got, list) or len(got) != len(expected):
        yield f"{_place(path)}: expected {short(expected)}, got {short(got)}{_error(path, errors)}"
        return
    for index, value in enumerate(expected):
        yield from differences(value, got[index], (*path, index), errors)


def _connection_differences(
    expected: Connection, got: Any, path: Path, errors: dict[Path, str]
) -> Iterator[str]:
    if not isinstance(got, dict):
        yield f"{_place(path)}: expected {short(expected)}, got {got!r}{_error(path, errors)}"
        return
    nodes, cursors = nodes_of(got), [edge.get("cursor") for edge in got.get("edges") or []]
    yield from _page_differences(expected, nodes, path, errors)
    if "edges" in got and not all(isinstance(cursor, str) and cursor for cursor in cursors):
        yield f"{_place(path)}: a cursor is missing: {cursors}"
    if "totalCount" in got and got["totalCount"] != len(expected.items):
        yield f"{_place(path)}.totalCount: expected {len(expected.items)}, got {got['totalCount']}"
    if "pageInfo" in got:
        yield from _page_info_differences(expected, got, cursors, path)


def nodes_of(connection: dict[str, Any]) -> list[Any]:
    if "nodes" in connection:
        return list(connection["nodes"])
    return [edge["node"] for edge in connection.get("edges") or []]


def _page_differences(
    expected: Connection, nodes: list[Any], path: Path, errors: dict[Path, str]
) -> Iterator[str]:
    page = expected.page
    if len(nodes) != len(page):
        wanted = [item for _, item in page]
        yield f"{_place(path)}: expected {len(page)} nodes {short(wanted)}, got {len(nodes)}: " + (
            short(nodes)
        )
        return
    place = 0
    for key, run in groupby(page, key=lambda item: item[0]):
        size = len(list(run))
        pool = [item for other, item in expected.items if other == key]
        got = nodes[place : place + size]
        yield from _tied_differences(pool, got, (*path, f"[{place}]"), errors)
        place += size


def _tied_differences(
    pool: list[Any], got: list[Any], path: Path, errors: dict[Path, str]
) -> Iterator[str]:
    """Whether what was got is some of the pool, none of it twice."""
    if len(pool) == 1:
        yield from differences(pool[0], got[0], path, errors)
        return
    left = list(pool)
    for node in got:
        found = next((item for item in left if matches(item, node)), None)
        if found is None:
            yield f"{_place(path)}: expected one of {short(left)}, got {short(node)}"
            return
        left = [item for item in left if item is not found]


def matches(expected: Any, got: Any) -> bool:
    return not list(differences(expected, got, (), {}))


def _page_info_differences(
    expected: Connection, got: dict[str, Any], cursors: list[str], path: Path
) -> Iterator[str]:
    total, end = len(expected.items), expected.offset + expected.first
    wanted: dict[str, Any] = {
        "hasNextPage": end < total,
        "hasPreviousPage": expected.offset > 0 and total > 0,
    }
    if not expected.page:
        wanted |= {"startCursor": None, "endCursor": None}
    elif cursors:
        wanted |= {"startCursor": cursors[0], "endCursor": cursors[-1]}
    for name, value in wanted.items():
        if got["pageInfo"].get(name) != value:
            found = got["pageInfo"].get(name)
            yield f"{_place(path)}.pageInfo.{name}: expected {value!r}, got {found!r}"


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, Fraction):
        number = isinstance(got, int | float) and not isinstance(got, bool)
        return number and abs(float(expected) - got) <= 1e-9 * max(1.0, abs(float(expected)))
    return type(expected) is type(got) and bool(expected == got)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Fraction) else value


def _error(path: Path, errors: dict[Path, str]) -> str:
    return f" ({errors[path]})" if path in errors else ""


def _place(path: Path) -> str:
    return ".".join(map(str, path)) or "answer"


def short(value: Any, most: int = 700) -> str:
    text = repr(value)
    return text if len(text) <= most else text[:most] + " …"
