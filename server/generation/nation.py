"""The whole country since 1 July 2025: 34 provinces and 3,321 communes, in round numbers.

About 52,000 grassroots organisations and 350,000 units (`domain.md`, section 2), here exactly as
many. Provinces and communes stand from 1 July 2025. Each province is a region of its own, grown
only when it is its turn, so that one is in memory at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from random import Random

from server.generation import organisations as bodies
from server.generation.places import Place, communes, provinces
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

UNITS = 350_000
GRASSROOTS_ORGANISATIONS = 52_000
IN_COMMUNES = 41_000
AT_THE_CENTRE = 2_500
COMMITTEE_SHARE = 0.55
MEMBERS = 5_400_000
CENTRE_WEIGHT = 0.06
FOUNDED_ON = date(1930, 2, 3)
SINCE = date(2025, 7, 1)
CENTRAL = (
    ("TW.CQD", "Đảng bộ các cơ quan Đảng Trung ương"),
    ("TW.QH", "Đảng bộ Quốc hội"),
    ("TW.CP", "Đảng bộ Chính phủ"),
    ("TW.MT", "Đảng bộ Mặt trận Tổ quốc, các đoàn thể Trung ương"),
    ("TW.QD", "Đảng bộ Quân đội"),
    ("TW.CA", "Đảng bộ Công an Trung ương"),
)
DIRECT = (
    ("CQD", "Đảng bộ các cơ quan Đảng", bodies.PROVINCE_PARTY_BODIES),
    ("UB", "Đảng bộ Ủy ban nhân dân", bodies.PROVINCE_GOVERNMENT),
    ("CA", "Đảng bộ Công an", bodies.POLICE),
    ("QS", "Đảng bộ Quân sự", bodies.MILITARY),
)


@dataclass(frozen=True, slots=True)
class Share:
    """What one region has of the country's totals; `in_communes` of its organisations are there."""

    organisations: int
    in_communes: int
    branches: int
    members: int

    @property
    def totals(self) -> Totals:
        closed = self.branches // 150
        return Totals(_committees(self.organisations), self.branches, self.members, closed=closed)


def regions(seed: int, today: date) -> Iterator[Region]:
    """The centre, then each province by its code's order in the list."""
    top = found(
        None, "TW", "Trung ương Đảng", "central", None, FOUNDED_ON, stream(seed, "nation", "top")
    )
    places = provinces(2025)
    centre, *shares = _shares([_communes_of(place) for place in places])
    yield _centre(top, centre, seed, today)
    for place, share in zip(places, shares, strict=True):
        yield _province(top, place, share, seed, today)


def _communes_of(province: Place) -> list[Place]:
    return [place for place in communes(2025) if place.above == province.code]


def _committees(organisations: int) -> int:
    return int(organisations * COMMITTEE_SHARE)


def _shares(within: list[list[Place]]) -> list[Share]:
    """The centre's share and each province's, in proportion to its communes."""
    weights = [len(places) for places in within]
    in_communes = apportion(IN_COMMUNES, weights)
    rest = GRASSROOTS_ORGANISATIONS - IN_COMMUNES - AT_THE_CENTRE
    direct = apportion(rest, [20 + weight for weight in weights])
    organisations = [AT_THE_CENTRE, *map(sum, zip(in_communes, direct, strict=True))]
    fixed = 1 + len(CENTRAL) + len(within) * (1 + len(DIRECT)) + sum(weights)
    parts = [CENTRE_WEIGHT * sum(weights), *weights]
    branches = apportion(UNITS - fixed - GRASSROOTS_ORGANISATIONS, parts)
    heads = [
        number + each - _committees(each)
        for number, each in zip(branches, organisations, strict=True)
    ]
    members = apportion(MEMBERS, heads)
    return [
        Share(*share)
        for share in zip(organisations, [0, *in_communes], branches, members, strict=True)
    ]


def _centre(top: SyntheticUnit, share: Share, seed: int, today: date) -> Region:
    random = stream(seed, "nation", "TW")
    heads = [
        found(top, code, name, "direct", None, founded_on(random, today), random)
        for code, name in CENTRAL
    ]
    organisations: list[Organisation] = []
    for head, count in zip(heads, apportion(share.organisations, [1.0] * len(heads)), strict=True):
        known = bodies.ARMED_FORCES if head.code in ("TW.QD", "TW.CA") else bodies.CENTRAL
        organisations += plan(head, bodies.repeated(known), count, "", "", random)
    units = [top, *heads, *grow(organisations, share.totals, seed, "nation/TW", today)]
    return Region("nation/TW", units, None)


def _province(top: SyntheticUnit, place: Place, share: Share, seed: int, today: date) -> Region:
    name = f"nation/{place.code}"
    random = stream(seed, name, "committees")
    title = f"Đảng bộ {place.spoken}"
    head = found(top, f"T.{place.code}", title, "province", None, SINCE, random)
    direct = [
        found(
            head,
            f"{code}.{place.code}",
            f"{title_of} {place.spoken}",
            "direct",
            None,
            SINCE,
            random,
        )
        for code, title_of, _ in DIRECT
    ]
    local = [_commune(head, commune, random) for commune in _communes_of(place)]
    organisations = _direct_organisations(direct, place, share, random)
    organisations += _local_organisations(local, place, share, random)
    below = grow(organisations, share.totals, seed, name, today)
    return Region(name, [head, *direct, *local, *below], None)


def _commune(province: SyntheticUnit, place: Place, random: Random) -> SyntheticUnit:
    category = bodies.WARD if place.urban else bodies.COMMUNE
    name = f"Đảng bộ {place.spoken}"
    return found(province, f"X25.{place.code}", name, "commune", category, SINCE, random)


def _direct_organisations(
    heads: list[SyntheticUnit], place: Place, share: Share, random: Random
) -> list[Organisation]:
    counts = apportion(share.organisations - share.in_communes, (2, 4, 2, 2))
    organisations: list[Organisation] = []
    for head, count, (*_, patterns) in zip(heads, counts, DIRECT, strict=True):
        every = bodies.repeated(patterns)
        organisations += plan(head, every, count, place.spoken, place.bare, random)
    return organisations


def _local_organisations(
    heads: list[SyntheticUnit], province: Place, share: Share, random: Random
) -> list[Organisation]:
    known = bodies.COMMUNE_SINCE_2025
    weights = [random.uniform(0.8, 1.2) for _ in heads]
    counts = apportion(share.in_communes, weights, least=len(known))
    organisations: list[Organisation] = []
    for head, place, count in zip(heads, _communes_of(province), counts, strict=True):
        organisations += plan(head, known, len(known), place.spoken, place.bare, random)
        organisations += _hamlets(head, place, count - len(known), random)
    return organisations


def _hamlets(
    head: SyntheticUnit, place: Place, count: int, random: Random
) -> Iterator[Organisation]:
    """Organisations of neighbouring hamlets, each of whose branches is one of them."""
    category = bodies.WARD if place.urban else bodies.COMMUNE
    joined, hamlet = ("liên khu phố", "khu phố") if place.urban else ("liên thôn", "thôn")
    for number, pattern in enumerate(islice(bodies.numbered(joined, category, 11), count), 1):
        code = f"{head.code}.L{number:02d}"
        size = pattern.size * random.lognormvariate(0, 0.25)
        yield Organisation(head, code, f"{pattern.name} {place.spoken}", category, size, "", hamlet)
