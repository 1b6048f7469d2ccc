"""A customer opens a ticket."""

from motia_actors import Context, api
from src.tickets import NewTicket, Opened, Ticket


@api(
    path="/tickets",
    method="POST",
    emits=["ticket.opened"],
    flows=["helpdesk"],
    responseSchema={201: Ticket},
)
async def open_ticket(new: NewTicket, context: Context) -> dict[str, object]:
    ticket = Ticket(id=context.trace_id, email=new.email, subject=new.subject, text=new.text)
    await context.state.set("tickets", ticket.id, ticket)
    await context.emit({"topic": "ticket.opened", "data": Opened(ticket.id)})
    return {"status": 201, "body": ticket}
