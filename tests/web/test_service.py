"""The way of answers back to the poller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gunicorn.config import Config

from motia_actors.web.poller import Poller
from motia_actors.web.service import Service


class Line(Poller):
    """A poller driven by hand, which tells how it is when it is woken."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []
        self.woken_with: list[int] = []
        self.before: Callable[[], object] | None = None

    def call_in_time(self, call: Callable[[], object]) -> None:
        before, self.before = self.before, None
        if before is not None:
            before()
        self.calls.append(call)

    def wake(self) -> None:
        self.woken_with.append(len(self.calls))


class Owner:
    """A connection that takes every answer at once."""

    def __init__(self, line: Line, *, has_next: bool = False) -> None:
        self._line, self._has_next = line, has_next
        self.calls_at_look = -1

    def send_now(self, data: bytes) -> int:
        return len(data)

    def has_more(self, _exchange: object) -> bool:
        self.calls_at_look = len(self._line.calls)
        return self._has_next


class Sent:
    """An exchange that is over."""

    take_over = room = None

    def __init__(self, owner: Owner) -> None:
        self.owner = owner


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def service(line: Line) -> Service:
    pool: Any = None
    return Service(
        Config(),
        None,
        lambda _environ, _start: [],
        poller=line,
        pool=pool,
        body_bytes_max=1,
        upload_bytes_max=1,
        connections_per_address_max=1,
    )


def send(service: Service, owner: Owner) -> None:
    exchange: Any = Sent(owner)
    service.send(exchange, b"answer", is_end=True)


def test_the_next_request_is_looked_for_once_the_answer_is_at_the_poller(
    service: Service, line: Line
) -> None:
    quiet, owner = Owner(line), Owner(line, has_next=True)
    send(service, quiet)
    assert line.woken_with == []

    send(service, owner)

    # What comes between would be neither seen here nor gone on with there.
    assert (quiet.calls_at_look, owner.calls_at_look) == (1, 2)
    assert line.woken_with == [2]


def test_who_wakes_the_poller_has_a_call_there_whatever_another_thread_is_about_to_do(
    service: Service, line: Line
) -> None:
    # A thread is held up before its call is there, and another has one to go on with meanwhile.
    line.before = lambda: send(service, Owner(line, has_next=True))

    send(service, Owner(line))

    assert line.woken_with == [1]
