"""Views through the API: who saves, reads and deletes which, and what is said of documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from graphql import validate
from sqlalchemy import insert, select, update

from authz.tables import policy_rule
from graph import documents
from graph.resolvers import saving
from hierarchy.placements import raise_policy_version
from records.tables import audit_entry
from records.tables import view as view_table
from server.database import Database
from server.documents import add
from tests import province
from tests.graph.reorganised import decide, decision, establish, merge, reverse
from tests.province import Client

FIELDS = """id unit { code } name title document revision savedBy savedAt
  variables { name type isRequired defaultValue } problems"""
SAVE = f"mutation ($input: SaveViewInput!) {{ saveView(input: $input) {{ {FIELDS} }} }}"
DELETE = "mutation ($id: ID!) { deleteView(id: $id) }"
NODE = f"query ($id: ID!) {{ node(id: $id) {{ ... on View {{ {FIELDS} }} }} }}"
LIST = """query ($within: String, $first: Int, $after: String) {
  views(within: $within, first: $first, after: $after) {
    totalCount nodes { id name unit { code } }
    pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
DOCUMENT = "query ($within: String) { meetings(within: $within) { nodes { heldOn } } }"
VIEW = {"unitCode": "D", "name": "thang", "title": "Sinh hoạt tháng", "document": DOCUMENT}
BAD, NOT_FOUND, FORBIDDEN = "BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN"
Refusal = tuple[str, str | None]


async def save(client: Client, by: str = "leader_d", **changes: Any) -> Any:
    """The view as it was answered."""
    return (await client.data(by, SAVE, {"input": VIEW | changes}))["saveView"]


async def refusal(client: Client, by: str = "leader_d", **changes: Any) -> Refusal:
    """Code and field of the only error, once it is sure that nothing was stored."""
    return await refused(client, by, SAVE, {"input": VIEW | changes})


async def refused(client: Client, by: str, query: str, variables: dict[str, Any]) -> Refusal:
    before = await stored(client)
    error = await client.error(by, query, variables)
    assert await stored(client) == before
    return error["extensions"]["code"], error["extensions"].get("field")


async def stored(client: Client) -> list[list[Any]]:
    """All views, and all entries of the trail about such."""
    statements = (
        select(view_table).order_by(view_table.c.id),
        select(audit_entry.c.id, audit_entry.c.hash).where(audit_entry.c.resource == "view"),
    )
    database = Database(client.settings.database_url)
    async with database.reading() as connection:
        found = [list((await connection.execute(each)).all()) for each in statements]
    await database.close()
    return found


async def alter(client: Client, *statements: Any) -> None:
    """Does to the store what an operator or an earlier version did."""
    database = Database(client.settings.database_url)
    async with database.writing() as connection:
        for statement in statements:
            await connection.execute(statement)
        await raise_policy_version(connection)
    await database.close()


async def listed(client: Client, by: str, **asked: Any) -> list[tuple[str, str]]:
    """The units and names of the views that somebody is shown, counted by the server too."""
    found = (await client.data(by, LIST, asked))["views"]
    assert found["totalCount"] == len(found["nodes"])
    return [(each["unit"]["code"], each["name"]) for each in found["nodes"]]


async def node(client: Client, by: str, id: str) -> Any:
    return (await client.data(by, NODE, {"id": id}))["node"]


async def appoint(client: Client, principal: str, role: str, code: str) -> None:
    query = f"""mutation {{ appoint(input: {{principal: "{principal}", role: "{role}",
      unitCode: "{code}", validFrom: "2024-06-15"}}) {{ id }} }}"""
    await client.data("administrator_t", query)


# ---- what is kept


async def test_a_view_is_answered_as_it_was_saved(either: Client) -> None:
    """By saveView, the list and node alike; its title and document as they were given."""
    made = await save(either)
    said = {name: VIEW[name] for name in ("name", "title", "document")}
    assert made == said | {
        "id": made["id"],
        "unit": {"code": "D"},
        "revision": 1,
        "savedBy": "leader_d",
        "savedAt": made["savedAt"],
        "variables": [
            {"name": "within", "type": "String", "isRequired": False, "defaultValue": None}
        ],
        "problems": [],
    }
    assert await node(either, "secretary_b", made["id"]) == made
    assert await listed(either, "secretary_b") == [("D", "thang")]


async def test_a_view_that_many_save_at_once_is_saved_by_each(either: Client) -> None:
    """One after the other: nobody is told of a fault of the server."""
    await save(either)
    saved = await asyncio.gather(*(save(either, title=f"Lần {at}") for at in range(10)))
    assert sorted(each["revision"] for each in saved) == list(range(2, 12))


async def test_the_same_name_at_the_same_unit_is_a_new_revision(either: Client) -> None:
    """By whoever saves it; the id stays. Another unit or another case of a letter is another
    view."""
    first = await save(either)
    second = await save(either, "board_d", title="Khác")
    assert (second["id"], second["revision"], second["savedBy"]) == (first["id"], 2, "board_d")
    third = await save(either, document="{ viewer { name } }")
    assert (third["revision"], third["savedBy"], third["variables"]) == (3, "leader_d", [])
    await save(either, name="Thang")
    await save(either, "leader_t", unitCode="T")
    assert await listed(either, "leader_d") == [("D", "Thang"), ("D", "thang"), ("T", "thang")]


async def test_what_says_the_same_is_no_new_revision(writer: Client) -> None:
    """And leaves no entry in the trail; it is still the revision of who saved it first."""
    first = await save(writer)
    before = await stored(writer)
    assert await save(writer, "board_d") == first
    assert await stored(writer) == before


async def test_a_deleted_view_is_gone(writer: Client) -> None:
    """Its id reads as unknown, and its name is free: what is saved under it is another view."""
    first = await save(writer)
    assert await writer.data("board_d", DELETE, first) == {"deleteView": first["id"]}
    assert await node(writer, "leader_d", first["id"]) is None
    assert await refused(writer, "leader_d", DELETE, first) == (NOT_FOUND, None)
    assert await listed(writer, "leader_d") == []
    again = await save(writer)
    assert again["revision"] == 1
    assert again["id"] != first["id"]


async def test_one_request_saves_all_views_or_none(writer: Client) -> None:
    query = """mutation ($one: SaveViewInput!, $other: SaveViewInput!) {
      one: saveView(input: $one) { id } other: saveView(input: $other) { id } }"""
    given = {"one": VIEW, "other": VIEW | {"name": " "}}
    assert await refused(writer, "leader_d", query, given) == (BAD, "name")


async def test_variables_are_told_as_the_document_declares_them(writer: Client) -> None:
    document = """query ($code: String!, $first: Int = 20, $asOf: Date,
      $filter: MeetingFilter = {kind: [REGULAR]}, $n: Int! = 1) {
      unit(code: $code, asOf: $asOf) { meetings(filter: $filter, first: $first) { totalCount }
        children(first: $n) { totalCount } } }"""
    told = (await save(writer, document=document))["variables"]
    assert [tuple(each.values()) for each in told] == [
        ("code", "String!", True, None),
        ("first", "Int", False, "20"),
        ("asOf", "Date", False, None),
        ("filter", "MeetingFilter", False, "{ kind: [REGULAR] }"),
        ("n", "Int!", False, "1"),
    ]


# ---- who may

PARENTS = {"T": None, "D": "T", "E": "T", "G": "D", "H": "D", "B": "G", "C": "G", "F": "E"}
RECORDING = ["leader", "organisation_board", "office"]
ROLES = [*RECORDING, "secretary", "officer", "inspection_commission", "auditor"]


def above(code: str) -> list[str]:
    """A unit and the units over it."""
    over = PARENTS[code]
    return [code, *(above(over) if over else [])]


@pytest_asyncio.fixture(scope="module")
async def full(
    sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    """A province in which every role is held at every unit, and every unit keeps a view."""
    home = tmp_path_factory.mktemp("views")
    (home / "chibo.db").write_bytes(sqlite_file.read_bytes())
    settings = province.settings_of(home, f"sqlite+aiosqlite:///{home / 'chibo.db'}")
    rows = [
        f"{role}@{code},{role},{code},2020-01-01,"
        for role in [*ROLES, "administrator"]
        for code in PARENTS
    ]
    database = Database(settings.database_url)
    await province.fill(database, home / "more", {"appointments": "\n".join(rows)})
    await database.close()
    async with province.served(settings) as client:
        for code in PARENTS:
            await save(client, f"office@{code}", unitCode=code, name=f"của {code}")
        yield client


async def ids(client: Client) -> dict[str, str]:
    """The id of each unit's view, as the unit's own office is told it."""
    found = {}
    for code in PARENTS:
        nodes = (await client.data(f"office@{code}", LIST))["views"]["nodes"]
        found[code] = next(each["id"] for each in nodes if each["unit"]["code"] == code)
    return found


@pytest.mark.parametrize("role", ROLES)
async def test_who_reads_views_reads_those_of_their_unit_and_above(full: Client, role: str) -> None:
    """The list, the list of any subtree, and every id: never one below or beside."""
    asked = " ".join(
        f'node_{code}: node(id: "{id}") {{ id }} '
        f'within_{code}: views(within: "{code}") {{ totalCount nodes {{ unit {{ code }} }} }}'
        for code, id in (await ids(full)).items()
    )
    for code in ("T", "G", "F"):
        mine = sorted(above(code))
        assert await listed(full, f"{role}@{code}") == [(each, f"của {each}") for each in mine]
        body = await full.ask(f"{role}@{code}", f"{{ {asked} }}")
        codes = {each["path"][0]: each["extensions"]["code"] for each in body["errors"]}
        for other in PARENTS:
            assert (body["data"][f"node_{other}"] is not None) == (other in mine), (code, other)
            within = [each for each in mine if other in above(each)]
            if within:
                nodes = [{"unit": {"code": each}} for each in within]
                shown = {"totalCount": len(within), "nodes": nodes}
                assert body["data"][f"within_{other}"] == shown
            else:
                expected = FORBIDDEN if code in above(other) else NOT_FOUND
                assert codes[f"within_{other}"] == expected, (code, other)


async def test_an_administrator_reads_no_view(full: Client) -> None:
    kept = await ids(full)
    for code in PARENTS:
        who = f"administrator@{code}"
        assert (await full.error(who, LIST))["extensions"]["code"] == FORBIDDEN
        assert await node(full, who, kept[code]) is None


async def test_leaders_boards_and_offices_save_for_their_own_unit_alone(full: Client) -> None:
    """What is below is forbidden, what is above too; what is out of sight reads as unknown."""
    for role in [*ROLES, "administrator"]:
        for other in ("T", "D", "G", "B", "E"):
            given = {"input": VIEW | {"unitCode": other, "name": role}}
            body = await full.ask(f"{role}@D", SAVE, given)
            if role in RECORDING and other == "D":
                assert await full.data("office@D", DELETE, body["data"]["saveView"])
            else:
                expected = NOT_FOUND if other == "E" else FORBIDDEN
                assert body["errors"][0]["extensions"]["code"] == expected


async def test_who_may_not_save_may_not_delete(full: Client) -> None:
    """What can be read is forbidden, what cannot is unknown."""
    kept = await ids(full)
    for who, code, expected in (
        ("secretary@D", "D", FORBIDDEN),
        ("auditor@D", "D", FORBIDDEN),
        ("leader@B", "D", FORBIDDEN),
        ("leader@T", "D", NOT_FOUND),
        ("leader@E", "D", NOT_FOUND),
        ("administrator@D", "D", NOT_FOUND),
    ):
        assert await refused(full, who, DELETE, {"id": kept[code]}) == (expected, None), who


async def test_a_page_goes_on_where_the_last_one_ended(either: Client) -> None:
    """By unit code and name; what is saved before it does not shift it; a cursor is its list's."""
    await appoint(either, "office_b", "office", "B")
    for by, code, name in (
        ("leader_t", "T", "t"),
        ("leader_d", "D", "b"),
        ("leader_d", "D", "a"),
        ("office_b", "B", "z"),
    ):
        await save(either, by, unitCode=code, name=name)
    pages, after = [], None
    for _ in range(3):
        page = (await either.data("secretary_b", LIST, {"first": 2, "after": after}))["views"]
        info, after = page["pageInfo"], page["pageInfo"]["endCursor"]
        names = [each["name"] for each in page["nodes"]]
        pages.append((names, page["totalCount"], info["hasPreviousPage"], info["hasNextPage"]))
        await save(either, "office_b", unitCode="B", name=f"a{len(pages)}")
    assert pages == [
        (["z", "a"], 4, False, True),
        (["b", "t"], 5, True, False),
        ([], 6, True, False),
    ]
    after = (await either.data("secretary_b", LIST, {"first": 2}))["views"]["pageInfo"]["endCursor"]
    for asked in ({"within": "D", "after": after}, {"after": "?"}):
        error = await either.error("secretary_b", LIST, asked)
        assert error["extensions"] == {"code": BAD, "field": "after"}


# ---- what is refused

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("no name", {"name": ""}, "name"),
    ("a blank name", {"name": " "}, "name"),
    ("a long name", {"name": "x" * 101}, "name"),
    ("a name of two lines", {"name": "a\nb"}, "name"),
    ("a name that turns round", {"name": "a\u202eb"}, "name"),
    ("no title", {"title": "\t"}, "title"),
    ("a long title", {"title": "x" * 301}, "title"),
    ("a title that cannot be stored", {"title": "a\0"}, "title"),
    ("a long document", {"document": "#" * 20_001}, "document"),
    ("a document that cannot be stored", {"document": "{ viewer { name } } #\0"}, "document"),
]


@pytest.mark.parametrize(
    ("changes", "field"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG]
)
async def test_refused_input_names_its_field(
    reader: Client, changes: dict[str, Any], field: str
) -> None:
    """Whoever sends it, for whatever unit: nothing is looked up for it."""
    for by, code in (("leader_d", "D"), ("nobody", "nowhere")):
        assert await refusal(reader, by, unitCode=code, **changes) == (BAD, field)


async def test_the_longest_texts_are_kept(writer: Client) -> None:
    document = "{ viewer { name } } #".ljust(20_000, "#")
    made = await save(writer, name="ờ" * 100, title="ờ" * 300, document=document)
    assert (made["name"], made["document"], made["problems"]) == ("ờ" * 100, document, [])


DOCUMENTS = [
    ("", "1:1: Syntax Error: Unexpected <EOF>."),
    ("{ viewer { name }", "1:18: Syntax Error: Expected Name, found <EOF>."),
    ("{\n  viewer { zzzz }\n}", "2:12: Cannot query field 'zzzz' on type 'Viewer'."),
    (
        "query ($a: Zzzzzzzz) {\n viewer { name(of: 1) } }",
        "1:12: Unknown type 'Zzzzzzzz'. 1:8: Variable '$a' is never used. "
        "2:16: Unknown argument 'of' on field 'Viewer.name'.",
    ),
    ("mutation { deleteView(id: 1) }", "1:1: A view is one query operation."),
    (
        "query A { viewer { name } }\nquery B { viewer { name } }",
        "2:1: A view is one query operation.",
    ),
]


@pytest.mark.parametrize(("document", "said"), DOCUMENTS, ids=[each[0] for each in DOCUMENTS])
async def test_a_document_that_cannot_be_run_is_refused_with_every_place(
    reader: Client, document: str, said: str
) -> None:
    """Line and column of each fault, in the message."""
    error = await reader.error("leader_d", SAVE, {"input": VIEW | {"document": document}})
    assert error["extensions"] == {"code": BAD, "field": "document"}
    faults = error["message"].removeprefix("The document cannot be run: ")
    assert sorted(faults.strip(".").split(". ")) == sorted(said.strip(".").split(". "))


@pytest.mark.parametrize(
    ("document", "limit"),
    [
        ("{ " + " ".join(f"a{n}: viewer {{ name }}" for n in range(101)) + " }", "aliases"),
        ('{ unit(code: "D") ' + "{ parent " * 14 + "{ code }" + " }" * 15, "depth"),
        (
            "{ units(first: 200) { nodes { children(first: 200) { nodes { children(first: 200)"
            " { nodes { code } } } } } } }",
            "cost",
        ),
    ],
    ids=["aliases", "depth", "cost"],
)
async def test_a_document_over_a_limit_is_too_costly(
    reader: Client, document: str, limit: str
) -> None:
    error = await reader.error("leader_d", SAVE, {"input": VIEW | {"document": document}})
    assert error["extensions"]["code"] == "QUERY_TOO_COSTLY"
    assert limit in error["message"]


async def test_errors_come_in_their_order(reader: Client) -> None:
    """What the input alone shows, what is out of sight, the right."""
    assert await refusal(reader, "leader_e", document="{") == (BAD, "document")
    assert await refusal(reader, "leader_e") == (NOT_FOUND, None)
    assert await refusal(reader, "leader_e", unitCode="nowhere") == (NOT_FOUND, None)
    assert await refusal(reader, "secretary_b") == (FORBIDDEN, None)
    assert await refusal(reader, "leader_d", unitCode="O") == (FORBIDDEN, None)


async def test_nobody_saves_for_a_closed_unit(writer: Client) -> None:
    """Where a policy lets them record below their own."""
    rule = (900, "leader", "*", "view", "record", "subtree", "allow")
    await alter(writer, insert(policy_rule).values(rule))
    assert (await save(writer, unitCode="G"))["unit"] == {"code": "G"}
    assert await refusal(writer, unitCode="O") == (BAD, "unitCode")


async def test_a_unit_keeps_a_bounded_number_of_views(either: Client) -> None:
    """One more is CONFLICT, after whatever else is wrong; those that are there can be changed."""
    made = await save(either)
    database = Database(either.settings.database_url)
    async with database.reading() as connection:
        row = (await connection.execute(select(view_table))).one()._asdict()
    await database.close()
    others = [row | {"id": uuid4(), "name": f"v{at}"} for at in range(saving.MAX_VIEWS - 2)]
    await alter(either, insert(view_table).values(others))
    await save(either, name="last")
    assert await refusal(either, name="one more") == ("CONFLICT", "unitCode")
    assert await refusal(either, "secretary_b", name="one more") == (FORBIDDEN, None)
    assert (await save(either, title="Khác"))["revision"] == 2
    await either.data("leader_d", DELETE, {"id": made["id"]})
    await save(either, name="one more")


async def test_a_view_asks_for_a_bounded_number_of_variables(writer: Client) -> None:
    def document(count: int) -> str:
        declared = " ".join(f"$v{at}: String!" for at in range(count))
        used = ", ".join(f"$v{at}" for at in range(count))
        return f"query ({declared}) {{ units(filter: {{ kind: [{used}] }}) {{ totalCount }} }}"

    assert len((await save(writer, document=document(100)))["variables"]) == 100
    assert await refusal(writer, document=document(101)) == (BAD, "document")


# ---- what no longer fits

OLD = "query ($a: Int = 3) {\n  viewer { zzzz }\n  units(first: $a) { totalCount } }"


async def test_a_view_that_no_longer_fits_says_so_where_it_is_listed(writer: Client) -> None:
    """Why and where, in the language of the request; its variables are told all the same."""
    made = await save(writer)
    await alter(writer, update(view_table).values(document=OLD))
    found = await node(writer, "secretary_b", made["id"])
    assert found["problems"] == ["2:12: Cannot query field 'zzzz' on type 'Viewer'."]
    assert [each["name"] for each in found["variables"]] == ["a"]
    await alter(writer, update(view_table).values(document="no document"))
    found = await node(writer, "secretary_b", made["id"])
    assert (len(found["problems"]), found["variables"]) == (1, [])


async def test_a_view_is_examined_once_however_often_it_is_listed(
    writer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one process, in whatever language; and never again after it was saved."""
    validated = list[str]()

    def counted(schema: Any, document: Any, *args: Any, **named: Any) -> Any:
        validated.append(document.loc.source.body)
        return validate(schema, document, *args, **named)

    monkeypatch.setattr(documents, "validate", counted)
    for name in ("a", "b"):
        await save(writer, name=name)
    assert validated.count(DOCUMENT) == 1
    await alter(writer, update(view_table).where(view_table.c.name == "b").values(document=OLD))
    query = "{ views { nodes { problems variables { name } } } }"
    for language in ("en", "vi", "en"):
        headers = writer.bearer("leader_d") | {"Accept-Language": language}
        answer = await writer.http.post("/graphql", json={"query": query}, headers=headers)
        [good, bad] = answer.json()["data"]["views"]["nodes"]
        assert (good["problems"], good["variables"]) == ([], [{"name": "within"}])
        assert (len(bad["problems"]), bad["variables"]) == (1, [{"name": "a"}])
    assert (validated.count(DOCUMENT), validated.count(OLD)) == (1, 1)


async def test_a_page_of_examined_views_is_a_good_part_of_what_may_be_asked(
    reader: Client,
) -> None:
    for field in ("problems", "variables { name }"):
        query = f"{{ views(first: 200) {{ nodes {{ {field} }} }} }}"
        cost = (await reader.ask("leader_d", query))["extensions"]["cost"]
        assert cost["most"] / 4 < cost["estimated"] < cost["most"] / 2


async def test_a_view_over_the_limits_of_today_says_so_where_it_is_listed(
    sqlite_url: str, tmp_path: Path
) -> None:
    document = "{ units { nodes { parent { code } } } }"
    settings = province.settings_of(tmp_path, sqlite_url)
    async with province.served(settings) as client:
        made = await save(client, document=document)
    async with province.served(settings.model_copy(update={"max_depth": 3})) as client:
        query = "{ views { nodes { problems } } }"
        for language, said in (
            ("en", "1:28: The query is too costly: depth 4, at most 3."),
            ("vi", "1:28: Truy vấn vượt quá giới hạn: độ sâu là 4, tối đa 3."),
        ):
            headers = client.bearer("leader_d") | {"Accept-Language": language}
            answer = await client.http.post("/graphql", json={"query": query}, headers=headers)
            assert answer.json()["data"]["views"]["nodes"] == [{"problems": [said]}]
        assert (await client.data("board_d", DELETE, made))["deleteView"] == made["id"]


async def test_where_registered_documents_alone_are_run_views_are_no_way_round(
    sqlite_url: str, tmp_path: Path
) -> None:
    """An unregistered one is not saved; one that was saved before says so, and is not run."""
    folder = tmp_path / "documents"
    folder.mkdir()
    document = "{ viewer { name } }"
    for number, text in enumerate((SAVE, LIST, NODE, document)):
        (folder / f"{number}.graphql").write_text(text)
    settings = province.settings_of(tmp_path, sqlite_url)
    database = Database(settings.database_url)
    await add(database, folder, settings.limits())
    await database.close()
    async with province.served(settings) as client:
        before = await save(client)
    settings = settings.model_copy(update={"trusted_documents_only": True})
    async with province.served(settings) as client:
        assert await refusal(client, name="new") == (FORBIDDEN, None)
        assert await refusal(client, "secretary_b", name="new") == (FORBIDDEN, None)
        assert (await save(client, name="new", document=document))["problems"] == []
        found = await node(client, "leader_d", before["id"])
        assert found["problems"] == ["Only registered documents are answered here."]
        answer = await client.http.get(f"/views/{before['id']}", headers=client.bearer("leader_d"))
        assert answer.json()["errors"][0]["extensions"]["code"] == FORBIDDEN


# ---- the tree, the trail


async def test_the_views_of_a_closed_unit_rest_with_it(writer: Client) -> None:
    """Nothing open stands under it, so that nobody reads them; taking the closing back brings
    them back."""
    await appoint(writer, "office_h", "office", "H")
    made = await save(writer, "office_h", unitCode="H")
    await decide(writer, "leader_d", decision("1", "D", "2024-06-15", merge("H", into="G")))
    for who in ("office_h", "leader_d", "secretary_g", "secretary_b", "leader_t"):
        assert await node(writer, who, made["id"]) is None
        assert await refused(writer, who, DELETE, {"id": made["id"]}) == (NOT_FOUND, None)
    assert await listed(writer, "leader_d") == []
    await reverse(writer, "leader_d", "1")
    assert await listed(writer, "office_h") == [("H", "thang")]


async def test_views_move_with_their_unit(writer: Client) -> None:
    """Whoever comes to stand under a unit reads its views, and those of whoever left are theirs no
    more."""
    await save(writer)
    await save(writer, "leader_e", unitCode="E")
    assert await listed(writer, "secretary_b") == [("D", "thang")]
    transfer = {"transfer": {"unit": "G", "to": "E"}}
    await decide(writer, "leader_t", decision("1", "T", "2024-06-15", transfer))
    assert await listed(writer, "secretary_b") == [("E", "thang")]


async def test_what_a_decision_made_is_held_on_to_by_views(either: Client) -> None:
    """How many is told; their names to who may read them."""
    await decide(either, "leader_d", decision("1", "D", "2024-06-15", establish("N", "D")))
    await appoint(either, "office_n", "office", "N")
    for name in ("a", "b"):
        await save(either, "office_n", unitCode="N", name=name)
    query = 'mutation { reverseDecision(number: "1", reason: "Nhầm") { number } }'
    error = await either.error("leader_d", query)
    told = [each["message"] for each in error["extensions"]["problems"]]
    assert error["extensions"]["code"] == "CONFLICT"
    assert told[-1] == "Views hold on to what it made: 2."
    await appoint(either, "leader_d", "office", "N")
    error = await either.error("leader_d", query)
    told = [each["message"] for each in error["extensions"]["problems"]]
    assert told[-1] == "Views hold on to what it made: 2. (a, b)"


async def test_the_trail_tells_who_saved_and_deleted_what(writer: Client) -> None:
    """To who may read the trail there, above it too where the view is not listed; never a
    document."""
    await appoint(writer, "auditor_d", "auditor", "D")
    await appoint(writer, "auditor_e", "auditor", "E")
    made = await save(writer)
    await save(writer, "board_d", title="Khác")
    assert await listed(writer, "auditor_t") == []
    await writer.data("leader_d", DELETE, made)
    query = """{ audit { nodes { principal action resource unit { code } subject detail } } }"""
    about = ("view", {"code": "D"}, made["id"])
    for auditor in ("auditor_d", "auditor_t"):
        told = [
            tuple(each.values())
            for each in (await writer.data(auditor, query))["audit"]["nodes"]
            if each["resource"] == "view"
        ]
        assert told == [
            ("leader_d", "delete", *about, "Deleted the view thang."),
            ("board_d", "save", *about, "Saved the view thang, revision 2."),
            ("leader_d", "save", *about, "Saved the view thang, revision 1."),
        ]
    nodes = (await writer.data("auditor_e", query))["audit"]["nodes"]
    assert not [each for each in nodes if each["resource"] == "view"]
