"""A whole data folder held against the rules and against what the store already has.

`check` reads every file once and either raises `LoadRefused` with the faults of all of them, or
says what is to be founded, decided, appointed and recorded. It reads the store in the snapshot
it is given and never writes; whoever stores what it allowed must see that the store is still the
same. A file ending in `.csv` of any other name is refused, so that a misspelt one is not left
out in silence; files of other endings, and those whose names begin with a dot, are none of its
business.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy import projection
from hierarchy.decision import Proposal
from hierarchy.errors import BadInput
from hierarchy.store import HierarchyStore
from hierarchy.tables import revision, unit
from hierarchy.unit import Founding, Kinds
from records import bulk
from records.tables import evaluation
from server.folder import appointments, decisions, units
from server.folder.appointments import Appointment, Appointments
from server.folder.decisions import Decisions, read_decisions
from server.folder.faults import Faults, Report
from server.folder.lines import Sheet
from server.folder.records import (
    EVALUATIONS,
    KEY,
    RECORD_FILES,
    Keys,
    RecordCheck,
    RecordFile,
    Rows,
    rows,
)
from server.folder.tree import CheckedTree, check_tree, read_ledger
from server.folder.units import GivenUnits, Units, read_units

PRINCIPAL = "cli"
"""Under which the client keys of all loaded files are remembered."""
FILES = (units.FILE, decisions.FILE, appointments.FILE, *(file.name for file in RECORD_FILES))
READINGS = 2
"""How often a file is read: once to check it, once to store it."""

Progress = Callable[[str, int, int], None]
"""Told a file's name, how many bytes of it are done, and of how many: both readings together."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a file that were stored, and rows that were already there."""

    new: int
    skipped: int


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A record file that may be stored: its bytes, whether they may be loaded only `once`, and
    whether it has client keys."""

    file: RecordFile
    path: Path
    digest: str
    once: bool
    keyed: bool


@dataclass(frozen=True)
class Checked:
    """What a folder without a fault holds, on a store as it was at two versions."""

    tree_version: int
    policy_version: int
    kinds: Kinds
    foundings: list[Founding]
    proposals: list[Proposal]
    appointments: list[Appointment]
    records: list[CheckedFile]
    counts: dict[str, Counts] = field(default_factory=dict)

    @property
    def changes_tree(self) -> bool:
        return bool(self.foundings or self.proposals)


def files_of(folder: Path) -> dict[str, Path]:
    """The files of a data folder by name. Raises `BadInput` where there is no such folder, and
    `LoadRefused` where a file is none of a data folder's."""
    if not folder.is_dir():
        raise BadInput("{folder}: no such folder", folder=str(folder))
    faults = Faults()
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() == ".csv" and not path.name.startswith("."):
            found[path.name] = path
            if path.name not in FILES:
                faults.of(path.name)(1, _unknown(path.name))
    faults.refuse()
    if not found:
        raise BadInput("{folder}: none of {files}", folder=str(folder), files=", ".join(FILES))
    return found


async def check(
    connection: AsyncConnection,
    tree: HierarchyStore,
    files: dict[str, Path],
    today: date,
    now: datetime,
    again: bool,
    progress: Progress,
) -> Checked:
    """Reads all files. Raises `LoadRefused` where any of them is at fault.

    `tree` is the store whose ledger the units are held against, `now` the moment at which
    decisions are recorded; `again` takes files whose very bytes were loaded before.
    """
    return await _Check(connection, tree, files, today, now, again, progress).run()


def watched(sheet: Sheet, path: Path, reading: int, progress: Progress) -> Callable[[], None]:
    """Tells the progress of one of a file's readings (from 0) when it is called."""
    size = path.stat().st_size

    def tell() -> None:
        progress(path.name, reading * size + min(sheet.bytes_read, size), READINGS * size)

    return tell


class _Check:
    def __init__(
        self,
        connection: AsyncConnection,
        tree: HierarchyStore,
        files: dict[str, Path],
        today: date,
        now: datetime,
        again: bool,
        progress: Progress,
    ) -> None:
        self._connection = connection
        self._tree = tree
        self._files = files
        self._today = today
        self._now = now
        self._again = again
        self._progress = progress
        self._faults = Faults()
        self._counts: dict[str, Counts] = {}

    async def run(self) -> Checked:
        versions = (await self._connection.execute(select(revision))).one()
        kinds = await projection.read_kinds(self._connection)
        tree = await self._checked_tree(kinds)
        appointed = await self._appointments(tree.units)
        records = await self._records(tree.units)
        self._faults.refuse()
        return Checked(
            versions.tree_version,
            versions.policy_version,
            kinds,
            tree.foundings,
            tree.proposals,
            appointed.new,
            records,
            self._counts,
        )

    async def _checked_tree(self, kinds: Kinds) -> CheckedTree:
        report, report_decision = self._faults.of(units.FILE), self._faults.of(decisions.FILE)
        given, decided = GivenUnits(), Decisions()
        if sheet := self._sheet(units.FILE, [units.HEADER]):
            given = read_units(sheet, report)
        if sheet := self._sheet(decisions.FILE, [decisions.HEADER]):
            decided = read_decisions(sheet, kinds, self._now, report_decision)
        kept = await read_ledger(self._tree)
        tree = check_tree(kept, given, decided, kinds, report, report_decision)
        if not kept.told and not given.codes and given.whole:
            report(1, "no units, and the store has none")
        self._count(units.FILE, len(tree.foundings), tree.skipped_units)
        self._count(decisions.FILE, decided.rows - tree.skipped_rows, tree.skipped_rows)
        return tree

    async def _appointments(self, units: Units) -> Appointments:
        sheet = self._sheet(appointments.FILE, [appointments.HEADER])
        if sheet is None:
            return Appointments([], 0)
        known = await appointments.read_appointments(self._connection)
        roles = await appointments.read_roles(self._connection)
        report = self._faults.of(appointments.FILE)
        found = appointments.check_appointments(sheet, known, roles, units, report)
        self._count(appointments.FILE, len(found.new), found.skipped)
        return found

    async def _records(self, units: Units) -> list[CheckedFile]:
        present = [
            (file, self._files[file.name]) for file in RECORD_FILES if file.name in self._files
        ]
        check = RecordCheck(units, await self._evaluated(), self._today)
        keys = Keys()
        stored_keys = await bulk.has_keys(self._connection, PRINCIPAL)
        checked = [
            await self._record_file(file, path, check, keys, stored_keys) for file, path in present
        ]
        keys.check(present, self._faults)
        return checked

    async def _evaluated(self) -> list[tuple[str, int]]:
        if EVALUATIONS.name not in self._files:
            return []
        found = await self._connection.execute(
            select(unit.c.code, evaluation.c.year).join(unit, unit.c.id == evaluation.c.unit_id)
        )
        return [(code, year) for code, year in found]

    async def _record_file(
        self, file: RecordFile, path: Path, check: RecordCheck, keys: Keys, stored_keys: bool
    ) -> CheckedFile:
        sheet = Sheet(path, file.headers)
        report = self._faults.of(file.name)
        tell = watched(sheet, path, 0, self._progress)
        new = skipped = 0
        once = False
        for given in rows(file, sheet, report):
            once = once or None in given.keys
            keys.add(given, report)
            fresh = await new_rows(self._connection, given, report) if stored_keys else given
            check.check(fresh, report)
            new += len(fresh.lines)
            skipped += len(given.lines) - len(fresh.lines)
            tell()
        self._counts[file.name] = Counts(new, skipped)
        await self._refuse_twice(sheet.digest, once, report)
        return CheckedFile(file, path, sheet.digest, once, sheet.header[-1] == KEY)

    async def _refuse_twice(self, digest: str, once: bool, report: Report) -> None:
        if once and not self._again and await bulk.was_loaded(self._connection, digest):
            report(1, "these very bytes were loaded before; --again loads them all the same")

    def _sheet(self, name: str, headers: list[tuple[str, ...]]) -> Sheet | None:
        return Sheet(self._files[name], headers) if name in self._files else None

    def _count(self, name: str, new: int, skipped: int) -> None:
        """Tells of a file that is read once that it is done."""
        if name in self._files:
            size = READINGS * self._files[name].stat().st_size
            self._counts[name] = Counts(new, skipped)
            self._progress(name, size, size)


async def new_rows(connection: AsyncConnection, given: Rows, report: Report) -> Rows:
    """The rows that are to be stored: apart from those whose key was loaded before. One that now
    says something else is reported."""
    keys = [key for key in given.keys if key]
    stored = await bulk.stored_contents(connection, PRINCIPAL, keys)
    if not stored:
        return given
    skipped = set()
    for at, (key, content) in enumerate(zip(given.keys, given.contents(), strict=True)):
        if key is not None and key in stored:
            skipped.add(at)
            if stored[key] != content:
                report(given.lines[at], "client_key: loaded before, and then it said otherwise")
    return given.but(skipped)


def _unknown(name: str) -> str:
    return f"not a file of a data folder, which may hold {', '.join(FILES)}"
