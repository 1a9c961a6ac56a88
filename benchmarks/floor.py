"""The floor: the least that could answer the same questions, written by hand for each.

Bare Starlette, one statement a question by raw asyncpg or sqlite3, orjson; on the same tables, with
the same condition (the path range of one unit, the placement of the day), the same snapshot
transaction and the same bytes answered. It compares its token with one fixed text, parses no
GraphQL, knows its viewer's path from the start, and logs nothing. SQLite is called from the event
loop itself, without a thread: the next request waits, and that is cheapest.

Served by uvicorn with Chibo's own settings; it never serves anything but the benchmarks.
"""

import asyncio
import base64
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.province import TODAY
from benchmarks.questions import DISTRICT, PROVINCE, YEAR
from hierarchy.unit import AFTER_LABELS, LABEL_WIDTH
from server.database import POSTGRESQL_SETTINGS

TOKEN = "a-fixed-token"
ADDRESS = "FLOOR_DATABASE"
CONNECTIONS = 10

_STANDS = (
    "p.path >= $1 AND p.path < $2 AND p.valid_from <= $3 "
    "AND (p.valid_to IS NULL OR p.valid_to > $3)"
)

NEWEST = f"""
SELECT m.id, m.held_on, m.kind, m.topic, m.members_expected, m.members_present, m.score {{unit}}
FROM meeting m JOIN placement p ON p.unit_id = m.unit_id
WHERE {_STANDS} ORDER BY m.held_on DESC, m.id DESC LIMIT 100
"""

BY_KIND = f"""
SELECT m.kind, count(*), sum(m.members_expected), sum(m.members_present), avg(m.score)
FROM placement p JOIN meeting m ON m.unit_id = p.unit_id
WHERE {_STANDS} AND m.held_on BETWEEN $4 AND $5 GROUP BY m.kind
"""

BY_DISTRICT = f"""
SELECT c.code, c.name, s.meetings, s.expected, s.present, s.score FROM (
  SELECT substr(p.path, 1, $6) AS path, count(*) AS meetings, sum(m.members_expected) AS expected,
    sum(m.members_present) AS present, avg(m.score) AS score
  FROM placement p JOIN meeting m ON m.unit_id = p.unit_id
  WHERE {_STANDS} AND m.held_on BETWEEN $4 AND $5 GROUP BY substr(p.path, 1, $6)
) s JOIN placement c ON c.path = s.path AND c.valid_from <= $3
  AND (c.valid_to IS NULL OR c.valid_to > $3)
"""

_CHILDREN = """
SELECT p.unit_id, p.code, p.name FROM placement p WHERE p.parent_id = $1
AND p.valid_from <= $2 AND (p.valid_to IS NULL OR p.valid_to > $2)
AND (p.closed_on IS NULL OR p.closed_on > $2) ORDER BY p.code LIMIT 50
"""

CHILDREN = {
    "postgresql": f"""
SELECT c.code, c.name, m.id, m.held_on, m.kind, m.topic, m.score FROM ({_CHILDREN}) c
LEFT JOIN LATERAL (SELECT * FROM meeting WHERE meeting.unit_id = c.unit_id
  ORDER BY held_on DESC, id DESC LIMIT 3) m ON true
ORDER BY c.code, m.held_on DESC, m.id DESC
""",
    "sqlite": f"""
SELECT c.code, c.name, m.id, m.held_on, m.kind, m.topic, m.score FROM ({_CHILDREN}) c
LEFT JOIN meeting m ON m.id IN (SELECT id FROM meeting WHERE meeting.unit_id = c.unit_id
  ORDER BY held_on DESC, id DESC LIMIT 3)
ORDER BY c.code, m.held_on DESC, m.id DESC
""",
}

Rows = Sequence[Any]


class Database(Protocol):
    """One connection. `fetch` is one statement in a snapshot transaction of its own."""

    kind: str

    async def fetch(self, statement: str, *values: object) -> Rows: ...


class Postgresql:
    """asyncpg, which keeps its statements prepared; as many connections as Chibo has, the one that
    was used last first."""

    kind = "postgresql"

    def __init__(self, connections: Sequence[Any]) -> None:
        self._free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        for connection in connections:
            self._free.put_nowait(connection)

    @classmethod
    async def open(cls, address: str) -> "Postgresql":
        return cls(
            [
                await asyncpg.connect(address, server_settings=POSTGRESQL_SETTINGS)
                for _ in range(CONNECTIONS)
            ]
        )

    async def fetch(self, statement: str, *values: object) -> Rows:
        connection = await self._free.get()
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                rows: Rows = await connection.fetch(statement, *values)
                return rows
        finally:
            self._free.put_nowait(connection)


class Sqlite:
    """sqlite3, which keeps its statements prepared; days are texts to it."""

    kind = "sqlite"

    def __init__(self, file: str) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        for pragma in ("cache_size = -8192", "temp_store = MEMORY"):
            self._connection.execute(f"PRAGMA {pragma}")

    async def fetch(self, statement: str, *values: object) -> Rows:
        texts = [value.isoformat() if isinstance(value, date) else value for value in values]
        # sqlite3 numbers its parameters with `?`.
        numbered = statement.replace("$", "?")
        self._connection.execute("BEGIN")
        try:
            return self._connection.execute(numbered, texts).fetchall()
        finally:
            self._connection.execute("COMMIT")


class Floor:
    """The questions, each answered by its own statement and loop."""

    def __init__(self, database: Database, units: dict[str, tuple[int, str]]) -> None:
        self._database = database
        self._district, self._province = units[DISTRICT], units[PROVINCE]
        self._year = [date.fromisoformat(day) for day in YEAR]

    async def newest(self) -> Any:
        rows = await self._database.fetch(NEWEST.format(unit=""), *self._inside(self._district))
        names = ("id", "heldOn", "kind", "topic", "membersExpected", "membersPresent", "score")
        return {
            "meetings": {
                "nodes": [
                    dict(zip(names, (_meeting_id(row[0]), *row[1:]), strict=True)) for row in rows
                ]
            }
        }

    async def newest_with_unit(self) -> Any:
        statement = NEWEST.format(unit=", p.code, p.name")
        rows = await self._database.fetch(statement, *self._inside(self._district))
        return {
            "meetings": {
                "nodes": [
                    {
                        "id": _meeting_id(row[0]),
                        "heldOn": row[1],
                        "kind": row[2],
                        "topic": row[3],
                        "membersExpected": row[4],
                        "membersPresent": row[5],
                        "score": row[6],
                        "unit": {"code": row[7], "name": row[8]},
                    }
                    for row in rows
                ]
            }
        }

    async def year_by_kind(self) -> Any:
        rows = await self._database.fetch(BY_KIND, *self._inside(self._district), *self._year)
        return {
            "meetingSummary": [
                {"kind": row[0], **_figures(row[1:])}
                for row in sorted(rows, key=lambda row: _KINDS.index(row[0]))
            ]
        }

    async def year_by_district(self) -> Any:
        path = self._province[1]
        width = len(path) + LABEL_WIDTH
        inside = self._inside(self._province)
        rows = await self._database.fetch(BY_DISTRICT, *inside, *self._year, width)
        summed = []
        for code, name, *figures in sorted(rows, key=lambda row: (row[0] != PROVINCE, row[0])):
            child = None if code == PROVINCE else {"code": code, "name": name}
            summed.append({"child": child, **_figures(figures)})
        return {"meetingSummary": summed}

    async def children(self) -> Any:
        statement = CHILDREN[self._database.kind]
        rows = await self._database.fetch(statement, self._district[0], TODAY)
        nodes: dict[str, Any] = {}
        for code, name, id_, *rest in rows:
            node = nodes.setdefault(code, {"code": code, "name": name, "meetings": {"nodes": []}})
            if id_ is not None:
                values = (_meeting_id(id_), *rest)
                fields = zip(("id", "heldOn", "kind", "topic", "score"), values, strict=True)
                node["meetings"]["nodes"].append(dict(fields))
        return {"unit": {"children": {"nodes": list(nodes.values())}}}

    def _inside(self, unit: tuple[int, str]) -> tuple[object, ...]:
        return unit[1], unit[1] + AFTER_LABELS, TODAY


_KINDS = ("REGULAR", "THEMATIC", "COMMITTEE", "ASSEMBLY", "GROUP")


def _figures(sums: Sequence[Any]) -> dict[str, Any]:
    names = ("meetings", "membersExpected", "membersPresent", "averageScore")
    return dict(zip(names, sums, strict=True))


def _meeting_id(id_: UUID | str) -> str:
    key = id_ if isinstance(id_, str) else id_.hex
    return base64.urlsafe_b64encode(b"Meeting:" + key.encode()).decode().rstrip("=")


def _endpoint(
    answer: Callable[[Floor], Awaitable[Any]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Response(status_code=401)
        data = await answer(request.app.state.floor)
        return Response(orjson.dumps({"data": data}), media_type="application/json")

    return endpoint


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    address = os.environ[ADDRESS]
    database: Database
    database = await Postgresql.open(address) if "://" in address else Sqlite(address)
    rows = await database.fetch(
        "SELECT code, unit_id, path FROM placement WHERE code IN ($1, $2)", DISTRICT, PROVINCE
    )
    app.state.floor = Floor(database, {code: (unit, path) for code, unit, path in rows})
    yield


app = Starlette(
    routes=[
        Route("/newest", _endpoint(Floor.newest), methods=["POST"]),
        Route("/newest-with-unit", _endpoint(Floor.newest_with_unit), methods=["POST"]),
        Route("/year-by-kind", _endpoint(Floor.year_by_kind), methods=["POST"]),
        Route("/year-by-district", _endpoint(Floor.year_by_district), methods=["POST"]),
        Route("/children", _endpoint(Floor.children), methods=["POST"]),
        Route("/readyz", lambda _: Response(status_code=200), methods=["GET"]),
    ],
    lifespan=_lifespan,
)


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
    )
