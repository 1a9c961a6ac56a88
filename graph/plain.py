"""How plain selections are executed: by a plan, a column at a time, with the ordinary answer.

graphql-core completes each field of each object by itself, which is most of the time of a long
list. Here a plan is made once for a type and what is selected of it, where every field is an
attribute without arguments, or one whose resolver answers for many sources at once (`GATHERED`).
It reads and completes one field of all rows, then the next.

Whatever is unusual (a null where none may be, a value that fails, a resolver that raises, a
directive, a field with a resolver of its own) is left to graphql-core, from the list or the object
on: values, errors, their paths and what they make null are its own. Nothing is decided here about
what an answer says, and nobody's rights are looked at.

Plans live as long as the document that they are of, and are bounded: by what it holds, never by
how many choices of its fields its variables may make.
"""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeVar

from graphql import (
    Executor,
    FieldNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    SelectionSetNode,
    Undefined,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path
from strawberry.types.field import StrawberryField

from graph.leaves import ABSENT, Column, Finish, Unusual, finish_of
from graph.resolvers.identity import global_id

T = TypeVar("T")
Details = list[FieldDetails]

MOST_PLANNED = 1_000
"""Plans of one document, and the fields in them, together; what else it selects has no plan."""

GATHERED = {"gathered": True}
"""Metadata of a field whose resolver may be given `Many` sources and then answers for each."""


class Many(list[Any]):
    """The sources of one field that is resolved for all of them at once."""


def of_each(source: Any, answer: Callable[[Any], Any]) -> Any:
    """What a gathered field answers that needs to wait for nothing: a value for each source."""
    return list(map(answer, source)) if isinstance(source, Many) else answer(source)


async def of_all(source: Any, answer: Callable[[list[Any]], Awaitable[list[Any]]]) -> Any:
    """What a gathered field answers that is fetched for all sources together."""
    return await answer(source) if isinstance(source, Many) else (await answer([source]))[0]


def attribute(source: Any, name: str) -> Any:
    """A plain field is the attribute of its name; an id is made where it is asked for."""
    return _reader(name)(source)


def _reader(name: str) -> Callable[[Any], Any]:
    return global_id if name == "id" else attrgetter(name)


@dataclass(frozen=True, slots=True)
class _Completion:
    """How values of a field's type are completed: those of a list one by one (`items`), objects by
    a plan, leaves by what finishes them."""

    may_be_null: bool
    items: "_Completion | None" = None
    plan: "_Plan | None" = None
    finish: Finish | None = None

    @property
    def waits(self) -> bool:
        if self.items is not None:
            return self.items.waits
        return self.plan is not None and bool(self.plan.waited_for)

    async def of(self, run: "PlainExecutor", path: Path, values: Column) -> Column:
        """The values completed; waits for nothing unless it `waits`. Raises for what is unusual."""
        if not values:
            return []
        kinds = set(map(type, values))
        if kinds & ABSENT:
            return await self._among_nulls(run, path, values)
        if any(map(_is_unusual, kinds)):
            raise Unusual
        if self.finish is not None:
            return self.finish(values)
        if self.items is not None:
            return await self._lists(self.items, run, path, values)
        assert self.plan is not None
        return await self.plan.objects(run, path, values)

    async def _among_nulls(self, run: "PlainExecutor", path: Path, values: Column) -> Column:
        if not self.may_be_null:
            raise Unusual
        given = [value for value in values if value is not None and value is not Undefined]
        done = iter(await self.of(run, path, given))
        return [None if value is None or value is Undefined else next(done) for value in values]

    async def _lists(
        self, items: "_Completion", run: "PlainExecutor", path: Path, lists: Column
    ) -> Column:
        if any(type(each) not in (list, tuple) for each in lists):
            raise Unusual
        done = iter(await items.of(run, path, [value for each in lists for value in each]))
        return [[next(done) for _ in each] for each in lists]


@dataclass(frozen=True, slots=True)
class _Plain:
    """A field that is an attribute."""

    place: int
    read: Callable[[Any], Any]
    completion: _Completion

    waits = False

    async def column(
        self, run: "PlainExecutor", _: GraphQLObjectType, path: Path, sources: Column
    ) -> Column:
        return await self.completion.of(run, path, list(map(self.read, sources)))


@dataclass(frozen=True, slots=True)
class _Gathered:
    """A field that is resolved for many sources at once."""

    place: int
    field: GraphQLField
    details: Details
    completion: _Completion
    is_async: bool

    @property
    def waits(self) -> bool:
        return self.is_async or self.completion.waits

    async def column(
        self, run: "PlainExecutor", type_: GraphQLObjectType, path: Path, sources: Column
    ) -> Column:
        nodes = [each.node for each in self.details]
        info = run.build_resolve_info(self.field, nodes, type_, path)
        arguments = get_argument_values(self.field, nodes[0], run.variable_values)
        assert self.field.resolve is not None
        values = self.field.resolve(Many(sources), info, **arguments)
        if self.is_async:
            values = await run.with_abort_signal(values)
        return await self.completion.of(run, path, values)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The fields of a type that are selected, in their order."""

    type: GraphQLObjectType
    names: tuple[str, ...]
    at_once: tuple["_Plain | _Gathered", ...]
    waited_for: tuple["_Plain | _Gathered", ...]

    async def objects(self, run: "PlainExecutor", path: Path, sources: Column) -> Column:
        return await self.ended(run, path, sources, self.begun(run, path, sources))

    def begun(self, run: "PlainExecutor", path: Path, sources: Column) -> list[Column]:
        """A column for each field; those that need to be waited for are yet to come."""
        self._check(sources)
        columns = [[self.type.name] * len(sources)] * len(self.names)
        for each in self.at_once:
            columns[each.place] = _at_once(each.column(run, self.type, path, sources))
        return columns

    async def ended(
        self, run: "PlainExecutor", path: Path, sources: Column, columns: list[Column]
    ) -> Column:
        """The objects, once all of their fields are there."""
        waiting = [each.column(run, self.type, path, sources) for each in self.waited_for]
        # Together, so that what they need of one kind is fetched by one statement.
        found = await asyncio.gather(*waiting, return_exceptions=True)
        for each, column in zip(self.waited_for, found, strict=True):
            if isinstance(column, BaseException):
                raise column
            columns[each.place] = column
        return [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _check(self, sources: Column) -> None:
        """Raises where a source is none of the type, by its class: in this schema nothing else
        tells what type a value is of."""
        asked: Any = self.type.is_type_of
        if asked is None:
            return
        for sample in {type(source): source for source in sources}.values():
            if asked(sample, None) is not True:
                raise Unusual


class PlainExecutor(Executor[None]):
    """graphql-core's executor with the short way for plain selections."""

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: Details,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position_context: None,
    ) -> Any:
        def ordinary() -> Any:
            complete = super(PlainExecutor, self).complete_iterable_value
            return complete(item_type, field_details_list, info, path, items, position_context)

        plan = self._plan(item_type, field_details_list)
        if plan is None or type(items) is not list or not items:
            return ordinary()
        return self._by_plan(plan, path, items, ordinary, list)

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: Details,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: None,
    ) -> Any:
        def ordinary() -> Any:
            complete = super(PlainExecutor, self).complete_object_value
            return complete(return_type, field_details_list, info, path, result, position_context)

        plan = self._plan(return_type, field_details_list)
        if plan is None or plan.waited_for:
            return ordinary()
        return self._by_plan(plan, path, [result], ordinary, _only)

    def _by_plan(
        self,
        plan: _Plan,
        path: Path,
        sources: list[Any],
        ordinary: Callable[[], Any],
        answer: Callable[[Column], Any],
    ) -> Any:
        """What the plan makes of the sources, at once or awaited; else the ordinary answer."""
        try:
            if any(map(_is_unusual, set(map(type, sources)))):
                return ordinary()
            columns = plan.begun(self, path, sources)
        except Exception:
            return ordinary()
        ended = plan.ended(self, path, sources, columns)
        return self._or_ordinary(ended, ordinary) if plan.waited_for else answer(_at_once(ended))

    async def _or_ordinary(self, ended: Awaitable[Column], ordinary: Callable[[], Any]) -> Any:
        try:
            return await ended
        except Exception:
            answer = ordinary()
            return await answer if self.is_awaitable(answer) else answer

    def _plan(self, type_: GraphQLOutputType, details: Details) -> _Plan | None:
        """The plan of a selection; null where it is not plain."""
        type_ = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if not isinstance(type_, GraphQLObjectType) or self.middleware_manager is not None:
            return None
        plans = _plans_of(self.operation)
        name = (type_.name, *(id(each.node) for each in details))
        known = plans.made.get(name)
        if known is not None:
            return known[0]
        if plans.size >= MOST_PLANNED or self._is_one_choice_of_many(plans, details):
            return None
        try:
            plan = self._made(type_, details)
        except Unusual:
            plan = None
        # The nodes are kept, so that their places in memory stay theirs.
        plans.made[name] = plan, [each.node for each in details]
        plans.size += 1 + (len(plan.names) if plan is not None else 0)
        return plan

    def _is_one_choice_of_many(self, plans: "_Plans", details: Details) -> bool:
        """Whether other variables could let other fields of this response name through: there are
        as many choices as that makes, and a plan of each would be kept."""
        if len(details) == 1:
            return False
        if plans.conditional is None:
            plans.conditional = {}
            self._add_conditional(plans.conditional, self.operation.selection_set, False, set())
        return any(id(each.node) in plans.conditional for each in details)

    def _add_conditional(
        self,
        found: dict[int, FieldNode],
        selections: SelectionSetNode | None,
        within: bool,
        seen: set[tuple[str, bool]],
    ) -> None:
        """Adds the fields that carry a directive or stand `within` something that does, at any
        depth; each fragment is walked once within and once without."""
        for each in selections.selections if selections is not None else ():
            conditional = within or bool(each.directives)
            inner: Any = each
            if isinstance(each, FieldNode) and conditional:
                found[id(each)] = each
            elif isinstance(each, FragmentSpreadNode):
                if (each.name.value, conditional) in seen:
                    continue
                seen.add((each.name.value, conditional))
                inner = self.fragments[each.name.value].definition
            self._add_conditional(found, inner.selection_set, conditional, seen)

    def _made(self, type_: GraphQLObjectType, details: Details) -> _Plan:
        for each in details:
            self._check_unconditional(each.node.selection_set)
        fields = self.collect_subfields(type_, details).grouped_field_set
        if not fields:
            raise Unusual
        found = [
            self._field(type_, place, selected) for place, selected in enumerate(fields.values())
        ]
        return _Plan(
            type_,
            tuple(fields),
            tuple(each for each in found if each is not None and not each.waits),
            tuple(each for each in found if each is not None and each.waits),
        )

    def _field(
        self, type_: GraphQLObjectType, place: int, details: Details
    ) -> _Plain | _Gathered | None:
        """How a field is answered; null for the type's name. Raises where it is not plain."""
        if details[0].node.name.value == "__typename":
            return None
        field = self.schema.get_field(type_, details[0].node.name.value)
        own = field.extensions.get("strawberry-definition") if field is not None else None
        if field is None or not isinstance(own, StrawberryField):
            raise Unusual
        completion = self._completion(field.type, details)
        if own.is_basic_field and own.default_resolver is attribute and not completion.waits:
            return _Plain(place, _reader(own.python_name), completion)
        if own.metadata.get("gathered") and not own.extensions:
            return _Gathered(place, field, details, completion, own.is_async)
        raise Unusual

    def _completion(
        self, type_: GraphQLOutputType, details: Details, may_be_null: bool = True
    ) -> _Completion:
        if isinstance(type_, GraphQLNonNull):
            return self._completion(type_.of_type, details, may_be_null=False)
        if isinstance(type_, GraphQLList):
            return _Completion(may_be_null, items=self._completion(type_.of_type, details))
        if is_leaf_type(type_):
            return _Completion(may_be_null, finish=finish_of(type_))
        plan = self._plan(type_, details)
        if plan is None:
            raise Unusual
        return _Completion(may_be_null, plan=plan)

    def _check_unconditional(self, selections: SelectionSetNode | None) -> None:
        """Raises where what is selected depends on more than the document."""
        for each in selections.selections if selections is not None else ():
            if each.directives:
                raise Unusual
            if isinstance(each, FragmentSpreadNode):
                fragment = self.fragments[each.name.value].definition
                self._check_unconditional(fragment.selection_set)
            elif not isinstance(each, FieldNode):
                self._check_unconditional(each.selection_set)  # type: ignore[attr-defined]


@dataclass(slots=True)
class _Plans:
    """The plans of one operation by type and nodes, null where what is selected is not plain; how
    many they are with their fields; and, once they were asked for, the fields on a condition."""

    made: dict[tuple[object, ...], tuple[_Plan | None, list[FieldNode]]] = field(
        default_factory=dict
    )
    size: int = 0
    conditional: dict[int, FieldNode] | None = None


_PLANS: dict[int, _Plans] = {}
"""The plans of each operation that lives, by its place in memory."""


def _plans_of(operation: Any) -> _Plans:
    # Nodes are equal by what they say, and slow to compare: what counts is which one it is.
    plans = _PLANS.get(id(operation))
    if plans is None:
        plans = _PLANS[id(operation)] = _Plans()
        weakref.finalize(operation, _PLANS.pop, id(operation))
    return plans


def _is_unusual(kind: type) -> bool:
    """Whether values of a class are raised or awaited instead of shown."""
    return kind in ABSENT or issubclass(kind, Exception) or hasattr(kind, "__await__")


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine answers that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        answer: T = done.value
        return answer
    coroutine.close()
    raise RuntimeError("a plain field has nothing to wait for")


def _only(column: Column) -> Any:
    return column[0]
