"""A province in which every text says whose it is, and what one viewer may see of it.

Each code, name, category, topic, theme, number, title and principal holds a mark of its own
(`Q0042`): wherever a mark turns up in an answer, in whatever field, message, id or cursor, it is
known what was shown. Which marks the viewer may be shown is found by the naive oracle
(`tests/oracle/model.py`), from the folder's files alone.

    T province
    ├── D district, the viewer's own   five grassroots, one of them left, one came from E
    ├── E district, the neighbour
    └── F district, further away       to whom one of D's goes some day
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from tests.oracle.folders import HEADERS
from tests.oracle.model import Model
from tests.province import TODAY

VIEWER = "viewer"
LEADER = "leader"
"""Of the province: sees everything there is to see of units."""
MARK = re.compile(r"Q\d{4}")

Row = dict[str, str]


@dataclass
class Places:
    """The units that the story is about, by their codes."""

    top: str = ""
    districts: list[str] = field(default_factory=list)
    grassroots: dict[str, list[str]] = field(default_factory=dict)
    branches: dict[str, list[str]] = field(default_factory=dict)


class Folder:
    """The rows of the folder, the same every time."""

    def __init__(self) -> None:
        self.files: dict[str, list[Row]] = {name: [] for name in HEADERS}
        self.places = Places()
        self.marks = 0
        self.views: list[dict[str, str]] = []
        """Of each the principal who saves it, and what is saved."""
        self._units()
        self._decisions()
        self._appointments()
        self._views()

    def write(self, folder: Path) -> None:
        """Writes the tree and rights first: which records are right is asked of them."""
        self._write(folder)
        self._records(Model(folder, TODAY))
        self._write(folder)

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in self.files.items():
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, HEADERS[name].split(","), restval="")
                writer.writeheader()
                writer.writerows(rows)

    def marked(self, text: str) -> str:
        self.marks += 1
        return f"{text} Q{self.marks:04}"

    # units

    def _unit(self, under: str, kind: str, name: str, category: str = "") -> str:
        code = self.marked(kind[0].upper()).replace(" ", ".")
        row = {"code": code, "parent_code": under, "name": self.marked(name), "kind": kind}
        row |= {"category": category and self.marked(category), "established_on": "2000-01-01"}
        self.files["units"].append(row)
        return code

    def _units(self) -> None:
        places = self.places
        places.top = self._unit("", "province", "Đảng bộ tỉnh")
        for _ in range(3):
            district = self._unit(places.top, "district", "Đảng bộ huyện")
            places.districts.append(district)
            places.grassroots[district] = [self._grassroots(district) for _ in range(4)]
            school = self._unit(district, "grassroots_branch", "Chi bộ trường", "trường học")
            places.branches[school] = []
            places.grassroots[district].append(school)

    def _grassroots(self, district: str) -> str:
        code = self._unit(district, "grassroots", "Đảng bộ xã", "xã")
        branches = [self._unit(code, "branch", "Chi bộ thôn") for _ in range(3)]
        self.places.branches[code] = branches
        return code

    # decisions

    def _decisions(self) -> None:
        d, e, f = self.places.districts
        below, branches = self.places.grassroots, self.places.branches
        left, came, leaves = below[d][3], below[e][0], below[d][2]
        merged = branches[below[d][0]]
        self._decide("2022-03-01", _transfer(came, d))
        self._decide("2022-06-01", _transfer(left, e))
        self._decide("2023-02-01", self._rename(left), self._rename(branches[left][0]))
        self._decide("2023-02-02", self._rename(came), self._rename(below[f][0]))
        self._decide("2023-05-01", *(_merge(each, merged[2]) for each in merged[:2]))
        self._decide("2023-06-01", _change("DISSOLVE", branches[below[e][1]][0]))
        self._decide("2023-06-02", _change("DISSOLVE", branches[below[d][1]][0]))
        self._decide("2023-09-01", self._establish(below[d][1]), self._establish(below[e][1]))
        self._decide("2024-02-01", self._reclassify(below[d][1]), self._reclassify(below[e][1]))
        self._decide("2024-10-01", _transfer(leaves, f))
        self._decide("2024-12-01", self._rename(leaves), self._rename(branches[leaves][1]))
        self._decide("2025-02-01", _transfer(below[f][1], d), self._rename(d))

    def _decide(self, day: str, *changes: Row) -> None:
        told = {"number": self.marked("QĐ"), "title": self.marked("Về việc"), "issued_on": day}
        told |= {"issued_by": self.places.top, "effective_on": day}
        for position, change in enumerate(changes, 1):
            self.files["decisions"].append({**told, "position": str(position), **change})

    def _rename(self, code: str) -> Row:
        return _change("RENAME", code, name=self.marked("Đảng bộ đổi tên"))

    def _establish(self, under: str) -> Row:
        code = self.marked("N").replace(" ", ".")
        name = self.marked("Chi bộ mới")
        return _change("ESTABLISH", code, to_code=under, name=name, kind="branch")

    def _reclassify(self, code: str) -> Row:
        return _change("RECLASSIFY", code, category=self.marked("phường"))

    # rights

    def _appointments(self) -> None:
        d, e, f = self.places.districts
        for row in self.files["units"]:
            principal = self.marked("người").replace(" ", ".")
            self._appoint(principal, "secretary", row["code"])
        for unit, role in [(e, "leader"), (d, "administrator")]:
            self._appoint(self.marked("người").replace(" ", "."), role, unit)
        self._appoint(LEADER, "leader", self.places.top)
        self._appoint(VIEWER, "secretary", d)
        self._appoint(VIEWER, "leader", e, "2021-01-01")
        self._appoint(VIEWER, "leader", f, "2030-01-01", begins="2029-01-01")

    def _appoint(
        self, principal: str, role: str, unit: str, ends: str = "", begins: str = "2020-01-01"
    ) -> None:
        self.files["appointments"].append(
            {"principal": principal, "role": role, "unit_code": unit, "valid_from": begins}
            | {"valid_to": ends}
        )

    def _views(self) -> None:
        """Of a unit above, one's own, one beside and one below: the last two are out of sight."""
        places, d = self.places, self.places.districts[0]
        for unit in (places.top, d, places.districts[1], places.grassroots[d][0]):
            keeper = self.marked("người").replace(" ", ".")
            self._appoint(keeper, "office", unit)
            named = {"name": self.marked("bảng"), "title": self.marked("Bảng số liệu")}
            told = {"unitCode": unit, "document": "{ units { totalCount } }"}
            self.views.append({"principal": keeper, **told, **named})

    # records

    def _records(self, model: Model) -> None:
        units = [code for code in model.units if model.stands(code, TODAY)]
        for at, code in enumerate(units):
            for held_on in _days(model, code, at):
                self._meet(code, held_on, at)
                self._inspect(model, code, held_on, at)
            for year in (2021, 2022, 2023):
                if model.open(code, date(year, 12, 31)):
                    self._evaluate(code, year, at)

    def _meet(self, code: str, held_on: date, at: int) -> None:
        self.files["meetings"].append(
            {"unit_code": code, "held_on": held_on.isoformat(), "kind": "REGULAR"}
            | {"form": ("IN_PERSON", "ONLINE", "HYBRID")[at % 3], "topic": self.marked("Chủ đề")}
            | {"members_expected": str(20 + at), "members_present": str(10 + at)}
            | {"minutes_kept": "true", "attended_by_higher_committee": "false"}
            | {"score": str(at % 100)}
        )

    def _evaluate(self, code: str, year: int, at: int) -> None:
        self.files["evaluations"].append(
            {"unit_code": code, "year": str(year), "regulation": self.marked("QĐ/TW")}
            | {"rating": ("EXCELLENT", "GOOD", "COMPLETED", "NOT_COMPLETED")[at % 4]}
            | {"members_rated": "10", "members_excellent": "1", "members_good": "2"}
            | {"members_completed": "3", "members_not_completed": "4"}
        )

    def _inspect(self, model: Model, code: str, day: date, at: int) -> None:
        """One by the district, done; of some units one on signs by the top, still open."""
        path, told = model.path(code, day), {"unit_code": code, "body": "COMMITTEE"}
        told |= {"kind": "INSPECTION", "members_covered": "3", "members_in_violation": "1"}
        told |= {"members_sanctioned": "1", "opened_on": day.isoformat()}
        done = {"by_unit_code": path[:2][-1], "ground": "PROGRAMME", "status": "CONCLUDED"}
        done |= {"concluded_on": day.isoformat(), "theme": self.marked("Nội dung")}
        self.files["inspections"].append({**told, **done})
        if at % 3 == 0 or code in self.places.districts:
            signs = {"by_unit_code": path[0], "ground": "SIGNS", "status": "OPEN"}
            self.files["inspections"].append({**told, **signs, "theme": self.marked("Dấu hiệu")})


def _change(change: str, unit: str, **more: str) -> Row:
    return {"change": change, "unit_code": unit, **more}


def _transfer(unit: str, to: str) -> Row:
    return _change("TRANSFER", unit, to_code=to)


def _merge(unit: str, into: str) -> Row:
    return _change("MERGE", unit, to_code=into)


def _days(model: Model, code: str, at: int) -> list[date]:
    """Days of the past on which the unit was open: before anything was decided, and after."""
    days = [date(year, 1 + at % 5, 1 + at % 28) for year in (2021, 2022, 2024)]
    return [day for day in days if model.open(code, day)]


# ---- what the viewer may be shown


PAST = re.compile(r"asOf|AS_RECORDED|history|[pP]redecessors|[sS]uccessors|[dD]ecision")
"""What shows a unit as it stood on another day than today."""
INSPECTING = re.compile(r"\bby\b")
EXPLAINING = re.compile(r"\bexplain\b")


class Sight:
    """The marks that the viewer may be shown: those of today, and what some questions add."""

    def __init__(self, folder: Path) -> None:
        self.model = model = Model(folder, TODAY)
        begins = model.moves.days
        self.days = sorted({*begins, *(day - timedelta(days=1) for day in begins), TODAY})
        self.today = model.visible(VIEWER, TODAY)
        self.ever = {code for day in self.days for code in model.visible(VIEWER, day)}
        self.marks: set[str] = set()
        self.past: set[str] = set()
        self.inspecting: set[str] = set()
        self._see_units()
        self._see_records()
        self._see_decisions(folder)
        self._see_views()
        offices = (each.unit for each in model.appointments if each.principal == VIEWER)
        self.offices = {mark for code in offices for mark in MARK.findall(code)}

    def allowed(self, asked: str) -> set[str]:
        """What an answer to this question may show."""
        found = set(self.marks)
        for words, marks in (
            (PAST, self.past),
            (INSPECTING, self.inspecting),
            (EXPLAINING, self.offices),
        ):
            if words.search(asked):
                found |= marks
        return found

    def _see_units(self) -> None:
        """A unit seen today with all that it was and will be; another as on the days on which it
        is seen."""
        for day in self.days:
            for code, unit in self.model.on(day).items():
                if code in self.today:
                    _add(self.marks, code, unit.name, unit.category)
                elif code in self.model.visible(VIEWER, day):
                    _add(self.past, code, unit.name, unit.category)

    def _see_records(self) -> None:
        for resource, records in self.model.records.items():
            for record in records:
                if not self.model.may_read(VIEWER, resource, record):
                    continue
                _add(self.marks, *(record.get(each) for each in ("topic", "theme", "regulation")))
                if by := record.get("by"):
                    unit = self.model.unit(by, TODAY)
                    _add(self.inspecting, by, unit.name, unit.category)

    def _see_views(self) -> None:
        """Those of the units at which the viewer holds office, and of the units above."""
        here = {each.unit for each in self.model.in_force(VIEWER)}
        above = {code for unit in here for code in self.model.path(unit, TODAY)}
        for view in Folder().views:
            if view["unitCode"] in above:
                _add(self.marks, view["principal"], view["name"], view["title"])

    def _see_decisions(self, folder: Path) -> None:
        """By whoever sees one of its units, today or on its day; the title, who sees them all."""
        with (folder / "decisions.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for number in {row["number"] for row in rows}:
            own = [row for row in rows if row["number"] == number]
            seen = [code in self._on_the_day(row) for row in own for code in _units_of(row)]
            if any(seen):
                _add(self.marks, number)
            if all(seen):
                _add(self.marks, own[0]["title"])

    def _on_the_day(self, row: Row) -> set[str]:
        return self.today | self.model.visible(VIEWER, date.fromisoformat(row["effective_on"]))


def _add(marks: set[str], *texts: str | None) -> None:
    for text in texts:
        marks.update(MARK.findall(text or ""))


def _units_of(row: Row) -> list[str]:
    return [code for code in (row["unit_code"], row["to_code"], row["from_code"]) if code]
