"""`units.csv`, and the units that the other files of a folder may name.

Units are held against the store's own rules (`hierarchy/founding.py`), together with the units
that are already there. It never founds any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.founding import Known, faults, in_order
from hierarchy.tables import placement, unit
from hierarchy.unit import Founding, Kinds, Life
from server.folder.columns import Column, cells, day, text
from server.folder.faults import Report
from server.folder.lines import Sheet

FILE = "units.csv"
HEADER = ("code", "parent_code", "name", "kind", "category", "established_on", "closed_on")
ALWAYS = Life(date.min, None)
"""The life of a unit that is at fault: other files are not blamed for it."""


@dataclass(frozen=True, slots=True)
class Units:
    """The units of the folder and of the store, and which of them are to be founded.

    `lives` and `parents` are by code. Where the folder's units are `at_fault`, their lives and
    parents are not to be relied on; where `all_known` is false, not even their codes.
    """

    new: list[Founding]
    skipped: int
    lives: dict[str, Life]
    parents: dict[str, str | None]
    at_fault: bool = False
    all_known: bool = True

    def life(self, code: str) -> Life | None:
        """When a unit stands; null where there is none of this code."""
        found = self.lives.get(code)
        return ALWAYS if found is None and not self.all_known else found

    def holds(self, above: str, code: str) -> bool:
        """Whether a unit is the other or stands above it."""
        at: str | None = code
        while at is not None and at != above:
            at = self.parents.get(at)
        return self.at_fault or at == above


async def read_known(connection: AsyncConnection) -> dict[str, Known]:
    """All units of the store as they were founded, from a projection that is current."""
    above = unit.alias("above")
    rows = await connection.stream(
        select(
            unit.c.code,
            above.c.code,
            placement.c.name,
            placement.c.kind,
            placement.c.category,
            unit.c.established_on,
            unit.c.closed_on,
            unit.c.stands_from,
        )
        .join(
            placement,
            (placement.c.unit_id == unit.c.id) & (placement.c.valid_from == unit.c.stands_from),
        )
        .outerjoin(above, above.c.id == placement.c.parent_id)
    )
    known = {}
    async for code, parent, name, kind, category, established_on, closed_on, stands_from in rows:
        founding = Founding(code, parent, name, kind, category, established_on, closed_on)
        known[code] = Known(founding, Life(stands_from, closed_on))
    return known


def units_of_store(known: dict[str, Known]) -> Units:
    """What may be named where the folder has no units of its own."""
    return Units(
        [],
        0,
        {code: unit.life for code, unit in known.items()},
        {code: unit.founding.parent_code for code, unit in known.items()},
    )


def check_units(sheet: Sheet, known: dict[str, Known], kinds: Kinds, report: Report) -> Units:
    """Reads the file and reports every fault of it."""
    lines: list[int] = []
    foundings: list[Founding] = []
    codes: list[str] = []
    columns = _columns()
    for batch in sheet.batches(report):
        codes += [row[0] for row in batch.rows]
        read = cells(batch, columns, report)
        lines += read.lines
        foundings += map(Founding, *read.columns)
    broken: set[str | None] = set(codes)
    broken -= {founding.code for founding in foundings}
    if not sheet.whole:
        parents = {founding.parent_code for founding in foundings}
        broken |= parents - set(codes) - known.keys() - {None}
    judged = _apart_from(broken, foundings)
    wrong = faults([foundings[index] for index in judged], known, kinds)
    for fault in wrong:
        report(lines[judged[fault.index]], fault.message)
    if wrong or broken or len(codes) != len(foundings) or not sheet.whole:
        return _at_fault(codes, foundings, known, sheet.whole)
    return _sound(foundings, known)


def _columns() -> list[Column]:
    readings = {"established_on": day, "closed_on": day}
    optional = {"parent_code", "category", "closed_on"}
    return [
        Column(name, readings.get(name, text), required=name not in optional) for name in HEADER
    ]


def _apart_from(broken: set[str | None], foundings: Sequence[Founding]) -> list[int]:
    """The indices of units that stand neither directly nor indirectly under a broken one."""
    parents = {founding.code: founding.parent_code for founding in foundings}
    sound: dict[str | None, bool] = dict.fromkeys(broken, False)
    for start in parents:
        trail: dict[str | None, None] = {}
        code: str | None = start
        while code not in sound and code not in trail and code in parents:
            trail[code] = None
            code = parents[code]
        sound.update(dict.fromkeys(trail, sound.get(code, True)))
    return [index for index, founding in enumerate(foundings) if sound[founding.code]]


def _at_fault(
    codes: Sequence[str], foundings: Sequence[Founding], known: dict[str, Known], whole: bool
) -> Units:
    lives = dict.fromkeys([*known, *codes], ALWAYS)
    return Units(list(foundings), 0, lives, {}, at_fault=True, all_known=whole)


def _sound(foundings: Sequence[Founding], known: dict[str, Known]) -> Units:
    ordered = in_order(foundings, known)
    units = units_of_store(known)
    for founding, life in ordered:
        units.lives[founding.code] = life
        units.parents[founding.code] = founding.parent_code
    new = [founding for founding, _ in ordered]
    return Units(new, len(foundings) - len(new), units.lives, units.parents)
