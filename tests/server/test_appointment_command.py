"""`chibo appointment end`: what nobody above is there to end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from server.database import Database
from tests import province
from tests.oracle.served import Commands, environment
from tests.province import TODAY, Client

OFFICES = "{ viewer { appointments { role } } }"


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


@pytest_asyncio.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Client]:
    """The small province, served from its file."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}"
    database = Database(url)
    await province.fill(database, tmp_path / "data", province.SMALL)
    await database.close()
    async with province.served(province.settings_of(tmp_path, url)) as client:
        yield client


async def test_an_office_at_the_top_is_ended(
    commands: Commands, writer: Client, tmp_path: Path
) -> None:
    """Dead at the next request of a running server, told by the trail, and once only."""
    variables = environment(tmp_path, TODAY)
    asked = ["appointment", "end", "leader_t", "leader", "T"]
    assert (await writer.data("leader_t", OFFICES))["viewer"]["appointments"]
    ended = commands.run(asked, variables)
    assert (ended.errors, ended.exit_code, ended.output) == (
        "",
        0,
        f"1 appointment ended on {TODAY}\n",
    )
    assert (await writer.data("leader_t", OFFICES))["viewer"]["appointments"] == []
    told = '{ audit(action: "end") { nodes { principal unit { code } detail } } }'
    detail = f"Ended the appointment of leader_t as leader, from {TODAY}."
    nodes = (await writer.data("auditor_t", told))["audit"]["nodes"]
    assert nodes == [{"principal": "cli", "unit": {"code": "T"}, "detail": detail}]
    again = commands.run(asked, variables)
    assert (again.exit_code, again.output) == (1, "")
    assert commands.run(["verify"], variables).exit_code == 0


async def test_a_day_that_has_passed_or_nobodys_office_is_refused(
    commands: Commands, writer: Client, tmp_path: Path
) -> None:
    variables = environment(tmp_path, TODAY)
    for rest in (
        ["leader_t", "leader", "T", "--on", "2024-06-14"],
        ["leader_t", "auditor", "T"],
        ["leader_t", "leader", "D"],
        ["nobody", "leader", "T"],
    ):
        refused = commands.run(["appointment", "end", *rest], variables)
        assert (refused.exit_code, refused.output) == (1, "")
    assert (await writer.data("leader_t", OFFICES))["viewer"]["appointments"]
