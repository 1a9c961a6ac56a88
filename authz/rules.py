"""Whether the rows of a policy make sense, before they are set.

`ASKED` is the one list of what the server asks the policy about. A row that nothing asks for, or
that no unit on any tree of these kinds could ever make true, is a fault and not a rule: whoever
wrote it meant something else. A reach is held against the kinds alone, by what may ever stand
under what; closed units, which after a merger stand under another of any kind, are not looked at.
Pure: what a rule gives whom is Casbin's business (`authz/policy.py`), never this module's.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from authz.policy import EFFECTS, Rule
from hierarchy.scope import Reach
from hierarchy.unit import Kinds

_OF_RECORDS = ("read", "summarise", "record")

ASKED: Mapping[str, tuple[str, ...]] = {
    "unit": ("read",),
    "meeting": _OF_RECORDS,
    "evaluation": _OF_RECORDS,
    "inspection": _OF_RECORDS,
    "decision": ("record",),
    "appointment": ("read",),
    "grant": ("read", "record"),
    "audit": ("read",),
    "view": ("read", "record"),
}
"""The actions that the server asks about, by resource."""
APPOINTING = "appointment:"
"""Before a role: the resource of giving it and taking it away, which is only ever recorded."""

ANY_KIND = "*"
FIRST_LINE = 1

Told = tuple[int, str]
"""A line, and what is wrong there, in English."""


@dataclass(frozen=True, slots=True)
class Row:
    """A rule and the line of a file on which it stands."""

    line: int
    rule: Rule


def form_faults(rows: Sequence[Row], kinds: Kinds) -> Iterator[Told]:
    """What is wrong with each row by itself, and every row that stands there twice."""
    roles = {row.rule.role for row in rows}
    first: dict[Rule, int] = {}
    for row in rows:
        line = first.setdefault(row.rule, row.line)
        if line != row.line:
            yield row.line, f"the same rule as in line {line}"
        for message in _form_faults(row.rule, kinds, roles):
            yield row.line, message


def sense_faults(rows: Sequence[Row], kinds: Kinds) -> Iterator[Told]:
    """The rules without effect, among rows without a fault of form: those that reach nothing,
    that denials of the same role take back wholly, and denials of what nobody is allowed."""
    places = _Places(kinds)
    allowed = {_pair(row.rule) for row in rows if row.rule.eft == "allow"}
    denials = defaultdict(list)
    for row in rows:
        if row.rule.eft == "deny":
            denials[row.rule.role, _pair(row.rule)].append(row)
    for row in rows:
        rule = row.rule
        if message := places.fault(rule):
            yield row.line, message
        elif rule.eft == "deny" and _pair(rule) not in allowed:
            yield row.line, f"denies what no rule allows: {rule.action} {rule.resource}"
        elif rule.eft == "allow":
            lines = places.denied_by(rule, denials[rule.role, _pair(rule)])
            if lines:
                yield row.line, f"gives nothing: all of it is denied by {_lines(lines)}"


def policy_faults(rows: Sequence[Row], held: Mapping[str, int]) -> Iterator[Told]:
    """What is wrong with the policy as a whole. `held` are the roles that appointments in force
    or to come hold, with how many."""
    if not rows:
        yield FIRST_LINE, "there is no rule"
        return
    roles: dict[str, int] = {}
    for row in rows:
        roles.setdefault(row.rule.role, row.line)
    for role in sorted(held.keys() - roles.keys()):
        holders = "1 appointment holds" if held[role] == 1 else f"{held[role]:,} appointments hold"
        yield FIRST_LINE, f"no rule is for the role {role!r}, which {holders}"
    allowed = [row.rule for row in rows if row.rule.eft == "allow"]
    reading = {rule.role for rule in allowed if _pair(rule) == ("read", "unit")}
    for role, line in roles.items():
        if role not in reading:
            yield line, f"no rule lets the role {role!r} read unit, as every role must"


def _pair(rule: Rule) -> tuple[str, str]:
    return rule.action, rule.resource


def _lines(rows: Sequence[Row]) -> str:
    numbers = [str(row.line) for row in rows]
    return f"line {numbers[0]}" if len(numbers) == 1 else f"the lines {', '.join(numbers)}"


# ---- a row by itself


def _form_faults(rule: Rule, kinds: Kinds, roles: Collection[str]) -> Iterator[str]:
    if not rule.role:
        yield "role is empty"
    elif any(unicodedata.category(mark) == "Cc" for mark in rule.role):
        yield f"role {rule.role!r} holds a control character"
    if rule.at != ANY_KIND:
        for kind in rule.at.split("|"):
            if kind not in kinds:
                yield f"unknown kind {kind!r}" if kind else "a kind is empty"
    yield from _asked_faults(rule, roles)
    if _reach(rule) is None:
        yield f"unknown reach {rule.reach!r}: {', '.join(Reach.FORMS)} or rank<=N"
    if rule.eft not in EFFECTS:
        yield f"unknown effect {rule.eft!r}: {' or '.join(EFFECTS)}"


def _asked_faults(rule: Rule, roles: Collection[str]) -> Iterator[str]:
    actions = ASKED.get(rule.resource)
    role = rule.resource.removeprefix(APPOINTING)
    if role != rule.resource:
        actions = ("record",)
        if role not in roles:
            yield f"no rule is for the role {role!r}, which is to be given"
    if actions is None:
        known = ", ".join([*ASKED, f"{APPOINTING}ROLE"])
        yield f"nothing asks about {rule.resource!r}: {known}"
    elif rule.action not in actions:
        yield f"nothing asks to {rule.action!r} {rule.resource}: {', '.join(actions)}"


def _reach(rule: Rule) -> Reach | None:
    try:
        return Reach.parse(rule.reach)
    except ValueError:
        return None


# ---- what a reach can ever cover

_Place = tuple[str, str]
"""Where a unit may stand, seen from another: `own`, `child`, `deeper` or `above`; and its kind."""


class _Places:
    """What may stand where, by the kinds alone."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._under: dict[str, set[str]] = defaultdict(set)
        self._over: dict[str, set[str]] = defaultdict(set)
        for kind, under in kinds.standings:
            self._under[under].add(kind)
            self._over[kind].add(under)

    def fault(self, rule: Rule) -> str | None:
        """Why a rule reaches nothing, wherever it is held; null where it may."""
        if any(self.of(rule, kind) for kind in self._at(rule)):
            return None
        where = "any kind" if rule.at == ANY_KIND else rule.at
        if rule.reach.startswith("rank"):
            return f"reaches nothing: {rule.reach} is above the rank of {where}"
        return f"reaches nothing: no unit may stand under {where}"

    def denied_by(self, rule: Rule, denials: Sequence[Row]) -> list[Row]:
        """The rows that together take all that a rule of the same role gives; none where
        something is left of it."""
        taking = {}
        for kind in self._at(rule):
            given = self.of(rule, kind)
            for row in denials:
                denied = self.of(row.rule, kind)
                if given & denied:
                    taking[row.line] = row
                given -= denied
            if given:
                return []
        return list(taking.values())

    def of(self, rule: Rule, kind: str) -> frozenset[_Place]:
        """The places that a rule covers from a unit of a kind; none where it is not for it."""
        reach = _reach(rule)
        if reach is None or kind not in self._at(rule):
            return frozenset()
        own = {("own", kind)}
        children = {("child", each) for each in self._under[kind]}
        deeper = {("deeper", each) for each in _onward(self._under, self._under[kind])}
        match reach.form:
            case "own":
                return frozenset(own)
            case "children":
                return frozenset(children)
            case "below":
                return frozenset(children | deeper)
            case "above":
                above = self._over[kind] | _onward(self._over, self._over[kind])
                return frozenset(own | {("above", each) for each in above})
        subtree = own | children | deeper
        if reach.form == "rank":
            subtree = {place for place in subtree if self._kinds.rank(place[1]) <= reach.rank}
        return frozenset(subtree)

    def _at(self, rule: Rule) -> Iterable[str]:
        return self._kinds.kinds.keys() if rule.at == ANY_KIND else rule.at.split("|")


def _onward(steps: Mapping[str, set[str]], first: Collection[str]) -> set[str]:
    """What is one step or more from any of the first."""
    found: set[str] = set()
    ahead = set(first)
    while ahead:
        ahead = {each for kind in ahead for each in steps.get(kind, ())} - found
        found |= ahead
    return found
