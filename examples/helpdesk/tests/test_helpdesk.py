"""The helpdesk, step by step and as a whole.

python -m pytest examples/helpdesk/tests
"""

import pytest
from motia_actors import Trigger
from motia_actors.testing import FakeContext, Harness
from src.tickets import NewTicket, Opened, Ticket, looked_at
from steps.look_at_tickets_step import look_at_tickets
from steps.open_ticket_step import open_ticket
from steps.sort_ticket_step import sort_ticket

TICKET = {"email": "ann@example.org", "subject": "The page is down", "text": "since noon"}


def test_a_step_is_a_function_of_an_object() -> None:
    context = FakeContext()

    answer = context.run(open_ticket, NewTicket(**TICKET))
    context.run(sort_ticket, Opened(answer["body"].id))

    assert answer["status"] == 201
    assert context.emitted("ticket.opened") == [{"id": answer["body"].id}]
    assert context.state.get("tickets", answer["body"].id)["priority"] == "high"


def test_an_event_that_comes_twice_changes_nothing_the_second_time() -> None:
    context = FakeContext()
    ticket = Ticket(id="1", email="ann@example.org", subject="The page is down")
    context.state.set("tickets", "1", ticket)

    context.run(sort_ticket, Opened("1"))
    once = context.state.get("tickets", "1")
    context.run(sort_ticket, Opened("1"))

    assert context.state.get("tickets", "1") == once


def test_only_an_open_ticket_gets_more_urgent() -> None:
    context = FakeContext(trigger=Trigger(type="cron", cron="0 8,14 * * *"))
    for name, is_open in (("open", True), ("closed", False)):
        ticket = Ticket(id=name, email="a@b", subject="A subject", looks=1, is_open=is_open)
        context.state.set("tickets", name, ticket)

    looked = context.run(look_at_tickets)

    assert (looked.open, looked.escalated) == (1, ["open"])
    assert context.emitted("ticket.escalated") == [{"id": "open", "subject": "A subject"}]


def test_two_looks_make_a_ticket_urgent() -> None:
    ticket = Ticket(id="1", email="a@b", subject="A subject")

    assert looked_at(ticket).priority == "normal"
    assert looked_at(looked_at(ticket)).priority == "urgent"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"subject": "Hm"}, "subject"),
        ({"subject": "help"}, "subject"),
    ],
)
def test_a_ticket_that_says_nothing_is_refused_by_field(
    motia: Harness, change: dict[str, str], field: str
) -> None:
    refused = motia.request("POST", "/tickets", json={**TICKET, **change})

    assert refused.status == 400
    assert [one["path"] for one in refused.json["details"]] == [field]
    assert motia.state.group("tickets") == {}


def test_a_ticket_is_sorted_and_escalated_by_request_and_by_the_clock(motia: Harness) -> None:
    ticket_id = motia.request("POST", "/tickets", json=TICKET).json["id"]
    motia.settle()
    sorted_ = motia.request("GET", f"/tickets/{ticket_id}").json

    by_hand = motia.request("POST", "/looks")
    motia.advance(24 * 3600)

    assert sorted_["priority"] == "high"
    assert by_hand.json == {"open": 1, "escalated": []}
    assert motia.request("GET", f"/tickets/{ticket_id}").json["priority"] == "urgent"
    assert motia.state.group("told") == {ticket_id: TICKET["subject"]}


def test_there_is_no_ticket_of_another_id(motia: Harness) -> None:
    assert motia.request("GET", "/tickets/none").status == 404
