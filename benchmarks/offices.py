"""A summary through ten appointments and five grants against one through a single appointment.

Whoever holds many are officers of the ten communes with the most meetings, and are granted the
five that follow; whoever holds one leads the district that has about as many meetings as the
fifteen together. So both answers sum as much, and what differs is how many parts it is put
together of.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from authz import appointments, grants
from authz.appointments import Appointment
from authz.grants import Ceiling, Grant, Taken
from benchmarks.client import Client, request
from benchmarks.measuring import Times, in_turn
from benchmarks.province import TODAY, Store
from benchmarks.questions import YEAR
from benchmarks.servers import Server
from hierarchy.placements import on, raise_policy_version
from hierarchy.tables import placement
from hierarchy.unit import prefixes
from records.tables import meeting
from server.database import Database

APPOINTMENTS, GRANTS = 10, 5
MANY, ONE = "many-offices", "one-office"

SUMMARY = f"""{{ meetingSummary(filter: {{heldFrom: "{YEAR[0]}", heldTo: "{YEAR[1]}"}},
  groupBy: [KIND]) {{ kind meetings membersExpected membersPresent averageScore }} }}"""


@dataclass(frozen=True, slots=True)
class OfficesFigures:
    """The times of both, and how many meetings each of them summed."""

    many: Times
    one: Times
    meetings: tuple[int, int]


def measure(store: Store, server: Server) -> OfficesFigures:
    """Appoints both, grants, and asks for both in turn."""
    asyncio.run(_appoint(store))
    asked = [
        request("/graphql", store.run("token", who).strip(), {"query": SUMMARY})
        for who in (MANY, ONE)
    ]
    with Client(server.port) as client:
        counts = [_meetings(orjson.loads(client.send(each))) for each in asked]
        many, one = in_turn((client, asked[0]), (client, asked[1]))
    return OfficesFigures(many, one, (counts[0], counts[1]))


def _meetings(answer: dict[str, dict[str, list[dict[str, int]]]]) -> int:
    return sum(row["meetings"] for row in answer["data"]["meetingSummary"])


async def _appoint(store: Store) -> None:
    database = Database(store.url)
    try:
        async with database.writing() as connection:
            sizes, kinds = await _sizes(connection)
            communes = [unit for unit, _ in sizes.most_common() if kinds[unit] == "grassroots"]
            some = communes[: APPOINTMENTS + GRANTS]
            wanted = sum(sizes[unit] for unit in some)
            districts = [unit for unit in sizes if kinds[unit] == "district"]
            district = min(districts, key=lambda unit: abs(sizes[unit] - wanted))
            await appointments.store(connection, _office(ONE, "leader", district))
            for unit in some[:APPOINTMENTS]:
                await appointments.store(connection, _office(MANY, "officer", unit))
            for unit in some[APPOINTMENTS:]:
                await grants.store(connection, _granted(unit, some[0]))
            await raise_policy_version(connection)
    finally:
        await database.close()


async def _sizes(connection: AsyncConnection) -> tuple[Counter[int], dict[int, str]]:
    """How many meetings of the year each unit's subtree has, and the units' kinds."""
    begin, end = map(date.fromisoformat, YEAR)
    rows = await connection.execute(
        select(placement.c.path, func.count())
        .join_from(meeting, placement, placement.c.unit_id == meeting.c.unit_id)
        .where(on(placement.c, TODAY), meeting.c.held_on.between(begin, end))
        .group_by(placement.c.path)
    )
    by_path: Counter[str] = Counter()
    for path, count in rows:
        for above in prefixes(path):
            by_path[above] += count
    columns = placement.c
    units = await connection.execute(
        select(columns.unit_id, columns.path, columns.kind).where(on(columns, TODAY))
    )
    every = units.all()
    sizes = Counter({unit: by_path[path] for unit, path, _ in every})
    return sizes, {unit: kind for unit, _, kind in every}


def _office(principal: str, role: str, unit_id: int) -> Appointment:
    return Appointment(uuid7(), principal, role, unit_id, "", TODAY, None)


def _granted(of_unit_id: int, to_unit_id: int) -> Grant:
    """As a leader of the district would grant it."""
    whole = Ceiling((Taken(of_unit_id, "subtree"),))
    return Grant(
        id=uuid7(),
        of_unit_id=of_unit_id,
        to_unit_id=to_unit_id,
        roles=("officer",),
        resources=("meeting",),
        actions=("summarise",),
        max_rank=None,
        purpose="Cụm thi đua",
        valid_from=TODAY,
        valid_to=TODAY.replace(year=TODAY.year + 1),
        granted_on=TODAY,
        granted_by="somebody",
        granted_at=datetime.now(UTC),
        revoked_at=None,
        ceiling={("summarise", "meeting"): whole, ("read", "unit"): whole},
    )
