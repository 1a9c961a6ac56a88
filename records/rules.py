"""Which records may be taken: the rules that hold wherever a record comes from.

Pure: the loader and the mutations ask the same functions, told of the unit's life and of today.
A fault names the field at fault in the words of `formats.md` (`held_on`, `members_present`) and
says why in English with named places. What needs other stored records (a second evaluation of a
year, the inspecting unit's place) is asked where they are stored. Source: `formats.md`, Refused.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from operator import attrgetter
from typing import Any

from hierarchy.unit import Life
from hierarchy.words import Word
from records.record import (
    Entry,
    Evaluation,
    EvaluationEntry,
    Inspection,
    InspectionEntry,
    InspectionStatus,
    MeetingEntry,
    Record,
)

MAX_COUNT = 1_000_000
"""The most members that one record may count."""

MAX_TEXT = 10_000
"""The most characters of a topic, a theme or a regulation's name: answers hold many of them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record may not be taken: the field, and a message with the values for its places."""

    field: str
    message: str
    values: dict[str, object] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return self.message.format(**self.values)


def faults(entry: Entry) -> Iterator[Fault]:
    """What the record shows by itself, without knowing its unit or today."""
    yield from _counts(entry)
    yield from _texts(entry)
    yield from _OWN[type(entry)](entry)


def faults_of_day(entry: Entry, life: Life, today: date) -> Iterator[Fault]:
    """Whether the record's day suits the unit's life, and does not lie ahead."""
    yield from faults_ahead(entry, today)
    yield from faults_of_life(entry, life)


def faults_ahead(entry: Entry, today: date) -> Iterator[Fault]:
    """Whether the record's day lies ahead where it must not."""
    yield from _AHEAD[type(entry)](entry, today)


def faults_of_life(entry: Entry, life: Life) -> Iterator[Fault]:
    """Whether the unit stood in the tree on the record's day."""
    yield from _STANDING[type(entry)](entry, life)


def faults_of_revision(stored: Record, entry: Entry, life: Life) -> Iterator[Fault]:
    """Whether a stored record may come to say this. An inspection goes along its life; one that
    was begun while its unit stood may be concluded when the unit is no more."""
    if isinstance(stored, Evaluation) and stored.year != getattr(entry, "year", None):
        yield Fault("year", "A revision keeps an evaluation's year.")
    if isinstance(stored, Inspection) and isinstance(entry, InspectionEntry):
        yield from _move(stored.status, entry.status)
        entry = replace(entry, concluded_on=None) if entry.opened_on else entry
    yield from faults_of_life(entry, life)


@cache
def _fields_of(entry_type: Any, wanted: str) -> tuple[tuple[str, ...], Callable[[Entry], Any]]:
    """Names of the fields of a type, and how their values are read all at once."""
    names = tuple(
        each.name
        for each in dataclasses.fields(entry_type)
        if wanted in str(each.type) and each.name != "year"
    )
    read = attrgetter(*names)
    return names, read if len(names) > 1 else lambda entry: (read(entry),)


def _counts(entry: Entry) -> Iterator[Fault]:
    kind: Any = type(entry)
    names, read = _fields_of(kind, "int")
    counts = read(entry)
    if min(counts) >= 0 and max(counts) <= MAX_COUNT:
        return
    for name, count in zip(names, counts, strict=True):
        if count < 0:
            yield Fault(name, "A count is never negative.")
        elif count > MAX_COUNT:
            yield Fault(name, "A count is at most {limit}.", {"limit": MAX_COUNT})


def _texts(entry: Entry) -> Iterator[Fault]:
    kind: Any = type(entry)
    names, read = _fields_of(kind, "str")
    for name, text in zip(names, read(entry), strict=True):
        if text and "\0" in text:
            yield Fault(name, "A text holds no NUL character.")
        if text and len(text) > MAX_TEXT:
            yield Fault(name, "A text has at most {limit} characters.", {"limit": MAX_TEXT})


def _meeting(entry: MeetingEntry) -> Iterator[Fault]:
    if entry.members_present > entry.members_expected:
        yield Fault("members_present", "More members present than expected.")
    if entry.score is not None and not 0 <= entry.score <= 100:
        yield Fault("score", "A score lies between 0 and 100.")
    if entry.documents_sent_on is not None and entry.documents_sent_on > entry.held_on:
        yield Fault("documents_sent_on", "Documents are sent before the meeting, not after it.")


def _evaluation(entry: EvaluationEntry) -> Iterator[Fault]:
    if not 1 <= entry.year <= 9999:
        yield Fault("year", "A year lies between 1 and 9999.")
    if not entry.regulation:
        yield Fault("regulation", "An evaluation names its regulation.")
    rated = (
        entry.members_excellent
        + entry.members_good
        + entry.members_completed
        + entry.members_not_completed
    )
    if entry.members_rated != rated:
        yield Fault("members_rated", "The members rated are not the sum of the four ratings.")


def _inspection(entry: InspectionEntry) -> Iterator[Fault]:
    if (message := _STATUS[entry.status](entry)) is not None:
        yield Fault("status", message)
    if _concluded_too_early(entry):
        yield Fault("concluded_on", "An inspection is not concluded before it is opened.")
    if entry.planned_for is not None and (entry.planned_for.day, entry.planned_for.month % 3) != (
        1,
        1,
    ):
        yield Fault("planned_for", "An inspection is planned for the first day of a quarter.")
    if entry.members_in_violation > entry.members_covered:
        yield Fault("members_in_violation", "More members in violation than covered.")


def _concluded_too_early(entry: InspectionEntry) -> bool:
    opened, concluded = entry.opened_on, entry.concluded_on
    return opened is not None and concluded is not None and concluded < opened


def _planned(entry: InspectionEntry) -> str | None:
    if entry.planned_for is None or entry.opened_on or entry.concluded_on:
        return "A planned inspection has the day it is planned for, and no other."
    return None


def _open(entry: InspectionEntry) -> str | None:
    if entry.opened_on is None or entry.concluded_on:
        return "An open inspection has the day it was opened, and is not concluded."
    return None


def _concluded(entry: InspectionEntry) -> str | None:
    if entry.opened_on is None or entry.concluded_on is None:
        return "A concluded inspection has the days it was opened and concluded."
    return None


def _cancelled(entry: InspectionEntry) -> str | None:
    if entry.concluded_on or (entry.planned_for is None and entry.opened_on is None):
        return "A cancelled inspection was planned or opened, and is not concluded."
    return None


_STATUS: dict[InspectionStatus, Callable[[InspectionEntry], str | None]] = {
    InspectionStatus.PLANNED: _planned,
    InspectionStatus.OPEN: _open,
    InspectionStatus.CONCLUDED: _concluded,
    InspectionStatus.CANCELLED: _cancelled,
}


_MOVES = {
    InspectionStatus.PLANNED: {InspectionStatus.OPEN, InspectionStatus.CANCELLED},
    InspectionStatus.OPEN: {InspectionStatus.CONCLUDED, InspectionStatus.CANCELLED},
    InspectionStatus.CONCLUDED: set[InspectionStatus](),
    InspectionStatus.CANCELLED: set[InspectionStatus](),
}
"""To which status an inspection goes on from each (`domain.md`, 5)."""


def _move(before: InspectionStatus, after: InspectionStatus) -> Iterator[Fault]:
    if after is not before and after not in _MOVES[before]:
        named: dict[str, object] = {"before": _word(before), "after": _word(after)}
        yield Fault("status", "An inspection that is {before} does not become {after}.", named)


def _word(status: InspectionStatus) -> Word:
    return Word("InspectionStatus", status.value)


def _meeting_ahead(entry: MeetingEntry, today: date) -> Iterator[Fault]:
    if entry.held_on > today:
        yield Fault("held_on", "A meeting that is still ahead cannot be recorded.")


def _evaluation_ahead(entry: EvaluationEntry, today: date) -> Iterator[Fault]:
    if entry.year > today.year:
        yield Fault("year", "A year that is still ahead cannot be evaluated.")


def _inspection_ahead(entry: InspectionEntry, today: date) -> Iterator[Fault]:
    if entry.status in (InspectionStatus.PLANNED, InspectionStatus.CANCELLED):
        return
    for name in ("opened_on", "concluded_on"):
        day = getattr(entry, name)
        if day is not None and day > today:
            yield Fault(name, "Only what is planned or cancelled may lie ahead.")


def _meeting_standing(entry: MeetingEntry, life: Life) -> Iterator[Fault]:
    if not life.holds(entry.held_on):
        yield Fault("held_on", "The unit did not stand in the tree on that day.")


def _evaluation_standing(entry: EvaluationEntry, life: Life) -> Iterator[Fault]:
    if not 1 <= entry.year <= 9999:
        return
    ended = life.closed_on is not None and life.closed_on <= date(entry.year, 1, 1)
    if life.stands_from > date(entry.year, 12, 31) or ended:
        yield Fault("year", "The unit did not stand in the tree on any day of that year.")


def _inspection_standing(entry: InspectionEntry, life: Life) -> Iterator[Fault]:
    if entry.day is not None and not life.holds(entry.day):
        name = "concluded_on" if entry.concluded_on else "opened_on"
        name = name if entry.concluded_on or entry.opened_on else "planned_for"
        yield Fault(name, "The unit did not stand in the tree on that day.")


_OWN: dict[type, Callable[[Any], Iterator[Fault]]] = {
    MeetingEntry: _meeting,
    EvaluationEntry: _evaluation,
    InspectionEntry: _inspection,
}
_AHEAD: dict[type, Callable[[Any, date], Iterator[Fault]]] = {
    MeetingEntry: _meeting_ahead,
    EvaluationEntry: _evaluation_ahead,
    InspectionEntry: _inspection_ahead,
}
_STANDING: dict[type, Callable[[Any, Life], Iterator[Fault]]] = {
    MeetingEntry: _meeting_standing,
    EvaluationEntry: _evaluation_standing,
    InspectionEntry: _inspection_standing,
}
