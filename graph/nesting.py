"""JSON that clients send, read no deeper than anything that is asked has need of.

Deeper JSON is refused where it is read: what comes after may go through values by recursion, and
what writes JSON (orjson) ends at 254 levels. Only the depth is looked at, never what a value means.
"""

from typing import Any

import orjson

DEEPEST = 64
"""Levels of objects and arrays within each other; no variable of the schema needs ten."""


class NestedTooDeep(ValueError):
    """JSON is nested deeper than `DEEPEST`."""


def read_json(text: bytes | str) -> Any:
    """What a text says. Raises `NestedTooDeep`, and `orjson.JSONDecodeError` where it is no
    JSON."""
    found = orjson.loads(text)
    if _opened(text) > DEEPEST and _is_deeper(found):
        raise NestedTooDeep
    return found


def _opened(text: bytes | str) -> int:
    """At least as many as there are levels: most texts need no closer look."""
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def _is_deeper(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [within for each in level for within in _held(each)]
        if not level:
            return False
    return True


def _held(value: Any) -> list[Any]:
    """The objects and arrays right within a value."""
    if not isinstance(value, dict | list):
        return []
    values = value.values() if isinstance(value, dict) else value
    return [each for each in values if isinstance(each, dict | list)]
