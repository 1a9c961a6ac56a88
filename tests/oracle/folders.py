"""Random odd data folders, each right by `formats.md`, the same for the same seed.

Trees of depth 1 to 7 under any kind, codes that trip whoever trims, folds, matches or sorts by a
locale, units older, younger and closed earlier than the one above, days that lie ahead,
appointments of every age, records in every state, decisions of every kind. Nothing here is refused
by the rules.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random

from tests.oracle.model import ENUMERATIONS, ROLES
from tests.oracle.moves import KINDS, MAY_STAND_UNDER, Impossible, Moves, Tree, above

HEADERS = {
    "units": "code,parent_code,name,kind,category,established_on,closed_on",
    "decisions": "number,title,issued_by,issued_on,effective_on,position,change,unit_code,to_code,"
    "from_code,name,kind,category",
    "appointments": "principal,role,unit_code,valid_from,valid_to",
    "meetings": "unit_code,held_on,kind,form,topic,members_expected,members_present,"
    "documents_sent_on,minutes_kept,attended_by_higher_committee,score",
    "evaluations": "unit_code,year,rating,regulation,political_task,meeting_quality,"
    "unity_discipline,cadres_members,members_rated,members_excellent,members_good,"
    "members_completed,members_not_completed",
    "inspections": "unit_code,by_unit_code,body,kind,ground,theme,planned_for,opened_on,"
    "concluded_on,status,members_covered,members_in_violation,members_sanctioned",
}
EVERYTHING = "người xem tất cả"
"""A principal who is a leader of every unit that may have one, open today or standing later."""
NOBODY = "nobody@example.org"
"""A principal without appointments."""

TODAYS = [
    date(2026, 5, 20),
    date(2024, 2, 29),
    date(2025, 12, 31),
    date(2026, 1, 1),
    date(2025, 7, 1),
    date(2026, 3, 31),
]
ODD_CODES = [
    "A", "a", "A.1", "A.10", "A.2", "A%", "A_", "%", "_", "A.", "A b", " A", "A ", "B", "b", "AA",
    '"quoted, comma"', "x,y", "it's", "back\\slash", "A/1", "A*", "A?", "[A]", "$A", "{A}", "&amp;",
    "\u00e9", "e\u0301", "\u1ec7", "e\u0323\u0302", "\u0110", "\u0111", "đảng ủy", "Ａ", "😀",
    "👩\u200d👩\u200d👧", "\U0001f1fb\U0001f1f3", "null", "NULL", "0", "00", "1", "01", "1e3",
    "=1+1", "true", "ß", "ẞ", "ı", "İ", "я", "中", "\ufffd", "~", "zz", "Z", "\u2028",
]  # fmt: skip
LONG_CODES = ["L" * 64, "L" * 63 + "M", "😀" * 64, "e\u0301" * 32]
CATEGORIES = [
    "", "", "xã", "Xã", "xa\u0303", "cơ quan đảng, đoàn thể", "trường học", "%", "doanh nghiệp",
    "🏭",
]  # fmt: skip
NAMES = [
    "Đảng ủy xã Điền", "Đảng uỷ phường", "ĐẢNG BỘ", "Chi bộ 1", "Chi bộ 10", "chi bo", "Chi bộ%",
    "Chi_bộ", "Chi bo\u0323\u0302 thôn Đông", "Trường \"Lê Lợi\", khối 2", "O'Brien \\ 100%",
    "Tổ đảng 😀", "Đặng\u00a0Đình", "Nghệ An", "line one\nline two",
]  # fmt: skip
TOPICS = [
    "", "", "Học tập Nghị quyết", "dòng một\ndòng hai, có phẩy\n\"ba\"", "=1+1", "a\r\nb", "😀",
    "null", " x ", "p\u2028q",
]  # fmt: skip
SCORES = ["", "", "0", "100", "90", "89.95", "50", "70", "69.99", "72.5", "33.3", "0.1", "87.25"]
CHANGES = ["ESTABLISH", "TRANSFER", "MERGE", "SPLIT", "DISSOLVE", "RENAME", "RECLASSIFY"]
REGULATIONS = ["132-QĐ/TW", "124-QĐ/TW", "366-QĐ/TW", 'quy định, "cũ"']

Row = dict[str, str]


@dataclass
class Folder:
    """Rows by file, and the day taken for today; `style` says how the files are written."""

    seed: int
    today: date
    files: dict[str, list[Row]]
    style: Random = field(repr=False)

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in self.files.items():
            text = _csv(name, rows, self.style)
            mark = self.style.choice(["", "\ufeff"])
            (folder / f"{name}.csv").write_bytes((mark + text).encode())

    @property
    def principals(self) -> list[str]:
        return list(dict.fromkeys(row["principal"] for row in self.files["appointments"]))


def make_folder(seed: int, units: int = 40) -> Folder:
    """A folder of about so many units."""
    random = Random(f"folder {seed}")
    today = random.choice(TODAYS)
    tree = _Tree(random, today, units)
    decisions = _decisions(random, tree)
    files = {
        "units": tree.rows,
        "decisions": decisions,
        "appointments": _appointments(random, tree),
        "meetings": _meetings(random, tree),
        "evaluations": _evaluations(random, tree),
        "inspections": _inspections(random, tree),
    }
    for name in ("meetings", "evaluations", "inspections"):
        if random.random() < 0.06:
            del files[name]
        elif random.random() < 0.3:
            _add_keys(random, name, files[name])
    for rows in files.values():
        random.shuffle(rows)
    return Folder(seed, today, files, random)


def broken(folder: Folder) -> tuple[Folder, int] | None:
    """The folder with one fault in a decision, and the place of the row that has it; None where
    nothing is decided."""
    rows = [dict(row) for row in folder.files["decisions"]]
    if not rows:
        return None
    random = folder.style
    place = random.randrange(len(rows))
    top = next(row["code"] for row in folder.files["units"] if not row["parent_code"])
    extra = {**rows[place], "position": "98"}
    wrong = [
        {"change": "MOVE"},
        {"effective_on": "2024-02-30"},
        {"issued_on": ""},
        {"position": "first"},
        {"title": ""},
        {"issued_by": "there is none"},
        {"unit_code": "there is none", "change": "RENAME", "name": "x"},
        {"number": ""},
    ]
    added = [
        _change("ESTABLISH", top, to_code=top, name="x", kind="branch"),
        _change("ESTABLISH", "a new one", to_code="there is none", name="x", kind="branch"),
        _change("ESTABLISH", "a new one", to_code=top, name="x", kind="village"),
        _change("TRANSFER", top, to_code=rows[place]["unit_code"]),
        _change("RENAME", top),
        {**_change("RENAME", top, name="x"), "position": rows[place]["position"]},
    ]
    if random.random() < 0.5:
        rows[place] |= random.choice(wrong)
    else:
        place = len(rows)
        rows.append({**extra, **random.choice(added)})
    return Folder(folder.seed, folder.today, {**folder.files, "decisions": rows}, random), place


def lines(path: Path) -> list[int]:
    """The line on which each row begins; the header is line 1."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        begins = []
        before = 0
        for _ in reader:
            begins.append(before + 1)
            before = reader.line_num
    return begins[1:]


class _Tree:
    """Units with the days on which they stand; a row each."""

    def __init__(self, random: Random, today: date, size: int) -> None:
        self.random, self.today = random, today
        self.rows: list[Row] = []
        self.kind: dict[str, str] = {}
        self.parent: dict[str, str] = {}
        self.start: dict[str, date] = {}
        self.end: dict[str, date | None] = {}
        self._codes = _codes(random)
        top = random.choice(["central", "province", "province", random.choice(list(KINDS))])
        if first := self._add(None, top):
            self._descend(first)
        for _ in range(size * 3):
            if len(self.rows) >= size:
                break
            above = random.choice(list(self.kind))
            if below := _kinds_below(self.kind[above]):
                self._add(above, random.choice(below))

    @property
    def codes(self) -> list[str]:
        return list(self.kind)

    def new_code(self) -> str:
        return next(self._codes)

    def decided(self, moves: Moves) -> None:
        """Takes in what decisions make of the units."""
        self.moves = moves
        for code, unit in moves.last.items():
            self.kind[code], self.end[code] = unit.kind, unit.closed_on
            self.start[code] = moves.start(code)

    def above(self, code: str, day: date) -> list[str]:
        """The unit and those over it on that day, of those that stand today."""
        standing = self.moves.on(self.today)
        return [each for each in above(self.moves.on(day), code) if each in standing]

    def standing_days(self, code: str, last: date) -> tuple[date, date] | None:
        """First and last day on which the unit is open, none of them after `last`."""
        end = self.end[code]
        until = last if end is None else min(last, end - timedelta(days=1))
        return (self.start[code], until) if self.start[code] <= until else None

    def _descend(self, code: str) -> None:
        """One line down to the lowest kind, so that the tree is as deep as its top allows."""
        while below := _kinds_below(self.kind[code]):
            next_rank = min(KINDS[kind] for kind in below)
            step = self.random.choice([k for k in below if KINDS[k] == next_rank])
            added = self._add(code, step, lasting=True)
            if added is None:
                return
            code = added

    def _add(self, above: str | None, kind: str, lasting: bool = False) -> str | None:
        established = self._established(above)
        start = established if above is None else max(established, self.start[above])
        closed = None if lasting else self._closed(above, established, start)
        limit = self.end[above] if above is not None else None
        if limit is not None and (closed is None or closed <= start):
            closed = limit
        if closed is not None and closed <= start:
            return None
        code: str = next(self._codes)
        self.kind[code], self.start[code], self.end[code] = kind, start, closed
        if above is not None:
            self.parent[code] = above
        self.rows.append(
            {
                "code": code,
                "parent_code": above or "",
                "name": self.random.choice(NAMES) + self.random.choice(["", f" {len(self.rows)}"]),
                "kind": kind,
                "category": self.random.choice(CATEGORIES),
                "established_on": established.isoformat(),
                "closed_on": closed.isoformat() if closed else "",
            }
        )
        return code

    def _established(self, above: str | None) -> date:
        random = self.random
        if above is None:
            return self.today - timedelta(days=random.choice([40, 800, 3000, 34000]))
        chance = random.random()
        if chance < 0.25:
            return self.start[above] - timedelta(days=random.randint(1, 4000))
        if chance < 0.45:
            return self.start[above]
        if chance < 0.55:
            return self.today + timedelta(days=random.choice([0, 1, 30, 400]))
        span = (self.today - self.start[above]).days
        return self.start[above] + timedelta(days=random.randint(0, max(span, 1)))

    def _closed(self, above: str | None, established: date, start: date) -> date | None:
        random = self.random
        if above is None:
            return self.today + timedelta(days=500) if random.random() < 0.04 else None
        limit = self.end[above]
        if limit is not None and random.random() < 0.5:
            return limit
        if random.random() > (0.22 if limit is None else 1):
            return None
        first = max(established, start) + timedelta(days=1)
        last = limit or self.today + timedelta(days=600)
        if first > last:
            return None
        chosen = [last, first, self.today, self.today + timedelta(days=1)]
        chosen.append(first + timedelta(days=random.randint(0, (last - first).days)))
        return min(max(random.choice(chosen), first), last)


def _kinds_below(kind: str) -> list[str]:
    return [below for below, above in MAY_STAND_UNDER.items() if kind in above]


def _codes(random: Random) -> Iterator[str]:
    odd = random.sample(ODD_CODES, len(ODD_CODES))
    odd.insert(random.randrange(12), random.choice(LONG_CODES))
    number = 0
    while True:
        if odd and random.random() < 0.75:
            yield odd.pop()
        else:
            number += 1
            yield f"U{number}"


def _add_keys(random: Random, name: str, rows: list[Row]) -> None:
    """Keys in some of the rows, none of them twice in the folder."""
    for number, row in enumerate(rows):
        row["client_key"] = random.choice(["", f"{name} {number}", f"{name.upper()}-Ключ-{number}"])


# ---- decisions


def _decisions(random: Random, tree: _Tree) -> list[Row]:
    """Up to a dozen decisions, each on a day of its own, such as the tree of every day allows."""
    rows: list[Row] = []
    moves = Moves(tree.rows, rows)
    days: set[date] = set()
    for turn in range(random.choice([0, 20, 40, 40])):
        day = _day_of_decision(random, tree)
        if len(days) == 12 or day in days:
            continue
        proposed = _decision(random, tree, moves.on(day), day, turn)
        try:
            moves = Moves(tree.rows, [*rows, *proposed])
        except Impossible:
            continue
        rows += proposed
        days |= {day} if proposed else set()
    tree.decided(moves)
    return rows


def _day_of_decision(random: Random, tree: _Tree) -> date:
    """Mostly in the years of the records; today and its neighbours, days ahead too."""
    first = min(tree.start.values())
    near = tree.today + timedelta(days=random.choice([-400, -200, -30, -1, 0, 1, 30, 300]))
    span = min((tree.today - first).days, 2500)
    past = tree.today - timedelta(days=random.randint(0, max(span, 1)))
    return max(random.choice([near, past, past]), first + timedelta(days=1))


def _decision(random: Random, tree: _Tree, on: Tree, day: date, turn: int) -> list[Row]:
    opened = [code for code, unit in on.items() if unit.is_open(day)]
    if len(opened) < 2:
        return []
    number = random.choice([f"{turn}-QĐ/TU", f"số {turn}, 'x'", f" {turn}", f"{turn}% 😀"])
    head = {
        "number": number,
        "title": random.choice(TOPICS).strip() or "Về việc sắp xếp",
        "issued_by": random.choice(list(on)),
        "issued_on": (day - timedelta(days=random.choice([0, 9, -9]))).isoformat(),
        "effective_on": day.isoformat(),
    }
    rows: list[Row] = []
    for _ in range(random.choice([1, 1, 2, 3])):
        rows += _changes(random, tree, on, opened)
    return [{**head, "position": str(at * 2 + 1), **row} for at, row in enumerate(rows)]


def _changes(random: Random, tree: _Tree, on: Tree, opened: list[str]) -> list[Row]:
    unit = random.choice(opened)
    siblings = [c for c in opened if on[c].kind == on[unit].kind and c != unit]
    over = [c for c in opened if on[c].kind in MAY_STAND_UNDER[on[unit].kind]] or opened
    below = [c for c in opened if on[c].parent == unit]
    change = random.choice([*CHANGES, "TRANSFER", "MERGE", "SPLIT"])
    if change == "ESTABLISH":
        kinds = _kinds_below(on[unit].kind) or ["group"]
        new = {"name": random.choice(NAMES), "kind": random.choice(kinds)}
        category = random.choice(CATEGORIES)
        return [_change(change, tree.new_code(), to_code=unit, category=category, **new)]
    if change == "TRANSFER":
        return [_change(change, unit, to_code=random.choice(over))]
    if change == "MERGE":
        return [_change(change, unit, to_code=random.choice(siblings or over))]
    if change == "SPLIT":
        return _split(random, tree, unit, below, siblings)
    if change == "RENAME":
        return [_change(change, unit, name=random.choice(NAMES))]
    if change == "RECLASSIFY":
        return [_reclassified(random, unit, on[unit].kind)]
    return [_change(change, random.choice([c for c in opened if c != unit]))]


def _split(
    random: Random, tree: _Tree, unit: str, below: list[str], siblings: list[str]
) -> list[Row]:
    """A new part, or one that exists, takes some of what stands below; or all, and it ends."""
    if siblings and random.random() < 0.3:
        part, name = random.choice(siblings), ""
    else:
        part, name = tree.new_code(), random.choice(NAMES)
    category = random.choice(CATEGORIES) if name else ""
    ends = random.random() < 0.4
    moved = [code for code in below if ends or random.random() < 0.6]
    rows = [_change("SPLIT", part, from_code=unit, name=name, category=category)]
    rows += [_change("TRANSFER", code, to_code=part) for code in moved]
    return rows + ([_change("DISSOLVE", unit)] if ends else [])


def _reclassified(random: Random, unit: str, kind: str) -> Row:
    """A kind beside its own, or another category; never what rules ask of a unit appointed to."""
    beside = [k for k, rank in KINDS.items() if rank == KINDS[kind] and rank > 1 and k != kind]
    category = random.choice([c for c in CATEGORIES if c])
    if beside and random.random() < 0.7:
        return _change("RECLASSIFY", unit, kind=random.choice(beside))
    return _change("RECLASSIFY", unit, category=category)


def _change(change: str, unit: str, **cells: str) -> Row:
    empty = dict.fromkeys(("to_code", "from_code", "name", "kind", "category"), "")
    return {"change": change, "unit_code": unit, **empty, **cells}


# ---- appointments


def _appointments(random: Random, tree: _Tree) -> list[Row]:
    today, rows = tree.today, []
    for code in tree.codes:
        end = tree.end[code]
        if end is None or end > today:
            rows.append(_appointment(EVERYTHING, "leader", code, today - timedelta(days=9), None))
    for number, role in enumerate([*ROLES, *random.choices(ROLES, k=7)]):
        principal = random.choice([f"p{number}", f"đồng chí {number}", f'P{number}, "x"'])
        taken: set[tuple[str, str]] = set()
        for turn in range(random.choice([1, 1, 1, 2, 3])):
            place = (role if turn == 0 else random.choice(ROLES), _some_unit(random, tree, turn))
            if place in taken:
                continue
            taken.add(place)
            rows.append(_appointment(principal, *place, *_term(random, today, certain=turn == 0)))
    return rows


def _some_unit(random: Random, tree: _Tree, turn: int) -> str:
    """Any unit; a first appointment is more often at one that has something under it."""
    above = sorted(set(tree.parent.values()))
    return random.choice(above if turn == 0 and above and random.random() < 0.75 else tree.codes)


def _term(random: Random, today: date, certain: bool) -> tuple[date, date | None]:
    day = timedelta(days=1)
    good = [(today - 300 * day, None), (today, today + day), (today - day, today + 90 * day)]
    bad = [(today - 90 * day, today), (today + day, None), (today - 9 * day, today - day)]
    return random.choice(good if certain and random.random() < 0.9 else good + bad)


def _appointment(principal: str, role: str, code: str, start: date, end: date | None) -> Row:
    return {
        "principal": principal,
        "role": role,
        "unit_code": code,
        "valid_from": start.isoformat(),
        "valid_to": end.isoformat() if end else "",
    }


# ---- records


def _day_between(random: Random, first: date, last: date) -> date:
    """More often one of the ends or a first of January, so that days fall together."""
    chosen = first + timedelta(days=random.randint(0, (last - first).days))
    year_start = date(chosen.year, 1, 1)
    return random.choice([chosen, chosen, first, last, year_start if year_start >= first else last])


def _meetings(random: Random, tree: _Tree) -> list[Row]:
    rows = []
    for code in tree.codes:
        days = tree.standing_days(code, tree.today)
        for _ in range(random.choice([0, 1, 3, 5, 8]) if days else 0):
            held_on = _day_between(random, *days) if days else tree.today
            expected = random.choice([0, 1, 12, 40, 1_000_000])
            sent = held_on - timedelta(days=random.randint(0, 9))
            rows.append(
                {
                    "unit_code": code,
                    "held_on": held_on.isoformat(),
                    "kind": random.choice(ENUMERATIONS["MeetingKind"]),
                    "form": random.choice(ENUMERATIONS["MeetingForm"]),
                    "topic": random.choice(TOPICS),
                    "members_expected": str(expected),
                    "members_present": str(random.randint(0, expected)),
                    "documents_sent_on": random.choice(["", sent.isoformat()]),
                    "minutes_kept": random.choice(["true", "false"]),
                    "attended_by_higher_committee": random.choice(["true", "false"]),
                    "score": random.choice(SCORES),
                }
            )
    return rows


def _evaluations(random: Random, tree: _Tree) -> list[Row]:
    rows = []
    for code in tree.codes:
        days = tree.standing_days(code, tree.today)
        if days is None or random.random() < 0.2:
            continue
        years = range(days[0].year, days[1].year + 1)
        chosen = {*random.sample(years, min(len(years), 2)), days[1].year}
        rows += [_evaluation(random, code, year) for year in chosen]
    return rows


def _evaluation(random: Random, code: str, year: int) -> Row:
    counts = [random.choice([0, 1, 7, 30]) for _ in range(4)]
    goods = [random.choice(["true", "true", "true", "false", ""]) for _ in range(4)]
    if random.random() < 0.4:
        goods = ["true"] * 4
    return {
        "unit_code": code,
        "year": str(year),
        "rating": random.choice(ENUMERATIONS["Rating"]),
        "regulation": random.choice(REGULATIONS),
        "political_task": goods[0],
        "meeting_quality": goods[1],
        "unity_discipline": goods[2],
        "cadres_members": goods[3],
        "members_rated": str(sum(counts)),
        "members_excellent": str(counts[0]),
        "members_good": str(counts[1]),
        "members_completed": str(counts[2]),
        "members_not_completed": str(counts[3]),
    }


def _inspections(random: Random, tree: _Tree) -> list[Row]:
    rows = []
    for code in tree.codes:
        for _ in range(random.choice([0, 1, 2, 4])):
            days = _inspection_days(random, tree, code)
            if days is None:
                continue
            covered = random.choice([0, 1, 20])
            rows.append(
                {
                    "unit_code": code,
                    "by_unit_code": random.choice([code, *tree.above(code, _inspected_on(days))]),
                    "body": random.choice(ENUMERATIONS["InspectionBody"]),
                    "kind": random.choice(ENUMERATIONS["InspectionKind"]),
                    "ground": random.choice(["SIGNS", *ENUMERATIONS["InspectionGround"]]),
                    "theme": random.choice(TOPICS),
                    **days,
                    "members_covered": str(covered),
                    "members_in_violation": str(random.randint(0, covered)),
                    "members_sanctioned": str(random.randint(0, covered)),
                }
            )
    return rows


def _inspected_on(days: Row) -> date:
    chosen = days["concluded_on"] or days["opened_on"] or days["planned_for"]
    return date.fromisoformat(chosen)


def _inspection_days(random: Random, tree: _Tree, code: str) -> Row | None:
    """The three days and the status that goes with them, or None where no day will do."""
    status = random.choice(ENUMERATIONS["InspectionStatus"])
    quarter = _quarter_standing(random, tree, code)
    past = tree.standing_days(code, tree.today)
    planned, opened, concluded = quarter, None, None
    if status == "CANCELLED" and random.random() < 0.5 and past:
        opened = _day_between(random, *past)
        planned = None if quarter is None or quarter > opened else quarter
    elif status in ("OPEN", "CONCLUDED"):
        if past is None:
            return None
        opened = _day_between(random, *past)
        planned = random.choice([None, _quarter(opened)])
        concluded = _day_between(random, opened, past[1]) if status == "CONCLUDED" else None
    elif quarter is None:
        return None
    return {
        "planned_for": planned.isoformat() if planned else "",
        "opened_on": opened.isoformat() if opened else "",
        "concluded_on": concluded.isoformat() if concluded else "",
        "status": status,
    }


def _quarter(day: date) -> date:
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def _quarter_standing(random: Random, tree: _Tree, code: str) -> date | None:
    """The first day of a quarter, past or ahead, on which the unit is open."""
    days = tree.standing_days(code, tree.today + timedelta(days=500))
    if days is None:
        return None
    for _ in range(6):
        quarter = _quarter(_day_between(random, *days))
        if days[0] <= quarter <= days[1]:
            return quarter
    return None


# ---- files


def _csv(name: str, rows: list[Row], style: Random) -> str:
    """The file's text; whether everything is quoted and how lines end is the style's choice."""
    columns = HEADERS[name].split(",")
    if any("client_key" in row for row in rows):
        columns.append("client_key")
    text = io.StringIO()
    dialect = csv.excel()
    dialect.quoting = style.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    dialect.lineterminator = style.choice(["\n", "\r\n"])
    writer = csv.DictWriter(text, columns, restval="", dialect=dialect)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
