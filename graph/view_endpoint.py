"""Views over HTTP: `/views/{id}` runs a view's document for whoever asks, as JSON or as CSV.

What is sent is the variables alone. Whether the view is there is asked at that moment, by the
asker's own rights; its document is then run like any other text that they might have sent, so that
nothing is shown that they could not ask for. A view out of reach, an unknown and a malformed id
are answered with the same bytes after the same statements. As CSV an answer with an error is that
error as JSON, under a status that is none of success: never a short table.
"""

import asyncio
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from starlette.requests import Request

from graph import execution
from graph.budget import OverBudget
from graph.execution import Answer
from graph.http import (
    GRAPHQL_JSON,
    JSON,
    READING,
    STATUS,
    Endpoint,
    Written,
    json_parameter,
    status_of,
    unauthenticated,
    until_gone,
)
from graph.spreadsheet import CSV, disposition, sheet_of
from hierarchy.errors import BadInput, NotFound
from records.views import View


@dataclass(frozen=True)
class ViewEndpoint(Endpoint):
    """Answers `/views/{id}`."""

    offered = (JSON, GRAPHQL_JSON, CSV)

    @classmethod
    def beside(cls, endpoint: Endpoint) -> "ViewEndpoint":
        """One that shares everything with the endpoint of `/graphql`."""
        return cls(**{each.name: getattr(endpoint, each.name) for each in fields(Endpoint)})

    async def _answered(
        self, request: Request, language: str, media: str
    ) -> tuple[int, Any, Answer | None]:
        principal = await self.principal(request.headers.get("authorization"))
        if principal is None:
            raise unauthenticated()
        variables = await self._variables(request)
        try:
            view = await self.executor.view(request.path_params["id"], principal)
        except OverBudget as error:
            answer = execution.refused(error, execution.Request("", None, None, language))
            return status_of(answer, media), answer.body, answer
        if view is None:
            raise NotFound
        asked = execution.Request(view.document, variables, None, language, may_write=False)
        asked = replace(asked, until_gone=partial(until_gone, request))
        if media == CSV:
            return await self._table(view, asked, principal)
        answer = await self.executor.answer(asked, principal)
        return status_of(answer, media), answer.body, answer

    async def _variables(self, request: Request) -> dict[str, Any] | None:
        parameters = [name for name, _ in request.query_params.multi_items()]
        if request.method in READING:
            given = dict.fromkeys(parameters)
            found = json_parameter(request.query_params.get("variables"))
        else:
            given = await self._json_body(request)
            found = given.get("variables") if isinstance(given, dict) else None
            parameters = [*parameters, *given] if isinstance(given, dict) else ["", ""]
        if parameters not in ([], ["variables"]):
            raise BadInput("A view is sent `variables` and nothing else.")
        if found is not None and not isinstance(found, dict):
            raise BadInput("`{name}` is a JSON object.", name="variables")
        return found

    async def _table(
        self, view: View, asked: execution.Request, principal: str
    ) -> tuple[int, Any, Answer | None]:
        document = self.executor.document(view.document)
        try:
            sheet = None if document is None else sheet_of(document, asked.variables or {})
        except BadInput:
            self.executor.budgets.charge(principal, len(view.document))
            raise
        answer = await self.executor.answer(asked, principal)
        body = answer.body
        if sheet is None or "errors" in body:
            return STATUS.get(body["errors"][0]["extensions"]["code"], 400), body, answer
        content = await asyncio.to_thread(sheet.written, body["data"])
        return 200, Written(content, CSV, {"Content-Disposition": disposition(view.name)}), None
