"""The demo: a province to look around in, a few viewers with a token each, and queries to paste.

The province is Nghệ An in its real proportions, synthetic but for the names of places, with
records from 2024 to today: 20 districts until 30 June 2025, 130 communes since. It is made once,
in the store that the settings name; where that already holds a tree nothing is made. It prints
what a newcomer can do next and is no part of serving.
"""

import json
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

from graphql import parse, print_ast

from hierarchy import projection
from server.generation import nghe_an, write
from server.identity import development_token
from server.loading import load
from server.page import page_folder
from server.progress import Bars
from server.settings import Settings
from server.stores import Stores, open_stores

TOKEN_SECONDS = 7 * 86_400
SEED = 1
FIRST = date(2024, 1, 1)
"""The first day with records."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A viewer of the demo, what they may see, and queries worth running."""

    principal: str
    who: str
    queries: tuple[str, ...]


FIGURES_OF_2024 = (
    '(groupBy: [CHILD], filter: {heldFrom: "2024-01-01", heldTo: "2024-12-31"}%s) '
    "{ child { code name } meetings unitsMet attendanceRate averageScore } }"
)
SAMPLES = (
    Sample(
        "leader@T.40",
        "leader of the province committee: the whole province in figures, down to the "
        "grassroots organisations in detail; the figures of 2024 by the 20 districts there were, "
        "and by the 130 communes there are",
        (
            "{ meetingSummary" + FIGURES_OF_2024 % ', asOf: "2024-12-31"',
            "{ meetingSummary" + FIGURES_OF_2024 % "",
            '{ decision(number: "45-QĐ/TU") { title effectiveOn issuedBy { name } } '
            'unit(code: "H.425") { name closedOn } '
            'was: unit(code: "H.425", asOf: "2024-12-31") '
            "{ name children { totalCount nodes { code name } } } }",
        ),
    ),
    Sample(
        "leader@X25.17488",
        "leader of the commune committee of Tân Châu, into which four communes were merged: "
        "its own units, down to the branch, with what they did before",
        (
            '{ unit(code: "X25.17488") { name path { name } predecessors { code name } '
            "children(first: 5) { totalCount nodes { code name meetings(first: 3) "
            "{ nodes { heldOn kind topic membersPresent membersExpected score } } } } } }",
            "{ meetingSummary(groupBy: [YEAR]) { period meetings attendanceRate averageScore } }",
        ),
    ),
    Sample(
        "secretary@X.17488.01",
        "secretary of the branch of hamlet 1, until 30 June 2025 in the commune of Diễn Thọ: "
        "its own meetings, and its life",
        (
            "{ meetings(first: 10, filter: {scoreBelow: 70}) { totalCount nodes "
            "{ heldOn topic score unit { code name } } } "
            "evaluations(first: 5) { nodes { year rating regulation unit { name } } } }",
            '{ unit(code: "X.17488.01") { history '
            "{ from to name kind { name } parent { code name } decision { number } } } }",
        ),
    ),
    Sample(
        "inspection_commission@X25.17488",
        "inspection commission of Tân Châu: inspections, and nothing else",
        (
            "{ inspectionSummary(groupBy: [QUARTER, STATUS]) "
            "{ period status inspections completionRate membersInViolation } "
            "meetings { totalCount } }",
        ),
    ),
)


def settings_of_demo() -> Settings:
    """The settings of the environment, with the page for browsers shown."""
    return Settings(explorer=True)


async def prepare(settings: Settings) -> None:
    """Makes the demo province where the store holds no tree yet."""
    async with open_stores(settings) as stores:
        await stores.prepare()
        if await _is_empty(stores):
            await _fill(stores, settings)


def introduction(settings: Settings, port: int) -> str:
    """What a newcomer reads: viewers, tokens, queries and where to look."""
    url = f"http://127.0.0.1:{port}/graphql"
    parts = [_sample(settings, sample, url) for sample in SAMPLES]
    return "\n".join([*parts, _ending(url)])


async def _is_empty(stores: Stores) -> bool:
    async with stores.database.reading() as connection:
        return await projection.projected_version(connection) == 0


async def _fill(stores: Stores, settings: Settings) -> None:
    with tempfile.TemporaryDirectory() as folder, Bars() as bars:
        print("Making Nghệ An: 1,565 grassroots organisations, 10,148 branches, since 2024 …")
        parts = nghe_an.reorganised(FIRST, SEED, settings.today())
        write(Path(folder), parts, SEED, bars.count)
        print("Loading it …")
        await load(
            stores.database, stores.graph, Path(folder), settings.today(), progress=bars.show
        )


def _sample(settings: Settings, sample: Sample, url: str) -> str:
    token = development_token(settings, sample.principal, TOKEN_SECONDS)
    lines = ["", f"── {sample.principal}: {sample.who}", f"token: {token}"]
    for query in sample.queries:
        lines += _query(query, token, url)
    return "\n".join(lines)


def _query(query: str, token: str, url: str) -> Iterator[str]:
    body = json.dumps({"query": query}, ensure_ascii=False)
    yield f"query: {query}"
    yield (
        f"curl -s {url} -H 'Content-Type: application/json' "
        f"-H 'Authorization: Bearer {token}' -d {shlex.quote(body)}"
    )
    if page_folder() is not None:
        yield f"open:  {url}#token={token}&query={quote(print_ast(parse(query)))}"


def _ending(url: str) -> str:
    if page_folder() is not None:
        return f"\nServing. Open one of the lines above in a browser, or {url} with a token."
    return "\nServing. The page for browsers could not be built here; the curl lines work."
