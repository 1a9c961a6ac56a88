"""Which records hold on to units: what keeps a decision that made those from being reversed.

It counts and writes nothing. Whoever asks has been allowed to reverse the decision; how many there
are is told, never which.
"""

from collections.abc import Collection

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.tables import evaluation, inspection, meeting


async def count_records(connection: AsyncConnection, unit_ids: Collection[int]) -> int:
    """How many records there are of the units, or of inspections by them."""
    wanted = list(unit_ids)
    if not wanted:
        return 0
    conditions = (
        meeting.c.unit_id.in_(wanted),
        evaluation.c.unit_id.in_(wanted),
        or_(inspection.c.unit_id.in_(wanted), inspection.c.by_unit_id.in_(wanted)),
    )
    tables = (meeting, evaluation, inspection)
    counts = [
        select(func.count()).select_from(table).where(condition).scalar_subquery()
        for table, condition in zip(tables, conditions, strict=True)
    ]
    rows = await connection.execute(select(*counts))
    return sum(rows.one())
