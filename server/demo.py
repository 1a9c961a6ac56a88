"""The demo: a province to look around in, a few viewers with a token each, and queries to paste.

The province is Nghệ An in its real proportions, synthetic but for the names of places. It is made
once, in the store that the settings name; where that already holds a tree nothing is made. It
prints what a newcomer can do next and is no part of serving.
"""

import json
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from graphql import parse, print_ast

from hierarchy import projection
from server.generation import generate
from server.identity import development_token
from server.loading import load
from server.page import page_folder
from server.progress import Bars
from server.settings import Settings
from server.stores import Stores, open_stores

TOKEN_SECONDS = 7 * 86_400
SEED = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """A viewer of the demo, what they may see, and a query worth running."""

    principal: str
    who: str
    query: str


SAMPLES = (
    Sample(
        "leader@T.40",
        "leader of the province committee: the whole province in figures, down to the "
        "grassroots organisations in detail",
        "{ meetingSummary(groupBy: [CHILD]) "
        "{ child { code name } meetings unitsMet attendanceRate averageScore } }",
    ),
    Sample(
        "leader@H.425",
        "leader of the district committee of Diễn Châu: its own units, down to the branch",
        '{ unit(code: "H.425") { name path { name } children(first: 5) { totalCount nodes '
        "{ code name meetings(first: 3) { nodes { heldOn kind topic membersPresent "
        "membersExpected score } } } } } }",
    ),
    Sample(
        "secretary@X.17488",
        "secretary of the party committee of the commune of Diễn Thọ: its own branches",
        "{ meetings(first: 10, filter: {scoreBelow: 70}) { totalCount nodes "
        "{ heldOn topic score unit { code name } } } "
        "evaluations(first: 5) { nodes { year rating regulation unit { name } } } }",
    ),
    Sample(
        "inspection_commission@H.425",
        "inspection commission of Diễn Châu: inspections, and nothing else",
        "{ inspectionSummary(groupBy: [QUARTER, STATUS]) "
        "{ period status inspections completionRate membersInViolation } "
        "meetings { totalCount } }",
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
        print("Making Nghệ An: 1,565 grassroots organisations, 10,148 branches, one year …")
        generate(Path(folder), "nghe-an", 1, SEED, settings.today(), bars.count)
        print("Loading it …")
        await load(
            stores.database, stores.graph, Path(folder), settings.today(), progress=bars.show
        )


def _sample(settings: Settings, sample: Sample, url: str) -> str:
    token = development_token(settings, sample.principal, TOKEN_SECONDS)
    body = json.dumps({"query": sample.query}, ensure_ascii=False)
    lines = [
        "",
        f"── {sample.principal}: {sample.who}",
        f"token: {token}",
        f"query: {sample.query}",
        f"curl -s {url} -H 'Content-Type: application/json' "
        f"-H 'Authorization: Bearer {token}' -d {shlex.quote(body)}",
    ]
    if page_folder() is not None:
        pretty = print_ast(parse(sample.query))
        lines.append(f"open:  {url}#token={token}&query={quote(pretty)}")
    return "\n".join(lines)


def _ending(url: str) -> str:
    if page_folder() is not None:
        return f"\nServing. Open one of the lines above in a browser, or {url} with a token."
    return "\nServing. The page for browsers could not be built here; the curl lines work."
