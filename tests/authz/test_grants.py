"""What a grant may give at the most, on the tree of its making and on those that come after."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from authz.grants import ceiling_of
from hierarchy.scope import Hold, Scope
from tests.hierarchy.test_scope import Node, Tree, base, below, covered, scopes, shapes, way_down


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_ceiling_is_what_was_covered_wherever_the_unit_goes(data: st.DataObject) -> None:
    """Of the unit's subtree, exactly what the scope covered there when it was taken."""
    tree = data.draw(shapes())
    scope, of = data.draw(scopes(tree)), data.draw(st.sampled_from(list(tree)))
    ceiling = ceiling_of(replace(scope, granted=()), base(tree, of))
    inside = {of, *below(tree, of)}
    for now in (tree, moved(data, tree, of)):
        highest = ceiling.scope({each: base(now, each) for each in now})
        shown = {each for each in inside if highest.covers(base(now, each))}
        assert shown == covered(tree, replace(scope, granted=())) & inside


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_ceiling_follows_the_units_it_was_taken_from(data: st.DataObject) -> None:
    """What came from above the unit is measured from the unit itself; what came from offices
    below it, from where those stand now; whatever is founded, moved or gone since."""
    before = data.draw(shapes())
    scope, of = data.draw(scopes(before)), data.draw(st.sampled_from(list(before)))
    ceiling = ceiling_of(replace(scope, granted=()), base(before, of))
    now = before
    for _ in range(data.draw(st.integers(0, 3))):
        now = moved(data, now, data.draw(st.sampled_from(list(now))))
    gone = data.draw(st.sampled_from([None, None, *(set(now) - {of, *way_down(now, of)})]))
    if gone is not None:
        now = {each: node for each, node in now.items() if gone not in way_down(now, each)}
    highest = ceiling.scope({each: base(now, each) for each in now})
    for each in (of, *below(now, of)):
        allowed = any(gave(before, now, hold, of, each) for hold in scope.allowed)
        denied = any(gave(before, now, hold, of, each) for hold in scope.denied)
        assert highest.covers(base(now, each)) == (allowed and not denied)


def gave(before: Tree, now: Tree, hold: Hold, of: int, unit: int) -> bool:
    """Whether a hold of the day of making shows `of`'s unit of today's tree."""
    at = hold.base.unit_id
    if of in way_down(before, at):
        return at in now and unit in covered(now, Scope((replace(hold, base=base(now, at)),)))
    if at not in way_down(before, of):
        return False
    match hold.reach.form:
        case "subtree" | "below":
            return True
        case "children":
            return unit == of and before[of].parent == at
        case "rank":
            return now[unit].rank <= hold.reach.rank
    return False


def moved(data: st.DataObject, tree: Tree, unit: int) -> Tree:
    """The tree with one unit under another one that is not below it; ranks are as they were."""
    if tree[unit].parent is None:
        return tree
    others = [each for each in tree if unit not in way_down(tree, each)]
    return tree | {unit: Node(data.draw(st.sampled_from(others)), tree[unit].rank)}
