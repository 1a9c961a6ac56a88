"""Randomness in separate streams, and the sharing out of exact totals.

Every part of a folder draws from a stream of its own, named after the seed and the part, so that
a change in one part never disturbs another. It never uses the global generator and depends on no
order of hashing.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Value = TypeVar("Value")


def stream(seed: int, *parts: str) -> Random:
    """The generator of one part of a folder: the same for the same seed and names, always."""
    return Random("/".join((str(seed), *parts)))


def apportion(total: int, weights: Sequence[float], least: int = 0) -> list[int]:
    """Whole numbers in proportion to `weights`, each at least `least`, whose sum is `total`.

    By largest remainders; the earlier one wins a tie. ValueError where `total` cannot be reached.
    """
    spare = total - least * len(weights)
    if spare < 0 or (spare and not weights):
        raise ValueError(f"{total} cannot be shared among {len(weights)}, each at least {least}")
    whole = sum(weights)
    quotas = [spare * weight / whole for weight in weights]
    shares = [int(quota) for quota in quotas]
    order = sorted(range(len(quotas)), key=lambda at: (shares[at] - quotas[at], at))
    for at in order[: spare - sum(shares)]:
        shares[at] += 1
    return [least + share for share in shares]


def pool(
    random: Random, values: Sequence[Value], weights: Sequence[float], bits: int
) -> list[Value]:
    """2**`bits` draws of `values`, made once so that a row picks one by a few random bits."""
    return random.choices(values, weights, k=1 << bits)
