"""How decisions are found, listed and told: to each viewer their part.

What a viewer sees of a decision is cut in the database (`hierarchy/decisions.py`). What a change
did is said in the language of the request, from what that viewer may see alone.
"""

from collections.abc import Mapping
from datetime import date

from graph.language import said
from graph.resolvers.connections import Connection, page_size
from graph.resolvers.context import Context
from graph.resolvers.cursors import ListName, decision_after
from graph.resolvers.units import within
from hierarchy import decisions
from hierarchy.decision import ChangeKind
from hierarchy.decisions import ChangeSeen, DecisionSeen, Listing, Position
from hierarchy.errors import Forbidden

ESTABLISHED = "Established under {to}."
TRANSFERRED = "Transferred to {to}."
TRANSFERRED_FROM = "Transferred from {former} to {to}."
MERGED = "Merged into {to}."
SPLIT = "Split: {to} took over a part."
DISSOLVED = "Dissolved."
RENAMED = "Renamed to {name}."
RECLASSIFIED = "Reclassified as {kind}."
RECATEGORISED = "Put into the category {category}."
UNCATEGORISED = "Taken out of its category."
RECLASSIFIED_IN = "Reclassified as {kind}, category {category}."
RECLASSIFIED_OUT = "Reclassified as {kind}, without a category."


async def find(context: Context, number: str) -> DecisionSeen | None:
    """The decision of a number; null where there is none or it is out of sight."""
    found: DecisionSeen | None = await context.loader(
        "decisions", lambda numbers: _found(context, numbers)
    ).load(number)
    return found


async def _found(context: Context, numbers: list[str]) -> Mapping[str, DecisionSeen]:
    return await context.ask(decisions.decisions_of, context.sight_through_time, numbers)


async def listed(
    context: Context,
    within_code: str | None,
    effective_from: date | None,
    effective_to: date | None,
    first: int | None,
    after: str | None,
) -> Connection[DecisionSeen]:
    """The decisions in sight, newest first, of one unit's subtree or all."""
    size = page_size(first)
    name = ListName(context.cursor_key, ("decisions", within_code, effective_from, effective_to))
    start = decision_after(name, after)
    inside = await within(context, within_code, context.today)
    sight = context.sight_through_time
    if not sight.through_time.windows:
        raise Forbidden
    listing, ask = Listing(inside, effective_from, effective_to), context.ask
    return Connection(
        size,
        lambda: ask(decisions.first_decisions, sight, listing, start, size + 1),
        lambda: ask(decisions.count_decisions, sight, listing),
        None if start is None else (lambda: ask(decisions.count_decisions, sight, listing, start)),
        lambda decision: _cursor(name, decision),
    )


def _cursor(name: ListName, decision: DecisionSeen) -> str:
    place = Position(decision.effective_on, decision.number)
    return name.cursor(place.effective_on, place.number)


async def changes(context: Context, decision: DecisionSeen) -> list[ChangeSeen]:
    """The changes in sight, as the ledger keeps them."""

    async def load(numbers: list[str]) -> Mapping[str, list[ChangeSeen]]:
        return await context.ask(decisions.changes_of, context.sight_through_time, numbers)

    found: list[ChangeSeen] | None = await context.loader("changes", load).load(decision.number)
    return found or []


def detail(context: Context, change: ChangeSeen) -> str:
    """What a change did, as a sentence."""
    names = {
        "to": change.to.name if change.to else "",
        "former": change.former,
        "name": change.name,
        "category": change.category,
        "kind": context.kinds.word(change.unit_kind) if change.unit_kind else None,
    }
    return said(_sentence(change), names, context.language)


def _sentence(change: ChangeSeen) -> str:
    if change.change is ChangeKind.TRANSFER and change.former is not None:
        return TRANSFERRED_FROM
    if change.change is ChangeKind.RECLASSIFY:
        return _reclassified(change)
    return _SENTENCES[change.change]


def _reclassified(change: ChangeSeen) -> str:
    if change.keeps_category:
        return RECLASSIFIED
    if change.category is None:
        return UNCATEGORISED if change.unit_kind is None else RECLASSIFIED_OUT
    return RECATEGORISED if change.unit_kind is None else RECLASSIFIED_IN


_SENTENCES = {
    ChangeKind.ESTABLISH: ESTABLISHED,
    ChangeKind.TRANSFER: TRANSFERRED,
    ChangeKind.MERGE: MERGED,
    ChangeKind.SPLIT: SPLIT,
    ChangeKind.DISSOLVE: DISSOLVED,
    ChangeKind.RENAME: RENAMED,
}
