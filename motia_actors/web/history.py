"""The control endpoints that look back: logs, traces, control actions and live figures."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import falcon

from motia_actors.store import JournalClear, Store
from motia_actors.telemetry import history
from motia_actors.telemetry.history import LogFilter, TraceFilter
from motia_actors.telemetry.logs import LEVELS
from motia_actors.web import audit
from motia_actors.web.answers import Endpoint, Offload
from motia_actors.web.control import Answer, Asked, endpoint
from motia_actors.web.limits import Limits
from motia_actors.web.routes import Route

RECORDS_MAX = 20_000
"""Records of the journal that one answer looks through at most, newest first."""
LIMIT_DEFAULT, LIMIT_MAX = 100, 10_000
STATUSES = ("running", "completed", "failed")


def history_routes(
    store: Store,
    stats: Callable[[], Mapping[str, object]],
    limits: Limits,
    *,
    offload: Offload | None = None,
) -> list[Route[Endpoint]]:
    """The routes, to go behind the guard of all control endpoints.

    Args:
        store: Whose journal is shown.
        stats: Live figures of each step, and the tree of actors.
        limits: Of requests.
        offload: Runs what blocks.
    """
    past = _Past(store)
    acts = [
        ("GET", "/__motia/logs", past.logs),
        ("GET", "/__motia/traces", past.traces),
        ("GET", "/__motia/traces/:traceId", past.trace),
        ("POST", "/__motia/trace/clear", past.clear),
        ("GET", "/__motia/audit", past.audit),
        ("GET", "/__motia/stats", lambda _: Answer(value=stats())),
    ]
    return [
        Route(method, path, endpoint(act, limits, offload=offload)) for method, path, act in acts
    ]


class _Past:
    def __init__(self, store: Store) -> None:
        self._store, self._journal = store, store.journal

    def logs(self, asked: Asked) -> Answer:
        query = asked.query
        wanted = LogFilter(
            level=_one_of(query, "level", tuple(LEVELS)),
            step=_text(query, "step"),
            trace=_text(query, "trace"),
            text=_text(query, "q"),
        )
        after_seq = _number(query, "after", default=0, most=2**63 - 1)
        records = self._journal.after("log", after_seq=after_seq, count_max=RECORDS_MAX)
        last = records[-1].seq if records else after_seq
        return Answer(
            value={"logs": history.logs(records, wanted, limit=_limit(query)), "last": last}
        )

    def traces(self, asked: Asked) -> Answer:
        query = asked.query
        wanted = TraceFilter(
            status=_one_of(query, "status", STATUSES),
            step=_text(query, "step"),
            text=_text(query, "q"),
        )
        records = self._journal.after("span", after_seq=0, count_max=RECORDS_MAX)
        found = history.traces(records, wanted, limit=_limit(query), is_alive=is_alive)
        return Answer(value={"traces": found})

    def trace(self, asked: Asked) -> Answer:
        trace_id = asked.params["traceId"]
        records = self._journal.after("span", after_seq=0, count_max=RECORDS_MAX)
        found = history.trace(records, trace_id, is_alive=is_alive)
        if found is None:
            return Answer(status=404, value={"error": "Trace not found"})
        summary, spans = found
        lines = self._journal.after("log", after_seq=0, count_max=RECORDS_MAX)
        wanted = LogFilter(trace=summary["traceId"])
        shown = history.logs(lines, wanted, limit=LIMIT_MAX)
        return Answer(value={**summary, "spans": spans, "logs": shown})

    def audit(self, asked: Asked) -> Answer:
        """The newest control actions and refusals, newest first."""
        actions = audit.newest(self._store, count_max=_limit(asked.query))
        return Answer(value={"actions": actions})

    def clear(self, _: Asked) -> Answer:
        self._store.write(JournalClear(kind="span"))
        return Answer(value={"message": "Traces cleared"})


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # It runs, as somebody else.
    return True


def _text(query: Mapping[str, Any], name: str) -> str:
    value = query.get(name, "")
    if not isinstance(value, str):
        raise falcon.HTTPBadRequest(title=f"{name} must be given once")
    return value


def _one_of(query: Mapping[str, Any], name: str, words: tuple[str, ...]) -> str:
    value = _text(query, name)
    if value and value not in words:
        raise falcon.HTTPBadRequest(title=f"{name} must be one of {', '.join(words)}")
    return value


def _number(query: Mapping[str, Any], name: str, *, default: int, most: int) -> int:
    value = _text(query, name)
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= 19 and int(value) <= most):
        raise falcon.HTTPBadRequest(title=f"{name} must be a whole number from 0 to {most}")
    return int(value)


def _limit(query: Mapping[str, Any]) -> int:
    return _number(query, "limit", default=LIMIT_DEFAULT, most=LIMIT_MAX)
