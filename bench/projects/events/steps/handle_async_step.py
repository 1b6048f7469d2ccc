"""On bench.emitted.async: note that it came."""

from typing import Any

from bench import ledger

config = {
    "name": "HandleAsync",
    "type": "event",
    "subscribes": ["bench.emitted.async"],
    "emits": [],
}


async def handler(event: Any, _context: Any) -> None:
    """Note how old the event is."""
    ledger.add(event["at_s"])
