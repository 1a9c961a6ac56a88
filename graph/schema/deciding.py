"""What a decision is given as: a list of changes, each of one kind."""

from collections.abc import Sequence
from datetime import date

import strawberry
from strawberry import UNSET

from graph.resolvers.deciding import Given
from graph.schema.filters import given
from hierarchy import proposing
from hierarchy.decision import Step


@strawberry.input(description="A new unit under another.")
class EstablishInput:
    code: str = strawberry.field(description="A code that was never used.")
    under: str = strawberry.field(description="The unit above: one that stays or was established.")
    name: str
    kind: str
    category: str | None = UNSET


@strawberry.input(description="Goes under another unit with its whole subtree.")
class TransferInput:
    unit: str
    to: str


@strawberry.input(
    description="The units are closed and what stands under them goes under `into`, which stays or "
    "was established before."
)
class MergeInput:
    units: list[str]
    into: str


@strawberry.input(
    description="With a name: a new unit of the same kind beside the unit split. Without: one that "
    "exists or was established before."
)
class SplitPart:
    code: str
    name: str | None = UNSET
    category: str | None = UNSET
    units: list[str]


@strawberry.input(
    description="Each part takes the named units, open and directly under `unit`; `unit` stays, or "
    "is closed when nothing is left under it."
)
class SplitInput:
    unit: str
    into: list[SplitPart]
    close: bool


@strawberry.input(description="Nothing open may be left under it.")
class DissolveInput:
    unit: str


@strawberry.input(description="A new name.")
class RenameInput:
    unit: str
    name: str


@strawberry.input(description="What is left out stays; a null category clears it.")
class ReclassifyInput:
    unit: str
    kind: str | None = UNSET
    category: str | None = UNSET


@strawberry.input(one_of=True, description="One change, of one kind.")
class ChangeInput:
    establish: EstablishInput | None = UNSET
    transfer: TransferInput | None = UNSET
    merge: MergeInput | None = UNSET
    split: SplitInput | None = UNSET
    dissolve: DissolveInput | None = UNSET
    rename: RenameInput | None = UNSET
    reclassify: ReclassifyInput | None = UNSET


@strawberry.input(
    description="A decision. Its changes are applied in the order given: codes and openness are "
    "checked change by change; kinds, cycles and open units under closed ones on the result."
)
class DecisionInput:
    client_key: str | None = UNSET
    number: str
    title: str
    issued_by: str = strawberry.field(
        description="The code of the unit whose committee decided: reach is measured from it."
    )
    issued_on: date
    effective_on: date
    changes: list[ChangeInput]


def given_decision(input: DecisionInput) -> Given:
    """The decision as the resolvers take it."""
    return Given(
        input.number,
        input.title,
        input.issued_by,
        input.issued_on,
        input.effective_on,
        [_steps(place, change) for place, change in enumerate(input.changes)],
        given(input.client_key),
    )


def _steps(place: int, change: ChangeInput) -> Sequence[Step]:
    if asked := given(change.establish):
        about = asked.code, asked.under, asked.name, asked.kind, given(asked.category)
        return proposing.establish(place, *about)
    if moved := given(change.transfer):
        return proposing.transfer(place, moved.unit, moved.to)
    if merged := given(change.merge):
        return proposing.merge(place, merged.units, merged.into)
    if divided := given(change.split):
        parts = [_part(part) for part in divided.into]
        return proposing.split(place, divided.unit, parts, divided.close)
    if ended := given(change.dissolve):
        return proposing.dissolve(place, ended.unit)
    if named := given(change.rename):
        return proposing.rename(place, named.unit, named.name)
    return _reclassified(place, given(change.reclassify))


def _part(part: SplitPart) -> proposing.Part:
    return proposing.Part(part.code, given(part.name), given(part.category), tuple(part.units))


def _reclassified(place: int, asked: ReclassifyInput | None) -> Sequence[Step]:
    if asked is None:
        return []
    keeps = asked.category is UNSET
    return proposing.reclassify(place, asked.unit, given(asked.kind), given(asked.category), keeps)
