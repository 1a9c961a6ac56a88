"""The country of 30 June 2025, and the decisions of 1 July: the largest real reorganisation.

63 provinces, 696 districts and 10,051 communes with two or three branches each, all under `TW`;
then one decision for each of the 34 provinces there are since. The units are the same whatever
today is. One province of 2025, with all that went into it, is in memory at a time.

Records are those of so many calendar years before 2025 and of as many from 2025 on, so that every
year but 2025 has one structure and figures of both can be compared.
"""

from collections.abc import Collection, Iterator
from datetime import date
from random import Random

from server.generation import organisations as bodies
from server.generation import reorganisation
from server.generation.draft import Draft
from server.generation.parts import Chapter, Part, Row, Ruling, chapter
from server.generation.places import Place, communes, districts, provinces, successors
from server.generation.reorganisation import EVE, ISSUED_ON, SINCE
from server.generation.streams import stream
from server.generation.tree import Region, SyntheticUnit, found, founded_on

NAME = "reorganisation-2025"
FOUNDED_ON = date(1930, 2, 3)
TERM = date(2024, 1, 1)
FIRST_NUMBER = 301
BRANCHES = (2, 3)
MEMBERS = (8, 45)
APEX_ROLES = (
    "leader",
    "secretary",
    "organisation_board",
    "inspection_commission",
    "office",
    "auditor",
    "administrator",
)


def parts(
    years: int, seed: int, today: date, only: Collection[str] | None = None
) -> Iterator[Part]:
    """The centre, then each province of 2025 in the order of the list; `only` those of these
    codes, with their own decisions alone."""
    random = stream(seed, NAME, "TW")
    top = found(None, "TW", "Trung ương Đảng", "central", None, FOUNDED_ON, random)
    chapters = _chapters(f"{NAME}/TW", [top], [top], years, today)
    yield Part([top], lambda: _appointments([top], []), chapters)
    for at, place in enumerate(provinces(2025)):
        if only is None or place.code in only:
            yield _province(top, place, f"{FIRST_NUMBER + at}-QĐ/TW", years, seed, today)


def _province(
    top: SyntheticUnit, place: Place, number: str, years: int, seed: int, today: date
) -> Part:
    name = f"{NAME}/{place.code}"
    random = stream(seed, name, "tree")
    old = reorganisation.predecessors(place.code)
    before = [unit for each in old for unit in _old_province(top, each, random)]
    draft = Draft([top, *before], SINCE, stream(seed, name, "decision"))
    _reorganise(draft, place, old, stream(seed, name, "shares"))
    title = _title(place, old)
    ruling = Ruling(number, title, top.code, ISSUED_ON, SINCE, draft.changes)
    after = draft.result()[1:]
    chapters = _chapters(name, before, after, years, today)
    return Part(before, lambda: _appointments(before, after), chapters, [ruling])


def _chapters(
    name: str,
    before: list[SyntheticUnit],
    after: list[SyntheticUnit],
    years: int,
    today: date,
) -> list[Chapter]:
    """What stood until the day, and what stands from it on; none without years."""
    if not years:
        return []
    first, last = date(SINCE.year - years, 1, 1), date(SINCE.year + years - 1, 12, 31)
    until, since = Region(f"{name}/before", before, None), Region(f"{name}/since", after, None)
    return [*chapter(until, first, EVE, today), *chapter(since, SINCE, last, today)]


def _old_province(top: SyntheticUnit, place: Place, random: Random) -> Iterator[SyntheticUnit]:
    """A province of 2024 and all below it."""
    head = _committee(top, f"T.{place.code}", place, "province", None, random)
    yield head
    for district in (each for each in districts() if each.above == place.code):
        middle = _committee(head, f"H.{district.code}", district, "district", None, random)
        yield middle
        for commune in (each for each in communes(2024) if each.above == district.code):
            yield from _commune(middle, commune, random)


def _committee(
    above: SyntheticUnit, code: str, place: Place, kind: str, category: str | None, random: Random
) -> SyntheticUnit:
    day = founded_on(random, EVE)
    return found(above, code, f"Đảng bộ {place.spoken}", kind, category, day, random)


def _commune(district: SyntheticUnit, place: Place, random: Random) -> Iterator[SyntheticUnit]:
    """A commune and its branches: where it can be, one for each part it will be split into."""
    category = bodies.WARD if place.urban else bodies.COMMUNE
    unit = _committee(district, f"X.{place.code}", place, "grassroots", category, random)
    yield unit
    hamlet = "khu phố" if place.urban else "thôn"
    divided_into = len(successors().get(place.code, ()))
    fewest, most = BRANCHES
    for number in range(1, max(random.randint(fewest, most), min(divided_into, most)) + 1):
        code, name = f"{unit.code}.{number:02d}", f"Chi bộ {hamlet} {number}"
        day, members = founded_on(random, EVE), random.randint(*MEMBERS)
        yield found(unit, code, name, "branch", category, day, random, members)


def _reorganise(draft: Draft, place: Place, old: list[Place], random: Random) -> None:
    code = f"T.{place.code}"
    reorganisation.renew_communes(draft, place, random)
    reorganisation.end_districts(draft)
    if place.name != old[0].name:
        draft.rename(code, f"Đảng bộ {place.spoken}")
    for merged in old[1:]:
        draft.merge(f"T.{merged.code}", code)


def _title(place: Place, old: list[Place]) -> str:
    """What the decision is about, as such decisions are headed."""
    communal = "kết thúc hoạt động đảng bộ cấp huyện, thành lập đảng bộ xã, phường, đặc khu"
    if len(old) == 1:
        return f"Đảng bộ {place.spoken}: {communal}"
    merged = ", ".join(sorted(each.bare for each in old))
    return f"Đảng bộ {place.spoken}: hợp nhất đảng bộ các tỉnh, thành phố {merged}; {communal}"


def _appointments(before: list[SyntheticUnit], after: list[SyntheticUnit]) -> Iterator[Row]:
    """Viewers of each level: the bodies of the centre and the provinces, the leaders of districts
    and new communes, the secretaries of old communes and of one branch in each new one.

    Those at a unit that the decision closes end with it.
    """
    staying = {unit.code for unit in after} | {"TW"}
    known = {unit.code for unit in before}
    for unit in before:
        end = None if unit.code in staying else SINCE
        for role in _roles_before(unit):
            yield f"{role}@{unit.code}", role, unit.code, TERM, end
    for unit in after:
        if unit.code not in known:
            yield f"leader@{unit.code}", "leader", unit.code, SINCE, None
    yield from _branch_secretaries(after)


def _roles_before(unit: SyntheticUnit) -> tuple[str, ...]:
    if unit.kind in ("central", "province"):
        return APEX_ROLES
    if unit.kind == "district":
        return ("leader", "organisation_board")
    return ("secretary",) if unit.kind == "grassroots" else ()


def _branch_secretaries(after: list[SyntheticUnit]) -> Iterator[Row]:
    """One in each new commune that has a branch."""
    served: set[str | None] = set()
    for unit in after:
        if unit.kind == "grassroots_branch" and unit.parent_code not in served:
            served.add(unit.parent_code)
            yield f"secretary@{unit.code}", "secretary", unit.code, SINCE, None
