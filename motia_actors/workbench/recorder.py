"""What came to steps from outside, kept in `dev` so that a developer can have it come again.

A ring in the journal, so it survives a restart and every worker sees it. Payloads are private, so
outside of `dev` nothing is recorded; there too, what carries a login is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from motia_actors.errors import MotiaError
from motia_actors.messages import Call, Event, Request
from motia_actors.payload import decode, encode
from motia_actors.runner import Effects
from motia_actors.steps.config import Step
from motia_actors.store import Store
from motia_actors.writes import JournalAppend

logger = logging.getLogger(__name__)

KIND = "replay"
RECORD_BYTES_MAX = 64 << 10
RECORDS_MAX = 20_000
SECRET = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
HOPS = frozenset({"connection", "content-length", "host", "transfer-encoding", "traceparent"})


def recorded(
    step: Step, effects_for: Callable[[Call], Effects], store: Store
) -> Callable[[Call], Effects]:
    """Make the effects of step's calls as before, having recorded each call. Any thread."""

    def effects_of(call: Call) -> Effects:
        try:
            _record(store, step, call)
        except MotiaError as error:
            # A call is worth more than its record.
            logger.debug("a call of %s was not recorded: %s", step.name, error)
        return effects_for(call)

    return effects_of


def _record(store: Store, step: Step, call: Call) -> None:
    delivery = call.delivery
    if call.kind == "cron" or (delivery is not None and delivery.attempt > 1):
        return
    told: dict[str, Any] = {
        "traceId": call.trace_id,
        "id": step.id if delivery is None else delivery.id,
        "step": step.id,
        "name": step.name,
        "kind": call.kind,
        "topic": None,
        "data": None,
        "request": None,
    }
    if delivery is not None:
        told["topic"], told["data"] = delivery.event.topic, decode(delivery.event.data)
        told["group"] = delivery.event.group_id
    elif isinstance(call.input, Request):
        told["request"] = request_of(call.input)
    record = encode(told)
    if len(record) <= RECORD_BYTES_MAX:
        store.commit([JournalAppend(kind=KIND, record=record)])


def request_of(request: Request) -> dict[str, Any]:
    """The request as it can be sent again; headers that carry a login are left out."""
    raw = request.get("rawBody")
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    if not isinstance(text, str):
        body = request.get("body")
        text = None if body is None else encode(body).decode()
    return {
        "method": request["method"],
        "path": request["path"],
        "query": urlencode(request.get("query") or {}, doseq=True),
        "headers": {
            name: value
            for name, value in (request.get("headers") or {}).items()
            if name in ("content-type", "accept") or name.startswith("x-")
            if name not in SECRET | HOPS and isinstance(value, str)
        },
        "body": text or None,
    }


def recorded_of(store: Store, trace_id: str) -> list[dict[str, Any]]:
    """The calls of a trace that were recorded, oldest first."""
    wanted = encode(trace_id)
    return [
        decode(record)
        for record in store.journal.tail(KIND, count_max=RECORDS_MAX)
        if wanted in record and decode(record)["traceId"] == trace_id
    ]


def event_of(
    told: dict[str, Any], *, event_id: str, trace_id: str, flows: tuple[str, ...]
) -> Event:
    """The recorded event as a new one."""
    return Event(
        id=event_id,
        topic=told["topic"],
        data=encode(told["data"]),
        trace_id=trace_id,
        flows=flows,
        group_id=told.get("group"),
    )
