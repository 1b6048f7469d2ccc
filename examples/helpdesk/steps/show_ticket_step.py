"""What became of a ticket."""

import msgspec
from motia_actors import Context, Request, api
from src.tickets import Ticket


@api(path="/tickets/:id", method="GET", flows=["helpdesk"])
async def show_ticket(request: Request, context: Context) -> Ticket | dict[str, object]:
    found = await context.state.get("tickets", request.params["id"])
    if found is None:
        return {"status": 404, "body": {"error": f"no ticket {request.params['id']}"}}
    return msgspec.convert(found, Ticket)
