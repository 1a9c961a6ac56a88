"""A file with one decision: the schema's `DecisionInput`, as JSON (`.json`) or else YAML.

It is read strictly, every fault with its place (`changes[2].merge.into: is missing`). Texts stay
as they are written: an unquoted `no`, `12` or `2025-07-01` is a text wherever the schema has one.
Whether the decision can be taken is not asked here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import yaml

from hierarchy import proposing
from hierarchy.decision import Decision, Step
from hierarchy.errors import BadInput
from hierarchy.founding import text_fault
from hierarchy.proposing import Part, key_digest
from records.content import key_fault
from server.folder.columns import Unreadable, day
from server.folder.faults import shown

TRUTHS = {"true": True, "false": False}
_AMISS: Any = object()
"""In the place of a value whose fault was told."""

T = TypeVar("T")


class DecisionRefused(BadInput):
    """A decision that is not right: one line a fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("{faults}", faults="\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class GivenDecision:
    """A decision as the file gives it: the steps of each of its changes, and its client key."""

    decision: Decision
    changes: list[list[Step]]
    key: str | None


def read_decision(path: Path, principal: str, recorded_at: datetime) -> GivenDecision:
    """Reads the file. Raises `DecisionRefused` with every fault of its form, or why it cannot be
    read at all."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        value = _of_json(text) if path.suffix.lower() == ".json" else _of_yaml(text)
    except OSError as error:
        raise DecisionRefused([f"{path}: cannot be read ({error.strerror})"]) from None
    except UnicodeDecodeError:
        raise DecisionRefused([f"{path}: not UTF-8"]) from None
    except RecursionError:
        raise DecisionRefused([f"{path}: nested too deeply"]) from None
    except _Unreadable as error:
        raise DecisionRefused([f"{path}: {error}"]) from None
    reading = _Reading()
    given = reading.decision(value, principal, recorded_at)
    if reading.faults:
        raise DecisionRefused(reading.faults)
    return given


# ---- texts to values


class _Unreadable(Exception):
    """Why a text is neither JSON nor YAML, or says a thing twice."""


class _Plain(str):
    """A scalar of YAML without quotes: a text, unless a truth is asked for."""


def _of_json(text: str) -> Any:
    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise _Unreadable(f"{shown(name)} a second time")
            found[name] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=mapping)
    except json.JSONDecodeError as error:
        raise _Unreadable(f"line {error.lineno}: not JSON") from None
    except ValueError:
        raise _Unreadable("a number of too many digits") from None


def _of_yaml(text: str) -> Any:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise _Unreadable(f"line {mark.line + 1 if mark else 1}: not YAML") from None
    except yaml.YAMLError:
        raise _Unreadable("not YAML") from None
    return None if node is None else _value(node, frozenset())


def _value(node: yaml.Node, above: frozenset[int]) -> Any:
    """What a node says; `above` are the nodes that it stands in."""
    if isinstance(node, yaml.ScalarNode):
        is_plain = node.style is None
        if is_plain and node.tag == "tag:yaml.org,2002:null":
            return None
        return _Plain(node.value) if is_plain else node.value
    if id(node) in above:
        raise _Unreadable(f"{_line(node)}: stands in itself")
    inside = above | {id(node)}
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, inside) for each in node.value]
    found: dict[str, Any] = {}
    for name, value in node.value:
        if not isinstance(name, yaml.ScalarNode):
            raise _Unreadable(f"{_line(name)}: no name of a field")
        if name.value in found:
            raise _Unreadable(f"{_line(name)}: {shown(name.value)} a second time")
        found[name.value] = _value(value, inside)
    return found


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


# ---- values to a decision


class _Reading:
    """Reads values by the shape of the schema. What is at fault is told in `faults`, and something
    of the right type stands in its place."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._changes: dict[str, Callable[[int, str, dict[str, Any]], list[Step]]] = {
            "establish": self._establish,
            "transfer": self._transfer,
            "merge": self._merge,
            "split": self._split,
            "dissolve": self._dissolve,
            "rename": self._rename,
            "reclassify": self._reclassify,
        }

    def decision(self, value: Any, principal: str, recorded_at: datetime) -> GivenDecision:
        needed = ("number", "title", "issuedBy", "issuedOn", "effectiveOn", "changes")
        given = self._mapping("", value, needed, ("clientKey",))
        key = self._key(given.get("clientKey"))
        head = Decision(
            self._text("number", given["number"]),
            self._text("title", given["title"]),
            self._text("issuedBy", given["issuedBy"]),
            self._day("issuedOn", given["issuedOn"]),
            self._day("effectiveOn", given["effectiveOn"]),
            recorded_at,
            None if key is None else key_digest(principal, key),
        )
        changes = self._list("changes", given["changes"])
        return GivenDecision(
            head, [self._change(place, change) for place, change in enumerate(changes)], key
        )

    def _change(self, place: int, value: Any) -> list[Step]:
        at = f"changes[{place}]"
        given = self._mapping(at, value, (), tuple(self._changes))
        kinds = [name for name in given if name in self._changes]
        if not isinstance(value, dict):
            return []
        if len(kinds) != 1:
            told = f"{' and '.join(kinds)} in one change" if kinds else "says nothing"
            self._fault(at, f"{told}; a change is one of {', '.join(self._changes)}")
            return []
        [kind] = kinds
        return self._changes[kind](place, f"{at}.{kind}", given[kind])

    def _establish(self, place: int, at: str, value: Any) -> list[Step]:
        given = self._mapping(at, value, ("code", "under", "name", "kind"), ("category",))
        code, under, name, kind = (
            self._text(f"{at}.{each}", given[each]) for each in ("code", "under", "name", "kind")
        )
        category = self._optional(f"{at}.category", given.get("category"))
        return proposing.establish(place, code, under, name, kind, category)

    def _transfer(self, place: int, at: str, value: Any) -> list[Step]:
        given = self._mapping(at, value, ("unit", "to"))
        unit, to = (self._text(f"{at}.{name}", given[name]) for name in ("unit", "to"))
        return proposing.transfer(place, unit, to)

    def _merge(self, place: int, at: str, value: Any) -> list[Step]:
        given = self._mapping(at, value, ("units", "into"))
        units = self._texts(f"{at}.units", given["units"])
        return proposing.merge(place, units, self._text(f"{at}.into", given["into"]))

    def _split(self, place: int, at: str, value: Any) -> list[Step]:
        given = self._mapping(at, value, ("unit", "into", "close"))
        parts = [
            self._part(f"{at}.into[{index}]", part)
            for index, part in enumerate(self._list(f"{at}.into", given["into"]))
        ]
        unit = self._text(f"{at}.unit", given["unit"])
        return proposing.split(place, unit, parts, self._truth(f"{at}.close", given["close"]))

    def _part(self, at: str, value: Any) -> Part:
        given = self._mapping(at, value, ("code", "units"), ("name", "category"))
        return Part(
            self._text(f"{at}.code", given["code"]),
            self._optional(f"{at}.name", given.get("name")),
            self._optional(f"{at}.category", given.get("category")),
            tuple(self._texts(f"{at}.units", given["units"])),
        )

    def _dissolve(self, place: int, at: str, value: Any) -> list[Step]:
        given = self._mapping(at, value, ("unit",))
        return proposing.dissolve(place, self._text(f"{at}.unit", given["unit"]))

    def _rename(self, place: int, at: str, value: Any) -> list[Step]:
        given = self._mapping(at, value, ("unit", "name"))
        unit, name = (self._text(f"{at}.{each}", given[each]) for each in ("unit", "name"))
        return proposing.rename(place, unit, name)

    def _reclassify(self, place: int, at: str, value: Any) -> list[Step]:
        given = self._mapping(at, value, ("unit",), ("kind", "category"))
        kind = self._optional(f"{at}.kind", given.get("kind"))
        category = self._optional(f"{at}.category", given.get("category"))
        unit = self._text(f"{at}.unit", given["unit"])
        return proposing.reclassify(place, unit, kind, category, "category" not in given)

    # -- forms

    def _fault(self, at: str, message: str) -> None:
        self.faults.append(f"{at}: {message}" if at else message)

    def _mapping(
        self, at: str, value: Any, needed: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The fields given; each that is needed has a value, if only one that is a fault."""
        inside = f"{at}." if at else ""
        if not isinstance(value, dict):
            self._fault(at, f"is no mapping with {', '.join([*needed, *optional])}")
            return dict.fromkeys(needed, _AMISS)
        for name in value:
            if name not in needed and name not in optional:
                self._fault(inside + name, "is no field here")
        for name in needed:
            if value.get(name) is None:
                self._fault(inside + name, "is missing")
        return {**value, **{name: _AMISS for name in needed if value.get(name) is None}}

    def _list(self, at: str, value: Any) -> list[Any]:
        if isinstance(value, list):
            return value
        return self._instead(at, value, "is no list", [])

    def _texts(self, at: str, value: Any) -> list[str]:
        given = enumerate(self._list(at, value))
        return [self._text(f"{at}[{index}]", each) for index, each in given]

    def _text(self, at: str, value: Any) -> str:
        if isinstance(value, str):
            return str(value) if value else self._instead(at, value, "is empty", "")
        return self._instead(at, value, "is no text", "")

    def _optional(self, at: str, value: Any) -> str | None:
        return None if value is None else self._text(at, value)

    def _day(self, at: str, value: Any) -> date:
        text = self._text(at, value)
        found = day(text) if text else date.min
        if isinstance(found, Unreadable):
            return self._instead(at, value, found.message, date.min)
        return found

    def _truth(self, at: str, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, _Plain) and value in TRUTHS:
            return TRUTHS[value]
        return self._instead(at, value, "is neither true nor false", False)

    def _key(self, value: Any) -> str | None:
        key = self._optional("clientKey", value)
        if key and (message := key_fault(key) or text_fault("a client key", key)):
            self._fault("clientKey", message)
        return key

    def _instead(self, at: str, value: Any, message: str, other: T) -> T:
        """Tells what is amiss, unless that was told before, and answers with the other."""
        if value is not _AMISS:
            self._fault(at, message)
        return other
