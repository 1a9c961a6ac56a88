"""How appointments are made and ended: by those to whom the policy gives it, in their subtree.

Which role may give which role where are rows of the policy (`record` on `appointment:<role>`), for
ending as for appointing; nobody appoints themselves. Input first, then sight, then rights, then
what only stored data shows. Whatever comes after in the same request goes on with the rights as
they then are; the transaction is committed at the edge.
"""

import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from uuid import UUID

import orjson
from uuid_utils import uuid7

from authz import appointments
from authz.appointments import MAX_PRINCIPAL_LENGTH, Appointment
from authz.rights import alone
from graph.resolvers import units
from graph.resolvers.appointments import find, unit_of
from graph.resolvers.context import Context
from graph.resolvers.identity import key_of
from graph.resolvers.texts import check_key, check_text
from hierarchy.errors import BadInput, Forbidden, NotFound
from hierarchy.unit import Placed
from records import writing

RESOURCE = "appointment"


@dataclass(frozen=True, slots=True)
class Given:
    """An appointment as a client gives it."""

    principal: str
    role: str
    unit_code: str
    valid_from: date
    valid_to: date | None
    client_key: str | None

    @property
    def content(self) -> str:
        """What it says, as one short text: SHA-256 in hex of everything but the key."""
        said = (RESOURCE, replace(self, client_key=None))
        return sha256(orjson.dumps(said)).hexdigest()


async def appoint(context: Context, given: Given) -> Appointment:
    """Makes an appointment, or answers with what the same client key has stored.

    Raises `BadInput`, `NotFound`, `Forbidden`, and `Conflict` where the key stored something else.
    """
    _check_input(context, given)
    unit = await units.find(context, given.unit_code, context.today)
    if unit is None:
        raise NotFound
    if given.principal == context.rights.principal:
        raise Forbidden("Nobody appoints themselves.")
    _check_right(context, given.role, unit)
    return await _stored_before(context, given, unit) or await _store(context, given, unit)


async def end(context: Context, id: str, day: date) -> Appointment:
    """Ends an appointment from a day on. One's own too, where the right reaches it.

    Raises `BadInput` for a day that has passed or on which it no longer holds, `NotFound`, and
    `Forbidden`.
    """
    if day < context.today:
        raise BadInput(
            "An appointment is ended from today, {today}, or from a later day.",
            field="on",
            today=context.today,
        )
    found = await _readable(context, id)
    _check_right(context, found.role, await unit_of(context, found))
    if found.valid_to is not None and day > found.valid_to:
        raise BadInput("The appointment ends before that day.", field="on")
    if found.valid_to == day:
        return found
    ended = replace(found, valid_to=day)
    await context.ask(appointments.end, ended.id, day)
    await _changed(context, "end", ended)
    return ended


def _check_input(context: Context, given: Given) -> None:
    check_key(given.client_key)
    _check_principal(given.principal)
    if given.role not in context.rights.roles:
        raise BadInput("Unknown role: {role}.", field="role", role=given.role)
    if given.valid_to is not None and given.valid_to <= given.valid_from:
        raise BadInput("An appointment ends after the day on which it begins.", field="valid_to")


def _check_principal(principal: str) -> None:
    if not principal:
        raise BadInput("An appointment needs a principal.", field="principal")
    check_text(principal, "principal", MAX_PRINCIPAL_LENGTH)
    if any(unicodedata.category(mark) in ("Cc", "Cf") for mark in principal):
        raise BadInput("A principal holds no control character.", field="principal")


def _check_right(context: Context, role: str, unit: Placed) -> None:
    if not context.rights.decide("record", f"{RESOURCE}:{role}", unit).allowed:
        raise Forbidden


async def _stored_before(context: Context, given: Given, unit: Placed) -> Appointment | None:
    """What the same client key has stored, as it is now."""
    if given.client_key is None:
        return None
    kept = (context.rights.principal, given.client_key, given.content)
    id_ = await context.ask(writing.stored_under, *kept)
    if id_ is None:
        return None
    found = await context.ask(appointments.find, alone(unit), context.today, [id_])
    return found[id_]


async def _store(context: Context, given: Given, unit: Placed) -> Appointment:
    if not unit.is_open:
        raise BadInput("The unit is closed: nobody is appointed there.", field="unit_code")
    id_ = UUID(bytes=uuid7().bytes)
    days = given.valid_from, given.valid_to
    made = Appointment(id_, given.principal, given.role, unit.unit_id, unit.code, *days)
    await context.ask(appointments.store, made)
    if given.client_key is not None:
        kept = (context.rights.principal, given.client_key, given.content)
        await context.ask(writing.remember, RESOURCE, *kept, id_)
    await _changed(context, "appoint", made)
    return made


async def _readable(context: Context, id: str) -> Appointment:
    """The appointment of a global id. Raises `NotFound` where the viewer may not read it."""
    uuid = key_of(id, "Appointment")
    found = None if uuid is None else await find(context, uuid)
    if found is None:
        raise NotFound
    return found


async def _changed(context: Context, action: str, appointment: Appointment) -> None:
    """Rights are others from here on, and the trail tells why."""
    await context.renew_rights()
    context.note(
        action,
        RESOURCE,
        appointment.unit_id,
        subject=appointment.id.hex,
        role=appointment.role,
        appointed=appointment.principal,
        valid_from=appointment.valid_from.isoformat(),
        valid_to=appointment.valid_to and appointment.valid_to.isoformat(),
    )
