"""Nghệ An as it stood before 1 July 2025: its real districts and communes, in its real numbers.

At the end of 2011 it had 1,565 grassroots organisations, 10,148 subordinate branches and 167,740
members (resolution 09-NQ/TU of 2012, footnote 1); the tree standing today has exactly as many.
The bodies beyond communes are made up, in the categories of `domain.md`.

`reorganised` is the same province through that day: 130 communes instead of 20 districts with 412
communes, and two committees beside them in place of the bloc.
"""

from collections.abc import Iterator
from datetime import date
from itertools import chain, islice
from random import Random

from server.generation import appointments, reorganisation
from server.generation import organisations as bodies
from server.generation.draft import Draft
from server.generation.organisations import Pattern
from server.generation.parts import Part, Ruling, chapter
from server.generation.places import Place, communes, districts, provinces
from server.generation.reorganisation import EVE, ISSUED_ON, SINCE
from server.generation.streams import apportion, stream
from server.generation.tree import (
    Organisation,
    Region,
    SyntheticUnit,
    Totals,
    found,
    founded_on,
    grow,
    plan,
)

PROVINCE = "40"
GRASSROOTS_ORGANISATIONS = 1565
COMMITTEES = 865
BRANCHES = 10148
MEMBERS = 167740
MEETINGS_A_YEAR = 12 * BRANCHES
MOUNTAINS = frozenset({"415", "416", "417", "418", "422"})
RE_FOUNDED_ON = date(1991, 8, 12)
DIRECT = (
    ("K.40", "Đảng bộ Khối Các cơ quan và Doanh nghiệp tỉnh", "bloc", bodies.BLOC, 118),
    ("CA.40", "Đảng bộ Công an tỉnh", "direct", bodies.POLICE, 42),
    ("QS.40", "Đảng bộ Quân sự tỉnh", "direct", bodies.MILITARY, 36),
)


SINCE_2025 = (
    ("CQD.40", "Đảng bộ các cơ quan Đảng tỉnh"),
    ("UB.40", "Đảng bộ Ủy ban nhân dân tỉnh"),
)
AT_THE_PARTY = (bodies.PARTY, bodies.JUSTICE)
TITLE = (
    "Sắp xếp tổ chức đảng của Đảng bộ tỉnh: kết thúc hoạt động đảng bộ cấp huyện và Đảng bộ Khối, "
    "thành lập đảng bộ xã, phường"
)


def regions(seed: int, today: date) -> Iterator[Region]:
    """The province as one region, its top first."""
    random = stream(seed, "nghe-an", "committees")
    province = next(place for place in provinces(2024) if place.code == PROVINCE)
    name = f"Đảng bộ {province.spoken}"
    top = found(None, f"T.{PROVINCE}", name, "province", None, RE_FOUNDED_ON, random)
    places = [place for place in districts() if place.above == PROVINCE]
    heads = {place.code: _district(top, place, random, today) for place in places}
    organisations = list(_organisations(top, heads, places, random, today))
    totals = Totals(COMMITTEES, BRANCHES, MEMBERS, sectioned=9, grouped=12, closed=90)
    direct = list({each.above.code: each.above for each in organisations}.values())
    units = [top, *direct, *grow(organisations, totals, seed, "nghe-an", today)]
    yield Region("nghe-an", units, MEETINGS_A_YEAR)


def reorganised(first: date, seed: int, today: date) -> Iterator[Part]:
    """The province of 30 June 2025, its decision of 1 July, and records from `first` to today."""
    (region,) = regions(seed, EVE)
    draft = Draft(region.units, SINCE, stream(seed, "nghe-an", "decision"))
    _reorganise(draft, stream(seed, "nghe-an", "shares"))
    since = Region("nghe-an/since", draft.result(), None)
    ruling = Ruling("45-QĐ/TU", TITLE, f"T.{PROVINCE}", ISSUED_ON, SINCE, draft.changes)
    chapters = [
        *chapter(region, first, EVE, today),
        *chapter(since, SINCE, today, today),
    ]
    yield Part(
        region.units,
        lambda: [
            *appointments.until(appointments.appointments(region, seed, EVE), SINCE),
            *appointments.since(appointments.appointments(since, seed, today), SINCE),
        ],
        chapters,
        [ruling],
    )


def _reorganise(draft: Draft, random: Random) -> None:
    province = next(place for place in provinces(2025) if place.code == PROVINCE)
    reorganisation.renew_communes(draft, province, random)
    reorganisation.settle_bodies(draft, random)
    reorganisation.end_districts(draft)
    for code, name in SINCE_2025:
        draft.establish(code, f"T.{PROVINCE}", name, "direct", None)
    party, government = (code for code, _ in SINCE_2025)
    for bloc in draft.of_kind("bloc"):
        for code in draft.below(bloc):
            at_the_party = draft.unit(code).category in AT_THE_PARTY
            draft.transfer(code, party if at_the_party else government)
        draft.dissolve(bloc)


def _district(top: SyntheticUnit, place: Place, random: Random, today: date) -> SyntheticUnit:
    name = f"Đảng bộ {place.spoken}"
    return found(top, f"H.{place.code}", name, "district", None, founded_on(random, today), random)


def _organisations(
    top: SyntheticUnit,
    heads: dict[str, SyntheticUnit],
    places: list[Place],
    random: Random,
    today: date,
) -> Iterator[Organisation]:
    within = {
        place.code: [each for each in communes(2024) if each.above == place.code]
        for place in places
    }
    direct = sum(count for *_, count in DIRECT)
    others = GRASSROOTS_ORGANISATIONS - direct - sum(map(len, within.values()))
    weights = [12 + len(within[place.code]) for place in places]
    for place, count in zip(places, apportion(others, weights), strict=True):
        yield from _communes(heads[place.code], within[place.code], random)
        patterns = _patterns(bodies.DISTRICT, random)
        yield from plan(heads[place.code], patterns, count, place.spoken, place.bare, random)
    for code, name, kind, known, count in DIRECT:
        head = found(top, code, name, kind, None, founded_on(random, today), random)
        direct_kind = kind == "direct"
        patterns = bodies.repeated(known) if direct_kind else _patterns(known, random)
        yield from plan(head, patterns, count, "tỉnh Nghệ An", "Nghệ An", random)


def _communes(head: SyntheticUnit, places: list[Place], random: Random) -> Iterator[Organisation]:
    village = "bản" if head.code.removeprefix("H.") in MOUNTAINS else "xóm"
    for place in places:
        category = bodies.WARD if place.urban else bodies.COMMUNE
        hamlet = "khối" if place.urban else village
        size = 15 * random.lognormvariate(0, 0.3)
        spoken = place.spoken
        yield Organisation(head, f"X.{place.code}", spoken, category, size, spoken, hamlet)


def _patterns(known: tuple[Pattern, ...], random: Random) -> Iterator[Pattern]:
    """The bodies every place has, then enterprises in an order of its own."""
    first = list(islice(bodies.enterprises(), 70))
    random.shuffle(first)
    return chain(known, first, islice(bodies.enterprises(), 70, None))
