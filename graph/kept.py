"""What a process keeps by its text, bounded by the characters of those texts.

The least used give way. One that is long by itself is not kept, for it would drive out all others.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Values by key. `most` is how many characters all of them may have together, each as many as
    it was said to have; one alone may have a twentieth of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._characters = 0

    def get(self, key: str) -> T | None:
        """The value, which is then the last to give way; null where none is kept."""
        known = self._values.get(key)
        if known is None:
            return None
        self._values.move_to_end(key)
        return known[0]

    def keep(self, key: str, value: T, characters: int) -> None:
        """Keeps a value, in the place of one of the same key."""
        if characters > self._most // 20:
            return
        _, before = self._values.pop(key, (None, 0))
        self._values[key] = value, characters
        self._characters += characters - before
        while self._characters > self._most:
            _, (_, oldest) = self._values.popitem(last=False)
            self._characters -= oldest
