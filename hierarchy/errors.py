"""The errors of Chibo's own: a small tree, each with the code that clients see.

A message is an English sentence with named places, and its values beside it, so that whoever
answers a person can say it in their language (`graph/language.py`) and the command line in
English. An error never carries a message of a library. It builds on nothing.
"""

from collections.abc import Sequence

from hierarchy.decision import Problem


class ChiboError(Exception):
    """The root. `field` names the input at fault, in the words of who gave it."""

    code = "INTERNAL"

    def __init__(self, message: str, field: str | None = None, **values: object) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.values = values

    def __str__(self) -> str:
        return self.message.format(**self.values)


class BadInput(ChiboError):
    """What was given cannot be taken."""

    code = "BAD_USER_INPUT"


class NotFound(ChiboError):
    """There is no such thing, or none that the asker may know of: the two read the same."""

    code = "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("Not found.")


class Forbidden(ChiboError):
    """The asker may see it, but not do this."""

    code = "FORBIDDEN"

    def __init__(
        self, message: str = "You do not have the right to do this.", **values: object
    ) -> None:
        super().__init__(message, None, **values)


class Conflict(ChiboError):
    """What is stored stands against it."""

    code = "CONFLICT"


class Refused(Conflict):
    """A decision cannot be taken: every problem, the first one's code above all. `field` names
    the input where the first is about one of the decision as a whole."""

    def __init__(self, problems: Sequence[Problem], field: str | None = None) -> None:
        first = problems[0]
        super().__init__(first.message, field)
        self.values = dict(first.values)
        self.code = first.code
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


class TooCostly(ChiboError):
    """The question asks for more than one answer may hold."""

    code = "QUERY_TOO_COSTLY"


class StoreError(ChiboError):
    """A store holds what it must not, or cannot be reached: the operator's to mend."""
