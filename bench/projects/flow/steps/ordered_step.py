"""On bench.ordered: note that it came."""

from typing import Any

from bench import ledger

config = {"name": "Ordered", "type": "event", "subscribes": ["bench.ordered"], "emits": []}


def handler(event: Any, _context: Any) -> None:
    """Note how old the event is."""
    ledger.add(event["at_s"])
