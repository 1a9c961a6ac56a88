"""Whether units may be founded: what folders and stores look at before time is looked at.

Pure: told what already stands and what is to be founded, it answers with every fault that shows
without asking when, and with the order in which parents come before children. What shows only on
the days of the tree (kinds, lives, open units under closed ones) is `hierarchy/timeline.py`'s.
The rules' source is `formats.md`, Data folder, and `domain.md`, 2.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hierarchy.unit import Founding, Kinds

MAX_CODE_LENGTH = 64
_SURROGATE = re.compile("[\ud800-\udfff]")


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


def given_faults(
    foundings: Sequence[Founding],
    there: Mapping[str, Founding],
    decided: Collection[str],
    proposed: Collection[str],
    kinds: Kinds,
) -> list[Fault]:
    """Everything that forbids founding these units whenever it were, by index.

    `there` are the units founded before, by code: at least the root, the parents named and the
    codes given, where they are in the tree; `decided` the codes that decisions founded before, and
    `proposed` those that they are to found. Units that are already there as given are no fault.
    """
    fresh = [
        (index, founding)
        for index, founding in enumerate(foundings)
        if there.get(founding.code) != founding
    ]
    taken = there.keys() | decided
    found = [*_each(fresh, taken, proposed, kinds), *_twice(foundings), *_roots(fresh, there)]
    return sorted(found or _cycles(fresh, {*taken, *proposed}), key=lambda fault: fault.index)


def in_order(foundings: Sequence[Founding], there: Mapping[str, Founding]) -> list[Founding]:
    """What is new among faultless foundings: parents before children, otherwise by depth and
    then by code."""
    fresh = [founding for founding in foundings if founding.code not in there]
    below: dict[str | None, list[Founding]] = defaultdict(list)
    for founding in sorted(fresh, key=lambda founding: founding.code):
        below[founding.parent_code].append(founding)
    new = {founding.code for founding in fresh}
    level = [unit for parent, units in below.items() if parent not in new for unit in units]
    ordered = []
    while level:
        level.sort(key=lambda founding: founding.code)
        ordered += level
        level = [unit for founding in level for unit in below[founding.code]]
    return ordered


def _each(
    fresh: Sequence[tuple[int, Founding]],
    taken: Collection[str],
    proposed: Collection[str],
    kinds: Kinds,
) -> Iterator[Fault]:
    """What a founding shows by itself."""
    codes = {founding.code for _, founding in fresh}.union(taken, proposed)
    for index, founding in fresh:
        for message in _own_faults(founding, codes, kinds):
            yield Fault(index, message)
        if founding.code in taken:
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


def _roots(fresh: Sequence[tuple[int, Founding]], there: Mapping[str, Founding]) -> Iterator[Fault]:
    rooted = any(founding.parent_code is None for founding in there.values())
    for index, founding in fresh:
        if founding.parent_code is None and founding.code not in there:
            if rooted:
                yield Fault(index, "a second root: only one unit has no parent")
            rooted = True


def _cycles(fresh: Sequence[tuple[int, Founding]], taken: Collection[str]) -> Iterator[Fault]:
    parents = {founding.code: founding.parent_code for _, founding in fresh}
    indices = {founding.code: index for index, founding in fresh}
    settled: set[str | None] = {None, *taken}
    for start in parents:
        trail: dict[str | None, None] = {}
        code: str | None = start
        while code not in settled and code not in trail:
            trail[code] = None
            code = parents[code]  # type: ignore[index]
        if code not in settled:
            yield Fault(indices[code], f"a cycle through {code!r}")  # type: ignore[index]
        settled.update(trail)
