"""Write `motia_types.pyi`: what editors and mypy know of a project's handlers, topics and streams.

A stub alone, with nothing behind it at run time: step files import it under `TYPE_CHECKING`. Each
step is a class that holds its types: `CreateOrder.Request`, `.Context`, `.Response`, `.Input`.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from typing import Any

from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Step
from motia_actors.steps.files import MARK, with_files
from motia_actors.steps.naming import snake_case
from motia_actors.steps.typegen import EmitType, Schema, emits_of, merged, path_params, resolved

NAME = "motia_types.pyi"
_PLAIN = {"string": "str", "number": "float", "integer": "int", "boolean": "bool", "null": "None"}

HEAD = """\
# Written by `motia-actors generate types`; what is changed here is lost.
#
#     from typing import TYPE_CHECKING
#     if TYPE_CHECKING:
#         from motia_types import CreateOrder
#
#     async def handler(req: "CreateOrder.Request", context: "CreateOrder.Context"): ...

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Literal, Never, NotRequired, Protocol, TypeAlias, TypedDict, TypeVar, overload

_Body = TypeVar("_Body", covariant=True)
_Path = TypeVar("_Path", covariant=True)
_Item = TypeVar("_Item")
_Event = TypeVar("_Event", contravariant=True)

class ApiRequest(Protocol[_Body, _Path]):
    @property
    def body(self) -> _Body: ...
    @property
    def pathParams(self) -> _Path: ...
    @property
    def params(self) -> _Path: ...
    queryParams: dict[str, Any]
    query: dict[str, Any]
    headers: dict[str, Any]
    cookies: dict[str, str]
    method: str
    path: str
    rawBody: Any
    @overload
    def __getitem__(self, key: Literal["body"]) -> _Body: ...
    @overload
    def __getitem__(self, key: Literal["pathParams", "params"]) -> _Path: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    @overload
    def get(self, key: Literal["body"], default: Any = ...) -> _Body: ...
    @overload
    def get(self, key: Literal["pathParams", "params"], default: Any = ...) -> _Path: ...
    @overload
    def get(self, key: str, default: Any = ...) -> Any: ...
    def __contains__(self, key: object) -> bool: ...
    def __setitem__(self, key: str, value: Any) -> None: ...
    def __setattr__(self, name: str, value: Any) -> None: ...

# A body of bytes, or one that is sent piece by piece.
Content: TypeAlias = bytes | str | Iterator[str | bytes] | AsyncIterator[str | bytes]

class Upload(TypedDict):
    name: str
    filename: str
    contentType: str
    size: int
    data: bytes | None
    path: str | None

class Logger(Protocol):
    def debug(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def info(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def warn(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def warning(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def error(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def exception(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def log(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...

class State(Protocol):
    def get(self, group: str, key: str) -> Any: ...
    def set(self, group: str, key: str, value: object, *, ttl: float | None = ...) -> Any: ...
    def delete(self, group: str, key: str) -> Any: ...
    def clear(self, group: str) -> Any: ...
    def keys(self, group: str) -> Any: ...
    def increment(self, group: str, key: str, by: float = ...) -> Any: ...
    def update(self, group: str, key: str, change: Mapping[str, object] | Callable[[Any], object]) -> Any: ...
    def compare_and_set(self, group: str, key: str, expected: object, value: object, *, ttl: float | None = ...) -> Any: ...
    def get_group(self, group: str) -> Any: ...
    def getGroup(self, group: str) -> Any: ...

class Channel(TypedDict):
    groupId: str
    id: NotRequired[str]

class Stream(Protocol[_Item]):
    def get(self, group_id: str, id: str) -> Awaitable[_Item | None]: ...
    def set(self, group_id: str, id: str, data: _Item) -> Awaitable[_Item]: ...
    def update(
        self, group_id: str, id: str, patch: Mapping[str, object]
    ) -> Awaitable[_Item | None]: ...
    def delete(self, group_id: str, id: str) -> Awaitable[_Item | None]: ...
    def get_group(self, group_id: str) -> Awaitable[list[_Item]]: ...
    def getGroup(self, group_id: str) -> Awaitable[list[_Item]]: ...
    def send(self, channel: Channel, event: Mapping[str, Any]) -> Awaitable[None]: ...

class Event(Protocol):
    id: str
    topic: str
    data: bytes
    trace_id: str
    flows: tuple[str, ...]
    group_id: str | None

class Delivery(Protocol):
    @property
    def id(self) -> str: ...
    event: Event
    attempt: int
    put_s: float

class Trigger(Protocol):
    type: Literal["api", "event", "cron"]
    method: str | None
    path: str | None
    topic: str | None
    cron: str | None

class FlowContext(Protocol[_Event]):
    trace_id: str
    traceId: str
    flows: list[str]
    delivery: Delivery | None
    trigger: Trigger
    logger: Logger
    state: State
    streams: Streams
    def emit(self, event: _Event) -> Awaitable[str | None]: ...
    def cancel(self, event_id: str) -> Awaitable[int | None]: ...
"""  # noqa: E501 (a stub's lines)


class _Writer:
    """Collects the TypedDicts that types refer to, each under a name of its own."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self._names: set[str] = set()

    def named(self, wanted: str) -> str:
        """A name that is free, and taken from now on."""
        name, count = wanted, 1
        while name in self._names:
            count += 1
            name = f"{wanted}{count}"
        self._names.add(name)
        return name

    def type_of(self, schema: Schema | None, name: str) -> str:
        """The Python of a JSON Schema; name is for what needs one."""
        return "Any" if schema is None else self._type(resolved(schema), name)

    def typed_dict(self, name: str, fields: Mapping[str, tuple[str, bool]]) -> str:
        """Write a TypedDict of (type, is required) by key; answers its name."""
        name = self.named(name)
        typed = {key: one if must else f"NotRequired[{one}]" for key, (one, must) in fields.items()}
        if all(key.isidentifier() and not keyword.iskeyword(key) for key in typed):
            body = [f"    {key}: {one}" for key, one in typed.items()] or ["    pass"]
            self.blocks.append("\n".join([f"class {name}(TypedDict):", *body]))
        else:
            listed = ", ".join(f"{key!r}: {one}" for key, one in typed.items())
            self.blocks.append(f'{name} = TypedDict("{name}", {{{listed}}})')
        return name

    def _type(self, schema: Any, name: str) -> str:
        if not isinstance(schema, Mapping):
            return "Any"
        if MARK in schema:
            return "Upload | list[Upload]"
        if "const" in schema:
            return _literal([schema["const"]])
        if isinstance(schema.get("enum"), list):
            return _literal(schema["enum"])
        for word in ("anyOf", "oneOf"):
            if isinstance(schema.get(word), list):
                return _union(self._type(one, name) for one in schema[word])
        if isinstance(schema.get("allOf"), list):
            own = {key: value for key, value in schema.items() if key != "allOf"}
            whole = merged([*schema["allOf"], *([own] if "properties" in own else [])])
            return "Any" if "allOf" in whole else self._type(whole, name)
        kind = schema.get("type")
        if isinstance(kind, list):
            return _union(self._type({**schema, "type": one}, name) for one in kind)
        if kind == "array":
            items = schema.get("items")
            return f"list[{self._type(items, f'{name}Item')}]"
        if kind == "object" or "properties" in schema:
            return self._object(schema, name)
        if kind == "string" and schema.get("format") == "binary":
            return "Content"
        return _PLAIN.get(str(kind), "Any")

    def _object(self, schema: Schema, name: str) -> str:
        properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
        if not properties:
            return f"dict[str, {self._type(more, f'{name}Value')}]"
        required = set(schema.get("required") or ())
        fields = {
            key: (self._type(one, f"{name}{class_name(key)}"), key in required)
            for key, one in properties.items()
        }
        return self.typed_dict(name, fields)


def motia_types_pyi(catalog: Catalog) -> str:
    """The whole file."""
    writer = _Writer()
    streams = []
    for stream in catalog.streams:
        item = writer.type_of(stream.schema, f"{class_name(stream.name)}Item")
        streams += [
            f"    {name}: Stream[{item}]"
            for name in dict.fromkeys((snake_case(stream.name), stream.name))
            if name.isidentifier() and not keyword.iskeyword(name)
        ]
    steps = [_step(writer, catalog, step) for step in catalog.steps if step.kind != "noop"]
    listed = "\n".join(
        [
            "class Streams(Protocol):",
            *streams,
            "    def __getitem__(self, name: str) -> Stream[Any]: ...",
        ]
    )
    return "\n\n".join([HEAD.rstrip(), *writer.blocks, listed, *steps]) + "\n"


def class_name(text: str) -> str:
    """`create order`, `create-order` or `createOrder` as `CreateOrder`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    name = "".join(word[:1].upper() + word[1:] for word in re.findall(r"[^\W_]+", words))
    name = name or "Unnamed"
    return f"N{name}" if name[0].isdigit() else name


def _step(writer: _Writer, catalog: Catalog, step: Step) -> str:
    name = writer.named(class_name(step.name))
    events = _union(_event(writer, name, one) for one in emits_of(catalog, step))
    lines = [f"class {name}:"]
    asked = [one for one in step.bindings if one.kind == "api"]
    told = [one for one in step.bindings if one.kind == "event"]
    if asked:
        lines.append(
            f"    Request: TypeAlias = {_union(_request(writer, name, one) for one in asked)}"
        )
        answers = _union(_responses(writer, name, one) for one in asked)
        lines.append(f"    Response: TypeAlias = {answers}")
    if told:
        inputs = _union(writer.type_of(one.input_schema, f"{name}Input") for one in told)
        lines.append(f"    Input: TypeAlias = {inputs}")
    lines.append(f"    Context: TypeAlias = FlowContext[{events}]")
    return "\n".join(lines)


def _request(writer: _Writer, name: str, step: Step) -> str:
    body = writer.type_of(with_files(step.body_schema), f"{name}Body")
    params = path_params(step.path)
    path = (
        writer.typed_dict(f"{name}Path", dict.fromkeys(params, ("str", True)))
        if params
        else "dict[str, str]"
    )
    return f"ApiRequest[{body}, {path}]"


def _responses(writer: _Writer, name: str, step: Step) -> str:
    answers = []
    for status, schema in step.response_schema.items():
        if status.isdigit():
            body = writer.type_of(schema, f"{name}Body{status}")
            fields = {
                "status": (f"Literal[{status}]", True),
                "body": (body, True),
                "headers": ("Mapping[str, Any]", False),
            }
            answers.append(writer.typed_dict(f"{name}Response{status}", fields))
    return _union(answers) if answers else "Any"


def _event(writer: _Writer, name: str, emit: EmitType) -> str:
    word = class_name(emit.topic.replace(".", " "))
    fields = {
        "topic": (f"Literal[{emit.topic!r}]", True),
        "data": (writer.type_of(emit.schema, f"{name}Emits{word}Data"), True),
        "messageGroupId": ("str", emit.needs_group),
        "delay": ("float", False),
        "at": ("Any", False),
        "dedupeKey": ("str", False),
        "dedupeWindow": ("float", False),
    }
    return writer.typed_dict(f"{name}Emits{word}", fields)


def _union(types: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(types)) or "Never"


def _literal(values: list[Any]) -> str:
    known = [value for value in values if value is None or isinstance(value, str | int)]
    return f"Literal[{', '.join(map(repr, known))}]" if len(known) == len(values) else "Any"
