"""Asks a served Chibo random questions for every viewer and tells where it differs from the oracle.

Kinds of question: several fields at once; a list walked to its end; cursors of other lists; `node`;
unknown beside unreachable; what the input alone shows to be wrong. A finding says who asked what,
what was expected and what came, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.oracle.answers import Answers, Connection, differences, nodes_of, short
from tests.oracle.folders import EVERYTHING, NOBODY
from tests.oracle.model import Model, Record, Refused
from tests.oracle.questions import (
    LISTS,
    PAGE_INFO,
    RECORD_FIELDS,
    SUMMARIES,
    Enum,
    Field,
    Questions,
    document,
    plain,
    with_arguments,
)

Ask = Callable[[str, str, dict[str, Any]], tuple[int, Any]]
"""Principal, document, variables: the HTTP status and the body as JSON."""

BAD_DATES = [
    "20240102", "2024-1-2", "2024-02-30", "2024-W01-1", "2024-01-02T00:00:00", "", "tomorrow",
    " 2024-01-02", "2024-01-02 ", "24-01-02", "٢٠٢٤-٠١-٠٢", "2024-01", "0000-01-01", "+2024-01-02",
    "2024-01-02\n", "-2024-01-02", 20240102, True, 20240102.5,
]  # fmt: skip
BAD_CURSORS = ["", "x", "😀", "bm90IGEgY3Vyc29y", "null", "0", "=", "e30=", "eyJhIjoxfQ==", "W10="]
BAD_IDENTIFIERS = ["", "x", "😀", "VW5pdDo=", "%00", "bm9uZQ==", "null", "Unit", "="]


@dataclass(frozen=True)
class Finding:
    seed: int
    viewer: str
    query: str
    variables: dict[str, Any]
    what: str

    def __str__(self) -> str:
        variables = json.dumps(self.variables, ensure_ascii=False) if self.variables else ""
        return (
            f"seed {self.seed}, viewer {self.viewer!r}\n  {short(self.query, 1500)}\n"
            f"  {short(variables, 800) if variables else ''}\n  {self.what}"
        )


class Examination:
    """One served folder under examination."""

    def __init__(self, seed: int, model: Model, principals: list[str], ask: Ask) -> None:
        self.seed, self.model, self.ask = seed, model, ask
        self.random = Random(f"questions {seed}")
        self.questions = Questions(model, self.random)
        self.principals = [*principals, NOBODY]
        seeing = [name for name in principals if model.visible(name, model.today)]
        self._drawn = [*seeing * 4, *self.principals]
        self.asked = 0
        self._identifiers: list[tuple[str, str, Any]] | None = None

    def run(self, questions: int) -> Iterator[Finding]:
        yield from self.viewers()
        kinds = [self.fields] * 10 + [self.walk] * 4 + [self.foreign_cursor] * 2
        kinds += [self.nodes, self.hidden, self.wrong_input, self.wrong_input]
        while self.asked < questions:
            yield from self.random.choice(kinds)()

    def viewer(self) -> str:
        """Any principal, more often one who sees something; what is asked next is near them."""
        principal = self.random.choice(self._drawn)
        self.questions.favour(principal)
        return principal

    # ---- kinds of question

    def viewers(self) -> Iterator[Finding]:
        """`viewer` of every principal."""
        text = (
            "{ viewer { name appointments { id principal role validFrom validTo unit { code } } } }"
        )
        for principal in self.principals:
            expected = [
                {
                    "principal": principal,
                    "role": held.role,
                    "validFrom": held.valid_from.isoformat(),
                    "validTo": held.valid_to.isoformat() if held.valid_to else None,
                    "unit": {"code": held.unit},
                }
                for held in self.model.shown_appointments(principal)
            ]
            value = {"viewer": {"name": principal, "appointments": expected}}
            yield from self._compare(principal, text, {}, value)

    def fields(self) -> Iterator[Finding]:
        """One to three fields in one request."""
        principal = self.viewer()
        fields = [self.questions.root() for _ in range(self.random.choice([1, 1, 2, 3]))]
        yield from self._ask_fields(principal, fields)

    def _ask_fields(self, principal: str, fields: list[Field]) -> Iterator[Finding]:
        text, variables = document(fields, variables=self.random.random() < 0.5)
        answers = Answers(self.model, principal)
        expected = {field.key: answers.root(field) for field in fields}
        found = list(self._compare(principal, text, variables, expected))
        if found:
            narrow, _ = document(_narrowed(fields, found[0].what), variables=False)
            yield replace(found[0], query=narrow, variables={})

    def walk(self) -> Iterator[Finding]:
        """A list from its beginning to its end in pages of random size."""
        principal, field = self.viewer(), self._list_field()
        answers = Answers(self.model, principal)
        seen: list[Any] = []
        after: str | None = None
        offset = 0
        while True:
            first = self.random.choice([1, 2, 3, 5, 20, 200, 0])
            asked = _paged(field, first=first, **({} if after is None else {"after": after}))
            text, variables = document([asked], variables=self.random.random() < 0.5)
            expected = answers.root(asked, offset)
            body = self.get(principal, text, variables)
            found = list(self._judge(principal, text, variables, {asked.key: expected}, body))
            yield from found
            connection, got = _inner(asked, expected), _inner_answer(asked, body)
            if found or connection is None or got is None:
                return
            nodes, edges = nodes_of(got), got["edges"]
            kept = self.random.randint(1, len(nodes)) if nodes else 0
            seen += nodes[:kept]
            offset += kept
            if offset >= len(connection.items):
                break
            after = edges[kept - 1]["cursor"] if kept else after
        whole = replace(connection, first=len(connection.items), offset=0)
        shown = replace(whole, selection=connection.selection)
        for what in differences(shown, {"nodes": seen}, ("walked",), {}):
            yield Finding(self.seed, principal, text, variables, what)
        identifiers = [node["id"] for node in seen]
        if len(set(identifiers)) != len(identifiers):
            yield Finding(self.seed, principal, text, variables, "an id came twice in one walk")

    def _list_field(self) -> Field:
        """A list at the root or of a unit; its nodes carry their id, its edges their cursor."""
        questions, name = self.questions, self.random.choice(["units", "units", *LISTS, *LISTS])
        if self.random.random() < 0.7:
            field = questions.connection(name, questions.list_arguments(name), depth=0)
            return _with_cursors(field)
        name = self.random.choice(["children", *LISTS])
        field = _with_cursors(questions.connection(name, {}, depth=0))
        return Field("unit", questions.unit().arguments, (field,), "whole")

    def foreign_cursor(self) -> Iterator[Finding]:
        """A cursor is taken from one list and given to another."""
        principal = self.random.choice([EVERYTHING, EVERYTHING, self.viewer()])
        source = _paged(self._list_field(), first=3)
        text, variables = document([source], variables=True)
        got = _inner_answer(source, self.get(principal, text, variables))
        other = self._another_list(source)
        if not got or not got["edges"] or other is None:
            return
        cursor = self.random.choice(got["edges"])["cursor"]
        field = _paged(other, first=3, after=cursor)
        expected = Answers(self.model, principal).root(_paged(other, first=3))
        if _inner(field, expected) is not None:
            yield from self._refused(principal, [field], f"a cursor of {text}")

    def _another_list(self, source: Field) -> Field | None:
        """The same list but for one thing that makes it another; or any other list."""
        random, inner = self.random, _list_of(source)
        if random.random() < 0.3:
            other = self._list_field()
            return None if _same_list(other, source) else other
        arguments = dict(inner.arguments)
        choices = ["within"] if source is inner else []
        choices += ["orderBy"] if inner.name in LISTS else []
        choices += ["asOf"] if inner.name == "units" else []
        choices += [] if source is inner else ["code"]
        change = random.choice([*choices, "filter"])
        if change == "orderBy":
            newest = arguments.get("orderBy") != "OLDEST_FIRST"
            arguments["orderBy"] = Enum("OLDEST_FIRST" if newest else "NEWEST_FIRST")
        elif change == "filter":
            arguments["filter"] = self._another_filter(inner)
        elif change == "code":
            code = random.choice(self.questions.codes)
            same = code == source.arguments["code"]
            return None if same else with_arguments(source, code=code)
        else:
            arguments[change] = self._another(change, arguments.get(change))
            if arguments[change] is None:
                return None
        changed = replace(inner, arguments=arguments)
        return changed if source is inner else replace(source, selection=(changed,))

    def _another_filter(self, field: Field) -> dict[str, Any]:
        name = "kind" if field.name in ("units", "children") else "unitKind"
        filter = dict(field.arguments.get("filter") or {})
        kinds = sorted({unit.kind for unit in self.model.units.values()})
        filter[name] = [kind for kind in kinds if kind not in (filter.get(name) or [])] + (
            [] if filter.get(name) else ["central", "group", "bloc"]
        )
        return filter

    def _another(self, name: str, value: Any) -> Any:
        made = self.questions.code() if name == "within" else self.questions.day()
        if made == value or (name == "asOf" and made == self.model.today):
            return None
        return made

    def nodes(self) -> Iterator[Finding]:
        """`node` by ids that others were given, and by ids that are none."""
        known = self._known()
        principal = self.viewer()
        for _ in range(6):
            if known and self.random.random() < 0.8:
                identifier, kind, thing = self.random.choice(known)
                yield from self._ask_node(principal, identifier, kind, thing)
            else:
                broken = list(self.random.choice(known)[0] if known else "x")
                broken[self.random.randrange(len(broken))] = self.random.choice("Az0=\u0000é")
                mangled = "".join(broken)
                if mangled not in {identifier for identifier, _, _ in known}:
                    wrong = self.random.choice([mangled, *BAD_IDENTIFIERS])
                    yield from self._ask_node(principal, wrong, "", None)

    def _ask_node(
        self, principal: str, identifier: str, kind: str, thing: Any
    ) -> Iterator[Finding]:
        expected: Any = None
        if kind == "unit" and thing in self.model.visible(principal, self.model.today):
            expected = {"__typename": "Unit", "id": identifier, "code": thing}
        elif kind in RECORD_FIELDS and self.model.may_read(principal, kind, thing):
            expected = self._record_node(kind, thing) | {"id": identifier}
        text = f"query($id: ID!) {{ node(id: $id) {_NODE} }}"
        yield from self._compare(principal, text, {"id": identifier}, {"node": expected})

    def _record_node(self, kind: str, record: Record) -> dict[str, Any]:
        selection = (*plain("__typename", *_NODE_FIELDS[kind]), Field("unit", {}, plain("code")))
        node = Answers(self.model, EVERYTHING).record(kind, record, Field("node", {}, selection))
        return dict(node)

    def _known(self) -> list[tuple[str, str, Any]]:
        """The ids of all that `EVERYTHING` can list, each with what it is of."""
        if self._identifiers is None:
            self._identifiers = [*self._unit_identifiers(), *self._record_identifiers()]
        return self._identifiers

    def _unit_identifiers(self) -> Iterator[tuple[str, str, Any]]:
        for day in ("", 'asOf: "9999-01-01", '):
            text = f"{{ units({day}filter: {{status: ANY}}, first: 200) {_UNIT_NODES} }}"
            body = self.get(EVERYTHING, text, {})
            for node in _nodes_at(body, "units"):
                yield node["id"], "unit", node["code"]

    def _record_identifiers(self) -> Iterator[tuple[str, str, Any]]:
        for name, resource in LISTS.items():
            fields = " ".join(_NODE_FIELDS[resource])
            text = f"{{ {name}(first: 200) {{ nodes {{ id unit {{ code }} {fields} }} }} }}"
            for node in _nodes_at(self.get(EVERYTHING, text, {}), name):
                alike = [
                    record
                    for record in self.model.records[resource]
                    if self.model.stands(record["unit"], self.model.today)
                    and not list(
                        differences(
                            self._record_node(resource, record),
                            {"__typename": resource.capitalize(), **node},
                            (),
                            {},
                        )
                    )
                ]
                if len(alike) == 1:
                    yield node["id"], resource, alike[0]

    def hidden(self) -> Iterator[Finding]:
        """An unknown and an unreachable unit read the same, errors and paths included."""
        principal, today = self.viewer(), self.model.today
        hidden = sorted(set(self.model.units) - self.model.visible(principal, today))
        if not hidden:
            return
        name = self.random.choice(["unit", "units", *LISTS, *SUMMARIES])
        argument = "code" if name == "unit" else "within"
        chosen = self.random.choice(hidden)
        text = f"query($code: String!) {{ {name}({argument}: $code) {{ __typename }} }}"
        unreachable, unknown = (
            _without_extras(self.get(principal, text, {"code": code}))
            for code in (chosen, "there is no such unit")
        )
        if unreachable != unknown:
            what = f"unreachable {short(unreachable)}, unknown {short(unknown)}"
            yield Finding(self.seed, principal, text, {"code": chosen}, what)

    def wrong_input(self) -> Iterator[Finding]:
        """What the input alone shows to be wrong is BAD_USER_INPUT, whoever asks."""
        make = self.random.choice(
            [self._wrong_day, self._wrong_first, self._wrong_cursor, self._wrong_groups,
             self._wrong_kind, self._wrong_attribution, self._wrong_document]
        )  # fmt: skip
        principal = self.viewer()
        asked = make(principal)
        if isinstance(asked, str):
            body = self.get(principal, asked, {})
            yield from self._judge_refusal(principal, asked, {}, body, asked)
        elif asked is not None:
            yield from self._refused(principal, [asked], "wrong input")

    def _wrong_day(self, principal: str) -> Field:
        day = self.random.choice(BAD_DATES)
        name = self.random.choice(["unit", "units", "meetings", "meetingSummary", "inspections"])
        if name == "unit":
            return Field("unit", {"code": self.questions.code(), "asOf": day}, plain("code"), "f")
        if name in ("units", "meetingSummary"):
            return Field(name, {"asOf": day}, plain("__typename"), "f")
        limit = "heldFrom" if name == "meetings" else "concludedTo"
        return Field(name, {"filter": {limit: day}}, plain("__typename"), "f")

    def _wrong_first(self, principal: str) -> Field:
        first = self.random.choice([201, -1, 1000, 2_147_483_647, 2_147_483_648, 10**20, -(10**9)])
        return self._on_a_list(principal, {"first": first})

    def _wrong_cursor(self, principal: str) -> Field:
        return self._on_a_list(principal, {"after": self.random.choice(BAD_CURSORS)}, seen=True)

    def _on_a_list(self, principal: str, arguments: dict[str, Any], seen: bool = False) -> Field:
        """A list at the root, or one of a unit that the viewer sees, with these arguments."""
        visible = sorted(self.model.visible(principal, self.model.today))
        if visible and self.random.random() < 0.5:
            inner = Field(self.random.choice(["children", *LISTS]), arguments, (PAGE_INFO,))
            code = self.random.choice(visible)
            readable = inner.name == "children" or code in self.model.reach(
                principal, LISTS[inner.name], "read", self.model.today
            )
            if readable or not seen:
                return Field("unit", {"code": code}, (inner,), "f")
        if not seen and self.random.random() < 0.3:
            arguments = {**arguments, "within": "there is no such unit"}
        name = self.random.choice(["units", *LISTS])
        if seen and isinstance(Answers(self.model, principal).root(Field(name, {})), Refused):
            return Field(name, {"first": -1}, (PAGE_INFO,), "f")
        return Field(name, arguments, (PAGE_INFO,), "f")

    def _wrong_groups(self, principal: str) -> Field:
        name = self.random.choice(list(SUMMARIES))
        groups = [["CHILD", "CHILD"], ["UNIT_KIND", "YEAR", "UNIT_KIND"]]
        groups += [["YEAR", "QUARTER"]] if name != "evaluationSummary" else []
        if name == "meetingSummary":
            groups += [["MONTH", "FORM", "QUARTER"], ["YEAR", "MONTH"]]
        keys = [Enum(key) for key in self.random.choice(groups)]
        within = self.random.choice([{}, {"within": "there is no such unit"}])
        return Field(name, {"groupBy": keys, **within}, plain("__typename"), "f")

    def _wrong_kind(self, principal: str) -> Field | None:
        kinds = self.random.choice([["nonsense"], ["province", "Province"], ["chi bộ"], [""]])
        name = self.random.choice(["units", *LISTS, *SUMMARIES])
        field = Field(name, {}, plain("__typename"), "f")
        if isinstance(Answers(self.model, principal).root(Field(name, {})), Refused):
            return None
        key = "kind" if name == "units" else "unitKind"
        return with_arguments(field, filter={key: kinds})

    def _wrong_attribution(self, principal: str) -> Field:
        arguments: dict[str, Any] = {"attribution": Enum("AS_RECORDED")}
        if self.random.random() < 0.5:
            arguments["asOf"] = self.questions.day()
        else:
            arguments["groupBy"] = [Enum("CHILD")]
        return Field(self.random.choice(list(SUMMARIES)), arguments, plain("__typename"), "f")

    def _wrong_document(self, principal: str) -> str:
        return self.random.choice(
            ["{ nothing }", "{ viewer { name }", "{ units(first: \"1\") { totalCount } }",
             "{ unit { code } }", "{ meetings(orderBy: NEWEST) { totalCount } }", "",
             "{ meetings(filter: {kind: [\"REGULAR\"]}) { totalCount } }",
             "{ units(filter: {nothing: 1}) { totalCount } }"]
        )  # fmt: skip

    # ---- asking and judging

    def get(self, principal: str, text: str, variables: dict[str, Any]) -> Any:
        self.asked += 1
        status, body = self.ask(principal, text, variables)
        if status >= 500 or not isinstance(body, dict):
            return {"status": status, "errors": [{"message": short(body), "path": ["HTTP"]}]}
        return body

    def _compare(
        self, principal: str, text: str, variables: dict[str, Any], expected: dict[str, Any]
    ) -> Iterator[Finding]:
        body = self.get(principal, text, variables)
        yield from self._judge(principal, text, variables, expected, body)

    def _judge(
        self,
        principal: str,
        text: str,
        variables: dict[str, Any],
        expected: dict[str, Any],
        body: Any,
    ) -> Iterator[Finding]:
        found = list(self.compare_body(expected, body))
        if found:
            what = "\n  ".join(found[:3])
            yield Finding(self.seed, principal, text, variables, what)

    def compare_body(self, expected: dict[str, Any], body: Any) -> Iterator[str]:
        """Each difference between the data expected and an answer, its errors included."""
        errors = {
            tuple(error.get("path") or ["request"]): _code(error)
            for error in body.get("errors") or []
        }
        yield from differences(expected, body.get("data"), (), errors)
        for path, code in errors.items():
            yield f"{'.'.join(map(str, path))}: unexpected error {code}"

    def _refused(self, principal: str, fields: list[Field], why: str) -> Iterator[Finding]:
        text, variables = document(fields, variables=self.random.random() < 0.5)
        body = self.get(principal, text, variables)
        yield from self._judge_refusal(principal, text, variables, body, why)

    def _judge_refusal(
        self, principal: str, text: str, variables: dict[str, Any], body: Any, why: str
    ) -> Iterator[Finding]:
        """Every error is BAD_USER_INPUT, there is one, and nothing of the branch is answered."""
        codes = [_code(error) for error in body.get("errors") or []]
        if not codes or any(code != "BAD_USER_INPUT" for code in codes):
            what = f"expected BAD_USER_INPUT ({short(why, 300)}), got {codes or short(body)}"
            yield Finding(self.seed, principal, text, variables, what)


_UNIT_NODES = "{ nodes { id code } }"
_NODE_FIELDS = {
    resource: [name for name in names if name not in ("kind", "revision")]
    for resource, names in RECORD_FIELDS.items()
}
_NODE = (
    "{ __typename id ... on Unit { code } "
    + " ".join(
        f"... on {resource.capitalize()} {{ unit {{ code }} {' '.join(names)} }}"
        for resource, names in _NODE_FIELDS.items()
    )
    + " }"
)


def _code(error: dict[str, Any]) -> str:
    code = (error.get("extensions") or {}).get("code")
    return str(code) if code else f"no code: {short(error, 200)}"


def _narrowed(fields: Iterable[Field], what: str) -> Iterator[Field]:
    """Of the fields with aliases only those on the path of a difference."""
    path = what.split(":")[0].split(".")
    for field in fields:
        if field.alias is None or field.alias in path:
            yield replace(field, selection=tuple(_narrowed(field.selection, what)))


def _with_cursors(field: Field) -> Field:
    """The same list, its edges with cursors, its nodes with ids, its page told of."""
    node: tuple[Field, ...] = ()
    for inner in field.selection:
        if inner.name in ("nodes", "edges"):
            holder = inner if inner.name == "nodes" else inner.selection[-1]
            node = tuple(part for part in holder.selection if part.name != "id")
    node = (*node, *plain("id"))
    edges = Field("edges", {}, (*plain("cursor"), Field("node", {}, node)))
    return replace(field, selection=(edges, PAGE_INFO, *plain("totalCount")), alias="list")


def _list_of(field: Field) -> Field:
    return field.selection[0] if field.name == "unit" else field


def _paged(field: Field, **arguments: Any) -> Field:
    """The field with these arguments on its list and no other page."""
    inner = _list_of(field)
    kept = {name: value for name, value in inner.arguments.items() if name not in _PAGE}
    changed = replace(inner, arguments={**kept, **arguments})
    return changed if inner is field else replace(field, selection=(changed,))


_PAGE = ("first", "after")


def _same_list(one: Field, other: Field) -> bool:
    """Whether two lists may be the same list by other words; then nothing is asked."""
    first, second = _list_of(one), _list_of(other)
    return (one.name, first.name) == (other.name, second.name)


def _inner(field: Field, expected: Any) -> Connection | None:
    if field.name == "unit" and isinstance(expected, dict):
        expected = expected["list"]
    return expected if isinstance(expected, Connection) else None


def _inner_answer(field: Field, body: Any) -> Any:
    got = (body.get("data") or {}).get(field.key)
    return got.get("list") if field.name == "unit" and got else got


def _nodes_at(body: Any, name: str) -> list[Any]:
    return ((body.get("data") or {}).get(name) or {}).get("nodes") or []


def _without_extras(body: Any) -> Any:
    """The answer without what may differ from one request to the next."""
    errors = [
        {key: error.get(key) for key in ("message", "path")} | {"code": _code(error)}
        for error in body.get("errors") or []
    ]
    return {"data": body.get("data"), "errors": errors}
