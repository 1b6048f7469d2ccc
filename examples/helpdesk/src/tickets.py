"""What a ticket is: pydantic for what comes from outside, msgspec for what is kept."""

from typing import Literal

import msgspec
from pydantic import BaseModel, Field, field_validator

WORDS_OF_HASTE = ("down", "lost", "cannot")
LOOKS_MAX = 2


class NewTicket(BaseModel):
    """What a customer writes."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    subject: str = Field(min_length=3, max_length=120)
    text: str = ""

    @field_validator("subject")
    @classmethod
    def says_something(cls, subject: str) -> str:
        if subject.strip().lower() in ("help", "urgent", "question"):
            raise ValueError("say in a few words what it is about")
        return subject.strip()


Priority = Literal["normal", "high", "urgent"]


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as it is kept. `looks` counts how often it was found still open."""

    id: str
    email: str
    subject: str
    text: str = ""
    is_open: bool = True
    priority: Priority = "normal"
    looks: int = 0


class Opened(msgspec.Struct, frozen=True):
    """The event that a ticket was opened."""

    id: str


class Escalated(msgspec.Struct, frozen=True):
    """The event that a ticket waits too long."""

    id: str
    subject: str


def priority_of(ticket: Ticket) -> Priority:
    """High where its words say haste."""
    words = f"{ticket.subject} {ticket.text}".lower()
    return "high" if any(word in words for word in WORDS_OF_HASTE) else "normal"


def looked_at(ticket: Ticket) -> Ticket:
    """The ticket after one more look at it: urgent once it was found open too often."""
    looks = ticket.looks + 1
    priority: Priority = "urgent" if looks >= LOOKS_MAX else ticket.priority
    return msgspec.structs.replace(ticket, looks=looks, priority=priority)
