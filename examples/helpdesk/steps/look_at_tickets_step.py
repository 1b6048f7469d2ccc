"""Twice a day, and whenever somebody asks: what is still open gets more urgent."""

import msgspec
from motia_actors import Context, Request, api, cron
from src.tickets import Escalated, Ticket, looked_at


class Looked(msgspec.Struct):
    """What a look found."""

    open: int
    escalated: list[str]


@api(path="/looks", method="POST", flows=["helpdesk"], emits=["ticket.escalated"])
@cron(cron="0 8,14 * * *")
async def look_at_tickets(request: Request | None, context: Context) -> Looked:
    tickets = msgspec.convert(await context.state.get_group("tickets"), list[Ticket])
    looked = [looked_at(ticket) for ticket in tickets if ticket.is_open]
    escalated = []
    for before, ticket in zip([one for one in tickets if one.is_open], looked, strict=True):
        await context.state.set("tickets", ticket.id, ticket)
        if ticket.priority == "urgent" != before.priority:
            told = Escalated(id=ticket.id, subject=ticket.subject)
            await context.emit({"topic": "ticket.escalated", "data": told})
            escalated.append(ticket.id)
    context.logger.info("looked", {"by": context.trigger.type, "open": len(looked)})
    return Looked(open=len(looked), escalated=escalated)
