"""The naive oracle: what every viewer must be answered, computed from the CSV files alone.

It never imports the rooms it judges, and it is slow on purpose: recursion over a dict, loops over
rows, fractions instead of floats. Everything it knows is in `contract.graphql`, `formats.md` and
`design.md`, section 3. The tree of each day is `moves.py`'s.

READINGS, where those pages leave a choice:

 1. `units` without `within` is FORBIDDEN for a viewer to whom no appointment in force gives the
    right to read units; else it is their part, on a day before the tree the empty list.
 2. A root summary is FORBIDDEN where on the tree asked for there is nothing that the viewer may
    summarise, a day before the tree included; a root list of records where there is nothing they
    may read in `within` on today's tree, the province's leader at a branch for one.
 3. AS_RECORDED with an `asOf` that is not null is BAD_USER_INPUT, and so is CHILD without `within`.
    Its `within`, its nullness and FORBIDDEN are measured on today's tree; on `unit(asOf:)` only the
    rows of children follow that day.
 4. An appointment in force at a unit that does not yet stand gives sight on the trees of the days
    when it will, nothing today, and `viewer.appointments` leaves it out. Whether an appointment is
    in force, and its unit closed, is always asked of today.
 5. A row by CHILD alone is there for each open child the viewer sees, also for one in whose subtree
    they may summarise nothing (an administrator of it): the row is then of noughts.
 6. `asOf` chooses the tree, not the records: a meeting held after `asOf` counts where its unit
    stands on that tree.
 7. Null in place of an optional argument or filter is the same as leaving it out.
 8. `fourGoods: false` keeps evaluations where it is false, not those where it is null.
 9. A category is compared exactly; a filter never matches a unit without one.
10. `establishedOn` is what the file says, though the unit stood in the tree only with its parent.
11. `nameContains`: canonical decomposition, marks dropped, đ to d, lower case; blanks count.
12. Evaluations are in order of their year; within a year in any one stable order.
13. An inspection on SIGNS that was cancelled is "not concluded": hidden like an open one.
14. `unit` and `node` answer null without an error; `within` is what is NOT_FOUND. `node` of a unit
    that does not stand today is null.
15. With `first: 0`, hasPreviousPage and hasNextPage tell of what lies before and after the place
    where the page would begin.
16. A page past the end has hasPreviousPage true where the list has anything at all.
17. A unit's own `meetings` with `first: 201` is BAD_USER_INPUT even where it would be null.
18. What a rule asks of the kind of the unit appointed to is asked on the tree that is measured, as
    are the kinds and the places of the units below it.
19. AS_RECORDED: `within` holds a record where its unit stood in `within`'s subtree on the record's
    own day, wherever either stands today; the child it falls under is that of the same day.
20. A child that has a row by what it was and has left since is shown as on the day asked for; it
    is shown also to a viewer who would not see it as a unit on that day's tree.
21. Where a unit is in sight only as an inspecting one, its path is itself alone.
22. Without `within`, CHILD means the children of the lowest unit above all that may be summarised
    on the tree that is measured.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from tests.oracle.moves import KINDS, Moves, Tree, Unit, above

ROLES = [
    "leader",
    "secretary",
    "officer",
    "organisation_board",
    "inspection_commission",
    "office",
    "auditor",
    "administrator",
]
HIGH, LOW, ANY = "central|province", "every other kind", "*"
# role, at, resources, action, reach: the default table, rows of the first issue's resources.
RULES = [
    ("leader secretary officer organisation_board", HIGH, "meeting evaluation", "read", "rank<=3"),
    ("leader secretary officer", HIGH, "inspection", "read", "rank<=3"),
    ("office", HIGH, "meeting", "read", "rank<=3"),
    ("leader secretary officer organisation_board", LOW, "meeting evaluation", "read", "subtree"),
    ("leader secretary officer", LOW, "inspection", "read", "subtree"),
    ("office", LOW, "meeting", "read", "subtree"),
    ("inspection_commission", ANY, "inspection", "read", "subtree"),
    (
        "leader secretary officer organisation_board",
        ANY,
        "meeting evaluation",
        "summarise",
        "subtree",
    ),
    (
        "leader secretary officer inspection_commission",
        ANY,
        "inspection",
        "summarise",
        "subtree",
    ),
    ("office", ANY, "meeting", "summarise", "subtree"),
    ("auditor", ANY, "meeting evaluation inspection", "summarise", "subtree"),
    ("secretary", ANY, "meeting", "record", "own"),
    ("office", ANY, "meeting", "record", "own"),
    ("secretary organisation_board", ANY, "evaluation", "record", "below"),
    ("inspection_commission", ANY, "inspection", "record", "subtree"),
    (" ".join(ROLES), ANY, "unit", "read", "subtree"),
]

ENUMERATIONS = {
    "MeetingKind": ["REGULAR", "THEMATIC", "COMMITTEE", "ASSEMBLY", "GROUP"],
    "MeetingForm": ["IN_PERSON", "ONLINE", "HYBRID"],
    "Rating": ["EXCELLENT", "GOOD", "COMPLETED", "NOT_COMPLETED"],
    "InspectionKind": ["INSPECTION", "SUPERVISION"],
    "InspectionGround": ["PROGRAMME", "SIGNS", "COMPLAINT"],
    "InspectionBody": ["COMMITTEE", "INSPECTION_COMMISSION", "BRANCH"],
    "InspectionStatus": ["PLANNED", "OPEN", "CONCLUDED", "CANCELLED"],
}
# Of a resource: each enumeration key of its groups, and the field and enumeration it is of.
ENUMERATION_KEYS = {
    "meeting": {"KIND": ("kind", "MeetingKind"), "FORM": ("form", "MeetingForm")},
    "evaluation": {"RATING": ("rating", "Rating")},
    "inspection": {
        "KIND": ("kind", "InspectionKind"),
        "GROUND": ("ground", "InspectionGround"),
        "BODY": ("body", "InspectionBody"),
        "STATUS": ("status", "InspectionStatus"),
    },
}
MEMBER_COUNTS = [
    "membersRated",
    "membersExcellent",
    "membersGood",
    "membersCompleted",
    "membersNotCompleted",
]

Record = dict[str, Any]
"""A record by its field names in the schema, `unit` and `by` as codes, days as dates."""


@dataclass(frozen=True)
class Appointment:
    principal: str
    role: str
    unit: str
    valid_from: date
    valid_to: date | None


class Refused(Exception):
    """The answer is an error with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Model:
    """The folder's rows, and what each viewer may be told of them on `today`."""

    def __init__(self, folder: Path, today: date) -> None:
        self.today = today
        self.moves = Moves(_rows(folder / "units.csv"), _rows(folder / "decisions.csv"))
        self.units = self.moves.last
        self.appointments = [_appointment(row) for row in _rows(folder / "appointments.csv")]
        self.records = {
            "meeting": [_meeting(row) for row in _rows(folder / "meetings.csv")],
            "evaluation": [_evaluation(row) for row in _rows(folder / "evaluations.csv")],
            "inspection": [_inspection(row) for row in _rows(folder / "inspections.csv")],
        }
        self.reach = cache(self._reach)
        self.visible = cache(self._visible)
        self.start = cache(self._start)
        self.on: Callable[[date], Tree] = cache(self.moves.on)

    # ---- the tree

    def _start(self, code: str) -> date:
        """The day from which the unit stands in the tree."""
        return self.moves.start(code)

    def unit(self, code: str, day: date) -> Unit:
        """As it is on that day."""
        return self.on(day)[code]

    def stands(self, code: str, day: date) -> bool:
        """Whether the tree of that day has the unit, closed ones included."""
        return code in self.on(day)

    def closed(self, code: str, day: date) -> bool:
        closed_on = self.units[code].closed_on
        return closed_on is not None and closed_on <= day

    def open(self, code: str, day: date) -> bool:
        return self.stands(code, day) and not self.closed(code, day)

    def tree(self, day: date) -> set[str]:
        return set(self.on(day))

    def path(self, code: str, day: date) -> list[str]:
        """From the top to the unit; empty where it does not stand."""
        return above(self.on(day), code)

    def subtree(self, top: str, day: date) -> set[str]:
        return {code for code in self.tree(day) if top in self.path(code, day)}

    # ---- rights

    def in_force(self, principal: str) -> list[Appointment]:
        found = []
        for appointment in self.appointments:
            if appointment.principal != principal or appointment.valid_from > self.today:
                continue
            if appointment.valid_to is not None and appointment.valid_to <= self.today:
                continue
            if not self.closed(appointment.unit, self.today):
                found.append(appointment)
        return found

    def shown_appointments(self, principal: str) -> list[Appointment]:
        found = [a for a in self.in_force(principal) if self.stands(a.unit, self.today)]
        return sorted(found, key=lambda a: (a.unit.encode(), a.role, a.valid_from))

    def gives(
        self, appointment: Appointment, resource: str, action: str, code: str, day: date
    ) -> bool:
        """Whether this appointment, by the table, gives the right over the unit on that tree."""
        if appointment.unit not in self.path(code, day):
            return False
        high = self.unit(appointment.unit, day).kind in ("central", "province")
        for roles, at, resources, allowed, reach in RULES:
            if appointment.role not in roles.split() or resource not in resources.split():
                continue
            if allowed != action or (at == HIGH and not high) or (at == LOW and high):
                continue
            if reach == "own" and code != appointment.unit:
                continue
            if reach == "below" and code == appointment.unit:
                continue
            if reach == "rank<=3" and KINDS[self.unit(code, day).kind] > 3:
                continue
            return True
        return False

    def _reach(self, principal: str, resource: str, action: str, day: date) -> set[str]:
        appointments = self.in_force(principal)
        return {
            code
            for code in self.units
            if any(self.gives(a, resource, action, code, day) for a in appointments)
        }

    def reads_units_somewhere(self, principal: str) -> bool:
        return bool(self.in_force(principal))

    def _visible(self, principal: str, day: date) -> set[str]:
        return {
            each
            for code in self.reach(principal, "unit", "read", day)
            for each in self.path(code, day)
        }

    def may_read(self, principal: str, resource: str, record: Record) -> bool:
        return any(
            self.gives(appointment, resource, "read", record["unit"], self.today)
            and self._not_secret_from(appointment, resource, record, self.today)
            for appointment in self.in_force(principal)
        )

    def _not_secret_from(
        self, appointment: Appointment, resource: str, record: Record, day: date
    ) -> bool:
        """The SIGNS rule: held strictly above the inspected unit, or at the inspecting one."""
        if resource != "inspection" or record["ground"] != "SIGNS":
            return True
        if record["status"] == "CONCLUDED":
            return True
        return (
            appointment.unit in self.path(record["unit"], day)[:-1]
            or appointment.unit == record["by"]
        )

    def own_day(self, resource: str, record: Record) -> date:
        day = min(record_date(resource, record), self.today)
        closed_on = self.units[record["unit"]].closed_on
        if closed_on is not None and closed_on <= day:
            return closed_on - timedelta(days=1)
        return day

    def counts(self, principal: str, resource: str, record: Record, day: date) -> bool:
        """Whether the record counts for the viewer on the tree of that day."""
        unit, own_day = record["unit"], self.own_day(resource, record)
        on_that_tree = any(
            self.gives(appointment, resource, "summarise", unit, day)
            and self._not_secret_from(appointment, resource, record, day)
            for appointment in self.in_force(principal)
        )
        today_or_then = unit in self.reach(principal, resource, "summarise", self.today) or (
            unit in self.reach(principal, resource, "summarise", own_day)
        )
        return on_that_tree and today_or_then

    # ---- lists

    def within(self, principal: str, within: str | None, day: date) -> set[str]:
        """The units of the subtree asked for; NOT_FOUND where the viewer does not see its top."""
        if within is None:
            return self.tree(day)
        if within not in self.visible(principal, day):
            raise Refused("NOT_FOUND")
        return self.subtree(within, day)

    def listed_units(
        self, principal: str, within: str | None, filter: dict[str, Any] | None, day: date
    ) -> list[str]:
        part = self.within(principal, within, day)
        if not self.reads_units_somewhere(principal):
            raise Refused("FORBIDDEN")
        return self._ordered_units(self.visible(principal, day) & part, filter, day)

    def children(
        self, principal: str, code: str, filter: dict[str, Any] | None, day: date
    ) -> list[str]:
        seen = {c for c in self.visible(principal, day) if self.unit(c, day).parent == code}
        return self._ordered_units(seen, filter, day)

    def _ordered_units(
        self, codes: Iterable[str], filter: dict[str, Any] | None, day: date
    ) -> list[str]:
        kept = [code for code in codes if self.unit_passes(code, filter or {}, day)]
        return sorted(kept, key=str.encode)

    def unit_passes(self, code: str, filter: dict[str, Any], day: date) -> bool:
        unit, status = self.unit(code, day), filter.get("status", "OPEN")
        if not _among(unit.kind, filter.get("kind")):
            return False
        if not _among(unit.category, filter.get("category")):
            return False
        needle = filter.get("nameContains")
        if needle is not None and folded(needle) not in folded(unit.name):
            return False
        return status in ("ANY", "CLOSED" if self.closed(code, day) else "OPEN")

    def listed_records(
        self, principal: str, resource: str, within: str | None, filter: dict[str, Any] | None
    ) -> list[Record]:
        part = self.within(principal, within, self.today)
        if not part & self.reach(principal, resource, "read", self.today):
            raise Refused("FORBIDDEN")
        return self._read_records(principal, resource, part, filter)

    def records_of(
        self, principal: str, resource: str, code: str, filter: dict[str, Any] | None
    ) -> list[Record] | None:
        if code not in self.reach(principal, resource, "read", self.today):
            return None
        return self._read_records(principal, resource, {code}, filter)

    def _read_records(
        self, principal: str, resource: str, part: set[str], filter: dict[str, Any] | None
    ) -> list[Record]:
        return [
            record
            for record in self.records[resource]
            if record["unit"] in part
            and self.may_read(principal, resource, record)
            and self.record_passes(resource, record, filter or {}, self.today)
        ]

    def record_passes(
        self, resource: str, record: Record, filter: dict[str, Any], day: date
    ) -> bool:
        """Whether the filter keeps the record, counted under its unit as of that day."""
        unit = self.unit(record["unit"], day)
        for name, value in filter.items():
            if value is None:
                continue
            if name == "unitKind":
                passed = unit.kind in value
            elif name == "unitCategory":
                passed = unit.category in value
            else:
                passed = RECORD_TESTS[resource][name](record, value)
            if not passed:
                return False
        return True

    # ---- summaries

    def summary(
        self,
        principal: str,
        resource: str,
        within: str | None,
        filter: dict[str, Any] | None,
        keys: list[str],
        day: date,
        as_recorded: bool,
        rows_day: date,
    ) -> list[dict[str, Any]] | None:
        """The rows, or None where the viewer may summarise nothing of what was asked.

        `day` is that of the tree, `rows_day` that of the children which have a row at any rate.
        """
        measured = self.today if as_recorded else day
        part = self.tree(measured) if within is None else self.subtree(within, measured)
        part &= self.reach(principal, resource, "summarise", measured)
        if not part:
            return None
        top = within
        if "CHILD" in keys and top is None:
            top = self.lowest_above(part, measured)
        groups: dict[tuple[Any, ...], list[Record]] = {}
        for record in self.records[resource]:
            tree = self.own_day(resource, record) if as_recorded else day
            if within is not None and within not in self.path(record["unit"], tree):
                continue
            if not self.counts(principal, resource, record, tree):
                continue
            if self.record_passes(resource, record, filter or {}, tree):
                group = tuple(self._group_value(resource, record, key, top, tree) for key in keys)
                groups.setdefault(group, []).append(record)
        if not keys:
            groups.setdefault((), [])
        if keys == ["CHILD"]:
            for code in self.visible(principal, rows_day):
                if self.unit(code, rows_day).parent == top and not self.closed(code, rows_day):
                    groups.setdefault((code,), [])
        ordered = sorted(
            groups,
            key=lambda group: [_order(resource, *pair) for pair in zip(keys, group, strict=True)],
        )
        return [_row(resource, keys, group, groups[group]) for group in ordered]

    def lowest_above(self, codes: Iterable[str], day: date) -> str:
        """The lowest unit that is above or at all of them."""
        paths = [self.path(code, day) for code in codes]
        common = [code for code in paths[0] if all(code in path for path in paths)]
        return common[-1]

    def _group_value(
        self, resource: str, record: Record, key: str, top: str | None, day: date
    ) -> Any:
        unit = self.unit(record["unit"], day)
        if key == "CHILD":
            path = self.path(unit.code, day)
            below = path[path.index(top or "") + 1 :]
            return below[0] if below else None
        if key == "UNIT_KIND":
            return unit.kind
        if key == "UNIT_CATEGORY":
            return unit.category
        if key in ENUMERATION_KEYS[resource]:
            return record[ENUMERATION_KEYS[resource][key][0]]
        if resource == "evaluation":
            return record["year"]
        return _period(record["heldOn"] if resource == "meeting" else record["plannedFor"], key)


# ---- what a record says


def record_date(resource: str, record: Record) -> date:
    """The record's date: heldOn, 31 December of the year, or the inspection's date."""
    if resource == "meeting":
        held_on: date = record["heldOn"]
        return held_on
    if resource == "evaluation":
        return date(record["year"], 12, 31)
    found: date = record["concludedOn"] or record["openedOn"] or record["plannedFor"]
    return found


def four_goods(record: Record) -> bool | None:
    goods = [
        record[name]
        for name in ("politicalTask", "meetingQuality", "unityDiscipline", "cadresMembers")
    ]
    return None if None in goods else all(goods)


def folded(text: str) -> str:
    """A name without case and diacritics; đ is d."""
    plain = [c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn"]
    return "".join(plain).lower().replace("đ", "d")


def _among(value: str | None, wanted: list[str] | None) -> bool:
    return wanted is None or value in wanted


def _field_in(name: str) -> Callable[[Record, Any], bool]:
    return lambda record, values: record[name] in values


def _from(name: str) -> Callable[[Record, Any], bool]:
    return lambda record, value: record[name] is not None and record[name] >= value


def _to(name: str) -> Callable[[Record, Any], bool]:
    return lambda record, value: record[name] is not None and record[name] <= value


def _is(name: str) -> Callable[[Record, Any], bool]:
    return lambda record, value: record[name] is value


def _score_at_least(record: Record, value: float) -> bool:
    return record["score"] is not None and record["score"] >= Fraction(str(value))


def _score_below(record: Record, value: float) -> bool:
    return record["score"] is not None and record["score"] < Fraction(str(value))


RECORD_TESTS: dict[str, dict[str, Callable[[Record, Any], bool]]] = {
    "meeting": {
        "kind": _field_in("kind"),
        "form": _field_in("form"),
        "heldFrom": _from("heldOn"),
        "heldTo": _to("heldOn"),
        "scoreAtLeast": _score_at_least,
        "scoreBelow": _score_below,
        "minutesKept": _is("minutesKept"),
        "attendedByHigherCommittee": _is("attendedByHigherCommittee"),
    },
    "evaluation": {
        "rating": _field_in("rating"),
        "yearFrom": _from("year"),
        "yearTo": _to("year"),
        "fourGoods": lambda record, value: four_goods(record) is value,
    },
    "inspection": {
        "kind": _field_in("kind"),
        "ground": _field_in("ground"),
        "body": _field_in("body"),
        "status": _field_in("status"),
        "plannedFrom": _from("plannedFor"),
        "plannedTo": _to("plannedFor"),
        "concludedFrom": _from("concludedOn"),
        "concludedTo": _to("concludedOn"),
    },
}


# ---- the rows of a summary


def _period(day: date | None, key: str) -> date | None:
    if day is None:
        return None
    if key == "YEAR":
        return date(day.year, 1, 1)
    month = day.month if key == "MONTH" else (day.month - 1) // 3 * 3 + 1
    return date(day.year, month, 1)


def _order(resource: str, key: str, value: Any) -> tuple[Any, ...]:
    """Nulls first; then as the contract says for the key."""
    if value is None:
        return (0,)
    if key in ("CHILD", "UNIT_CATEGORY"):
        return (1, value.encode())
    if key == "UNIT_KIND":
        return (1, KINDS[value], value)
    if key in ENUMERATION_KEYS[resource]:
        return (1, ENUMERATIONS[ENUMERATION_KEYS[resource][key][1]].index(value))
    return (1, value)


def _row(resource: str, keys: list[str], group: tuple[Any, ...], records: list[Record]) -> Record:
    row: Record = {"child": None, "unitKind": None, "unitCategory": None}
    row |= {field: None for field, _ in ENUMERATION_KEYS[resource].values()}
    row["year" if resource == "evaluation" else "period"] = None
    for key, value in zip(keys, group, strict=True):
        row[_key_field(resource, key)] = value
    return row | SUMS[resource](records)


def _key_field(resource: str, key: str) -> str:
    if key in ENUMERATION_KEYS[resource]:
        return ENUMERATION_KEYS[resource][key][0]
    plain = {"CHILD": "child", "UNIT_KIND": "unitKind", "UNIT_CATEGORY": "unitCategory"}
    return plain.get(key, "year" if resource == "evaluation" else "period")


def _meeting_sums(records: list[Record]) -> Record:
    expected = sum(record["membersExpected"] for record in records)
    present = sum(record["membersPresent"] for record in records)
    scores = [record["score"] for record in records if record["score"] is not None]
    return {
        "meetings": len(records),
        "unitsMet": len({record["unit"] for record in records}),
        "membersExpected": expected,
        "membersPresent": present,
        "attendanceRate": Fraction(present, expected) if expected else None,
        "averageScore": sum(scores, Fraction(0)) / len(scores) if scores else None,
        "minutesKept": sum(record["minutesKept"] for record in records),
    }


def _evaluation_sums(records: list[Record]) -> Record:
    ratings = [record["rating"] for record in records]
    better = ratings.count("EXCELLENT") + ratings.count("GOOD")
    return {
        "evaluations": len(records),
        "excellent": ratings.count("EXCELLENT"),
        "good": ratings.count("GOOD"),
        "completed": ratings.count("COMPLETED"),
        "notCompleted": ratings.count("NOT_COMPLETED"),
        "fourGoods": sum(four_goods(record) is True for record in records),
        "goodOrBetterRate": Fraction(better, len(records)) if records else None,
        **{name: sum(record[name] for record in records) for name in MEMBER_COUNTS},
    }


def _inspection_sums(records: list[Record]) -> Record:
    states = [record["status"] for record in records]
    planned = [r for r in records if r["plannedFor"] and r["status"] != "CANCELLED"]
    done = [record for record in planned if record["status"] == "CONCLUDED"]
    return {
        "inspections": len(records),
        "planned": states.count("PLANNED"),
        "open": states.count("OPEN"),
        "concluded": states.count("CONCLUDED"),
        "cancelled": states.count("CANCELLED"),
        "completionRate": Fraction(len(done), len(planned)) if planned else None,
        "unitsInspected": len({r["unit"] for r in records if r["status"] in ("OPEN", "CONCLUDED")}),
        **{
            name: sum(record[name] for record in records)
            for name in ("membersCovered", "membersInViolation", "membersSanctioned")
        },
    }


SUMS: dict[str, Callable[[list[Record]], Record]] = {
    "meeting": _meeting_sums,
    "evaluation": _evaluation_sums,
    "inspection": _inspection_sums,
}


# ---- the files


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _some_day(text: str) -> date:
    return date.fromisoformat(text)


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False, "": None}[text]


def _appointment(row: dict[str, str]) -> Appointment:
    return Appointment(
        row["principal"],
        row["role"],
        row["unit_code"],
        _some_day(row["valid_from"]),
        _day(row["valid_to"]),
    )


def _meeting(row: dict[str, str]) -> Record:
    return {
        "unit": row["unit_code"],
        "heldOn": _some_day(row["held_on"]),
        "kind": row["kind"],
        "form": row["form"],
        "topic": row["topic"] or None,
        "membersExpected": int(row["members_expected"]),
        "membersPresent": int(row["members_present"]),
        "documentsSentOn": _day(row["documents_sent_on"]),
        "minutesKept": _boolean(row["minutes_kept"]),
        "attendedByHigherCommittee": _boolean(row["attended_by_higher_committee"]),
        "score": Fraction(row["score"]) if row["score"] else None,
    }


def _evaluation(row: dict[str, str]) -> Record:
    return {
        "unit": row["unit_code"],
        "year": int(row["year"]),
        "rating": row["rating"],
        "regulation": row["regulation"],
        "politicalTask": _boolean(row["political_task"]),
        "meetingQuality": _boolean(row["meeting_quality"]),
        "unityDiscipline": _boolean(row["unity_discipline"]),
        "cadresMembers": _boolean(row["cadres_members"]),
        "membersRated": int(row["members_rated"]),
        "membersExcellent": int(row["members_excellent"]),
        "membersGood": int(row["members_good"]),
        "membersCompleted": int(row["members_completed"]),
        "membersNotCompleted": int(row["members_not_completed"]),
    }


def _inspection(row: dict[str, str]) -> Record:
    return {
        "unit": row["unit_code"],
        "by": row["by_unit_code"],
        "body": row["body"],
        "kind": row["kind"],
        "ground": row["ground"],
        "theme": row["theme"] or None,
        "plannedFor": _day(row["planned_for"]),
        "openedOn": _day(row["opened_on"]),
        "concludedOn": _day(row["concluded_on"]),
        "status": row["status"],
        "membersCovered": int(row["members_covered"]),
        "membersInViolation": int(row["members_in_violation"]),
        "membersSanctioned": int(row["members_sanctioned"]),
    }
