"""The real reorganisation: the folder against the tables, and Nghệ An's part in both stores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.generation import country, generate, write
from tests import province, servers
from tests.country import SEED, TODAY, examine, settings_with_graph
from tests.published import DAY, EVE, Published, Replay, differences, rows

PROVINCE = "40"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The whole country without records, and what the generator told of it."""
    folder = tmp_path_factory.mktemp("country")
    return folder, generate(folder, country.NAME, 0, SEED, TODAY)


@pytest.fixture(scope="module")
def whole(generated: tuple[Path, list[str]]) -> Path:
    return generated[0]


@pytest.fixture(scope="module")
def nghe_an(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nghệ An's part with the records of two years."""
    folder = tmp_path_factory.mktemp("nghe-an")
    write(folder, country.parts(1, SEED, TODAY, only=(PROVINCE,)), SEED)
    return folder


def test_the_published_counts() -> None:
    """63 provinces, 696 districts and 10,051 communes; 34 and 3,321 since; 28 and 5 apart."""
    published = Published.read()
    before, after = published.counts()[EVE], published.counts()[DAY]
    assert (before["province"], before["district"], before["grassroots"]) == (63, 696, 10_051)
    assert (after["province"], after["commune"]) == (34, 3_321)
    assert len(published.without_successor()) == 28
    assert len(published.without_predecessor()) == 5
    merged = {old for old, new in published.province_after().items() if old != new}
    assert len(merged) == 29


def test_the_country_becomes_what_the_tables_say(whole: Path) -> None:
    """Every row of the conversion; what it does not cover ends with its district."""
    published, replay = Published.read(), Replay(whole)
    assert list(differences(published, replay)) == []
    for code in published.without_successor():
        assert replay.after.above[f"X.{code}"] == f"H.{published.communes[code]}"
        assert not replay.successors[f"X.{code}"]
    for code in published.without_predecessor():
        assert f"X25.{code}" not in replay.after.above.values()


def test_what_the_table_does_not_cover_is_told(generated: tuple[Path, list[str]]) -> None:
    """One by one: 28 old communes, 10 codes that are no commune of 2024, and 5 islands."""
    folder, told = generated
    published = Published.read()
    assert {path.stem for path in folder.iterdir()} == {"units", "appointments", "decisions"}
    named = {line.split()[0] for line in told}
    assert len(named) == len(told) == 28 + 10 + 5
    assert {f"X.{code}" for code in published.without_successor()} <= named
    assert {f"X25.{code}" for code in published.without_predecessor()} <= named


def test_a_decision_a_province(whole: Path) -> None:
    """34 decisions of the centre; 29 provinces are merged by the one of their successor."""
    decisions = rows(whole / "decisions.csv")
    assert len({row["number"] for row in decisions}) == 34
    assert {row["issued_by"] for row in decisions} == {"TW"}
    merged = [row for row in decisions if row["change"] == "MERGE" and row["unit_code"][0] == "T"]
    assert len(merged) == 29
    by_number = {(row["number"], row["to_code"]) for row in decisions if row["name"]}
    assert all((row["number"], row["to_code"]) in by_number for row in merged)


@pytest.mark.parametrize("change", ["MERGE", "SPLIT", "ESTABLISH", "DISSOLVE"])
def test_a_change_that_is_left_out_is_found(nghe_an: Path, tmp_path: Path, change: str) -> None:
    """The check is not blind: one row less, and it speaks or the replay stops."""
    lines = (nghe_an / "decisions.csv").read_text("utf-8").splitlines(keepends=True)
    last = max(at for at, line in enumerate(lines) if f",{change}," in line)
    (tmp_path / "decisions.csv").write_text("".join(lines[:last] + lines[last + 1 :]), "utf-8")
    (tmp_path / "units.csv").write_bytes((nghe_an / "units.csv").read_bytes())
    try:
        found = list(differences(Published.read().only(PROVINCE), Replay(tmp_path)))
    except AssertionError:
        return
    assert found


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_nghe_an_is_what_the_tables_say_in_a_store(
    engine: str,
    nghe_an: Path,
    tmp_path: Path,
    fresh_database: Callable[[Any], str],
    request: pytest.FixtureRequest,
) -> None:
    """20 districts and 412 communes, then 130 communes; every successor, every place, and the
    figures of 2024 in both structures: on the embedded tree, and on PostgreSQL with Neo4j."""
    url = fresh_database(engine)
    if engine == "postgresql":
        server: servers.Server = request.getfixturevalue("empty_neo4j")
        settings = settings_with_graph(tmp_path, url, server)
    else:
        settings = province.settings_of(tmp_path, url, CHIBO_TODAY=TODAY)
    assert await examine(settings, nghe_an, Published.read().only(PROVINCE)) == []
