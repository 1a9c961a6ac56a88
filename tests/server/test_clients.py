"""Front ends as provinces build them: Relay's compiler, TypeScript, and what both then ask."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from graph.limits import Limits
from server.database import Database
from server.documents import add
from server.identity import development_token
from tests import clients, province
from tests.clients.schema import COMMITTED, printed
from tests.workers import Running, running

GENERATED = "__generated__"


def front_end(place: Path) -> Path:
    """The folder `relay`, ready to be compiled against the schema."""
    folder = clients.workplace("relay", printed(), place)
    (folder / GENERATED).mkdir()
    (folder / "documents.json").write_text("{}")
    return folder


@dataclass
class Relay:
    """A front end that asks by the ids of its documents, and knows no text of them."""

    url: str
    tokens: dict[str, str]
    ids: dict[str, str]
    asked: set[str] = field(default_factory=set)

    def ask(self, principal: str, name: str, **variables: Any) -> Any:
        """The data of an operation's answer, which has no errors."""
        self.asked.add(name)
        body = {"doc_id": self.ids[name], "variables": variables}
        headers = {"Authorization": f"Bearer {self.tokens[principal]}"}
        answer = httpx.post(f"{self.url}/graphql", json=body, headers=headers, timeout=20).json()
        assert "errors" not in answer, (name, answer)
        return answer["data"]


@pytest.fixture(scope="module")
def relay_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled, with the documents to be trusted in `documents.json`."""
    folder = front_end(tmp_path_factory.mktemp("relay") / "app")
    done = clients.tool("relay-compiler", "relay.config.json", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest_asyncio.fixture(scope="module")
async def home(relay_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server over the small province, with Relay's documents trusted."""
    folder = tmp_path_factory.mktemp("served")
    trusted = folder / "documents"
    trusted.mkdir()
    shutil.copy(relay_folder / "documents.json", trusted)
    database = Database(url_in(folder))
    await province.fill(database, folder / "data", province.SMALL)
    await add(database, trusted, Limits())
    await database.close()
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Running]:
    with running(home, url_in(home)) as started:
        yield started


def url_in(home: Path) -> str:
    return f"sqlite+aiosqlite:///{home / 'chibo.db'}"


def token(home: Path, principal: str) -> str:
    return development_token(province.settings_of(home, url_in(home)), principal, 600)


@pytest.fixture(scope="module")
def relay(server: Running, home: Path, relay_folder: Path) -> Relay:
    documents = json.loads((relay_folder / "documents.json").read_text())
    ids = {_operation(text): id_ for id_, text in documents.items()}
    tokens = {each: token(home, each) for each in ("leader_d", "secretary_g")}
    return Relay(server.url, tokens, ids)


def _operation(text: str) -> str:
    [name] = re.findall(r"^(?:query|mutation|subscription) (\w+)", text, re.M)
    return str(name)


# ---- Relay


def test_relay_compiles_every_document(relay_folder: Path) -> None:
    """Operations, fragments, and the queries by which fragments are asked for anew: each has its
    artifact, and each operation is among the documents to be trusted."""
    source = "".join(file.read_text() for file in relay_folder.glob("*.ts"))
    operations = re.findall(r"^  (?:query|mutation|subscription) (\w+)", source, re.M)
    operations += re.findall(r'@refetchable\(queryName: "(\w+)"\)', source)
    fragments = re.findall(r"^  fragment (\w+) on", source, re.M)
    made = {file.name.split(".")[0] for file in (relay_folder / GENERATED).iterdir()}
    assert made == {*operations, *fragments}
    documents = json.loads((relay_folder / "documents.json").read_text())
    assert sorted(map(_operation, documents.values())) == sorted(operations)


def test_relay_refuses_what_the_schema_has_not(tmp_path: Path) -> None:
    """The compiler does look."""
    folder = front_end(tmp_path / "app")
    page = folder / "UnitPage.ts"
    page.write_text(page.read_text().replace("establishedOn", "secretary"))
    done = clients.tool("relay-compiler", "relay.config.json", folder=folder)
    assert done.returncode == 1
    assert "The type `Unit` has no field `secretary`" in done.stdout + done.stderr


def test_a_relay_front_end_pages_refetches_and_records(relay: Relay) -> None:
    """Every compiled operation, by its id, in the order in which a page asks them."""
    _pages_through_children(relay)
    _pages_through_lists(relay)
    _records_and_withdraws(relay)
    assert relay.asked == relay.ids.keys()


def _pages_through_children(relay: Relay) -> None:
    """The first page with the unit, the next through node(id); a cursor holds for both."""
    unit = relay.ask("leader_d", "UnitPageQuery", code="D", children=1)["unit"]
    first = unit["children"]
    assert (_codes(first), first["pageInfo"]["hasNextPage"]) == (["G"], True)
    after = first["pageInfo"]["endCursor"]
    again = relay.ask("leader_d", "UnitPageChildrenQuery", id=unit["id"], after=after)["node"]
    assert (again["__typename"], again["id"]) == ("Unit", unit["id"])
    rest = again["children"]
    assert (_codes(rest), rest["pageInfo"]["hasNextPage"]) == (["H"], False)
    for query in ("UnitPageHeadQuery", "UnitPageFiguresQuery"):
        node = relay.ask("leader_d", query, id=unit["id"])["node"]
        assert node == {name: unit.get(name, "Unit") for name in node}


def _pages_through_lists(relay: Relay) -> None:
    units = relay.ask("leader_d", "UnitListQuery")["units"]
    after = units["pageInfo"]["endCursor"]
    rest = relay.ask("leader_d", "UnitListPageQuery", after=after)["units"]
    assert _codes(units) + _codes(rest) == ["B", "C", "D", "G", "H", "T"]
    meetings = relay.ask("leader_d", "MeetingListQuery")["meetings"]
    days = _days(meetings)
    while meetings["pageInfo"]["hasNextPage"]:
        after = meetings["pageInfo"]["endCursor"]
        meetings = relay.ask("leader_d", "MeetingListPageQuery", after=after)["meetings"]
        days += _days(meetings)
    assert days == ["2023-06-05", "2024-01-05", "2024-01-06", "2024-02-05", "2024-03-05"]


def _records_and_withdraws(relay: Relay) -> None:
    """A client that hears nothing sends the same again: one meeting is stored."""
    given = {"unitCode": "G", "heldOn": "2024-06-05", "kind": "COMMITTEE", "form": "ONLINE"}
    counts = {"membersExpected": 7, "membersPresent": 6}
    meeting = {**given, **counts, "clientKey": "relay"}
    first, again = (
        relay.ask("secretary_g", "MeetingListRecordMutation", input=meeting)["recordMeeting"]
        for _ in range(2)
    )
    assert first == again
    node = relay.ask("secretary_g", "MeetingListMeetingQuery", id=first["id"])["node"]
    assert node == first | {"__typename": "Meeting"}
    assert relay.ask("secretary_g", "ThingQuery", id=first["id"])["node"] == node
    gone = {"id": first["id"], "revision": 1, "reason": "Ghi trùng"}
    relay.ask("secretary_g", "MeetingListWithdrawMutation", **gone)
    assert relay.ask("secretary_g", "ThingQuery", id=first["id"])["node"] is None


def _codes(page: Any) -> list[str]:
    return [edge["node"]["code"] for edge in page["edges"]]


def _days(page: Any) -> list[str]:
    return [edge["node"]["heldOn"] for edge in page["edges"]]


# ---- TypeScript


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `typed`, with the types that graphql-codegen made of the schema."""
    folder = clients.workplace("typed", printed(), tmp_path_factory.mktemp("typed") / "app")
    done = clients.tool("graphql-codegen", "--config", "codegen.yml", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_typescript_of_the_schema_is_strict_and_catches_misuse(typed: Path) -> None:
    """`tsc --strict` takes the types and the client; what `misuse.ts` does it takes for an error,
    line by line (`@ts-expect-error` is one where there is none)."""
    done = clients.tool("tsc", "--project", ".", folder=typed)
    assert done.returncode == 0, done.stdout
    assert (typed / "misuse.ts").read_text().count("@ts-expect-error") == 8


def test_a_typed_client_asks_and_is_answered(typed: Path, server: Running, home: Path) -> None:
    """The very client that was checked, run by Node as it is."""
    asked = typed / "client.ts", f"{server.url}/graphql", "G"
    said = clients.run(*asked, CHIBO_TOKEN=token(home, "secretary_g"))
    assert json.loads(said) == {
        "days": ["2024-02-05", "2024-01-06", "2024-01-05", "2023-06-05"],
        "name": "Đảng bộ xã G",
        "isOne": True,
        "meetings": 1,
    }


# ---- what tools learn by themselves


def test_introspection_tells_the_schema_that_was_reviewed(server: Running) -> None:
    """With all that the standard query of graphql-js asks for, within the limits of depth."""
    clients.run(
        "introspection.mjs", f"{server.url}/graphql", str(COMMITTED), CHIBO_TOKEN=server.token
    )
