"""The demo: its province is made, and every query that it prints answers its viewer."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from server import demo
from tests import province


def kinds(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many children of figures there are by the letters before their number."""
    prefixes = [row["child"]["code"].split(".")[0] for row in rows if row["child"]]
    return {prefix: prefixes.count(prefix) for prefix in prefixes}


async def test_every_query_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """2024 by 20 districts, then by 130 communes; only what the inspection commission is said
    not to see is refused to it. Without most of the records, for time."""
    monkeypatch.setattr(demo, "FIRST", date(2025, 6, 15))
    url = f"sqlite+aiosqlite:///{tmp_path}/chibo.db"
    settings = province.settings_of(tmp_path, url, CHIBO_TODAY=date(2025, 7, 15))
    await demo.prepare(settings)
    async with province.served(settings) as client:
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
