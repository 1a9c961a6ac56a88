"""The documents: what they name exists, what exists is named, and what they show happens."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from itertools import product, zip_longest
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.main

from authz.policy import Rule
from hierarchy.errors import ChiboError
from server import policy_page
from server.app import make_app
from server.commands import app as commands
from server.folder.folder import FILES
from server.generation import SHAPES
from server.identity import development_token
from server.loading import LoadRefused, load
from server.settings import Settings
from server.stores import Stores, open_stores
from server.verifying import violations
from tests.province import served, told

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
EXAMPLE = DOCS / "example"
TODAY = date(2025, 3, 31)
OPAQUE = "…"

ELSEWHERE = {
    "CHIBO_POSTGRES_PASSWORD",  # docker-compose.yml
    "CHIBO_PORT",  # docker-compose.yml
}
"""Variables that are no settings of Chibo's: the files named read them."""


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def everything() -> str:
    return "\n".join(map(text, PAGES))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def policy() -> list[dict[str, str]]:
    return rows(ROOT / "authz" / "default_policy.csv")


def tables(page: str) -> Iterator[list[list[str]]]:
    """The tables of a page, each as its rows of cells, the head first."""
    for lines in re.findall(r"(?:^\|.*\n)+", page, re.M):
        cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines.splitlines()]
        yield [cells[0], *cells[2:]]


def table(page: str, head: list[str]) -> list[list[str]]:
    [found] = [table[1:] for table in tables(page) if table[0] == head]
    return found


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# ---- what is named exists, and what exists is named


def test_the_settings_of_the_documents_are_the_settings() -> None:
    """A variable that a page names is Chibo's or the compose file's, and none is left out."""
    named = set(re.findall(r"\bCHIBO_[A-Z0-9_]+", everything()))
    assert named - ELSEWHERE == set(Settings.variables())
    compose = text(ROOT / "docker-compose.yml")
    assert all(name in compose for name in ELSEWHERE)


def known_commands() -> dict[str, set[str]]:
    """Each command with its options; those of a group are `group command`."""
    known: dict[str, set[str]] = {}

    def add(before: str, command: Any) -> None:
        for name, each in getattr(command, "commands", {}).items():
            add(f"{before}{name} ", each)
        if not hasattr(command, "commands"):
            options = {option for each in command.params for option in each.opts}
            known[before.strip()] = {option for option in options if option[0] == "-"}

    add("", typer.main.get_command(commands))
    return known


def test_the_commands_of_the_documents_are_the_commands() -> None:
    """In code, `chibo` is followed by a command and options that exist; each has its row."""
    known = known_commands()
    code = re.findall(r"`([^`\n]+)`|^ {4}(.+)$", everything(), re.M)
    lines = [inline or block for inline, block in code]
    called = [
        (_command(words, known), set(re.findall(r"(?<=\s)--[a-z\-]+", words)))
        for line in lines
        for words in re.findall(r"(?<![\w/.:-])chibo ([a-z]+(?![\w:/]).*)", line)
        if not words.startswith("bash")
    ]
    assert {name for name, _ in called} == set(known)
    assert [(name, options) for name, options in called if not options <= known[name]] == []
    documented = table(text(DOCS / "operating.md"), ["command", "does"])
    named = [quoted(command)[0].removeprefix("chibo ") for command, _ in documented]
    assert [_command(words, known) for words in named] == list(known)
    for (command, _), (name, options) in zip(documented, known.items(), strict=True):
        assert set(re.findall(r"--[a-z-]+", command)) == options - {"--help"}, name


def _command(words: str, known: dict[str, set[str]]) -> str:
    """The command that the words behind `chibo` begin with; the first one of none."""
    first = words.split()
    return next((name for name in known if first[: len(name.split())] == name.split()), first[0])


def test_the_roles_of_the_documents_are_those_of_the_policy() -> None:
    """The table of roles is the policy's list of roles."""
    documented = table(text(DOCS / "rights.md"), ["role", "who"])
    assert [quoted(role)[0] for role, _ in documented] == list(
        dict.fromkeys(rule["role"] for rule in policy())
    )


def test_the_rules_of_the_documents_are_those_of_the_policy() -> None:
    """The tables of rights are what the policy is printed as, and say each of its rules."""
    kinds = [row["code"] for row in rows(ROOT / "hierarchy" / "default_kinds.csv")]
    rules = [Rule(**row) for row in policy()]
    page = text(DOCS / "rights.md")
    for printed in (policy_page.rights(rules, kinds), policy_page.appointing(rules, kinds)):
        assert f"\n\n{printed}\n" in page
    documented = [
        Rule(role, _at(where, kinds), resource, action, *quoted(reach))
        for roles, where, to, resources, reach in table(page, list(policy_page.RIGHTS))
        for role, action, resource in product(*map(quoted, (roles, to, resources)))
    ]
    documented += [
        Rule(role, _at(where, kinds), f"appointment:{given}", "record", *quoted(reach))
        for roles, where, to, reach in table(page, list(policy_page.APPOINTMENTS))
        for role, given in product(quoted(roles), quoted(to))
    ]
    assert sorted(documented, key=str) == sorted(rules, key=str)


def _at(where: str, kinds: list[str]) -> str:
    if where == "any unit":
        return "*"
    if where.startswith("any but "):
        return "|".join(kind for kind in kinds if kind not in quoted(where))
    return "|".join(quoted(where))


def test_the_codes_of_the_documents_are_those_of_the_errors() -> None:
    """Every code an answer may carry has its row."""
    documented = {
        quoted(row[0])[0] for row in table(text(DOCS / "api.md"), ["code", "means", "HTTP"])
    }
    assert documented == {each.code for each in ChiboError.__subclasses__()} | {"UNAUTHENTICATED"}


def test_the_files_of_the_documents_are_those_of_a_data_folder() -> None:
    """Each file of a folder is shown with its columns, and the example has every one of them."""
    assert sorted(path.name for path in EXAMPLE.iterdir()) == sorted(FILES)
    page = text(DOCS / "loading.md")
    for name in FILES:
        header = text(EXAMPLE / name).splitlines()[0].removesuffix(",client_key")
        assert f"`{name}`" in page
        assert header in page


def test_the_kinds_of_the_documents_are_the_default_kinds() -> None:
    """With their official names, ranks, and what they may stand under."""
    kinds = rows(ROOT / "hierarchy" / "default_kinds.csv")
    standings = rows(ROOT / "hierarchy" / "default_standings.csv")
    above = {
        kind["code"]: [each["under"] for each in standings if each["kind"] == kind["code"]]
        for kind in kinds
    }
    head = ["kind", "official name", "rank", "may stand under"]
    documented = [
        (*quoted(kind), name, rank, quoted(under))
        for kind, name, rank, under in table(text(DOCS / "loading.md"), head)
    ]
    assert documented == [
        (kind["code"], kind["name"], kind["rank"], above[kind["code"]]) for kind in kinds
    ]


def test_the_shapes_of_the_documents_are_those_that_are_generated() -> None:
    assert set(re.findall(r"--shape ([a-z\-]+)", everything())) <= set(SHAPES)
    assert all(f"`{shape}`" in text(DOCS / "loading.md") for shape in SHAPES)


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as a reader of Markdown makes them."""
    headings = re.findall(r"^#+ (.+)$", page, re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_link_leads_somewhere(page: Path) -> None:
    """To a file of the source, and to a heading that is in it."""
    for link in re.findall(r"\]\(([^)]+)\)", text(page)):
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        assert not anchor or anchor in anchors(text(path)), link


def test_every_document_is_linked_from_the_readme_or_a_page_it_leads_to() -> None:
    """Nothing is written that nobody finds."""
    found, unread = {ROOT / "README.md"}, [ROOT / "README.md"]
    while unread:
        page = unread.pop()
        links = re.findall(r"\]\(([^)#]+)", text(page))
        new = {(page.parent / link).resolve() for link in links} - found
        found |= new
        unread += [path for path in new if path.suffix == ".md"]
    assert set(PAGES) <= found


def test_no_document_names_a_host_but_this_machine_and_placeholders() -> None:
    """A page holds wherever packages come from: it names no registry, nor any other host."""
    hosts = re.findall(r"://(?:[^\s/@]+@)?([^\s/`'\")|:…]+)", everything())
    assert set(hosts) == {"127.0.0.1", "db.example", "graph.example"}
    assert not re.search(r"\b[\w-]+\.(com|org|net|io|dev)\b", everything())


# ---- what is shown happens


@dataclass(frozen=True)
class Example:
    """A question of a page, whose it is and in which language, and the answer beside it."""

    place: str
    principal: str
    language: str
    question: str
    answer: Any


def examples(page: Path) -> list[Example]:
    """The questions of a page in their order, each with the answer that follows it."""
    blocks = re.compile(
        r"^```graphql\n# ([^\s,]+)(?:, (vi|en))?\n(.*?)^```\n+```json\n(.*?)^```", re.M | re.S
    )
    content = text(page)
    found = [
        Example(
            f"{page.name}:{content.count(chr(10), 0, match.start()) + 1}",
            match[1],
            match[2] or "vi",
            match[3],
            json.loads(match[4]),
        )
        for match in blocks.finditer(content)
    ]
    assert len(found) == content.count("```graphql")
    return found


Ask = Callable[[str, str, str], Awaitable[Any]]


def settings_in(home: Path) -> Settings:
    database = f"sqlite:///{home / 'chibo.db'}"
    return Settings(home=home, database_url=database, neo4j_uri=None, CHIBO_TODAY=TODAY)


@asynccontextmanager
async def example_stores(home: Path) -> AsyncIterator[Stores]:
    """Stores that the example folder is loaded into."""
    async with open_stores(settings_in(home)) as stores:
        await stores.prepare()
        await load(stores.database, stores.graph, EXAMPLE, TODAY)
        yield stores


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Ask]:
    """Asks a server over the example folder: a question, as a principal, in a language. What it
    cost is not shown with every example."""
    settings = settings_in(tmp_path)
    app = make_app(settings, "127.0.0.1")

    async def post(question: str, principal: str, language: str) -> Any:
        token = development_token(settings, principal, 60)
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        answer = await client.post("/graphql", json={"query": question}, headers=headers)
        return told(answer)

    transport = httpx.ASGITransport(app=app)
    async with (
        example_stores(tmp_path),
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://chibo") as client,
    ):
        yield post


def opaque(shown: Any, answered: Any) -> Iterator[str]:
    """The texts that stand in an answer where `…` is shown, in their order."""
    if shown == OPAQUE and isinstance(answered, str):
        yield answered
    elif isinstance(shown, dict) and isinstance(answered, dict):
        for name in shown.keys() & answered.keys():
            yield from opaque(shown[name], answered[name])
    elif isinstance(shown, list) and isinstance(answered, list):
        for one, other in zip(shown, answered, strict=False):
            yield from opaque(one, other)


def veiled(shown: Any, answered: Any) -> Any:
    """An answer with `…` where it is shown, and errors without their locations."""
    if shown == OPAQUE and isinstance(answered, str):
        return OPAQUE
    if isinstance(answered, dict):
        names = answered.keys() - {"locations"}
        beside = shown if isinstance(shown, dict) else {}
        return {name: veiled(beside.get(name), answered[name]) for name in names}
    if isinstance(answered, list):
        others = shown if isinstance(shown, list) else []
        pairs = zip_longest(others[: len(answered)], answered)
        return [veiled(other, one) for other, one in pairs]
    return answered


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "```graphql" in text(page)],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
async def test_the_examples_are_answered_as_they_are_shown(ask: Ask, page: Path) -> None:
    """In the order of the page: a later example may build on an earlier one."""
    last = OPAQUE
    for example in examples(page):
        question = example.question.replace(OPAQUE, last)
        answered = await ask(question, example.principal, example.language)
        assert veiled(example.answer, answered) == example.answer, example.place
        last = next(opaque(example.answer, answered), last)


async def test_the_view_of_the_page_is_the_table_that_is_shown(tmp_path: Path) -> None:
    """Saved as its example saves it, and run as CSV by who and since when the page says."""
    page = text(DOCS / "api.md")
    [saving] = [each for each in examples(DOCS / "api.md") if "saveView" in each.question]
    [shown] = re.findall(r"^```csv\n(.*?)^```", page, re.M | re.S)
    async with example_stores(tmp_path):
        pass
    async with served(settings_in(tmp_path)) as client:
        made = await client.data(saving.principal, saving.question)
        answer = await client.http.get(
            f"/views/{made['saveView']['id']}",
            params={"variables": json.dumps({"since": "2025-01-01"})},
            headers=client.bearer("secretary@X1") | {"Accept": "text/csv"},
        )
    assert answer.content.decode("utf-8-sig") == shown.replace("\n", "\r\n")


async def test_the_example_folder_is_loaded_once_and_holds(tmp_path: Path) -> None:
    """Loaded again every row is skipped, and no invariant is hurt."""
    async with example_stores(tmp_path) as stores:
        again = await load(stores.database, stores.graph, EXAMPLE, TODAY)
        assert all(counts.new == 0 < counts.skipped for counts in again.files.values())
        assert await violations(stores) == []


async def test_a_broken_folder_is_refused_in_the_words_that_are_shown(tmp_path: Path) -> None:
    """The faults shown in `loading.md` are those of the example with two rows added."""
    broken = shutil.copytree(EXAMPLE, tmp_path / "broken")
    with (broken / "meetings.csv").open("a", encoding="utf-8") as lines:
        lines.write("X1,2025-13-01,REGULAR,IN_PERSON,,5,5,,true,false,,\n")
        lines.write("X1,2025-03-01,REGULAR,IN_PERSON,,5,6,,true,false,,\n")
    async with example_stores(tmp_path) as stores:
        with pytest.raises(LoadRefused) as refused:
            await load(stores.database, stores.graph, broken, TODAY)
    shown = re.findall(r"^ {4}(\w+\.csv:\d+: .*)$", text(DOCS / "loading.md"), re.M)
    assert str(refused.value).splitlines() == shown
