"""Names for what happens: traces as Motia and as the W3C write them, spans and events.

Drawn from the operating system, not from `random`: a step may seed that, and a forked worker
would repeat its parent. It is asked for a few hundred ids at a time: each question lets go of
the interpreter's lock, and other threads then make a request wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_BYTES = 4096
_LETTERS = b"ABCDEFGHJKMNPQRSTUVWXYZ123456789"
_TO_LETTERS = bytes(_LETTERS[byte % len(_LETTERS)] for byte in range(256))


class _Chance(Generic[T]):
    """Random ids, bought in bulk. A fork starts with none of its parent's."""

    def __init__(self, buy: Callable[[], list[T]]) -> None:
        self._buy = buy
        self._stock: list[T] = []
        os.register_at_fork(after_in_child=self._forget)

    def take(self) -> T:
        """One that nobody else gets."""
        # Taking from a list and adding one to it are single steps that need no lock.
        try:
            return self._stock.pop()
        except IndexError:
            bought = self._buy()
        taken = bought.pop()
        self._stock.extend(bought)
        return taken

    def _forget(self) -> None:
        self._stock = []


def _pieces(text: str, chars: int) -> list[str]:
    return [text[at : at + chars] for at in range(0, len(text) - chars + 1, chars)]


_letters = _Chance(lambda: _pieces(os.urandom(_BYTES).translate(_TO_LETTERS).decode(), 5))
# All zeros would be no id; that is one in 2**64.
_events = _Chance(lambda: _pieces(os.urandom(_BYTES).hex(), 20))
_spans = _Chance(lambda: _pieces(os.urandom(_BYTES).hex(), 16))
_traces = _Chance(lambda: [(one[:32], one[32:]) for one in _pieces(os.urandom(_BYTES).hex(), 48)])


def new_trace_id(now_s: float) -> str:
    """Make a trace id such as `K7PQ2-4431022`: five letters, and the end of now in ms.

    Source: Motia 0.17 `generateTraceId`.
    """
    return f"{_letters.take()}-{str(int(now_s * 1000))[6:]}"


def new_event_id(now_s: float) -> str:
    """Make an id that no other event ever has; ids sort by their millisecond."""
    return f"{int(now_s * 1000):012x}{_events.take()}"


new_trace_ids = _traces.take
"""Make a W3C trace id of 32 hexadecimal digits, and one of 16 for its first span."""

new_span_id = _spans.take
"""Make a W3C span id: 16 hexadecimal digits."""
