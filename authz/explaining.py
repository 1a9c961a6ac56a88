"""Why somebody may do something at a unit, or what is missing: findings, the nearest first.

Whether it is allowed is `Rights.decide`'s alone. Here each appointment and grant that may be shown
is asked by itself, of the same policy, what it gives or would give were it in force; what it gives
not is said with the one thing in its way. What may not be shown is spoken of only where nothing
else explains the decision. Pure: what was held is given to it (`authz/evidence.py`). An outcome is
said in English, with named places; whoever answers a person says it in their language.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum

from authz.appointments import Appointment
from authz.evidence import Evidence, Granted, Office
from authz.grants import Grant
from authz.policy import Policy, Rule
from authz.rights import base_of
from authz.rules import APPOINTING, ASKED
from hierarchy.scope import Base, Reach
from hierarchy.unit import Placed
from hierarchy.words import Word

MAX_FINDINGS = 20

OFFICE = "The office {role} at {at}"
GRANT = "The grant of {of} to {to}"


class Outcome(Enum):
    """What is said of an appointment or a grant. The nearer to a yes, the earlier it stands here;
    what is true of both is nearer of an appointment."""

    GIVEN = "{subject} gives this right."
    UNREAD = "An appointment or a grant that you may not read gives this right."
    TAKEN = "An appointment that you may not read takes this right away."
    DENIED = "{subject} is denied this right by a rule."
    EXPIRED = "{subject} expired on {day}."
    BEGINS = "{subject} begins on {day}."
    CLOSED = "{subject} gives nothing since {closed} was closed on {day}."
    REVOKED = "{subject} was revoked on {day}."
    NOT_HELD = "{subject} is for a role that is not held there today: {role}."
    BEYOND_RANK = "{subject} was made down to rank {rank} only: {unit} is of rank {own}."
    OTHER_PAIR = "{subject} is for other actions or resources."
    BEYOND_GRANTOR = "{subject} shows no more than the grantor saw: {unit} was not among it."
    FIGURES_BELOW = (
        "{subject} shows records down to rank {rank} only: {unit} is of rank {own}, below which "
        "there are figures alone."
    )
    RANK = "{subject} reaches down to rank {rank} only: {unit} is of rank {own}."
    ONLY_OWN = "{subject} reaches {at} alone, not {unit}."
    ONLY_CHILDREN = "{subject} reaches the units directly below {at} alone, not {unit}."
    ONLY_BELOW = "{subject} reaches the units below {at} alone, not {unit}."
    ONLY_ABOVE = "{subject} reaches {at} and the units above it alone, not {unit}."
    ELSEWHERE = "{subject} is for another subtree, in which {unit} does not stand."
    FIGURES = "{subject} shows figures alone, no single records."
    NO_RIGHT = "{subject} gives no such right anywhere."
    NOT_STANDING = "{subject} gives nothing yet: its unit does not stand today."
    IDLE = "{subject} is not in force today, and would not give this right either."
    NOTHING = "There is no appointment to show."
    CLOSED_UNIT = "{unit} is closed: nothing new is recorded for it."
    NOT_ON_SIGNS = (
        "An open inspection of {unit} on signs of violation is not shown by this, unless an "
        "appointment is held at the unit that inspects."
    )


_PLACE = {outcome: place for place, outcome in enumerate(Outcome)}
_ONLY = {
    "own": Outcome.ONLY_OWN,
    "children": Outcome.ONLY_CHILDREN,
    "below": Outcome.ONLY_BELOW,
    "above": Outcome.ONLY_ABOVE,
}

Values = Mapping[str, object]
Say = Callable[[str, Values], str]
"""Says a message with named places in some language."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An action on a resource at a unit, which stands on today's tree."""

    action: str
    resource: str
    unit: Placed


@dataclass(frozen=True, slots=True)
class Finding:
    """What is true of one appointment or grant; of neither where it is about the whole."""

    outcome: Outcome
    appointment: Appointment | None = None
    grant: Grant | None = None
    rule: Rule | None = None
    values: Values = field(default_factory=dict)

    def said(self, say: Say) -> str:
        """The outcome as a sentence."""
        values = dict(self.values)
        if self.appointment is not None or self.grant is not None:
            values["subject"] = say(OFFICE if self.grant is None else GRANT, values)
        return say(self.outcome.value, values)


def names_asked(policy: Policy) -> tuple[frozenset[str], frozenset[str]]:
    """The actions and the resources that the server asks about or a rule speaks of."""
    actions = {action for some in ASKED.values() for action in some}
    resources = {*ASKED, *(f"{APPOINTING}{role}" for role in policy.roles)}
    return (
        frozenset(actions | {rule.action for rule in policy.rules}),
        frozenset(resources | {rule.resource for rule in policy.rules}),
    )


def explain(asked: Asked, allowed: bool, shown: Evidence, policy: Policy) -> tuple[Finding, ...]:
    """Why it is allowed, or what is missing, from what may be shown: the nearest first, remarks
    last, `MAX_FINDINGS` at most. `allowed` is what all the principal's rights decide."""
    finder = _Finder(asked, shown, policy)
    found = [*finder.of_offices(), *finder.of_grants()]
    given = [one for one in found if one.outcome is Outcome.GIVEN]
    if allowed != (bool(given) and not any(map(_takes, found))):
        told, given = [_Found(Finding(Outcome.UNREAD if allowed else Outcome.TAKEN))], []
    elif allowed:
        told = sorted(given, key=finder.decisive)
    else:
        told = sorted((one for one in found if one.outcome is not Outcome.GIVEN), key=_nearness)
    remarks = list(_remarks(asked, given if allowed else ()))
    findings = [one.finding for one in told] or [Finding(Outcome.NOTHING)]
    return (*findings[: MAX_FINDINGS - len(remarks)], *remarks)


@dataclass(frozen=True, slots=True)
class _Found:
    """A finding, and how deep its unit stands: that of the appointment, or that is granted."""

    finding: Finding
    depth: int = 0

    @property
    def outcome(self) -> Outcome:
        return self.finding.outcome


def _takes(found: _Found) -> bool:
    """Whether it takes from the others too what they give."""
    return found.outcome is Outcome.DENIED and found.finding.appointment is not None


def _nearness(found: _Found) -> tuple[bool, int, bool, int]:
    """What is missing, of appointments before grants; from below upwards."""
    place, is_grant = _PLACE[found.outcome], found.finding.grant is not None
    is_later = is_grant or place > _PLACE[Outcome.CLOSED]
    return is_later, place, is_grant, -found.depth


def _remarks(asked: Asked, given: Collection[_Found]) -> Iterator[Finding]:
    """What is true of the unit beside, and of what was found to give the right."""
    unit = asked.unit
    if asked.action == "record" and not unit.is_open:
        yield Finding(Outcome.CLOSED_UNIT, values={"unit": unit.code})
    is_above = any(one.finding.appointment and one.depth < unit.depth for one in given)
    if given and not is_above and asked.resource == "inspection" and asked.action != "record":
        yield Finding(Outcome.NOT_ON_SIGNS, values={"unit": unit.code})


@dataclass(frozen=True, slots=True)
class _Told:
    """What is to be said of an office or a grant: the outcome, the rule, what else is named."""

    outcome: Outcome
    rule: Rule | None = None
    values: Values = field(default_factory=dict)


class _Finder:
    """Asks every appointment and grant by itself."""

    def __init__(self, asked: Asked, shown: Evidence, policy: Policy) -> None:
        self._asked = asked
        self._shown = shown
        self._policy = policy
        self._bases = {each.unit_id: base_of(each) for each in shown.units.values()}

    def decisive(self, found: _Found) -> tuple[bool, int]:
        """As Casbin has it: of appointments the last rule decides; of grants the first grant."""
        rule = found.finding.rule
        if found.finding.grant is not None or rule is None:
            return True, 0
        return False, -self._policy.rules.index(rule)

    # ---- appointments

    def of_offices(self) -> Iterator[_Found]:
        """What each appointment gives or lacks."""
        for office in self._shown.offices:
            held, told = office.appointment, self._of_office(office)
            role = Word("Role", held.role)
            values = {"role": role, "at": held.unit_code, **self._of_unit(), **told.values}
            depth = 0 if office.unit is None else office.unit.depth
            yield _Found(Finding(told.outcome, held, None, told.rule, values), depth)

    def _of_office(self, office: Office) -> _Told:
        if office.unit is None:
            return _Told(Outcome.NOT_STANDING)
        way = self._way(office.appointment.role, office.unit)
        if office.in_force:
            return way
        held = office.appointment
        holds_on_no_day = held.valid_to is not None and held.valid_to <= held.valid_from
        if holds_on_no_day or way.outcome is not Outcome.GIVEN:
            return _Told(Outcome.IDLE)
        outcome, values = self._not_in_force(held.valid_from, held.valid_to, office.unit)
        return _Told(outcome, way.rule, values)

    def _not_in_force(
        self, valid_from: date, valid_to: date | None, *units: Placed
    ) -> tuple[Outcome, Values]:
        if valid_to is not None and valid_to <= self._shown.today:
            return Outcome.EXPIRED, {"day": valid_to}
        if valid_from > self._shown.today:
            return Outcome.BEGINS, {"day": valid_from}
        closed = next(unit for unit in units if not unit.is_open)
        return Outcome.CLOSED, {"closed": closed.code, "day": closed.closed_on}

    def _of_unit(self) -> Values:
        return {"unit": self._asked.unit.code, "own": self._asked.unit.rank}

    # ---- grants

    def of_grants(self) -> Iterator[_Found]:
        """What each grant gives or lacks; nothing of one for roles that were never held."""
        for given in self._shown.grants:
            roles = [role for role in given.grant.roles if self._held(given, role)]
            if roles:
                told = min((self._of_grant(given, role) for role in roles), key=_place)
                of, to = given.of.code, given.to.code
                values = {"of": of, "at": of, "to": to, **self._of_unit(), **told.values}
                found = Finding(told.outcome, None, given.grant, told.rule, values)
                yield _Found(found, given.of.depth)

    def _held(self, given: Granted, role: str) -> list[Office]:
        return [
            each
            for each in self._shown.offices
            if each.is_of(given.grant) and each.appointment.role == role
        ]

    def _of_grant(self, given: Granted, role: str) -> _Told:
        """What a grant gives to a role; the greatest of what is in the way."""
        way = self._way(role, given.of, is_granted=True)
        ways = [] if way.outcome is Outcome.GIVEN else [way]
        narrowed = [*ways, *self._narrowings(given, way.rule)]
        late = list(self._not_given_today(given, role, way.rule))
        if len(late) > 1 or (late and narrowed):
            return _Told(Outcome.IDLE)
        return max([*late, *narrowed], key=_place, default=way)

    def _not_given_today(self, given: Granted, role: str, rule: Rule | None) -> Iterator[_Told]:
        grant, revoked_on = given.grant, given.revoked_on
        if revoked_on is not None and revoked_on <= self._shown.today:
            yield _Told(Outcome.REVOKED, rule, {"day": revoked_on})
        elif not given.in_force:
            days = grant.valid_from, grant.valid_to
            outcome, values = self._not_in_force(*days, given.of, given.to)
            yield _Told(outcome, rule, values)
        if not any(office.gives for office in self._held(given, role)):
            yield _Told(Outcome.NOT_HELD, rule, {"role": Word("Role", role)})

    def _narrowings(self, given: Granted, rule: Rule | None) -> Iterator[_Told]:
        grant, unit = given.grant, self._asked.unit
        pair = self._asked.action, self._asked.resource
        if not grant.gives(*pair):
            yield _Told(Outcome.OTHER_PAIR, rule)
            return
        if grant.max_rank is not None and unit.rank > grant.max_rank:
            yield _Told(Outcome.BEYOND_RANK, rule, {"rank": grant.max_rank})
        ceiling = grant.ceiling.get(pair)
        if ceiling is None or not ceiling.scope(self._bases).covers(unit):
            yield _Told(Outcome.BEYOND_GRANTOR, rule)

    # ---- rules

    def _way(self, role: str, at: Placed, is_granted: bool = False) -> _Told:
        """What the rules make of the role at a unit, whoever holds it and when."""
        rules = self._rules_for(role, at.kind, self._asked.action)
        base, unit = base_of(at), self._asked.unit
        # A grant is for nothing above its unit, whatever the role could do there.
        if not is_granted or unit.path.startswith(base.path):
            if rule := _first(rules, "deny", base, unit):
                return _Told(Outcome.DENIED, rule)
            if rule := _first(rules[::-1], "allow", base, unit):
                return _Told(Outcome.GIVEN, rule)
        short = [_short(rule, base, unit, is_granted) for rule in rules if rule.eft == "allow"]
        nearest = min(short, key=_place, default=_Told(Outcome.NO_RIGHT))
        return nearest if is_granted else self._or_figures(nearest, role, at)

    def _or_figures(self, told: _Told, role: str, at: Placed) -> _Told:
        """The same, where the office gives figures of the unit told as that."""
        if self._asked.action != "read" or told.outcome not in (Outcome.RANK, Outcome.NO_RIGHT):
            return told
        rules = self._rules_for(role, at.kind, "summarise")
        base, unit = base_of(at), self._asked.unit
        figures = _first(rules, "allow", base, unit)
        if figures is None or _first(rules, "deny", base, unit):
            return told
        if told.outcome is Outcome.NO_RIGHT:
            return _Told(Outcome.FIGURES, figures)
        return replace(told, outcome=Outcome.FIGURES_BELOW)

    def _rules_for(self, role: str, kind: str, action: str) -> tuple[Rule, ...]:
        return self._policy.rules_for(role, kind, action, self._asked.resource)


def _first(rules: Iterable[Rule], eft: str, base: Base, unit: Placed) -> Rule | None:
    """The first rule of an effect that reaches the unit."""
    return next(
        (rule for rule in rules if rule.eft == eft and Reach.parse(rule.reach).covers(base, unit)),
        None,
    )


def _short(rule: Rule, base: Base, unit: Placed, is_granted: bool) -> _Told:
    """How far a rule reaches that does not reach the unit."""
    reach, is_inside = Reach.parse(rule.reach), unit.path.startswith(base.path)
    if not is_inside:
        return _Told(Outcome.ELSEWHERE, rule)
    if reach.form == "rank":
        return _Told(Outcome.RANK, rule, {"rank": reach.rank})
    form = "own" if is_granted and reach.form == "above" else reach.form
    return _Told(_ONLY[form], rule)


def _place(told: _Told) -> int:
    return _PLACE[told.outcome]
