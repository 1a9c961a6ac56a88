"""Loading a data folder: what is stored, what is skipped, and that it is all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.tables import appointment
from hierarchy import projection
from hierarchy.embedded import EmbeddedStore
from hierarchy.errors import BadInput
from hierarchy.inserting import insert_columns
from hierarchy.neo4j import open_store
from hierarchy.tables import change, decision, revision, unit
from records import bulk
from records.content import digest
from records.record import MeetingEntry, MeetingForm, MeetingKind
from records.tables import client_key, evaluation, inspection, loaded_file, meeting
from server.database import Database
from server.folder.appointments import HEADER as APPOINTMENT
from server.folder.decisions import HEADER as DECISION
from server.folder.faults import LoadRefused
from server.folder.records import EVALUATIONS, INSPECTIONS, MEETINGS
from server.folder.units import HEADER as UNIT
from server.loading import Counts, LoadSummary, load
from tests import servers

TODAY = date(2025, 6, 30)
HEADERS = {
    "units.csv": UNIT,
    "decisions.csv": DECISION,
    "appointments.csv": APPOINTMENT,
    **{file.name: file.headers[0] for file in (MEETINGS, EVALUATIONS, INSPECTIONS)},
}
UNITS = """\
G,D,Đảng ủy xã,grassroots,xã,2010-01-01,2025-07-01
P,,"Tỉnh
ủy",province,,2000-01-01,
D,P,Huyện ủy,district,,2001-01-01,2025-07-01
B,G,Chi bộ 1,branch,,2011-01-01,2020-01-01
"""
APPOINTMENTS = (
    "an,leader,P,2020-01-01,\nan,leader,P,2020-01-01,\nbình,secretary,G,2020-01-01,2030-01-01\n"
)
MEETING = 'G,2024-03-01,REGULAR,IN_PERSON,"Chuyên đề, đợt 1",20,18,2024-02-25,true,false,88.5'
MEETING_ROWS = f"{MEETING}\nB,2019-12-31,GROUP,ONLINE,,5,5,,false,true,\n"
EVALUATION_ROWS = "G,2024,GOOD,132-QĐ/TW,true,false,,true,10,1,7,2,0\n"
INSPECTION_ROWS = (
    "G,P,COMMITTEE,INSPECTION,SIGNS,Đất đai,2025-04-01,2025-04-02,,OPEN,3,0,0\n"
    "G,G,BRANCH,SUPERVISION,PROGRAMME,,2025-04-01,,,PLANNED,0,0,0\n"
)
WHOLE = {
    "units.csv": UNITS,
    "appointments.csv": APPOINTMENTS,
    "meetings.csv": MEETING_ROWS,
    "evaluations.csv": EVALUATION_ROWS,
    "inspections.csv": INSPECTION_ROWS,
}
DECISIONS = """\
1-QĐ,Sắp xếp,P,2024-05-01,2024-06-01,1,ESTABLISH,E,P,,Huyện mới,district,
1-QĐ,Sắp xếp,P,2024-05-01,2024-06-01,2,TRANSFER,G,E,,,,
1-QĐ,Sắp xếp,P,2024-05-01,2024-06-01,3,DISSOLVE,D,,,,,
2-QĐ,Thành lập,E,2025-06-01,2025-09-01,1,SPLIT,H,,G,Đảng ủy xã mới,,xã
"""
DECIDED = {
    "units.csv": UNITS.replace("2025-07-01", "") + "C,H,Chi bộ C,branch,,2011-01-01,\n",
    "decisions.csv": DECISIONS,
    "appointments.csv": "an,secretary,H,2025-01-01,\nan,leader,D,2020-01-01,\n",
    "meetings.csv": MEETING_ROWS,
    "inspections.csv": "".join(
        f"G,{by},COMMITTEE,INSPECTION,SIGNS,,,{day},,OPEN,3,0,0\n"
        for by, day in (("D", "2024-05-31"), ("E", "2024-06-01"), ("P", "2024-06-01"))
    ),
}
TABLES = (
    unit,
    decision,
    change,
    appointment,
    meeting,
    evaluation,
    inspection,
    client_key,
    loaded_file,
)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, fresh_database: Callable[[Any], str]
) -> AsyncIterator[Database]:
    database = Database(fresh_database(request.param))
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "data", WHOLE)


def write(folder: Path, files: dict[str, str], keyed: bool = False) -> Path:
    """A folder with these rows under the headers of the files."""
    folder.mkdir(exist_ok=True)
    for name, rows in files.items():
        header = (*HEADERS[name], "client_key") if keyed else HEADERS[name]
        (folder / name).write_text(f"{','.join(header)}\n{rows}", encoding="utf-8")
    return folder


async def counted(database: Database) -> dict[str, int]:
    """How many rows there are in each table, of those that have any."""
    async with database.reading() as connection:
        counts = {
            table.name: await connection.scalar(select(func.count()).select_from(table))
            for table in TABLES
        }
    return {name: count for name, count in counts.items() if count}


async def refused(database: Database, folder: Path, again: bool = False) -> list[str]:
    """The faults of a folder; the store is as before."""
    before = await counted(database)
    with pytest.raises(LoadRefused) as caught:
        await load(database, None, folder, TODAY, again)
    assert await counted(database) == before
    return [str(fault) for fault in caught.value.faults]


async def test_a_whole_folder_is_stored(database: Database, folder: Path) -> None:
    """Every field as it stands in the files, by the types of the tables."""
    summary = await load(database, None, folder, TODAY)
    assert summary == LoadSummary(
        {
            "units.csv": Counts(4, 0),
            "appointments.csv": Counts(2, 1),
            "meetings.csv": Counts(2, 0),
            "evaluations.csv": Counts(1, 0),
            "inspections.csv": Counts(2, 0),
        }
    )
    async with database.reading() as connection:
        ids = {row.code: row.id for row in await read(connection, unit, unit.c.id)}
        first, second = await read(connection, meeting, meeting.c.held_on.desc())
        assert first[1:4] + first[5:] == (
            ids["G"],
            None,
            1,
            date(2024, 3, 1),
            MeetingKind.REGULAR,
            MeetingForm.IN_PERSON,
            "Chuyên đề, đợt 1",
            20,
            18,
            date(2024, 2, 25),
            True,
            False,
            88.5,
        )
        assert second[1] == ids["B"] and second.topic is None and second.score is None
        [rated] = await read(connection, evaluation, evaluation.c.id)
        assert (rated.day, rated.cadres_members, rated.unity_discipline, rated.members_good) == (
            date(2024, 12, 31),
            True,
            None,
            7,
        )
        _, opened = await read(connection, inspection, inspection.c.day)
        assert (opened.by_unit_id, opened.day, opened.theme) == (
            ids["P"],
            date(2025, 4, 2),
            "Đất đai",
        )


async def read(connection: AsyncConnection, table: Any, order: Any) -> list[Any]:
    return list((await connection.execute(select(table).order_by(order))).all())


async def test_appointments_change_the_policy(database: Database, folder: Path) -> None:
    """Only new ones: whoever keeps rights in memory must read them anew."""

    async def policy_version() -> Any:
        async with database.reading() as connection:
            return await connection.scalar(select(revision.c.policy_version))

    versions = [await policy_version()]
    for _ in range(2):
        await load(database, None, folder, TODAY)
        versions.append(await policy_version())
        for file in (MEETINGS, EVALUATIONS, INSPECTIONS):
            (folder / file.name).unlink(missing_ok=True)
    assert versions == [1, 2, 2]


async def test_units_and_appointments_that_are_there_are_skipped(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    await load(database, None, folder, TODAY)
    more = UNITS + "B2,G,Chi bộ 2,branch,,2011-01-01,2025-07-01\n"
    other = write(tmp_path / "other", {"units.csv": more, "appointments.csv": APPOINTMENTS})
    assert (await load(database, None, other, TODAY)).files == {
        "units.csv": Counts(1, 4),
        "appointments.csv": Counts(0, 3),
    }
    write(other, {"units.csv": UNITS.replace("Chi bộ 1", "Chi bộ một")})
    [fault] = await refused(database, other)
    assert fault == "units.csv:6: unit 'B' is already there and says otherwise"


async def test_files_name_units_of_the_store(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    """A folder needs no units of its own on a store that has some."""
    records = write(tmp_path / "records", {"meetings.csv": MEETING_ROWS})
    assert await refused(database, records) == [
        "units.csv:1: no units, and the store has none",
        "meetings.csv:2: unknown unit 'G'",
        "meetings.csv:3: unknown unit 'B'",
    ]
    await load(database, None, write(tmp_path / "units", {"units.csv": UNITS}), TODAY)
    assert (await load(database, None, records, TODAY)).files == {"meetings.csv": Counts(2, 0)}


async def test_the_same_bytes_are_loaded_again_only_when_asked(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    await load(database, None, folder, TODAY)
    records = write(tmp_path / "records", {"meetings.csv": MEETING_ROWS})
    [fault] = await refused(database, records)
    assert fault.startswith("meetings.csv:1: these very bytes were loaded before")
    for _ in range(2):
        await load(database, None, records, TODAY, again=True)
    assert (await counted(database))["meeting"] == 6


async def test_an_evaluation_is_one_a_unit_and_year(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    """Of the folder and of the store; `--again` changes nothing about it."""
    twice = write(tmp_path / "twice", WHOLE | {"evaluations.csv": EVALUATION_ROWS * 2})
    assert await refused(database, twice) == [
        "evaluations.csv:3: a second evaluation of unit 'G' for 2024"
    ]
    await load(database, None, folder, TODAY)
    (folder / "meetings.csv").unlink()
    (folder / "inspections.csv").unlink()
    assert await refused(database, folder, again=True) == [
        "evaluations.csv:2: a second evaluation of unit 'G' for 2024"
    ]


async def test_rows_with_a_key_are_loaded_once(database: Database, tmp_path: Path) -> None:
    """The same key is skipped where it says the same; a row without one is loaded each time."""
    units = write(tmp_path / "units", {"units.csv": UNITS})
    await load(database, None, units, TODAY)
    data = write(tmp_path / "data", {"meetings.csv": f"{MEETING},a\n{MEETING},b\n"}, keyed=True)
    write(data, {"evaluations.csv": EVALUATION_ROWS.replace("\n", ",c\n")}, keyed=True)
    for new, skipped in ((2, 0), (0, 2)):
        loaded = (await load(database, None, data, TODAY)).files
        assert loaded["meetings.csv"] == Counts(new, skipped)
    write(data, {"meetings.csv": f"{MEETING},d\n{MEETING},b\n{MEETING},\n"}, keyed=True)
    assert (await load(database, None, data, TODAY)).files == {
        "meetings.csv": Counts(2, 1),
        "evaluations.csv": Counts(0, 1),
    }
    assert (await counted(database))["client_key"] == 4
    write(data, {"meetings.csv": f"{MEETING},e\n{MEETING}0,b\n{MEETING[:-2]}9,a\n"}, keyed=True)
    assert await refused(database, data) == [
        "meetings.csv:4: client_key: loaded before, and then it said otherwise"
    ]


async def test_a_key_remembers_what_a_mutation_would_say(
    database: Database, tmp_path: Path
) -> None:
    data = write(tmp_path / "data", {"units.csv": UNITS})
    write(data, {"meetings.csv": f"{MEETING},a\n"}, keyed=True)
    await load(database, None, data, TODAY)
    entry = MeetingEntry(
        date(2024, 3, 1), MeetingKind.REGULAR, MeetingForm.IN_PERSON, "Chuyên đề, đợt 1",
        20, 18, date(2024, 2, 25), True, False, 88.5,
    )  # fmt: skip
    async with database.reading() as connection:
        contents = await bulk.stored_contents(connection, "cli", ["a", "A"])
        [stored] = await read(connection, client_key, client_key.c.key)
        [record] = await read(connection, meeting, meeting.c.id)
    assert contents == {"a": digest("meeting", "G", None, entry)}
    assert (stored.principal, stored.resource, stored.record_id) == ("cli", "meeting", record.id)


async def test_all_faults_of_all_files_are_told_at_once(database: Database, tmp_path: Path) -> None:
    """In the order of files and lines, and nothing is stored."""
    data = write(
        tmp_path / "data",
        {
            "units.csv": UNITS,
            "appointments.csv": "an,leader,P,2020-01-01,\n,boss,Q,2020-01-01,2020-01-01\n",
            "meetings.csv": 'G,2024-03-01,REGULAR,IN_PERSON,"a\nb",5,6,,true,false,\n'
            "g,2024-03-01,REGULAR,IN_PERSON,,5,5,,true,false,\n"
            "B,2020-01-01,REGULAR,IN_PERSON,,5,5,,true,false,\n"
            "G,2025-07-01,REGULAR,IN_PERSON,,5,5,,yes,false,\n"
            "G,2025-07-01,REGULAR,IN_PERSON,,5,-5,,true,,NaN\n",
            "inspections.csv": "D,G,BRANCH,INSPECTION,SIGNS,,2025-04-02,,,PLANNED,0,0,0\n",
        },
    )
    assert [fault.split(": ")[0] for fault in await refused(database, data)] == [
        "appointments.csv:3",
        "meetings.csv:2",
        "meetings.csv:4",
        "meetings.csv:5",
        "meetings.csv:6",
        "meetings.csv:7",
        "meetings.csv:7",
        "inspections.csv:2",
        "inspections.csv:2",
    ]
    assert await counted(database) == {}


async def test_decisions_are_stored_with_their_units(database: Database, tmp_path: Path) -> None:
    """Rows are counted; appointments and records name units that decisions establish, appointments
    also ahead; who inspects is asked of its day. All again: skipped."""
    data = write(tmp_path / "data", DECIDED)
    assert (await load(database, None, data, TODAY)).files["decisions.csv"] == Counts(4, 0)
    stored = await counted(database)
    assert [stored[name] for name in ("unit", "decision", "change", "appointment")] == [7, 2, 4, 2]
    async with database.reading() as connection:
        store = EmbeddedStore(connection)
        assert await projection.differences(connection, store) == []
        assert await store.ancestors("G", date(2024, 5, 31)) == ["P", "D", "G"]
        assert await store.ancestors("G", date(2024, 6, 1)) == ["P", "E", "G"]
        assert await store.ancestors("C", date(2025, 9, 1)) == ["P", "E", "H", "C"]
    for name in ("meetings.csv", "inspections.csv"):
        (data / name).unlink()
    assert (await load(database, None, data, TODAY)).files == {
        "units.csv": Counts(0, 5),
        "decisions.csv": Counts(0, 4),
        "appointments.csv": Counts(0, 2),
    }
    assert await counted(database) == stored


async def test_an_inspecting_unit_stands_above_on_the_day(
    database: Database, tmp_path: Path
) -> None:
    """D until the day of the decision, E from then on."""
    moved = DECIDED["inspections.csv"].replace("2024-06-01", "2024-05-30")
    moved = moved.replace("2024-05-31", "2024-06-01")
    data = write(tmp_path / "data", DECIDED | {"inspections.csv": moved})
    assert [fault.split(" is ")[0] for fault in await refused(database, data)] == [
        "inspections.csv:2: by_unit_code: 'D'",
        "inspections.csv:3: by_unit_code: 'E'",
    ]


async def test_more_is_decided_of_a_store_that_has_decisions(
    database: Database, tmp_path: Path
) -> None:
    """Of its units too, on its days; what is there otherwise, and a number used, are refused."""
    await load(database, None, write(tmp_path / "data", DECIDED), TODAY)
    row = "3-QĐ,Giải thể,H,2025-06-01,{day},1,TRANSFER,G,{to},,,,\n"
    more = write(tmp_path / "more", {"decisions.csv": row.format(day="2024-07-01", to="H")})
    assert await refused(database, more) == [
        "decisions.csv:2: H does not stand yet on that day.",
    ]
    write(more, {"decisions.csv": row.format(day="2025-10-01", to="D")})
    assert await refused(database, more) == ["decisions.csv:2: D is closed on that day."]
    write(more, {"decisions.csv": DECISIONS.replace("Sắp xếp", "Xếp lại")})
    assert await refused(database, more) == [
        "decisions.csv:2: decision '1-QĐ' is already there and says otherwise"
    ]
    write(more, {"decisions.csv": DECISIONS + row.format(day="2025-10-01", to="P")})
    assert (await load(database, None, more, TODAY)).files == {"decisions.csv": Counts(1, 4)}
    write(more, {"units.csv": "X,E,Đảng ủy xã X,grassroots,xã,2010-01-01,\n"})
    assert (await load(database, None, more, TODAY)).files == {
        "units.csv": Counts(1, 0),
        "decisions.csv": Counts(0, 5),
    }
    async with database.reading() as connection:
        assert await projection.differences(connection, EmbeddedStore(connection)) == []


async def test_a_decision_that_was_reversed_is_not_loaded_again(
    database: Database, tmp_path: Path
) -> None:
    """Its number and codes stay used, and its units are unknown."""
    data = write(tmp_path / "data", {"units.csv": UNITS, "decisions.csv": ""})
    write(data, {"decisions.csv": "1,Tên,P,2024-05-01,2024-06-01,1,ESTABLISH,E,P,,E,district,\n"})
    await load(database, None, data, TODAY)
    async with database.writing() as connection:
        store = EmbeddedStore(connection)
        kinds = await projection.read_kinds(connection)
        await store.reverse("1", "nhầm", datetime(2025, 1, 1, tzinfo=UTC), kinds)
    assert await refused(database, data) == [
        "decisions.csv:2: decision '1' was reversed: its number stays used"
    ]
    (data / "decisions.csv").unlink()
    write(data, {"appointments.csv": "an,leader,E,2025-01-01,\n"})
    assert await refused(database, data) == ["appointments.csv:2: unknown unit 'E'"]


@pytest.mark.parametrize("name", ["meeting.csv", "Units.CSV", "decision.csv"])
async def test_no_other_csv_is_left_out_in_silence(
    database: Database, folder: Path, name: str
) -> None:
    (folder / name).touch()
    (folder / "README.md").touch()
    (folder / "._units.csv").touch()
    [fault] = await refused(database, folder)
    assert fault.startswith(f"{name}:1: not a file of a data folder")


async def test_a_folder_must_be_there_and_hold_something(
    database: Database, tmp_path: Path
) -> None:
    for folder, told in ((tmp_path / "none", "no such folder"), (tmp_path, "none of units.csv")):
        with pytest.raises(BadInput, match=told):
            await load(database, None, folder, TODAY)


async def test_progress_goes_to_the_end_of_each_file(database: Database, folder: Path) -> None:
    told: dict[str, tuple[int, int]] = {}
    await load(
        database, None, folder, TODAY, progress=lambda name, done, total: told.update(
            {name: (done, total)}
        )
    )  # fmt: skip
    assert told.keys() == WHOLE.keys()
    assert all(done == total for done, total in told.values())


async def test_two_loads_at_once_store_a_folder_once(database: Database, folder: Path) -> None:
    """The second finds what the first stored, and refuses the bytes."""
    other = Database(database.url)
    ways = await asyncio.gather(
        *(load(each, None, folder, TODAY) for each in (database, other)), return_exceptions=True
    )
    await other.close()
    assert sorted(type(way).__name__ for way in ways) == ["LoadRefused", "LoadSummary"]
    assert (await counted(database))["meeting"] == 2
    async with database.reading() as connection:
        assert await projection.differences(connection, EmbeddedStore(connection)) == []


async def test_two_loads_at_once_of_different_folders_both_go_well(
    database: Database, tmp_path: Path
) -> None:
    """Each sees the other's units when it stores."""
    await load(database, None, write(tmp_path / "units", {"units.csv": UNITS}), TODAY)
    folders = [
        write(
            tmp_path / code,
            {
                "units.csv": UNITS + f"{code},G,Chi bộ,branch,,2011-01-01,2025-07-01\n",
                "meetings.csv": MEETING_ROWS.replace("B,", f"{code},"),
            },
        )
        for code in ("X", "Y")
    ]
    other = Database(database.url)
    await asyncio.gather(
        *(
            load(each, None, folder, TODAY)
            for each, folder in zip((database, other), folders, strict=True)
        )
    )
    await other.close()
    assert (await counted(database))["unit"] == 6
    assert (await counted(database))["meeting"] == 4


async def test_ids_and_the_moment_are_those_of_one_load(database: Database, folder: Path) -> None:
    """Ids are of version 7, in the order of the rows; all records have one moment."""
    await load(database, None, folder, TODAY)
    async with database.reading() as connection:
        stored = await read(connection, meeting, meeting.c.id)
        rated = await read(connection, evaluation, evaluation.c.id)
    assert [row.held_on for row in stored] == [date(2024, 3, 1), date(2019, 12, 31)]
    assert {row.id.version for row in stored} == {7}
    assert len({row.recorded_at for row in (*stored, *rated)}) == 1


async def test_a_load_leaves_indexes_and_references_as_they_were(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    """Also one that was refused by the database half way."""

    def structure(connection: Connection) -> list[Any]:
        seen = inspect(connection)
        return [
            (
                sorted(map(str, seen.get_indexes(name))),
                sorted(map(str, seen.get_foreign_keys(name))),
            )
            for name in bulk.TABLES
        ]

    async def structure_now() -> list[Any]:
        async with database.reading() as connection:
            return await connection.run_sync(structure)

    before = await structure_now()
    with pytest.raises(ZeroDivisionError):
        async with database.writing() as connection, bulk.filling(connection, "meeting"):
            raise ZeroDivisionError
    assert await structure_now() == before
    await load(database, None, folder, TODAY)
    assert await structure_now() == before


async def test_what_bulk_stored_is_gone_when_the_transaction_is(database: Database) -> None:
    """COPY is part of the caller's transaction, even where it is the first statement."""
    columns = {"digest": ["a"], "name": ["b"], "loaded_at": [datetime(2025, 1, 1, tzinfo=UTC)]}
    with pytest.raises(ZeroDivisionError):
        async with database.writing() as connection:
            await insert_columns(connection, loaded_file, columns)
            raise ZeroDivisionError
    assert await counted(database) == {}


async def test_a_load_that_was_cut_off_is_completed_by_running_it_again(
    database: Database, folder: Path, empty_neo4j: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree is in the graph, nothing else is anywhere; the next load finds it there."""
    server = empty_neo4j
    renamed = "1-QĐ,Đổi tên,P,2024-05-01,2024-06-01,1,RENAME,G,,,Đảng ủy xã G,,\n"
    write(folder, {"decisions.csv": renamed})
    async with open_store(server.uri, server.user, server.password) as graph:
        with monkeypatch.context() as patched:
            patched.setattr(bulk, "store_all", _killed)
            with pytest.raises(KeyboardInterrupt):
                await load(database, graph, folder, TODAY)
        assert await graph.version() == 1
        assert await counted(database) == {}
        summary = await load(database, graph, folder, TODAY)
        assert summary.files["units.csv"] == Counts(0, 4)
        assert summary.files["decisions.csv"] == Counts(0, 1)
        assert summary.files["meetings.csv"] == Counts(2, 0)
        async with database.reading() as connection:
            assert await projection.differences(connection, graph) == []
            assert await connection.scalar(text("SELECT count(*) FROM ledger")) == 0


async def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


async def test_nothing_reaches_the_graph_from_a_folder_that_is_refused(
    database: Database, folder: Path, empty_neo4j: servers.Server
) -> None:
    server = empty_neo4j
    write(folder, {"inspections.csv": INSPECTION_ROWS.replace("PLANNED", "CONCLUDED")})
    async with open_store(server.uri, server.user, server.password) as graph:
        with pytest.raises(LoadRefused):
            await load(database, graph, folder, TODAY)
        assert await graph.version() == 0
