"""What is recorded of calls, deliveries and requests: their spans.

Of a trace that is not kept only what failed is recorded. All functions are cheap where there is
nothing to record, because they stand where every call passes.
"""

from __future__ import annotations

from typing import Literal

from motia_actors.messages import Call, Delivery, Event, Failed, Outcome, Trace
from motia_actors.telemetry.spans import ERROR_CHARS_MAX, Span, Status, Tracer, brief, child_of
from motia_actors.telemetry.traces import new_span_id

End = Literal["acknowledged", "retried", "dead", "released"]


def call_ended(tracer: Tracer, step: str, call: Call, ran_s: float, outcome: Outcome) -> None:
    """A handler came back, or was given up, after ran_s."""
    trace = call.trace
    is_failure = outcome.__class__ is Failed
    if trace is None or not (trace.is_sampled or is_failure):
        return
    now_s = tracer.clock.now_s()
    span = _call_span(
        tracer,
        step,
        call,
        trace,
        span_id=trace.span_id if trace.span_id != call.parent else new_span_id(),
        start_s=now_s - ran_s,
        end_s=now_s,
        status="failed" if is_failure else "completed",
        error=_said(outcome) if isinstance(outcome, Failed) else None,
    )
    tracer.record(span)


def call_goes_on(tracer: Tracer, step: str, call: Call, ran_s: float) -> None:
    """A handler has been running for ran_s and still does."""
    trace = call.trace
    if trace is None or not trace.is_sampled:
        return
    span = _call_span(
        tracer,
        step,
        call,
        trace,
        span_id=trace.span_id,
        start_s=tracer.clock.now_s() - ran_s,
        status="running",
    )
    tracer.record(span)


def delivery_ended(
    tracer: Tracer,
    step: str,
    trace: Trace,
    delivery: Delivery,
    *,
    is_cron: bool,
    took_s: float,
    end: End,
    error: str | None = None,
) -> None:
    """A delivery was given back to the store, took_s after it was taken; trace is its own span."""
    if not (trace.is_sampled or error is not None):
        return
    event = delivery.event
    end_s = tracer.clock.now_s()
    start_s = end_s - took_s
    tracer.record(
        Span(
            trace_id=event.trace_id,
            w3c_id=trace.w3c_id,
            id=trace.span_id,
            # Nobody emitted a cron run: its trace begins here.
            parent=None if event.trace is None or is_cron else event.trace.span_id,
            name=step if is_cron else event.topic,
            kind="cron" if is_cron else "delivery",
            step=step,
            attempt=delivery.attempt,
            worker=tracer.worker,
            start_s=start_s,
            end_s=end_s,
            status="completed" if error is None else "failed",
            error=None if error is None else error[:ERROR_CHARS_MAX],
            attributes={
                "topic": brief(event.topic),
                "eventId": event.id,
                "end": end,
                "waitedMs": round(max(0.0, start_s - delivery.put_s) * 1000, 3),
            },
        )
    )


def emitted_by_hand(
    tracer: Tracer, event: Event, trace: Trace, *, start_s: float, deliveries: int
) -> None:
    """Somebody outside of every step emitted an event under trace, which began with it."""
    if trace.is_sampled:
        tracer.record(
            Span(
                trace_id=event.trace_id,
                w3c_id=trace.w3c_id,
                id=trace.span_id,
                name=f"emit {brief(event.topic)}",
                kind="emit",
                worker=tracer.worker,
                start_s=start_s,
                end_s=tracer.clock.now_s(),
                attributes={
                    "topic": brief(event.topic),
                    "eventId": event.id,
                    "deliveries": deliveries,
                },
            )
        )


def retry_planned(
    tracer: Tracer, step: str, trace: Trace, delivery: Delivery, *, delay_s: float, why: str
) -> None:
    """A failed delivery, whose span is trace, is given out again in delay_s."""
    own = child_of(trace)
    now_s = tracer.clock.now_s()
    tracer.record(
        Span(
            trace_id=delivery.event.trace_id,
            w3c_id=own.w3c_id,
            id=own.span_id,
            parent=trace.span_id,
            name=f"retry in {delay_s:.3g} s",
            kind="retry",
            step=step,
            attempt=delivery.attempt,
            worker=tracer.worker,
            start_s=now_s,
            end_s=now_s,
            attributes={"delaySeconds": delay_s, "reason": brief(why)},
        )
    )


def request_ended(
    tracer: Tracer,
    step: str,
    trace_id: str,
    trace: Trace,
    *,
    parent: str | None,
    method: str,
    route: str,
    path: str,
    status: int,
    took_s: float,
    scheme: str = "http",
) -> None:
    """A request to be recorded was answered; parent is the caller's span, if it named one."""
    is_failure = status >= 500
    end_s = tracer.clock.now_s()
    tracer.record(
        Span(
            trace_id=trace_id,
            w3c_id=trace.w3c_id,
            id=trace.span_id,
            parent=parent,
            name=f"{method} {route}",
            kind="request",
            step=step,
            worker=tracer.worker,
            start_s=end_s - took_s,
            end_s=end_s,
            status="failed" if is_failure else "completed",
            error=f"answered {status}" if is_failure else None,
            attributes={
                "http.request.method": method,
                "http.route": route,
                "url.path": brief(path),
                "url.scheme": scheme,
                "http.response.status_code": status,
            },
        )
    )


def _call_span(
    tracer: Tracer,
    step: str,
    call: Call,
    trace: Trace,
    *,
    span_id: str,
    start_s: float,
    status: Status,
    end_s: float | None = None,
    error: str | None = None,
) -> Span:
    return Span(
        trace_id=call.trace_id,
        w3c_id=trace.w3c_id,
        id=span_id,
        parent=call.parent,
        name=step,
        kind="call",
        step=step,
        attempt=0 if call.delivery is None else call.delivery.attempt,
        worker=tracer.worker,
        start_s=start_s,
        end_s=end_s,
        status=status,
        error=error,
    )


def _said(failed: Failed) -> str:
    return brief(f"{failed.kind}: {failed.message}", ERROR_CHARS_MAX)
