"""What the journal tells of the past: log lines and traces, as the control endpoints show them.

Pure: records in, plain values out. Times are in milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from motia_actors.journal import JournalRecord
from motia_actors.telemetry.logs import LEVELS
from motia_actors.telemetry.spans import Span, Status

LOST = "its process ended"
_HEAD = frozenset({"level", "time", "msg", "step", "traceId", "flows", "attempt"})
_DONE = ("acknowledged", "dead")

_log_decoder = msgspec.json.Decoder(dict[str, Any])
_span_decoder = msgspec.json.Decoder(Span)


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are wanted: of `level` and worse, of a step, of a trace, that hold a text."""

    level: str = ""
    step: str = ""
    trace: str = ""
    text: str = ""


def logs(
    records: Iterable[JournalRecord], wanted: LogFilter, *, limit: int
) -> list[dict[str, Any]]:
    """The newest limit lines that are wanted, newest last."""
    text, trace = wanted.text.lower(), _quoted(wanted.trace)
    found: list[dict[str, Any]] = []
    for one in reversed(list(records)):
        if len(found) >= limit:
            break
        # Most records are refused by their bytes, which is much cheaper than to read them.
        if trace and trace not in one.record:
            continue
        line = _log_decoder.decode(one.record)
        if (
            LEVELS.get(line["level"], 0) < LEVELS.get(wanted.level, 0)
            or (wanted.step and line["step"] != wanted.step)
            or (wanted.trace and line["traceId"] != wanted.trace)
            or (text and text not in one.record.decode("utf-8", "replace").lower())
        ):
            continue
        found.append(_shown_line(one.seq, line))
    found.reverse()
    return found


def _shown_line(seq: int, line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seq": seq,
        "time": line["time"],
        "level": line["level"],
        "msg": line["msg"],
        "step": line["step"],
        "traceId": line["traceId"],
        "flows": line["flows"],
        "attempt": line.get("attempt", 0),
        "fields": {key: value for key, value in line.items() if key not in _HEAD},
    }


class TraceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which traces are wanted: of a status, with a step, whose id, name or step holds a text."""

    status: str = ""
    step: str = ""
    text: str = ""


def traces(
    records: Iterable[JournalRecord],
    wanted: TraceFilter,
    *,
    limit: int,
    is_alive: Callable[[int], bool],
) -> list[dict[str, Any]]:
    """The newest limit traces that are wanted, newest first."""
    by_trace: dict[str, dict[str, Span]] = {}
    for one in records:
        span = _span_decoder.decode(one.record)
        by_trace.setdefault(span.trace_id, {})[span.id] = span
    found = []
    for trace_id, spans in by_trace.items():
        summary = _summary(trace_id, settled(spans.values(), is_alive))
        if _is_wanted(summary, wanted):
            found.append(summary)
    found.sort(key=lambda summary: -summary["startTime"])
    return found[:limit]


def _is_wanted(summary: Mapping[str, Any], wanted: TraceFilter) -> bool:
    if wanted.status and summary["status"] != wanted.status:
        return False
    if wanted.step and wanted.step not in summary["steps"]:
        return False
    words = [summary["traceId"], summary["w3cTraceId"], summary["name"], *summary["steps"]]
    return not wanted.text or any(wanted.text.lower() in word.lower() for word in words)


def trace(
    records: Iterable[JournalRecord], trace_id: str, *, is_alive: Callable[[int], bool]
) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """The summary and the spans, by their start, of a trace, or None where nothing is known.

    trace_id is either name of the trace.
    """
    quoted = _quoted(trace_id)
    spans: dict[str, Span] = {}
    for one in records:
        if quoted in one.record:
            span = _span_decoder.decode(one.record)
            if trace_id in (span.trace_id, span.w3c_id):
                spans[span.id] = span
    if not spans:
        return None
    found = settled(spans.values(), is_alive)
    summary = _summary(found[0].trace_id, found)
    return summary, [_shown_span(span) for span in found]


def settled(spans: Collection[Span], is_alive: Callable[[int], bool]) -> list[Span]:
    """The spans of one trace by their start; what went on in a process that ended is over."""
    parents = {span.id: span.parent for span in spans}
    ordered = sorted(spans, key=lambda span: (span.start_s, _depth(span.id, parents)))
    runs = {(span.step, span.attempt) for span in ordered}
    found = []
    for span in ordered:
        if span.end_s is None and (
            not is_alive(span.worker)
            or any(step == span.step and attempt > span.attempt for step, attempt in runs)
        ):
            span = msgspec.structs.replace(span, end_s=span.start_s, status="failed", error=LOST)
        found.append(span)
    return found


def _summary(trace_id: str, spans: Sequence[Span]) -> dict[str, Any]:
    known = {span.id for span in spans}
    first = next((span for span in spans if span.parent not in known), spans[0])
    status = status_of(spans)
    ends = [span.end_s for span in spans if span.end_s is not None]
    is_open = status == "running" or not ends
    return {
        "traceId": trace_id,
        "w3cTraceId": first.w3c_id,
        "name": first.name,
        "startTime": _ms(spans[0].start_s),
        "endTime": None if is_open else _ms(max(ends)),
        "status": status,
        "steps": list(dict.fromkeys(span.step for span in spans if span.step)),
        "spans": len(spans),
        "errors": sum(span.status == "failed" for span in spans),
    }


def status_of(spans: Sequence[Span]) -> Status:
    """Whether the trace goes on, and how it ended.

    It goes on while a span does, or while a delivery of an event that it emitted is not done. It
    failed where its request did or one of its deliveries became a dead letter.
    """
    emits = {span.id: span for span in spans if span.kind == "emit"}
    last: dict[tuple[str | None, str], Span] = {}
    for span in spans:
        if span.kind in ("delivery", "cron"):
            key = span.parent, span.step
            if key not in last or span.attempt >= last[key].attempt:
                last[key] = span
    if any(span.end_s is None for span in spans) or _has_pending(spans, emits, last):
        return "running"
    is_failed = any(
        span.status == "failed" and (span.kind == "request" or span in last.values())
        for span in spans
    ) or (not last and any(span.status == "failed" and span.kind == "call" for span in spans))
    return "failed" if is_failed else "completed"


def _has_pending(
    spans: Sequence[Span],
    emits: Mapping[str, Span],
    last: Mapping[tuple[str | None, str], Span],
) -> bool:
    cancelled = {span.attributes.get("eventId") for span in spans if span.name == "cancel"}
    done: dict[str | None, int] = {}
    for (parent, _step), span in last.items():
        done[parent] = done.get(parent, 0) + (span.attributes.get("end") in _DONE)
    return any(
        done.get(span_id, 0) < int(span.attributes.get("deliveries", 0))
        and span.attributes.get("eventId") not in cancelled
        for span_id, span in emits.items()
    )


def _shown_span(span: Span) -> dict[str, Any]:
    return {
        "id": span.id,
        "parent": span.parent,
        "name": span.name,
        "kind": span.kind,
        "step": span.step,
        "attempt": span.attempt,
        "worker": span.worker,
        "startTime": _ms(span.start_s),
        "endTime": None if span.end_s is None else _ms(span.end_s),
        "status": span.status,
        "error": span.error,
        "attributes": dict(span.attributes),
    }


def _depth(span_id: str, parents: Mapping[str, str | None]) -> int:
    """How many known spans are above it; of a circle, which only a forger makes, any number."""
    depth, above = 0, parents.get(span_id)
    while above is not None and depth < len(parents):
        depth, above = depth + 1, parents.get(above)
    return depth


def _ms(at_s: float) -> float:
    return round(at_s * 1000, 3)


def _quoted(text: str) -> bytes:
    return msgspec.json.encode(text) if text else b""
