"""How a unit's life is told: its versions through time, and what took over from what.

One statement a level, however many units are asked about; what is seen of it is decided in the
database (`hierarchy/decisions.py`).
"""

from collections.abc import Mapping

from graph.resolvers import decisions as resolved
from graph.resolvers.context import Context
from hierarchy import decisions
from hierarchy.decisions import DecisionSeen, VersionSeen
from hierarchy.unit import Placed


async def history(context: Context, unit: Placed) -> list[VersionSeen]:
    """The unit's versions in sight, oldest first, whatever day it was asked for."""

    async def load(units: list[int]) -> Mapping[int, list[VersionSeen]]:
        return await context.ask(decisions.histories, context.sight_through_time, units)

    found: list[VersionSeen] | None = await context.loader("history", load).load(unit.unit_id)
    return found or []


async def decision(context: Context, version: VersionSeen) -> DecisionSeen | None:
    """The decision that a version began with, where it is in sight."""
    return None if version.number is None else await resolved.find(context, version.number)


async def successors(context: Context, unit: Placed) -> list[Placed]:
    """The units in sight that took over from it by the unit's day."""
    return await _lineage(context, unit, forward=True)


async def predecessors(context: Context, unit: Placed) -> list[Placed]:
    """The units in sight that it took over from by its day."""
    return await _lineage(context, unit, forward=False)


async def _lineage(context: Context, unit: Placed, *, forward: bool) -> list[Placed]:
    """Nothing of a unit that is in sight with its own fields alone."""
    if not await context.sees(unit):
        return []
    query = decisions.successors if forward else decisions.predecessors

    async def load(units: list[int]) -> Mapping[int, list[Placed]]:
        return await context.ask(query, context.sight(unit.day), units, unit.day)

    name = ("lineage", forward, unit.day)
    found: list[Placed] | None = await context.loader(name, load).load(unit.unit_id)
    return found or []
