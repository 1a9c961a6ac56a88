"""Values that make sense where schemathesis knows only their types.

A document as schemathesis made it has any text for a unit's code and any number for a page, so
that nearly all would be refused at the door. Here most of its arguments get values that can be
meant: codes of units in sight, beside and above it, ids and cursors that were really given (also
to somebody else), days of the tree's life, inputs of mutations that hold together. Some keep what
they had. The same `Random` makes the same of the same document.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from graphql import (
    REMOVE,
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NameNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    Visitor,
    visit,
)
from schemathesis.graphql import nodes

from tests.fuzzing.marked import VIEWER, Sight
from tests.oracle.model import ROLES


def words(text: str) -> list[str]:
    return text.split()


KEPT = 0.12
"""How many of the arguments keep what schemathesis gave them."""
UNKNOWN = ["no such unit", "", "Q", "x" * 64, "x" * 65, "%", "\U0010ffff", "a\u0301", "null", "0"]
NONSENSE = ["", "?", "é", "AAAA", "bm9uZQ", "TWVldGluZzp4", "VW5pdDo", "A" * 500, "%00", "-_-_"]
MOMENTS = ["2024-06-15T00:00:00+07:00", "2020-01-01T00:00:00Z", "2100-01-01T00:00:00.5-12:00"]
"""DateTime, in forms that are one."""
NO_MOMENTS = ["2024-06-15", "2024-06-15T00:00:00", "0000-01-01T00:00:00Z", "yesterday"]
SOME_KINDS = ["district", "grassroots", "grassroots_branch", "branch", "no kind"]
ODD_DAYS = ["0001-01-01", "9999-12-31", "1899-12-31", "2024-02-29"]
NO_DAYS = ["2024-02-30", "20240615", "2024-6-15", "", "10000-01-01"]
SEARCHED = ["", "%", "_", "Q0", "q00", "đảng", "DANG", "\\", "xã", "chi bo", "😀", "\u0000"]
LEFT_OUT = frozenset(
    words(
        "after asOf filter orderBy attribution within inForceOn principal effectiveFrom effectiveTo"
    )
)
"""Of these, most documents of people have none."""


@dataclass(frozen=True)
class Written:
    """What a revision of a record must repeat."""

    id: str
    unit: str
    year: int | None = None


@dataclass
class Pools:
    """What there is to ask with; `ids` and `cursors` grow by what is answered."""

    sight: Sight
    strangers: list[str]
    """Ids of what the viewer may not see."""
    ids: list[str] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    own: dict[str, list[Written]] = field(default_factory=dict)
    """Records that the viewer may revise and withdraw, by the type's name."""
    numbers: list[str] = field(default_factory=list)
    principals: list[str] = field(default_factory=list)

    def learn(self, ids: list[str], cursors: list[str]) -> None:
        self.ids = [*self.ids, *ids][-400:]
        self.cursors = [*self.cursors, *cursors][-60:]

    def code(self, random: Random) -> str:
        sight, model = self.sight, self.sight.model
        chance = random.random()
        if chance < 0.65:
            return random.choice(sorted(sight.today))
        if chance < 0.75:
            return random.choice(sorted(sight.ever))
        if chance < 0.92:
            return random.choice(sorted(model.units))
        known = random.choice(sorted(model.units))
        return random.choice([*UNKNOWN, known + " ", known.lower(), known[:-1]])

    def id(self, random: Random) -> str:
        chance = random.random()
        if chance < 0.6 and self.ids:
            return random.choice(self.ids)
        if chance < 0.9:
            return random.choice(self.strangers)
        return random.choice([*NONSENSE, random.choice(self.strangers)[:-1]])

    def cursor(self, random: Random) -> str:
        return random.choice([*self.cursors, *NONSENSE])

    def day(self, random: Random) -> str:
        chance = random.random()
        if chance < 0.85:
            return random.choice(self.sight.days).isoformat()
        return random.choice(ODD_DAYS if chance < 0.97 else NO_DAYS)


def moment(random: Random) -> str:
    return random.choice(MOMENTS * 12 + NO_MOMENTS)


Make = Callable[[Pools, Random], Any]
"""A value as JSON; an enumeration's as `EnumValueNode`."""


def _a(*values: Any) -> Make:
    return lambda _pools, random: random.choice(values)


def _some(*values: str) -> Make:
    return lambda _pools, random: random.sample(values, random.choice([0, 1, 1, 2]))


def _codes(pools: Pools, random: Random) -> list[str]:
    return [pools.code(random) for _ in range(random.choice([0, 1, 1, 2]))]


MAKE: dict[str, Make] = {
    **dict.fromkeys(
        words("code within unitCode byUnitCode under to unit into issuedBy of"), Pools.code
    ),
    "units": _codes,
    "id": Pools.id,
    "after": Pools.cursor,
    "since": Pools.cursor,
    "number": lambda pools, random: random.choice([*pools.numbers, "none"]),
    "principal": lambda pools, random: random.choice([*pools.principals, VIEWER, VIEWER, ""]),
    "first": _a(0, 1, 2, 2, 3, 3, 5, 5, 9, 50, 200, None, 201, -1),
    "kind": _some(*SOME_KINDS),
    "unitKind": _some(*SOME_KINDS),
    "category": _some("xã", "trường học", "xã Q0001"),
    "unitCategory": _some("xã", "trường học", "xã Q0001"),
    "nameContains": _a(*SEARCHED),
    "action": _a("read", "read", "summarise", "record", "no action"),
    "resource": _a("unit", "meeting", "evaluation", "inspection", "audit", "appointment:leader"),
    "role": _a(*ROLES, "no role"),
    "roles": _some(*ROLES),
    "resources": _some("meeting", "evaluation", "inspection"),
    "actions": _some("read", "summarise"),
    "revision": _a(*[1] * 9, 2, 2, 2, 3, 0, 2**31 - 1),
    "year": _a(2021, 2022, 2023, 2023, 2024, 2020, 1999, 0, 10_000),
    "yearFrom": _a(2021, 2023, -5, 2**31 - 1),
    "yearTo": _a(2021, 2023, 2024, 0),
    "score": _a(None, 0, 72.5, 100, 100.5),
    "scoreAtLeast": _a(0, 50, 1e308),
    "scoreBelow": _a(0, 50, 101, -1.5),
    "clientKey": _a(*[None] * 8, "key 1", "key 2", "key 3", "", "k" * 256),
    "reason": _a(*["sửa lỗi"] * 9, "", " ", "\u0000", "😀" * 300),
    "document": _a("{ units { totalCount } }", "{ meetings { nodes { id } } }", "{"),
    "membersExpected": _a(0, 5, 20, 1_000_000),
    "membersPresent": _a(0, 5),
    "membersSanctioned": _a(0, 1),
}


def sensible(document: DocumentNode, random: Random, pools: Pools) -> DocumentNode:
    """The document with most of its values replaced."""
    found: DocumentNode = visit(document, _Sensible(random, pools))
    return found


class _Sensible(Visitor):
    def __init__(self, random: Random, pools: Pools) -> None:
        super().__init__()
        self._random, self._pools = random, pools
        self._record: Written | None = None

    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        """Half of the revisions are of what the viewer may revise, and say whose it is."""
        own = self._pools.own.get(OF_RECORDS.get(node.name.value, ""))
        if own and self._random.random() < 0.7:
            self._record = self._random.choice(own)
        return None

    def enter_argument(self, node: ArgumentNode, *_: Any) -> Any:
        name = node.name.value
        if (
            name == "to"
        ):  # The moment up to which the trail is asked for; fields so called are units.
            return None
        if name in LEFT_OUT and self._random.random() < (0.4 if name == "filter" else 0.7):
            return REMOVE
        return self._made(name, node.value, ArgumentNode)

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> Any:
        return self._made(node.name.value, node.value, ObjectFieldNode)

    def leave_field(self, node: FieldNode, *_: Any) -> Any:
        """Most lists are asked for what is in them, most units for their code."""
        if node.selection_set is None or self._random.random() < KEPT:
            return None
        more = TELLING.get(node.name.value)
        if more is None:
            return None
        selections = (*node.selection_set.selections, *more)
        return replace(node, selection_set=replace(node.selection_set, selections=selections))

    def leave_object_value(self, node: ObjectValueNode, *_: Any) -> Any:
        if self._random.random() < KEPT:
            return None
        names = {each.name.value for each in node.fields}
        if names and names <= CHANGES:
            return self._one_of(node)
        for told, fit in FITTING.items():
            if told <= names:
                return _with(node, fit(self._random) | self._whose(told))
        return None

    def _whose(self, told: frozenset[str]) -> dict[str, Any]:
        """The unit for which the viewer may record, most often."""
        record = self._record
        if record is not None:
            year = {} if record.year is None else {"year": record.year}
            return {"unitCode": record.unit, **year}
        own = self._pools.own.get("Meeting" if "heldOn" in told else "Evaluation")
        if not own or self._random.random() < 0.3:
            return {}
        return {"unitCode": self._random.choice(own).unit}

    def _one_of(self, node: ObjectValueNode) -> Any:
        """The input object of which exactly one is given: schemathesis does not know them."""
        given = [each for each in node.fields if not isinstance(each.value, NullValueNode)]
        return replace(node, fields=(self._random.choice(given),)) if given else None

    def _made(self, name: str, value: ValueNode, kind: Any) -> Any:
        make = MAKE.get(name)
        if make is None or self._random.random() < KEPT or not isinstance(value, PLAIN):
            return None
        made = make(self._pools, self._random)
        if name == "id" and self._record is not None:
            made = self._record.id
        if isinstance(value, ListValueNode):
            if not isinstance(made, list) or not all(isinstance(v, PLAIN) for v in value.values):
                return None
        elif isinstance(made, list):
            made = made[0] if made else None
        return kind(name=NameNode(value=name), value=as_node(made))


PLAIN = (StringValueNode, IntValueNode, FloatValueNode, NullValueNode, ListValueNode)
OF_RECORDS = {
    "reviseMeeting": "Meeting",
    "reviseEvaluation": "Evaluation",
    "withdraw": "Evaluation",
}
CHANGES = frozenset(words("establish transfer merge split dissolve rename reclassify"))


def _selected(*names: str) -> tuple[FieldNode, ...]:
    return tuple(FieldNode(name=NameNode(value=name)) for name in names)


def _listed(*names: str) -> tuple[FieldNode, ...]:
    inside = SelectionSetNode(selections=_selected(*names))
    edges = FieldNode(name=NameNode(value="pageInfo"), selection_set=_END)
    return (FieldNode(name=NameNode(value="nodes"), selection_set=inside), edges)


_END = SelectionSetNode(selections=_selected("endCursor"))
TELLING = {
    **dict.fromkeys(words("units children"), _listed("id", "code", "name")),
    **dict.fromkeys(words("meetings evaluations inspections decisions views"), _listed("id")),
    **dict.fromkeys(
        words("unit parent path successors predecessors child by issuedBy to of"),
        _selected("code", "name"),
    ),
}
"""What is asked for besides, in fields of these names."""


def as_node(value: Any) -> Any:
    """JSON as GraphQL writes it."""
    if isinstance(value, EnumValueNode):
        return value
    if value is None:
        return nodes.Null
    if isinstance(value, list):
        return nodes.List([as_node(each) for each in value])
    make: dict[type, Callable[[Any], Any]] = {
        bool: nodes.Boolean,
        int: nodes.Int,
        float: nodes.Float,
        str: nodes.String,
    }
    return make[type(value)](value)


# ---- inputs that hold together


def _with(node: ObjectValueNode, values: dict[str, Any]) -> ObjectValueNode:
    kept = [each for each in node.fields if each.name.value not in values]
    made = [
        ObjectFieldNode(name=NameNode(value=name), value=as_node(value))
        for name, value in values.items()
    ]
    return ObjectValueNode(fields=(*kept, *made))


def _meeting(random: Random) -> dict[str, Any]:
    day = f"2024-0{random.randint(1, 6)}-0{random.randint(1, 9)}"
    present = random.randint(0, 20)
    return {
        "heldOn": day,
        "documentsSentOn": random.choice([None, day]),
        "topic": random.choice([None, "Học tập", "=1+1", "dòng\nmới"]),
        "score": random.choice([None, 0, 72.5, 100]),
        "membersExpected": 20,
        "membersPresent": present,
    }


def _evaluation(random: Random) -> dict[str, Any]:
    ratings = [random.randint(0, 9) for _ in range(4)]
    names = ["membersExcellent", "membersGood", "membersCompleted", "membersNotCompleted"]
    return {
        **dict(zip(names, ratings, strict=True)),
        "membersRated": sum(ratings),
        "regulation": "124-QĐ/TW",
        "year": random.choice([2024, 2024, 2024, 2023, 2020]),
    }


def _inspection(random: Random) -> dict[str, Any]:
    dates = {"plannedFor": "2024-01-01", "openedOn": None, "concludedOn": None}
    status = random.choice(["PLANNED", "OPEN", "CONCLUDED", "CANCELLED"])
    if status in ("OPEN", "CONCLUDED"):
        dates["openedOn"] = "2024-02-01"
    if status == "CONCLUDED":
        dates["concludedOn"] = "2024-03-01"
    counts = {"membersCovered": 9, "membersInViolation": 2, "membersSanctioned": 1}
    return {**dates, **counts, "status": nodes.Enum(status)}


FITTING: dict[frozenset[str], Callable[[Random], dict[str, Any]]] = {
    frozenset({"heldOn", "membersExpected"}): _meeting,
    frozenset({"membersRated", "rating", "regulation"}): _evaluation,
    frozenset({"byUnitCode", "status", "ground"}): _inspection,
}
