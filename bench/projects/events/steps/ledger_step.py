"""GET /ledger: how many events were handled; ?take=1 answers all figures and forgets them."""

from typing import Any

from src import ledger  # type: ignore[import-not-found]  # the project is the root

config = {"name": "Ledger", "type": "api", "path": "/ledger", "method": "GET"}


def handler(req: Any, _context: Any) -> dict[str, Any]:
    """Answer what the ledger holds."""
    if "take" not in req.queryParams:
        return {"status": 200, "body": {"count": len(ledger.latencies_s)}}
    figures = {"last_s": ledger.last_s[0], "latencies_s": list(ledger.latencies_s)}
    ledger.clear()
    return {"status": 200, "body": figures}
