"""A small province by hand, and a Chibo over it in this process.

The folder is small enough to hold in one's head:

    T province
    ├── D district
    │   ├── G grassroots ── B branch, C branch, O branch (closed on 2023-07-01)
    │   └── H grassroots branch
    └── E district ── F grassroots (from 2024-01-01)

Each principal is named by role and unit: `leader_t`, `secretary_b`. `served` runs the whole
application, asked over ASGI; nothing is stood in for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from server.app import make_app
from server.database import Database
from server.identity import development_token
from server.loading import load
from server.settings import Settings

TODAY = date(2024, 6, 15)

HEADERS = {
    "units": "code,parent_code,name,kind,category,established_on,closed_on",
    "appointments": "principal,role,unit_code,valid_from,valid_to",
    "meetings": "unit_code,held_on,kind,form,topic,members_expected,members_present,"
    "documents_sent_on,minutes_kept,attended_by_higher_committee,score",
    "evaluations": "unit_code,year,rating,regulation,political_task,meeting_quality,"
    "unity_discipline,cadres_members,members_rated,members_excellent,members_good,"
    "members_completed,members_not_completed",
    "inspections": "unit_code,by_unit_code,body,kind,ground,theme,planned_for,opened_on,"
    "concluded_on,status,members_covered,members_in_violation,members_sanctioned",
}

UNITS = """
T,,Tỉnh ủy,province,,2000-01-01,
D,T,Huyện ủy Đ,district,,2000-01-01,
E,T,Huyện ủy E,district,,2000-01-01,
G,D,Đảng bộ xã G,grassroots,xã,2000-01-01,
H,D,Chi bộ cơ sở H,grassroots_branch,trường học,2000-01-01,
B,G,Chi bộ B,branch,,2000-01-01,
C,G,Chi bộ C,branch,,2000-01-01,
O,G,Chi bộ O,branch,,2000-01-01,2023-07-01
F,E,Đảng bộ xã F,grassroots,xã,2024-01-01,
"""

APPOINTMENTS = """
leader_t,leader,T,2020-01-01,
auditor_t,auditor,T,2020-01-01,
administrator_t,administrator,T,2020-01-01,
leader_d,leader,D,2020-01-01,
commission_d,inspection_commission,D,2020-01-01,
board_d,organisation_board,D,2020-01-01,
leader_e,leader,E,2020-01-01,
secretary_g,secretary,G,2020-01-01,
commission_g,inspection_commission,G,2020-01-01,
secretary_b,secretary,B,2020-01-01,
secretary_c,secretary,C,2020-01-01,
secretary_o,secretary,O,2020-01-01,
ends_soon,secretary,B,2020-01-01,2024-06-17
"""

MEETINGS = """
B,2024-01-05,REGULAR,IN_PERSON,Tháng 1,20,18,,true,false,91
B,2024-02-05,THEMATIC,ONLINE,Chuyên đề,20,20,,false,true,
C,2024-01-06,REGULAR,IN_PERSON,,10,5,,true,false,40.5
H,2024-03-05,REGULAR,HYBRID,,8,8,2024-03-01,true,false,75
O,2023-06-05,REGULAR,IN_PERSON,,4,4,,true,false,
F,2024-05-05,COMMITTEE,IN_PERSON,,7,6,,true,false,88
"""

EVALUATIONS = """
B,2023,GOOD,124-QĐ/TW,true,true,true,true,20,2,15,3,0
C,2023,EXCELLENT,124-QĐ/TW,true,true,false,true,10,5,5,0,0
G,2023,GOOD,124-QĐ/TW,,,,,0,0,0,0,0
"""

INSPECTIONS = """
B,D,COMMITTEE,INSPECTION,PROGRAMME,Tài chính,2024-01-01,2024-02-01,2024-03-01,CONCLUDED,20,1,1
B,D,INSPECTION_COMMISSION,INSPECTION,SIGNS,,,2024-05-01,,OPEN,3,0,0
H,D,COMMITTEE,SUPERVISION,PROGRAMME,,2024-07-01,,,PLANNED,0,0,0
C,G,COMMITTEE,SUPERVISION,COMPLAINT,,,2024-05-02,,OPEN,1,0,0
"""

SMALL = {
    "units": UNITS,
    "appointments": APPOINTMENTS,
    "meetings": MEETINGS,
    "evaluations": EVALUATIONS,
    "inspections": INSPECTIONS,
}


def write(folder: Path, files: dict[str, str]) -> Path:
    """A data folder of rows without their headers."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        (folder / f"{name}.csv").write_text(f"{HEADERS[name]}\n{rows.strip()}\n", "utf-8")
    return folder


def settings_of(home: Path, database_url: str, **more: Any) -> Settings:
    """Settings that no environment changes."""
    given = {"CHIBO_TODAY": TODAY, **more}
    return Settings(_env_file=None, home=home, database_url=database_url, **given)


async def fill(database: Database, folder: Path, files: dict[str, str]) -> None:
    """Loads the files into a database, migrated where it is not."""
    await database.migrate()
    await load(database, None, write(folder, files), TODAY)


@dataclass
class Client:
    """A running application and whoever asks it."""

    settings: Settings
    http: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)

    def bearer(self, principal: str) -> dict[str, str]:
        if principal not in self.tokens:
            self.tokens[principal] = development_token(self.settings, principal, 3600)
        return {"Authorization": f"Bearer {self.tokens[principal]}", "Accept-Language": "en"}

    async def post(
        self, principal: str, query: str, variables: dict[str, Any] | None = None
    ) -> httpx.Response:
        body = {"query": query} | ({"variables": variables} if variables is not None else {})
        return await self.http.post("/graphql", json=body, headers=self.bearer(principal))

    async def ask(
        self, principal: str, query: str, variables: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body of an answer that was a request's own (status 200)."""
        answer = await self.post(principal, query, variables)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def data(
        self, principal: str, query: str, variables: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The data of an answer without errors."""
        body = await self.ask(principal, query, variables)
        assert "errors" not in body, body
        found: dict[str, Any] = body["data"]
        return found

    async def error(
        self, principal: str, query: str, variables: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The only error of an answer."""
        [error] = (await self.ask(principal, query, variables))["errors"]
        found: dict[str, Any] = error
        return found


def told(answer: httpx.Response) -> Any:
    """What an answer says, without what it cost; of each in an array."""

    def without(body: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in body.items() if name != "extensions"}

    body = answer.json()
    return [without(each) for each in body] if isinstance(body, list) else without(body)


@asynccontextmanager
async def served(settings: Settings, bound_host: str = "127.0.0.1") -> AsyncIterator[Client]:
    """The application, started and stopped as a worker does it."""
    app = make_app(settings, bound_host)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://chibo") as http:
            yield Client(settings, http)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The SQL statements of the block once it has ended, those that begin transactions apart."""
    with captured(database) as seen:
        texts: list[str] = []
        yield texts
        texts += [statement for statement, _ in seen]


@contextmanager
def captured(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """The same with their parameters, as the driver gets both."""
    seen: list[tuple[str, Any]] = []

    def see(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", see)


async def count(connection: AsyncConnection, table: str) -> int:
    rows = await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
    return int(rows.scalar_one())
