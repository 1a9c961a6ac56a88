"""How the files of a data folder are read: forms of cells, lines, headers, client keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from hierarchy.decision import Change, ChangeKind
from hierarchy.store import Told
from hierarchy.unit import Founding, Kind, Kinds, Life, Standing
from server.folder import appointments, decisions, units
from server.folder.columns import Unreadable, day, decimal, integer, truth
from server.folder.faults import LIMIT, Faults, LoadRefused
from server.folder.lines import Sheet
from server.folder.records import EVALUATIONS, INSPECTIONS, MEETINGS, Keys, RecordFile, rows
from server.folder.tree import CheckedTree, Kept, Taken, check_tree

KINDS = Kinds.of(
    [Kind("province", "tỉnh", 1), Kind("district", "huyện", 2), Kind("branch", "chi bộ", 5)],
    [Standing("district", "province"), Standing("branch", "district")],
)
UNITS = ",".join(units.HEADER)
DECISIONS = ",".join(decisions.HEADER)
DAY = date(2000, 1, 1)
NOW = datetime(2025, 1, 1, tzinfo=UTC)


def read(path: Path, *headers: tuple[str, ...]) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """The file's rows with their lines, and its faults."""
    faults: list[str] = []
    sheet = Sheet(path, headers)
    batches = list(sheet.batches(lambda line, message: faults.append(f"{line}: {message}")))
    found = [pair for batch in batches for pair in zip(batch.lines, batch.rows, strict=True)]
    return found, faults


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


@pytest.mark.parametrize(
    "cell",
    ["20240102", "2024-1-2", "2024-W01-1", "2024-02-30", "0000-01-01", " 2024-01-02", "٢٠٢٤-٠١-٠٢"],
)
def test_a_day_has_one_form(cell: str) -> None:
    assert day("2024-01-02") == date(2024, 1, 2)
    assert isinstance(day(cell), Unreadable)


@pytest.mark.parametrize("cell", ["+1", "1.0", "1e3", " 1", "1_000", "٣", "--1", "9" * 5000])
def test_a_whole_number_is_digits_and_perhaps_a_minus(cell: str) -> None:
    assert [integer("-12"), integer("007")] == [-12, 7]
    assert isinstance(integer(cell), Unreadable)


@pytest.mark.parametrize("cell", ["NaN", "inf", "-inf", "e1", "1e", ".5", "5.", "1,5", "0x1"])
def test_a_decimal_is_written_as_graphql_writes_a_float(cell: str) -> None:
    assert [decimal("88.5"), decimal("90"), str(decimal("-0"))] == [88.5, 90.0, "0.0"]
    assert isinstance(decimal(cell), Unreadable)


@pytest.mark.parametrize("cell", ["True", "TRUE", "1", "yes", " true"])
def test_a_truth_is_true_or_false(cell: str) -> None:
    assert [truth("true"), truth("false")] == [True, False]
    assert isinstance(truth(cell), Unreadable)


def test_a_row_is_named_by_the_line_on_which_it_begins(file: Path) -> None:
    """Line breaks inside quotes count, of whatever sort; empty lines are no rows."""
    file.write_bytes(b'a,b\n"1\n\r\n2",x\n\n3,y\r\n"4\r5",z\n6,w\n')
    assert read(file, ("a", "b")) == (
        [(2, ["1\n\r\n2", "x"]), (6, ["3", "y"]), (7, ["4\r5", "z"]), (9, ["6", "w"])],
        [],
    )


def test_a_byte_order_mark_is_no_part_of_the_header(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert read(file, ("a", "b")) == ([(2, ["1", "2"])], [])


@pytest.mark.parametrize("header", ["", "b,a", "a", "a,b,c", "A,b", "a, b", "a,b,"])
def test_the_header_is_exact(file: Path, header: str) -> None:
    file.write_text(header + "\n1,2\n" if header else "")
    found, [fault] = read(file, ("a", "b"))
    assert (found, fault) == ([], "1: the header is not a,b")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a,b\n1,2\nx,\xff\n", "3: not UTF-8"),
        (b"\xff\xfea\x00,\x00b\x00", "1: not UTF-8"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "3: a quote that is out of place or never closed"),
        (b'a,b\n1,2\n3,"4"x\n5,6\n', "3: a quote that is out of place or never closed"),
        (b"a,b\n1,2\n3," + b"4" * 140_000, "3: a cell of more than 131,072 characters"),
        (b"a,b\n1,2\n3\n", "3: 1 cells, and the header has 2"),
        (b'a,b\n1,"\n"\n3,4,5\n', "4: 3 cells, and the header has 2"),
    ],
)
def test_a_broken_form_is_told_with_its_line(file: Path, content: bytes, fault: str) -> None:
    file.write_bytes(content)
    assert read(file, ("a", "b"))[1] == [fault]


def test_the_digest_is_that_of_the_bytes(file: Path) -> None:
    file.write_bytes(b"a,b\n1,2\n")
    sheet = Sheet(file, [("a", "b")])
    assert list(sheet.batches(lambda *_: None)) and sheet.bytes_read == 8
    assert sheet.digest == sha256(b"a,b\n1,2\n").hexdigest()


def test_columns_are_those_of_the_format() -> None:
    assert [",".join(file.headers[0]) for file in (MEETINGS, EVALUATIONS, INSPECTIONS)] == [
        "unit_code,held_on,kind,form,topic,members_expected,members_present,documents_sent_on,"
        "minutes_kept,attended_by_higher_committee,score",
        "unit_code,year,rating,regulation,political_task,meeting_quality,unity_discipline,"
        "cadres_members,members_rated,members_excellent,members_good,members_completed,"
        "members_not_completed",
        "unit_code,by_unit_code,body,kind,ground,theme,planned_for,opened_on,concluded_on,status,"
        "members_covered,members_in_violation,members_sanctioned",
    ]
    assert UNITS == "code,parent_code,name,kind,category,established_on,closed_on"
    assert ",".join(appointments.HEADER) == "principal,role,unit_code,valid_from,valid_to"
    assert DECISIONS == (
        "number,title,issued_by,issued_on,effective_on,position,change,unit_code,to_code,"
        "from_code,name,kind,category"
    )


def checked(
    path: Path, text: str, decided: str | None = None
) -> tuple[CheckedTree, list[str], list[str]]:
    """What these rows of units and decisions come to, and the faults of each file."""
    told: tuple[list[str], list[str]] = [], []
    report, report_decision = (
        lambda line, message, faults=faults: faults.append(f"{line}: {message}") for faults in told
    )
    path.write_text(f"{UNITS}\n{text}")
    given = units.read_units(Sheet(path, [units.HEADER]), report)
    taken = decisions.Decisions()
    if decided is not None:
        path.write_text(f"{DECISIONS}\n{decided}")
        sheet = Sheet(path, [decisions.HEADER])
        taken = decisions.read_decisions(sheet, KINDS, NOW, report_decision)
    return check_tree(Kept(), given, taken, KINDS, report, report_decision), *told


def test_units_may_stand_in_any_order(file: Path) -> None:
    found, faults, _ = checked(
        file, "D,P,Huyện,district,,2001-01-01,2020-01-01\nP,,Tỉnh,province,,2000-01-01,\n"
    )
    assert faults == []
    assert found.foundings[0] == Founding("P", None, "Tỉnh", "province", None, DAY, None)
    held = found.units.holds("P", "D", date(2010, 1, 1)), found.units.holds("D", "P", DAY)
    assert (held, found.units.life("d")) == ((True, False), None)


def test_a_broken_unit_is_not_held_against_those_under_it(file: Path) -> None:
    """Nor against records: every life is taken for possible."""
    found, faults, _ = checked(
        file,
        "P,,Tỉnh,province,,2000-13-01,\nD,P,Huyện,district,,2001-01-01,\n"
        "B,D,Chi bộ,branch,,2001-01-01,\nX,Y,Chi bộ,branch,,2001-01-01,\n",
    )
    assert [fault.split(":")[0] for fault in faults] == ["2", "5"]
    assert found.units.life("B") == units.ALWAYS and found.units.life("Z") is None
    assert found.units.all_known


def test_where_rows_are_unreadable_no_code_is_called_unknown(file: Path) -> None:
    found, faults, _ = checked(file, "P,,Tỉnh,province\nD,P,Huyện,district,,2001-01-01,\n")
    assert faults == ["2: 4 cells, and the header has 7"]
    assert found.units.life("P") == units.ALWAYS


HEAD = "Quyết định,P,2019-12-01"
TREE = """\
P,,Tỉnh,province,,2000-01-01,
D,P,Huyện một,district,xã,2000-01-01,
E,P,Huyện hai,district,,2000-01-01,
A,D,Chi bộ A,branch,,2000-01-01,
B,D,Chi bộ B,branch,,2000-01-01,
"""


def lines(tree: CheckedTree) -> list[list[Change]]:
    return [[step.change for step in each.steps] for each in tree.proposals]


def test_rows_become_decisions_by_number_position_and_day(file: Path) -> None:
    """A later day comes later, whatever stands first; on one day the first row decides."""
    found, *faults = checked(
        file,
        TREE,
        f"3,{HEAD},2021-01-01,1,RENAME,A,,,Ba,,\n"
        f"1,{HEAD},2020-01-01,10,RENAME,A,,,Mười,,\n"
        f"2,{HEAD},2020-01-01,-1,RENAME,B,,,Hai,,\n"
        f"1,{HEAD},2020-01-01,9,RENAME,A,,,Chín,,\n",
    )
    assert faults == [[], []]
    assert [each.decision.number for each in found.proposals] == ["1", "2", "3"]
    assert [line.name for line in lines(found)[0]] == ["Chín", "Mười"]


def test_each_kind_of_change_is_its_line(file: Path) -> None:
    found, *faults = checked(
        file,
        TREE,
        f"1,{HEAD},2020-01-01,1,ESTABLISH,N,P,,Mới,district,phường\n"
        f"1,{HEAD},2020-01-01,2,SPLIT,O,,D,Phần,,xã\n"
        f"1,{HEAD},2020-01-01,3,SPLIT,N,,D,,,\n"
        f"1,{HEAD},2020-01-01,4,TRANSFER,A,O,,,,\n"
        f"1,{HEAD},2020-01-01,5,MERGE,E,N,,,,\n"
        f"1,{HEAD},2020-01-01,6,RECLASSIFY,O,,,,,trường học\n"
        f"1,{HEAD},2020-01-01,7,RECLASSIFY,D,,,,district,\n"
        f"1,{HEAD},2020-01-01,8,DISSOLVE,B,,,,,\n",
    )
    assert faults == [[], []]
    kind = ChangeKind
    assert lines(found) == [
        [
            Change(kind.ESTABLISH, "N", "P", "Mới", "district", "phường"),
            Change(kind.SPLIT, "O", "D", "Phần", category="xã"),
            Change(kind.SPLIT, "N", "D"),
            Change(kind.TRANSFER, "A", "O"),
            Change(kind.MERGE, "E", "N"),
            Change(kind.RECLASSIFY, "O", category="trường học"),
            Change(kind.RECLASSIFY, "D", kind="district", keeps_category=True),
            Change(kind.DISSOLVE, "B"),
        ]
    ]


def test_units_live_and_stand_as_decisions_make_them(file: Path) -> None:
    """Who stands above whom is asked of a day, and what is merged stands under its successor."""
    found, *faults = checked(
        file,
        TREE + "C,N,Chi bộ C,branch,,2000-01-01,\n",
        f"1,{HEAD},2020-01-01,1,ESTABLISH,N,P,,Mới,district,\n"
        f"1,{HEAD},2020-01-01,2,MERGE,D,N,,,,\n",
    )
    assert faults == [[], []]
    day, before = date(2020, 1, 1), date(2019, 12, 31)
    units_found = found.units
    assert [units_found.life(code) for code in "DNC"] == [
        Life(DAY, day),
        Life(day, None),
        Life(day, None),
    ]
    assert [units_found.holds(above, "A", day) for above in "PDNE"] == [True, False, True, False]
    assert [units_found.holds(above, "A", before) for above in "PDNE"] == [True, True, False, False]
    assert units_found.holds("N", "D", day)


def test_a_decision_that_cannot_be_read_is_not_held_against_others(file: Path) -> None:
    """What it names is not judged, nor is any other decision."""
    found, faults, decided = checked(
        file,
        TREE + "C,N,Chi bộ C,branch,,2000-01-01,\nX,Y,Chi bộ X,branch,,2000-01-01,\n",
        f"1,{HEAD},2020-02-30,1,ESTABLISH,N,P,,Mới,district,\n"
        f"2,{HEAD},2020-01-01,1,DISSOLVE,P,,,,,\n",
    )
    assert [fault.split(":")[0] for fault in faults] == ["8"]
    assert [fault.split(":")[0] for fault in decided] == ["2"]
    assert found.units.life("C") == found.units.life("N") == units.ALWAYS


def test_what_is_unknown_to_a_decision_is_named(file: Path) -> None:
    _, _, faults = checked(file, TREE, f"1,{HEAD},2020-01-01,1,TRANSFER,X,Y,,,,\n")
    assert faults == ["2: unknown unit 'X', 'Y'"]


def test_a_decision_that_is_there_is_skipped(file: Path) -> None:
    """Where it says the same; one that was reversed keeps its number from being used."""
    rows = f"1,{HEAD},2020-01-01,1,RENAME,A,,,Một,,\n1,{HEAD},2020-01-01,2,RENAME,B,,,Hai,,\n"
    first, *_ = checked(file, TREE, rows)
    [proposal] = first.proposals
    kept = Taken(proposal.decision, [step.change for step in proposal.steps])
    told = [Told(1, at, founding) for at, founding in enumerate(first.foundings)]

    def against(taken: Taken, number: str = "1") -> tuple[CheckedTree, list[str]]:
        faults: list[str] = []
        file.write_text(f"{DECISIONS}\n{rows.replace('1,Quyết', number + ',Quyết')}")
        report = lambda line, message: faults.append(f"{line}: {message}")  # noqa: E731
        sheet = Sheet(file, [decisions.HEADER])
        given = decisions.read_decisions(sheet, KINDS, NOW, report)
        ledger = Kept(told, {"1": taken})
        return check_tree(ledger, units.GivenUnits(), given, KINDS, report, report), faults

    found, faults = against(kept)
    assert (found.proposals, found.skipped_rows, faults) == ([], 2, [])
    found, faults = against(kept, "2")
    assert (len(found.proposals), found.skipped_rows, faults) == (1, 0, [])
    other = replace(kept, lines=kept.lines[:1])
    assert against(other)[1] == ["2: decision '1' is already there and says otherwise"]
    gone = replace(kept, is_reversed=True)
    assert against(gone)[1] == ["2: decision '1' was reversed: its number stays used"]


def keyed(file: RecordFile, path: Path, *keys: str) -> tuple[RecordFile, Path]:
    lines = [f"A,2024-01-01,REGULAR,ONLINE,,1,1,,true,true,,{key}" for key in keys]
    path.write_text("\n".join([",".join(file.headers[1]), *lines]))
    return file, path


def test_a_key_twice_is_told_at_its_second_row(tmp_path: Path) -> None:
    """Keys of all record files are compared exactly; empty ones are none."""
    one = keyed(MEETINGS, tmp_path / "one.csv", "a", "", "b", "A", "")
    other = keyed(MEETINGS, tmp_path / "other.csv", "c", "b", "c")
    keys, faults = Keys(), Faults()
    for file, path in (one, other):
        for given in rows(file, Sheet(path, file.headers), faults.of("")):
            keys.add(given, faults.of(""))
    faults.refuse()
    keys.check([one, other], faults)
    with pytest.raises(LoadRefused) as refused:
        faults.refuse()
    assert [fault.line for fault in refused.value.faults] == [3, 4]


def test_fifty_faults_are_told_and_the_rest_counted() -> None:
    faults = Faults()
    report = faults.of("meetings.csv")
    for line in range(2, 62):
        report(line, "wrong {braces}")
    with pytest.raises(LoadRefused) as refused:
        faults.refuse()
    lines = str(refused.value).splitlines()
    assert (lines[0], lines[-1], len(lines)) == (
        "meetings.csv:2: wrong {braces}",
        "and 10 more",
        LIMIT + 1,
    )
