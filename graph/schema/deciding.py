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
    name: str = strawberry.field(description="What it is to be called.")
    kind: str = strawberry.field(description="Its kind, by code.")
    category: str | None = strawberry.field(
        default=UNSET, description="Its category; null for none."
    )


@strawberry.input(description="Goes under another unit with its whole subtree.")
class TransferInput:
    unit: str = strawberry.field(description="The code of the unit that goes.")
    to: str = strawberry.field(description="The code of the unit it goes under.")


@strawberry.input(
    description="The units are closed and what stands under them goes under `into`, which stays or "
    "was established before."
)
class MergeInput:
    units: list[str] = strawberry.field(description="The codes of the units that are closed.")
    into: str = strawberry.field(description="The code of the unit that takes over.")


@strawberry.input(
    description="With a name: a new unit of the same kind beside the unit split. Without: one that "
    "exists or was established before."
)
class SplitPart:
    code: str = strawberry.field(description="The code of the part.")
    name: str | None = strawberry.field(
        default=UNSET, description="What a new part is to be called."
    )
    category: str | None = strawberry.field(
        default=UNSET, description="The category of a new part; null for none."
    )
    units: list[str] = strawberry.field(description="The codes of the units it takes.")


@strawberry.input(
    description="Each part takes the named units, open and directly under `unit`; `unit` stays, or "
    "is closed when nothing is left under it."
)
class SplitInput:
    unit: str = strawberry.field(description="The code of the unit that is split.")
    into: list[SplitPart] = strawberry.field(description="The parts.")
    close: bool = strawberry.field(description="Whether the unit is closed.")


@strawberry.input(description="Nothing open may be left under it.")
class DissolveInput:
    unit: str = strawberry.field(description="The code of the unit that is dissolved.")


@strawberry.input(description="A new name.")
class RenameInput:
    unit: str = strawberry.field(description="The code of the unit.")
    name: str = strawberry.field(description="What it is to be called.")


@strawberry.input(description="What is left out stays; a null category clears it.")
class ReclassifyInput:
    unit: str = strawberry.field(description="The code of the unit.")
    kind: str | None = strawberry.field(default=UNSET, description="The new kind, by code.")
    category: str | None = strawberry.field(default=UNSET, description="The new category.")


@strawberry.input(one_of=True, description="One change, of one kind.")
class ChangeInput:
    establish: EstablishInput | None = strawberry.field(
        default=UNSET, description="A unit is established (thành lập)."
    )
    transfer: TransferInput | None = strawberry.field(
        default=UNSET, description="A unit is transferred (chuyển giao)."
    )
    merge: MergeInput | None = strawberry.field(
        default=UNSET, description="Units are merged (sáp nhập, hợp nhất)."
    )
    split: SplitInput | None = strawberry.field(
        default=UNSET, description="A unit is split (chia, tách)."
    )
    dissolve: DissolveInput | None = strawberry.field(
        default=UNSET, description="A unit is dissolved (giải thể)."
    )
    rename: RenameInput | None = strawberry.field(
        default=UNSET, description="A unit is renamed (đổi tên)."
    )
    reclassify: ReclassifyInput | None = strawberry.field(
        default=UNSET, description="A unit changes kind or category (chuyển loại hình)."
    )


@strawberry.input(
    description="A decision. Its changes are applied in the order given: codes and openness are "
    "checked change by change; kinds, cycles and open units under closed ones on the result."
)
class DecisionInput:
    client_key: str | None = strawberry.field(
        default=UNSET,
        description="Chosen by the client: sent again, the same key stores nothing twice.",
    )
    number: str = strawberry.field(description="A number that was never used.")
    title: str = strawberry.field(description="What it is called.")
    issued_by: str = strawberry.field(
        description="The code of the unit whose committee decided: reach is measured from it."
    )
    issued_on: date = strawberry.field(description="The day it was signed.")
    effective_on: date = strawberry.field(
        description="The first day on which it holds; may lie ahead, or back."
    )
    changes: list[ChangeInput] = strawberry.field(description="What it changes, in order.")


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
