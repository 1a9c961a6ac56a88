"""`chibo cursors renew`: after a restore nobody goes on from where the lost store had come to."""

from __future__ import annotations

from pathlib import Path

from server.database import Database
from tests import province
from tests.oracle.served import environment, run_chibo
from tests.province import TODAY

PAGE = "query ($after: String) { units(first: 1, after: $after) { pageInfo { endCursor } } }"


async def test_cursors_of_before_are_refused(tmp_path: Path) -> None:
    """By servers that start afterwards; those they give themselves are taken."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}"
    database = Database(url)
    await province.fill(database, tmp_path / "data", province.SMALL)
    await database.close()
    settings = province.settings_of(tmp_path, url)
    async with province.served(settings) as before:
        found = await before.data("leader_d", PAGE)
    assert run_chibo(["cursors", "renew"], environment(tmp_path, TODAY)).exit_code == 0
    async with province.served(settings) as after:
        old = {"after": found["units"]["pageInfo"]["endCursor"]}
        assert (await after.error("leader_d", PAGE, old))["extensions"]["field"] == "after"
        new = {"after": (await after.data("leader_d", PAGE))["units"]["pageInfo"]["endCursor"]}
        await after.data("leader_d", PAGE, new)
