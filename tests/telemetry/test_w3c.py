"""The headers of W3C Trace Context, read and written."""

from __future__ import annotations

import pytest

from motia_actors.messages import Trace
from motia_actors.telemetry.w3c import read_parent, write_parent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize("flags", ["00", "01", "03"])
def test_a_caller_names_its_trace_its_span_and_whether_it_is_kept(flags: str) -> None:
    read = read_parent(f"00-{TRACE}-{SPAN}-{flags}")

    assert read == Trace(TRACE, SPAN, flags != "00")


def test_what_is_written_is_read_back() -> None:
    trace = Trace(TRACE, SPAN, is_sampled=True)

    assert read_parent(write_parent(trace)) == trace


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01\nx",
    ],
)
def test_a_malformed_header_names_nothing(header: str) -> None:
    assert read_parent(header) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert read_parent(f"cc-{TRACE}-{SPAN}-01-what-the-future-holds") == Trace(TRACE, SPAN, True)


def test_the_state_of_other_vendors_is_kept_as_it_came() -> None:
    read = read_parent(f"00-{TRACE}-{SPAN}-01", "congo=t61rcWkgMzE , rojo=00f067aa0ba902b7,")

    assert read is not None
    assert read.state == "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"


@pytest.mark.parametrize(
    "state", ["no member", "A=1", "a=1\r\nset-cookie: b", ",".join(f"k{n}=v" for n in range(33))]
)
def test_a_malformed_state_is_left_out_and_the_parent_stays(state: str) -> None:
    assert read_parent(f"00-{TRACE}-{SPAN}-01", state) == Trace(TRACE, SPAN, True)
