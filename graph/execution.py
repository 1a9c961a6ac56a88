"""One GraphQL request from its text to its answer.

An operation runs on one transaction: a query on a snapshot, the mutations of a request together.
Rights are made once, from the revision read first. Mutations that decide about the tree, change
rights or save views lock the revision for themselves alone; where the tree lives in a graph, its
transaction ends just before that of the records' database. What the trail is to tell is stored with
the change, and of a query before it is answered. A subscription is begun here and told elsewhere
(`graph/streams.py`). It knows nothing of HTTP.
"""

from asyncio import Future
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import CoroutineType
from typing import Any, Protocol, TypeGuard

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    execute,
    get_operation_ast,
)
from graphql import Executor as GraphQLExecutor
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from authz.rights import RightsKeeper
from graph.budget import Budgets, Cost, OverBudget, Scales
from graph.deadline import ClientGone, Deadline, TookTooLong, UntilGone
from graph.documents import GRAPHQL_SCHEMA, Documents, as_graphql
from graph.errors import formatted, log_internal
from graph.examining import Examiner
from graph.language import DEFAULT
from graph.limits import Limits, TooCostly
from graph.limits import cost as weigh
from graph.persisted import PersistedDocuments
from graph.plain import PlainExecutor
from graph.resolvers import views
from graph.resolvers.context import CHANGES_KEPT, Context
from graph.resolvers.deciding import catch_up
from graph.resolvers.previewing import Overtaken
from graph.resolvers.selection import fields_of
from graph.resolvers.sizes import SizeKeeper
from graph.turns import Turns
from hierarchy.embedded import EmbeddedStore
from hierarchy.errors import ChiboError
from hierarchy.placements import Revision, lock_revision, read_revision
from hierarchy.projection import read_kinds
from hierarchy.store import HierarchyStore
from hierarchy.unit import Kinds
from records import trail
from records.trail import AuditEntry
from records.views import View

ATTEMPTS = 4
DECIDING = frozenset({"decide", "reverseDecision"})
CHANGING_RIGHTS = frozenset({"appoint", "endAppointment", "grant", "revokeGrant"})
SAVING_VIEWS = frozenset({"saveView", "deleteView"})
"""One view is saved by several at once, whose transactions would refuse each other in turn."""


class Store(Protocol):
    """The records' database: a snapshot to read, a transaction to write."""

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]: ...
    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]: ...
    def is_retryable(self, error: DBAPIError) -> bool: ...
    async def wait_before(self, attempt: int) -> None: ...


class Tree(Protocol):
    """The store of the tree beside an open connection to the records' database."""

    def tree(self, connection: AsyncConnection) -> HierarchyStore:
        """The store, to be read."""
        ...

    def deciding(self, connection: AsyncConnection) -> AbstractAsyncContextManager[HierarchyStore]:
        """The store, to be written: what the block wrote is stored whole when it ends well,
        else not at all."""
        ...


class EmbeddedTree:
    """The tree where it is kept in the records' database, stored with everything else there."""

    def tree(self, connection: AsyncConnection) -> HierarchyStore:
        return EmbeddedStore(connection)

    @asynccontextmanager
    async def deciding(self, connection: AsyncConnection) -> AsyncIterator[HierarchyStore]:
        yield EmbeddedStore(connection)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: `may_write` is false where mutations are refused (GET). `document_id` names a
    known document where the `query` is empty, else it is the query's SHA-256. `until_gone` ends
    when the client has gone, and the request with it; `spent` is what was charged before it of the
    same array; `deadline` is the executor's to set."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    language: str
    may_write: bool = True
    document_id: str | None = None
    until_gone: UntilGone | None = None
    spent: int = 0
    deadline: Deadline = field(default_factory=Deadline)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered. `was_run` is false where the request itself was at fault, and then there
    is no data; `is_forbidden_method` where it needs another method than it came with. `cost` is
    told beside the body, as `extensions`, and null where nothing was charged or refused for it;
    `retry_after` in seconds, where a budget did not suffice. `is_unheard` where the client had gone
    before it was run to its end."""

    body: dict[str, Any]
    was_run: bool
    is_forbidden_method: bool = False
    cost: Cost | None = None
    retry_after: int | None = None
    is_unheard: bool = False

    @property
    def extensions(self) -> dict[str, Any] | None:
        """What is told of the request itself, which is no part of what was asked."""
        return None if self.cost is None else {"cost": self.cost.shown()}

    @property
    def whole(self) -> dict[str, Any]:
        """The body with what is told beside it."""
        told = self.extensions
        return self.body if told is None else self.body | {"extensions": told}


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription that is fit to be begun: its document is valid and within the limits. `cost`
    is the estimate, of its beginning and of each event."""

    request: Request
    document: DocumentNode
    cost: int


@dataclass
class Executor:
    """Answers requests for one process; what may be kept between them is kept here."""

    store: Store
    limits: Limits
    cursor_key: bytes
    today: Callable[[], date]
    tree: Tree = field(default_factory=EmbeddedTree)
    rights: RightsKeeper = field(default_factory=RightsKeeper)
    sizes: SizeKeeper = field(default_factory=SizeKeeper)
    persisted: PersistedDocuments = field(default_factory=PersistedDocuments)
    budgets: Budgets = field(default_factory=Budgets)
    turns: Turns = field(default_factory=Turns)
    max_seconds: float | None = None
    changes_kept: timedelta = CHANGES_KEPT
    on_written: Callable[[], None] = lambda: None
    """Called when mutations were stored: there may be changes to be told."""
    _kinds: tuple[Revision, Kinds] | None = None

    def __post_init__(self) -> None:
        self._documents = Documents(self.limits)
        self.examiner = Examiner(self.limits, self.persisted)
        self._scales = Scales(self.limits, self.budgets, GRAPHQL_SCHEMA)

    async def answer(self, request: Request, principal: str) -> Answer:
        """The answer for a principal; never raises for what a client sent."""
        try:
            self._scales.check(principal)
            text = await self.persisted.text(request.query, request.document_id)
        except ChiboError as error:
            return _refused([as_graphql(error)], request)
        prepared = self._documents.prepared(text)
        if prepared.document is None:
            self.budgets.charge(principal, len(text))
            return _refused(list(prepared.errors), request)
        return await self._answer(prepared.document, len(text), request, principal)

    async def _answer(
        self, document: DocumentNode, length: int, request: Request, principal: str
    ) -> Answer:
        """Charges what is asked and runs it; where it is not run, it costs the document's length
        alone."""
        try:
            operation = _operation(document, request)
            if operation.operation is OperationType.MUTATION and not request.may_write:
                by_post = GraphQLError("A mutation is sent by POST.")
                return replace(_refused([by_post], request), is_forbidden_method=True)
            if operation.operation is OperationType.SUBSCRIPTION:
                raise GraphQLError("A subscription is asked over WebSocket or as an event stream.")
            cost = self._scales.charge(
                document, request.variables, request.operation_name, principal, request.spent
            )
        except (GraphQLError, TooCostly, OverBudget) as error:
            if not isinstance(error, OverBudget):
                self.budgets.charge(principal, length)
            refusal = _refused([as_graphql(error)], request)
            return replace(refusal, cost=self._scales.told_of(principal, error))
        answer = await self._answer_in_time(document, operation, request, principal)
        if answer.was_run:
            return replace(answer, cost=cost)
        self.budgets.charge(principal, length - cost.estimated)
        return answer

    async def _answer_in_time(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        request: Request,
        principal: str,
    ) -> Answer:
        request = replace(request, deadline=Deadline(self.max_seconds, request.until_gone))
        try:
            async with self.turns.turn(principal, request.deadline):
                return await self._answer_in_turn(document, operation, request, principal)
        except TookTooLong as error:
            return Answer(_body(None, [as_graphql(error)], request.language), was_run=True)
        except ClientGone:
            return Answer({"data": None}, was_run=True, is_unheard=True)

    async def _answer_in_turn(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        request: Request,
        principal: str,
    ) -> Answer:
        if operation.operation is not OperationType.MUTATION:
            return answered(await self._read(document, request, principal), request)
        once = self._way(_root_fields(document, operation))
        result = await self._write(once, document, request, principal)
        self.on_written()
        return answered(result, request)

    async def subscription(self, request: Request, principal: str) -> Subscription | Answer | None:
        """The subscription that is asked, charged like any request, or the answer that refuses it;
        null where something else is asked, or nothing: that is for `answer`."""
        try:
            text = await self.persisted.text(request.query, request.document_id)
        except ChiboError:
            return None
        document = self.document(text)
        found = document and get_operation_ast(document, request.operation_name)
        if not document or not found or found.operation is not OperationType.SUBSCRIPTION:
            return None
        try:
            self._scales.check(principal)
            asked = request.variables, request.operation_name, principal
            cost = self._scales.charge(document, *asked)
        except (TooCostly, OverBudget) as error:
            refusal = _refused([as_graphql(error)], request)
            return replace(refusal, cost=self._scales.told_of(principal, error))
        return Subscription(request, document, cost.estimated)

    async def introspect(self, request: Request) -> Answer | None:
        """The answer to a request that asks of the schema alone; null where it asks for more, or
        by a name: to whom nothing is answered, no name is looked up."""
        if request.document_id is not None or not await self.persisted.may_run(request.query):
            return None
        prepared = self._documents.prepared(request.query)
        if prepared.document is None:
            return None
        try:
            operation = _operation(prepared.document, request)
        except GraphQLError:
            return None
        if not _asks_schema_alone(operation):
            return None
        try:
            asked = request.variables, request.operation_name
            weigh(prepared.document, self.limits, GRAPHQL_SCHEMA, *asked)
        except TooCostly as error:
            return _refused([as_graphql(error)], request)
        return answered(await _execute(prepared.document, request, None), request)

    async def view(self, id: str, principal: str) -> View | None:
        """The view of a global id that a principal may run at this moment; null where there is
        none or it is out of reach, which takes the same statements. Raises `OverBudget` where
        nothing is left to the principal."""
        self._scales.check(principal)
        asked = Request("", None, None, DEFAULT)
        async with self.store.reading() as connection:
            revision = await read_revision(connection)
            tree = self.tree.tree(connection)
            context = await self.context(connection, tree, revision, asked, principal)
            return await views.find(context, id)

    def document(self, text: str) -> DocumentNode | None:
        """A document as it would be run; null where it would be refused."""
        return self._documents.prepared(text).document

    async def _read(
        self, document: DocumentNode, request: Request, principal: str
    ) -> ExecutionResult:
        """Runs the query; again where it asked a tree that is newer than its snapshot."""
        for attempt in range(ATTEMPTS):
            result, told = await self._read_once(document, request, principal)
            if not any(isinstance(each.original_error, Overtaken) for each in result.errors or ()):
                break
            await self.store.wait_before(attempt)
        await self._tell(told)
        return result

    async def _tell(self, entries: Sequence[AuditEntry]) -> None:
        """Stores entries of the trail that belong to no change."""
        if entries:
            async with self.store.writing() as connection:
                await trail.append(connection, entries)

    async def _read_once(
        self, document: DocumentNode, request: Request, principal: str
    ) -> tuple[ExecutionResult, list[AuditEntry]]:
        """The result, and what the trail is to tell before it is answered."""
        async with self.store.reading() as connection, request.deadline.running():
            revision = await read_revision(connection)
            tree = self.tree.tree(connection)
            context = await self.context(connection, tree, revision, request, principal)
            result = await executed(document, request, context)
        return result, context.trail_entries()

    def _way(self, fields: frozenset[str]) -> Callable[..., Awaitable[ExecutionResult]]:
        """How mutations are run once, by what they change."""
        if fields & DECIDING:
            return self._decide_once
        return partial(self._write_once, alone=bool(fields & (CHANGING_RIGHTS | SAVING_VIEWS)))

    async def _write(
        self,
        once: Callable[[DocumentNode, Request, str], Awaitable[ExecutionResult]],
        document: DocumentNode,
        request: Request,
        principal: str,
    ) -> ExecutionResult:
        """Runs the mutations, all of them or none; again where another writer came between."""
        try:
            for attempt in range(ATTEMPTS - 1):
                try:
                    return await once(document, request, principal)
                except DBAPIError as error:
                    if not (isinstance(error, IntegrityError) or self.store.is_retryable(error)):
                        raise
                    await self.store.wait_before(attempt)
            return await once(document, request, principal)
        except _Undone as undone:
            await self._tell(undone.tries)
            return undone.result

    async def _write_once(
        self, document: DocumentNode, request: Request, principal: str, alone: bool = False
    ) -> ExecutionResult:
        async with self.store.writing() as connection, request.deadline.running():
            revision = await lock_revision(connection, alone)
            tree = self.tree.tree(connection)
            context = await self.context(connection, tree, revision, request, principal)
            return await _run(document, request, context)

    async def _decide_once(
        self, document: DocumentNode, request: Request, principal: str
    ) -> ExecutionResult:
        """The same for mutations that decide about the tree, first brought up to it."""
        async with self.store.writing() as connection:
            async with request.deadline.running():
                revision = await lock_revision(connection, alone=True)
            async with self.tree.deciding(connection) as tree, request.deadline.running():
                context = await self.context(connection, tree, revision, request, principal)
                await catch_up(context)
                return await _run(document, request, context)

    async def context(
        self,
        connection: AsyncConnection,
        tree: HierarchyStore,
        revision: Revision,
        request: Request,
        principal: str,
    ) -> Context:
        """What the resolvers of one request share, in the snapshot that `revision` was read in."""
        today = self.today()
        return Context(
            connection=connection,
            tree=tree,
            rights=await self.rights.rights(connection, principal, revision, today),
            revision=revision,
            kinds=await self.read_kinds(connection, revision),
            sizes=self.sizes,
            cursor_key=self.cursor_key,
            today=today,
            now=datetime.now(UTC),
            language=request.language,
            examiner=self.examiner,
        )

    async def read_kinds(self, connection: AsyncConnection, revision: Revision) -> Kinds:
        """The kinds of unit, kept while the revision is the same."""
        if self._kinds is None or self._kinds[0] != revision:
            self._kinds = revision, await read_kinds(connection)
        return self._kinds[1]


class _Undone(Exception):
    """Mutations that failed: the transaction is left without storing, and what was tried is told
    apart from it."""

    def __init__(self, result: ExecutionResult, tries: Sequence[AuditEntry]) -> None:
        super().__init__()
        self.result = result
        self.tries = tries


async def _run(document: DocumentNode, request: Request, context: Context) -> ExecutionResult:
    """Runs mutations, and stores what the trail is to tell of them."""
    result = await executed(document, request, context)
    _raise_database_error(result)
    if result.data is None:
        raise _Undone(result, context.tries)
    await trail.append(context.connection, context.trail_entries())
    return result


async def executed(
    document: DocumentNode, request: Request, context: Context, root: Any = None
) -> ExecutionResult:
    """The result, of which nothing goes on by itself: the connection is free for others; of a
    subscription, for the event that is its root."""
    try:
        result = await _execute(document, request, context, root)
        await context.end()
    except BaseException:
        await context.end(at_once=True)
        raise
    return result


def _root_fields(document: DocumentNode, operation: OperationDefinitionNode) -> frozenset[str]:
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    found = fields_of(operation.selection_set, fragments)
    return frozenset(each.name.value for each in found)


def _operation(document: DocumentNode, request: Request) -> OperationDefinitionNode:
    found = get_operation_ast(document, request.operation_name)
    if found is None:
        raise GraphQLError("There is no operation of that name, or more than one without a name.")
    return found


def _asks_schema_alone(operation: OperationDefinitionNode) -> bool:
    fields = operation.selection_set.selections
    names = {getattr(getattr(field, "name", None), "value", None) for field in fields}
    return operation.operation is OperationType.QUERY and names <= {
        "__schema",
        "__type",
        "__typename",
    }


async def _execute(
    document: DocumentNode, request: Request, context: Context | None, root: Any = None
) -> ExecutionResult:
    result = execute(
        GRAPHQL_SCHEMA,
        document,
        root_value=root,
        context_value=context,
        variable_values=request.variables,
        operation_name=request.operation_name,
        is_awaitable=_is_awaitable,
        executor_class=PlainExecutor,
    )
    found: Any = await result if _is_awaitable(result) else result
    return found  # type: ignore[no-any-return]


def _is_awaitable(value: Any) -> TypeGuard[Awaitable[Any]]:
    """Asked of every value in an answer, so asked cheaply: whatever waits here, a resolver or the
    execution itself, is a coroutine or a future."""
    return type(value) is CoroutineType or isinstance(value, Future)


def _raise_database_error(result: ExecutionResult) -> None:
    """Lets a database's error out of the answer, so that the transaction may be tried again."""
    for error in result.errors or ():
        if isinstance(error.original_error, DBAPIError):
            raise error.original_error


async def begin_stream(asked: Subscription, context: Context) -> Any:
    """What the field of a subscription answers with where it begins, else an `ExecutionResult` of
    its errors."""
    executor = GraphQLExecutor.build(
        GRAPHQL_SCHEMA,
        asked.document,
        context_value=context,
        raw_variable_values=asked.request.variables,
        operation_name=asked.request.operation_name,
    )
    if isinstance(executor, list):
        return ExecutionResult(None, errors=executor)
    found: Any = create_source_event_stream(executor)
    return await found if _is_awaitable(found) else found


def refused(error: ChiboError, request: Request) -> Answer:
    """The answer to a request that is not run."""
    return _refused([as_graphql(error)], request)


def _refused(errors: list[GraphQLError], request: Request) -> Answer:
    found = _body(None, errors, request.language)["errors"]
    waits = (getattr(error.original_error, "retry_after", None) for error in errors)
    return Answer({"errors": found}, was_run=False, retry_after=next(waits, None))


def answered(result: ExecutionResult, request: Request) -> Answer:
    """The answer that says what came of an execution."""
    errors = result.errors or []
    was_run = result.data is not None or any(error.path is not None for error in errors)
    body = _body(result.data, errors, request.language)
    return Answer(body if was_run else {"errors": body["errors"]}, was_run)


def _body(data: dict[str, Any] | None, errors: list[GraphQLError], language: str) -> dict[str, Any]:
    for error in errors:
        log_internal(error)
    body: dict[str, Any] = {"data": data}
    if errors:
        body["errors"] = [formatted(error, language) for error in errors]
    return body
