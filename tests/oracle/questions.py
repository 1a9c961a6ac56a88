"""Random GraphQL fields: what may be asked, with which arguments, and how it is written.

A `Field` is a piece of a query that `answers.py` can answer from the model. Nothing here knows who
asks. What must be refused by its input alone is asked in `examination.py`.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from tests.oracle.model import ENUMERATIONS, MEMBER_COUNTS, Model, folded
from tests.oracle.moves import KINDS


def _words(text: str) -> list[str]:
    return text.split()


RESOURCES = ("meeting", "evaluation", "inspection")
LISTS = {"meetings": "meeting", "evaluations": "evaluation", "inspections": "inspection"}
SUMMARIES = {f"{resource}Summary": resource for resource in RESOURCES}

RECORD_FIELDS = {
    "meeting": _words(
        "heldOn kind form topic membersExpected membersPresent documentsSentOn minutesKept "
        "attendedByHigherCommittee score revision"
    ),
    "evaluation": _words(
        "year rating regulation politicalTask meetingQuality unityDiscipline "
        "cadresMembers fourGoods revision"
    )
    + MEMBER_COUNTS,
    "inspection": _words(
        "body kind ground theme plannedFor openedOn concludedOn status membersCovered "
        "membersInViolation membersSanctioned revision"
    ),
}
SUMMARY_FIELDS = {
    "meeting": _words(
        "kind form period meetings unitsMet membersExpected membersPresent attendanceRate "
        "averageScore minutesKept unitCategory"
    ),
    "evaluation": _words(
        "year rating evaluations excellent good completed notCompleted fourGoods "
        "goodOrBetterRate unitCategory"
    )
    + MEMBER_COUNTS,
    "inspection": _words(
        "kind ground body status period inspections planned open concluded cancelled "
        "completionRate unitsInspected membersCovered membersInViolation membersSanctioned "
        "unitCategory"
    ),
}
GROUPINGS = {
    "meeting": _words("CHILD UNIT_KIND UNIT_CATEGORY KIND FORM YEAR QUARTER MONTH"),
    "evaluation": _words("CHILD UNIT_KIND UNIT_CATEGORY YEAR RATING"),
    "inspection": _words("CHILD UNIT_KIND UNIT_CATEGORY KIND GROUND BODY STATUS YEAR QUARTER"),
}
PERIODS = {"YEAR", "QUARTER", "MONTH"}
UNIT_SCALARS = ("code", "name", "category", "establishedOn", "closedOn", "id", "__typename")
UNKNOWN_CODES = ["no such unit", "", "A\u0301", "x" * 64, "x" * 65, "a%", "\U0010ffff", "\x07"]


class Enum(str):
    """A value that is written without quotes in a document."""

    __slots__ = ()


@dataclass(frozen=True)
class Field:
    name: str
    arguments: dict[str, Any]
    selection: tuple[Field, ...] = ()
    alias: str | None = None

    @property
    def key(self) -> str:
        return self.alias or self.name


def plain(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, {}) for name in names)


# ---- as text

TYPES = {
    "code": "String!",
    "id": "ID!",
    "within": "String",
    "asOf": "Date",
    "first": "Int",
    "after": "String",
    "orderBy": "RecordOrder",
    "attribution": "Attribution",
}


def document(fields: Iterable[Field], variables: bool) -> tuple[str, dict[str, Any]]:
    """The query and its variables; without variables every argument stands in the text."""
    declared: dict[str, tuple[str, Any]] | None = {} if variables else None
    body = _selection(fields, declared)
    if not declared:
        return body, {}
    heading = ", ".join(f"${name}: {kind}" for name, (kind, _) in declared.items())
    return f"query({heading}) {body}", {name: value for name, (_, value) in declared.items()}


def _selection(fields: Iterable[Field], declared: dict[str, tuple[str, Any]] | None) -> str:
    return "{ " + " ".join(_text(field, declared) for field in fields) + " }"


def _text(field: Field, declared: dict[str, tuple[str, Any]] | None) -> str:
    text = f"{field.alias}: {field.name}" if field.alias else field.name
    written = []
    for name, value in field.arguments.items():
        if declared is None:
            written.append(f"{name}: {literal(value)}")
            continue
        variable = f"v{len(declared)}"
        declared[variable] = (_type_of(field.name, name), as_json(value))
        written.append(f"{name}: ${variable}")
    if written:
        text += f"({', '.join(written)})"
    return text + (" " + _selection(field.selection, declared) if field.selection else "")


def _type_of(field: str, argument: str) -> str:
    if argument in TYPES:
        return TYPES[argument]
    resource = LISTS.get(field) or SUMMARIES.get(field)
    if argument == "groupBy":
        return f"[{str(resource).capitalize()}Grouping!]"
    return "UnitFilter" if resource is None else f"{resource.capitalize()}Filter"


def literal(value: Any) -> str:
    if isinstance(value, Enum):
        return str.__str__(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(as_json(value), ensure_ascii=False)


def as_json(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    return value


# ---- at random


class Questions:
    """Random fields about the units and records of one model."""

    def __init__(self, model: Model, random: Random) -> None:
        self.model, self.random = model, random
        self.codes = sorted(model.units)
        self.favoured: list[str] = []
        self._aliases = 0

    def root(self) -> Field:
        """One field of `Query`: a unit, a list or a summary."""
        kinds = ["unit"] * 4 + ["units"] * 2 + list(LISTS) * 2 + list(SUMMARIES) * 3
        name = self.random.choice(kinds)
        if name == "unit":
            return self.unit()
        if name in SUMMARIES:
            return self.summary(name, self._within() | self._as_of())
        return self.connection(name, self.list_arguments(name), depth=1)

    def unit(self) -> Field:
        arguments = {"code": self.code()} | self._as_of()
        return self._field("unit", arguments, self.unit_selection(depth=2))

    def list_arguments(self, name: str) -> dict[str, Any]:
        return self._within() | (self._as_of() if name == "units" else {}) | self._page(200)

    def connection(self, name: str, arguments: dict[str, Any], depth: int) -> Field:
        arguments = dict(arguments)
        if name in ("units", "children"):
            node = self.unit_selection(depth - 1)
            arguments |= self._filter(self._unit_filter)
        else:
            node = self._record_selection(LISTS[name])
            arguments |= self._filter(lambda: self._record_filter(LISTS[name]))
            if self.random.random() < 0.4:
                order = self.random.choice([Enum("NEWEST_FIRST"), Enum("OLDEST_FIRST"), None])
                arguments["orderBy"] = order
        return self._field(name, arguments, self._connection_selection(node))

    def summary(self, name: str, arguments: dict[str, Any], rooted: bool = True) -> Field:
        resource = SUMMARIES[name]
        keys = self._keys(resource)
        arguments = dict(arguments)
        arguments |= self._filter(lambda: self._record_filter(resource))
        if keys or self.random.random() < 0.3:
            arguments["groupBy"] = keys
        if self.random.random() < 0.35:
            without_child = "CHILD" not in keys or arguments.get("within") is not None
            if not rooted or (arguments.get("asOf") is None and without_child):
                arguments["attribution"] = Enum("AS_RECORDED")
        elif self.random.random() < 0.2:
            arguments["attribution"] = self.random.choice([Enum("AS_OF"), None])
        recorded = arguments.get("attribution") == "AS_RECORDED"
        return self._field(name, arguments, self._row_selection(resource, recorded))

    def unit_selection(self, depth: int) -> tuple[Field, ...]:
        random = self.random
        chosen = list(plain(*random.sample(UNIT_SCALARS, random.randint(2, 5))))
        if "code" not in [field.name for field in chosen]:
            chosen += plain("code")
        if random.random() < 0.3:
            chosen.append(Field("kind", {}, plain("code", "rank")))
        if random.random() < 0.4:
            above = plain("code", random.choice(UNIT_SCALARS[1:]))
            chosen.append(Field("parent", {}, (*above, Field("parent", {}, plain("code")))))
        if random.random() < 0.4:
            chosen.append(Field("path", {}, plain("code", random.choice(UNIT_SCALARS[1:]))))
        if depth > 0:
            chosen += self._below(depth)
        return tuple(chosen)

    def _below(self, depth: int) -> Iterator[Field]:
        names = ["children", *LISTS, *SUMMARIES]
        for name in self.random.sample(names, self.random.randint(1, 3)):
            if name in SUMMARIES:
                yield self.summary(name, {}, rooted=False)
            else:
                yield self.connection(name, self._page(6), depth)

    def _connection_selection(self, node: tuple[Field, ...]) -> tuple[Field, ...]:
        random = self.random
        edges = Field("edges", {}, (*plain("cursor"), Field("node", {}, node)))
        chosen = [random.choice([Field("nodes", {}, node), edges])]
        if random.random() < 0.6:
            chosen.append(PAGE_INFO)
        if random.random() < 0.6:
            chosen += plain("totalCount")
        return tuple(chosen)

    def _record_selection(self, resource: str) -> tuple[Field, ...]:
        random = self.random
        names = RECORD_FIELDS[resource]
        chosen = list(plain(*random.sample(names, random.randint(1, 6))))
        if random.random() < 0.2:
            chosen = list(plain(*names, "id"))
        chosen.append(Field("unit", {}, self.unit_selection(0)))
        if resource == "inspection" and random.random() < 0.6:
            chosen.append(Field("by", {}, self.unit_selection(0)))
        return tuple(chosen)

    def _row_selection(self, resource: str, recorded: bool) -> tuple[Field, ...]:
        names = SUMMARY_FIELDS[resource]
        chosen = list(plain(*self.random.sample(names, self.random.randint(4, len(names)))))
        child = plain("code", "name", *([] if recorded else ["closedOn"]))
        chosen.append(Field("child", {}, child))
        chosen.append(Field("unitKind", {}, plain("code", "rank")))
        return tuple(chosen)

    # arguments

    def favour(self, principal: str) -> None:
        """Ask from here on mostly of what this viewer sees."""
        self.favoured = sorted(self.model.visible(principal, self.model.today))

    def code(self) -> str:
        if self.random.random() < 0.05:
            return self.random.choice(UNKNOWN_CODES)
        if self.favoured and self.random.random() < 0.75:
            return self.random.choice(self.favoured)
        return self.random.choice(self.codes)

    def day(self) -> date:
        """A day on which something begins, ends or happens, or one beside it; or any."""
        random, units = self.random, self.model.units
        days = [self.model.today, self.model.today, self.model.today + timedelta(days=300)]
        unit = units[random.choice(self.codes)]
        days += [unit.established_on, self.model.start(unit.code)]
        days.append(unit.closed_on or self.model.today)
        days += random.choices(self.model.moves.days, k=3)
        days.append(random.choice([date(1, 1, 1), date(1900, 1, 1), date(9999, 12, 31)]))
        chosen = random.choice(days)
        if chosen.year in (1, 9999):
            return chosen
        return chosen + timedelta(days=random.choice([-1, 0, 0, 1, 40, -400]))

    def _as_of(self) -> dict[str, Any]:
        if self.random.random() < 0.5:
            return {}
        return {"asOf": None if self.random.random() < 0.1 else self.day()}

    def _within(self) -> dict[str, Any]:
        if self.random.random() < 0.35:
            return {}
        return {"within": None if self.random.random() < 0.05 else self.code()}

    def _page(self, most: int) -> dict[str, Any]:
        if self.random.random() < 0.3 and most == 200:
            return {}
        sizes = [0, 1, 2, 3, most] + ([7, 50, None] if most == 200 else [])
        return {"first": self.random.choice(sizes)}

    def _filter(self, make: Any) -> dict[str, Any]:
        if self.random.random() < 0.5:
            return {}
        return {"filter": None if self.random.random() < 0.05 else make()}

    def _unit_filter(self) -> dict[str, Any]:
        statuses = [Enum("ANY"), Enum("ANY"), Enum("CLOSED"), Enum("OPEN")]
        return self._some(
            {
                "kind": lambda: self._kinds(),
                "category": lambda: self._categories(),
                "nameContains": lambda: self._needle(),
                "status": lambda: self.random.choice(statuses),
            },
            nullable={"kind", "category", "nameContains"},
        )

    def _record_filter(self, resource: str) -> dict[str, Any]:
        common = {"unitKind": self._kinds, "unitCategory": self._categories}
        return self._some({**common, **self._own_filters(resource)})

    def _own_filters(self, resource: str) -> dict[str, Any]:
        random = self.random
        if resource == "meeting":
            return {
                "kind": lambda: self._values("MeetingKind"),
                "form": lambda: self._values("MeetingForm"),
                "heldFrom": self._record_day,
                "heldTo": self._record_day,
                "scoreAtLeast": lambda: random.choice([0, 50, 70, 69.99, 72.5, 90.0, 100]),
                "scoreBelow": lambda: random.choice([0, 50, 70, 89.95, 72.5, 90.0, 101]),
                "minutesKept": lambda: random.choice([True, False]),
                "attendedByHigherCommittee": lambda: random.choice([True, False]),
            }
        if resource == "evaluation":
            return {
                "rating": lambda: self._values("Rating"),
                "yearFrom": lambda: self.model.today.year - random.randint(-1, 9),
                "yearTo": lambda: self.model.today.year - random.randint(-1, 9),
                "fourGoods": lambda: random.choice([True, False]),
            }
        return {
            "kind": lambda: self._values("InspectionKind"),
            "ground": lambda: self._values("InspectionGround"),
            "body": lambda: self._values("InspectionBody"),
            "status": lambda: self._values("InspectionStatus"),
            "plannedFrom": self._record_day,
            "plannedTo": self._record_day,
            "concludedFrom": self._record_day,
            "concludedTo": self._record_day,
        }

    def _some(self, choices: dict[str, Any], nullable: set[str] | None = None) -> dict[str, Any]:
        """One to three of the filters; now and then one is null."""
        chosen = self.random.sample(list(choices), self.random.choice([1, 1, 1, 2, 2, 3]))
        made = {name: choices[name]() for name in chosen}
        if self.random.random() < 0.06:
            name = self.random.choice(sorted(nullable or choices))
            made[name] = None
        return made

    def _record_day(self) -> date:
        days = [
            day
            for records in self.model.records.values()
            for record in records
            for day in record.values()
            if isinstance(day, date)
        ]
        if not days or self.random.random() < 0.2:
            return self.day()
        return self.random.choice(days)

    def _kinds(self) -> list[str]:
        there = sorted({unit.kind for unit in self.model.units.values()})
        kinds = self.random.choice([there, there, sorted(KINDS)])
        return self.random.sample(kinds, self.random.randint(0, min(3, len(kinds))))

    def _categories(self) -> list[str]:
        there = sorted({unit.category or "" for unit in self.model.units.values()})
        there += ["no such category"]
        return self.random.sample(there, self.random.randint(0, min(3, len(there))))

    def _values(self, enumeration: str) -> list[Enum]:
        values = ENUMERATIONS[enumeration]
        return [Enum(v) for v in self.random.sample(values, self.random.choice([0, 1, 1, 2]))]

    def _needle(self) -> str:
        random = self.random
        name = self.model.units[random.choice(self.codes)].name
        begin = random.randrange(len(name))
        needle = name[begin : begin + random.choice([1, 2, 4, 40])]
        changed = [needle, needle.lower(), needle.upper(), folded(needle)]
        changed += [unicodedata.normalize("NFD", needle), unicodedata.normalize("NFC", needle)]
        needle = random.choice(changed)
        return needle if folded(needle) else random.choice(["", "%", "_", "*", "."])

    def _keys(self, resource: str) -> list[Enum]:
        random = self.random
        if random.random() < 0.3:
            return [Enum("CHILD")]
        keys = random.sample(GROUPINGS[resource], random.choice([0, 0, 1, 1, 2, 3]))
        periods = [key for key in keys if key in PERIODS]
        return [Enum(key) for key in keys if key not in periods[1:]]

    def _field(self, name: str, arguments: dict[str, Any], selection: tuple[Field, ...]) -> Field:
        self._aliases += 1
        return Field(name, arguments, selection, f"f{self._aliases}")


PAGE_INFO = Field(
    "pageInfo", {}, plain("hasNextPage", "hasPreviousPage", "startCursor", "endCursor")
)


def with_arguments(field: Field, **arguments: Any) -> Field:
    return replace(field, arguments={**field.arguments, **arguments})
