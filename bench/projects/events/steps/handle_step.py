"""On bench.emitted: note that it came."""

from typing import Any

from src import ledger  # type: ignore[import-not-found]  # the project is the root

config = {"name": "Handle", "type": "event", "subscribes": ["bench.emitted"], "emits": []}


def handler(event: Any, _context: Any) -> None:
    """Note how old the event is."""
    ledger.add(event["at_s"])
