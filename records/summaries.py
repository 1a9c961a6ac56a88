"""Sums of records: one statement whatever the number of units asked about.

A record counts where its unit stands on the tree asked for (AS_OF a day, or AS_RECORDED on the
record's own day), for a viewer whose `summarise` scope covers it there, and also today or on the
record's own day. Groups, filters and sums are made inside the database; what comes back is at
most `MAX_ROWS` rows a unit. Every function takes a `Counting`, the viewer's scopes; there is none
without. It writes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Label,
    and_,
    case,
    extract,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from hierarchy.errors import BadInput
from hierarchy.given import given, is_postgresql
from hierarchy.placements import on
from hierarchy.scope import Scope, ScopeThroughTime, subtree
from hierarchy.tables import placement
from hierarchy.unit import AFTER_LABELS, LABEL_WIDTH, Placed, unit_of_label
from records.filters import RecordFilter, four_goods
from records.lists import EVALUATIONS, INSPECTIONS, MEETINGS, Series, on_no_open_signs
from records.record import InspectionStatus, Rating

MAX_ROWS = 5_000
"""The most rows that one summary may have."""

MAX_SUM = 2**31 - 1
"""The largest number that GraphQL's Int holds."""

Columns = Any
Measure = Callable[[Columns], ColumnElement[Any]]


class Attribution(Enum):
    """Under which unit a record counts."""

    AS_OF = "AS_OF"
    AS_RECORDED = "AS_RECORDED"


@dataclass(frozen=True, slots=True)
class Counting:
    """What counts for a viewer: the `summarise` scope on the tree of `day`, on today's, and on
    the tree of each day."""

    attribution: Attribution
    day: date
    today: date
    on_day: Scope
    on_today: Scope
    through_time: ScopeThroughTime


@dataclass(frozen=True, slots=True)
class Sum:
    """One row: the values of the groups in the order asked for (a child by its unit id, a period
    by its first day), and the measures by name."""

    groups: tuple[Any, ...]
    measures: Mapping[str, Any]


@dataclass(frozen=True)
class Summary:
    """What can be summed of a kind of record: its measures, and what it can be grouped by."""

    series: Series[Any]
    own_day: str
    period: str | None
    measures: Mapping[str, Measure]
    groupings: Mapping[str, str]


def _count(_: Columns) -> ColumnElement[Any]:
    return func.count()


def _where(condition: Callable[[Columns], ColumnElement[bool]]) -> Measure:
    return lambda record: func.count().filter(condition(record))


def _total(name: str) -> Measure:
    return lambda record: func.coalesce(func.sum(record[name]), 0)


def _rated(rating: Rating) -> Measure:
    return _where(lambda record: record.rating == rating)


def _in_status(*statuses: InspectionStatus) -> Measure:
    return _where(lambda record: record.status.in_(statuses))


def _met(record: Columns) -> ColumnElement[Any]:
    return func.count(record.unit_id.distinct())


def _inspected(record: Columns) -> ColumnElement[Any]:
    met = record.status.in_((InspectionStatus.OPEN, InspectionStatus.CONCLUDED))
    return func.count(case((met, record.unit_id)).distinct())


def _due(record: Columns) -> ColumnElement[bool]:
    due: ColumnElement[bool] = and_(
        record.planned_for.is_not(None), record.status != InspectionStatus.CANCELLED
    )
    return due


MEETING_SUMMARY = Summary(
    MEETINGS,
    own_day="held_on",
    period="held_on",
    measures={
        "meetings": _count,
        "units_met": _met,
        "members_expected": _total("members_expected"),
        "members_present": _total("members_present"),
        "average_score": lambda record: func.avg(record.score),
        "minutes_kept": _where(lambda record: record.minutes_kept.is_(True)),
    },
    groupings={"KIND": "kind", "FORM": "form"},
)

EVALUATION_SUMMARY = Summary(
    EVALUATIONS,
    own_day="day",
    period=None,
    measures={
        "evaluations": _count,
        "excellent": _rated(Rating.EXCELLENT),
        "good": _rated(Rating.GOOD),
        "completed": _rated(Rating.COMPLETED),
        "not_completed": _rated(Rating.NOT_COMPLETED),
        "four_goods": _where(four_goods),
        "members_rated": _total("members_rated"),
        "members_excellent": _total("members_excellent"),
        "members_good": _total("members_good"),
        "members_completed": _total("members_completed"),
        "members_not_completed": _total("members_not_completed"),
    },
    groupings={"YEAR": "year", "RATING": "rating"},
)

INSPECTION_SUMMARY = Summary(
    INSPECTIONS,
    own_day="day",
    period="planned_for",
    measures={
        "inspections": _count,
        "planned": _in_status(InspectionStatus.PLANNED),
        "open": _in_status(InspectionStatus.OPEN),
        "concluded": _in_status(InspectionStatus.CONCLUDED),
        "cancelled": _in_status(InspectionStatus.CANCELLED),
        "due": _where(_due),
        "due_concluded": _where(
            lambda record: and_(_due(record), record.status == InspectionStatus.CONCLUDED)
        ),
        "units_inspected": _inspected,
        "members_covered": _total("members_covered"),
        "members_in_violation": _total("members_in_violation"),
        "members_sanctioned": _total("members_sanctioned"),
    },
    groupings={"KIND": "kind", "GROUND": "ground", "BODY": "body", "STATUS": "status"},
)

PERIODS = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}
"""Months in a period."""

_STOOD, _ABOVE, _NOW = (placement.alias(name) for name in ("stood", "above", "now"))
"""Made once: each making copies all columns, which costs as much as the rest of a statement."""


async def sums(
    connection: AsyncConnection,
    summary: Summary,
    counting: Counting,
    chosen: RecordFilter,
    group_by: Sequence[str],
    measures: Iterable[str],
    within: Placed | None,
) -> list[Sum]:
    """The sums over one unit's subtree, or over all that counts; unordered.

    One row more than `MAX_ROWS` where there are more.
    """
    if within is not None and counting.attribution is Attribution.AS_RECORDED:
        found = await sums_of_units(
            connection, summary, counting, chosen, group_by, measures, [within.unit_id]
        )
        return found[within.unit_id]
    question = _Question(summary, counting, chosen, group_by, measures)
    inside = true() if within is None else subtree(question.stood.c.path, within.path)
    above = None if within is None else within.path
    statement = question.statement(question.source(), inside, [], above and len(above))
    rows = await connection.execute(statement.limit(MAX_ROWS + 1))
    return [question.sum(row, 0) for row in rows]


async def sums_of_units(
    connection: AsyncConnection,
    summary: Summary,
    counting: Counting,
    chosen: RecordFilter,
    group_by: Sequence[str],
    measures: Iterable[str],
    unit_ids: Sequence[int],
) -> dict[int, list[Sum]]:
    """The sums over the subtree of each of the units, in one statement; unordered."""
    question = _Question(summary, counting, chosen, group_by, measures)
    wanted = given(is_postgresql(connection), "wanted", key=list(unit_ids))
    path, above = question.stood.c.path, _ABOVE.c
    source = wanted.join(_ABOVE, and_(above.unit_id == wanted.c.key)).join(
        question.source(), and_(path >= above.path, path < above.path + AFTER_LABELS)
    )
    statement = question.statement(
        source, on(above, question.day), [wanted.c.key.label("of_unit")], func.length(above.path)
    )
    rows = await connection.execute(statement.limit((MAX_ROWS + 1) * len(unit_ids)))
    found: dict[int, list[Sum]] = {unit_id: [] for unit_id in unit_ids}
    for row in rows:
        found[row[0]].append(question.sum(row, 1))
    return found


async def count_of_units(
    connection: AsyncConnection,
    summary: Summary,
    counting: Counting,
    chosen: RecordFilter,
    unit_ids: Sequence[int],
) -> int:
    """How many records of the very units count."""
    question = _Question(summary, counting, chosen, (), (next(iter(summary.measures)),))
    wanted = given(is_postgresql(connection), "wanted", key=list(unit_ids))
    is_one = question.stood.c.unit_id.in_(select(wanted.c.key))
    rows = await connection.execute(question.statement(question.source(), is_one, [], None))
    return int(rows.scalar() or 0)


class _Question:
    """One summary being asked: where its rows come from, what cuts and what groups them."""

    def __init__(
        self,
        summary: Summary,
        counting: Counting,
        chosen: RecordFilter,
        group_by: Sequence[str],
        measures: Iterable[str],
    ) -> None:
        self.summary = summary
        self.counting = counting
        self.chosen = chosen
        self.group_by = tuple(group_by)
        self.measures = tuple(measures) or (next(iter(summary.measures)),)
        self.record = summary.series.table.c
        self.stood = _STOOD

    @property
    def day(self) -> Any:
        """The day whose tree a record counts on: the one asked for, or the record's own."""
        if self.counting.attribution is Attribution.AS_OF:
            return self.counting.day
        return self._own_day(self.stood.c)

    def source(self) -> FromClause:
        """Where units stood, with the records of each; of another day's tree beside where those
        stand today that the viewer reaches there: looked up once a unit, not once a record."""
        table = self.summary.series.table
        units: FromClause = self.stood
        if self._is_of_another_day:
            units = units.outerjoin(_NOW, self._stands_today_in_reach())
        return units.join(table, self.record.unit_id == self.stood.c.unit_id)

    @property
    def _is_of_another_day(self) -> bool:
        counting = self.counting
        return counting.attribution is Attribution.AS_OF and counting.day != counting.today

    def statement(
        self,
        source: FromClause,
        inside: ColumnElement[bool],
        keys: list[Label[Any]],
        width_above: Any,
    ) -> Any:
        groups = [
            self._group(grouping, width_above).label(f"by_{at}")
            for at, grouping in enumerate(self.group_by)
        ]
        measures = [self.summary.measures[name](self.record) for name in self.measures]
        return (
            select(*keys, *groups, *measures)
            .select_from(source)
            .where(inside, *self._conditions())
            .group_by(*(literal_column(each.name) for each in (*keys, *groups)))
        )

    def sum(self, row: Any, first: int) -> Sum:
        """A row of the answer, whose groups begin at column `first`."""
        end = first + len(self.group_by)
        groups = tuple(
            self._group_value(grouping, value)
            for grouping, value in zip(self.group_by, row[first:end], strict=True)
        )
        return Sum(groups, dict(zip(self.measures, row[end:], strict=True)))

    def _conditions(self) -> Iterable[ColumnElement[bool]]:
        yield on(self.stood.c, self.day)
        yield from self.chosen.conditions(self.record, self.stood.c)
        if self.counting.attribution is Attribution.AS_RECORDED:
            yield self._counts_through_time()
        else:
            yield self._counts_on_day()
            if self._is_of_another_day:
                yield or_(_NOW.c.unit_id.is_not(None), self._stood_in_reach_on_own_day())

    def _counts_on_day(self) -> ColumnElement[bool]:
        scope, stood = self.counting.on_day, self.stood.c
        reached: ColumnElement[bool] = scope.predicate(stood)
        if not self.summary.series.has_signs:
            return reached
        on_signs = scope.predicate_on_signs(stood, self.record.by_unit_id)
        return and_(reached, or_(on_no_open_signs(self.record), on_signs))

    def _counts_through_time(self) -> ColumnElement[bool]:
        scope, stood = self.counting.through_time, self.stood.c
        reached: ColumnElement[bool] = scope.predicate(stood, self.day)
        if not self.summary.series.has_signs:
            return reached
        on_signs = scope.predicate_on_signs(stood, self.record.by_unit_id, self.day)
        return and_(reached, or_(on_no_open_signs(self.record), on_signs))

    def _stands_today_in_reach(self) -> ColumnElement[bool]:
        return and_(
            _NOW.c.unit_id == self.stood.c.unit_id,
            on(_NOW.c, self.counting.today),
            self.counting.on_today.predicate(_NOW.c),
        )

    def _stood_in_reach_on_own_day(self) -> ColumnElement[bool]:
        then = placement.alias("back_then")
        day = self._own_day(then.c)
        return (
            select(then.c.unit_id)
            .where(
                then.c.unit_id == self.record.unit_id,
                on(then.c, day),
                self.counting.through_time.predicate(then.c, day),
            )
            .exists()
        )

    def _own_day(self, stood: Columns) -> ColumnElement[date]:
        """The record's own day; today where that lies ahead, and the last day its unit was open
        where it was closed by then."""
        own, today = self.record[self.summary.own_day], self.counting.today
        last = stood.last_open_on
        return case((and_(last < own, last < today), last), (own > today, today), else_=own)

    def _group(self, grouping: str, width_above: Any) -> ColumnElement[Any]:
        if grouping == "CHILD":
            return self._child(width_above)
        if grouping == "UNIT_KIND":
            return _typed(self.stood.c.kind)
        if grouping == "UNIT_CATEGORY":
            return _typed(self.stood.c.category)
        if grouping in self.summary.groupings:
            return _typed(self.record[self.summary.groupings[grouping]])
        return self._period(grouping)

    def _child(self, width_above: Any) -> ColumnElement[Any]:
        """The label of the child; empty for the unit's own records."""
        if width_above is None:
            return null()
        return func.substr(self.stood.c.path, width_above + 1, LABEL_WIDTH)

    def _period(self, grouping: str) -> ColumnElement[Any]:
        """The first month of the period, counted from the year 0."""
        day = self.record[self.summary.period or ""]
        month = extract("year", day) * 12 + extract("month", day) - 1
        return month - month % PERIODS[grouping]

    def _group_value(self, grouping: str, value: Any) -> Any:
        if value is None:
            return None
        if grouping == "CHILD":
            return unit_of_label(value) if value else None
        if grouping in PERIODS and grouping not in self.summary.groupings:
            return _first_day(int(value))
        return value


def _typed(column: Any) -> ColumnElement[Any]:
    typed: ColumnElement[Any] = column
    return typed


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def whole(summed: Sum, name: str) -> int:
    """A count among the measures; `BadInput` where it is more than GraphQL's Int holds."""
    value = int(summed.measures[name])
    if value > MAX_SUM:
        raise BadInput("This sum is over {limit}: ask for less at once.", limit=MAX_SUM)
    return value


def share(part: int | None, of: int | None) -> float | None:
    """A part of a whole, 0 to 1; null where there is no whole."""
    return part / of if of and part is not None else None
