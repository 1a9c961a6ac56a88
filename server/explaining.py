"""Whether a principal may do something at a unit, said to an operator on the command line.

The decision is the policy's own; here it is only put into words, with the rule and the
appointment that decided.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import and_, select

from authz.appointments import Appointment
from authz.policy import Decision, Rule
from authz.rights import Rights, RightsKeeper
from hierarchy import placements
from hierarchy.errors import BadInput
from hierarchy.founding import text_fault
from hierarchy.tables import placement
from hierarchy.unit import Placed
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
        keeper = RightsKeeper()
        _check((await keeper.policy(connection, revision)).rules, action, resource)
        rights = await keeper.rights(connection, principal, revision, today)
        ids = await connection.execute(
            select(placement.c.unit_id).where(
                and_(placement.c.code == code, placements.on(placement.c, today))
            )
        )
        found = await placements.placed(connection, ids.scalars(), today)
    if not found:
        raise BadInput("There is no unit {code!r} today.", code=code)
    [unit] = found.values()
    return _said(rights, rights.decide(action, resource, unit), unit)


def _check(rules: Sequence[Rule], action: str, resource: str) -> None:
    """Raises `BadInput` for an action or a resource that no rule speaks of."""
    for what, given, known in (
        ("action", action, {rule.action for rule in rules}),
        ("resource", resource, {rule.resource for rule in rules}),
    ):
        if given not in known:
            raise BadInput(
                "There is no {what} {given!r}; there are {known}.",
                what=what,
                given=given,
                known=", ".join(sorted(known)),
            )


def _said(rights: Rights, decision: Decision, unit: Placed) -> str:
    lines = ["allowed" if decision.allowed else "denied"]
    if decision.rule is not None:
        lines.append(f"rule: {decision.rule}")
    held = decision.held
    if held is not None:
        [appointment] = (each for each in rights.appointments if str(each.id) == held.name)
        lines.append(f"appointment: {_appointed(appointment)}")
    elif not rights.appointments_today:
        lines.append("no appointment of this principal gives rights today")
    else:
        lines.append(f"no rule for its appointments reaches {unit.code}:")
        lines += [f"  {_appointed(appointment)}" for appointment in rights.appointments_today]
    return "\n".join(lines)


def _appointed(appointment: Appointment) -> str:
    until = f" to {appointment.valid_to}" if appointment.valid_to else ""
    return f"{appointment.role} at {appointment.unit_code} from {appointment.valid_from}{until}"
