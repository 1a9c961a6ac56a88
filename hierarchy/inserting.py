"""Many rows stored at once: COPY on PostgreSQL, one prepared statement on SQLite.

It works inside the transaction that the caller opened and commits, and knows nothing of what the
rows mean. Whatever the database, a row that is already there is SQLAlchemy's `IntegrityError`.
"""

from asyncio import sleep
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy import Column, Table, Uuid, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.given import is_postgresql

Columns = Iterable[Iterable[Any]]
Rows = list[tuple[Any, ...]]
Process = Callable[[Any], Any]

BATCH = 200


async def insert_rows(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Inserts rows that all have the same columns; others at the event loop have their turns."""

    async def batches() -> AsyncIterator[Columns]:
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            yield [[row[name] for row in batch] for name in rows[0]]
            await sleep(0)

    if rows:
        await insert_batches(connection, table, list(rows[0]), batches())


async def insert_columns(
    connection: AsyncConnection, table: Table, columns: Mapping[str, Iterable[Any]]
) -> None:
    """Inserts rows given column by column; at least one column is of a length.

    Values are of the table's types; a UUID is given as its hex digits.
    """

    async def once() -> AsyncIterator[Columns]:
        yield columns.values()

    await insert_batches(connection, table, list(columns), once())


async def insert_batches(
    connection: AsyncConnection, table: Table, names: Sequence[str], given: AsyncIterator[Columns]
) -> None:
    """The same for batches of columns, without a pause between them: nothing may be asked of the
    connection while it runs."""
    processors = [_processor(table.c[name], connection.dialect) for name in names]
    batches = (_rows(processors, columns) async for columns in given)
    if is_postgresql(connection):
        await _copy(connection, table.name, names, batches)
        return
    places = ", ".join("?" * len(names))
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})"
    async for rows in batches:
        await connection.exec_driver_sql(statement, rows)


async def _copy(
    connection: AsyncConnection, table: str, names: Sequence[str], batches: AsyncIterator[Rows]
) -> None:
    pooled = await connection.get_raw_connection()
    driver: Any = pooled.driver_connection
    if not driver.is_in_transaction():
        await connection.execute(select(1))
    rows = (row async for batch in batches for row in batch)
    try:
        await driver.copy_records_to_table(table, records=rows, columns=names)
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(f"COPY {table}", None, error) from error
    except asyncpg.PostgresError as error:
        raise DBAPIError(f"COPY {table}", None, error) from error


def _rows(processors: Sequence[Process | None], columns: Columns) -> Rows:
    stored = [
        map(_Stored(process).__getitem__, values) if process else values
        for process, values in zip(processors, columns, strict=True)
    ]
    return list(zip(*stored, strict=False))


class _Stored(dict[Any, Any]):
    """Values as the driver takes them, each made once: the same few come again and again."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def __missing__(self, value: Any) -> Any:
        made = self[value] = self._process(value)
        return made


def _processor(column: Column[Any], dialect: Any) -> Process | None:
    if isinstance(column.type, Uuid):
        return None
    return column.type.dialect_impl(dialect).bind_processor(dialect)
