"""`appointments.csv`: who holds which office at which unit, and when.

An appointment that is already there, or that stands twice in the file, is skipped; so is one that
was there and has been ended since, for a folder that is loaded again brings nobody back. It never
stores any.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.appointments import MAX_PRINCIPAL_LENGTH
from authz.tables import appointment, policy_rule
from hierarchy.tables import unit
from records.tables import audit_entry
from server.folder.columns import Column, cells, day, text
from server.folder.faults import Report, shown
from server.folder.lines import Sheet
from server.folder.units import Units

FILE = "appointments.csv"
HEADER = ("principal", "role", "unit_code", "valid_from", "valid_to")

Appointment = tuple[str, str, str, date, date | None]
"""Principal, role, code of the unit, from a day (included) to a day (excluded)."""


Begun = tuple[str, str, str, date]
"""The same without its end."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds: all appointments, and how those began that were ended since."""

    appointments: set[Appointment]
    ended: set[Begun]

    def __contains__(self, given: Appointment) -> bool:
        return given in self.appointments or given[:4] in self.ended


@dataclass(frozen=True, slots=True)
class Appointments:
    """What is to be stored of a file, and how many rows of it are already there."""

    new: list[Appointment]
    skipped: int


async def read_roles(connection: AsyncConnection) -> set[str]:
    """The roles that the policy knows."""
    return set(await connection.scalars(select(policy_rule.c.role).distinct()))


def was_ended() -> ColumnElement[bool]:
    """That the trail tells of an appointment's end."""
    told = select(audit_entry.c.subject).where(
        audit_entry.c.resource == "appointment",
        audit_entry.c.action == "end",
        audit_entry.c.subject.is_not(None),
    )
    return func.replace(cast(appointment.c.id, Text), "-", "").in_(told)


async def read_appointments(connection: AsyncConnection) -> Known:
    """All appointments of the store."""
    columns = appointment.c
    begun = select(columns.principal, columns.role, unit.c.code, columns.valid_from).join(
        unit, unit.c.id == columns.unit_id
    )
    ended = await connection.execute(begun.where(was_ended()))
    rows = await connection.execute(begun.add_columns(columns.valid_to))
    return Known({tuple(row) for row in rows}, {tuple(row) for row in ended})


def check_appointments(
    sheet: Sheet, known: Known, roles: set[str], units: Units, report: Report
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
