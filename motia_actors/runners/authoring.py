"""Decorators that declare a step with the fields of a config, above its handler.

    @event(subscribes=["order.created"], emits=["order.paid"])
    async def charge(order: Order, context: Context) -> None: ...

Several above one handler are the triggers of one step; what is of the step is said in one of them.

The function stays as it is. What is said of it hangs on it until its file has been imported, when
`typed.py` reads its annotations: only then are all names of the file there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from types import ModuleType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Required,
    TypedDict,
    TypeVar,
    Unpack,
    get_origin,
    get_type_hints,
)

from motia_actors.errors import UsageError
from motia_actors.steps.triggers import OF_TRIGGERS

if TYPE_CHECKING:
    from motia_actors.runners.context import Context

MARK = "__motia_step__"

Emits = Sequence[str | Mapping[str, object]]
Method = Literal["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]

WithInput = TypeVar(
    "WithInput",
    bound="Callable[[Any, Context], object] | Callable[[Any], object] | Callable[[], object]",
)
WithContext = TypeVar(
    "WithContext",
    bound="Callable[[Context], object] | Callable[[None, Context], object] | Callable[[], object]",
)
AnyFunction = TypeVar("AnyFunction", bound=Callable[..., object])


class StepFields(TypedDict, total=False):
    """Fields of every step; docs/reference/config.md says what they mean."""

    name: str
    description: str
    flows: Sequence[str]
    emits: Emits
    virtualEmits: Emits
    virtualSubscribes: Sequence[str]
    includeFiles: Sequence[str]
    infrastructure: Mapping[str, Any]


class ApiFields(StepFields, total=False):
    """Fields of an api step."""

    path: Required[str]
    method: Required[Method]
    queryParams: Sequence[str | Mapping[str, str]]
    bodySchema: Any
    responseSchema: Mapping[int, Any] | Mapping[str, Any]
    middleware: Sequence[Callable[..., Any]]


class EventFields(StepFields, total=False):
    """Fields of an event step."""

    subscribes: Required[Sequence[str]]
    input: Any


class CronFields(StepFields, total=False):
    """Fields of a cron step."""

    cron: Required[str]


def api(**fields: Unpack[ApiFields]) -> Callable[[WithInput], WithInput]:
    """Declare an api step; the handler takes a `Request[Body]`, or the body itself."""
    return _declared("api", ApiFields, fields)


def event(**fields: Unpack[EventFields]) -> Callable[[WithInput], WithInput]:
    """Declare an event step; the handler takes the event's data and the context."""
    return _declared("event", EventFields, fields)


def cron(**fields: Unpack[CronFields]) -> Callable[[WithContext], WithContext]:
    """Declare a cron step; the handler takes the context, or None and the context."""
    return _declared("cron", CronFields, fields)


def noop(**fields: Unpack[StepFields]) -> Callable[[AnyFunction], AnyFunction]:
    """Declare a noop step, which is drawn and never runs."""
    return _declared("noop", StepFields, fields)


def step_of(module: ModuleType) -> tuple[dict[str, Any], Callable[..., Any]] | None:
    """The config and the function that are declared in a module; None where none is.

    Raises:
        UsageError: there are several, or a `config` too.
    """
    found: dict[int, Callable[..., Any]] = {}
    for value in list(vars(module).values()):
        if callable(value) and _mark_of(value) and value.__module__ == module.__name__:
            found[id(value)] = value
    if not found:
        return None
    first, *more = found.values()
    if more:
        names = ", ".join(_name(one) for one in found.values())
        raise UsageError(f"it declares {len(found)} steps, {names}; write one step a file")
    config = getattr(module, "config", None)
    if isinstance(config, Mapping) and config.keys() & {
        "type",
        "triggers",
    }:  # Others are settings of the author's own.
        raise UsageError(f"it has a config, and a decorator on {_name(first)}; keep one of them")
    return dict(_mark_of(first)), first


def line_of(module: ModuleType) -> int | None:
    """Where the last of the module's declared functions stands."""
    marked = [one for one in vars(module).values() if callable(one) and _mark_of(one)]
    lines = [inspect.unwrap(one).__code__.co_firstlineno for one in marked]
    return max(lines, default=None)


def _declared(kind: str, shape: type, fields: Mapping[str, Any]) -> Callable[[Any], Any]:
    known = get_type_hints(shape, include_extras=True)
    for name in fields:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            listed = near[0] if near else ", ".join(known)
            raise UsageError(f"@{kind} has no field {name!r}; write {listed}")
    missing = [
        name for name, what in known.items() if get_origin(what) is Required and name not in fields
    ]
    if missing:
        raise UsageError(f"@{kind} wants {', '.join(missing)}: write @{kind}({missing[0]}=...)")

    def decorate(function: Any) -> Any:
        if not inspect.isroutine(function):
            raise UsageError(f"@{kind} stands above a {type(function).__name__}, not a function")
        mark = _joined({"type": kind, **fields}, _mark_of(function), function.__name__)
        if "name" not in mark and function.__name__ != "handler":
            mark["name"] = function.__name__
        setattr(function, MARK, mark)
        return function

    return decorate


def _joined(upper: Mapping[str, Any], lower: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The config of a function below two decorators, or one: the lower may be several already."""
    if not lower:
        return dict(upper)
    if "noop" in (upper["type"], lower.get("type")):
        raise UsageError(f"{name} is a noop step, which nothing triggers; keep one decorator")
    triggers: list[Mapping[str, Any]] = []
    step: dict[str, Any] = {}
    for config in (upper, lower):
        triggers += config.get("triggers") or [_part(config, is_trigger=True)]
        for key, value in _part(config, is_trigger=False).items():
            # A name that is the function's own is no choice of the author's.
            if key in step and not (key == "name" and value == name):
                raise UsageError(f"{name} is given {key} twice; give it in one decorator")
            step.setdefault(key, value)
    return {"triggers": triggers, **step}


def _part(config: Mapping[str, Any], *, is_trigger: bool) -> dict[str, Any]:
    """What of a config is of its trigger, or what is of the step."""
    of_trigger = ("type", *OF_TRIGGERS)
    return {
        key: value
        for key, value in config.items()
        if key != "triggers" and (key in of_trigger) is is_trigger
    }


def _mark_of(value: object) -> dict[str, Any]:
    # Of its own: a mock, or an object of the author's, may have every attribute.
    mark = getattr(value, "__dict__", {}).get(MARK)
    return mark if isinstance(mark, dict) else {}


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "a function")
