"""How views are saved and deleted: by whoever may record views at the unit that keeps them.

What is saved can be run: its document is one query, valid and within the limits of this server.
The same unit and name are the same view, which is then at its next revision; saved again with the
same title and document it stays as it is. The trail tells who saved and deleted what, never a
document.
"""

import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils import uuid7

from authz.rights import alone
from graph.limits import TooCostly
from graph.persisted import unregistered
from graph.resolvers import units
from graph.resolvers.context import Context
from graph.resolvers.texts import check_text
from graph.resolvers.views import find, told, unit_of
from hierarchy.errors import BadInput, Conflict, Forbidden, NotFound
from hierarchy.unit import Placed
from records import views
from records.views import View

if TYPE_CHECKING:
    from graph.examining import Examined

RESOURCE = "view"
MAX_NAME = 100
MAX_TITLE = 300
MAX_DOCUMENT = 20_000
"""Characters. A longer document is no query that a person composed, and none that is kept ready."""
MAX_VARIABLES = 100
MAX_VIEWS = 200
"""Those of one unit: as many as one page lists. Each may have to be examined where it is listed."""


@dataclass(frozen=True, slots=True)
class Given:
    """A view as a client gives it."""

    unit_code: str
    name: str
    title: str
    document: str


async def save(context: Context, given: Given) -> View:
    """Saves a view, or answers with the one that says the same.

    Raises `BadInput` and `TooCostly` for what cannot be run, `NotFound`, `Forbidden`, and
    `Conflict` where the unit keeps as many as it may.
    """
    examined = _examined(context, given)
    unit = await units.find(context, given.unit_code, context.today)
    if unit is None:
        raise NotFound
    _check_right(context, unit)
    await _check_answered(context, given.document)
    if not unit.is_open:
        raise BadInput("The unit is closed: it keeps no new view.", field="unit_code")
    context.examiner.keep(given.document, examined)
    return await _store(context, given, unit)


async def delete(context: Context, id: str) -> None:
    """Deletes a view that the viewer may read, and may record at its unit."""
    found = await find(context, id)
    if found is None:
        raise NotFound
    _check_right(context, await unit_of(context, found))
    await context.ask(views.remove, found.id)
    context.note("delete", RESOURCE, found.unit_id, found.id.hex, name=found.name)


def _examined(context: Context, given: Given) -> "Examined":
    """What its document is found to be. Raises for what cannot be saved, whoever asks."""
    for field, text, limit in (("name", given.name, MAX_NAME), ("title", given.title, MAX_TITLE)):
        if not text.strip():
            raise BadInput("A view has a name and a title.", field=field)
        check_text(text, field, limit)
        if any(unicodedata.category(mark) in ("Cc", "Cf", "Zl", "Zp") for mark in text):
            raise BadInput("A name or title holds no control character.", field=field)
    check_text(given.document, "document", MAX_DOCUMENT)
    return _checked(context, given.document)


def _checked(context: Context, document: str) -> "Examined":
    """Raises for a document that cannot be run: for a limit that it passes, else for all that is
    wrong with it."""
    examined = context.examiner.examined(document)
    for fault in examined.faults:
        if isinstance(fault.original_error, TooCostly):
            raise fault.original_error
    if examined.faults:
        raise BadInput(
            "The document cannot be run: {faults}",
            field="document",
            faults=" ".join(told(fault, context.language) for fault in examined.faults),
        )
    if len(examined.variables) > MAX_VARIABLES:
        raise BadInput(
            "A view asks for at most {most} variables.", field="document", most=MAX_VARIABLES
        )
    return examined


def _check_right(context: Context, unit: Placed) -> None:
    if not context.rights.decide("record", RESOURCE, unit).allowed:
        raise Forbidden


async def _check_answered(context: Context, document: str) -> None:
    if await context.ask(lambda connection: context.examiner.unanswered([document], connection)):
        raise unregistered()


async def _store(context: Context, given: Given, unit: Placed) -> View:
    before = await context.ask(views.find_named, alone(unit), context.today, given.name)
    if before is None:
        await _check_number(context, unit)
        made = _made(context, given, unit)
        await context.ask(views.store, made)
    elif (before.title, before.document) == (given.title, given.document):
        return before
    else:
        made = _next(context, given, before)
        await context.ask(views.replace, made)
    kept_by, subject = made.unit_id, made.id.hex
    context.note("save", RESOURCE, kept_by, subject, name=made.name, revision=made.revision)
    return made


async def _check_number(context: Context, unit: Placed) -> None:
    """Raises where the unit keeps all the views that it may; views are saved one after another."""
    if await context.ask(views.count_views, alone(unit), context.today, None) >= MAX_VIEWS:
        raise Conflict("A unit keeps at most {most} views.", field="unit_code", most=MAX_VIEWS)


def _made(context: Context, given: Given, unit: Placed) -> View:
    saved = context.rights.principal, context.now
    kept = given.name, given.title, given.document
    return View(UUID(bytes=uuid7().bytes), unit.unit_id, *kept, 1, *saved)


def _next(context: Context, given: Given, before: View) -> View:
    return replace(
        before,
        title=given.title,
        document=given.document,
        revision=before.revision + 1,
        saved_by=context.rights.principal,
        saved_at=context.now,
    )
