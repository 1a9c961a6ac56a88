"""The databases of the tests of rights: made once, with the real tables."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from server.database import Database
from tests.authz import checks


@pytest_asyncio.fixture(scope="session")
async def sqlite_records(fresh_database: Callable[[str], str]) -> AsyncIterator[Database]:
    async for made in _migrated(fresh_database("sqlite")):
        yield made


@pytest_asyncio.fixture(scope="session")
async def postgresql_records(fresh_database: Callable[[str], str]) -> AsyncIterator[Database]:
    async for made in _migrated(fresh_database("postgresql")):
        yield made


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the two in turn. Whoever writes takes it back."""
    made: Database = request.getfixturevalue(f"{request.param}_records")
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A long run that held less against the oracle than it promised has failed."""
    if checks.made < int(os.environ.get("CHIBO_TEST_CHECKS", "0")):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if checks.made:
        terminalreporter.write_line(f"{checks.made:,} checks of the law")


async def _migrated(url: str) -> AsyncIterator[Database]:
    made = Database(url, pool_size=2)
    await made.migrate()
    yield made
    await made.close()
