"""How long a transfer takes until it is answered, and what whoever reads meanwhile feels of it.

Each transfer is a decision through GraphQL, and its reversal the way back, so that every round
begins with the same tree. Readers ask small questions, the next one a moment after the answer.
One asks the process that decides, another one a process beside it.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import orjson

from benchmarks import provinces
from benchmarks.client import Client, request
from benchmarks.measuring import Times
from benchmarks.province import Store
from benchmarks.provinces import CENTRE, COMMUNE, DISTRICT, SECOND
from benchmarks.servers import Server

PACE = 0.02
"""Seconds that a reader waits before the next question."""
WINDOWS = 4

DECIDE = "mutation ($input: DecisionInput!) { decide(input: $input) { number } }"
REVERSE = """mutation ($number: String!) {
  reverseDecision(number: $number, reason: "back") { number } }"""
SMALL = (
    f'{{ unit(code: "{COMMUNE}") {{ code name kind {{ name }} path {{ name }} }} }}',
    "{ meetings(first: 10) { nodes { id heldOn kind topic } } }",
    "{ viewer { name appointments { role validFrom } } }",
)

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer to measure: `units` go from the first province to the second, so many times;
    `aim` in milliseconds."""

    title: str
    units: Sequence[str]
    rounds: int
    aim: float


TRANSFERS = (
    Transfer("594 units, a district", (DISTRICT,), 12, 300),
    Transfer("11,881 units", provinces.PARTS, 4, 1_500),
)


@dataclass
class Readers:
    """Milliseconds of answers, as they come in: of the process that decides, and of one beside."""

    same: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class TransferFigures:
    """`there` and `back`: until the answer, with nobody else asking; readers with nothing else
    to do for the server, and while transfers go to and fro without a pause."""

    there: Times
    back: Times
    undisturbed: Readers
    meanwhile: Readers


class Decider:
    """The leader of the centre, who moves units to and fro, by a connection for each request."""

    def __init__(self, store: Store, server: Server) -> None:
        self._token = store.run("token", f"leader@{CENTRE}").strip()
        self._port = server.port

    def there_and_back(self, units: Sequence[str]) -> tuple[float, float]:
        """Milliseconds of a transfer and of its reversal."""
        number = f"QĐ-{next(_numbers)}"
        there = self._timed(DECIDE, {"input": decision(number, units, SECOND)})
        return there, self._timed(REVERSE, {"number": number})

    def decide(self, units: Sequence[str], to: str) -> None:
        self._timed(DECIDE, {"input": decision(f"QĐ-{next(_numbers)}", units, to)})

    def _timed(self, document: str, variables: dict[str, object]) -> float:
        body = {"query": document, "variables": variables}
        asked = request("/graphql", self._token, body)
        begun = time.perf_counter()
        with Client(self._port) as client:
            answer = orjson.loads(client.send(asked))
        taken = (time.perf_counter() - begun) * 1000
        if "errors" in answer:
            raise RuntimeError(answer["errors"])
        return taken


def decision(number: str, units: Sequence[str], to: str) -> dict[str, object]:
    """A `DecisionInput` by which units go elsewhere."""
    day = provinces.MOVED_ON.isoformat()
    return {
        "number": number,
        "title": "Chuyển giao tổ chức đảng",
        "issuedBy": CENTRE,
        "issuedOn": day,
        "effectiveOn": day,
        "changes": [{"transfer": {"unit": unit, "to": to}} for unit in units],
    }


def measure(store: Store, deciding: Server, beside: Server, transfer: Transfer) -> TransferFigures:
    """The figures of one transfer."""
    decider = Decider(store, deciding)
    decider.there_and_back(transfer.units)
    rounds = [decider.there_and_back(transfer.units) for _ in range(transfer.rounds)]
    undisturbed, meanwhile = Readers(), Readers()
    for _ in range(WINDOWS):
        begun = time.perf_counter()
        with _reading(store, deciding, beside, meanwhile):
            for _ in range(max(1, transfer.rounds // WINDOWS)):
                decider.there_and_back(transfer.units)
        spent = time.perf_counter() - begun
        with _reading(store, deciding, beside, undisturbed):
            time.sleep(spent)
    there, back = zip(*rounds, strict=True)
    return TransferFigures(Times(there), Times(back), undisturbed, meanwhile)


@contextmanager
def _reading(store: Store, deciding: Server, beside: Server, taken: Readers) -> Iterator[None]:
    """Readers ask while the block runs."""
    token = store.run("token", f"leader@{DISTRICT}").strip()
    asked = [request("/graphql", token, {"query": question}) for question in SMALL]
    is_over = threading.Event()
    readers = [
        threading.Thread(target=_read, args=(server.port, asked, is_over.is_set, times))
        for server, times in ((deciding, taken.same), (beside, taken.beside))
    ]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        is_over.set()
        for reader in readers:
            reader.join()


def _read(
    port: int, asked: Sequence[bytes], is_over: Callable[[], bool], times: list[float]
) -> None:
    with Client(port) as client:
        while not is_over():
            begun = time.perf_counter()
            client.send(asked[len(times) % len(asked)])
            times.append((time.perf_counter() - begun) * 1000)
            time.sleep(PACE)
