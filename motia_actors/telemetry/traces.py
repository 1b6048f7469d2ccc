"""Names for what happens: trace ids as Motia writes them, and ids of events.

Drawn from the operating system, not from `random`: a step may seed that, and a forked worker
would repeat its parent. It is asked for a few hundred ids at a time: each question lets go of
the interpreter's lock, and other threads then make a request wait.
"""

from __future__ import annotations

import os

from motia_actors.threads import allocate_lock

_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ123456789"


class _Chance:
    """Random bytes, bought in bulk. A fork starts with none of its parent's."""

    BYTES = 4096

    def __init__(self) -> None:
        self._guard = allocate_lock()
        self._bytes, self._used = b"", 0
        os.register_at_fork(after_in_child=self._forget)

    def take(self, count: int) -> bytes:
        """So many bytes that nobody else gets."""
        with self._guard:
            if self._used + count > len(self._bytes):
                self._bytes, self._used = os.urandom(self.BYTES), 0
            start = self._used
            self._used = start + count
            return self._bytes[start : self._used]

    def _forget(self) -> None:
        # The lock as well: the thread that held it may not have come along.
        self._guard = allocate_lock()
        self._bytes, self._used = b"", 0


_chance = _Chance()


def new_trace_id(now_s: float) -> str:
    """Make a trace id such as `K7PQ2-4431022`: five letters, and the end of now in ms.

    Source: Motia 0.17 `generateTraceId`.
    """
    letters = "".join([_LETTERS[byte & 31] for byte in _chance.take(5)])
    return f"{letters}-{str(int(now_s * 1000))[6:]}"


def new_event_id(now_s: float) -> str:
    """Make an id that no other event ever has; ids sort by their millisecond."""
    return f"{int(now_s * 1000):012x}{_chance.take(10).hex()}"
