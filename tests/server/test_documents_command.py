"""`chibo documents add`: what it takes, what it refuses, and that it is all or nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import insert, select

from graph.limits import Limits
from server.database import Database
from server.document_folder import DocumentsRefused, read_documents
from server.documents import Added, StoredDocuments, add
from server.folder.faults import LIMIT
from server.tables import trusted_document
from tests.oracle.served import environment, run_chibo
from tests.province import TODAY

NAME = "{ viewer { name } }"
AN_ID = "an id is 1 to 200 characters, none of control"
UNIT = "query Unit($code: String!) { unit(code: $code) { name } }\n"


def sha256(content: str | bytes) -> str:
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()


def folder_of(path: Path, **files: str | bytes | dict[str, object]) -> Path:
    """A folder of files; `__` in a name stands for the dot."""
    path.mkdir(exist_ok=True)
    for name, content in files.items():
        text = json.dumps(content) if isinstance(content, dict) else content
        data = text if isinstance(text, bytes) else text.encode()
        (path / name.replace("__", ".")).write_bytes(data)
    return path


def refused(folder: Path, limits: Limits | None = None) -> list[str]:
    with pytest.raises(DocumentsRefused) as caught:
        read_documents(folder, limits or Limits())
    return str(caught.value).splitlines()


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, fresh_database: Callable[[str], str]
) -> AsyncIterator[Database]:
    made = Database(fresh_database(request.param))
    await made.migrate()
    yield made
    await made.close()


async def stored(database: Database) -> dict[str, str]:
    async with database.reading() as connection:
        rows = await connection.execute(select(trusted_document.c.id, trusted_document.c.text))
        return {row.id: row.text for row in rows}


# ---- what is read


def test_a_folder_is_read_by_its_files(tmp_path: Path) -> None:
    """The id of a file is the hash of its very bytes; those of JSON are as they stand. Other files
    and folders are passed over."""
    marked = b"\xef\xbb\xbf" + NAME.encode()
    (tmp_path / "deeper").mkdir()
    folder_of(tmp_path / "deeper", x__graphql="{ nothing }")
    folder_of(
        tmp_path,
        a__graphql=NAME,
        b__graphql=marked,
        c__json={"tên/1": UNIT},
        d__json=b"\xef\xbb\xbf{}",
    )
    folder_of(tmp_path, e__md="no document", f__graphqls="type Query { a: Int }")
    assert read_documents(tmp_path, Limits()) == {
        sha256(NAME): NAME,
        sha256(marked): marked.decode(),
        "tên/1": UNIT,
    }


def test_the_same_document_may_stand_twice(tmp_path: Path) -> None:
    folder_of(tmp_path, a__graphql=NAME, b__graphql=NAME, c__json={sha256(NAME): NAME, "x": NAME})
    assert read_documents(tmp_path, Limits()) == {sha256(NAME): NAME, "x": NAME}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.graphql", "{ nothing }", "line 1: Cannot query field 'nothing' on type 'Query'."),
        ("a.graphql", "\n{", "line 2: Syntax Error: Expected Name, found <EOF>."),
        ("a.graphql", "", "line 1: Syntax Error: Unexpected <EOF>."),
        ("a.graphql", b"\xff", "not UTF-8"),
        ("a.graphql", "#\0\n" + NAME, "holds U+0000 or half a character"),
        ("a.graphql", "fragment a on Unit { code }", "line 1: Fragment 'a' is never used."),
        ("a.json", "{", "line 1: not JSON"),
        ("a.json", "[]", "not an object of ids and documents"),
        ("a.json", '"x"', "not an object of ids and documents"),
        ("a.json", "9" * 5000, "a number of too many digits"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", f'{{"x": "{NAME}", "x": "{NAME}"}}', "'x' a second time"),
        ("a.json", '{"x": 1}', "'x': the document is no text"),
        ("a.json", '{"x": {"y": 1}}', "'x': the document is no text"),
        ("a.json", f'{{"": "{NAME}"}}', f"'': {AN_ID}"),
        ("a.json", f'{{"a\\n": "{NAME}"}}', rf"'a\n': {AN_ID}"),
        ("a.json", f'{{"\\ud800": "{NAME}"}}', rf"'\ud800': {AN_ID}"),
        ("a.json", '{"x": "#\\ud800"}', "'x': holds U+0000 or half a character"),
        ("a.json", '{"x": "{ a }"}', "'x': line 1: Cannot query field 'a' on type 'Query'."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_file(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    folder_of(tmp_path, **{name: content})
    assert refused(tmp_path) == [f"{name}: {said}"]


def test_a_document_over_a_limit_is_refused(tmp_path: Path) -> None:
    """Each limit of a request, and its cost with the variables left out."""
    folder = folder_of(tmp_path, a__graphql='{ unit(code: "B") { parent { code } } }')
    assert read_documents(folder, Limits(max_depth=3))
    assert refused(folder, Limits(max_depth=2)) == [
        "a.graphql: line 1: The query is too costly: depth 3, at most 2."
    ]
    assert "tokens" in refused(folder, Limits(max_tokens=5))[0]
    units = "{ units(first: $first) { nodes { children(first: 200) { nodes { code } } } } }"
    folder_of(folder, a__graphql=f"query ($first: Int!) {units}")
    assert read_documents(folder, Limits(max_cost=20_100))
    assert "cost" in refused(folder, Limits(max_cost=10_000))[0]


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """In the order of the files, up to fifty faults."""
    folder_of(tmp_path, a__graphql="{ a b }", b__graphql="{", c__json={"x": 1, "y": NAME, "z": "{"})
    assert [line.split(": ")[0] for line in refused(tmp_path)] == [
        "a.graphql", "a.graphql", "b.graphql", "c.json", "c.json",
    ]  # fmt: skip
    folder_of(tmp_path, d__json={f"x{number}": "{" for number in range(60)})
    lines = refused(tmp_path)
    assert (len(lines), lines[-1]) == (LIMIT + 1, "and 15 more")


def test_an_id_of_two_documents_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, a__json={"x": NAME}, b__json={"x": UNIT})
    assert refused(tmp_path) == ["b.json: 'x': the id of another document of the folder"]


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    """So is one that is not there, or is a file."""
    assert refused(tmp_path) == [f"{tmp_path}: holds no document"]
    for wrong in (tmp_path / "none", folder_of(tmp_path, x="y") / "x"):
        assert refused(wrong)[0].startswith(f"{wrong}: cannot be read (")


# ---- what is stored


async def test_all_of_a_folder_is_stored_or_nothing(database: Database, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a__graphql=NAME, b__json={"x": UNIT, "y": "{ nothing }"})
    with pytest.raises(DocumentsRefused):
        await add(database, folder, Limits())
    assert await stored(database) == {}
    folder_of(folder, b__json={"x": UNIT})
    assert await add(database, folder, Limits()) == Added(2, 0)
    assert await stored(database) == {sha256(NAME): NAME, "x": UNIT}
    assert await StoredDocuments(database).text_of("x") == UNIT
    assert await StoredDocuments(database).holds(sha256(UNIT))
    assert not await StoredDocuments(database).holds(sha256("x"))


async def test_what_is_there_is_skipped_and_never_altered(
    database: Database, tmp_path: Path
) -> None:
    """Ids are told apart by their bytes."""
    folder = folder_of(tmp_path, a__json={"x": NAME})
    assert await add(database, folder, Limits()) == Added(1, 0)
    assert await add(database, folder, Limits()) == Added(0, 1)
    folder_of(folder, a__json={"X": UNIT, "x": NAME, "x ": UNIT})
    assert await add(database, folder, Limits()) == Added(2, 1)
    folder_of(folder, a__json={"new": NAME, "x": UNIT})
    with pytest.raises(DocumentsRefused) as caught:
        await add(database, folder, Limits())
    assert str(caught.value) == "'x': the id of another document, stored before"
    assert await stored(database) == {"x": NAME, "X": UNIT, "x ": UNIT}


async def test_two_that_add_at_once_both_succeed(database: Database, tmp_path: Path) -> None:
    """The later one finds there what the other stored meanwhile."""
    folder = folder_of(tmp_path, a__json={"x": NAME, "y": UNIT})
    row = {"id": "x", "digest": sha256(NAME), "text": NAME, "added_at": datetime.now(UTC)}
    async with database.writing() as other:
        await other.execute(insert(trusted_document), [row])
        later = asyncio.create_task(add(database, folder, Limits()))
        await asyncio.sleep(0.3)
    assert await later == Added(1, 1)
    assert await stored(database) == {"x": NAME, "y": UNIT}


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    """Under the limits that are set; 1 and no traceback where the folder is at fault."""
    folder = folder_of(tmp_path / "documents", a__graphql=NAME, b__graphql=UNIT)
    variables = environment(tmp_path, TODAY)
    for output in ("2 new, 0 skipped\n", "0 new, 2 skipped\n"):
        done = run_chibo(["documents", "add", str(folder)], variables)
        assert (done.exit_code, done.output) == (0, output), done.errors
    done = run_chibo(["documents", "add", str(folder)], variables | {"CHIBO_MAX_DEPTH": "1"})
    assert (done.exit_code, done.output) == (1, "")
    assert done.errors.splitlines() == [
        f"{name}.graphql: line 1: The query is too costly: depth 2, at most 1." for name in "ab"
    ]
