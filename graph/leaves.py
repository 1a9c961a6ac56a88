"""Leaves of an answer, completed a column at a time: many values of one scalar or enumeration.

What comes out is what the type's own serialiser makes of each value; where the values are of the
very class that the type stands for, it is not asked for each of them. Nothing is decided here:
a value that fails its serialiser raises, and whoever asked completes it the ordinary way.
"""

from collections.abc import Callable
from math import isfinite
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
)
from graphql.pyutils.undefined import UndefinedType
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT

Column = list[Any]
Finish = Callable[[Column], Column]

ABSENT = {type(None), UndefinedType}
"""The classes of what stands for no value."""


class Unusual(Exception):
    """Not a case for the short way: to be completed the ordinary way, whatever comes of it."""


def finish_of(type_: GraphQLLeafType) -> Finish:
    """What completes a column of a type, with no null in it. It raises for a value that fails."""
    each = _each(type_.coerce_output_value)
    if isinstance(type_, GraphQLEnumType) and hasattr(type_, "wrapped_cls"):
        return _enumeration(type_, type_.wrapped_cls, each)
    if type_.name in _OWN_CLASS:
        return _as_it_is(*_OWN_CLASS[type_.name], each)
    return each


def _each(coerce: Callable[[Any], Any]) -> Finish:
    def finish(column: Column) -> Column:
        completed = list(map(coerce, column))
        if ABSENT & set(map(type, completed)):
            raise Unusual
        return completed

    return finish


def _enumeration(type_: GraphQLEnumType, members: Any, each: Finish) -> Finish:
    # By identity, since an Enum's hash is made in Python each time.
    names = {id(member): type_.coerce_output_value(member) for member in members}

    def finish(column: Column) -> Column:
        try:
            return [names[id(value)] for value in column]
        except KeyError:
            return each(column)

    return finish


def _as_it_is(own: type, are_in_range: Callable[[Column], bool], each: Finish) -> Finish:
    def finish(column: Column) -> Column:
        if set(map(type, column)) <= {own} and are_in_range(column):
            return column
        return each(column)

    return finish


def _always(_column: Column) -> bool:
    return True


def _are_32_bit(column: Column) -> bool:
    return not column or (min(column) >= GRAPHQL_MIN_INT and max(column) <= GRAPHQL_MAX_INT)


def _are_finite(column: Column) -> bool:
    return all(map(isfinite, column))


_OWN_CLASS: dict[str, tuple[type, Callable[[Column], bool]]] = {
    GraphQLString.name: (str, _always),
    GraphQLID.name: (str, _always),
    GraphQLBoolean.name: (bool, _always),
    GraphQLInt.name: (int, _are_32_bit),
    GraphQLFloat.name: (float, _are_finite),
}
"""Built-in scalars that answer with a value of their own class as it is, and of which ones."""
