"""On `review.submitted`: how kind a review is. Python, in two processes of its own.

Scoring keeps a core busy, so it must not hold up the worker that answers requests; and what hangs
here is killed after ten seconds and run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.scoring import score

if TYPE_CHECKING:
    from motia_types import ScoreReview

config = {
    "name": "ScoreReview",
    "type": "event",
    "description": "Scores a review",
    "subscribes": ["review.submitted"],
    "input": {
        "type": "object",
        "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
        "required": ["id", "text"],
    },
    "emits": ["review.scored"],
    "flows": ["reviews"],
    "infrastructure": {
        "isolation": "process",
        "processes": 2,
        "handler": {"timeout": 10, "ram": 256},
        "queue": {"maxRetries": 2, "backoff": {"delay": 0.2}},
    },
}


async def handler(review: ScoreReview.Input, context: ScoreReview.Context) -> None:
    points = score(review["text"])
    context.logger.info("review scored", {"id": review["id"], "points": points})
    await context.emit({"topic": "review.scored", "data": {"id": review["id"], "points": points}})
