"""The policy as tables of a page, in Markdown: what `docs/rights.md` shows of it.

Rules that differ in the role alone stand in one row, resources with the same rows too. Nothing is
left out and nothing is said that the rules do not say. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from authz.policy import Rule
from authz.rules import ANY_KIND, APPOINTING

RIGHTS = ("role", "appointed at", "to", "of", "reach")
APPOINTMENTS = ("role", "appointed at", "gives and ends the role", "reach")


@dataclass(frozen=True, slots=True)
class _Line:
    """Rules as one row: of all these roles, and of all these resources."""

    roles: tuple[str, ...]
    at: str
    action: str
    resources: tuple[str, ...]
    reach: str
    eft: str


def tables(rules: Sequence[Rule], kinds: Sequence[str]) -> str:
    """Both tables. `kinds` are the codes of all kinds, in their order."""
    return f"{rights(rules, kinds)}\n{appointing(rules, kinds)}"


def rights(rules: Sequence[Rule], kinds: Sequence[str]) -> str:
    """What each role may do, and how far; who appoints whom apart."""
    lines = _lines(rule for rule in rules if not rule.resource.startswith(APPOINTING))
    return _table(
        RIGHTS,
        (
            (
                _codes(line.roles),
                _where(line.at, kinds),
                _effect(line) + f"`{line.action}`",
                _codes(line.resources),
                f"`{line.reach}`",
            )
            for line in lines
        ),
    )


def appointing(rules: Sequence[Rule], kinds: Sequence[str]) -> str:
    """Who appoints whom."""
    lines = _lines(rule for rule in rules if rule.resource.startswith(APPOINTING))
    return _table(
        APPOINTMENTS,
        (
            (
                _codes(line.roles),
                _where(line.at, kinds),
                _effect(line) + _codes(each.removeprefix(APPOINTING) for each in line.resources),
                f"`{line.reach}`",
            )
            for line in lines
        ),
    )


def _lines(rules: Iterable[Rule]) -> list[_Line]:
    """Rules put together by role, and then by resource, in their order."""
    roles: dict[tuple[str, str, str, str, str], list[str]] = defaultdict(list)
    for rule in rules:
        roles[rule.at, rule.action, rule.resource, rule.reach, rule.eft].append(rule.role)
    resources: dict[tuple[tuple[str, ...], str, str, str, str], list[str]] = defaultdict(list)
    for (at, action, resource, reach, eft), some in roles.items():
        resources[tuple(some), at, action, reach, eft].append(resource)
    return [
        _Line(some, at, action, tuple(of), reach, eft)
        for (some, at, action, reach, eft), of in resources.items()
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines).replace("| --- ", "|---")


def _effect(line: _Line) -> str:
    return "not " if line.eft == "deny" else ""


def _where(at: str, kinds: Sequence[str]) -> str:
    """The kinds of unit, or those left out where they are the fewer."""
    if at == ANY_KIND:
        return "any unit"
    named = at.split("|")
    others = [kind for kind in kinds if kind not in named]
    return f"any but {_codes(others)}" if 0 < len(others) < len(named) else _codes(named)


def _codes(texts: Iterable[str]) -> str:
    return " ".join(f"`{text}`" for text in texts).replace("|", "\\|")
