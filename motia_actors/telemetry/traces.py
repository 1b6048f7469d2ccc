"""Names for what happens: traces as Motia and as the W3C write them, spans and events.

Drawn from the operating system, not from `random`: a step may seed that, and a forked worker
would repeat its parent. It is asked for a few hundred ids at a time: each question lets go of
the interpreter's lock, and other threads then make a request wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from motia_actors.threads import allocate_lock

_LETTERS = b"ABCDEFGHJKMNPQRSTUVWXYZ123456789"
_TO_LETTERS = bytes(_LETTERS[byte % len(_LETTERS)] for byte in range(256))


class _Chance:
    """Random text, bought in bulk. A fork starts with none of its parent's."""

    BYTES = 4096

    def __init__(self, write: Callable[[bytes], str]) -> None:
        self._write = write
        self._guard = allocate_lock()
        self._text, self._used = "", 0
        os.register_at_fork(after_in_child=self._forget)

    def take(self, count: int) -> str:
        """So many characters that nobody else gets."""
        with self._guard:
            start, self._used = self._used, self._used + count
            if self._used > len(self._text):
                self._text = self._write(os.urandom(self.BYTES))
                start, self._used = 0, count
            return self._text[start : self._used]

    def _forget(self) -> None:
        # The lock as well: the thread that held it may not have come along.
        self._guard = allocate_lock()
        self._text, self._used = "", 0


_letters = _Chance(lambda data: data.translate(_TO_LETTERS).decode())
_hex = _Chance(bytes.hex)  # All zeros would be no id; that is one in 2**64.


def new_trace_id(now_s: float) -> str:
    """Make a trace id such as `K7PQ2-4431022`: five letters, and the end of now in ms.

    Source: Motia 0.17 `generateTraceId`.
    """
    return f"{_letters.take(5)}-{str(int(now_s * 1000))[6:]}"


def new_event_id(now_s: float) -> str:
    """Make an id that no other event ever has; ids sort by their millisecond."""
    return f"{int(now_s * 1000):012x}{_hex.take(20)}"


def new_trace_ids() -> tuple[str, str]:
    """Make a W3C trace id of 32 hexadecimal digits, and one of 16 for its first span."""
    digits = _hex.take(48)
    return digits[:32], digits[32:]


def new_span_id() -> str:
    """Make a W3C span id: 16 hexadecimal digits."""
    return _hex.take(16)
