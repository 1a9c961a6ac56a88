"""How much was held against the oracle: one unit by one pair and one way of asking, or one answer.

`make oracle` makes a million of them and prints how many (`tests/authz/conftest.py`).
"""

from __future__ import annotations

from typing import Any

made = 0


def same(found: Any, expected: Any, checks: int = 1) -> None:
    """Holds what was found against what is true; for a set of units, `checks` are those it was
    chosen from."""
    global made
    made += checks
    assert found == expected
