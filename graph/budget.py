"""What requests may cost a principal in a minute, and what each was charged.

Every principal has a budget of estimated values (`graph/limits.py`) that fills by the second up to
a minute's worth. A request is charged what was estimated, before it runs and whatever comes of it;
a document that is refused costs its length, for it had to be read. Budgets are kept in the process,
each worker for itself, and forgotten once they are full again. Who is asking was found out before:
a token that is not accepted touches no budget.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, GraphQLSchema

from graph.limits import Costly, Limits, TooCostly, cost, dearest
from hierarchy import errors

MINUTE = 60.0

MOST_KEPT = 10_000
"""Principals whose budgets are kept: of more the one who asked longest ago is forgotten."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request was charged, `estimated`, of the `most` that one may be; what is `left` of
    the principal's budget and how much that gets `per_minute`, null where none is kept."""

    estimated: int
    most: int
    left: int | None
    per_minute: int | None

    def shown(self) -> dict[str, int | None]:
        """As `extensions.cost` tells it."""
        return {
            "estimated": self.estimated,
            "most": self.most,
            "left": self.left,
            "perMinute": self.per_minute,
        }


class OverBudget(errors.TooCostly):
    """The principal's budget does not suffice now; it does `retry_after` seconds later. `estimated`
    is null where the request was not looked at, for nothing was left."""

    def __init__(
        self,
        retry_after: int,
        estimated: int | None = None,
        costly: tuple[Costly, ...] = (),
    ) -> None:
        super().__init__(
            "The budget of this minute does not suffice: ask again in {seconds} seconds.",
            seconds=retry_after,
        )
        self.retry_after = retry_after
        self.estimated = estimated
        self.costly = costly


class Budgets:
    """The budgets of one process. Without `per_minute` there are none and all is granted."""

    def __init__(
        self, per_minute: int | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_minute = per_minute
        self._now = now
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, principal: str) -> int | None:
        """What the principal may still be charged now."""
        return None if self.per_minute is None else max(0, int(self._left(principal)))

    def wait(self, principal: str, amount: int) -> int:
        """Seconds until an amount, at most a minute's worth, may be charged; 0 is now."""
        if self.per_minute is None:
            return 0
        lacking = amount - self._left(principal)
        return max(0, math.ceil(lacking * MINUTE / self.per_minute))

    def charge(self, principal: str, amount: int) -> int | None:
        """Takes an amount, and tells what is left at that very moment. What was not asked for
        beforehand (`wait`) may make a debt, of a minute's worth at most; a negative amount is given
        back."""
        if self.per_minute is None:
            return None
        most = float(self.per_minute)
        left = min(max(-most, self._left(principal) - amount), most)
        self._keep(principal, left)
        return max(0, int(left))

    def __len__(self) -> int:
        """The principals whose budgets are kept."""
        return len(self._kept)

    def _left(self, principal: str) -> float:
        per_minute = self.per_minute or 0
        left, at = self._kept.get(principal, (per_minute, 0.0))
        return min(float(per_minute), left + (self._now() - at) * per_minute / MINUTE)

    def _keep(self, principal: str, left: float) -> None:
        now = self._now()
        self._kept[principal] = left, now
        self._kept.move_to_end(principal)
        while len(self._kept) > MOST_KEPT or next(iter(self._kept.values()))[1] <= now - 2 * MINUTE:
            self._kept.popitem(last=False)


@dataclass(frozen=True)
class Scales:
    """Weighs what is asked and charges it, against one schema."""

    limits: Limits
    budgets: Budgets
    schema: GraphQLSchema

    def check(self, principal: str) -> None:
        """Before a document is so much as read. Raises `OverBudget` where nothing is left."""
        wait = self.budgets.wait(principal, 1)
        if wait:
            raise OverBudget(wait)

    def charge(
        self,
        document: DocumentNode,
        variables: Mapping[str, Any] | None,
        operation_name: str | None,
        principal: str,
        spent: int = 0,
    ) -> Cost:
        """What an operation of a measured document costs, charged to the principal; `spent` is
        what was charged already of the same array. Raises `TooCostly` and `OverBudget`, which
        name the dearest places, and charges nothing then."""
        asked = document, self.schema, variables or {}, operation_name
        estimated = cost(document, self.limits, *asked[1:])
        if spent + estimated > self.limits.max_cost:
            found = spent + estimated
            raise TooCostly("cost", self.limits.max_cost, found, costly=dearest(*asked))
        wait = self.budgets.wait(principal, estimated)
        if wait:
            raise OverBudget(wait, estimated, dearest(*asked))
        return self._told(estimated, self.budgets.charge(principal, estimated))

    def told_of(self, principal: str, refusal: Exception) -> Cost | None:
        """What is told of a request that was refused for its cost; null for any other reason."""
        estimated = None
        if isinstance(refusal, OverBudget):
            estimated = refusal.estimated
        elif isinstance(refusal, TooCostly) and refusal.what == "cost":
            estimated = refusal.found
        return None if estimated is None else self._told(estimated, self.budgets.left(principal))

    def _told(self, estimated: int, left: int | None) -> Cost:
        return Cost(estimated, self.limits.max_cost, left, self.budgets.per_minute)
