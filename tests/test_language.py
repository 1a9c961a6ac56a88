"""Every sentence a client may read exists in Vietnamese, and a request chooses its language."""

from __future__ import annotations

import ast
import string
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest
from babel.messages.pofile import read_po

from graph.language import preferred, said
from server.app import make_app
from server.identity import development_token
from server.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("graph", "authz", "records", "hierarchy")
OPERATORS = ("hierarchy/founding.py", "hierarchy/neo4j.py", "hierarchy/embedded.py")
"""Speak to whoever loads a folder or runs a server, on the command line, which is English."""

TO_OPERATORS = {"{faults}"}
"""The faults of a folder's units, which no client founds."""

MESSAGE_AT = {
    "BadInput": 0,
    "Conflict": 0,
    "Forbidden": 0,
    "TooCostly": 0,
    "GraphQLError": 0,
    "_bad": 0,
    "Refusal": 2,
    "Fault": 1,
    "Problem": 2,
    "_holding": 0,
}
"""Where the message stands among the arguments of what a client is answered with."""

CONSTANTS = (
    "graph/errors.py",
    "graph/coercion.py",
    "graph/limits.py",
    "graph/resolvers/auditing.py",
    "graph/resolvers/decisions.py",
    "graph/resolvers/judging.py",
)
"""Modules that say what their constants say."""

ERRORS = (
    "hierarchy/errors.py",
    "graph/budget.py",
    "graph/deadline.py",
    "graph/resolvers/previewing.py",
)
"""Modules whose exceptions say something by themselves."""

HANDED_ON = {
    "UNAUTHENTICATED",
    "message",
    "fault.message",
    "error.message",
    "what",
    "str(error)",
    "conflict.message",
    "_DECIDED_LATER",
    "LATER",
    "said",
}
"""What stands where a message is no literal: its sentences are found where they are made."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name not in OPERATORS:
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def calls(name: str, tree: ast.Module) -> Iterator[ast.expr]:
    """The messages of all calls that answer a client."""
    known = MESSAGE_AT | ({"_refuse": 0} if name == "graph/limits.py" else {})
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            at = known.get(node.func.id)
            if at is not None and len(node.args) > at:
                yield node.args[at]


def text_of(node: ast.expr | None) -> str | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def returned(tree: ast.Module) -> Iterator[str]:
    """Sentences that a function answers with where something is at fault, and null where not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.returns or node) == "str | None":
            values = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
            yield from filter(None, map(text_of, values))


def constants(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and (found := text_of(node.value)):
            yield found


def outcomes(tree: ast.Module) -> Iterator[str]:
    """What the values of an enumeration say, and the constants that are said in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and "Enum" in map(ast.unparse, node.bases):
            for each in node.body:
                if isinstance(each, ast.Assign) and (found := text_of(each.value)):
                    yield found
    yield from constants(tree)


def complaints(tree: ast.Module) -> Iterator[str]:
    """The sentences of a module that are no docstrings: what it says of a decision."""
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            prose.add(id(node.value))
        found = text_of(node) if isinstance(node, ast.expr) else None
        if found is not None and id(node) not in prose and found.endswith("."):
            yield found


def of_the_errors(tree: ast.Module) -> Iterator[str]:
    """What an exception says where nothing is given: defaults, and what it hands to the root."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            inits = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
            given = [argument for call in inits for argument in call.args]
            yield from filter(None, map(text_of, [*node.args.defaults, *given]))


@cache
def messages() -> set[str]:
    """Every sentence of the source that a client may be answered with."""
    found: set[str] = set()
    for name, tree in sources():
        found.update(filter(None, map(text_of, calls(name, tree))))
        if name.startswith("records/"):
            found.update(returned(tree))
        if name in CONSTANTS:
            found.update(constants(tree))
        if name in ERRORS:
            found.update(of_the_errors(tree))
        if name == "authz/explaining.py":
            found.update(outcomes(tree))
        if name == "hierarchy/timeline.py":
            found.update(complaints(tree))
    return found - TO_OPERATORS


def catalogue() -> dict[str, str]:
    with (ROOT / "graph" / "locale" / "vi.po").open("rb") as lines:
        return {str(entry.id): str(entry.string) for entry in read_po(lines) if entry.id}


def places(sentence: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None)


def test_every_message_has_a_sentence_in_vietnamese_and_no_sentence_is_left_over() -> None:
    """The catalogue is the list of what clients may read."""
    assert set(catalogue()) == messages()


@pytest.mark.parametrize("message", sorted(messages()))
def test_a_sentence_has_the_places_of_its_message(message: str) -> None:
    """Nothing a message tells is lost, and no place is left empty."""
    sentence = catalogue()[message]
    assert sentence.strip()
    assert sentence != message
    assert places(sentence) == places(message)


def test_no_message_is_made_where_it_cannot_be_found() -> None:
    """A message is a literal, or handed on from where it is one; graphql-core's own words of a
    fragment are all that is put together."""
    unsaid = {
        ast.unparse(message)
        for name, tree in sources()
        for message in calls(name, tree)
        if text_of(message) is None
    }
    assert {each for each in unsaid if "Cannot spread fragment" not in each} == HANDED_ON


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "vi"),
        ("", "vi"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("EN-us", "en"),
        ("fr", "vi"),
        ("fr;q=1.0,en;q=0.2", "en"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("vi;q=0.1,en;q=0.9", "en"),
        ("en;q=0.9,vi", "vi"),
        ("en,vi", "en"),
        ("en ; q=0.5 , vi ; q=0.4", "en"),
        ("en;q=0", "vi"),
        ("en;q=0,fr", "vi"),
        ("vi;q=0,en;q=0.001", "en"),
        ("vi;q=0,*", "en"),
        ("*", "vi"),
        ("*;q=0.5,en", "en"),
        ("en-US;q=0,en", "en"),
        ("en-GB;q=0.8", "en"),
        ("vi-VN", "vi"),
        ("en;q=2", "vi"),
        ("en;q=nan", "vi"),
        ("en;q=inf", "vi"),
        ("en;q=", "vi"),
        (";;,,=;q", "vi"),
        ("english", "vi"),
        ("\x00é-en", "vi"),
    ],
)
def test_the_language_is_vietnamese_unless_english_is_preferred(
    header: str | None, language: str
) -> None:
    """Accept-Language by its weights (RFC 9110); what is no such header asks for nothing."""
    assert preferred(header) == language


def test_a_message_without_places_is_said_as_it_is() -> None:
    """Braces in what graphql-core says of a document are no places."""
    message = 'Syntax Error: Expected Name, found "}".'
    assert said(message, {}, "vi") == message


Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(scope="module")
async def ask(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ask]:
    """Asks a server on an empty SQLite database, as a principal without rights."""
    home = tmp_path_factory.mktemp("language")
    database = f"sqlite:///{home / 'chibo.db'}"
    settings = Settings(home=home, database_url=database, neo4j_uri=None, max_depth=3)
    nobody = development_token(settings, "nobody", 60)
    app = make_app(settings, "127.0.0.1")

    async def post(query: str, language: str, token: str = nobody) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        return await client.post("/graphql", json={"query": query}, headers=headers)

    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://chibo") as client,
    ):
        yield post


@pytest.mark.parametrize(
    ("query", "code", "vietnamese", "english"),
    [
        (
            "{ units { totalCount } }",
            "FORBIDDEN",
            "Bạn không có quyền thực hiện việc này.",
            "You do not have the right to do this.",
        ),
        ('{ units(within: "T") { totalCount } }', "NOT_FOUND", "Không tìm thấy.", "Not found."),
        (
            "{ units(first: 201) { totalCount } }",
            "BAD_USER_INPUT",
            "`first` phải nằm trong khoảng từ 0 đến 200.",
            "`first` lies between 0 and 200.",
        ),
        (
            '{ units(filter: {kind: ["{limit}"]}) { totalCount } }',
            "BAD_USER_INPUT",
            "Không có loại tổ chức đảng này: {limit}.",
            "Unknown kind of unit: {limit}.",
        ),
        (
            "{ units { nodes { parent { code } } } }",
            "QUERY_TOO_COSTLY",
            "Truy vấn vượt quá giới hạn: độ sâu là 4, tối đa 3.",
            "The query is too costly: depth 4, at most 3.",
        ),
        (
            "query A { __typename } query B { __typename }",
            "BAD_USER_INPUT",
            "Không có thao tác nào mang tên đó, hoặc có nhiều thao tác mà không nêu tên thao tác "
            "cần chạy.",
            "There is no operation of that name, or more than one without a name.",
        ),
    ],
)
async def test_an_error_speaks_the_language_of_the_request(
    ask: Ask, query: str, code: str, vietnamese: str, english: str
) -> None:
    """The sentence differs, the code never does, and the answer says which language it is in."""
    for header, language, message in (("fr", "vi", vietnamese), ("en-GB", "en", english)):
        found = await ask(query, header)
        [error] = found.json()["errors"]
        assert (error["message"], error["extensions"]["code"]) == (message, code)
        assert found.headers["content-language"] == language
        assert "Accept-Language" in found.headers["vary"]


async def test_who_is_not_let_in_is_told_in_the_language_of_the_request(ask: Ask) -> None:
    """The language is known before the principal is."""
    said_in = {"vi": "Cần có mã xác thực hợp lệ.", "en": "A valid token is needed."}
    for language, message in said_in.items():
        found = await ask("{ __typename }", language, token="none")
        assert found.status_code == 401
        assert found.json()["errors"][0]["message"] == message
