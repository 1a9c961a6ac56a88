"""The oracle itself, on one small tree whose answers can be worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from tests.oracle.folders import HEADERS, make_folder
from tests.oracle.model import Model, Refused, folded
from tests.oracle.moves import Impossible, Moves
from tests.oracle.questions import Questions, document

TODAY = date(2026, 5, 20)
FILES = {
    "units": "P,,Tỉnh,province,,2000-01-01,\n"
    "D,P,Huyện,district,,1990-01-01,\n"
    "G,D,Xã,grassroots,a,2010-01-01,2026-05-20\n"
    "B,G,Chi bộ,branch,,2010-01-01,2020-01-01\n"
    "H,D,Xã mới,grassroots,,2026-07-01,\n",
    "appointments": "province,leader,P,2020-01-01,\n"
    "district,leader,D,2020-01-01,2026-05-21\n"
    "past,leader,D,2020-01-01,2026-05-20\n"
    "closed,leader,G,2020-01-01,\n"
    "administrator,administrator,D,2020-01-01,\n"
    "ahead,leader,H,2020-01-01,\n",
    "meetings": "G,2024-03-05,REGULAR,IN_PERSON,,10,9,,true,true,80\n"
    "B,2015-03-05,REGULAR,IN_PERSON,,10,10,,true,true,\n",
    "evaluations": "B,2019,GOOD,x,true,true,true,,0,0,0,0,0\n",
    "inspections": "D,D,BRANCH,INSPECTION,SIGNS,,,2026-01-02,,OPEN,0,0,0\n"
    "D,P,COMMITTEE,INSPECTION,SIGNS,,,2026-01-02,,OPEN,0,0,0\n"
    "H,H,BRANCH,INSPECTION,PROGRAMME,,2026-10-01,,,PLANNED,0,0,0\n",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model")
    for name, rows in FILES.items():
        (folder / f"{name}.csv").write_text(f"{HEADERS[name]}\n{rows}")
    return Model(folder, TODAY)


def test_a_unit_stands_from_the_day_its_parent_does(model: Model) -> None:
    """D is older than P, and stands in the tree with it."""
    assert model.start("D") == date(2000, 1, 1)
    assert model.tree(date(1999, 12, 31)) == set()
    assert model.tree(TODAY) == {"P", "D", "G", "B"}


def test_an_appointment_gives_nothing_when_it_or_its_unit_is_over(model: Model) -> None:
    """The day of `valid_to` and the day of closing are the first without it."""
    assert model.in_force("district") and not model.in_force("past")
    assert not model.in_force("closed")


def test_the_units_above_are_visible(model: Model) -> None:
    """And a unit ahead is visible on the trees that have it."""
    assert model.visible("district", TODAY) == {"P", "D", "G", "B"}
    assert model.visible("ahead", TODAY) == set()
    assert model.visible("ahead", date(2026, 7, 1)) == {"P", "D", "H"}


def test_a_province_reads_down_to_the_grassroots_and_counts_all(model: Model) -> None:
    """`rank<=3` for reading, the subtree for figures."""
    read = model.listed_records("province", "meeting", None, None)
    assert [meeting["unit"] for meeting in read] == ["G"]
    rows = model.summary("province", "meeting", None, None, [], TODAY, False, TODAY)
    assert rows is not None and rows[0]["meetings"] == 2
    with pytest.raises(Refused, match="FORBIDDEN"):
        model.listed_records("province", "meeting", "B", None)


def test_signs_are_hidden_from_the_inspected_unit_but_where_it_inspects(model: Model) -> None:
    """D sees the one it conducts itself, P both."""
    assert len(model.listed_records("district", "inspection", "D", None)) == 1
    assert len(model.listed_records("province", "inspection", "D", None)) == 2


def test_what_is_yet_to_come_counts_for_nobody(model: Model) -> None:
    """H's planned inspection, asked on the tree of a day when H stands."""
    day = date(2026, 8, 1)
    rows = model.summary("province", "inspection", "H", None, [], day, False, day)
    assert rows is not None and rows[0]["inspections"] == 0


def test_a_row_by_child_is_there_for_open_children_and_for_what_counts(model: Model) -> None:
    """G is closed and has records; H does not stand yet; D itself has none of its own."""
    rows = model.summary("province", "meeting", "D", None, ["CHILD"], TODAY, False, TODAY)
    assert rows is not None and [(row["child"], row["meetings"]) for row in rows] == [("G", 2)]
    ahead = TODAY + timedelta(days=60)
    rows = model.summary("province", "meeting", "D", None, ["CHILD"], ahead, False, ahead)
    assert rows is not None and [(row["child"], row["meetings"]) for row in rows] == [
        ("G", 2),
        ("H", 0),
    ]


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """G goes from D to E, and is to go to F; X is merged into Y, and Y renamed."""
    folder = tmp_path_factory.mktemp("moving")
    files = {
        "units": "P,,Tỉnh,province,,2000-01-01,\n"
        + "".join(f"{code},P,Huyện,district,,2000-01-01,\n" for code in "DEF")
        + "".join(f"{code},D,Xã,grassroots,,2000-01-01,\n" for code in "GXY")
        + "B,X,Chi bộ,branch,,2000-01-01,\n",
        "decisions": "1,t,P,2024-12-01,2025-01-01,1,TRANSFER,G,E,,,,\n"
        "2,t,P,2026-01-01,2027-01-01,1,TRANSFER,G,F,,,,\n"
        "3,t,P,2025-02-01,2025-03-01,2,RENAME,Y,,,Xã mới,,\n"
        "3,t,P,2025-02-01,2025-03-01,1,MERGE,X,Y,,,,\n",
        "appointments": "".join(f"{code},leader,{code},2020-01-01,\n" for code in "PDEF"),
        "meetings": "G,2024-03-05,REGULAR,IN_PERSON,,10,9,,true,true,\n",
    }
    for name, rows in files.items():
        (folder / f"{name}.csv").write_text(f"{HEADERS[name]}\n{rows}")
    return Model(folder, TODAY)


@pytest.mark.parametrize(
    ("viewer", "as_of", "meetings"),
    [
        ("D", date(2024, 6, 1), 1),
        ("D", TODAY, 0),
        ("D", None, 1),
        ("E", date(2024, 6, 1), 0),
        ("E", TODAY, 1),
        ("E", None, 0),
        ("F", TODAY, 0),
        ("F", date(2027, 1, 1), 0),
        ("P", date(2027, 1, 1), 1),
    ],
)
def test_who_lost_a_unit_who_gained_it_and_who_will(
    moving: Model, viewer: str, as_of: date | None, meetings: int
) -> None:
    """Its one meeting, on the tree of a day or, without one, as it was recorded."""
    day = as_of or TODAY
    within = "F" if viewer == "P" else viewer
    rows = moving.summary(viewer, "meeting", within, None, [], day, as_of is None, day)
    assert rows is not None and rows[0]["meetings"] == meetings


def test_a_merged_unit_stands_under_its_successor_without_what_stood_under_it(
    moving: Model,
) -> None:
    """From the day of the decision, whose rows follow their positions; the day before it is as
    it was."""
    assert moving.path("B", TODAY) == ["P", "D", "Y", "B"]
    assert moving.path("X", TODAY) == ["P", "D", "Y", "X"] and moving.closed("X", TODAY)
    assert moving.unit("Y", TODAY).name == "Xã mới"
    before = date(2025, 2, 28)
    assert moving.path("B", before) == ["P", "D", "X", "B"]
    assert moving.open("X", before) and moving.unit("Y", before).name == "Xã"


@pytest.mark.parametrize(
    "row",
    [
        "MERGE,P,D,,,,",
        "DISSOLVE,D,,,,,",
        "TRANSFER,D,B,,,,",
        "TRANSFER,B,E,,,,",
        "TRANSFER,no,E,,,,",
        "ESTABLISH,B,X,,b,branch,",
        "ESTABLISH,new,P,,n,district,",
        "RECLASSIFY,X,,,,section,",
    ],
)
def test_what_no_tree_allows_is_impossible(row: str) -> None:
    """After the districts' end, on the tree before any decision."""
    units = [
        dict(zip(HEADERS["units"].split(","), line.split(","), strict=True))
        for line in (
            "P,,Tỉnh,province,,2000-01-01,",
            "D,P,Huyện,district,,2000-01-01,",
            "E,P,Huyện,district,,2000-01-01,",
            "X,D,Xã,grassroots,,2000-01-01,",
            "B,X,Chi bộ,branch,,2000-01-01,",
        )
    ]
    cells = f"1,t,P,2025-08-01,2025-08-01,1,{row}".split(",")
    decision = dict(zip(HEADERS["decisions"].split(","), cells, strict=True))
    Moves(units, [])
    with pytest.raises(Impossible):
        Moves(units, [decision])


def test_who_may_not_summarise_has_no_figures(model: Model) -> None:
    """An administrator sees units and counts nothing."""
    assert model.summary("administrator", "meeting", "D", None, [], TODAY, False, TODAY) is None


def test_names_are_compared_without_case_and_marks() -> None:
    """Composed and decomposed alike; đ is d."""
    assert folded("Đảng Ủy") == folded("d\u0061\u0309ng u\u0309y") == "dang uy"


def test_folders_and_questions_repeat_with_their_seed(tmp_path: Path) -> None:
    """The same seed gives the same rows and the same queries."""
    texts = []
    for number in (1, 2):
        folder = make_folder(7)
        folder.write(tmp_path / str(number))
        model = Model(tmp_path / str(number), folder.today)
        questions = Questions(model, Random(7))
        texts.append((folder.files, [document([questions.root()], True) for _ in range(20)]))
    assert texts[0] == texts[1]
