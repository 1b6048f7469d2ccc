"""W3C Trace Context: the headers by which services tell each other which trace they work for.

Source: https://www.w3.org/TR/trace-context/ (Level 1), versions and limits included.
"""

from __future__ import annotations

import re

from motia_actors.messages import Trace

STATE_CHARS_MAX = 512
"""Of tracestate: what has to be passed on at least, and here at most."""
STATE_MEMBERS_MAX = 32

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_MEMBER = re.compile(
    r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}", re.ASCII
)


def read_parent(traceparent: str, tracestate: str = "") -> Trace | None:
    """The span that the headers name as the caller's, or None where they name none.

    A later version is read as far as it is like version 00; a tracestate that is malformed is
    left out, as the specification wants both.
    """
    match = _PARENT.fullmatch(traceparent.strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more):
        return None
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & 1), _read_state(tracestate))


def write_parent(trace: Trace) -> str:
    """The header `traceparent` that names the span."""
    return f"00-{trace.w3c_id}-{trace.span_id}-{'01' if trace.is_sampled else '00'}"


def _read_state(text: str) -> str:
    members = [member.strip() for member in text.split(",") if member.strip()]
    if len(members) > STATE_MEMBERS_MAX or not all(map(_MEMBER.fullmatch, members)):
        return ""
    state = ",".join(members)
    return state if len(state) <= STATE_CHARS_MAX else ""
