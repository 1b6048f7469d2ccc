"""Names for what happens: trace ids as Motia writes them, and ids of events.

Drawn from the operating system, not from `random`: a step may seed that, and a forked worker
would repeat its parent.
"""

from __future__ import annotations

import os

_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ123456789"


def new_trace_id(now_s: float) -> str:
    """Make a trace id such as `K7PQ2-4431022`: five letters, and the end of now in ms.

    Source: Motia 0.17 `generateTraceId`.
    """
    letters = "".join([_LETTERS[byte & 31] for byte in os.urandom(5)])
    return f"{letters}-{str(int(now_s * 1000))[6:]}"


def new_event_id(now_s: float) -> str:
    """Make an id that no other event ever has; ids sort by their millisecond."""
    return f"{int(now_s * 1000):012x}{os.urandom(10).hex()}"
