"""The rules that a store begins with, and those that an older one gets when Chibo learns to ask
about something new. It never changes a rule that is there, and brings none back that was taken out.
"""

import csv
from collections.abc import Callable
from importlib.resources import files

import sqlalchemy as sa
from sqlalchemy import Connection

from authz.tables import policy_rule
from hierarchy.tables import revision


def default_rules() -> list[dict[str, str]]:
    """The rows of `authz/default_policy.csv`."""
    with (files("authz") / "default_policy.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def add_rules(connection: Connection, is_new: Callable[[str], bool]) -> None:
    """Adds the default rules about resources that are new with a migration, where the store's
    policy does not speak of them yet."""
    known = set(connection.scalars(sa.select(policy_rule.c.resource)))
    last = connection.scalar(sa.select(sa.func.max(policy_rule.c.id))) or 0
    named = (row for row in default_rules() if is_new(row["resource"]))
    fresh = [row for row in named if row["resource"] not in known]
    if fresh:
        rows = [{"id": id_} | row for id_, row in enumerate(fresh, last + 1)]
        connection.execute(sa.insert(policy_rule), rows)
        version = revision.c.policy_version + 1
        connection.execute(sa.update(revision).values(policy_version=version))
