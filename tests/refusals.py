"""Broken data folders, one for each refusal of `formats.md`, and odd ones that are right.

Each broken folder is the good one with one thing changed. The good one has topics of several lines,
so that counting rows instead of lines is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.oracle import folders

HEADERS = folders.HEADERS | {
    "decisions": "number,title,issued_by,issued_on,effective_on,position,change,unit_code,to_code,"
    "from_code,name,kind,category"
}
TODAY = date(2026, 5, 20)

GOOD = {
    "units": """\
P,,Tỉnh,province,,1990-01-01,
D,P,Huyện,district,,1990-01-01,
G,D,"Đảng bộ
cơ sở",grassroots,xã,2000-05-01,
B,G,Chi bộ,branch,xã,2000-05-01,2020-03-01
C,G,Chi bộ mới,branch,,2026-01-15,
F,D,Chưa đến,grassroots,,2026-09-01,
E,P,Huyện hai,district,,1990-01-01,
H,E,Đảng bộ cũ,grassroots,,2000-05-01,
I,H,Chi bộ cũ,branch,,2000-05-01,
""",
    "decisions": """\
01-QĐ,"Sáp nhập
đảng bộ",P,2024-06-01,2024-07-01,2,MERGE,H,N,,,,
01-QĐ,"Sáp nhập
đảng bộ",P,2024-06-01,2024-07-01,1,ESTABLISH,N,E,,Đảng bộ mới,grassroots,xã
02-QĐ,Chuyển loại hình,P,2026-05-01,2027-01-01,1,RECLASSIFY,G,,,,,trường học
""",
    "appointments": """\
leader,leader,P,2020-01-01,
secretary,secretary,G,2020-01-01,2027-01-01
""",
    "meetings": """\
G,2024-01-05,REGULAR,IN_PERSON,"dòng một
dòng hai
dòng ba",10,9,2024-01-01,true,false,87.5
B,2019-01-05,THEMATIC,ONLINE,"a
b",10,10,,true,true,
C,2026-02-05,GROUP,HYBRID,,0,0,,false,false,100
""",
    "evaluations": """\
G,2024,GOOD,132-QĐ/TW,true,true,false,,10,1,5,3,1
B,2019,EXCELLENT,132-QĐ/TW,true,true,true,true,0,0,0,0,0
""",
    "inspections": """\
G,D,COMMITTEE,INSPECTION,PROGRAMME,"chủ đề
hai dòng",2024-01-01,2024-02-01,2024-03-01,CONCLUDED,10,2,1
G,G,BRANCH,SUPERVISION,SIGNS,,2026-10-01,,,PLANNED,0,0,0
C,P,INSPECTION_COMMISSION,INSPECTION,COMPLAINT,,,2026-03-01,,OPEN,3,0,0
""",
}
Files = Mapping[str, str | bytes]
"""Each file's whole text, header included; bytes are written as they are."""


@dataclass(frozen=True)
class Broken:
    """A folder, and the lines of a file of which at least one must be named."""

    name: str
    files: Files
    file: str = ""
    lines: frozenset[int] = frozenset()


def good(**bodies: str) -> Files:
    """The good folder, some files with another body."""
    return {name: f"{HEADERS[name]}\n{body}" for name, body in {**GOOD, **bodies}.items()}


def write(files: Files, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def added(name: str, file: str, row: str) -> Broken:
    """The good folder with one more row at the end of a file, the row at fault."""
    text = good()[file]
    assert isinstance(text, str)
    line = text.count("\n") + 1
    return Broken(f"{file}: {name}", {**good(), file: f"{text}{row}\n"}, file, frozenset({line}))


def changed(name: str, file: str, old: str, new: str, *lines: int) -> Broken:
    """The good folder with one text of a file replaced, the row on one of the lines at fault."""
    assert old in GOOD[file], old
    body = GOOD[file].replace(old, new, 1)
    return Broken(f"{file}: {name}", good(**{file: body}), file, frozenset(lines))


def broken() -> list[Broken]:
    parts = [
        _units,
        _decisions,
        _appointments,
        _meetings,
        _evaluations,
        _inspections,
        _keys,
        _files,
    ]
    return [case for part in parts for case in part()]


def _units() -> Iterator[Broken]:
    row: Callable[[str, str], Broken] = lambda name, text: added(name, "units", text)  # noqa: E731
    yield row("no code", ",D,Tên,grassroots,,2001-01-01,")
    yield row("no name", "X,D,,grassroots,,2001-01-01,")
    yield row("a code twice", "G,D,Tên,grassroots,,2001-01-01,")
    yield row("an unknown parent", "X,Y,Tên,grassroots,,2001-01-01,")
    yield row("a parent that differs in case", "X,d,Tên,grassroots,,2001-01-01,")
    yield row("a parent that differs in blanks", "X, D,Tên,grassroots,,2001-01-01,")
    yield row("an unknown kind", "X,D,Tên,village,,2001-01-01,")
    yield row("a kind in capitals", "X,D,Tên,GRASSROOTS,,2001-01-01,")
    yield row("a second root", "X,,Tên,province,,2001-01-01,")
    yield row("its own parent", "X,X,Tên,grassroots,,2001-01-01,")
    yield row("a kind under one that may not hold it", "X,D,Tên,branch,,2001-01-01,")
    yield row("a kind under its own", "X,G,Tên,grassroots,,2001-01-01,")
    yield row("closed before established", "X,D,Tên,grassroots,,2001-01-01,2000-12-31")
    yield row("closed the day it is established", "X,D,Tên,grassroots,,2001-01-01,2001-01-01")
    yield row("closed before it would stand", "X,F,Tên,branch,,2001-01-01,2026-08-01")
    yield row("no day of establishing", "X,D,Tên,grassroots,,,")
    yield row("a date that is none", "X,D,Tên,grassroots,,2001-02-29,")
    yield row("a compact date", "X,D,Tên,grassroots,,20010228,")
    yield row("a code of 65 characters", f"{'x' * 65},D,Tên,grassroots,,2001-01-01,")
    yield row("a control character in a code", "X\x07,D,Tên,grassroots,,2001-01-01,")
    yield row("a tab in a code", "X\t,D,Tên,grassroots,,2001-01-01,")
    yield changed("open under a closed one", "units", "2000-05-01,\n", "2000-05-01,2025-01-01\n", 7)
    later = "2000-05-01,2020-02-29\nB"
    yield changed("outlives the one above", "units", "2000-05-01,\nB", later, 6, 7)
    yield _cycle()
    yield Broken("units: a header and no row, on an empty store", good(units=""), "units")
    without: Files = {"appointments": HEADERS["appointments"] + "\n"}
    yield Broken("units: no file, on an empty store", without, "units")


def _cycle() -> Broken:
    body = GOOD["units"] + "S,T,Tên,section,,2001-01-01,\nT,S,Tên,grassroots,,2001-01-01,\n"
    return Broken("units: a cycle", good(units=body), "units", frozenset({12, 13}))


def _decisions() -> Iterator[Broken]:
    def row(name: str, /, *changes: str, **cells: str) -> Broken:
        """One decision of these changes, the fault in its last."""
        kept = good()["decisions"]
        assert isinstance(kept, str)
        rows = [
            _row("decisions", DECISION, {"position": str(at), **_change(change), **cells})
            for at, change in enumerate(changes or ("RENAME G name=Tên",))
        ]
        text = kept + "".join(f"{each}\n" for each in rows)
        lines = frozenset({text.count("\n")})
        return Broken(f"decisions: {name}", {**good(), "decisions": text}, "decisions", lines)

    yield row("no number", number="")
    yield row("no title", title="")
    yield row("no issuing unit", issued_by="")
    yield row("an unknown issuing unit", issued_by="Y")
    yield row("no unit", unit_code="")
    yield row("no name of a new unit", "ESTABLISH X to=E kind=grassroots")
    yield row("no kind of a new unit", "ESTABLISH X to=E name=Tên")
    yield row("nothing above a new unit", "ESTABLISH X name=Tên kind=grassroots")
    yield row("no new name", "RENAME G")
    yield row("a blank name", "RENAME G", name=" ")
    yield row("nothing to reclassify", "RECLASSIFY G")
    yield row("a name for a transfer", "TRANSFER G to=E name=Tên")
    same = {"number": "02-QĐ", "title": "Chuyển loại hình", "issued_on": "2026-05-01"}
    same |= {"effective_on": "2027-01-01", "position": "2"}
    for column, other in (
        ("title", "Khác"), ("issued_on", "2026-05-02"), ("effective_on", "2027-01-02"),
        ("issued_by", "D"), ("position", "1"),
    ):  # fmt: skip
        yield row(f"rows of a number with another {column}", **{**same, column: other})
    yield row("an issuing day that is none", issued_on="2024-02-30")
    yield from _bad_days(row, "effective_on")
    for position in ("", "one", "1.5", "NaN"):
        yield row(f"position {position!r}", position=position)
    for change in ("", "MOVE", "rename", "RENAME "):
        yield row(f"change {change!r}", change=change)
    yield from _unknown(row)
    yield from _impossible(row)


def _unknown(row: Callable[..., Broken]) -> Iterator[Broken]:
    for change in (
        "TRANSFER Y to=E", "TRANSFER G to=Y", "TRANSFER g to=E", "MERGE Y to=G", "MERGE G to=Y",
        "SPLIT X from=Y name=Tên", "SPLIT Y from=G", "DISSOLVE Y", "RENAME Y name=Tên",
        "RECLASSIFY Y category=xã", "ESTABLISH X to=Y name=Tên kind=grassroots",
    ):  # fmt: skip
        yield row(f"an unknown unit in {change}", change)
    yield row("an unknown kind", "ESTABLISH X to=E name=Tên kind=village")
    yield row("an unknown kind of what stands", "RECLASSIFY G kind=village")
    for code in ("G", "B", "F", "N", "P"):
        yield row(f"the code {code}, which exists", f"ESTABLISH {code} to=E name=T kind=grassroots")
    yield row("a part's code that exists", "SPLIT H from=G name=Tên")
    new = "ESTABLISH X to=E name=Tên kind=grassroots"
    yield row("a code that the decision gave before", new, new)
    long = f"ESTABLISH {'x' * 65} to=E name=Tên kind=grassroots"
    yield row("a code of 65 characters", long)


def _impossible(row: Callable[..., Broken]) -> Iterator[Broken]:
    """What the tree of its day, or of a later one, does not allow."""
    yield row("a closed unit", "RENAME B name=Tên")
    yield row("a unit closed by a decision before", "DISSOLVE H")
    yield row("a unit closed by a change before", "DISSOLVE I", "RENAME I name=Tên")
    yield row("a unit that does not stand yet", "RENAME C name=Tên")
    yield row(
        "a unit that a later decision establishes", "RENAME N name=T", effective_on="2024-06-30"
    )
    yield row("going under a closed one", "ESTABLISH X to=H name=Tên kind=branch")
    yield row("merged into a closed one", "MERGE G to=H")
    yield row("the top dissolved", "DISSOLVE P")
    yield row("the top transferred", "TRANSFER P to=D")
    yield row("the top merged", "MERGE P to=D")
    yield row("the top split", "SPLIT X from=P name=Tên")
    yield row("into itself", "TRANSFER G to=G")
    yield row("merged into itself", "MERGE G to=G")
    yield row("below itself", "TRANSFER D to=G")
    yield row("a kind under a wrong one", "TRANSFER I to=P")
    yield row("a new kind under a wrong one", "ESTABLISH X to=P name=Tên kind=branch")
    yield row("a kind that what is below may not stand under", "RECLASSIFY N kind=branch")
    late = {"effective_on": "2025-07-01"}
    yield row("a kind out of its dates", "ESTABLISH X to=P name=Tên kind=district", **late)
    yield row("a part of a kind out of its dates", "SPLIT X from=D name=Tên", **late)
    yield row("an open unit left under a closed one", "DISSOLVE N")
    later = row("an open unit later under a closed one", "DISSOLVE G")
    yield Broken(later.name, later.files, "units", frozenset({7}))
    both = row("closed here and in units.csv", "DISSOLVE B", effective_on="2019-01-01")
    yield both
    units = {"units": str(both.files["units"]).replace("2020-03-01", "2018-03-01")}
    before = {**both.files, **units}
    yield Broken("decisions: closed in units.csv before", before, "decisions", both.lines)
    units = {"units": f"{good()['units']!s}N,E,Tên,grassroots,,2001-01-01,\n"}
    there = {**good(), **units}
    yield Broken("decisions: a unit of units.csv established", there, "decisions", frozenset({4}))


def _change(text: str) -> dict[str, str]:
    """`KIND unit to=... name=...` as cells."""
    change, unit, *others = text.split()
    cells = dict(each.split("=") for each in others)
    named = {"to": "to_code", "from": "from_code"}
    return {"change": change, "unit_code": unit} | {
        named.get(name, name): value for name, value in cells.items()
    }


def _appointments() -> Iterator[Broken]:
    row: Callable[[str, str], Broken] = lambda name, text: added(name, "appointments", text)  # noqa: E731
    yield row("an unknown unit", "x,leader,Y,2020-01-01,")
    yield row("no unit", "x,leader,,2020-01-01,")
    yield row("an unknown role", "x,president,G,2020-01-01,")
    yield row("a role in capitals", "x,Leader,G,2020-01-01,")
    yield row("no principal", ",leader,G,2020-01-01,")
    yield row("valid to the day it begins", "x,leader,G,2020-01-01,2020-01-01")
    yield row("valid to a day before", "x,leader,G,2020-01-01,2019-01-01")
    yield row("a date that is none", "x,leader,G,2020-13-01,")
    yield row("no first day", "x,leader,G,,")


def _meetings() -> Iterator[Broken]:
    def row(name: str, **cells: str) -> Broken:
        return added(name, "meetings", _row("meetings", MEETING, cells))

    yield row("an unknown unit", unit_code="Y")
    yield row("a code in another case", unit_code="g")
    yield row("an enumeration value that is none", kind="PARTY")
    yield row("an enumeration value in small letters", kind="regular")
    yield row("no form", form="")
    yield row("another enumeration's value", form="REGULAR")
    yield from _bad_days(row, "held_on")
    yield row("a date that is none for the documents", documents_sent_on="2024-02-30")
    yield from _bad_counts(row, "members_expected", members_present="0")
    yield row("a boolean that is none", minutes_kept="yes")
    yield row("a boolean in capitals", attended_by_higher_committee="TRUE")
    yield row("a number for a boolean", minutes_kept="1")
    yield row("more present than expected", members_present="11")
    for score in ("-0.1", "100.01", "NaN", "inf", "1e3", "a", "90,5", "-1"):
        yield row(f"score {score}", score=f'"{score}"')
    yield row("documents sent after the meeting", documents_sent_on="2024-06-04")
    yield row("before the unit stood", held_on="2000-04-30")
    yield row("the day the unit is closed", unit_code="B", held_on="2020-03-01")
    yield row("after the unit is closed", unit_code="B", held_on="2024-06-03")
    yield row("a unit that does not stand yet", unit_code="F", held_on="2026-05-20")
    yield row("the day before it stands", unit_code="C", held_on="2026-01-14")
    yield row("a day after today", held_on="2026-05-21")


def _evaluations() -> Iterator[Broken]:
    def row(name: str, **cells: str) -> Broken:
        return added(name, "evaluations", _row("evaluations", EVALUATION, cells))

    yield row("an unknown unit", unit_code="Y")
    yield row("a rating that is none", rating="BEST")
    for year in ("MMXXI", "2021.5", "", "-2021", "NaN"):
        yield row(f"year {year!r}", year=year)
    yield row("a boolean that is none", political_task="maybe")
    yield from _bad_counts(row, "members_rated")
    yield row("a negative count that sums up", members_good="-1", members_rated="9")
    yield row("rated is not the sum", members_rated="11")
    yield row("a second one of a unit and year", year="2024")
    yield row("a year before the unit stood", year="1999")
    yield row("a year after it was closed", unit_code="B", year="2021")
    yield row("the year before it stood", unit_code="C", year="2025")
    yield row("a year ahead", year="2027")


def _inspections() -> Iterator[Broken]:
    def row(name: str, **cells: str) -> Broken:
        return added(name, "inspections", _row("inspections", INSPECTION, cells))

    yield row("an unknown unit", unit_code="Y")
    yield row("an unknown inspecting unit", by_unit_code="Y")
    yield row("no inspecting unit", by_unit_code="")
    yield row("an enumeration value that is none", body="POLICE")
    yield row("another enumeration's value", ground="OPEN")
    yield row("a status that is none", status="DONE")
    yield from _bad_counts(row, "members_covered", members_in_violation="0")
    yield row("a negative count of sanctions", members_sanctioned="-1")
    yield row("more in violation than covered", members_in_violation="6")
    yield row("concluded before opened", opened_on="2024-05-02", concluded_on="2024-05-01")
    yield from _bad_states(row)
    yield row("planned for no quarter's first day", planned_for="2024-02-01")
    yield row("planned for a quarter's second day", planned_for="2024-04-02")
    yield row("a date that is none", planned_for="2024-04-31")
    yield row("an inspecting unit below", unit_code="D", by_unit_code="G")
    yield row("an inspecting unit beside", unit_code="G", by_unit_code="F")
    yield row("concluded before the unit stood", opened_on="1999-05-01", concluded_on="1999-06-01")
    yield row("concluded when it was closed", unit_code="B")
    yield row("concluded after today", concluded_on="2026-05-21")
    yield row("opened after today", status="OPEN", opened_on="2026-05-21", concluded_on="")
    planned = {"status": "PLANNED", "opened_on": "", "concluded_on": ""}
    yield row("planned when it is closed", unit_code="B", planned_for="2026-07-01", **planned)
    yield row("planned before it stands", unit_code="F", planned_for="2026-07-01", **planned)


def _bad_states(row: Callable[..., Broken]) -> Iterator[Broken]:
    """Statuses whose dates disagree with them."""
    days = {"planned_for": "2024-04-01", "opened_on": "2024-05-01", "concluded_on": "2024-06-01"}
    disagreeing = [
        ("PLANNED", ""), ("PLANNED", "opened_on"), ("PLANNED", "planned_for opened_on"),
        ("PLANNED", "planned_for concluded_on"), ("OPEN", ""), ("OPEN", "planned_for"),
        ("OPEN", "opened_on concluded_on"), ("CONCLUDED", ""), ("CONCLUDED", "opened_on"),
        ("CONCLUDED", "concluded_on"), ("CONCLUDED", "planned_for concluded_on"),
        ("CANCELLED", ""), ("CANCELLED", "opened_on concluded_on"),
        ("CANCELLED", "planned_for concluded_on"), ("CANCELLED", "concluded_on"),
    ]  # fmt: skip
    for status, given in disagreeing:
        cells = {name: day if name in given.split() else "" for name, day in days.items()}
        yield row(f"{status} with {given or 'no date'}", status=status, **cells)


def _bad_days(row: Callable[..., Broken], column: str) -> Iterator[Broken]:
    wrong = ["", "2024-02-30", "20240603", "2024-W23-1", "2024-6-3", "2024-06-03T00:00:00"]
    for day in [*wrong, "03/06/2024", "today", "0000-01-01", "2024-06"]:
        yield row(f"{column} {day!r}", **{column: day})


def _bad_counts(row: Callable[..., Broken], column: str, **others: str) -> Iterator[Broken]:
    for count in (
        "",
        "ten",
        "1.5",
        "NaN",
        "-1",
        "1000001",
        "1_000",
        "0x10",
        "99999999999999999999",
    ):
        yield row(f"{column} {count!r}", **{column: count}, **others)


def _keys() -> Iterator[Broken]:
    for file, defaults in (
        ("meetings", MEETING),
        ("evaluations", EVALUATION),
        ("inspections", INSPECTION),
    ):
        header = f"{HEADERS[file]},client_key\n"
        first = _row(file, defaults, {})
        other = {"year": "2022"} if file == "evaluations" else {}
        second = _row(file, defaults, other)
        text = f"{header}{first},\n{first if file != 'evaluations' else second},k\n"
        third = _row(file, defaults, {"year": "2021"} if other else {"members_covered": "6"})
        if file == "evaluations":
            third = _row(file, defaults, {"year": "2020"})
        if file == "meetings":
            third = _row(file, defaults, {"members_expected": "12"})
        files = {**good(), file: f"{text}{third},k\n"}
        yield Broken(f"{file}: a client_key twice", files, file, frozenset({4}))


def _files() -> Iterator[Broken]:
    for file in HEADERS:
        text = good()[file]
        assert isinstance(text, str)
        latin = text.encode() + "Xã".encode("latin-1") + b",,,\n"
        every = frozenset(range(1, latin.count(b"\n") + 1))
        yield Broken(f"{file}: not UTF-8", {**good(), file: latin}, file, every)
        columns = HEADERS[file].split(",")
        swapped = ",".join([columns[1], columns[0], *columns[2:]])
        headers = {"swapped": swapped, "short": ",".join(columns[:-1]), "empty": ""}
        headers |= {"long": f"{HEADERS[file]},remark", "none": GOOD[file].split("\n")[0]}
        headers |= {
            "capitals": HEADERS[file].upper(),
            "semicolons": HEADERS[file].replace(",", ";"),
        }
        for name, header in headers.items():
            files: Files = {**good(), file: f"{header}\n{GOOD[file]}"}
            yield Broken(f"{file}: a header that is {name}", files, file, frozenset({1}))
    wide = good()["units"]
    assert isinstance(wide, str)
    files = {**good(), "units": wide.encode("utf-16")}
    yield Broken("units: UTF-16", files, "units", frozenset(range(1, 12)))


UNDER_D = """\
P,,Tỉnh,province,,1990-01-01,
D,P,D,district,huyện,1990-01-01,
G,D,G,grassroots,,1990-01-01,
H,D,H,grassroots,,1990-01-01,
B,G,B,branch,,1990-01-01,
"""
DECISION = dict.fromkeys(HEADERS["decisions"].split(","), "") | {
    "number": "03-QĐ", "title": "Tên", "issued_by": "P", "issued_on": "2024-01-01",
    "effective_on": "2024-08-01",
}  # fmt: skip
MEETING = {
    "unit_code": "G", "held_on": "2024-06-03", "kind": "REGULAR", "form": "ONLINE", "topic": "x",
    "members_expected": "10", "members_present": "9", "documents_sent_on": "2024-06-01",
    "minutes_kept": "true", "attended_by_higher_committee": "false", "score": "90",
}  # fmt: skip
EVALUATION = {
    "unit_code": "G", "year": "2023", "rating": "GOOD", "regulation": "132-QĐ/TW",
    "political_task": "true", "meeting_quality": "", "unity_discipline": "false",
    "cadres_members": "true", "members_rated": "10", "members_excellent": "0",
    "members_good": "10", "members_completed": "0", "members_not_completed": "0",
}  # fmt: skip
INSPECTION = {
    "unit_code": "G", "by_unit_code": "P", "body": "COMMITTEE", "kind": "INSPECTION",
    "ground": "PROGRAMME", "theme": "", "planned_for": "", "opened_on": "2024-05-01",
    "concluded_on": "2024-06-01", "status": "CONCLUDED", "members_covered": "5",
    "members_in_violation": "1", "members_sanctioned": "1",
}  # fmt: skip


def _row(file: str, defaults: dict[str, str], cells: dict[str, str]) -> str:
    return ",".join({**defaults, **cells}[column] for column in HEADERS[file].split(","))


# ---- odd, and right


def odd() -> dict[str, Files]:
    """Folders that must be loaded, by what is odd about them."""
    units = GOOD["units"].splitlines(keepends=True)
    head = {"units": HEADERS["units"] + "\n", "appointments": HEADERS["appointments"] + "\n"}
    root = f"{HEADERS['units']}\nP,,Tỉnh,province,,1990-01-01,\n"
    return {
        "the good one": good(),
        "units alone": {"units": good()["units"]},
        "byte-order marks": {name: "\ufeff" + str(text) for name, text in good().items()},
        "CRLF": {name: str(text).replace("\n", "\r\n") for name, text in good().items()},
        "no line end at the end": {name: str(t).rstrip("\n") for name, t in good().items()},
        "headers alone": {**good(), "meetings": HEADERS["meetings"] + "\n"},
        "parents after children": {
            **good(),
            "units": head["units"]
            + "Z,F,Tên,branch,,1950-01-01,2026-09-02\n"
            + "".join([*units[1:2], *reversed(units[4:]), *units[2:4], units[0]]),
        },
        "one unit": {"units": root},
        "one tổ đảng": {"units": f"{HEADERS['units']}\nT,,Tổ đảng,group,,2020-01-01,\n"},
        "a root that lies ahead": {"units": root.replace("1990", "2030")},
        "a root that is closed": {"units": root.replace("1990-01-01,", "1990-01-01,2000-01-01")},
        "appointments of every age": {
            **good(),
            "appointments": head["appointments"]
            + "x,leader,B,1950-01-01,\nx,leader,F,2020-01-01,2020-01-02\n x,office,C,2030-01-01,\n"
            + '"a,b",auditor,P,2020-01-01,\nX,administrator,P,2020-01-01,\n',
        },
        **_odd_codes(head["units"] + units[0]),
        **_odd_decisions(),
        **_odd_records(),
    }


def _odd_decisions() -> dict[str, Files]:
    def decided(*decisions: tuple[str, str, list[str]], units: str = UNDER_D) -> Files:
        """Each by its number, its day and its changes; the file has the last row first."""
        rows = [
            _row(
                "decisions",
                DECISION,
                {"number": number, "effective_on": day, "position": str(at), **_change(change)},
            )
            for number, day, changes in decisions
            for at, change in enumerate(changes, -1)
        ]
        text = "\n".join([HEADERS["decisions"], *reversed(rows)]) + "\n"
        return {"units": f"{HEADERS['units']}\n{units}", "decisions": text}

    established = "ESTABLISH N to=P name=Mới kind=district"
    reorganised = ["RECLASSIFY G kind=commune", "TRANSFER G to=P"]
    reorganised += ["RECLASSIFY B kind=grassroots_branch", "MERGE H to=G", "DISSOLVE D"]
    return {
        "units under what a decision establishes": decided(
            ("1", "2024-01-01", [established]), units=UNDER_D + "X,N,X,grassroots,,1950-01-01,\n"
        ),
        "decisions that build on one another on a day": decided(
            ("2", "2024-01-01", ["RENAME G name=Hai", "DISSOLVE H"]),
            ("1", "2024-01-01", [established, "TRANSFER G to=N", "RENAME H name=Một"]),
        ),
        "moved before the one above is closed": decided(
            ("1", "2024-12-31", [established, "TRANSFER G to=N", "TRANSFER H to=N"]),
            units=UNDER_D.replace("huyện,1990-01-01,", "huyện,1990-01-01,2025-01-01"),
        ),
        "the change of 2025": decided(("1", "2025-07-01", reorganised)),
        "what follows in one decision": decided(
            ("1", "2024-01-01", ["SPLIT X from=G name=Phần", "TRANSFER B to=X", "DISSOLVE G"])
        ),
        "the top renamed": decided(("=1+1", "2030-01-01", ["RENAME P name=Tên"])),
        "a long number": decided(("x" * 255, "1990-01-01", ["RECLASSIFY P category=%"])),
        "no decision": decided(),
    }


def _odd_codes(start: str) -> dict[str, Files]:
    codes = ["p", "P ", " P", "P%", "P_", "'", '"""q"", x"', "\u00e9", "e\u0301", "😀" * 64, "null"]
    codes += ["x" * 64, "=1+1", "0", "00", "\\", "İ", "i"]
    rows = [f"{code},P,{code},direct,{code},2000-01-01,\n" for code in codes]
    ministries = "TW,,TW,central,,1990-01-01,\nP,TW,P,province,,1980-01-01,\n"
    return {
        "odd codes": {"units": start + "".join(rows)},
        "closed the day after, with the one above": {
            "units": start + "D,P,D,district,,1980-01-01,2001-01-02\n"
            "G,D,G,grassroots,,2001-01-01,2001-01-02\nH,D,H,grassroots,,1970-01-01,1990-01-02\n"
        },
        "kinds founded outside their dates": {
            "units": f"{HEADERS['units']}\n{ministries}D,P,D,district,,2026-01-01,\n"
            "B,TW,B,bloc,,2026-01-01,\nX,P,X,commune,,1999-01-01,\n"
        },
    }


def _odd_records() -> dict[str, Files]:
    planned = {"status": "PLANNED", "opened_on": "", "concluded_on": ""}
    inspections = [
        {"planned_for": "2026-10-01", "unit_code": "F", **planned},
        {"planned_for": "2019-01-01", "unit_code": "B", **planned},
        {"planned_for": "2026-10-01", **planned, "status": "CANCELLED"},
        {"planned_for": "2024-04-01", "concluded_on": "", "status": "CANCELLED"},
        {"planned_for": "1990-01-01", "opened_on": "1995-01-01", "by_unit_code": "G"},
        {"opened_on": "2024-06-01", "members_sanctioned": "1000000"},
        {"opened_on": "2026-05-20", "concluded_on": "2026-05-20"},
        {"unit_code": "B", "opened_on": "2020-02-29", "concluded_on": "2020-02-29"},
    ]
    meetings = [
        {"held_on": "2026-05-20", "documents_sent_on": "2026-05-20"},
        {"held_on": "2000-05-01", "documents_sent_on": ""},
        {"unit_code": "B", "held_on": "2020-02-29", "documents_sent_on": ""},
        {"members_expected": "1000000", "members_present": "0", "score": "0", "topic": " "},
        {"score": "100.0", "topic": '"a\r\nb\n""c"""'},
        {},
        {},
    ]
    evaluations = [
        {"year": "2026"},
        {"year": "2000"},
        {"unit_code": "B", "year": "2020"},
        {"unit_code": "C", "year": "2026"},
    ]
    return {
        "records at the edge of what is right": good(
            meetings=_body("meetings", MEETING, meetings),
            evaluations=_body("evaluations", EVALUATION, evaluations),
            inspections=_body("inspections", INSPECTION, inspections),
        ),
        "client keys in some rows": {
            **good(),
            "meetings": f"{HEADERS['meetings']},client_key\n"
            + "".join(f"{_row('meetings', MEETING, {})},{key}\n" for key in ("", "k", "K", "")),
        },
    }


def _body(file: str, defaults: dict[str, str], rows: list[dict[str, str]]) -> str:
    return "".join(_row(file, defaults, cells) + "\n" for cells in rows)
