from .doc_helper import PERSONA

config = {
    "type": "api",
    "name": "00 doc agent",
    "path": "/doc-agent/:id?",
    "method": "GET",
    "emits": [],
}


async def handler(req, context):
    path_params = req.get("pathParams", {})
    return {"status": 200, "body": {"persona": PERSONA, "id": path_params.get("id")}}
