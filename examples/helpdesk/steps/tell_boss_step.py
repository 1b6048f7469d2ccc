"""Somebody hears of every ticket that waits too long: here it is kept, elsewhere a mail is sent."""

from motia_actors import Context, event
from src.tickets import Escalated


@event(subscribes=["ticket.escalated"], flows=["helpdesk"])
async def tell_boss(escalated: Escalated, context: Context) -> None:
    await context.state.set("told", escalated.id, escalated.subject)
