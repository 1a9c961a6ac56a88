"""Whether units may be founded, and from when they stand: the rules of a growing tree.

Pure: told what already stands and what is to be founded, it answers with every fault and with
the order in which parents come before children. The loader and both engines of the store ask the
same functions, so that no tree is let in by one that another would refuse. The rules' source is
`formats.md`, Data folder, and `domain.md`, 2.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from hierarchy.errors import Conflict
from hierarchy.unit import Founding, Kinds, Life

MAX_CODE_LENGTH = 64
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Known:
    """A unit that is already in the tree: as it was founded, and the days it stands."""

    founding: Founding
    life: Life


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one founding: its index in what was given, and why, in English."""

    index: int
    message: str


def text_fault(what: str, text: str) -> str | None:
    """Why a text cannot be stored as it is: the databases hold no NUL and no half character."""
    if "\0" in text:
        return f"{what} holds a NUL character"
    return f"{what} holds half a character" if _SURROGATE.search(text) else None


def code_fault(code: str) -> str | None:
    """Why a text is no code of a unit; null where it is one."""
    if not code:
        return "a unit needs a code"
    if len(code) > MAX_CODE_LENGTH:
        return f"a code has at most {MAX_CODE_LENGTH} characters, this one {len(code)}"
    if any(unicodedata.category(mark) == "Cc" for mark in code):
        return "a code holds no control character"
    return text_fault("a code", code)


def faults(foundings: Sequence[Founding], known: Mapping[str, Known], kinds: Kinds) -> list[Fault]:
    """Everything that forbids founding these units beside the known ones, by index.

    `known` holds at least the root, the named parents and the codes given, where they are in the
    tree. Units that are already there as given are no fault.
    """
    fresh = [
        (index, founding)
        for index, founding in enumerate(foundings)
        if not _is_there(founding, known)
    ]
    found = [*_each(fresh, known, kinds), *_twice(foundings), *_roots(fresh, known)]
    if not found:
        found = [*_cycles(fresh, known)] or [*_together(fresh, known, kinds)]
    return sorted(found, key=lambda fault: fault.index)


def check(foundings: Sequence[Founding], known: Mapping[str, Known], kinds: Kinds) -> None:
    """Raises `Conflict` with every fault, each led by the code it is about."""
    wrong = [
        f"{foundings[fault.index].code!r}: {fault.message}"
        for fault in faults(foundings, known, kinds)
    ]
    if wrong:
        raise Conflict("{faults}", faults="; ".join(wrong))


def in_order(
    foundings: Sequence[Founding], known: Mapping[str, Known]
) -> list[tuple[Founding, Life]]:
    """What is new among faultless foundings with the days it stands; parents before children,
    otherwise by depth and then by code."""
    fresh = [founding for founding in foundings if founding.code not in known]
    lives = {code: unit.life for code, unit in known.items()}
    below: dict[str | None, list[Founding]] = defaultdict(list)
    for founding in sorted(fresh, key=lambda founding: founding.code):
        below[founding.parent_code].append(founding)
    new = {founding.code for founding in fresh}
    level = [unit for parent, units in below.items() if parent not in new for unit in units]
    ordered = []
    while level:
        level.sort(key=lambda founding: founding.code)
        for founding in level:
            lives[founding.code] = _life(founding, lives)
            ordered.append((founding, lives[founding.code]))
        level = [unit for founding in level for unit in below[founding.code]]
    return ordered


def _is_there(founding: Founding, known: Mapping[str, Known]) -> bool:
    there = known.get(founding.code)
    return there is not None and there.founding == founding


def _life(founding: Founding, lives: Mapping[str, Life]) -> Life:
    stands_from = founding.established_on
    if founding.parent_code is not None:
        stands_from = max(stands_from, lives[founding.parent_code].stands_from)
    return Life(stands_from, founding.closed_on)


def _each(
    fresh: Sequence[tuple[int, Founding]], known: Mapping[str, Known], kinds: Kinds
) -> Iterator[Fault]:
    """What a founding shows by itself."""
    codes = {founding.code for _, founding in fresh} | known.keys()
    for index, founding in fresh:
        for message in _own_faults(founding, codes, kinds):
            yield Fault(index, message)
        if founding.code in known:
            yield Fault(index, f"unit {founding.code!r} is already there and says otherwise")


def _own_faults(founding: Founding, codes: set[str], kinds: Kinds) -> Iterator[str]:
    if message := code_fault(founding.code):
        yield message
    if not founding.name:
        yield "a unit needs a name"
    for what, text in (("the name", founding.name), ("the category", founding.category or "")):
        if message := text_fault(what, text):
            yield message
    if founding.kind not in kinds:
        yield f"unknown kind {founding.kind!r}"
    if founding.parent_code is not None and founding.parent_code not in codes:
        yield f"unknown parent {founding.parent_code!r}"
    if founding.closed_on is not None and founding.closed_on <= founding.established_on:
        yield "closed before or on the day it is established"


def _twice(foundings: Sequence[Founding]) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, founding in enumerate(foundings):
        if founding.code and founding.code in seen:
            yield Fault(index, f"code {founding.code!r} a second time")
        seen.add(founding.code)


def _roots(fresh: Sequence[tuple[int, Founding]], known: Mapping[str, Known]) -> Iterator[Fault]:
    rooted = any(unit.founding.parent_code is None for unit in known.values())
    for index, founding in fresh:
        if founding.parent_code is None and founding.code not in known:
            if rooted:
                yield Fault(index, "a second root: only one unit has no parent")
            rooted = True


def _cycles(fresh: Sequence[tuple[int, Founding]], known: Mapping[str, Known]) -> Iterator[Fault]:
    parents = {founding.code: founding.parent_code for _, founding in fresh}
    indices = {founding.code: index for index, founding in fresh}
    settled: set[str | None] = {None, *known}
    for start in parents:
        trail: dict[str | None, None] = {}
        code: str | None = start
        while code not in settled and code not in trail:
            trail[code] = None
            code = parents[code]  # type: ignore[index]
        if code not in settled:
            yield Fault(indices[code], f"a cycle through {code!r}")  # type: ignore[index]
        settled.update(trail)


def _together(
    fresh: Sequence[tuple[int, Founding]], known: Mapping[str, Known], kinds: Kinds
) -> Iterator[Fault]:
    """What shows only beside the unit above: kinds and lives, on a tree without cycles."""
    indices = {founding.code: index for index, founding in fresh}
    units = {code: (unit.founding, unit.life) for code, unit in known.items()}
    for founding, life in in_order([founding for _, founding in fresh], known):
        units[founding.code] = founding, life
        index = indices[founding.code]
        if founding.closed_on is not None and founding.closed_on <= life.stands_from:
            yield Fault(index, f"closed before it would stand, on {life.stands_from}")
        if founding.parent_code is not None:
            above, above_life = units[founding.parent_code]
            for message in _under(founding, above, above_life, kinds):
                yield Fault(index, message)


def _under(founding: Founding, above: Founding, life: Life, kinds: Kinds) -> Iterator[str]:
    if not kinds.may_stand(founding.kind, above.kind):
        yield f"a {founding.kind} may not stand under a {above.kind} ({above.code!r})"
    if _outlives(founding.closed_on, life.closed_on):
        yield f"outlives the unit above it ({above.code!r}, closed on {life.closed_on})"


def _outlives(closed_on: date | None, above_closed_on: date | None) -> bool:
    if above_closed_on is None:
        return False
    return closed_on is None or closed_on > above_closed_on
