"""What step authors test with: one step by itself, or the whole project in memory.

    context = FakeContext(streams=["orders"])
    answer = context.run(handler, request(body={"item": "tea"}))

    with Harness("examples/orders") as app:
        app.request("POST", "/orders", json={"item": "tea", "quantity": 2})
        app.settle()

With pytest, the fixtures `motia` and `motia_context` give both (`plugin.py`).
"""

from __future__ import annotations

from motia_actors.testing.context import Emitted, FakeContext, request
from motia_actors.testing.harness import Harness
from motia_actors.testing.watching import Watched
from motia_actors.web.client import Answer

__all__ = ["Answer", "Emitted", "FakeContext", "Harness", "Watched", "request"]
