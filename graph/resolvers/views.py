"""How views are found and listed: to each viewer those of their own units and of the units above.

Who may read a unit's views is decided by the policy on the tree of today, and what is listed is
cut by that in the database (`records/views.py`). A unit that is closed has nothing open under it,
so that by a rule that reaches upwards nobody reads its views any more. What is wrong with a view's
document is not stored with it, for the schema and the limits may change.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from graphql import GraphQLError
from sqlalchemy.ext.asyncio import AsyncConnection

from graph.errors import sentence
from graph.language import said
from graph.persisted import unregistered
from graph.resolvers.connections import Connection, page_size
from graph.resolvers.context import Context
from graph.resolvers.cursors import ListName, view_after
from graph.resolvers.identity import key_of
from graph.resolvers.units import readable, within
from hierarchy.unit import Placed
from records import views
from records.views import View

if TYPE_CHECKING:
    from graph.examining import Outcome, Variable

NO_VIEW = UUID(int=0)
"""Asked for where an id names no view, so that it takes what one out of reach takes."""


async def find(context: Context, id: str) -> View | None:
    """The view of a global id; null where there is none or it is out of reach."""
    return await find_by_key(context, key_of(id, "View") or NO_VIEW)


async def find_by_key(context: Context, id: UUID) -> View | None:
    """The view of an id that the viewer may read."""
    scope = context.rights.scope("read", "view", context.today)
    return await context.ask(views.find, scope, context.today, id)


async def listed(
    context: Context, within_code: str | None, first: int | None, after: str | None
) -> Connection[View]:
    """The views that the viewer may read, in one unit's subtree or all, by unit code and name."""
    size = page_size(first)
    name = ListName(context.cursor_key, ("views", within_code))
    start = view_after(name, after)
    inside = await within(context, within_code, context.today)
    scope, today = await readable(context, "view", inside), context.today
    codes, ask = dict[UUID, str](), context.ask

    async def fetch() -> list[View]:
        rows = await ask(views.first_views, scope, today, inside, start, size + 1)
        codes.update((view.id, code) for code, view in rows)
        return [view for _, view in rows]

    return Connection(
        size,
        fetch,
        lambda: ask(views.count_views, scope, today, inside),
        None if start is None else (lambda: ask(views.count_views, scope, today, inside, start)),
        lambda view: name.cursor(codes[view.id], view.name),
    )


async def unit_of(context: Context, view: View) -> Placed:
    """The unit that keeps the view, as it stands today."""
    return (await context.units([view.unit_id], context.today))[0]


async def variables(context: Context, view: View) -> list["Variable"]:
    """The variables that the view asks for."""
    return list((await _outcome(context, view)).variables)


async def problems(context: Context, view: View) -> list[str]:
    """Why the view cannot be run, in the language of the request; none where it can."""
    found = list((await _outcome(context, view)).problems[context.language])
    if await context.loader("unanswered", lambda texts: _unanswered(context, texts)).load(
        view.document
    ):
        found.append(said(unregistered().message, {}, context.language))
    return found


def told(error: GraphQLError, language: str) -> str:
    """What is wrong with a document, after the line and column where there is one."""
    place = f"{error.locations[0].line}:{error.locations[0].column}: " if error.locations else ""
    return place + sentence(error, language)


async def _outcome(context: Context, view: View) -> "Outcome":
    async def load(texts: list[str]) -> Mapping[str, "Outcome"]:
        found = {}
        for text in texts:
            found[text] = context.examiner.outcome(text)
            await asyncio.sleep(0)  # Others are answered between two documents.
        return found

    found: Outcome = await context.loader("outcome", load).load(view.document)
    return found


async def _unanswered(context: Context, texts: list[str]) -> Mapping[str, bool]:
    async def ask(connection: AsyncConnection) -> set[str]:
        return await context.examiner.unanswered(texts, connection)

    return dict.fromkeys(await context.ask(ask), True)
