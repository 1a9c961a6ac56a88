"""Why a principal may do something at a unit, or may not, said to an operator on the command line.

The same findings as clients are answered with (`authz/explaining.py`), of all that there is: an
operator sees everything, in English. That it was asked is told to the trail.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from authz import explaining
from authz.appointments import Appointment
from authz.evidence import Evidence, read_evidence
from authz.explaining import Asked, Finding, Values
from authz.grants import Grant
from authz.policy import Policy
from authz.rights import RightsKeeper
from hierarchy import placements
from hierarchy.errors import BadInput
from hierarchy.founding import text_fault
from records import trail
from server.folder.folder import PRINCIPAL
from server.stores import Stores


async def explained(
    stores: Stores, today: date, principal: str, action: str, resource: str, code: str
) -> str:
    """The decision in a few lines. Raises `BadInput` for a unit that does not stand today, and
    for texts that no store can hold."""
    for what, given in (("a principal", principal), ("a code", code)):
        if message := text_fault(what, given):
            raise BadInput(message)
    async with stores.database.reading() as connection:
        revision = await placements.read_revision(connection)
        policy = await RightsKeeper().policy(connection, revision)
        asked = await _asked(connection, policy, today, action, resource, code)
        evidence = await read_evidence(connection, principal, today)
    async with stores.database.writing() as connection:
        await trail.append(connection, [_entry(asked, principal)])
    decision = evidence.rights(policy).decide(action, resource, asked.unit)
    found = explaining.explain(asked, decision.allowed, evidence, policy)
    return "\n".join(_lines(decision.allowed, found, evidence))


async def _asked(
    connection: AsyncConnection,
    policy: Policy,
    today: date,
    action: str,
    resource: str,
    code: str,
) -> Asked:
    actions, resources = explaining.names_asked(policy)
    for what, given, known in (("action", action, actions), ("resource", resource, resources)):
        if given not in known:
            raise BadInput(
                "There is no {what} {given!r}; there are {known}.",
                what=what,
                given=given,
                known=", ".join(sorted(known)),
            )
    unit = await placements.of_code(connection, code, today)
    if unit is None:
        raise BadInput("There is no unit {code!r} today.", code=code)
    return Asked(action, resource, unit)


def _entry(asked: Asked, principal: str) -> trail.AuditEntry:
    facts = {
        "asked_about": principal,
        "asked_action": asked.action,
        "asked_resource": asked.resource,
    }
    named = PRINCIPAL, "explain", "appointment", asked.unit.unit_id
    return trail.entry(datetime.now(UTC), *named, facts=facts)


def _lines(allowed: bool, found: tuple[Finding, ...], evidence: Evidence) -> Iterator[str]:
    """The first finding in full, every other in a line or two."""
    yield "allowed" if allowed else "denied"
    yield from _details(found[0], evidence)
    yield found[0].said(_say)
    for each in found[1:]:
        yield f"- {each.said(_say)}"
        yield from (f"  {line}" for line in _details(each, evidence))


def _say(message: str, values: Values) -> str:
    return message.format(**values)


def _details(finding: Finding, evidence: Evidence) -> Iterator[str]:
    if finding.rule is not None:
        yield f"rule: {finding.rule}"
    if finding.appointment is not None:
        yield f"appointment: {_appointed(finding.appointment)}"
    if finding.grant is not None:
        yield f"grant: {_granted(finding.grant, evidence)}"


def _appointed(appointment: Appointment) -> str:
    until = f" to {appointment.valid_to}" if appointment.valid_to else ""
    return f"{appointment.role} at {appointment.unit_code} from {appointment.valid_from}{until}"


def _granted(grant: Grant, evidence: Evidence) -> str:
    [given] = (each for each in evidence.grants if each.grant.id == grant.id)
    shown = f"{', '.join(grant.actions)} {', '.join(grant.resources)} of {given.of.code}"
    to = f"to {', '.join(grant.roles)} at {given.to.code}"
    revoked = f", revoked on {given.revoked_on}" if given.revoked_on else ""
    return f"{shown} {to} from {grant.valid_from} to {grant.valid_to}{revoked}"
