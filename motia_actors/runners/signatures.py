"""What a function of the user's wants to be called with, and whether it is asynchronous.

Decorators hide both: `functools.wraps` makes `inspect.signature` tell of the function below,
while the wrapper is what is called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from motia_actors.messages import StepKind

_CONTEXT_NAMES = frozenset({"ctx", "context"})
_COUNT_ANY = 99


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How many positional arguments a function takes at most and at least.

    `second` is the name of the second parameter; empty where there is none.
    """

    count_max: int
    count_min: int
    second: str = ""


def shape_of(function: Callable[..., Any]) -> Shape:
    """Look at what is called; where it takes anything, at what it wraps."""
    shape = _shape(function, follows_wrapped=False)
    if shape is not None and shape.count_max < _COUNT_ANY:
        return shape
    inner = _shape(function, follows_wrapped=True)
    return inner or shape or Shape(count_max=_COUNT_ANY, count_min=0)


def arguments(shape: Shape, kind: StepKind, value: object, context: object) -> tuple[object, ...]:
    """Choose what a handler of kind is called with: as much as it takes of input and context.

    A cron handler takes the context alone. One written with two parameters, as for events, gets
    None for the input it expects.
    """
    if kind == "cron":
        has_input = shape.count_max >= 2 and (
            shape.count_min >= 2 or shape.second.strip("_") in _CONTEXT_NAMES
        )
        if has_input:
            return (None, context)
        return (context,) if shape.count_max else ()
    return (value, context)[: shape.count_max]


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether calling it gives an awaitable, as far as can be seen without doing so."""
    layer: Any = function
    for _ in range(100):  # A wrapper may, by mistake, wrap itself.
        while isinstance(layer, partial):
            layer = layer.func
        if inspect.iscoroutinefunction(layer):
            return True
        if not inspect.isroutine(layer) and inspect.iscoroutinefunction(
            getattr(layer, "__call__", None)  # noqa: B004 (its method, not whether it has one)
        ):
            return True
        if (wrapped := getattr(layer, "__wrapped__", None)) is None:
            return False
        layer = wrapped
    return False


def _shape(function: Callable[..., Any], *, follows_wrapped: bool) -> Shape | None:
    try:
        signature = inspect.signature(function, follow_wrapped=follows_wrapped)
    except (ValueError, TypeError):  # Some built-in functions do not tell.
        return None
    positional = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    takes_any = any(one.kind is one.VAR_POSITIONAL for one in signature.parameters.values())
    return Shape(
        count_max=_COUNT_ANY if takes_any else len(positional),
        count_min=sum(one.default is one.empty for one in positional),
        second=positional[1].name if len(positional) > 1 else "",
    )
