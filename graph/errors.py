"""Errors as clients see them: the one place where an exception becomes a GraphQL error.

Our own errors keep their code and speak the client's language; a refused decision has all of its
problems. What graphql-core says of a document or of variables is BAD_USER_INPUT in its words.
Everything else is INTERNAL, what is wrong with a store too: it is logged, and the client learns
nothing of it.
"""

from typing import Any

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from graph.budget import OverBudget
from graph.coercion import REFUSED, refused
from graph.language import said
from graph.limits import Costly
from graph.limits import TooCostly as OverLimit
from hierarchy.decision import Problem
from hierarchy.errors import ChiboError, Refused, StoreError

logger = structlog.get_logger(__name__)

INTERNAL = "The server failed to answer this; the fault is logged."
UNAUTHENTICATED = "A valid token is needed."
OVER_LIMIT = "The query is too costly: {what} {found}, at most {limit}."


def formatted(error: GraphQLError, language: str) -> dict[str, Any]:
    """An error of an answer: message, path, locations, and extensions with its code."""
    shown: dict[str, Any] = {"message": "", "extensions": _extensions(error)}
    shown["message"] = sentence(error, language)
    if isinstance(error.original_error, Refused):
        shown["extensions"]["problems"] = [
            {"change": each.change, "code": each.code, "message": problem_said(each, language)}
            for each in error.original_error.problems
        ]
    if isinstance(error.original_error, OverLimit | OverBudget) and error.original_error.costly:
        shown["extensions"]["costly"] = [
            _costly(place, language) for place in error.original_error.costly
        ]
    if error.locations:
        shown["locations"] = [place.formatted for place in error.locations]
    if error.path is not None:
        shown["path"] = error.path
    return shown


def problem_said(problem: Problem, language: str) -> str:
    """A problem of a decision as a sentence, with the names of what stands in its way."""
    sentence = said(problem.message, dict(problem.values), language)
    return f"{sentence} ({', '.join(problem.later)})" if problem.later else sentence


def _costly(place: Costly, language: str) -> dict[str, Any]:
    """A place that makes a document costly; of one that is too deep only where it is."""
    if place.because is None:
        return {"path": place.path}
    because = said(place.because, {"times": place.times}, language)
    return {"path": place.path, "cost": place.cost, "times": place.times, "because": because}


def request_error(code: str, message: str, language: str, **values: object) -> dict[str, Any]:
    """An error of a request that was never run."""
    return {"message": said(message, values, language), "extensions": {"code": code}}


def log_internal(error: GraphQLError) -> None:
    """Logs what the client is not told, where the error is no one's but ours."""
    if _extensions(error)["code"] == "INTERNAL":
        cause = error.original_error or error
        logger.error("field failed", exc_info=cause)


def _extensions(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    if isinstance(cause, OverBudget):
        return {"code": cause.code, "retryAfter": cause.retry_after}
    if isinstance(cause, ChiboError):
        return {"code": cause.code} | ({"field": _camel(cause.field)} if cause.field else {})
    if isinstance(cause, OverLimit):
        return {"code": "QUERY_TOO_COSTLY"}
    if not _is_of_the_request(error):
        return {"code": "INTERNAL"}
    value = refused(error)
    return {"code": "BAD_USER_INPUT"} | ({"field": value.field} if value else {})


def sentence(error: GraphQLError, language: str) -> str:
    """What an error says to a person, in their language."""
    cause = error.original_error
    if isinstance(cause, StoreError):
        return said(INTERNAL, {}, language)
    if isinstance(cause, Refused):
        return problem_said(cause.problems[0], language)
    if isinstance(cause, ChiboError):
        return said(cause.message, cause.values, language)
    if isinstance(cause, OverLimit):
        what = said(cause.what, {}, language)
        found = {"what": what, "limit": cause.limit, "found": cause.found}
        return said(OVER_LIMIT, found, language)
    if not _is_of_the_request(error):
        return said(INTERNAL, {}, language)
    value = refused(error)
    if value is None:
        return said(error.message, {}, language)
    reason = said(value.reason, value.values, language)
    return said(REFUSED, {"field": value.field, "reason": reason}, language)


def _is_of_the_request(error: GraphQLError) -> bool:
    """Whether graphql-core found fault with the document, its variables or its arguments."""
    if isinstance(error, GraphQLSyntaxError):
        return True
    return error.original_error is None or isinstance(error.original_error, GraphQLError)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
