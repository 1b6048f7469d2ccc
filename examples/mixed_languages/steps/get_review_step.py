"""GET /reviews/:id: one review, from the state that the others wrote. Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motia_types import GetReview

config = {
    "name": "GetReview",
    "type": "api",
    "path": "/reviews/:id",
    "method": "GET",
    "responseSchema": {
        200: {"type": "object", "additionalProperties": True},
        404: {
            "type": "object",
            "properties": {"error": {"type": "string"}},
            "required": ["error"],
        },
    },
    "emits": [],
    "flows": ["reviews"],
}


async def handler(req: GetReview.Request, context: GetReview.Context) -> GetReview.Response:
    review = await context.state.get("reviews", req.pathParams["id"])
    if review is None:
        return {"status": 404, "body": {"error": f"no review {req.pathParams['id']}"}}
    return {"status": 200, "body": review}
