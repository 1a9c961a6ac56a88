"""Metrics for Prometheus: how much is asked, how long it takes, what it costs and what is refused.

`/metrics` is there where the operator set a token for it, and answers whoever shows that token and
nobody else; no token of the API opens it. Where it is not set, nothing of this is imported. No
label holds a principal, a unit, a variable or a name that a client made up: operations are named
where their documents are trusted, all others are `other`.

Several workers write into one folder that `chibo serve` makes for them, and whichever of them is
asked answers for all; what is true of one process alone carries its `worker`.
"""

import asyncio
import os
import re
from collections.abc import Iterable, Iterator
from functools import partial
from hmac import compare_digest
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from sqlalchemy import event
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from graph.watching import Answered
from server.database import Database
from server.stores import Stores

logger = structlog.get_logger(__name__)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus-client finds the folder of several processes, when imported."""

OTHER = "other"
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
COSTS = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)

_OF_PROCESS = re.compile(r"_(\d+)\.db$")


class Metrics:
    """What one worker counts, and the answer for all of them."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._folder = os.environ.get(FOLDER)
        self._registry = registry = CollectorRegistry()
        self._requests, self._seconds, self._costs, self._errors = _of_requests(registry)
        self._streams, self._streams_ended = _of_streams(registry)
        self._connections = Gauge(
            "chibo_database_connections_in_use",
            "Connections to the records' database that are at work.",
            registry=registry,
            multiprocess_mode="livesum",
        )

    # ---- what is counted

    def answered(self, about: Answered) -> None:
        """Counts a request."""
        operation = about.operation or OTHER
        self._requests.labels(operation, _outcome(about)).inc()
        self._seconds.labels(operation).observe(about.seconds)
        if about.cost is not None:
            self._costs.observe(about.cost)
        for code in about.codes:
            self._errors.labels(code).inc()

    def refused(self, code: str) -> None:
        """Counts a request that never came to be one."""
        self._errors.labels(code).inc()

    def stream_began(self) -> None:
        """Counts a stream that is open from now on."""
        self._streams.inc()

    def stream_ended(self, reason: str) -> None:
        """Counts a stream that is no longer open; the reason is one of a few words of ours."""
        self._streams.dec()
        self._streams_ended.labels(reason).inc()

    def count_connections(self, database: Database) -> None:
        """Counts the connections of a database that are at work from now on."""
        engine = database.engine.sync_engine
        event.listen(engine, "checkout", lambda *_: self._connections.inc())
        event.listen(engine, "checkin", lambda *_: self._connections.dec())

    # ---- what is told

    async def answer(self, request: Request, stores: Stores) -> Response:
        """What Prometheus is answered with, for all workers."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        is_shown = compare_digest(shown.encode("utf-8", "replace"), self._token)
        if not is_shown or scheme.lower() != "bearer":
            return PlainTextResponse("A token is needed.\n", 401, {"WWW-Authenticate": "Bearer"})
        encode, media = choose_encoder(request.headers.get("accept", ""))
        lag = await _lag(stores)
        body = await asyncio.to_thread(lambda: encode(self._told(lag)))
        return Response(body, headers={"Content-Type": media, "Cache-Control": "no-store"})

    def _told(self, lag: int | None) -> CollectorRegistry:
        told = CollectorRegistry()
        if self._folder is None:
            told.register(self._registry)
        else:
            _bury(Path(self._folder))
            MultiProcessCollector(told, self._folder)  # type: ignore[no-untyped-call]
        told.register(_Momentary(lag, _workers(self._folder)))
        return told


def _of_requests(registry: CollectorRegistry) -> tuple[Counter, Histogram, Histogram, Counter]:
    """How many, how long, at what cost, and with which errors."""
    requests = Counter(
        "chibo_requests",
        "Requests: answered without error, with_errors, refused (not run), left or failed.",
        ("operation", "outcome"),
        registry=registry,
    )
    seconds = Histogram(
        "chibo_request_duration_seconds",
        "How long an answer took, from the parsed request to the answer's value.",
        ("operation",),
        buckets=SECONDS,
        registry=registry,
    )
    costs = Histogram(
        "chibo_request_cost",
        "What requests were estimated to cost; those that were too costly are not here.",
        buckets=COSTS,
        registry=registry,
    )
    told = "Errors by the code that clients see."
    return requests, seconds, costs, Counter("chibo_errors", told, ("code",), registry=registry)


def _of_streams(registry: CollectorRegistry) -> tuple[Gauge, Counter]:
    is_open = Gauge(
        "chibo_streams_open",
        "Streams of changes that are open.",
        registry=registry,
        multiprocess_mode="livesum",
    )
    told = "Streams that ended, by why."
    return is_open, Counter("chibo_streams_ended", told, ("reason",), registry=registry)


def _outcome(about: Answered) -> str:
    if "INTERNAL" in about.codes:
        return "failed"
    if about.is_unheard:
        return "left"
    if not about.was_run:
        return "refused"
    return "with_errors" if about.codes else "answered"


async def _lag(stores: Stores) -> int | None:
    """By how many versions the projection is behind the tree; null where a store is silent."""
    try:
        return await stores.lag()
    except Exception as error:
        logger.warning("lag not known", reason=type(error).__name__)
        return None


class _Momentary(Collector):
    """What is looked up when it is asked: the lag, and the processes of the workers."""

    def __init__(self, lag: int | None, workers: Iterable[int]) -> None:
        self._lag = lag
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        if self._lag is not None:
            help_ = "By how many versions the projection is behind the tree."
            yield GaugeMetricFamily("chibo_revision_lag", help_, self._lag)
        yield from self._processes().values()

    def _processes(self) -> dict[str, Metric]:
        """What the library tells of a process, of every worker's."""
        found: dict[str, Metric] = {}
        for worker in self._workers:
            for metric in ProcessCollector(pid=partial(int, worker), registry=None).collect():
                kept = found.setdefault(
                    metric.name, Metric(metric.name, metric.documentation, metric.type)
                )
                kept.samples += [_of_worker(sample, worker) for sample in metric.samples]
        return found


def _of_worker(sample: Sample, worker: int) -> Sample:
    return sample._replace(labels={**sample.labels, "worker": str(worker)})


def _workers(folder: str | None) -> list[int]:
    """The processes that answer: those that write into the folder, or this one alone."""
    if folder is None:
        return [os.getpid()]
    return sorted(filter(_lives, _writers(Path(folder))))


def _writers(folder: Path) -> set[int]:
    found = (_OF_PROCESS.search(path.name) for path in folder.glob("*.db"))
    return {int(each[1]) for each in found if each}


def _bury(folder: Path) -> None:
    """Takes out what was true of workers that are no more; what they counted stays."""
    for worker in _writers(folder):
        if not _lives(worker):
            mark_process_dead(worker, str(folder))  # type: ignore[no-untyped-call]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
