"""How answers are timed: Chibo and the floor in turn, so that a busy moment falls on both."""

import time
from dataclasses import dataclass

import orjson

from benchmarks.client import Client

WARM_UP = 15
MOST_PAIRS = 400
FEWEST_PAIRS = 20
MOST_SECONDS = 20.0
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of many answers to one question."""

    values: tuple[float, ...]

    def at(self, percent: float) -> float:
        """The time that so many percent of the answers did not exceed."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class DifferentAnswers(Exception):
    """Chibo and the floor do not say the same: what is timed would not be the same work."""

    def __init__(self, answers: list[object]) -> None:
        super().__init__(*(str(answer)[:MOST_SHOWN] for answer in answers))


def alternately(first: tuple[Client, bytes], second: tuple[Client, bytes]) -> tuple[Times, Times]:
    """Times of the same question asked of two servers in turn, after both are warm.

    Raises `DifferentAnswers` where they disagree.
    """
    # What Chibo tells beside it, such as the cost, the floor knows nothing of.
    answers = [orjson.loads(client.send(request))["data"] for client, request in (first, second)]
    if not _are_alike(*answers):
        raise DifferentAnswers(answers)
    return in_turn(first, second)


def in_turn(first: tuple[Client, bytes], second: tuple[Client, bytes]) -> tuple[Times, Times]:
    """Times of two questions asked in turn, after both are warm, whatever the answers say."""
    for client, request in (first, second) * WARM_UP:
        client.send(request)
    taken: tuple[list[float], list[float]] = ([], [])
    begun = time.perf_counter()
    while _goes_on(len(taken[0]), time.perf_counter() - begun):
        for (client, request), times in zip((first, second), taken, strict=True):
            times.append(_timed(client, request))
    return Times(tuple(taken[0])), Times(tuple(taken[1]))


def alone(client: Client, request: bytes) -> Times:
    """Times of one question asked of one server. Raises `RuntimeError` for an error."""
    if "errors" in (answer := orjson.loads(client.send(request))):
        raise RuntimeError(answer["errors"])
    for _ in range(WARM_UP):
        client.send(request)
    taken: list[float] = []
    begun = time.perf_counter()
    while _goes_on(len(taken), time.perf_counter() - begun):
        taken.append(_timed(client, request))
    return Times(tuple(taken))


def _goes_on(pairs: int, seconds: float) -> bool:
    return pairs < FEWEST_PAIRS or (pairs < MOST_PAIRS and seconds < MOST_SECONDS)


def _timed(client: Client, request: bytes) -> float:
    begun = time.perf_counter()
    client.send(request)
    return (time.perf_counter() - begun) * 1000


def _are_alike(one: object, other: object) -> bool:
    """Whether the answers say the same, sums of fractions apart from their last digits."""
    if isinstance(one, float) and isinstance(other, float | int):
        return abs(one - other) <= 1e-9 * max(1.0, abs(one))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_are_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_are_alike, one, other))
    return one == other
