"""One round: a fresh store, and so many cases asked of the application in this process.

Schemathesis makes the documents, right ones and some with one fault, field by field of the schema;
`values.py` gives them values that can be meant. Beside them the oracle's own generator asks more
deeply: units, their children, the records of those, and their units again. Where an answer gives a
cursor, the next page is asked for too. Everything is decided by the seed, but for the moments at
which things are stored.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
import schemathesis
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    NameNode,
    OperationDefinitionNode,
    StringValueNode,
    introspection_from_schema,
    parse,
    print_ast,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response
from schemathesis.graphql import nodes
from sqlalchemy import select

from authz.tables import appointment, grant
from graph.documents import GRAPHQL_SCHEMA
from graph.resolvers.identity import id_of
from hierarchy.tables import unit
from records.tables import evaluation, inspection, meeting, view
from server.database import Database
from server.loading import load
from server.stores import open_stores
from tests import province, servers
from tests.fuzzing.judging import Judge, Seen
from tests.fuzzing.marked import LEADER, MARK, VIEWER, Folder, Sight
from tests.fuzzing.values import MOMENTS, NO_MOMENTS, Pools, Written, sensible, words
from tests.oracle.questions import Questions, document
from tests.province import TODAY, Client

FAULTY = 8
"""One in so many documents of schemathesis has one fault."""
NESTED = 8
"""One in so many questions is the oracle's, beyond those of schemathesis."""
OFTEN = frozenset(words("node unit units meetings evaluations inspections decision decisions"))
"""Fields that show most; what a secretary may not do is asked least."""
SELDOM = frozenset(
    words(
        "viewer previewDecision appointments grants audit decide reverseDecision appoint "
        "endAppointment grant revokeGrant saveView deleteView"
    )
)
MANY = 40
"""Times that hypothesis may end early."""


@dataclass(frozen=True)
class Finding:
    """An answer that must not be, and what was asked."""

    asked: str
    fault: str
    answered: str

    def __str__(self) -> str:
        return f"{self.fault}\n  asked: {self.asked}\n  answered: {self.answered[:1500]}"


@dataclass
class Outcome:
    """What a round found and what it went through."""

    seen: Seen = field(default_factory=Seen)
    findings: list[Finding] = field(default_factory=list)
    cases: int = 0
    """Documents of schemathesis."""


def fields() -> list[str]:
    """Every field of a query and of a mutation, as schemathesis calls them."""
    roots = (GRAPHQL_SCHEMA.query_type, GRAPHQL_SCHEMA.mutation_type)
    return [f"{root.name}.{name}" for root in roots if root for name in root.fields]


@contextmanager
def begun(
    home: Path, url: str, number: int, tree: servers.Server | None = None, asker: str = VIEWER
) -> Iterator[Round]:
    """A round over an empty store. Judged is what the viewer may see, whoever asks."""
    with asyncio.Runner() as runner:
        round_ = Round(runner, home, url, number, tree, asker)
        try:
            round_.begin()
            yield round_
        finally:
            round_.end()


class Round:
    """The application over its store, whoever asks it, and what came of it."""

    def __init__(
        self,
        runner: asyncio.Runner,
        home: Path,
        url: str,
        number: int,
        tree: servers.Server | None,
        asker: str,
    ) -> None:
        self._asker = asker
        self._run, self._url, self._tree = runner.run, url, tree
        self._home, self._stack = home, AsyncExitStack()
        self._random = Random(f"fuzzing {number}")
        self.outcome = Outcome()

    def play(self, cases: int) -> Outcome:
        """All of it: so many cases of schemathesis, and a part as many nested ones."""
        for field_ in fields():
            self.ask_field(field_, cases)
        self.ask_nested(cases // NESTED)
        self.look_back()
        return self.outcome

    def begin(self) -> None:
        data = self._home / "data"
        Folder().write(data)
        self._sight = Sight(data)
        self._client = self._run(self._serve(data))
        self._run(self._save_views())
        self._kept = self._run(self._stored())
        self._judge = Judge(self._sight, self._run(self._owners()), self.outcome.seen)
        self._pools = self._run(self._make_pools())
        self._operations = {each.ok().label: each.ok() for each in self._schema()}

    def end(self) -> None:
        self._run(self._stack.aclose())

    async def _serve(self, data: Path) -> Client:
        tree = self._tree
        login = {} if tree is None else {"neo4j_user": tree.user, "neo4j_password": tree.password}
        without = {"neo4j_uri": tree and tree.uri, "cost_per_minute": 0, "max_seconds": 0}
        settings_ = province.settings_of(self._home, self._url, **login, **without)
        async with open_stores(settings_) as stores:
            await stores.prepare()
            await load(stores.database, stores.graph, data, TODAY)
        self._database = Database(self._url)
        self._stack.push_async_callback(self._database.close)
        return await self._stack.enter_async_context(province.served(settings_))

    async def _save_views(self) -> None:
        save = "mutation ($input: SaveViewInput!) { saveView(input: $input) { id } }"
        for view_ in Folder().views:
            told = {name: text for name, text in view_.items() if name != "principal"}
            await self._client.data(view_["principal"], save, {"input": told})

    # what is there

    async def _owners(self) -> dict[str, set[str]]:
        """The marks of everything with a UUID: of a record those of its text."""
        found: dict[str, set[str]] = {}
        texts = [
            (meeting, meeting.c.topic),
            (evaluation, evaluation.c.regulation),
            (inspection, inspection.c.theme),
            (appointment, appointment.c.principal),
            (view, view.c.title),
        ]
        async with self._database.reading() as connection:
            for table, text in texts:
                for id_, words in await connection.execute(select(table.c.id, text)):
                    found[id_.hex] = set(MARK.findall(words))
        return found

    async def _make_pools(self) -> Pools:
        sight = self._sight
        told: list[str] = []
        strange: list[str] = []
        async with self._database.reading() as connection:
            for table in (meeting, evaluation, inspection, appointment, view):
                for id_ in (await connection.execute(select(table.c.id))).scalars():
                    seen = self._judge.owners[id_.hex] <= sight.marks
                    (told if seen else strange).append(id_of(table.name.capitalize(), id_.hex))
        for code in sight.model.units:
            (told if code in sight.today else strange).append(id_of("Unit", code))
        told += [id_of("Decision", number) for number in self._numbers()]
        self._random.shuffle(told)
        foreign = await self._foreign_cursors()
        principals = [row["principal"] for row in Folder().files["appointments"]]
        own = await self._own_records()
        return Pools(sight, strange, told, foreign, own, self._numbers(), principals)

    async def _own_records(self) -> dict[str, list[Written]]:
        may_write = self._may_write()
        found: dict[str, list[Written]] = {}
        async with self._database.reading() as connection:
            for table in (meeting, evaluation):
                year = table.c.get("year")
                columns = [table.c.id, unit.c.code, *([] if year is None else [year])]
                rows = select(*columns).join_from(table, unit, unit.c.id == table.c.unit_id)
                name = table.name.capitalize()
                found[name] = [
                    Written(id_of(name, id_.hex), code, *more)
                    for id_, code, *more in await connection.execute(rows)
                    if code in may_write[table.name] and more in ([], [2023], [2024])
                ]
        return found

    def _may_write(self) -> dict[str, set[str]]:
        """The units for which the viewer may record: a secretary's own, and those below it."""
        own = Folder().places.districts[0]
        return {"meeting": {own}, "evaluation": self._sight.model.subtree(own, TODAY) - {own}}

    def _numbers(self) -> list[str]:
        return sorted({row["number"] for row in Folder().files["decisions"]})

    async def _foreign_cursors(self) -> list[str]:
        """Cursors of whoever leads the province."""
        found = []
        for name in ("units", "meetings", "evaluations", "inspections", "decisions"):
            asked = f"{{ {name}(first: 9) {{ edges {{ cursor }} }} }}"
            edges = (await self._client.data(LEADER, asked))[name]["edges"]
            found += [edge["cursor"] for edge in edges]
        return found

    async def _stored(self) -> dict[str, set[tuple[Any, ...]]]:
        """The rows that the viewer may have no hand in, or only in part."""
        found = {}
        async with self._database.reading() as connection:
            for table in (meeting, evaluation, inspection, appointment, grant, view):
                rows = await connection.execute(_with_unit(table))
                found[table.name] = {tuple(map(repr, row)) for row in rows}
        return found

    # asking

    def ask_field(self, field_: str, cases: int) -> None:
        """The field's share of so many cases."""
        share = -(-cases * _share(field_) // sum(map(_share, fields())))
        faulty = max(1, share // FAULTY)
        self._ask_operation(field_, share - faulty, GenerationMode.POSITIVE)
        self._ask_operation(field_, faulty, GenerationMode.NEGATIVE)

    def _schema(self) -> Any:
        schemathesis.graphql.scalar("Date", _numbers.map(self._day).map(nodes.String))
        moments = st.sampled_from(MOMENTS * 12 + NO_MOMENTS).map(nodes.String)
        schemathesis.graphql.scalar("DateTime", moments)
        told: Any = introspection_from_schema(GRAPHQL_SCHEMA)
        schema = schemathesis.graphql.from_dict(told)

        @schema.hook
        def flatmap_body(_context: Any, made: DocumentNode) -> Any:
            return _numbers.map(lambda number: sensible(made, Random(number), self._pools))

        return schema.get_all_operations()

    def _day(self, number: int) -> str:
        return self._pools.day(Random(number))

    def _ask_operation(self, field_: str, times: int, mode: GenerationMode) -> None:
        """So many documents: hypothesis ends early where it has no more of them."""
        asked, turns = self.outcome.cases, 0
        while self.outcome.cases < asked + times and turns < MANY:
            self._examples(field_, asked + times - self.outcome.cases, mode)
            turns += 1

    def _examples(self, field_: str, times: int, mode: GenerationMode) -> None:
        @seed(self._random.getrandbits(64))
        @settings(
            max_examples=times,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(self._operations[field_].as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            self.outcome.cases += 1
            answer = self._ask(case.body)
            self._conform(case, answer)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ask()

    def _conform(self, case: Any, answer: httpx.Response) -> None:
        """What schemathesis itself finds wrong: no JSON, no answer, a null where none may be."""
        try:
            case.operation.validate_response(Response.from_any(answer), case=case)
        except (Failure, FailureGroup) as failure:
            self._find(case.body, str(failure), answer.text)

    def ask_nested(self, times: int) -> None:
        questions = Questions(self._sight.model, self._random)
        questions.favour(VIEWER)
        for _ in range(times):
            text, variables = document([questions.root()], self._random.random() < 0.4)
            self._ask(text, variables)

    def _ask(self, text: str, variables: dict[str, Any] | None = None) -> httpx.Response:
        answer: httpx.Response = self._run(self._client.post(self._asker, text, variables))
        asked = text if not variables else f"{text} {variables}"
        body = answer.json() if answer.status_code in (200, 400) else None
        for fault in self._judge.faults(asked, answer.status_code, body):
            self._find(asked, fault, answer.text)
        cursors = list(_values_of("endCursor", body)) + list(_values_of("cursor", body))
        ids = [each for each in _values_of("id", body) if self._random.random() < 0.2]
        self._pools.learn(ids, cursors[:3])
        if cursors and not variables:
            self._follow(text, body, cursors)
        return answer

    def _follow(self, text: str, body: Any, cursors: list[str]) -> None:
        """The page after a cursor of the outermost list."""
        given_ = _cursor_of(body)
        if given_ is None:
            return
        following = print_ast(_after(parse(text), given_))
        answer = self._run(self._client.post(self._asker, following))
        self.outcome.seen.followed += "errors" not in answer.json()
        for fault in self._judge.faults(following, answer.status_code, answer.json()):
            self._find(following, fault, answer.text)

    def _find(self, asked: str, fault: str, answered: str) -> None:
        self.outcome.findings.append(Finding(asked, fault, answered))

    # afterwards

    def look_back(self) -> None:
        """Nothing was written where the viewer may not write: their meetings are those of their
        own unit, their evaluations those of units below it, and that is all."""
        may_write = self._may_write()
        for name, rows in self._run(self._stored()).items():
            for row in rows ^ self._kept[name]:
                if row[1].strip("'") not in may_write.get(name, ()):
                    self._find(name, "changed what is not the viewer's to write", str(row))


_numbers = st.integers(0, 2**48)


def _share(field: str) -> int:
    """How often a field is asked for, beside others."""
    name = field.partition(".")[2]
    return 4 if name in OFTEN else 1 if name in SELDOM else 2


def _with_unit(table: Any) -> Any:
    column = table.c.of_unit_id if table is grant else table.c.unit_id
    more = [each for each in table.c if each.name in ("revision", "valid_to", "revoked_at")]
    return select(table.c.id, unit.c.code, *more).join_from(table, unit, unit.c.id == column)


def _values_of(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name and isinstance(inner, str):
                yield inner
            else:
                yield from _values_of(name, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values_of(name, inner)


def _cursor_of(body: Any) -> str | None:
    """A cursor of the list at the root, where it is the only thing asked for."""
    data = body.get("data") or {}
    lists = [each for each in data.values() if isinstance(each, dict)]
    if len(data) != 1 or not lists:
        return None
    page, edges = lists[0].get("pageInfo") or {}, lists[0].get("edges") or [{}]
    found = page.get("endCursor") if isinstance(page, dict) else None
    return found or (edges[0].get("cursor") if isinstance(edges, list) and edges else None)


def _after(asked: DocumentNode, cursor: str) -> DocumentNode:
    """The same document for the page after the cursor."""
    given_ = ArgumentNode(name=NameNode(value="after"), value=StringValueNode(value=cursor))
    [operation] = asked.definitions
    assert isinstance(operation, OperationDefinitionNode)
    [root] = operation.selection_set.selections
    assert isinstance(root, FieldNode)
    kept = [each for each in root.arguments or () if each.name.value != "after"]
    following = replace(root, arguments=(*kept, given_))
    selections = replace(operation.selection_set, selections=(following,))
    return replace(asked, definitions=(replace(operation, selection_set=selections),))
