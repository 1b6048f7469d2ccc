"""On bench.emitted: note that it came."""

from typing import Any

from bench import ledger

config = {"name": "Handle", "type": "event", "subscribes": ["bench.emitted"], "emits": []}


def handler(event: Any, _context: Any) -> None:
    """Note how old the event is."""
    ledger.add(event["at_s"])
