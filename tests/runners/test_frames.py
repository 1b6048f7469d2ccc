"""Frames survive however the socket cuts them, and a bad value is its call's alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.errors import PayloadError, QueueFullError, UnknownStreamError
from motia_actors.runners import frames

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(VALUES, min_size=1, max_size=5), st.integers(1, 20))
def test_what_is_written_is_read_however_it_is_cut(values: list[object], size: int) -> None:
    sent = b"".join(frames.write("done", id=1, v=value) for value in values)
    lines = frames.Lines()

    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    read = [frames.read(line) for piece in pieces for line in lines.feed(piece)]

    assert [frame.v for frame in read] == values


def test_a_line_over_the_limit_is_refused() -> None:
    lines = frames.Lines(bytes_max=10)
    assert list(lines.feed(b"12345678\n90")) == [b"12345678"]

    with pytest.raises(PayloadError, match="more than 10 bytes"):
        list(lines.feed(b"123456789"))


def test_a_value_that_cannot_be_read_fails_whoever_waits_for_it() -> None:
    frame = frames.read(b'{"t":"done","id":7,"v":"\\ud800"}')

    assert frame.id == 7
    assert frame.e is not None
    assert frame.e["name"] == "PayloadError"


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(PayloadError, match="no frame"):
        frames.read(b"hello")


def test_errors_cross_with_name_code_and_when_to_try_again() -> None:
    full = frames.told(QueueFullError("charge", depth=1, depth_max=1, retry_after_s=2.0))

    assert (full["name"], full["code"], full["retryAfter"]) == ("QueueFullError", "QUEUE_FULL", 2.0)
    assert frames.told(UnknownStreamError("a", ["b"]))["code"] == "UNKNOWN_STREAM"
