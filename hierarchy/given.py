"""Lists given to a statement, and the first rows of each of many lists in one statement.

`given` is a small table made of values that a caller holds, so that one statement serves any
number of parents; `first_of_each` takes the first few rows for every row of an outer table by one
short index range each; `Walked` keeps the order of a join. PostgreSQL and SQLite write them
differently, and that difference lives here alone.
"""

from collections.abc import Callable, Collection, Sequence
from functools import cache, lru_cache
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson
from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    Join,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeEngine

_TYPES: dict[str, type[TypeEngine[Any]]] = {"key": Integer, "path": Text, "width": Integer}

P = ParamSpec("P")
ChosenT = TypeVar("ChosenT")

Columns = Any
"""Columns by name: `columns.unit_id`."""

MOST_STATEMENTS = 100
LONGEST_CHOICE = 1_000
"""Characters of what a client chose, as it is printed: a statement made of more is not kept."""


def is_postgresql(connection: Any) -> bool:
    return bool(connection.dialect.name == "postgresql")


def given(postgresql: bool, name: str, **lists: Sequence[Any]) -> FromClause:
    """A table of the lists side by side. Its columns may be `key`, `path` and `width`."""
    if postgresql:
        arrays = [cast(list(values), ARRAY(_TYPES[column]())) for column, values in lists.items()]
        columns = [Column(column, _TYPES[column]()) for column in lists]
        return func.unnest(*arrays).table_valued(*columns, name=name).render_derived()
    rows = orjson.dumps(list(zip(*lists.values(), strict=True))).decode()
    each = func.json_each(bindparam(None, rows, Text())).table_valued("value", name=f"{name}_each")
    return select(
        *(
            func.json_extract(
                each.c.value, literal_column(f"'$[{at}]'"), type_=_TYPES[column]()
            ).label(column)
            for at, column in enumerate(lists)
        )
    ).subquery(name)


def kept(
    make: Callable[Concatenate[ChosenT, P], Select[Any]],
) -> Callable[Concatenate[ChosenT, P], Select[Any]]:
    """Keeps the statements made last: making one takes as long as running it. Two that differ do
    so by the values that they are made of. The first of these is what a client chose, and nothing
    is kept of a client who chose at length."""
    known: Any = lru_cache(MOST_STATEMENTS)(make)

    def made(chosen: ChosenT, /, *values: P.args, **named: P.kwargs) -> Select[Any]:
        is_short = len(repr(chosen)) <= LONGEST_CHOICE
        statement: Select[Any] = (known if is_short else make)(chosen, *values, **named)
        return statement

    return made


@cache
def given_later(postgresql: bool) -> FromClause:
    """`given` of one list of keys that is told when the statement is run, as its parameter `keys`
    (`keys_given`): so that the statement is made once."""
    if postgresql:
        keys = cast(bindparam("keys", type_=ARRAY(Integer)), ARRAY(Integer))
        table = func.unnest(keys).table_valued(Column("key", Integer), name="wanted")
        return table.render_derived()
    each = func.json_each(bindparam("keys", type_=Text())).table_valued("value", name="wanted_each")
    return select(cast(each.c.value, Integer).label("key")).subquery("wanted")


def keys_given(postgresql: bool, keys: Collection[int]) -> Any:
    """The value of the parameter `keys`."""
    return list(keys) if postgresql else orjson.dumps(list(keys)).decode()


def matching(connection: Any, column: Any, values: Collection[str]) -> ColumnElement[bool]:
    """That a column of texts holds one of the values, however many there are."""
    if is_postgresql(connection):
        return column == any_(cast(list(values), ARRAY(Text(collation="C"))))  # type: ignore[no-any-return]
    rows = orjson.dumps(list(values)).decode()
    each = func.json_each(bindparam(None, rows, Text())).table_valued("value", name="each_value")
    return column.in_(select(each.c.value))  # type: ignore[no-any-return]


def first_of_each(
    postgresql: bool,
    outer: FromClause,
    table: FromClause,
    identity: str,
    chosen: Callable[[Columns], ColumnElement[bool]],
    order: Callable[[Columns], Sequence[ColumnElement[Any]]],
    limit: int,
) -> tuple[FromClause, Columns]:
    """Joins to each row of `outer` the first `limit` rows of `table` that are chosen for it.

    `identity` names the column that tells the table's chosen rows apart. Answers with the join
    and the columns of the joined rows.
    """
    if postgresql:
        top = (
            select(table)
            .where(chosen(table.c))
            .order_by(*order(table.c))
            .limit(limit)
            .correlate_except(table)
            .lateral("top")
        )
        return outer.join(top, true()), top.c
    probe, top_rows = _named(table, "probe"), _named(table, "top")
    wanted = (
        select(probe.c[identity])
        .where(chosen(probe.c))
        .order_by(*order(probe.c))
        .limit(limit)
        .correlate_except(probe)
    )
    return outer.join(top_rows, top_rows.c[identity].in_(wanted)), top_rows.c


@cache
def _named(table: FromClause, name: str) -> FromClause:
    """A table under another name: made once, since each making copies all of its columns."""
    return table.alias(name)


class Walked(Join):
    """A join that reads its left table in the order asked for, and looks up the right one.

    SQLite knows too little of ranges to choose that by itself: where a range of the right table
    holds nearly all of the left one it would read and sort the whole for the first few rows.
    """

    inherit_cache = True


@compiles(Walked)
def _any_join(join: Walked, compiler: Any, **named: Any) -> str:
    return str(compiler.visit_join(join, **named))


@compiles(Walked, "sqlite")
def _join_in_order(join: Walked, compiler: Any, **named: Any) -> str:
    """SQLite keeps the order of a CROSS JOIN."""
    return _any_join(join, compiler, **named).replace(" JOIN ", " CROSS JOIN ", 1)
