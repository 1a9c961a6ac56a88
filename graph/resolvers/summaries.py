"""How sums are answered: what may be counted, by which groups, and in which order.

Sums follow the tree that is asked for. Only measures that are selected are computed. A unit whose
subtree holds nothing that the viewer may summarise has null; at the root that is FORBIDDEN. Under
AS_RECORDED the trees asked for are those of all days so far: who could count something in the
subtree on one of them keeps its figures (`design.md`, 3, Which tree).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from types import SimpleNamespace
from typing import Any

from graph.resolvers.context import Context
from graph.resolvers.units import check_kinds, within
from hierarchy import placements
from hierarchy.errors import BadInput, Forbidden, TooCostly
from hierarchy.scope import Scope
from hierarchy.unit import Kind, Placed, units_of_path
from records import summaries
from records.filters import RecordFilter
from records.summaries import MAX_ROWS, PERIODS, Attribution, Counting, Sum, Summary, share, whole

Row = SimpleNamespace
Derived = Callable[[Sum], float | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks of a summary; `selected` are the names of the fields it wants."""

    chosen: RecordFilter
    group_by: tuple[str, ...]
    attribution: Attribution
    selected: frozenset[str]

    def check(self) -> None:
        """Raises `BadInput` where the groups do not fit together."""
        if len(set(self.group_by)) < len(self.group_by):
            raise BadInput("A summary is grouped by each key once.", field="groupBy")
        if sum(key in PERIODS for key in self.group_by) > 1:
            raise BadInput(
                "A summary is grouped by one of year, quarter and month.", field="groupBy"
            )


@dataclass(frozen=True)
class Form:
    """How a summary is shown: where each group is written, and what is derived from measures."""

    summary: Summary
    groups: Mapping[str, str]
    derived: Mapping[str, tuple[tuple[str, ...], Derived]]
    fractions: frozenset[str] = frozenset()

    def measures(self, selected: frozenset[str]) -> tuple[str, ...]:
        """The measures that the selected fields need."""
        wanted = {name for name in self.summary.measures if name in selected}
        for name, (parts, _) in self.derived.items():
            wanted.update(parts if name in selected else ())
        return tuple(sorted(wanted))


_UNIT_GROUPS = {"CHILD": "child", "UNIT_KIND": "unit_kind", "UNIT_CATEGORY": "unit_category"}

MEETINGS = Form(
    summaries.MEETING_SUMMARY,
    _UNIT_GROUPS
    | {"KIND": "kind", "FORM": "form", "YEAR": "period", "QUARTER": "period", "MONTH": "period"},
    {
        "attendance_rate": (
            ("members_present", "members_expected"),
            lambda row: share(row.measures["members_present"], row.measures["members_expected"]),
        )
    },
    frozenset({"average_score"}),
)

EVALUATIONS = Form(
    summaries.EVALUATION_SUMMARY,
    _UNIT_GROUPS | {"YEAR": "year", "RATING": "rating"},
    {
        "good_or_better_rate": (
            ("excellent", "good", "evaluations"),
            lambda row: share(
                row.measures["excellent"] + row.measures["good"], row.measures["evaluations"]
            ),
        )
    },
)

INSPECTIONS = Form(
    summaries.INSPECTION_SUMMARY,
    _UNIT_GROUPS
    | {
        "KIND": "kind",
        "GROUND": "ground",
        "BODY": "body",
        "STATUS": "status",
        "YEAR": "period",
        "QUARTER": "period",
    },
    {
        "completion_rate": (
            ("due", "due_concluded"),
            lambda row: share(row.measures["due_concluded"], row.measures["due"]),
        )
    },
)


async def summarised(
    context: Context, form: Form, within_code: str | None, asked: Asked, as_of: date | None
) -> list[Row]:
    """The rows over all that counts for the viewer, or over one unit's subtree."""
    _check_root(context, asked, within_code, as_of)
    day = as_of or context.today
    inside = await within(context, within_code, day)
    counting = counting_on(context, form, asked.attribution, day)
    if inside is None:
        inside = await _lowest(context, counting, "CHILD" in asked.group_by)
    elif not await _is_reached(context, form, asked, inside):
        raise Forbidden
    found = await context.ask(
        summaries.sums,
        form.summary,
        counting,
        asked.chosen,
        asked.group_by,
        form.measures(asked.selected),
        inside,
    )
    rows = await _Rows(context, form, asked, day).made({_key(inside): found})
    return _checked(rows[_key(inside)])


async def of_unit(context: Context, form: Form, unit: Placed, asked: Asked) -> list[Row] | None:
    """The rows over the unit's subtree on its day; null where nothing of it may be summarised."""
    asked.check()
    check_kinds(context, asked.chosen.unit_kind, "unitKind")
    counting = counting_on(context, form, asked.attribution, unit.day)
    if not await context.sees(unit) or not await _is_reached(context, form, asked, unit):
        return None

    async def load(unit_ids: list[int]) -> Mapping[int, Any]:
        found = await context.ask(
            summaries.sums_of_units,
            form.summary,
            counting,
            asked.chosen,
            asked.group_by,
            form.measures(asked.selected),
            unit_ids,
        )
        return await _Rows(context, form, asked, unit.day).made(found)

    name = ("summary", form.summary.series.resource, unit.day, asked)
    return _checked(await context.loader(name, load).load(unit.unit_id))


def _check_root(
    context: Context, asked: Asked, within_code: str | None, as_of: date | None
) -> None:
    asked.check()
    check_kinds(context, asked.chosen.unit_kind, "unitKind")
    if asked.attribution is Attribution.AS_RECORDED:
        if as_of is not None:
            raise BadInput("AS_RECORDED takes no `asOf`.", field="asOf")
        if within_code is None and "CHILD" in asked.group_by:
            raise BadInput("AS_RECORDED by child needs `within`.", field="within")


def counting_on(context: Context, form: Form, attribution: Attribution, day: date) -> Counting:
    """What counts for the viewer of a kind of record on the tree of a day."""
    resource = form.summary.series.resource
    rights = context.rights
    return Counting(
        attribution,
        day,
        context.today,
        rights.scope("summarise", resource, day),
        rights.scope("summarise", resource, context.today),
        rights.through_time("summarise", resource),
    )


async def _lowest(context: Context, counting: Counting, by_child: bool) -> Placed | None:
    """The unit whose children a summary without `within` is grouped by; null without such
    groups. Raises `Forbidden` where nothing at all may be summarised on the tree asked for."""
    scope, day = counting.on_day, counting.day
    if counting.attribution is Attribution.AS_RECORDED:
        await _check_ever(context, counting)
        return None
    if by_child or not scope.surely_reaches(""):
        lowest = await context.ask(placements.lowest_above, scope, day)
        if lowest is None:
            raise Forbidden
        return lowest if by_child else None
    return None


async def _check_ever(context: Context, counting: Counting) -> None:
    """Raises `Forbidden` where nothing could be summarised on any day so far."""
    scopes, today = counting.through_time, counting.today
    if counting.on_today.surely_reaches(""):
        return
    bases = [base for window in scopes.windows for base in window.scope.bases]
    tops = {units_of_path(base.path)[0] for base in bases}
    if not await context.ask(placements.ever_reached, scopes, today, sorted(tops)):
        raise Forbidden


async def _is_reached(context: Context, form: Form, asked: Asked, unit: Placed) -> bool:
    """Whether something in the unit's subtree may be summarised on the trees asked for."""
    resource = form.summary.series.resource
    scope = context.rights.scope("summarise", resource, unit.day)
    is_sure = scope.covers(unit) or scope.surely_reaches(unit.path)
    if is_sure and unit.day <= context.today:
        return True
    if asked.attribution is Attribution.AS_RECORDED:
        return await _is_ever_reached(context, resource, unit)
    return await _is_reached_on(context, resource, scope, unit)


async def _is_reached_on(context: Context, resource: str, scope: Scope, unit: Placed) -> bool:
    day, today = unit.day, context.today
    scopes = context.rights.through_time("summarise", resource)

    async def load(paths: list[str]) -> Mapping[str, bool]:
        if day <= today:
            found = await context.ask(placements.reached, scope, day, paths)
        else:
            asked = scope, scopes, day, today, paths
            found = await context.ask(placements.reached_ahead, *asked)
        return {path: path in found for path in paths}

    reached: bool = await context.loader(("reached", resource, day), load).load(unit.path)
    return reached


async def _is_ever_reached(context: Context, resource: str, unit: Placed) -> bool:
    scopes = context.rights.through_time("summarise", resource)

    async def load(unit_ids: list[int]) -> Mapping[int, bool]:
        found = await context.ask(placements.ever_reached, scopes, context.today, unit_ids)
        return {unit_id: unit_id in found for unit_id in unit_ids}

    reached: bool = await context.loader(("ever reached", resource), load).load(unit.unit_id)
    return reached


def _key(unit: Placed | None) -> int:
    return -1 if unit is None else unit.unit_id


def _checked(rows: list[Row] | Exception) -> list[Row]:
    if isinstance(rows, Exception):
        raise rows
    return rows


class _Rows:
    """Turns the sums of many units into the rows that clients see, in their order."""

    def __init__(self, context: Context, form: Form, asked: Asked, day: date) -> None:
        self._context = context
        self._form = form
        self._asked = asked
        self._day = day

    async def made(self, found: Mapping[int, Sequence[Sum]]) -> dict[int, list[Row] | Exception]:
        """The rows of each unit; in place of rows that may not be answered, the error."""
        listed: Mapping[int, list[Placed]] = {}
        if self._asked.group_by == ("CHILD",):
            listed = await self._context.ask(
                placements.open_children,
                self._context.sight(self._day),
                self._day,
                [key for key in found if key >= 0],
                MAX_ROWS + 1,
            )
        children = await self._children(found, listed)
        return {
            key: self._of_unit(sums, children, listed.get(key, [])) for key, sums in found.items()
        }

    async def _children(
        self, found: Mapping[int, Sequence[Sum]], listed: Mapping[int, list[Placed]]
    ) -> dict[int, Placed]:
        """The children that records fall under, by id, as on the day; one that is not in sight
        there, since it has left, by its own fields as it stood when it was last here. Those that
        are listed already are not asked for again."""
        if "CHILD" not in self._asked.group_by:
            return {}
        at = self._asked.group_by.index("CHILD")
        wanted = {row.groups[at] for sums in found.values() for row in sums} - {None}
        children = {child.unit_id: child for each in listed.values() for child in each}
        missing = sorted(wanted - children.keys())
        standing = await self._context.units(missing, self._day) if missing else []
        children |= {unit.unit_id: unit for unit in standing if await self._is_here(unit)}
        gone = sorted(wanted - children.keys())
        return children | (await self._left(gone, list(found)) if gone else {})

    async def _is_here(self, unit: Placed) -> bool:
        return self._asked.attribution is Attribution.AS_OF or await self._context.sees(unit)

    async def _left(self, gone: list[int], above: list[int]) -> dict[int, Placed]:
        today = self._context.today
        units = await self._context.ask(placements.last_under, gone, above, today)
        return {unit_id: replace(unit, parent_id=None) for unit_id, unit in units.items()}

    def _of_unit(
        self, sums: Sequence[Sum], children: Mapping[int, Placed], listed: list[Placed]
    ) -> list[Row] | Exception:
        grouped = {self._groups(row, children): row for row in sums}
        for child in listed:
            grouped.setdefault((child,), self._nought())
        if not grouped and not self._asked.group_by:
            grouped[()] = self._nought()
        if len(grouped) > MAX_ROWS:
            return TooCostly("A summary has at most {limit} rows.", limit=MAX_ROWS)
        try:
            ordered = sorted(grouped.items(), key=lambda item: _order(item[0]))
            return [self._row(groups, row) for groups, row in ordered]
        except BadInput as error:
            return error

    def _groups(self, row: Sum, children: Mapping[int, Placed]) -> tuple[Any, ...]:
        values = zip(self._asked.group_by, row.groups, strict=True)
        return tuple(self._group(name, value, children) for name, value in values)

    def _group(self, name: str, value: Any, children: Mapping[int, Placed]) -> Any:
        if value is None:
            return None
        if name == "CHILD":
            return children[value]
        return self._context.kinds.kinds[value] if name == "UNIT_KIND" else value

    def _nought(self) -> Sum:
        """The sums over no record at all."""
        names = self._form.measures(self._asked.selected)
        return Sum((), {name: None if name in self._form.fractions else 0 for name in names})

    def _row(self, groups: tuple[Any, ...], row: Sum) -> Row:
        shown = dict.fromkeys(self._form.groups.values())
        shown |= {
            self._form.groups[name]: value
            for name, value in zip(self._asked.group_by, groups, strict=True)
        }
        return Row(**shown, **{name: self._value(name, row) for name in self._fields()})

    def _fields(self) -> list[str]:
        shown = (*self._form.summary.measures, *self._form.derived)
        return [name for name in shown if name in self._asked.selected]

    def _value(self, name: str, row: Sum) -> Any:
        if name in self._form.derived:
            return self._form.derived[name][1](row)
        return row.measures[name] if name in self._form.fractions else whole(row, name)


def _order(groups: tuple[Any, ...]) -> tuple[Any, ...]:
    """Nulls first; a child by its code, a kind by rank then code, an enumeration as declared."""
    return tuple((value is not None, _rank(value)) for value in groups)


def _rank(value: Any) -> Any:
    if isinstance(value, Placed):
        return value.code
    if isinstance(value, Kind):
        return value.rank, value.code
    if isinstance(value, Enum):
        return list(type(value)).index(value)
    return value
