"""Views: queries that a unit keeps for its subtree, as they are stored and found.

What is read for a viewer is cut in the database by the `Scope` that is given, on the tree of today.
A view says nothing of any record: whoever runs it sees what their own rights show. Who may save or
delete is looked at before anything is stored here, and whether a document can be run is not known
here at all.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.placements import on
from hierarchy.scope import Scope, subtree
from hierarchy.tables import placement
from hierarchy.unit import Placed
from records.tables import view


@dataclass(frozen=True, slots=True)
class View:
    """A query kept by a unit under a name: `revision` is 1 when it is first saved; `saved_by` the
    principal who saved this revision."""

    id: UUID
    unit_id: int
    name: str
    title: str
    document: str
    revision: int
    saved_by: str
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class ViewPosition:
    """Where a view stands in the list: by its unit's code, then its name."""

    unit_code: str
    name: str


_NAMES = tuple(each.name for each in fields(View))
_ORDER = (placement.c.code, view.c.name)


async def first_views(
    connection: AsyncConnection,
    scope: Scope,
    today: date,
    within: Placed | None,
    after: ViewPosition | None,
    limit: int,
) -> list[tuple[str, View]]:
    """The first `limit` views in the scope after a position, each with its unit's code."""
    begins = true() if after is None else tuple_(*_ORDER) > _place(after)
    listed = _in(_views().add_columns(placement.c.code), scope, today)
    rows = await connection.execute(
        listed.where(_inside(within), begins).order_by(*_ORDER).limit(limit)
    )
    return [(row[-1], View(*row[:-1])) for row in rows]


async def count_views(
    connection: AsyncConnection,
    scope: Scope,
    today: date,
    within: Placed | None,
    up_to: ViewPosition | None = None,
) -> int:
    """How many views the list has, all or up to and with a position."""
    ends = true() if up_to is None else tuple_(*_ORDER) <= _place(up_to)
    counted = _in(select(func.count()).select_from(view), scope, today)
    rows = await connection.execute(counted.where(_inside(within), ends))
    return int(rows.scalar_one())


async def find(connection: AsyncConnection, scope: Scope, today: date, id: UUID) -> View | None:
    """The view of an id; null where there is none or it is out of the scope."""
    rows = await connection.execute(_in(_views(), scope, today).where(view.c.id == id))
    row = rows.first()
    return View(*row) if row else None


async def find_named(
    connection: AsyncConnection, scope: Scope, today: date, name: str
) -> View | None:
    """The view of a name at the unit that is the whole of the scope; null where there is none."""
    rows = await connection.execute(_in(_views(), scope, today).where(view.c.name == name))
    row = rows.first()
    return View(*row) if row else None


async def kept_at(
    connection: AsyncConnection, scope: Scope, today: date, unit_ids: Collection[int]
) -> tuple[int, list[str]]:
    """How many views the units keep, and the names of those in the scope, each once."""
    ours = view.c.unit_id.in_(list(unit_ids))
    count = await connection.execute(select(func.count()).select_from(view).where(ours))
    named = _in(select(view.c.name).distinct().select_from(view), scope, today)
    rows = await connection.execute(named.where(ours).order_by(view.c.name))
    return int(count.scalar_one()), list(rows.scalars())


async def store(connection: AsyncConnection, made: View) -> None:
    """Stores a new view."""
    await connection.execute(insert(view), asdict(made))


async def replace(connection: AsyncConnection, made: View) -> None:
    """Puts a view in the place of the one of its id."""
    await connection.execute(update(view).where(view.c.id == made.id).values(asdict(made)))


async def remove(connection: AsyncConnection, id: UUID) -> None:
    """Deletes a view."""
    await connection.execute(delete(view).where(view.c.id == id))


def _views() -> Select[Any]:
    return select(*(view.c[name] for name in _NAMES))


def _in(statement: Select[Any], scope: Scope, today: date) -> Select[Any]:
    """Cut to the units that the scope covers on today's tree."""
    return statement.join(placement, placement.c.unit_id == view.c.unit_id).where(
        on(placement.c, today), scope.predicate(placement.c)
    )


def _inside(within: Placed | None) -> ColumnElement[bool]:
    return true() if within is None else subtree(placement.c.path, within.path)


def _place(position: ViewPosition) -> Any:
    return tuple_(position.unit_code, position.name)
