"""The real administrative units, before and after 1 July 2025, as the package carries them.

Facts of the National Statistics Office (see `data/README.md`). It only reads; what stands here is
a place, never a party organisation.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

TYPES = (
    "Thành phố",
    "Thị xã",
    "Thị trấn",
    "Đặc khu",
    "Tỉnh",
    "Huyện",
    "Quận",
    "Phường",
    "Xã",
)


@dataclass(frozen=True, slots=True)
class Place:
    """A province, district or commune; `above` is the code of the one it lies in, or empty."""

    code: str
    above: str
    name: str

    @property
    def spoken(self) -> str:
        """As it stands inside a sentence: "huyện Quế Phong"."""
        return self.name[0].lower() + self.name[1:]

    @property
    def bare(self) -> str:
        """Without what it is: "Quế Phong"."""
        for kind in TYPES:
            if self.name.lower().startswith(f"{kind.lower()} "):
                return self.name[len(kind) + 1 :]
        return self.name

    @property
    def urban(self) -> bool:
        return self.name.lower().startswith(("phường", "thị trấn"))


@dataclass(frozen=True, slots=True)
class Succession:
    """That a commune of 2025 took over from one of 2024, or from a part of it."""

    new_code: str
    partly: bool


@cache
def provinces(year: int) -> tuple[Place, ...]:
    """The provinces of 2024 (63) or 2025 (34)."""
    return _places(f"{year}-provinces.csv", None)


@cache
def districts() -> tuple[Place, ...]:
    """The districts of 2024; since 1 July 2025 there are none."""
    return _places("2024-districts.csv", "province_code")


@cache
def communes(year: int) -> tuple[Place, ...]:
    """The communes of 2024, in districts, or of 2025, in provinces."""
    return _places(f"{year}-communes.csv", "district_code" if year == 2024 else "province_code")


@cache
def successors() -> dict[str, tuple[Succession, ...]]:
    """Which communes of 2025 took over from each of 2024, by its code, as the table has them."""
    found: dict[str, tuple[Succession, ...]] = {}
    for row in _rows("2024-to-2025.csv"):
        succession = Succession(row["new_code"], row["partly"] == "true")
        found[row["old_code"]] = (*found.get(row["old_code"], ()), succession)
    return found


def _places(file_name: str, above: str | None) -> tuple[Place, ...]:
    rows = _rows(file_name)
    return tuple(Place(row["code"], row[above] if above else "", row["name"]) for row in rows)


def _rows(file_name: str) -> Iterator[dict[str, str]]:
    source = files("server.generation").joinpath("data", file_name)
    return csv.DictReader(source.read_text(encoding="utf-8").splitlines())
