"""How a decision about rights is explained: to whom it is about, or to who may read appointments.

Shown is what the asker may read: of themselves all that they ever held and were granted; of
another the appointments and grants in their reach, as the tree stands today. What they may not
read is never counted or named, so that a principal whom nobody knows reads like one of whom they
may read nothing. Whether it is allowed is what the server itself would decide. Asking about another
is told to the trail.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from authz import explaining
from authz.appointments import Appointment
from authz.evidence import Evidence, read_evidence
from authz.explaining import Asked, Finding, Values
from authz.grants import Grant
from graph.language import said
from graph.resolvers import units
from graph.resolvers.context import Context
from hierarchy.errors import BadInput, Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class Step:
    """One appointment or grant, the rule, and what became of it. One at a unit that does not stand
    today, or that the viewer no longer sees, is told in the outcome alone."""

    appointment: Appointment | None
    grant: Grant | None
    rule: str | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether it is allowed, the nearest reason, and all that was found."""

    allowed: bool
    reason: str
    steps: list[Step]


async def explain(
    context: Context, action: str, resource: str, unit_code: str, principal: str | None
) -> Explanation:
    """Why somebody may do something at a unit today, or may not.

    Raises `BadInput` for an action or a resource that nothing asks about, `NotFound` for a unit out
    of sight, and `Forbidden` about another where appointments there are not the asker's to read.
    """
    actions, resources = explaining.names_asked(context.rights.policy)
    if action not in actions:
        raise BadInput("Unknown action: {action}.", field="action", action=action)
    if resource not in resources:
        raise BadInput("Unknown resource: {resource}.", field="resource", resource=resource)
    unit = await units.find(context, unit_code, context.today)
    if unit is None:
        raise NotFound
    asked = Asked(action, resource, unit)
    if principal is None or principal == context.rights.principal:
        return await _of_oneself(context, asked)
    if not context.rights.scope("read", "appointment", context.today).covers(unit):
        raise Forbidden
    return await _of_another(context, asked, principal)


async def _of_oneself(context: Context, asked: Asked) -> Explanation:
    rights = context.rights
    evidence = await _evidence(context, rights.principal)
    shown = evidence.own(rights.scope("read", "grant", context.today))
    allowed = rights.decide(asked.action, asked.resource, asked.unit).allowed
    return _explained(context, asked, allowed, shown, await _in_sight(context, shown))


async def _in_sight(context: Context, shown: Evidence) -> set[int]:
    """Those of the units that the viewer still sees: of what has left them nothing new is told,
    and what was held there is told in words alone."""
    return {unit_id for unit_id, unit in shown.units.items() if await context.sees(unit)}


async def _of_another(context: Context, asked: Asked, principal: str) -> Explanation:
    rights, today = context.rights, context.today
    evidence = await _evidence(context, principal)
    decision = evidence.rights(rights.policy).decide(asked.action, asked.resource, asked.unit)
    shown = evidence.readable(
        rights.scope("read", "appointment", today), rights.scope("read", "grant", today)
    )
    context.note(
        "explain",
        "appointment",
        asked.unit.unit_id,
        asked_about=principal,
        asked_action=asked.action,
        asked_resource=asked.resource,
    )
    return _explained(context, asked, decision.allowed, shown, shown.units.keys())


async def _evidence(context: Context, principal: str) -> Evidence:
    evidence = await context.ask(read_evidence, principal, context.today)
    context.keep(evidence.units.values())
    return evidence


def _explained(
    context: Context, asked: Asked, allowed: bool, shown: Evidence, units: Collection[int]
) -> Explanation:
    found = explaining.explain(asked, allowed, shown, context.rights.policy)
    steps = list(_steps(found, units, context.language))
    return Explanation(allowed, steps[0].outcome, steps)


def _steps(found: Iterable[Finding], units: Collection[int], language: str) -> Iterator[Step]:
    """The findings, each with the appointment or grant whose units may be shown."""

    def say(message: str, values: Values) -> str:
        return said(message, values, language)

    for each in found:
        held, grant = each.appointment, each.grant
        if held is not None and held.unit_id not in units:
            held = None
        if grant is not None and not {grant.of_unit_id, grant.to_unit_id} <= set(units):
            grant = None
        rule = None if each.rule is None else str(each.rule)
        yield Step(held, grant, rule, each.said(say))
