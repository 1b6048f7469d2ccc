"""Spans: what happened in a trace, when, and as a part of what.

A trace has two names: Motia's, such as `K7PQ2-4431022`, by which people and logs know it, and the
128 bits of W3C Trace Context, by which other services do. Both are given out together and travel
with each call and event.

Whether a trace is kept is decided where it begins and travels with it, so that a trace is kept
whole or not at all; of one that is not, what fails is kept all the same.
"""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from motia_actors.clock import Clock
from motia_actors.messages import Trace
from motia_actors.telemetry.redaction import Redactor
from motia_actors.telemetry.traces import new_span_id, new_trace_ids
from motia_actors.threads import allocate_lock

SpanKind = Literal[
    "request", "call", "emit", "delivery", "retry", "state", "stream", "cron", "socket"
]
Status = Literal["running", "completed", "failed"]

SPANS_MAX = 10_000
ERROR_CHARS_MAX = 2_048
VALUE_CHARS_MAX = 256


class Span(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened, or that goes on where `end_s` is None. Times are since 1970.

    `trace_id` is Motia's, `w3c_id` the other name of the same trace. `parent` is the span that
    it is a part of or was caused by; None: it began the trace, or its cause is another service.
    """

    trace_id: str
    w3c_id: str
    id: str
    parent: str | None = None
    name: str
    kind: SpanKind
    step: str = ""
    attempt: int = 0
    worker: int = 0
    start_s: float
    end_s: float | None = None
    status: Status = "completed"
    error: str | None = None
    attributes: Mapping[str, str | int | float | bool] = {}


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """Which traces are kept: a ratio of them, and no more than per_s_max a second (0: any).

    Where more than spans_per_s_max spans (0: any) came in a second, traces are followed no further.
    """

    ratio: float = 1.0
    per_s_max: float = 50.0
    spans_per_s_max: int = 1000


class Tracer:
    """Names traces and spans, decides which are kept, and gathers them for the journal.

    Any thread may call it. `dropped` counts spans that found the buffer full.

    Args:
        clock: What time it is.
        sampling: Which traces are kept.
        spans_max: How many spans wait for the journal at most.
    """

    def __init__(
        self, clock: Clock, sampling: Sampling | None = None, *, spans_max: int = SPANS_MAX
    ) -> None:
        self.clock = clock
        self.dropped = 0
        self.worker = os.getpid()
        self._sampling = sampling or Sampling()
        self._redactor = Redactor()
        self._spans: deque[Span] = deque(maxlen=spans_max)
        self._lock = allocate_lock()
        self._allowance = self._sampling.per_s_max
        self._allowed_s = clock.monotonic_s()
        self._second_s, self._second_spans = clock.monotonic_s(), 0
        self._listeners: tuple[Callable[[list[Span]], None], ...] = ()

    # Where traces begin and go on.

    def begin(self, parent: Trace | None = None) -> Trace:
        """Name the first span of a trace, or one that another service's span caused."""
        if parent is None:
            w3c_id, span_id = new_trace_ids()
            ratio = self._sampling.ratio
            # Guards nothing, and a step that seeds `random` changes what is looked at, no more.
            is_kept = ratio >= 1.0 or random.random() < ratio  # noqa: S311
            return Trace(w3c_id, span_id, is_kept and self._has_allowance())
        is_kept = parent.is_sampled and self._has_allowance()
        return Trace(parent.w3c_id, new_span_id(), is_kept, parent.state)

    def _has_allowance(self) -> bool:
        """Take one of the traces that may be kept this second; a race takes one too many."""
        per_s_max = self._sampling.per_s_max
        if not per_s_max:
            return self._sampling.ratio > 0
        if self._allowance < 1.0:
            now_s = self.clock.monotonic_s()
            gained = (now_s - self._allowed_s) * per_s_max
            if gained < 1.0:
                return False
            self._allowance, self._allowed_s = min(per_s_max, gained), now_s
        self._allowance -= 1.0
        return True

    def onward(self, cause: Trace) -> Trace:
        """Name the span of what an event caused, which is kept as its cause is.

        A trace has no end where events cause events, so in a second with too many spans it is
        followed no further: what this one causes is not kept, unless it fails.
        """
        is_kept = cause.is_sampled and not self.is_crowded()
        return Trace(cause.w3c_id, new_span_id(), is_kept, cause.state)

    def is_crowded(self) -> bool:
        """There were so many spans in this second that traces are followed no further."""
        now_s = self.clock.monotonic_s()
        if now_s - self._second_s >= 1.0:
            self._second_s, self._second_spans = now_s, 0
        return 0 < self._sampling.spans_per_s_max <= self._second_spans

    # What happened.

    def record(self, span: Span) -> None:
        """Keep a span for the journal; the oldest goes where there is no room."""
        self._second_spans += 1
        if len(self._spans) == self._spans.maxlen:
            self.dropped += 1
        self._spans.append(span)

    def listen(self, listener: Callable[[list[Span]], None]) -> None:
        """Hand all that is drained to listener too, on the draining thread."""
        self._listeners += (listener,)

    def drain(self, *, count_max: int = SPANS_MAX) -> list[bytes]:
        """Take up to count_max of the oldest spans not yet taken, as JSON."""
        taken: list[Span] = []
        while self._spans and len(taken) < count_max:
            span = self._spans.popleft()
            if span.error is not None:
                span = msgspec.structs.replace(span, error=self._redactor.text(span.error))
            taken.append(span)
        for listener in self._listeners:
            listener(taken)
        return [_encoder.encode(span) for span in taken]


def child_of(trace: Trace) -> Trace:
    """Name a span below that of trace."""
    return Trace(trace.w3c_id, new_span_id(), trace.is_sampled, trace.state)


def brief(text: object, chars_max: int = VALUE_CHARS_MAX) -> str:
    """Shorten what a span shows of a value that may be of any length, as valid UTF-8."""
    shown = str(text)[:chars_max]
    return shown.encode("utf-8", "backslashreplace").decode()


_encoder = msgspec.json.Encoder()
