"""How grants are made and revoked: sight across the tree, for a purpose and a time.

A grant is made by whoever has the right to at `of`, and gives no more than their own appointments
gave there at that moment. The other unit may be out of the grantor's sight: its committee tells
them its code. Whether there is such a unit is looked at last, for who may grant alone, so that
nobody learns of codes by being refused.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from uuid_utils import uuid7

from authz import grants
from authz.grants import Ceiling, Grant, Pair, ceiling_of
from authz.rights import alone, base_of
from graph.resolvers import units
from graph.resolvers.context import Context
from graph.resolvers.identity import key_of
from graph.resolvers.texts import check_key, check_text
from hierarchy import placements
from hierarchy.errors import BadInput, Conflict, Forbidden, NotFound
from hierarchy.founding import MAX_CODE_LENGTH
from hierarchy.unit import Placed
from records import writing

MAX_YEARS = 5


@dataclass(frozen=True, slots=True)
class Given:
    """A grant as a client gives it: codes of units, roles and what they shall see."""

    of: str
    to: str
    roles: tuple[str, ...]
    resources: tuple[str, ...]
    actions: tuple[str, ...]
    max_rank: int | None
    purpose: str
    valid_from: date
    valid_to: date
    client_key: str | None

    @property
    def content(self) -> str:
        """What it says, as one short text: SHA-256 in hex of everything but the key."""
        said = ("grant", replace(self, client_key=None))
        return sha256(orjson.dumps(said)).hexdigest()

    @property
    def pairs(self) -> list[Pair]:
        return [(action, resource) for action in self.actions for resource in self.resources]


async def grant(context: Context, given: Given) -> Grant:
    """Makes a grant, or answers with the one that the same client key has stored."""
    _check_input(context, given)
    of = await units.find(context, given.of, context.today)
    if of is None:
        raise NotFound
    if not context.rights.decide("record", "grant", of).allowed:
        raise Forbidden
    if not await _has_something_to_show(context, given, of):
        raise Forbidden("Your own appointments show nothing there that this could let others see.")
    stored = await _stored_before(context, given, of)
    return stored or await _store(context, given, of, _ceiling(context, given, of))


def _check_input(context: Context, given: Given) -> None:
    _check_among("roles", given.roles, context.rights.roles)
    _check_among("resources", given.resources, grants.RESOURCES)
    _check_among("actions", given.actions, grants.ACTIONS)
    if given.max_rank is not None and given.max_rank < 0:
        raise BadInput("A rank is never negative.", field="max_rank")
    if not given.purpose.strip():
        raise BadInput("A grant needs a purpose.", field="purpose")
    check_text(given.purpose, "purpose")
    if given.valid_to <= given.valid_from:
        raise BadInput("The last day comes after the first one.", field="valid_to")
    if given.valid_to > _years_later(given.valid_from, MAX_YEARS):
        raise BadInput("A grant is for {years} years at most.", field="valid_to", years=MAX_YEARS)
    check_key(given.client_key)


def _check_among(field: str, values: Collection[str], known: Collection[str]) -> None:
    if not values:
        raise BadInput("A grant names at least one.", field=field)
    for value in values:
        if value not in known:
            raise BadInput("This is none that a grant can name: {value}.", field=field, value=value)


def _years_later(day: date, years: int) -> date:
    """The same day so many years later; of 29 February the next day where there is none."""
    if day.year + years > date.max.year:
        return date.max
    if (day.month, day.day) == (2, 29):
        return date(day.year + years, 3, 1)
    return day.replace(year=day.year + years)


async def _has_something_to_show(context: Context, given: Given, of: Placed) -> bool:
    """Whether the grantor's own appointments show a unit there by any of the pairs."""
    for scope in (context.rights.own_scope(*pair) for pair in given.pairs):
        if scope.covers(of):
            return True
        if await context.ask(placements.reached, scope, context.today, [of.path]):
            return True
    return False


def _ceiling(context: Context, given: Given, of: Placed) -> dict[Pair, Ceiling]:
    """What the grantor's own appointments give there now."""
    return {
        pair: ceiling_of(context.rights.own_scope(*pair), base_of(of))
        for pair in (*given.pairs, grants.UNIT_READ)
    }


async def _stored_before(context: Context, given: Given, of: Placed) -> Grant | None:
    if given.client_key is None:
        return None
    kept = (context.rights.principal, given.client_key, given.content)
    id_ = await context.ask(writing.stored_under, *kept)
    if id_ is None:
        return None
    return await context.ask(grants.find, alone(of), context.today, id_)


async def _store(context: Context, given: Given, of: Placed, ceiling: dict[Pair, Ceiling]) -> Grant:
    to = await _other_end(context, given, of)
    _check_ends(of, to)
    made = Grant(
        id=UUID(bytes=uuid7().bytes),
        of_unit_id=of.unit_id,
        to_unit_id=to.unit_id,
        roles=given.roles,
        resources=given.resources,
        actions=given.actions,
        max_rank=given.max_rank,
        purpose=given.purpose,
        valid_from=given.valid_from,
        valid_to=given.valid_to,
        granted_by=context.rights.principal,
        granted_at=context.now,
        granted_on=context.today,
        revoked_at=None,
        ceiling=ceiling,
    )
    await context.ask(grants.store, made)
    if given.client_key is not None:
        kept = (context.rights.principal, given.client_key, given.content, made.id)
        await context.ask(writing.remember, "grant", *kept)
    await _tell(context, "grant", made, to=to.code, roles=list(made.roles))
    return made


async def _other_end(context: Context, given: Given, of: Placed) -> Placed:
    """The unit of `to`. One out of sight must be open; that it was tried is told by the trail even
    if nothing of the request is stored."""
    to = await context.ask(placements.of_code, given.to, context.today)
    if to is not None and await context.sees(to):
        return to
    if placements.storable(given.to):
        context.note_try("grant", of.unit_id, to=given.to[:MAX_CODE_LENGTH])
    if to is None or not to.is_open:
        raise NotFound
    return to


def _check_ends(of: Placed, to: Placed) -> None:
    for field, unit in (("of", of), ("to", to)):
        if not unit.is_open:
            raise BadInput("The unit is closed: a grant there gives nothing.", field=field)
    if of.path.startswith(to.path) or to.path.startswith(of.path):
        raise BadInput("A grant goes across the tree, neither up nor down.", field="to")


async def _tell(context: Context, action: str, given: Grant, **facts: Any) -> None:
    """Notes it for the trail, and goes on with the rights as they are now."""
    context.note(action, "grant", given.of_unit_id, subject=given.id.hex, **facts)
    await context.renew_rights()


# ---- revoking


async def revoke(context: Context, id: str, reason: str) -> Grant:
    """Revokes a grant that the viewer sees and could make: from now on it gives nothing."""
    if not reason.strip():
        raise BadInput("A revocation needs a reason.", field="reason")
    check_text(reason, "reason")
    found = await find(context, id)
    if found is None:
        raise NotFound
    [of] = await context.units([found.of_unit_id], context.today)
    if not context.rights.decide("record", "grant", of).allowed:
        raise Forbidden
    if found.revoked_at is not None:
        raise Conflict("The grant was revoked before.")
    await context.ask(grants.revoke, found.id, context.now, context.today)
    await _tell(context, "revoke", found, reason=reason)
    return replace(found, revoked_at=context.now)


async def find(context: Context, id: str) -> Grant | None:
    """The grant of a global id; null where there is none or it is out of sight."""
    uuid = key_of(id, "Grant")
    return None if uuid is None else await find_by_key(context, uuid)


async def find_by_key(context: Context, id: UUID) -> Grant | None:
    """The grant of an id that the viewer may read, at either end of it."""
    scope = context.rights.scope("read", "grant", context.today)
    return await context.ask(grants.find, scope, context.today, id)
