"""`appointments.csv`: who holds which office at which unit, and when.

An appointment that is already there, or that stands twice in the file, is skipped. It never
stores any.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.tables import appointment, policy_rule
from hierarchy.tables import unit
from server.folder.columns import Column, cells, day, text
from server.folder.faults import Report, shown
from server.folder.lines import Sheet
from server.folder.units import Units

FILE = "appointments.csv"
HEADER = ("principal", "role", "unit_code", "valid_from", "valid_to")
MAX_PRINCIPAL_LENGTH = 255
"""In characters; OpenID Connect Core 1.0 bounds the claim `sub` alike."""

Appointment = tuple[str, str, str, date, date | None]
"""Principal, role, code of the unit, from a day (included) to a day (excluded)."""


@dataclass(frozen=True, slots=True)
class Appointments:
    """What is to be stored of a file, and how many rows of it are already there."""

    new: list[Appointment]
    skipped: int


async def read_roles(connection: AsyncConnection) -> set[str]:
    """The roles that the policy knows."""
    return set(await connection.scalars(select(policy_rule.c.role).distinct()))


async def read_appointments(connection: AsyncConnection) -> set[Appointment]:
    """All appointments of the store."""
    columns = appointment.c
    rows = await connection.execute(
        select(
            columns.principal, columns.role, unit.c.code, columns.valid_from, columns.valid_to
        ).join(unit, unit.c.id == columns.unit_id)
    )
    return {tuple(row) for row in rows}


def check_appointments(
    sheet: Sheet, known: set[Appointment], roles: set[str], units: Units, report: Report
) -> Appointments:
    """Reads the file and reports every fault of it."""
    columns = [
        *(Column(name, text) for name in HEADER[:3]),
        Column("valid_from", day),
        Column("valid_to", day, required=False),
    ]
    new: dict[Appointment, None] = {}
    rows = 0
    for batch in sheet.batches(report):
        read = cells(batch, columns, report)
        for line, *fields in zip(read.lines, *read.columns, strict=True):
            given: Appointment = tuple(fields)
            rows += 1
            for message in _faults(given, roles, units):
                report(line, message)
            if given not in known:
                new[given] = None
    return Appointments(list(new), rows - len(new))


def _faults(given: Appointment, roles: set[str], units: Units) -> Iterator[str]:
    principal, role, code, valid_from, valid_to = given
    if "\0" in principal:
        yield "principal holds a NUL character"
    if len(principal) > MAX_PRINCIPAL_LENGTH:
        yield f"principal has more than {MAX_PRINCIPAL_LENGTH} characters"
    if role not in roles:
        yield f"unknown role {shown(role)}"
    if units.life(code) is None:
        yield f"unknown unit {shown(code)}"
    if valid_to is not None and valid_to <= valid_from:
        yield "valid_to is not after valid_from"
