"""What the acceptance tests look at: what steps kept in the state, and what the log says."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.server import Server, wait_until


def seen(server: Server, group: str, count: int) -> list[Any]:
    """Wait until the steps kept that many things in a group of the state."""

    def look() -> list[Any]:
        kept: list[Any] = server.get(f"/seen/{group}").json
        return kept if len(kept) >= count else []

    return wait_until(look, what=f"{count} in {group}")


def lines(server: Server) -> list[dict[str, Any]]:
    """The log's lines that are JSON."""
    return [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
