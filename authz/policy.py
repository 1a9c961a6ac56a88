"""The policy: Casbin's model and rules, asked for one decision or for a whole scope.

Casbin alone decides which rules apply. For one unit it is asked as usual; for a scope the very
same matcher is run with the unit left open: wherever a rule's role and place fit what the viewer
holds, the rule's reach is noted instead of measured, and what was noted, allowed less denied, is
the `Scope`. It is pure: what a viewer holds, placed on one tree, is given to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import casbin

from hierarchy.errors import StoreError
from hierarchy.scope import Base, Hold, Located, Reach, Scope

MODEL = """
[request_definition]
r = held, resource, action, unit

[policy_definition]
p = role, at, resource, action, reach, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = r.resource == p.resource && r.action == p.action \
&& reaches(r.held, p.role, p.at, p.reach, p.eft, r.unit)
"""

EFFECTS = ("allow", "deny")
_NOWHERE = Base(-1, "", 0, 0)


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the policy: a role held at certain kinds of unit may do something that far.

    `at` is `*` or kinds joined by `|`; `reach` as in `hierarchy/scope.py`; `eft` allow or deny.
    """

    role: str
    at: str
    resource: str
    action: str
    reach: str
    eft: str = "allow"

    def __str__(self) -> str:
        return f"{self.eft} {self.role} at {self.at}: {self.resource} {self.action} {self.reach}"


@dataclass(frozen=True, slots=True)
class Held:
    """An office as it stands on one tree: the role, and the unit with its kind on that tree.

    `name` tells offices apart for explanations (an appointment's id).
    """

    role: str
    kind: str
    base: Base
    name: str = ""

    def fits(self, role: str, at: str) -> bool:
        return self.role == role and (at == "*" or self.kind in at.split("|"))


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed, and the rule and the office that decided; both null for a plain no."""

    allowed: bool
    rule: Rule | None
    held: Held | None


class _Open:
    """Stands for a unit that is left open: notes the holds that rules would measure it by, and
    what of these rules the matcher is told."""

    def __init__(self) -> None:
        self.allowed: list[Hold] = []
        self.denied: list[Hold] = []
        self.fitting: list[tuple[str, str, str, str]] = []

    def note(self, held: Held, reach: str, eft: str) -> None:
        noted = self.denied if eft == "deny" else self.allowed
        noted.append(Hold(held.base, _reach(reach)))


@cache
def _reach(text: str) -> Reach:
    return Reach.parse(text)


def _reaches(
    held: Sequence[Held], role: str, at: str, reach: str, eft: str, unit: Located | _Open
) -> bool:
    """Whether one of the offices fits the rule and the rule's reach, taken from it, the unit."""
    fitting = [office for office in held if office.fits(role, at)]
    if isinstance(unit, _Open):
        unit.fitting += [(role, at, reach, eft)] if fitting else []
        for office in fitting:
            unit.note(office, reach, eft)
        return False
    return any(_reach(reach).covers(office.base, unit) for office in fitting)


class Policy:
    """The rules, ready to be asked. Raises `StoreError` for a rule that is none."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        for rule in self.rules:
            _check(rule)
        self._enforcer = _enforcer(self.rules)
        self._rules_for: dict[tuple[str, str, str, str], tuple[Rule, ...]] = {}

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(rule.role for rule in self.rules)

    def decide(self, held: Sequence[Held], action: str, resource: str, unit: Located) -> Decision:
        """Casbin's answer for one unit, with what decided."""
        allowed, decisive = self._enforcer.enforce_ex(held, resource, action, unit)
        if not decisive:
            return Decision(bool(allowed), None, None)
        rule = Rule(*decisive)
        return Decision(bool(allowed), rule, _office(held, rule, unit))

    def scope(self, held: Sequence[Held], action: str, resource: str) -> Scope:
        """Everything that `decide` would allow, as one value."""
        unit = _Open()
        self._enforcer.enforce(held, resource, action, unit)
        return Scope(_distinct(unit.allowed), _distinct(unit.denied))

    def rules_for(self, role: str, kind: str, action: str, resource: str) -> tuple[Rule, ...]:
        """The rules, in their order, that apply to an office of that role at a unit of that kind,
        however far they reach from it."""
        key = role, kind, action, resource
        if key not in self._rules_for:
            unit = _Open()
            self._enforcer.enforce((Held(role, kind, _NOWHERE),), resource, action, unit)
            self._rules_for[key] = tuple(
                Rule(role, at, resource, action, reach, eft)
                for role, at, reach, eft in unit.fitting
            )
        return self._rules_for[key]


def _office(held: Sequence[Held], rule: Rule, unit: Located) -> Held | None:
    return next(
        (
            office
            for office in held
            if office.fits(rule.role, rule.at) and _reach(rule.reach).covers(office.base, unit)
        ),
        None,
    )


def _distinct(holds: list[Hold]) -> tuple[Hold, ...]:
    return tuple(dict.fromkeys(holds))


def _check(rule: Rule) -> None:
    try:
        _reach(rule.reach)
    except ValueError as error:
        raise StoreError("Policy rule {rule}: {why}.", rule=rule, why=error) from None
    if rule.eft not in EFFECTS:
        raise StoreError("Policy rule {rule}: {eft} is no effect.", rule=rule, eft=rule.eft)


def _enforcer(rules: Sequence[Rule]) -> Any:
    enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=MODEL))
    enforcer.add_function("reaches", _reaches)
    enforcer.add_policies(
        [
            [rule.role, rule.at, rule.resource, rule.action, rule.reach, rule.eft]
            for rule in dict.fromkeys(rules)
        ]
    )
    return enforcer
