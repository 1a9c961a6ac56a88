"""How grants are listed: those of or to a unit at which the viewer may read grants, for both
committees answer for it. A unit that is out of sight otherwise shows its own fields alone.
"""

from datetime import date
from uuid import UUID

from authz import grants
from authz.grants import Grant, Listing
from graph.resolvers.connections import Connection, page_size
from graph.resolvers.context import Context
from graph.resolvers.cursors import ListName, grant_after
from graph.resolvers.units import within
from hierarchy import placements
from hierarchy.errors import Forbidden
from hierarchy.scope import Scope
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
    start = grant_after(name, after)
    inside = await within(context, within_code, context.today)
    scope, today = context.rights.scope("read", "grant", context.today), context.today
    if not await _is_reached(context, scope, inside):
        raise Forbidden
    asked, codes, ask = Listing(inside, in_force_on), dict[UUID, str](), context.ask

    async def fetch() -> list[Grant]:
        rows = await ask(grants.first_grants, scope, today, asked, start, size + 1)
        codes.update((given.id, code) for code, given in rows)
        return [given for _, given in rows]

    return Connection(
        size,
        fetch,
        lambda: ask(grants.count_grants, scope, today, asked),
        None if start is None else (lambda: ask(grants.count_grants, scope, today, asked, start)),
        lambda given: name.cursor(codes[given.id], given.valid_from, given.id.hex),
    )


async def _is_reached(context: Context, scope: Scope, inside: Placed | None) -> bool:
    """Whether the viewer may read grants in the subtree, or has one in sight that ends in it."""
    path, today = "" if inside is None else inside.path, context.today
    if await context.ask(placements.reached, scope, today, [path]):
        return True
    return await context.ask(grants.count_grants, scope, today, Listing(inside)) > 0


async def end(context: Context, unit_id: int) -> Placed:
    """A unit at one end of a grant, as it stands today."""
    return (await context.units([unit_id], context.today))[0]
