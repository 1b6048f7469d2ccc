"""The endpoints that tools use while developing: emit, look into state and streams.

They ask for nothing, as in Motia: they are mounted behind the guard of `guard.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import falcon
import msgspec

from motia_actors.errors import MotiaError, PayloadError, UsageError
from motia_actors.payload import decode, encode
from motia_actors.steps.config import Stream
from motia_actors.store import StateDelete, StateSet, Store
from motia_actors.web.answers import Endpoint, Offload, Response
from motia_actors.web.audit import NAMED, named_in
from motia_actors.web.bodies import read_body
from motia_actors.web.filters import holds, problem_of_filter, type_of
from motia_actors.web.limits import Limits
from motia_actors.web.queries import parse_query
from motia_actors.web.routes import Route

SYSTEM_FLOWS = ("_system",)
STATE_ITEMS_MAX = 10_000


class StepSource(msgspec.Struct, frozen=True, kw_only=True):
    """A step's file as the workbench shows it."""

    id: str
    content: str
    features: list[Any] = []


class Control(Protocol):
    """What the control endpoints act on."""

    store: Store
    version: str

    def emit(self, topic: str, data: object, *, flows: tuple[str, ...]) -> None:
        """Emit under a new trace; durable on return. An unknown topic is no error."""
        ...

    def streams(self) -> Sequence[Stream]:
        """The project's streams."""
        ...

    def step_source(self, step_uuid: str) -> StepSource | None:
        """The step of this id, None where there is none.

        Raises:
            OSError: its file cannot be read.
        """
        ...

    def statistics(self) -> Mapping[str, object]:
        """The tree of actors with its figures."""
        ...


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request to a control endpoint says."""

    params: dict[str, str]
    query: dict[str, Any]
    body: Any


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a control endpoint answers, as JSON."""

    value: object = None
    status: int = 200


Act = Callable[[Asked], Answer]


def control_routes(
    control: Control, limits: Limits, *, offload: Offload | None = None
) -> list[Route[Endpoint]]:
    """The routes, to go before the project's: a tool must reach them past a step on `*`."""
    state, streams, project = _State(control), _Streams(control), _Project(control)
    acts: list[tuple[str, str, Act]] = [
        ("POST", "/emit", project.emit),
        ("GET", "/__motia", project.about),
        ("GET", "/__motia/statistics", project.statistics),
        ("GET", "/__motia/step/:stepId", project.step),
        ("GET", "/__motia/state", state.list),
        ("POST", "/__motia/state", state.set),
        ("POST", "/__motia/state/delete", state.delete),
        ("GET", "/__motia/streams", streams.list),
        ("GET", "/__motia/streams/all", streams.list),
        ("GET", "/__motia/streams/details/:name", streams.details),
        ("GET", "/__motia/streams/group/:name/:groupId", streams.group),
        ("GET", "/__motia/streams/item/:name/:groupId/:itemId", streams.item),
    ]
    return [
        Route(method, path, endpoint(act, limits, offload=offload)) for method, path, act in acts
    ]


def endpoint(act: Act, limits: Limits, *, offload: Offload | None) -> Endpoint:
    """Make an endpoint that reads the request, acts, and answers in JSON."""

    def answer(req: falcon.Request, resp: Response, params: dict[str, str]) -> None:
        try:
            query = parse_query(req.query_string, fields_max=limits.fields_max)
        except ValueError as error:
            raise falcon.HTTPBadRequest(title=f"Invalid query string: {error}") from error
        asked = Asked(params=params, query=query, body=read_body(req.env, limits)[0])
        if req.method == "POST":
            req.env[NAMED] = named_in(asked.body)
        try:
            given = act(asked) if offload is None else offload(lambda: act(asked))
        except MotiaError as error:
            # These answers are for developers, who want to know; Motia tells them too.
            status = 400 if isinstance(error, UsageError) else 500
            given = Answer(status=status, value={"error": str(error)})
        if given.status == 204:
            resp.fill(204, {}, b"")
        else:
            resp.fill_json(given.status, given.value)

    return answer


def _text_of(body: object, key: str) -> str:
    value = body.get(key) if isinstance(body, dict) else None
    if not isinstance(value, str):
        raise falcon.HTTPBadRequest(title=f"{key} must be a string")
    return value


class _Project:
    def __init__(self, control: Control) -> None:
        self._control = control

    def emit(self, asked: Asked) -> Answer:
        topic = _text_of(asked.body, "topic")
        emitted = {key: asked.body[key] for key in ("topic", "data") if key in asked.body}
        self._control.emit(topic, asked.body.get("data"), flows=SYSTEM_FLOWS)
        return Answer(value={"success": True, "emitted": emitted})

    def about(self, _: Asked) -> Answer:
        return Answer(
            value={
                "version": self._control.version,
                "isDev": True,
                "isTutorialDisabled": True,
                "workbenchBase": "",
            }
        )

    def statistics(self, _: Asked) -> Answer:
        return Answer(value=self._control.statistics())

    def step(self, asked: Asked) -> Answer:
        try:
            source = self._control.step_source(asked.params["stepId"])
        except (OSError, ValueError):
            return Answer(status=500, value={"error": "Failed to read step file"})
        if source is None:
            return Answer(status=404, value={"error": "Step not found"})
        return Answer(value=source)


class _State:
    def __init__(self, control: Control) -> None:
        self._store = control.store

    def list(self, asked: Asked) -> Answer:
        group, text = asked.query.get("groupId"), asked.query.get("filter")
        conditions: Any = []
        if text:
            try:
                conditions = decode(str(text).encode())
            except PayloadError as error:
                raise falcon.HTTPBadRequest(title=f"filter is no JSON: {error}") from error
            if problem := problem_of_filter(conditions):
                raise falcon.HTTPBadRequest(title=problem)
        state = self._store.state
        items = state.group(str(group)) if group else state.items(count_max=STATE_ITEMS_MAX)
        shown = []
        for item in items:
            value = decode(item.value)
            if holds(conditions, value):
                place = {"groupId": item.group, "key": item.key}
                shown.append({**place, "type": type_of(value), "value": value})
        return Answer(value=shown)

    def set(self, asked: Asked) -> Answer:
        key, group = _text_of(asked.body, "key"), _text_of(asked.body, "groupId")
        value = asked.body.get("value")
        self._store.write(StateSet(group=group, key=key, value=encode(value)))
        return Answer(value={"key": key, "groupId": group, "value": value})

    def delete(self, asked: Asked) -> Answer:
        ids = asked.body.get("ids") if isinstance(asked.body, dict) else None
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise falcon.HTTPBadRequest(title="ids must be a list of strings")
        writes = []
        for one in ids:
            group, _, key = one.partition(":")
            writes.append(StateDelete(group=group, key=key))
        if writes:
            self._store.commit(writes).result()
        return Answer(status=204)


class _Streams:
    def __init__(self, control: Control) -> None:
        self._control = control

    def list(self, _: Asked) -> Answer:
        streams = self._control.streams()
        return Answer(value={"streams": [_described(stream) for stream in streams]})

    def details(self, asked: Asked) -> Answer:
        stream = self._find(asked)
        if stream is None:
            return self._unknown(asked)
        return Answer(value={**_described(stream), "schema": stream.schema})

    def group(self, asked: Asked) -> Answer:
        if self._find(asked) is None:
            return self._unknown(asked)
        name, group = asked.params["name"], asked.params["groupId"]
        stored = self._control.store.streams.group(name, group)
        items = [decode(item) for item in stored]
        return Answer(
            value={"streamName": name, "groupId": group, "items": items, "count": len(items)}
        )

    def item(self, asked: Asked) -> Answer:
        if self._find(asked) is None:
            return self._unknown(asked)
        name, group, item_id = (asked.params[key] for key in ("name", "groupId", "itemId"))
        item = self._control.store.streams.get(name, group, item_id)
        data = None if item is None else decode(item)
        return Answer(value={"streamName": name, "groupId": group, "itemId": item_id, "data": data})

    def _find(self, asked: Asked) -> Stream | None:
        name = asked.params["name"]
        return next((one for one in self._control.streams() if one.name == name), None)

    def _unknown(self, asked: Asked) -> Answer:
        name = asked.params["name"]
        return Answer(status=404, value={"error": f"Stream '{name}' not found"})


def _described(stream: Stream) -> dict[str, object]:
    return {"id": stream.name, "name": stream.name, "hidden": False, "filePath": stream.id}
