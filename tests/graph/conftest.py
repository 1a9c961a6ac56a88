"""The small province, served in this process: once for readers, anew for each test that writes."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from server.database import Database
from tests import province
from tests.graph.reorganised import WITH_MORE, reorganise
from tests.province import Client


@pytest_asyncio.fixture(scope="session")
async def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small province in a file; it is copied, never opened."""
    folder = tmp_path_factory.mktemp("province")
    database = Database(f"sqlite+aiosqlite:///{folder / 'chibo.db'}")
    await province.fill(database, folder / "data", province.SMALL)
    await database.close()
    return folder / "chibo.db"


@pytest.fixture
def sqlite_url(sqlite_file: Path, tmp_path: Path) -> str:
    """A small province of the test's own."""
    shutil.copy(sqlite_file, tmp_path / "chibo.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}"


@pytest_asyncio.fixture(scope="session")
async def postgresql_url(
    fresh_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The small province on PostgreSQL, one for the session."""
    url = fresh_database("postgresql")
    database = Database(url)
    await province.fill(database, tmp_path_factory.mktemp("postgresql"), province.SMALL)
    await database.close()
    return url


@pytest_asyncio.fixture(scope="session")
async def reader(
    sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    """A server for tests that change nothing."""
    home = tmp_path_factory.mktemp("reader")
    shutil.copy(sqlite_file, home / "chibo.db")
    url = f"sqlite+aiosqlite:///{home / 'chibo.db'}"
    async with province.served(province.settings_of(home, url)) as client:
        yield client


@pytest_asyncio.fixture
async def writer(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    """A server that the test may write to."""
    async with province.served(province.settings_of(tmp_path, sqlite_url)) as client:
        yield client


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def either(
    request: pytest.FixtureRequest, fresh_database: Callable[[str], str], tmp_path: Path
) -> AsyncIterator[Client]:
    """The same on either engine: a province of the test's own."""
    url = fresh_database(request.param)
    database = Database(url)
    await province.fill(database, tmp_path / "data", province.SMALL)
    await database.close()
    async with province.served(province.settings_of(tmp_path, url)) as client:
        yield client


@pytest_asyncio.fixture(scope="session", params=["sqlite", "postgresql"])
async def reorganised(
    request: pytest.FixtureRequest,
    fresh_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Client]:
    """The small province after its decisions (`reorganised.py`), on either engine, to be read."""
    home, url = tmp_path_factory.mktemp("reorganised"), fresh_database(request.param)
    database = Database(url)
    await province.fill(database, home / "data", WITH_MORE)
    await database.close()
    async with province.served(province.settings_of(home, url)) as client:
        await reorganise(client)
        yield client
