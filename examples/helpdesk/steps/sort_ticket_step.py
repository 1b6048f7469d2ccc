"""Every new ticket gets its priority."""

import msgspec
from motia_actors import Context, event
from src.tickets import Opened, Ticket, priority_of


@event(
    subscribes=["ticket.opened"],
    flows=["helpdesk"],
    infrastructure={"queue": {"maxRetries": 5, "backoff": "exponential"}},
)
async def sort_ticket(opened: Opened, context: Context) -> None:
    ticket = msgspec.convert(await context.state.get("tickets", opened.id), Ticket)
    # From what is kept alone: an event that comes twice changes nothing the second time.
    ticket = msgspec.structs.replace(ticket, priority=priority_of(ticket))
    await context.state.set("tickets", ticket.id, ticket)
