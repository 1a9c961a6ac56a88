"""The contract of the hierarchy store: one suite, every engine, a real database under each."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hierarchy.errors import Conflict
from hierarchy.store import Entry
from hierarchy.unit import Founding
from tests.hierarchy.engines import Engine
from tests.hierarchy.trees import KINDS, ODD_CODES, Oracle, day, founding, trees

ROOT = founding("A")
CHILD = founding("B", "A", "level1")
GRANDCHILD = founding("C", "B", "level2")


async def found(engine: Engine, *foundings: Founding) -> int:
    async with engine.open() as store:
        return await store.extend(foundings, (), KINDS)


async def version(engine: Engine) -> int:
    async with engine.open() as store:
        return await store.version()


async def entries(engine: Engine, after: int = 0) -> list[Entry]:
    async with engine.open() as store:
        return [entry async for entry in store.entries(after)]


def units(entries: Sequence[Entry]) -> list[Founding]:
    """What a ledger without decisions holds."""
    lines = [entry.line for entry in entries]
    founded = [line for line in lines if isinstance(line, Founding)]
    assert founded == lines
    return founded


async def refused(engine: Engine, *foundings: Founding) -> str:
    """The message of the conflict; nothing is stored beside it."""
    before = await entries(engine)
    with pytest.raises(Conflict) as conflict:
        await found(engine, *foundings)
    assert await entries(engine) == before
    assert await version(engine) == (before[-1].version if before else 0)
    return str(conflict.value)


async def test_an_empty_store(engine: Engine) -> None:
    """Version 0, no entries, and nothing stands on any day."""
    async with engine.open() as store:
        assert await store.version() == 0
        assert [entry async for entry in store.entries()] == []
        assert await store.parent("A", day(0)) is None
        assert await store.ancestors("A", day(0)) == []
        assert await store.subtree("A", day(0)) == []


async def test_founding_nothing_writes_nothing(engine: Engine) -> None:
    assert await found(engine) == 0


@pytest.mark.parametrize("order", list(permutations([ROOT, CHILD, GRANDCHILD])))
async def test_units_may_be_founded_in_any_order(
    engine: Engine, order: tuple[Founding, ...]
) -> None:
    """The ledger has parents before children whatever the order given."""
    assert await found(engine, *order) == 1
    assert await entries(engine) == [
        Entry(1, 0, ROOT),
        Entry(1, 1, CHILD),
        Entry(1, 2, GRANDCHILD),
    ]


async def test_the_ledger_is_ordered_by_level_and_then_bytewise_by_code(engine: Engine) -> None:
    codes = [code for code in ODD_CODES if code != "A"]
    await found(engine, *[founding(code, "A", "level1") for code in codes], ROOT)
    expected = ["A", *sorted(codes, key=lambda code: code.encode())]
    assert [unit.code for unit in units(await entries(engine))] == expected


async def test_a_repeat_writes_nothing_and_keeps_the_version(engine: Engine) -> None:
    await found(engine, ROOT, CHILD)
    before = await entries(engine)
    assert await found(engine, CHILD, ROOT) == 1
    assert await entries(engine) == before


async def test_what_is_there_is_skipped_beside_what_is_new(engine: Engine) -> None:
    await found(engine, ROOT, CHILD)
    assert await found(engine, GRANDCHILD, CHILD, ROOT) == 2
    assert await entries(engine, after=1) == [Entry(2, 0, GRANDCHILD)]


async def test_entries_after_a_version(engine: Engine) -> None:
    """Strictly after; those of the last version or a later one are none."""
    for one in (ROOT, CHILD, GRANDCHILD):
        await found(engine, one)
    everything = await entries(engine)
    assert [entry.version for entry in everything] == [1, 2, 3]
    for after in range(5):
        assert await entries(engine, after) == everything[after:]


async def test_every_field_comes_back_as_it_was_given(engine: Engine) -> None:
    """Nulls stay null; texts keep their composition, spaces and quotes; days are plain dates."""
    full = Founding("B", "A", "Đảng bộ ' \" \\ {x} 🌳 ê e\u0302 ", "level1", "", day(3), day(9))
    await found(engine, ROOT, full)
    stored = units(await entries(engine))
    assert stored == [ROOT, full]
    assert [type(unit.established_on) for unit in stored] == [type(day(0))] * 2
    assert await found(engine, full) == 1


@pytest.mark.parametrize(
    "other",
    [
        founding("B", "A", "level1", name="another name"),
        founding("B", "A", "level2"),
        founding("B", "C", "level1"),
        founding("B", "A", "level1", established=1),
        founding("B", "A", "level1", closed=9),
        founding("B"),
    ],
)
async def test_a_repeat_that_says_otherwise_is_a_conflict(engine: Engine, other: Founding) -> None:
    """The new unit given beside it is not stored either."""
    await found(engine, ROOT, CHILD)
    assert "'B': unit 'B' is already there" in await refused(
        engine, other, founding("D", "A", "level1")
    )


@pytest.mark.parametrize(
    ("fault", "foundings"),
    [
        ("unknown parent 'X'", [founding("B", "X", "level1")]),
        ("a second root", [founding("Z")]),
        ("a cycle through", [founding("P", "Q", "level1"), founding("Q", "P", "level2")]),
        ("a cycle through 'P'", [founding("P", "P", "level1")]),
        ("a level1 may not stand under a level1", [founding("D", "B", "level1")]),
        ("unknown kind 'village'", [founding("D", "A", "village")]),
        ("outlives the unit above it", [founding("D", "shut", "level2")]),
        ("outlives the unit above it", [founding("D", "shut", "level2", closed=21)]),
        ("closed before or on the day", [founding("D", "A", "level1", 5, 5)]),
        ("closed before it would stand", [founding("D", "late", "level2", 0, 10)]),
        ("code 'D' a second time", [founding("D", "A", "level1"), founding("D", "A", "level1")]),
        ("a unit needs a code", [founding("", "A", "level1")]),
        ("a unit needs a name", [founding("D", "A", "level1", name="")]),
        ("at most 64 characters", [founding("D" * 65, "A", "level1")]),
        ("no control character", [founding("D\n", "A", "level1")]),
        ("no control character", [founding("D\0", "A", "level1")]),
        ("a code holds half a character", [founding("D\ud83c", "A", "level1")]),
        ("the name holds a NUL", [founding("D", "A", "level1", name="a\0b")]),
        ("the name holds half a character", [founding("D", "A", "level1", name="\udf33")]),
        ("unknown parent 'B\\x00'", [founding("D", "B\0", "level2")]),
        ("unknown parent '\\ud83c'", [founding("D", "\ud83c", "level2")]),
    ],
)
async def test_what_may_not_be_founded(
    engine: Engine, fault: str, foundings: Sequence[Founding]
) -> None:
    """Beside a root with an open, a closing and a late child: a conflict, and nothing stored."""
    await found(
        engine,
        ROOT,
        CHILD,
        founding("shut", "A", "level1", closed=20),
        founding("late", "A", "level1", established=10),
    )
    assert fault in await refused(engine, founding("E", "A", "level1"), *foundings)


async def test_a_conflict_names_every_fault(engine: Engine) -> None:
    """Codes are quoted as they are, braces too."""
    message = await refused(
        engine, ROOT, founding("{x}", "nowhere"), founding("Z"), founding("Y", "A", "village")
    )
    assert "'{x}': unknown parent 'nowhere'" in message
    assert "'Z': a second root" in message
    assert "'Y': unknown kind 'village'" in message


async def test_a_tree_needs_a_root_first(engine: Engine) -> None:
    assert "unknown parent 'A'" in await refused(engine, CHILD)


async def test_a_unit_stands_from_its_own_day_or_its_parents(engine: Engine) -> None:
    """Whichever is later; on the days before it has no place."""
    await found(
        engine,
        founding("A", established=5),
        founding("old", "A", "level1", established=0),
        founding("young", "A", "level1", established=9),
        founding("older", "young", "level2", established=7),
    )
    async with engine.open() as store:
        assert await store.subtree("A", day(4)) == []
        assert await store.ancestors("old", day(4)) == []
        assert await store.subtree("A", day(5)) == ["A", "old"]
        assert await store.parent("older", day(8)) is None
        assert await store.ancestors("older", day(8)) == []
        assert await store.subtree("young", day(8)) == []
        assert await store.subtree("A", day(9)) == ["A", "old", "older", "young"]
        assert await store.ancestors("older", day(9)) == ["A", "young", "older"]
        assert await store.parent("older", day(9)) == "young"
        assert await store.parent("A", day(9)) is None


async def test_a_closed_unit_stays_where_it_last_stood(engine: Engine) -> None:
    """On its closing day and ever after, an inner one with what is below it."""
    await found(
        engine,
        ROOT,
        founding("B", "A", "level1", closed=5),
        founding("C", "B", "level2", closed=5),
    )
    async with engine.open() as store:
        for number in (4, 5, 5000):
            assert await store.subtree("A", day(number)) == ["A", "B", "C"]
            assert await store.ancestors("C", day(number)) == ["A", "B", "C"]


async def test_codes_are_compared_and_ordered_by_their_bytes(engine: Engine) -> None:
    """Case, composition, quotes and patterns all tell units apart; none is ever code."""
    codes = [code for code in ODD_CODES if code != "A"]
    await found(engine, ROOT, *[founding(code, "A", "level1") for code in codes])
    async with engine.open() as store:
        assert await store.subtree("A", day(0)) == sorted(ODD_CODES, key=lambda c: c.encode())
        for code in codes:
            assert await store.ancestors(code, day(0)) == ["A", code]
            assert await store.subtree(code, day(0)) == [code]
            assert await store.parent(code, day(0)) == "A"


@pytest.mark.parametrize("text", ["", "A\0", "\ud83c", "A" * 65, "A\n", "%", "*"])
async def test_a_text_that_is_no_units_code_stands_nowhere(engine: Engine, text: str) -> None:
    await found(engine, ROOT)
    async with engine.open() as store:
        assert await store.parent(text, day(0)) is None
        assert await store.ancestors(text, day(0)) == []
        assert await store.subtree(text, day(0)) == []


async def test_writers_wait_for_each_other(engine: Engine) -> None:
    """Each of several at once adds its unit in a version of its own; none is lost."""
    await found(engine, ROOT)
    children = [founding(f"B{number}", "A", "level1") for number in range(6)]
    versions = await asyncio.gather(*(found(engine, child) for child in children))
    assert sorted(versions) == [2, 3, 4, 5, 6, 7]
    ledger = await entries(engine, after=1)
    assert [(entry.version, entry.position) for entry in ledger] == [
        (number, 0) for number in range(2, 8)
    ]
    assert {entry.line for entry in ledger} == set(children)


async def test_one_of_two_writers_that_disagree_has_a_conflict(engine: Engine) -> None:
    """The rules are asked under the lock: the second sees what the first has written."""
    await found(engine, ROOT)
    twins = [founding("B", "A", "level1", name=name) for name in ("one", "other", "third")]
    told = await asyncio.gather(*(found(engine, twin) for twin in twins), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in told) == ["Conflict", "Conflict", "int"]
    [stored] = await entries(engine, after=1)
    assert stored.line == twins[[type(answer) for answer in told].index(int)]


async def test_writers_that_agree_both_succeed(engine: Engine) -> None:
    assert list(await asyncio.gather(found(engine, ROOT), found(engine, ROOT))) == [1, 1]
    assert await entries(engine) == [Entry(1, 0, ROOT)]


@pytest.mark.parametrize("after", [0.0, 0.03, 0.1, 0.3])
async def test_a_write_that_is_broken_off_leaves_all_or_nothing(
    engine: Engine, after: float
) -> None:
    """And does not stand in the way of the next one."""
    many = [ROOT] + [founding(f"B{number}", "A", "level1") for number in range(3_000)]
    write = asyncio.create_task(found(engine, *many))
    await asyncio.sleep(after)
    write.cancel()
    await asyncio.wait([write])
    del write
    gc.collect()  # SQLite keeps its lock while the cancelled task's frames hold a cursor.
    stored = await entries(engine)
    assert (await version(engine), len(stored)) in {(0, 0), (1, len(many))}
    assert await found(engine, *many) == 1
    assert len(await entries(engine)) == len(many)
    async with engine.open() as store:
        assert len(await store.subtree("A", day(0))) == len(many)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(tree=trees(), data=st.data())
async def test_every_day_of_a_random_tree(
    any_engine: Engine, tree: list[Founding], data: st.DataObject
) -> None:
    """Founded in one write or two, each in any order: every read says what a recursion says."""
    cut = data.draw(st.integers(1, len(tree)))
    await any_engine.empty()
    async with any_engine.open() as store:
        for part in (tree[:cut], tree[cut:]):
            await store.extend(data.draw(st.permutations(part)), (), KINDS)
        oracle = Oracle(tree)
        as_of = day(data.draw(st.integers(-1, 41)))
        for code in oracle.units:
            assert await store.parent(code, as_of) == oracle.parent(code, as_of)
            assert await store.ancestors(code, as_of) == oracle.ancestors(code, as_of)
            assert await store.subtree(code, as_of) == oracle.subtree(code, as_of)
        ledger = units([entry async for entry in store.entries()])
    assert sorted(ledger, key=lambda unit: unit.code) == sorted(tree, key=lambda unit: unit.code)
    before: set[str | None] = {None}
    for unit in ledger:
        assert unit.parent_code in before
        before.add(unit.code)
