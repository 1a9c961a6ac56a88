"""The demo: its province is made, every query that it prints answers its viewer, and the guide for
front ends is done on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server import demo
from server.settings import Settings
from tests import province
from tests.guide import Guide
from tests.workers import running

TODAY = date(2025, 7, 15)


def kinds(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many children of figures there are by the letters before their number."""
    prefixes = [row["child"]["code"].split(".")[0] for row in rows if row["child"]]
    return {prefix: prefixes.count(prefix) for prefix in prefixes}


@pytest_asyncio.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """The demo's province, without most of the records, for time."""
    home = tmp_path_factory.mktemp("demo")
    url = f"sqlite+aiosqlite:///{home}/chibo.db"
    settings = province.settings_of(home, url, CHIBO_TODAY=TODAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "FIRST", date(2025, 6, 15))
        await demo.prepare(settings)
    yield settings


async def test_every_query_is_answered(made: Settings) -> None:
    """2024 by 20 districts, then by 130 communes; only what the inspection commission is said
    not to see is refused to it."""
    async with province.served(made) as client:
        bodies = [
            await client.ask(sample.principal, query)
            for sample in demo.SAMPLES
            for query in sample.queries
        ]
    refused = [error["path"] for body in bodies for error in body.get("errors", ())]
    assert refused == [["meetings"]] and "errors" in bodies[-1]
    by_districts, by_communes, decision, commune = (body["data"] for body in bodies[:4])
    assert kinds(by_districts["meetingSummary"]) == {"CA": 1, "H": 20, "K": 1, "QS": 1}
    assert kinds(by_communes["meetingSummary"])["X25"] == 130
    assert decision["decision"]["effectiveOn"] == decision["unit"]["closedOn"] == "2025-07-01"
    assert decision["was"]["children"]["totalCount"] > 50
    assert len(commune["unit"]["predecessors"]) == 4
    [before, since] = bodies[6]["data"]["unit"]["history"]
    assert before["to"] == since["from"] == "2025-07-01"
    assert since["parent"]["code"] == "X25.17488"
    assert since["decision"]["number"] == "45-QĐ/TU"


async def test_the_guide_for_front_ends_leads_to_a_live_page(
    made: Settings, tmp_path: Path
) -> None:
    """Each of its commands runs; its page is paged, filtered, shows what a secretary records while
    it is open, and says when its token has run out."""
    today = TODAY.isoformat()
    with (
        running(made.home, str(made.database_url), today=TODAY) as server,
        Guide(tmp_path, made.home, server.url, today) as guide,
    ):
        guide.chapter(1)
        assert '"X25.17488"' in guide.chapter(2)
        guide.chapter(3)
        assert guide.chapter(4).splitlines()[1].startswith("page 2: 40 of ")
        assert "THEMATIC: " in guide.chapter(5)
        guide.chapter(6)
        token = guide.run("echo $TOKEN").strip()
        with guide.page(f"server={server.url}&token={token}") as page:
            assert page.shows(lambda seen: len(seen["rows"]) == 20)["hasMore"]
            page.does("click more")
            page.shows(lambda seen: len(seen["rows"]) == 40)
            page.does("choose kind THEMATIC")
            few = page.shows(lambda seen: 0 < len(seen["rows"]) < 40 and not seen["message"])
            assert len({kind for _, kind, *_ in few["rows"]}) == 1
            assert "recorded: 2025-07-15" in guide.chapter(7)
            found = page.shows(lambda seen: len(seen["rows"]) > len(few["rows"]))
            assert found["rows"][0][0] == "2025-07-15"
        short = guide.run("chibo token leader@X25.17488 --ttl 5").strip()
        with guide.page(f"server={server.url}&token={short}") as page:
            assert page.shows(lambda seen: seen["message"])["rows"]
