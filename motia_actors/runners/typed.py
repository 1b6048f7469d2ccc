"""Read the annotations of a declared handler: objects in and out in place of plain JSON.

Models of pydantic, msgspec structs, dataclasses, attrs classes, and types made of them. What a
handler takes becomes the `bodySchema` or `input` of its config, what it returns the schema of its
200, so that everything else sees them as if they had been written there.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from types import SimpleNamespace
from typing import Any

import msgspec

from motia_actors.errors import InvalidInputError, PayloadError, UsageError
from motia_actors.messages import Request
from motia_actors.payload import encode
from motia_actors.runners.context import Context
from motia_actors.runners.signatures import is_async

Convert = Callable[[Any], Any]
Given = Callable[[tuple[Any, ...]], tuple[Any, ...]]

PROBLEMS_MAX = 50
_PLAIN = (inspect.Parameter.empty, Any, object, dict, Mapping, None, type(None))
_AT = re.compile(r"^(?P<reason>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)


def typed(
    config: Mapping[str, Any], function: Callable[..., Any]
) -> tuple[dict[str, Any], Callable[..., Any]]:
    """The config with the schemas of the annotations, and what calls function with objects.

    Raises:
        UsageError: an annotation cannot be resolved, or no value can be made of it.
    """
    full = dict(config)
    triggers = [dict(one) for one in config["triggers"]] if "triggers" in config else [full]
    kinds = {one["type"] for one in triggers}
    if not kinds & {"api", "event"}:
        return full, function
    if "triggers" in config:
        full["triggers"] = triggers
    signature = inspect.signature(function)
    first = next(iter(signature.parameters.values()), None)
    taken = Any if first is None else _resolved(function, first.name, first.annotation)
    if taken is Context:
        raise UsageError("its first parameter is the context; put the input first, context second")
    if "cron" in kinds:
        # None is what a schedule gives, and no body or data.
        taken = _without_none(taken)
    is_request = taken is Request or typing.get_origin(taken) is Request
    if is_request:
        if "event" in kinds:
            raise UsageError(
                "it takes a Request, but the event trigger gives the data alone; take the body "
                "in place of the Request, or write two steps"
            )
        taken = next(iter(typing.get_args(taken)), Any)
    convert = None
    if not _is_plain(taken):
        convert, schema = _converter(taken)
        for one in triggers:
            if one["type"] != "cron":
                one.setdefault("bodySchema" if one["type"] == "api" else "input", schema)
    answers = False
    if "api" in kinds:
        given = _resolved(function, "return", signature.return_annotation)
        answers = _has_model(given)
        if answers:
            # A dict says a status of its own.
            model = _choice(given, _has_model)
            for one in triggers:
                if one["type"] == "api":
                    one.setdefault("responseSchema", {200: model})
    if convert is None and not answers:
        return full, function
    before = _before(convert, is_request=is_request)
    return full, _around(function, before, _answer if answers else _same)


def _around(function: Callable[..., Any], before: Given, after: Convert) -> Callable[..., Any]:
    """Function with its arguments and its answer changed; a wrong body is answered here."""
    if is_async(function):

        @functools.wraps(function)
        async def run_async(*given: Any) -> Any:
            try:
                given = before(given)
            except _RefusedError as refused:
                return refused.answer
            return after(await function(*given))

        return run_async

    @functools.wraps(function)
    def run(*given: Any) -> Any:
        try:
            given = before(given)
        except _RefusedError as refused:
            return refused.answer
        return after(function(*given))

    return run


class _RefusedError(Exception):
    """The body is wrong in a way that its schema cannot say; answered as a wrong body is."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__()
        details = [{"path": path, "message": message} for path, message in problems]
        self.answer = {"status": 400, "body": {"error": "Invalid request body", "details": details}}


def _before(convert: Convert | None, *, is_request: bool) -> Given:
    """What makes objects of the first argument, by what triggered the call."""
    if convert is None:
        return _same

    def body(request: Request) -> Any:
        try:
            made = convert(request["body"])
        except Exception as error:  # validators of models are the user's code
            raise _RefusedError(_problems(error)) from error
        # A copy: middleware goes on with the body as it came.
        return Request({**request, "body": made}) if is_request else made

    def data(value: object) -> Any:
        try:
            return convert(value)
        except Exception as error:  # validators of models are the user's code
            raise InvalidInputError("input", _problems(error), is_final=True) from error

    def arguments(given: tuple[Any, ...]) -> tuple[Any, ...]:
        if not given or _is_by_schedule(given):
            return given
        value = given[0]
        return (body(value) if isinstance(value, Request) else data(value), *given[1:])

    return arguments


def _is_by_schedule(given: tuple[Any, ...]) -> bool:
    """The arguments are of a cron call: the context, or None before it."""
    return isinstance(given[-1], Context) and given[-1].trigger.type == "cron"


def _without_none(annotation: Any) -> Any:
    return _choice(annotation, lambda one: one is not type(None))


def _choice(annotation: Any, is_kept: Callable[[Any], bool]) -> Any:
    """Of a choice of types those that are kept; any other type as it is."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation
    return functools.reduce(operator.or_, filter(is_kept, typing.get_args(annotation)))


def _converter(annotation: Any) -> tuple[Convert, Any]:
    """What makes values of the type out of plain JSON, and what has its schema."""
    if not hasattr(annotation, "__pydantic_validator__"):
        try:
            msgspec.json.schema(annotation)
        except TypeError as error:
            # A type made of pydantic models: whoever has one has imported pydantic.
            if "pydantic" not in sys.modules:
                raise UsageError(f"no value can be made of {annotation!r}: {error}") from error
        else:
            return lambda value: msgspec.convert(value, annotation, str_keys=True), annotation
    try:
        adapter = sys.modules["pydantic"].TypeAdapter(annotation)
    except Exception as error:  # what it says of a type that it does not know
        reason = str(error).partition("\n")[0]
        raise UsageError(f"no value can be made of {annotation!r}: {reason}") from error

    def validate(value: object) -> Any:
        try:
            # As JSON: there strict models, too, take text for dates.
            text = encode(value)
        except PayloadError:  # With uploads, which have no JSON form.
            return adapter.validate_python(value)
        return adapter.validate_json(text)

    return validate, adapter


def _problems(error: Exception) -> list[tuple[str, str]]:
    """What is wrong, as (dotted field, reason), where the error is of a validation.

    Raises:
        Exception: it is not, but a fault of the validator's.
    """
    if isinstance(error, msgspec.ValidationError):
        found = _AT.match(str(error))
        assert found is not None
        path = re.sub(r"\[(\w+|\.\.\.)\]", r".\1", found["path"] or "").strip(".")
        return [(path, found["reason"])]
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and isinstance(error, pydantic.ValidationError):
        listed = error.errors(include_url=False, include_context=False, include_input=False)
        return [(".".join(map(str, one["loc"])), str(one["msg"])) for one in listed[:PROBLEMS_MAX]]
    raise error


def _answer(value: Any) -> Any:
    """A model as the body of a 200; an answer that says its status as it is."""
    if value is None or isinstance(value, Mapping) or inspect.isawaitable(value):
        return value
    return {"status": 200, "body": value}


def _same(value: Any) -> Any:
    return value


def _resolved(function: Callable[..., Any], name: str, annotation: Any) -> Any:
    """The annotation, where it is text as what it means in the function's module."""
    if annotation is inspect.Parameter.empty:
        return annotation
    inner = inspect.unwrap(function)
    try:
        holder = SimpleNamespace(__annotations__={name: annotation})
        return typing.get_type_hints(holder, inner.__globals__, include_extras=True)[name]
    except Exception as error:  # evaluating runs the author's code
        raise UsageError(
            f"the annotation {annotation!r} of {inner.__name__} cannot be resolved: {error}; "
            f"import its names at run time, not under TYPE_CHECKING"
        ) from error


def _is_plain(annotation: Any) -> bool:
    """A type that says no more than that JSON comes."""
    origin = typing.get_origin(annotation) or annotation
    return origin in _PLAIN or origin is Mapping or isinstance(origin, typing.TypeVar)


def _has_model(annotation: Any) -> bool:
    """A class with fields, or a list or choice of such: no dict of status and body."""
    origin = typing.get_origin(annotation)
    if origin is not None:
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return False
        return any(map(_has_model, typing.get_args(annotation)))
    return isinstance(annotation, type) and (
        is_dataclass(annotation)
        or issubclass(annotation, msgspec.Struct)
        or hasattr(annotation, "__attrs_attrs__")
        or hasattr(annotation, "__pydantic_validator__")
    )
