"""Lists given to a statement, and the first rows of each of many lists in one statement.

`given` is a small table made of values that a caller holds, so that one statement serves any
number of parents; `first_of_each` takes the first few rows for every row of an outer table by one
short index range each. PostgreSQL and SQLite write the two differently, and that difference lives
here alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

_TYPES: dict[str, type[TypeEngine[Any]]] = {"key": Integer, "path": Text, "width": Integer}

Columns = Any
"""Columns by name: `columns.unit_id`."""


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
    probe = table.alias("probe")
    wanted = (
        select(probe.c[identity])
        .where(chosen(probe.c))
        .order_by(*order(probe.c))
        .limit(limit)
        .correlate_except(probe)
    )
    top_rows = table.alias("top")
    return outer.join(top_rows, top_rows.c[identity].in_(wanted)), top_rows.c
