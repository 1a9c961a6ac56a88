"""A store of an earlier version that is opened by this one: no right is won by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, delete, insert, select

from authz.tables import policy_rule
from server.database import Database
from server.tables import metadata

RULES = select(policy_rule).order_by(policy_rule.c.id)
ENGINES = ("sqlite", "postgresql")


def upgrade(connection: Connection, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", "server/migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


@pytest.mark.parametrize("engine", ENGINES)
async def test_rules_that_were_taken_out_stay_out(
    fresh_database: Callable[[str], str], engine: str
) -> None:
    """What is new is added: whoever had no right to decide has none afterwards."""
    database = Database(fresh_database(engine))
    async with database.engine.execution_options(writing=True).begin() as connection:
        await connection.run_sync(upgrade, "0002")
        old = ("meeting", "evaluation", "unit")
        await connection.execute(delete(policy_rule).where(policy_rule.c.resource.not_in(old)))
    await database.migrate()
    async with database.reading() as connection:
        resources = set(await connection.scalars(select(policy_rule.c.resource).distinct()))
    await database.close()
    roles = {each for each in resources if each.startswith("appointment:")}
    assert resources == {*old, *roles, "grant", "audit", "view"}


async def test_a_policy_that_was_changed_keeps_its_rules_and_learns_of_views(
    fresh_database: Callable[[str], str],
) -> None:
    """What an operator took out, put in or denied is as it was."""
    database = Database(fresh_database("sqlite"))
    own = ("auditor", "*", "meeting", "read", "subtree", "deny")
    async with database.engine.execution_options(writing=True).begin() as connection:
        await connection.run_sync(upgrade, "0004")
        taken = policy_rule.c.resource.in_(("view", "grant"))
        await connection.execute(delete(policy_rule).where(taken))
        await connection.execute(insert(policy_rule).values((900, *own)))
        before = (await connection.execute(RULES)).all()
    await database.migrate()
    async with database.reading() as connection:
        after = (await connection.execute(RULES)).all()
    await database.close()
    assert after[: len(before)] == before
    assert {row.resource for row in after[len(before) :]} == {"view"}
    assert len(after) == len(before) + 10


@pytest.mark.parametrize("engine", ENGINES)
async def test_migrations_make_the_tables_that_are_used(
    fresh_database: Callable[[str], str], engine: str
) -> None:
    database = Database(fresh_database(engine))
    await database.migrate()
    async with database.engine.connect() as connection:
        found = await connection.run_sync(
            lambda each: compare_metadata(MigrationContext.configure(each), metadata)
        )
    await database.close()
    assert found == []
