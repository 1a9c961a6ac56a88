"""Plain selections: executed by a plan, answered to the byte as graphql-core answers them."""

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from random import Random
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import pytest_asyncio
import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    NoUnusedVariablesRule,
    execute,
    parse,
    specified_rules,
    validate,
)
from graphql import Executor as Ordinary
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from graph import execution, plain
from graph.execution import Executor, Request
from graph.limits import Limits
from graph.plain import GATHERED, PlainExecutor, attribute, of_all, of_each
from graph.schema.scalars import DATE
from server.database import Database
from server.loading import load
from tests.oracle.folders import make_folder
from tests.oracle.model import Model
from tests.oracle.questions import Questions, document

# ---- a schema whose rows may hold anything


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


strawberry.enum(Colour)


@dataclass
class Row:
    """What stands behind a `Thing`: each attribute may be wrong."""

    name: Any = "a"
    note: Any = None
    day: Any = date(2024, 5, 1)
    count: Any = 1
    share: Any = None
    is_open: Any = True
    colour: Any = Colour.RED
    tags: Any = ()
    inner: Any = None
    sure: Any = None
    below: Any = ()


@strawberry.type
class Thing:
    name: str
    note: str | None
    day: date
    count: int
    share: float | None
    is_open: bool
    colour: Colour
    tags: list[str]
    inner: "Thing | None"
    sure: "Thing"

    @strawberry.field(metadata=GATHERED)
    def length(self) -> int:
        found: Any = of_each(self, lambda row: len(row.name))
        return found

    @strawberry.field(metadata=GATHERED)
    async def below(self, first: int = 9) -> "list[Thing] | None":
        found: Any = await of_all(self, lambda rows: _below(rows, first))
        return found

    @strawberry.field
    async def by_itself(self) -> str:
        await asyncio.sleep(0)
        row: Any = self
        return f"{row.name} by itself"

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, Row)


async def _below(rows: list[Row], first: int) -> list[Any]:
    await asyncio.sleep(0)
    if first < 0:
        raise ValueError("first is negative")
    return [row.below if row.below is None else list(row.below)[:first] for row in rows]


@strawberry.type
class Query:
    @strawberry.field
    def things(self, info: strawberry.Info) -> list[Thing]:
        return info.context  # type: ignore[no-any-return]

    @strawberry.field
    async def later(self, info: strawberry.Info) -> list[Thing | None] | None:
        await asyncio.sleep(0)
        return info.context  # type: ignore[no-any-return]

    @strawberry.field
    def first_thing(self, info: strawberry.Info) -> Thing | None:
        return info.context[0] if info.context else None


SCHEMA: Any = strawberry.Schema(
    Query, config=StrawberryConfig(default_resolver=attribute, scalar_map={date: DATE})
)._schema


RULES = [rule for rule in specified_rules if rule is not NoUnusedVariablesRule]


class Unreadable:
    """Neither a row nor a value."""


class Told(Exception):
    """Something that went wrong, put in a value's place."""


class Alike(SimpleNamespace):
    """All that a row has, and no row."""


ALIKE = Alike(**vars(Row()), other=1)

WRONG = [None, 2**31, 1.5, float("nan"), "é", "12", [], Told("a"), Unreadable(), True, ALIKE]
LEAVES = ["name", "note", "day", "count", "share", "isOpen", "colour", "tags", "length"]
RIGHT: dict[str, Any] = {
    "name": ["a", "", "Đảng"],
    "note": ["n", None],
    "day": [date(2020, 2, 29)],
    "count": [0, -(2**31), 2**31 - 1],
    "share": [0.5, None, 2],
    "is_open": [True, False],
    "colour": list(Colour),
    "tags": [["x", "y"], []],
}


def a_row(random: Random, depth: int, harm: float) -> Any:
    """A row; each of its attributes, and the row itself, is wrong with a likelihood of `harm`."""
    if random.random() < harm / 4:
        return random.choice(WRONG)
    row = Row(**{name: random.choice(values) for name, values in RIGHT.items()})
    if depth:
        row.inner = random.choice([None, a_row(random, depth - 1, harm)])
        row.sure = a_row(random, depth - 1, harm)
        row.below = random.choice([None, [], rows_of(random, depth - 1, harm)])
    for name in (*RIGHT, "inner", "sure", "below"):
        if random.random() < harm:
            setattr(row, name, random.choice(WRONG))
    if random.random() < harm / 2:
        del row.count
    return row


_LEAVES = "name note day count share isOpen colour tags"
WHOLE = parse(
    f"{{ things {{ {_LEAVES} inner {{ {_LEAVES} }} sure {{ name }} below {{ {_LEAVES} }} }} }}"
)


def rows_of(random: Random, depth: int, harm: float) -> list[Any]:
    return [a_row(random, depth, harm) for _ in range(random.randint(1, 4))]


def a_selection(random: Random, depth: int) -> str:
    """Some fields of a `Thing`, some in fragments, under other names, twice, or on a condition."""
    chosen = random.sample([*LEAVES, "__typename"], random.randint(1, 5))
    parts = [
        f"{random.choice(['', '', 'x: '])}{name}" if at == 0 else name
        for at, name in enumerate(chosen)
    ]
    if random.random() < 0.15:
        parts.append("byItself")
    if random.random() < 0.15:
        parts.append(f"noteAgain: note @{random.choice(['skip', 'include'])}(if: $yes)")
    if depth:
        for name in random.sample(["inner", "sure", "below"], random.randint(0, 2)):
            first = random.choice(["", "", "(first: 2)", "(first: $few)", "(first: -1)"])
            asked = first if name == "below" else ""
            parts.append(f"{name}{asked} {a_selection(random, depth - 1)}")
    random.shuffle(parts)
    if random.random() < 0.3:
        parts.append(f"... on Thing {{ {random.choice(LEAVES)} }}")
    if random.random() < 0.2:
        parts.append("...Some")
    return "{ " + " ".join(parts) + " }"


def a_document(random: Random) -> str:
    roots = random.choices(["things", "later", "firstThing"], k=random.choice([1, 1, 2]))
    body = " ".join(f"r{at}: {name} {a_selection(random, 2)}" for at, name in enumerate(roots))
    text = f"query($yes: Boolean! = true, $few: Int! = 1) {{ {body} }}"
    return text + (" fragment Some on Thing { day name }" if "...Some" in text else "")


def told(
    document: DocumentNode,
    rows: list[Any],
    executor: type[Ordinary[None]],
    values: dict[str, bool] | None = None,
) -> bytes:
    """The bytes of the answer: data, then errors by their places; those of fields that are waited
    for come in the order in which they happen to end."""

    async def run() -> ExecutionResult:
        result: Any = execute(
            SCHEMA,
            document,
            context_value=rows,
            variable_values={"yes": True} | (values or {}),
            is_awaitable=execution._is_awaitable,
            executor_class=executor,
        )
        found: ExecutionResult = await result if execution._is_awaitable(result) else result
        return found

    answered = asyncio.run(run())
    errors = sorted(orjson.dumps(error.formatted) for error in answered.errors or ())
    return b"\n".join([orjson.dumps(answered.data), *errors])


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0, max_value=2**32), st.sampled_from([0, 0.02, 0.1]))
def test_whatever_rows_hold_answers_and_errors_are_graphql_cores(seed: int, harm: float) -> None:
    """Random documents on random rows, wrong ones among them: the same bytes, errors too."""
    random = Random(seed)
    asked = parse(a_document(random))
    if validate(SCHEMA, asked, RULES):
        return
    for yes in (True, False):
        rows = rows_of(random, 3, harm)
        answers = [told(asked, rows, kind, {"yes": yes}) for kind in (PlainExecutor, Ordinary)]
        assert answers[0] == answers[1]


def test_whatever_one_row_holds_in_one_place_is_answered_alike() -> None:
    """Each wrong value in each attribute of a row among good ones, at the top and below."""
    for name in (*RIGHT, "inner", "sure", "below"):
        for wrong in WRONG:
            rows = [Row(inner=Row(), sure=Row(), below=[Row(), Row()]) for _ in range(3)]
            setattr(rows[1], name, wrong)
            for given_rows in (rows, [Row(inner=Row(), sure=Row(), below=rows)]):
                answers = [told(WHOLE, given_rows, kind) for kind in (PlainExecutor, Ordinary)]
                assert answers[0] == answers[1], (name, wrong)


@pytest.mark.parametrize("wrong", WRONG)
def test_whatever_stands_in_a_rows_place_is_answered_alike(wrong: Any) -> None:
    """Where a list may hold nulls, where it may not, and below."""
    for rows in ([Row(sure=Row()), wrong], [Row(sure=Row(), below=[Row(), wrong])]):
        for asked in (WHOLE, parse("{ later { name } }"), parse("{ firstThing { day } }")):
            assert told(asked, rows, PlainExecutor) == told(asked, rows, Ordinary)


FULL = parse(
    "{ things { name day count colour isOpen inner { name share } below { name length } } }"
)


def test_the_work_of_the_executor_does_not_grow_with_the_rows() -> None:
    """Fields are executed once a list, not once a row."""
    executed = [0]

    class Counting(PlainExecutor):
        def execute_field(self, *args: Any) -> Any:
            executed[0] += 1
            return super().execute_field(*args)

    few, many = (
        [Row(inner=Row(), sure=Row(), below=[Row()]) for _ in range(size)] for size in (2, 100)
    )
    for asked in (FULL, WHOLE):
        for rows in (few, many):
            executed[0] = 0
            assert told(asked, rows, Counting) == told(asked, rows, Ordinary)
            assert executed == [1]


def test_plans_die_with_their_document() -> None:
    """Nothing is kept of a document that nobody keeps."""
    gc.collect()
    kept = len(plain._PLANS)
    told(parse("{ things { name } }"), [Row()], PlainExecutor)
    gc.collect()
    assert len(plain._PLANS) == kept


def planned(operation: Any) -> int:
    """How many plans an operation has."""
    return len(plain._PLANS[id(operation)].made)


def on_conditions(*parts: str) -> DocumentNode:
    """A document of parts, each with `$a0`, `$a1` … in the place of `$`."""
    declared = " ".join(f"$a{at}: Boolean!" for at, _ in enumerate(parts))
    body = " ".join(part.replace("$", f"$a{at}") for at, part in enumerate(parts))
    return parse(f"query ({declared}) {{ {body} }} fragment Some on Query {{ things {{ day }} }}")


CONDITIONS = (
    ["things @include(if: $) { name inner { day } }"] * 8,
    ["... @include(if: $) { things { name sure { day } } }"] * 8,
    ["... { ... @skip(if: $) { things { name } } }", "...Some @include(if: $)"] * 4,
    ["things @include(if: $) { byItself inner { name inner { day } } }"] * 8,
)


@pytest.mark.parametrize("parts", CONDITIONS)
def test_plans_do_not_multiply_with_what_variables_let_through(parts: list[str]) -> None:
    """Each of many fields of one name on a condition of its own: a plan for each field at most,
    not for each choice of them; and every choice is answered as ever."""
    asked = on_conditions(*parts)
    rows = [Row(sure=Row(), inner=Row(inner=Row())), Row(sure=Row())]
    for choice in range(2 ** len(parts)):
        values = {f"a{at}": bool(choice >> at & 1) for at in range(len(parts))}
        answers = [told(asked, rows, kind, values) for kind in (PlainExecutor, Ordinary)]
        assert answers[0] == answers[1]
    assert planned(asked.definitions[0]) <= 4 * len(parts)


def test_what_is_selected_twice_without_a_condition_has_a_plan() -> None:
    """So has a field on a condition that stands alone."""
    asked = parse(
        "query ($yes: Boolean!) { things { name ...Some inner { name } } ...More "
        "  later @include(if: $yes) { name inner { day } } }"
        "fragment Some on Thing { __typename inner { day } }"
        "fragment More on Query { things { day } }"
    )
    rows = [Row(inner=Row()), Row(inner=Row())]
    assert told(asked, rows, PlainExecutor) == told(asked, rows, Ordinary)
    plans = [plan for plan, _ in plain._PLANS[id(asked.definitions[0])].made.values()]
    assert len(plans) == 4
    assert None not in plans


def test_the_plans_of_one_document_have_a_limit() -> None:
    """Beyond it selections are executed as ever."""
    parts = " ".join(f"r{at}: things {{ {_LEAVES} }}" for at in range(200))
    asked = parse(f"{{ {parts} }}")
    assert told(asked, [Row()], PlainExecutor) == told(asked, [Row()], Ordinary)
    plans = plain._PLANS[id(asked.definitions[0])].made.values()
    assert 20 < len(plans) < 200
    assert sum(len(plan.names) for plan, _ in plans if plan) <= plain.MOST_PLANNED


# ---- the schema itself


@pytest_asyncio.fixture(scope="module")
async def random_province(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Executor, Model, list[str]]]:
    """A random folder, loaded."""
    home, folder = tmp_path_factory.mktemp("plain"), make_folder(11)
    folder.write(home / "data")
    database = Database(f"sqlite+aiosqlite:///{home / 'chibo.db'}")
    await database.migrate()
    await load(database, None, home / "data", folder.today)
    executor = Executor(database, Limits(), b"k" * 32, lambda: folder.today)
    yield executor, Model(home / "data", folder.today), folder.principals
    await database.close()


@pytest.mark.parametrize("seed", range(2))
async def test_random_questions_are_answered_alike(
    random_province: tuple[Executor, Model, list[str]],
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is asked of units, records and sums, some of it refused, by anybody."""
    executor, model, principals = random_province
    random = Random(f"plain {seed}")
    questions = Questions(model, random)
    for _ in range(30):
        principal = random.choice(principals)
        questions.favour(principal)
        text, variables = document([questions.root()], variables=random.random() < 0.4)
        if random.random() < 0.2:
            text = text.replace("first: 3", "first: 500").replace("first: 2", 'after: "none"')
        answers = []
        for kind in (PlainExecutor, Ordinary):
            monkeypatch.setattr(execution, "PlainExecutor", kind)
            answer = await executor.answer(Request(text, variables, None, "en"), principal)
            answers.append((orjson.dumps(answer.body.get("data")), _by_place(answer.body)))
        assert answers[0] == answers[1], text


def _by_place(body: dict[str, Any]) -> list[bytes]:
    return sorted(map(orjson.dumps, body.get("errors", ())))
