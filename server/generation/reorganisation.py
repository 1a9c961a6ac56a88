"""What 1 July 2025 did to the committees of a province, as changes of one decision.

Districts ended, communes of a new kind came directly under the province, and the old ones went
into them by the Statistics Office's table of conversion: merged where they went as a whole,
split where they were divided. An old commune without a row in that table ends with its district.
It works on a draft of any province whose communes are called `X.<code>` and whose districts
`H.<code>`; which province it is and what else happened there is for a shape to say.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from random import Random

from server.generation import organisations as bodies
from server.generation.draft import Draft
from server.generation.places import Place, communes, districts, provinces, successors

SINCE = date(2025, 7, 1)
EVE = SINCE - timedelta(days=1)
ISSUED_ON = date(2025, 6, 27)
KINDS_SINCE = {"branch": "grassroots_branch", "section": "grassroots"}
"""What stood under a commune's committee is now directly under one of a higher kind."""


def renew_communes(draft: Draft, province: Place, random: Random) -> None:
    """The communes of 2025 are established and take over from those of 2024; everything that
    stands directly under a new one is then of a kind that may."""
    new = [place for place in communes(2025) if place.above == province.code]
    for place in new:
        category = bodies.WARD if place.urban else bodies.COMMUNE
        name = f"Đảng bộ {place.spoken}"
        draft.establish(f"X25.{place.code}", f"T.{province.code}", name, "commune", category)
    for code in _old_communes(draft):
        _hand_over(draft, code, random)
    for place in new:
        for code in draft.below(f"X25.{place.code}"):
            if kind := KINDS_SINCE.get(draft.unit(code).kind):
                draft.reclassify(code, kind)


def settle_bodies(draft: Draft, random: Random) -> None:
    """What is left under a district that is no commune goes to one of the communes there."""
    for district in draft.of_kind("district"):
        heirs = communes_of_district(district.removeprefix("H."))
        for code in draft.below(district):
            draft.transfer(code, f"X25.{random.choice(heirs)}")


def end_districts(draft: Draft) -> None:
    for code in draft.of_kind("district"):
        draft.dissolve(code)


def communes_of_district(code: str) -> list[str]:
    """The codes of the communes of 2025 that took over from those of a district, in order."""
    old = [place.code for place in communes(2024) if place.above == code]
    return sorted({each.new_code for one in old for each in successors().get(one, ())}, key=int)


def predecessors(province: str) -> list[Place]:
    """The provinces of 2024 that make up one of 2025, the one whose code it keeps first."""
    above = _province_of_2025()
    return sorted(
        (place for place in provinces(2024) if above[place.code] == province),
        key=lambda place: place.code != province,
    )


def remarks() -> Iterator[str]:
    """What does not go by the table of conversion, one place a line."""
    names = {place.code: place for place in (*communes(2024), *districts())}
    old = {place.code: place for place in communes(2024)}
    for place in old.values():
        if place.code not in successors():
            where = names[place.above].name
            yield f"X.{place.code} {place.name} ({where}): in no row, dissolved with its district"
    for code, rows in successors().items():
        if code not in old:
            into = ", ".join(f"X25.{row.new_code}" for row in rows)
            yield f"X.{code} (to {into}): not in the list of 2024, left out"
    taken_over = {row.new_code for code, rows in successors().items() for row in rows}
    for place in communes(2025):
        if place.code not in taken_over:
            yield f"X25.{place.code} {place.name}: in no row, established with nothing under it"


def _old_communes(draft: Draft) -> list[str]:
    return [code for code in draft.of_kind("grassroots") if _place_code(code) in _old_codes()]


def _hand_over(draft: Draft, code: str, random: Random) -> None:
    rows = successors().get(_place_code(code), ())
    parts = [f"X25.{row.new_code}" for row in rows]
    if not rows:
        _end(draft, code)
    elif rows[0].partly:
        _divide(draft, code, parts, random)
    else:
        draft.merge(code, parts[0])


def _divide(draft: Draft, code: str, parts: list[str], random: Random) -> None:
    """Each part has a stretch of what stands there; where that is less than the parts, some none.

    The lines stand as a split's do in the ledger: parts, then what each one takes.
    """
    lower = draft.below(code)
    order = random.sample(parts, len(parts))
    taken = {each: order[at * len(parts) // len(lower)] for at, each in enumerate(lower)}
    for part in parts:
        draft.split(code, part)
    for part in parts:
        for each in lower:
            if taken[each] == part:
                draft.transfer(each, part)
    draft.dissolve(code)


def _end(draft: Draft, code: str) -> None:
    """Dissolves a unit after all that is open below it."""
    for lower in draft.below(code):
        _end(draft, lower)
    draft.dissolve(code)


def _place_code(code: str) -> str:
    return code.removeprefix("X.")


@cache
def _old_codes() -> frozenset[str]:
    return frozenset(place.code for place in communes(2024))


@cache
def _province_of_2025() -> dict[str, str]:
    """The code of the province of 2025 that each of 2024 became part of."""
    district = {place.code: place.above for place in districts()}
    old = {place.code: district[place.above] for place in communes(2024)}
    new = {place.code: place.above for place in communes(2025)}
    known = ((code, rows) for code, rows in successors().items() if code in old)
    return {old[code]: new[rows[0].new_code] for code, rows in known}
