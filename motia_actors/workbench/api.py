"""The endpoints that the workbench alone asks for; those of tools in general are in `web`."""

from __future__ import annotations

from typing import Any, cast

from motia_actors.adjustments import Word
from motia_actors.errors import UsageError
from motia_actors.web.answers import Endpoint, Offload
from motia_actors.web.control import Act, Answer, Asked, endpoint
from motia_actors.web.limits import Limits
from motia_actors.web.routes import Route
from motia_actors.workbench.bench import Bench

WORDS = ("mailboxSize", "concurrency", "suspended", "restarts", "paused")


def bench_routes(
    bench: Bench, limits: Limits, *, offload: Offload | None = None
) -> list[Route[Endpoint]]:
    """The routes.

    GET  /__motia/project?version=…            the drawn project, or only its version
    GET  /__motia/queues                       {"now", "queues": […]}
    GET  /__motia/cron                         {"now", "jobs": […]}
    POST /__motia/cron/run                     {"step"} -> {"result"}
    GET  /__motia/recorded/:traceId            {"calls": […]}
    POST /__motia/replay                       {"traceId", "id"} -> {"traceId"}
    GET  /__motia/adjustments                  {"steps": {id: {…}}}
    POST /__motia/adjustments                  {"step", "word", "value"}
    GET  /__motia/state/browse?group=&q=&version=
    GET  /__motia/state/value?group=&key=      {"value"}
    GET  /__motia/stream-groups/:name          {"groups": […]}
    POST /__motia/streams/set                  {"stream", "group", "id", "data"} -> {"type"}
    POST /__motia/streams/delete               {"stream", "group", "id"} -> {"deleted"}
    """
    acts = _Acts(bench)
    table: list[tuple[str, str, Act]] = [
        ("GET", "/__motia/project", acts.project),
        ("GET", "/__motia/queues", lambda _: Answer(value=bench.queues())),
        ("GET", "/__motia/cron", lambda _: Answer(value=bench.cron())),
        ("POST", "/__motia/cron/run", acts.run),
        ("GET", "/__motia/recorded/:traceId", acts.recorded),
        ("POST", "/__motia/replay", acts.replay),
        ("GET", "/__motia/adjustments", lambda _: Answer(value={"steps": bench.adjustments()})),
        ("POST", "/__motia/adjustments", acts.adjust),
        ("GET", "/__motia/state/browse", acts.browse),
        ("GET", "/__motia/state/value", acts.value),
        ("GET", "/__motia/stream-groups/:name", acts.groups),
        ("POST", "/__motia/streams/set", acts.set_item),
        ("POST", "/__motia/streams/delete", acts.delete_item),
    ]
    return [
        Route(method, path, endpoint(act, limits, offload=offload)) for method, path, act in table
    ]


class _Acts:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def project(self, asked: Asked) -> Answer:
        return Answer(value=self._bench.project(version=_word(asked, "version") or ""))

    def run(self, asked: Asked) -> Answer:
        return Answer(value={"result": self._bench.run_now(_text(asked.body, "step"))})

    def recorded(self, asked: Asked) -> Answer:
        return Answer(value={"calls": self._bench.recorded(asked.params["traceId"])})

    def replay(self, asked: Asked) -> Answer:
        trace_id, call_id = _text(asked.body, "traceId"), _text(asked.body, "id")
        return Answer(value={"traceId": self._bench.replay(trace_id, call_id)})

    def adjust(self, asked: Asked) -> Answer:
        word = _text(asked.body, "word")
        value = asked.body.get("value")
        if word not in WORDS:
            raise UsageError(f"word is {word!r}; it may be {', '.join(WORDS)}")
        if value is not None and isinstance(value, bool) != (word in ("suspended", "paused")):
            raise UsageError(f"{word} cannot be {value!r}")
        if value is not None and not isinstance(value, bool | int):
            raise UsageError(f"{word} cannot be {value!r}")
        self._bench.adjust(_text(asked.body, "step"), cast("Word", word), value)
        return Answer(value={"steps": self._bench.adjustments()})

    def browse(self, asked: Asked) -> Answer:
        return Answer(
            value=self._bench.state(
                group=_word(asked, "group"),
                text=_word(asked, "q") or "",
                version=_word(asked, "version") or "",
            )
        )

    def value(self, asked: Asked) -> Answer:
        group, key = _word(asked, "group"), _word(asked, "key")
        if group is None or key is None:
            raise UsageError("write group and key")
        return Answer(value={"value": self._bench.state_value(group, key)})

    def groups(self, asked: Asked) -> Answer:
        return Answer(value={"groups": self._bench.stream_groups(asked.params["name"])})

    def set_item(self, asked: Asked) -> Answer:
        body = asked.body
        name, group, item = (_text(body, key) for key in ("stream", "group", "id"))
        return Answer(value={"type": self._bench.set_item(name, group, item, body.get("data"))})

    def delete_item(self, asked: Asked) -> Answer:
        name, group, item = (_text(asked.body, key) for key in ("stream", "group", "id"))
        return Answer(value={"deleted": self._bench.delete_item(name, group, item)})


def _word(asked: Asked, key: str) -> str | None:
    value: Any = asked.query.get(key)
    return value if isinstance(value, str) else None


def _text(body: object, key: str) -> str:
    value = body.get(key) if isinstance(body, dict) else None
    if not isinstance(value, str):
        raise UsageError(f"{key} must be a string")
    return value
