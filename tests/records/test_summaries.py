"""Sums at their limits: how many rows, how large, and what a share of nothing is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from graph.execution import Executor, Request
from graph.limits import Limits
from hierarchy.errors import BadInput
from records.summaries import MAX_ROWS, MAX_SUM, Sum, share, whole
from server.database import Database
from tests import province
from tests.province import TODAY


def test_a_sum_is_told_up_to_the_largest_int() -> None:
    assert whole(Sum((), {"members": MAX_SUM}), "members") == 2**31 - 1
    with pytest.raises(BadInput):
        whole(Sum((), {"members": MAX_SUM + 1}), "members")


def test_a_share_of_nothing_is_null() -> None:
    assert (share(1, 2), share(0, 2), share(0, 0), share(None, None)) == (0.5, 0.0, None, None)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_as_many_rows_as_allowed_and_one_more(
    engine: str, fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    """5,000 rows are answered, whether for one unit or for each of several; 5,001 never are."""
    database = Database(fresh_database(engine))
    months = [date(2000 + at // 12, at % 12 + 1, 1) for at in range(250)]
    units = [f"U{at:02}" for at in range(20)]
    rows = [f"{code},{day},GROUP,ONLINE,,1,1,,true,false," for code in units for day in months]
    tree = ["T,,Tỉnh,province,,2000-01-01,"]
    tree += [f"{code},T,Huyện,district,,2000-01-01," for code in units]
    assert len(rows) == MAX_ROWS
    files = {"units": "\n".join(tree), "appointments": "who,leader,T,2020-01-01,"}
    await province.fill(database, tmp_path / "one", files | {"meetings": "\n".join(rows)})
    executor = Executor(database, Limits(max_cost=10**6), b"k" * 32, lambda: TODAY)

    async def asked(query: str) -> tuple[int | None, list[str]]:
        body = (await executor.answer(Request(query, None, None, "en"), "who")).body
        found = body["data"].get("unit", body["data"])["meetingSummary"]
        codes = [error["extensions"]["code"] for error in body.get("errors", ())]
        return found and len(found), codes

    summary = "meetingSummary(groupBy: [CHILD, MONTH]) { meetings }"
    queries = (f"{{ {summary} }}", f'{{ unit(code: "T") {{ {summary} }} }}')
    for query in queries:
        assert await asked(query) == (MAX_ROWS, [])
    await province.fill(
        database, tmp_path / "two", {"meetings": "T,2000-01-01,GROUP,ONLINE,,1,1,,true,false,"}
    )
    for query in queries:
        assert await asked(query) == (None, ["QUERY_TOO_COSTLY"])
    await database.close()
