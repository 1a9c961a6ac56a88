"""Requests watched by whoever runs the server: how long each took, and what became of it.

What is told names no principal, no unit and no variable. An operation is told by its name only
where an operator registered its document: a name that a client made up could hold anything, and
there could be any number of them. Who is told, and whether anybody is, is the server's business;
where nobody is, an ordinary `Executor` answers and nothing here runs.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import perf_counter

from graphql import get_operation_ast

from graph.execution import Answer, Executor, Request


@dataclass(frozen=True, slots=True)
class Answered:
    """One request: the operation's name, null where its document is not trusted or it has none;
    what it was estimated to cost, null where it was not run or the server failed; whether it
    was run; the codes of its errors; whether the client had gone before its end."""

    operation: str | None
    seconds: float
    cost: int | None
    was_run: bool
    codes: tuple[str, ...]
    is_unheard: bool = False


Around = Callable[[str | None], AbstractContextManager[object]]
"""What is held around an operation of that name while it is answered."""
Told = Callable[[Answered], None]


@dataclass
class WatchedExecutor(Executor):
    """An executor that holds `around` while it answers, and tells each of `told` about it."""

    around: Around = nullcontext
    told: tuple[Told, ...] = ()

    async def answer(self, request: Request, principal: str) -> Answer:
        name = await self._trusted_name(request)
        with self.around(name):
            begun = perf_counter()
            try:
                answer = await super().answer(request, principal)
            except Exception:
                failed = Answered(name, perf_counter() - begun, None, True, ("INTERNAL",))
                self._pass_on(failed)
                raise
            seconds = perf_counter() - begun
            cost = answer.cost.estimated if answer.was_run and answer.cost else None
            ended = answer.was_run, _codes(answer), answer.is_unheard
            self._pass_on(Answered(name, seconds, cost, *ended))
        return answer

    async def _trusted_name(self, request: Request) -> str | None:
        """The operation's name, as a trusted document has it."""
        text = await self.persisted.trusted_text(request.query, request.document_id)
        document = None if text is None else self._documents.prepared(text).document
        found = document and get_operation_ast(document, request.operation_name)
        return found.name.value if found and found.name else None

    def _pass_on(self, about: Answered) -> None:
        for tell in self.told:
            tell(about)


def _codes(answer: Answer) -> tuple[str, ...]:
    return tuple(error["extensions"]["code"] for error in answer.body.get("errors", ()))
