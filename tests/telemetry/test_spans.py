"""Which traces are kept, and what becomes of spans that nobody fetches."""

from __future__ import annotations

import msgspec

from motia_actors.clock import ManualClock
from motia_actors.messages import Trace
from motia_actors.telemetry.spans import Sampling, Span, Tracer


def a_span(number: int) -> Span:
    return Span(
        trace_id="T", w3c_id="0" * 32, id=f"{number:016x}", name="n", kind="call", start_s=1.0
    )


def test_of_each_second_no_more_traces_are_kept_than_allowed() -> None:
    clock = ManualClock()
    tracer = Tracer(clock, Sampling(per_s_max=5))

    kept = []
    for _ in range(3):
        kept.append(sum(tracer.begin().is_sampled for _ in range(100)))
        clock.advance(1.0)

    assert kept == [5, 5, 5]


def test_quiet_seconds_are_not_saved_up_for_a_burst() -> None:
    clock = ManualClock()
    tracer = Tracer(clock, Sampling(per_s_max=5))
    for _ in range(5):
        tracer.begin()

    clock.advance(3600.0)

    assert sum(tracer.begin().is_sampled for _ in range(100)) == 5


def test_a_ratio_of_none_keeps_none_and_of_one_keeps_all() -> None:
    none = Tracer(ManualClock(), Sampling(ratio=0.0, per_s_max=0.0))
    every = Tracer(ManualClock(), Sampling(ratio=1.0, per_s_max=0.0))

    assert not any(none.begin().is_sampled for _ in range(100))
    assert all(every.begin().is_sampled for _ in range(100))


def test_a_trace_that_its_caller_does_not_keep_is_not_kept() -> None:
    parent = Trace("a" * 32, "b" * 16, is_sampled=False, state="k=v")

    joined = Tracer(ManualClock()).begin(parent)

    assert (joined.w3c_id, joined.is_sampled, joined.state) == ("a" * 32, False, "k=v")
    assert joined.span_id != parent.span_id


def test_a_caller_cannot_have_more_traces_kept_than_allowed() -> None:
    tracer = Tracer(ManualClock(), Sampling(per_s_max=2))
    parent = Trace("a" * 32, "b" * 16, is_sampled=True)

    assert sum(tracer.begin(parent).is_sampled for _ in range(10)) == 2


def test_spans_over_the_limit_push_the_oldest_out_and_are_counted() -> None:
    tracer = Tracer(ManualClock(), spans_max=3)

    for number in range(5):
        tracer.record(a_span(number))

    assert tracer.dropped == 2
    ids = [msgspec.json.decode(record)["id"] for record in tracer.drain()]
    assert ids == [f"{number:016x}" for number in (2, 3, 4)]
    assert tracer.drain() == []


def test_a_trace_without_end_is_followed_no_further_until_the_second_is_over() -> None:
    clock = ManualClock()
    tracer = Tracer(clock, Sampling(spans_per_s_max=3))
    cause = tracer.begin()

    followed = []
    for number in range(5):
        followed.append(tracer.onward(cause).is_sampled)
        tracer.record(a_span(number))
    clock.advance(1.0)

    assert followed == [True, True, True, False, False]
    assert tracer.onward(cause).is_sampled
    assert tracer.onward(cause).w3c_id == cause.w3c_id


def test_spans_are_not_counted_where_any_number_is_kept() -> None:
    tracer = Tracer(ManualClock(), Sampling(spans_per_s_max=0))
    for number in range(5000):
        tracer.record(a_span(number))

    assert tracer.onward(tracer.begin()).is_sampled
