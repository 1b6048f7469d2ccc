"""Tell bursts apart: the key that an event has for a step with debounce."""

from __future__ import annotations

from motia_actors.messages import Debounce
from motia_actors.payload import decode, encode


def key_of(debounce: Debounce, data: bytes) -> str:
    """JSON of the field that the path leads to; that of null where the data has no such field."""
    found = decode(data) if debounce.key else None
    for name in debounce.key:
        found = found.get(name) if isinstance(found, dict) else None
    return encode(found).decode()
