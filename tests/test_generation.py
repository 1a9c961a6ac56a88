"""Synthetic folders: real numbers, the same bytes again, and nothing `chibo load` would refuse.

The rules of `formats.md` are checked naively here, by loops over the rows of the files; nothing of
the loader is used.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from server.demo import SAMPLES
from server.generation import SHAPES, generate, nghe_an, write
from server.generation import country as real_case
from server.generation.evaluations import regulation
from server.generation.streams import apportion
from tests.published import DAY, Published, Replay, Tree

TODAY = date(2026, 11, 21)
Row = dict[str, str]
HEADERS = {
    "units": "code,parent_code,name,kind,category,established_on,closed_on",
    "appointments": "principal,role,unit_code,valid_from,valid_to",
    "decisions": "number,title,issued_by,issued_on,effective_on,position,change,unit_code,"
    "to_code,from_code,name,kind,category",
    "meetings": "unit_code,held_on,kind,form,topic,members_expected,members_present,"
    "documents_sent_on,minutes_kept,attended_by_higher_committee,score",
    "evaluations": "unit_code,year,rating,regulation,political_task,meeting_quality,"
    "unity_discipline,cadres_members,members_rated,members_excellent,members_good,"
    "members_completed,members_not_completed",
    "inspections": "unit_code,by_unit_code,body,kind,ground,theme,planned_for,opened_on,"
    "concluded_on,status,members_covered,members_in_violation,members_sanctioned",
}
RANKS = {
    "central": 0,
    "province": 1,
    "district": 2,
    "bloc": 2,
    "direct": 2,
    "commune": 2,
    "grassroots": 3,
    "grassroots_branch": 3,
    "section": 4,
    "branch": 5,
    "group": 6,
}
UPPER = {"province", "district", "bloc", "direct", "commune"}
MAY_STAND_UNDER = {
    "province": {"central"},
    "district": {"province"},
    "bloc": {"province", "central"},
    "direct": {"province", "central"},
    "commune": {"province"},
    "grassroots": UPPER,
    "grassroots_branch": UPPER,
    "section": {"grassroots"},
    "branch": {"grassroots", "section"},
    "group": {"branch", "grassroots_branch"},
}
ROLES = {
    "leader",
    "secretary",
    "officer",
    "organisation_board",
    "inspection_commission",
    "office",
    "auditor",
    "administrator",
}
BRANCHES = {"branch", "grassroots_branch"}


@dataclass(frozen=True)
class Folder:
    path: Path
    today: date
    tables: dict[str, list[Row]]
    units: dict[str, Row]

    def stands(self, code: str) -> tuple[str, str]:
        """First day and first day no more, as ISO texts."""
        unit = self.units[code]
        first = unit["established_on"]
        if unit["parent_code"]:
            first = max(first, self.stands(unit["parent_code"])[0])
        return first, unit["closed_on"] or "9999-12-31"

    def above(self, code: str, day: str = "") -> Iterator[str]:
        """From the unit to the top, as it stood on a day."""
        while code:
            yield code
            code = self.units[code]["parent_code"]

    def open(self, *kinds: str) -> list[Row]:
        day = self.today.isoformat()
        return [
            unit
            for unit in self.units.values()
            if unit["kind"] in kinds
            and self.stands(unit["code"])[0] <= day < self.stands(unit["code"])[1]
        ]


@dataclass(frozen=True)
class Reorganised(Folder):
    """A folder with decisions of 1 July 2025, `units` those that they establish, too."""

    replay: Replay

    def stands(self, code: str) -> tuple[str, str]:
        first, end = super().stands(code)
        return first, min(end, DAY) if code in self.replay.after.closed else end

    def above(self, code: str, day: str = "") -> Iterator[str]:
        tree = self.replay.before if day < DAY else self.replay.after
        yield from tree.path(code)


def read(path: Path, today: date) -> Folder:
    tables: dict[str, list[Row]] = {}
    for name, header in HEADERS.items():
        file = path / f"{name}.csv"
        if file.exists():
            with file.open(encoding="utf-8", newline="") as lines:
                assert next(lines).rstrip("\n") == header
                tables[name] = list(csv.DictReader(lines, header.split(",")))
    return Folder(path, today, tables, {unit["code"]: unit for unit in tables["units"]})


def reorganised(path: Path, today: date) -> Reorganised:
    folder = read(path, today)
    established = {
        row["unit_code"]: row
        | {"code": row["unit_code"], "parent_code": row["to_code"]}
        | {"established_on": DAY, "closed_on": ""}
        for row in folder.tables["decisions"]
        if row["change"] == "ESTABLISH"
    }
    units = {**folder.units, **established}
    return Reorganised(path, today, folder.tables, units, Replay(path))


@pytest.fixture(scope="session")
def province(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("nghe-an")
    generate(path, "nghe-an", 1, 1, TODAY)
    return read(path, TODAY)


@pytest.fixture(scope="session")
def country(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("nation")
    generate(path, "nation", 0, 1, TODAY)
    return read(path, TODAY)


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Reorganised:
    """Nghệ An's part of the real case."""
    path = tmp_path_factory.mktemp("case")
    write(path, real_case.parts(1, 1, TODAY, only=("40",)), 1)
    return reorganised(path, TODAY)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Reorganised:
    """The demo's province with the records of three months."""
    path = tmp_path_factory.mktemp("demo")
    today = date(2025, 8, 31)
    write(path, nghe_an.reorganised(date(2025, 6, 1), 1, today), 1)
    return reorganised(path, today)


def check_units(folder: Folder) -> None:
    units = folder.tables["units"]
    assert len(folder.units) == len(units)
    assert len([unit for unit in units if not unit["parent_code"]]) == 1
    for unit in units:
        assert unit["code"] and unit["name"] and len(unit["code"]) <= 64
        first, end = folder.stands(unit["code"])
        assert date.fromisoformat(unit["established_on"]).isoformat() <= first < end
        if unit["parent_code"]:
            above = folder.units[unit["parent_code"]]
            assert above["kind"] in MAY_STAND_UNDER[unit["kind"]]
            assert RANKS[above["kind"]] < RANKS[unit["kind"]]
            assert end <= folder.stands(above["code"])[1]


def check_appointments(folder: Folder) -> None:
    for row in folder.tables["appointments"]:
        assert row["principal"] and row["role"] in ROLES and row["unit_code"] in folder.units
        assert not row["valid_to"] or row["valid_from"] < row["valid_to"]
        date.fromisoformat(row["valid_from"])


def check_stands(folder: Folder, code: str, day: str) -> None:
    first, end = folder.stands(code)
    assert first <= date.fromisoformat(day).isoformat() < end


def check_meetings(folder: Folder) -> None:
    kinds = {"REGULAR", "THEMATIC", "COMMITTEE", "ASSEMBLY", "GROUP"}
    for row in folder.tables["meetings"]:
        check_stands(folder, row["unit_code"], row["held_on"])
        assert row["held_on"] <= folder.today.isoformat()
        assert row["kind"] in kinds and row["form"] in {"IN_PERSON", "ONLINE", "HYBRID"}
        assert 0 <= int(row["members_present"]) <= int(row["members_expected"]) <= 1_000_000
        assert row["documents_sent_on"] <= row["held_on"]
        assert {row["minutes_kept"], row["attended_by_higher_committee"]} <= {"true", "false"}
        assert not row["score"] or 0 <= float(row["score"]) <= 100


def check_evaluations(folder: Folder) -> None:
    rows = folder.tables["evaluations"]
    assert len({(row["unit_code"], row["year"]) for row in rows}) == len(rows)
    for row in rows:
        first, end = folder.stands(row["unit_code"])
        assert first <= f"{row['year']}-12-31" and end > f"{row['year']}-01-01"
        assert int(row["year"]) < folder.today.year
        assert row["rating"] in {"EXCELLENT", "GOOD", "COMPLETED", "NOT_COMPLETED"}
        assert row["regulation"] == regulation(int(row["year"]))
        cells = list(row.values())
        assert set(cells[4:8]) <= {"true", "false", ""}
        rated, *parts = map(int, cells[8:])
        assert rated == sum(parts) and min(parts) >= 0


def check_inspections(folder: Folder) -> None:
    today = folder.today.isoformat()
    shapes = {
        "PLANNED": {(True, False, False)},
        "OPEN": {(True, True, False), (False, True, False)},
        "CONCLUDED": {(True, True, True), (False, True, True)},
        "CANCELLED": {(True, False, False), (True, True, False), (False, True, False)},
    }
    for row in folder.tables["inspections"]:
        planned, opened, concluded = days = (
            row["planned_for"],
            row["opened_on"],
            row["concluded_on"],
        )
        assert tuple(map(bool, days)) in shapes[row["status"]]
        assert not concluded or opened <= concluded
        assert not planned or planned[5:] in {"01-01", "04-01", "07-01", "10-01"}
        day = concluded or opened or planned
        assert day <= today or row["status"] in {"PLANNED", "CANCELLED"}
        assert opened <= today and concluded <= today
        check_stands(folder, row["unit_code"], day)
        check_stands(folder, row["by_unit_code"], day)
        assert row["by_unit_code"] in folder.above(row["unit_code"], day)
        assert row["body"] in {"COMMITTEE", "INSPECTION_COMMISSION", "BRANCH"}
        assert row["kind"] in {"INSPECTION", "SUPERVISION"}
        assert row["ground"] in {"PROGRAMME", "SIGNS", "COMPLAINT"}
        covered, found, sanctioned = (
            int(row[f"members_{what}"]) for what in ("covered", "in_violation", "sanctioned")
        )
        assert 0 <= sanctioned <= found <= covered


def test_no_rule_of_the_data_folder_is_broken(province: Folder) -> None:
    """Nothing on the list of refusals is in a generated province."""
    check_units(province)
    check_appointments(province)
    check_meetings(province)
    check_evaluations(province)
    check_inspections(province)


def test_the_numbers_of_nghe_an(province: Folder) -> None:
    """1,565 grassroots organisations, 10,148 subordinate branches, 20 districts, 412 communes."""
    assert len(province.open("grassroots", "grassroots_branch")) == 1565
    assert len(province.open("branch")) == 10148
    assert len(province.open("district")) == 20
    communes = [code for code in province.units if code.startswith("X.") and code.count(".") == 1]
    assert len(communes) == 412
    assert province.open("province")[0]["code"] == "T.40"
    assert province.open("province")[0]["parent_code"] == ""


def test_some_units_are_of_the_past(province: Folder) -> None:
    """Closed branches and a dissolved organisation stay in the folder, with records of then."""
    closed = {code for code, unit in province.units.items() if unit["closed_on"]}
    assert {province.units[code]["kind"] for code in closed} == {"branch", "grassroots"}
    assert closed & {row["unit_code"] for row in province.tables["meetings"]}


def test_a_year_has_121_776_meetings(province: Folder) -> None:
    assert len(province.tables["meetings"]) == 121_776


def test_the_province_has_167_740_members(province: Folder) -> None:
    """What open branches last expected adds up to about the members the province has."""
    latest: dict[str, tuple[str, int]] = {}
    for row in province.tables["meetings"]:
        unit = province.units[row["unit_code"]]
        if unit["kind"] in BRANCHES and not unit["closed_on"]:
            seen = latest.get(unit["code"], ("", 0))
            latest[unit["code"]] = max(seen, (row["held_on"], int(row["members_expected"])))
    assert sum(size for _, size in latest.values()) == pytest.approx(167_740, rel=0.01)


def test_attendance_dips_at_tet_and_is_uneven(province: Folder) -> None:
    """February 2026 (Tết) is below April, and districts differ."""
    by_month: Counter[str] = Counter()
    by_district: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    for row in province.tables["meetings"]:
        if province.units[row["unit_code"]]["kind"] in BRANCHES:
            district = list(province.above(row["unit_code"]))[-2]
            for counter, cell in ((by_month, "present"), (expected, "expected")):
                counter[row["held_on"][:7]] += int(row[f"members_{cell}"])
            by_district[district] += int(row["members_present"])
            expected[district] += int(row["members_expected"])
    rates = {key: (by_month + by_district)[key] / expected[key] for key in expected}
    assert rates["2026-02"] < rates["2026-04"] - 0.03
    districts = [rates[unit["code"]] for unit in province.open("district")]
    assert max(districts) - min(districts) > 0.03
    assert min(districts) > 0.7 and max(districts) < 0.97


def test_excellent_stays_right_below_its_cap(province: Folder) -> None:
    """At most 20 % of GOOD or better in a kind under a committee (HD 21, 2019), nearly that."""
    ratings: dict[tuple[str, str], Counter[str]] = {}
    for row in province.tables["evaluations"]:
        unit = province.units[row["unit_code"]]
        group = ratings.setdefault((unit["parent_code"], unit["kind"]), Counter())
        group[row["rating"]] += 1
    for group in ratings.values():
        assert group["EXCELLENT"] * 5 <= group["EXCELLENT"] + group["GOOD"]
    total = sum(ratings.values(), Counter[str]())
    assert 0.14 < total["EXCELLENT"] / (total["EXCELLENT"] + total["GOOD"]) < 0.2
    assert 0 < total["NOT_COMPLETED"] < 0.02 * total.total()


def test_members_rated_above_the_branch_are_sums(province: Folder) -> None:
    """An organisation's members rated are those of what is rated directly under it."""
    rated = {row["unit_code"]: int(row["members_rated"]) for row in province.tables["evaluations"]}
    below: Counter[str] = Counter()
    for code, members in rated.items():
        below[province.units[code]["parent_code"]] += members
    above_branches = [code for code in rated if province.units[code]["kind"] not in BRANCHES]
    assert all(rated[code] == below[code] for code in above_branches)


def test_programmes_reach_into_coming_quarters(province: Folder) -> None:
    """Every status and ground occurs; what lies ahead is planned, or already cancelled."""
    rows = province.tables["inspections"]
    assert {row["status"] for row in rows} == {"PLANNED", "OPEN", "CONCLUDED", "CANCELLED"}
    assert {row["ground"] for row in rows} == {"PROGRAMME", "SIGNS", "COMPLAINT"}
    ahead = [row for row in rows if row["planned_for"] > TODAY.isoformat()]
    assert ahead and {row["status"] for row in ahead} == {"PLANNED", "CANCELLED"}


def test_principals_are_role_and_unit(province: Folder) -> None:
    """Committees and commissions are in force, and every organisation has its secretary."""
    rows = province.tables["appointments"]
    principals = {row["principal"] for row in rows if not row["valid_to"]}
    assert {"leader@T.40", "leader@H.415", "inspection_commission@H.415"} <= principals
    organisations = province.open("grassroots", "grassroots_branch")
    assert {f"secretary@{unit['code']}" for unit in organisations} <= principals


def test_the_same_seed_gives_the_same_bytes(province: Folder, tmp_path: Path) -> None:
    generate(tmp_path, "nghe-an", 1, 1, TODAY)
    for name in province.tables:
        file = f"{name}.csv"
        assert (tmp_path / file).read_bytes() == (province.path / file).read_bytes()


def test_another_seed_on_a_leap_day_is_another_valid_folder(
    province: Folder, tmp_path: Path
) -> None:
    """Other bytes, the same totals; two years have two quotas of meetings."""
    generate(tmp_path, "nghe-an", 2, 7, date(2024, 2, 29))
    other = read(tmp_path, date(2024, 2, 29))
    for check in (check_units, check_meetings, check_evaluations, check_inspections):
        check(other)
    assert len(other.tables["meetings"]) == 2 * 121_776
    assert len(other.open("branch")) == 10148
    assert (tmp_path / "units.csv").read_bytes() != (province.path / "units.csv").read_bytes()


def test_without_years_there_are_units_and_appointments_alone(country: Folder) -> None:
    assert set(country.tables) == {"units", "appointments"}


def test_the_country_since_2025(country: Folder) -> None:
    """34 provinces, 3,321 communes, 52,000 organisations, 350,000 units, and a valid tree."""
    check_units(country)
    check_appointments(country)
    kinds = Counter(unit["kind"] for unit in country.open(*RANKS))
    assert (kinds["province"], kinds["commune"], kinds["district"]) == (34, 3321, 0)
    assert kinds["grassroots"] + kinds["grassroots_branch"] == 52_000
    assert kinds.total() == 350_000


# ---- 1 July 2025


def check_kinds(tree: Tree) -> None:
    """What is open stands under something open, of a kind that may hold it."""
    for code, above in tree.above.items():
        if code not in tree.closed and above:
            assert above not in tree.closed, code
            assert tree.kind[above] in MAY_STAND_UNDER[tree.kind[code]], code


@pytest.mark.parametrize("name", ["case", "demo"])
def test_no_rule_is_broken_through_a_reorganisation(
    name: str, request: pytest.FixtureRequest
) -> None:
    """Records lie where and when their units stood, before the day and after it."""
    folder: Reorganised = request.getfixturevalue(name)
    check_units(read(folder.path, folder.today))
    check_appointments(folder)
    check_meetings(folder)
    check_evaluations(folder)
    check_inspections(folder)
    check_kinds(folder.replay.before)
    check_kinds(folder.replay.after)


def test_a_decision_has_one_head_and_counted_changes(case: Reorganised) -> None:
    rows = case.tables["decisions"]
    assert [row["position"] for row in rows] == [str(at) for at in range(1, len(rows) + 1)]
    assert len({tuple(row[name] for name in list(row)[:5]) for row in rows}) == 1
    assert (rows[0]["issued_by"], rows[0]["effective_on"]) == ("TW", DAY)


def test_communes_have_two_or_three_branches_that_all_go_on(case: Reorganised) -> None:
    """None of Nghệ An's communes ended without a successor."""
    before, after = case.replay.before, case.replay.after
    branches = Counter(before.above[code] for code in before.open("branch"))
    assert set(branches) == before.open("grassroots") and set(branches.values()) == {2, 3}
    assert after.open("grassroots_branch") == before.open("branch")


def test_branches_of_a_divided_commune_are_shared_among_its_parts(case: Reorganised) -> None:
    """Each part has some, or all are used up; a merged commune's go where it goes."""
    before, after = case.replay.before, case.replay.after
    divided = {row["from_code"] for row in case.tables["decisions"] if row["from_code"]}
    assert divided
    for commune in before.open("grassroots"):
        branches = [code for code in before.open("branch") if before.above[code] == commune]
        into = {after.above[code] for code in branches}
        assert into <= case.replay.successors[commune]
        assert len(into) == min(len(branches), len(case.replay.successors[commune]))


def test_records_lie_on_both_sides_of_the_day(case: Reorganised) -> None:
    """One year: 2024 in the old structure, 2025 in both."""
    months = Counter(row["held_on"][:7] for row in case.tables["meetings"])
    assert (min(months), max(months), len(months)) == ("2024-01", "2025-12", 24)
    assert min(months.values()) > 700
    assert {row["year"] for row in case.tables["evaluations"]} == {"2024", "2025"}
    kinds = Counter(
        (row["held_on"] >= DAY, case.units[row["unit_code"]]["kind"])
        for row in case.tables["meetings"]
    )
    assert kinds[False, "grassroots"] and not kinds[True, "grassroots"]
    assert kinds[True, "commune"] and not kinds[False, "commune"]


def test_nothing_is_recorded_after_today(tmp_path: Path) -> None:
    """On 15 March 2025 the decision lies ahead: two chapters more are not yet written."""
    today = date(2025, 3, 15)
    write(tmp_path, real_case.parts(1, 1, today, only=("40",)), 1)
    folder = reorganised(tmp_path, today)
    check_meetings(folder)
    assert max(row["held_on"] for row in folder.tables["meetings"]) == "2025-03-15"
    assert folder.tables["decisions"]


def test_the_real_case_is_the_same_on_every_day_and_other_by_its_seed(
    case: Reorganised, tmp_path: Path
) -> None:
    for seed, is_same in ((1, True), (2, False)):
        write(tmp_path, real_case.parts(0, seed, date(2026, 2, 3), only=("40",)), seed)
        assert not (tmp_path / "meetings.csv").exists()
        for name in ("units.csv", "decisions.csv"):
            same = (tmp_path / name).read_bytes() == (case.path / name).read_bytes()
            assert same == is_same


def test_the_demo_has_20_districts_and_then_130_communes(demo: Reorganised) -> None:
    """Organisations and branches go on; those of the bloc are under two new committees."""
    before, after = demo.replay.before, demo.replay.after
    assert len(before.open("district")) == 20 and not after.open("district")
    assert len(after.open("commune")) == len(Published.read().only("40").new_communes) == 130
    assert len(before.open("branch")) == 10_148 and len(before.open("bloc")) == 1
    kept = before.open("branch") | before.open("grassroots_branch")
    assert after.open("branch") | after.open("grassroots_branch") == kept
    under_bloc = {code for code, above in before.above.items() if above == "K.40"} - before.closed
    assert {after.above[code] for code in under_bloc} == {"CQD.40", "UB.40"}


def test_the_viewers_of_the_demo_are_in_force(demo: Reorganised) -> None:
    """Today and at open units; whoever was at a unit that closed had an end."""
    rows = demo.tables["appointments"]
    today = demo.today.isoformat()
    for sample in SAMPLES:
        [row] = [
            row for row in rows if row["principal"] == sample.principal and row["valid_from"] >= DAY
        ]
        assert row["valid_from"] <= today and not row["valid_to"]
        assert row["unit_code"] not in demo.replay.after.closed
    closed = [row for row in rows if row["unit_code"] in demo.replay.after.closed]
    assert closed and all("" < row["valid_to"] <= DAY for row in closed)


def test_what_another_shape_wrote_is_not_left_behind(tmp_path: Path) -> None:
    write(tmp_path, real_case.parts(0, 1, TODAY, only=("40",)), 1)
    assert (tmp_path / "decisions.csv").exists()
    assert generate(tmp_path, "nghe-an", 0, 1, TODAY) == []
    assert not (tmp_path / "decisions.csv").exists()


# ---- the rest


def test_progress_hears_how_many_rows_each_file_has(tmp_path: Path) -> None:
    heard: dict[str, int] = {}
    generate(tmp_path, "nghe-an", 0, 1, TODAY, lambda rows, name: heard.update({name: rows}))
    written = {name: len((tmp_path / name).read_text("utf-8").splitlines()) - 1 for name in heard}
    assert heard == written and set(heard) == {"units.csv", "appointments.csv"}


def test_an_unknown_shape_is_refused(tmp_path: Path) -> None:
    assert SHAPES == ("nghe-an", "nation", "reorganisation-2025")
    with pytest.raises(ValueError, match="unknown shape"):
        generate(tmp_path, "moon", 1, 1, TODAY)


def test_apportion_is_exact() -> None:
    """Shares are whole, in proportion, at least the least, and add up."""
    assert apportion(10, [1, 1, 1]) == [4, 3, 3]
    assert apportion(10, [8, 1, 1], least=2) == [5, 3, 2]
    with pytest.raises(ValueError, match="cannot be shared"):
        apportion(3, [1, 1], least=2)
