"""One worker: how it starts, catches up, tells whether it is ready, and whom it believes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import delete, text, update

from hierarchy import projection
from hierarchy.embedded import EmbeddedStore
from hierarchy.tables import placement, revision, unit
from hierarchy.unit import Founding
from server import app
from server.database import Database
from server.settings import SettingsError
from tests import province, servers
from tests.province import Client

UNITS = "{ units { nodes { code } } }"
TREE_ALONE = {"units": province.UNITS, "appointments": "leader_t,leader,T,2020-01-01,"}


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, fresh_database: Callable[[str], str], tmp_path: Path
) -> AsyncIterator[Database]:
    """A tree without records, so that its projection may be lost."""
    made = Database(fresh_database(request.param))
    await province.fill(made, tmp_path / "data", TREE_ALONE)
    yield made
    await made.close()


async def codes(client: Client, principal: str = "leader_t") -> list[str]:
    found = await client.data(principal, UNITS)
    return [each["code"] for each in found["units"]["nodes"]]


async def forget_projection(database: Database) -> None:
    """As a crash between the two stores leaves it: the tree is there, its rows are not."""
    async with database.writing() as connection:
        await connection.execute(text("DELETE FROM appointment"))
        for table in (placement, unit):
            await connection.execute(delete(table))
        await connection.execute(update(revision).values(tree_version=0))


async def found_unprojected(database: Database, code: str) -> None:
    """As another process leaves it that dies before it projects what it wrote."""
    async with database.writing() as connection:
        kinds = await projection.read_kinds(connection)
        founding = Founding(code, "F", "Chi bộ mới", "branch", None, date(2024, 2, 1), None)
        await EmbeddedStore(connection).extend([founding], (), kinds)


# ---- ready


async def test_a_worker_is_up_and_ready(database: Database, tmp_path: Path) -> None:
    async with province.served(province.settings_of(tmp_path, database.url)) as client:
        for path, said in (("/healthz", "ok\n"), ("/readyz", "ready\n")):
            answer = await client.http.get(path)
            assert (answer.status_code, answer.text) == (200, said)


async def test_an_empty_store_is_made_and_served(tmp_path: Path) -> None:
    """Nothing was loaded: ready, and nobody sees anything."""
    settings = province.settings_of(tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'new.db'}")
    async with province.served(settings) as client:
        assert (await client.http.get("/readyz")).status_code == 200
        body = await client.ask("leader_t", '{ unit(code: "T") { code } units { totalCount } }')
        assert body["data"] == {"unit": None, "units": None}


async def test_a_store_that_is_gone_makes_it_unready_but_not_down(tmp_path: Path) -> None:
    """503 without a word of a library; up all the same, and ready once the store is back."""
    with servers.fresh_postgres_database() as url:
        async with province.served(province.settings_of(tmp_path, url)) as client:
            name = Database(url).url.database
            away = f'ALTER DATABASE "{name}" RENAME TO "{name}_away"'
            end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='{name}'"
            servers.execute_postgres(servers.postgres_url(), end, away)
            answer = await client.http.get("/readyz")
            assert (answer.status_code, answer.text) == (503, "not ready\n")
            assert (await client.http.get("/healthz")).status_code == 200
            asked = await client.post("leader_t", UNITS)
            for word in ("asyncpg", "Traceback", "does not exist", "terminat", name or "chibo"):
                assert word not in asked.text
            back = f'ALTER DATABASE "{name}_away" RENAME TO "{name}"'
            servers.execute_postgres(servers.postgres_url(), back)
            assert (await client.http.get("/readyz")).status_code == 200
            assert (await client.ask("leader_t", UNITS))["data"] == {"units": None}


# ---- the projection


async def test_a_start_catches_up_with_the_tree(database: Database, tmp_path: Path) -> None:
    """From nothing, and from some entries behind."""
    settings = province.settings_of(tmp_path, database.url)
    await found_unprojected(database, "N")
    async with province.served(settings) as client:
        assert "N" in await codes(client)
        assert (await client.http.get("/readyz")).status_code == 200
    await forget_projection(database)
    async with province.served(settings) as client:
        assert (await client.http.get("/readyz")).status_code == 200
    async with database.reading() as connection:
        assert await province.count(connection, "placement") == 10
        assert await projection.differences(connection, EmbeddedStore(connection)) == []


async def test_a_running_worker_catches_up(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not ready while it is behind; then it shows what another process wrote."""
    monkeypatch.setattr(app, "CATCH_UP_SECONDS", 0.3)
    async with province.served(province.settings_of(tmp_path, database.url)) as client:
        assert "N" not in await codes(client)
        await found_unprojected(database, "N")
        assert (await client.http.get("/readyz")).status_code == 503
        for _ in range(100):
            if (await client.http.get("/readyz")).status_code == 200:
                break
            await asyncio.sleep(0.05)
        assert "N" in await codes(client)


async def test_workers_that_start_at_once_all_start(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    """On a store without tables: one makes them, the others find them made."""
    for engine in ("sqlite", "postgresql"):
        settings = province.settings_of(tmp_path, fresh_database(engine))

        async def ready(settings: province.Settings = settings) -> int:
            async with province.served(settings) as client:
                return (await client.http.get("/readyz")).status_code

        assert await asyncio.gather(*(ready() for _ in range(4))) == [200] * 4


# ---- one transaction


async def test_a_reading_sees_one_snapshot(database: Database) -> None:
    """From its first statement to its end, whatever is stored meanwhile."""
    async with database.reading() as reading:
        before = await province.count(reading, "appointment")
        async with database.writing() as writing:
            await writing.execute(text("DELETE FROM appointment"))
        assert await province.count(reading, "appointment") == before == 1
    async with database.reading() as reading:
        assert await province.count(reading, "appointment") == 0


async def test_a_writing_that_fails_stores_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.writing() as writing:
            await writing.execute(text("DELETE FROM appointment"))
            raise ZeroDivisionError
    async with database.reading() as reading:
        assert await province.count(reading, "appointment") == 1


async def test_a_reading_never_writes_on_postgresql(
    fresh_database: Callable[[str], str],
) -> None:
    made = Database(fresh_database("postgresql"))
    async with made.reading() as reading:
        with pytest.raises(Exception, match="read-only"):
            await reading.execute(text("CREATE TABLE anything (id int)"))
    await made.close()


async def test_many_requests_at_once_are_all_answered(database: Database, tmp_path: Path) -> None:
    """More than there are connections."""
    async with province.served(province.settings_of(tmp_path, database.url)) as client:
        found = await asyncio.gather(*(codes(client) for _ in range(60)))
        assert found == [await codes(client)] * 60


# ---- whom it believes


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "chibo.example"])
async def test_development_tokens_are_for_loopback(
    database: Database, tmp_path: Path, host: str
) -> None:
    """Refused by a server that others can reach, unless its settings say so."""
    settings = province.settings_of(tmp_path, database.url)
    async with province.served(settings, host) as client:
        assert (await client.post("leader_t", UNITS)).status_code == 401
    trusting = province.settings_of(tmp_path, database.url, development_tokens=True)
    async with province.served(trusting, host) as client:
        assert (await client.post("leader_t", UNITS)).status_code == 200


async def test_beside_a_provider_they_are_never_accepted(
    database: Database, tmp_path: Path
) -> None:
    given = {"jwt_issuer": "https://a", "jwt_audience": "chibo", "development_tokens": True}
    given["jwks_url"] = "http://127.0.0.1:1/jwks"
    settings = province.settings_of(tmp_path, database.url, **given)
    async with province.served(settings) as client:
        assert (await client.post("leader_t", UNITS)).status_code == 401


def test_half_a_provider_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CHIBO_JWT_AUDIENCE"):
        province.settings_of(tmp_path, "sqlite://", jwks_url="http://a", jwt_issuer="b")


async def test_a_principal_may_be_any_text(tmp_path: Path) -> None:
    """With a comma, quotes, a percent sign, not ASCII: who it is, and nobody else."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'chibo.db'}")
    names = ["đồng chí", "a, b", "it's", "%", "A", "a", "E\u0302", "Ê", "x" * 64]
    lines = [
        f'"{name}",leader,{"D" if at % 2 else "E"},2020-01-01,' for at, name in enumerate(names)
    ]
    files = TREE_ALONE | {"appointments": "\n".join(lines)}
    await province.fill(database, tmp_path / "data", files)
    await database.close()
    async with province.served(province.settings_of(tmp_path, database.url)) as client:
        for at, name in enumerate(names):
            seen = await codes(client, name)
            assert ("H" in seen, "F" in seen) == (bool(at % 2), not at % 2), name
        for other in ("b", "a,b", "it", "_", "đồng", ""):
            if other:
                assert (await client.ask(other, UNITS))["data"] == {"units": None}
