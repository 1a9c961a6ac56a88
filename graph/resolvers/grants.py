"""How grants are listed: those of or to a unit at which the viewer may read grants, for both
committees answer for it. A unit that is out of sight otherwise shows its own fields alone.
"""

from datetime import date
from uuid import UUID

from authz import grants
from authz.grants import Grant, Listing, Position
from graph.resolvers.connections import Connection, page_size
from graph.resolvers.context import Context
from graph.resolvers.cursors import ListName
from graph.resolvers.units import within
from hierarchy import placements
from hierarchy.errors import Forbidden
from hierarchy.unit import Placed

Row = tuple[str, Grant]
"""A grant after the code of its `of`."""


async def listed(
    context: Context,
    within_code: str | None,
    in_force_on: date | None,
    first: int | None,
    after: str | None,
) -> Connection[Grant]:
    """The grants in sight, by code of `of`, first day, id; of one unit's subtree or all."""
    size = page_size(first)
    name = ListName(context.cursor_key, ("grants", within_code, in_force_on))
    start = _after(name, after)
    inside = await within(context, within_code, context.today)
    scope, today = context.rights.scope("read", "grant", context.today), context.today
    path = "" if inside is None else inside.path
    if not await context.ask(placements.reached, scope, today, [path]):
        raise Forbidden
    asked, codes = Listing(inside, in_force_on), dict[UUID, str]()

    async def fetch() -> list[Grant]:
        rows = await context.ask(grants.first_grants, scope, today, asked, start, size + 1)
        codes.update((given.id, code) for code, given in rows)
        return [given for _, given in rows]

    return Connection(
        size,
        fetch,
        lambda: context.ask(grants.count_grants, scope, today, asked),
        None
        if start is None
        else (lambda: context.ask(grants.count_grants, scope, today, asked, start)),
        lambda given: name.cursor(codes[given.id], given.valid_from, given.id.hex),
    )


def _after(name: ListName, after: str | None) -> Position | None:
    if after is None:
        return None
    code, first, id_ = name.position(after)
    return Position(str(code), date.fromisoformat(str(first)), UUID(hex=str(id_)))


async def end(context: Context, unit_id: int) -> Placed:
    """A unit at one end of a grant, as it stands today."""
    return (await context.units([unit_id], context.today))[0]
