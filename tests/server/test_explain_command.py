"""`chibo explain`: everything that was found, in English, with days and grants; and the trail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest_asyncio
from sqlalchemy import select

from authz import grants
from authz.grants import Ceiling, Grant, Taken
from hierarchy import placements
from hierarchy.placements import raise_policy_version
from records.tables import audit_entry
from server.explaining import explained
from server.loading import load
from server.stores import Stores, open_stores
from tests import province
from tests.province import TODAY

GRANTED = UUID(int=1)


@pytest_asyncio.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    """The small province, where figures of G are granted to leaders at E."""
    settings = province.settings_of(tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}")
    async with open_stores(settings) as opened:
        await opened.prepare()
        files = province.write(tmp_path / "data", province.SMALL)
        await load(opened.database, opened.graph, files, TODAY)
        async with opened.database.writing() as connection:
            g, e = [await placements.of_code(connection, code, TODAY) for code in ("G", "E")]
            assert g is not None
            assert e is not None
            given = Grant(
                GRANTED,
                g.unit_id,
                e.unit_id,
                ("leader",),
                ("meeting",),
                ("summarise",),
                None,
                "Phối hợp",
                date(2024, 6, 1),
                date(2025, 1, 1),
                "leader_d",
                datetime(2024, 6, 1, tzinfo=UTC),
                date(2024, 6, 1),
                None,
                {("summarise", "meeting"): Ceiling((Taken(g.unit_id, "subtree"),))},
            )
            await grants.store(connection, given)
            await raise_policy_version(connection)
        yield opened


async def test_the_nearest_is_told_in_full_and_the_others_below(stores: Stores) -> None:
    assert (await explained(stores, TODAY, "leader_e", "read", "meeting", "B")).splitlines() == [
        "denied",
        "rule: allow leader at district|bloc|direct|commune|grassroots|grassroots_branch|section|"
        "branch|group: meeting read subtree",
        "grant: summarise meeting of G to leader at E from 2024-06-01 to 2025-01-01",
        "The grant of G to E is for other actions or resources.",
        "- The office leader at E is for another subtree, in which B does not stand.",
        "  rule: allow leader at district|bloc|direct|commune|grassroots|grassroots_branch|section|"
        "branch|group: meeting read subtree",
        "  appointment: leader at E from 2020-01-01",
    ]


async def test_a_grant_decides_until_it_is_revoked(stores: Stores) -> None:
    asked = "leader_e", "summarise", "meeting", "B"
    told = (await explained(stores, TODAY, *asked)).splitlines()
    assert (told[0], told[-1]) == ("allowed", "The grant of G to E gives this right.")
    async with stores.database.writing() as connection:
        await grants.revoke(connection, GRANTED, datetime(2024, 6, 10, tzinfo=UTC), TODAY)
        await raise_policy_version(connection)
    told = (await explained(stores, TODAY, *asked)).splitlines()
    assert told[0] == "denied"
    assert told[2].endswith(f"to 2025-01-01, revoked on {TODAY}")
    assert told[3] == f"The grant of G to E was revoked on {TODAY}."


async def test_it_is_told_to_the_trail(stores: Stores) -> None:
    await explained(stores, TODAY, "leader_e", "read", "meeting", "B")
    async with stores.database.reading() as connection:
        rows = await connection.execute(
            select(audit_entry).where(audit_entry.c.action == "explain")
        )
        [entry] = rows.all()
    assert (entry.principal, entry.resource) == ("cli", "appointment")
    assert json.loads(entry.detail) == {
        "asked_about": "leader_e",
        "asked_action": "read",
        "asked_resource": "meeting",
    }
