"""The steps of the how-to pages do what the pages say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from motia_actors.testing import Harness
from tests.docs.pages import blocks
from tests.e2e.server import ROOT, write_project

pytestmark = pytest.mark.slow

Open = Callable[[str], Harness]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Makes a project of all Python steps of a page, and runs it in memory."""
    running: list[Harness] = []

    def open_page(name: str) -> Harness:
        files = {
            block.path: block.text
            for block in blocks(ROOT / "docs" / "how_to" / f"{name}.md")
            if block.language == "python" and block.path
        }
        harness = Harness(write_project(tmp_path / name, files))
        running.append(harness)
        return harness.__enter__()

    yield open_page
    for harness in running:
        harness.__exit__(None, None, None)


def test_a_schema_in_any_form_refuses_what_breaks_it(opened: Open) -> None:
    app = opened("validate")

    for path, good, bad in (
        ("/ratings", {"book": "b", "stars": 5}, {"book": "b", "stars": 6}),
        ("/registrations", {"name": "ada", "age": 36}, {"name": "", "age": 17}),
    ):
        assert app.request("POST", path, json=good).status < 300
        assert app.request("POST", path, json=bad).status == 400


def test_a_burst_runs_once_for_each_key_with_the_last_event(opened: Open) -> None:
    app = opened("bursts")

    for text in ("h", "he", "hey"):
        app.emit("draft.saved", {"id": "a", "text": text})
        app.advance(1)
    app.emit("draft.saved", {"id": "b", "text": "ho"})
    app.advance(1)

    assert app.state.get("index", "a") == "hey"
    assert app.state.get("runs", "a") == 1
    assert app.state.get("index", "b") is None
    app.advance(1)
    assert app.state.get("index", "b") == "ho"


def test_middleware_wraps_the_handler_and_may_answer(opened: Open) -> None:
    app = opened("middleware")

    refused = app.request("GET", "/profile")
    answer = app.request("GET", "/profile", headers={"authorization": "Bearer secret"})

    assert refused.status == 401
    assert (answer.status, answer.json) == (200, {"name": "ada"})
    assert refused.header("x-took-ms") is not None, "the outer one sees every answer"


def test_what_an_api_handler_returns_is_the_answer(opened: Open) -> None:
    app = opened("errors")
    app.state.set("accounts", "a", {"balance": 5})

    assert app.request("POST", "/withdrawals", json={"account": "b", "amount": 1}).status == 404
    assert app.request("POST", "/withdrawals", json={"account": "a", "amount": 9}).status == 409
    assert app.request("POST", "/withdrawals", json={"account": "a", "amount": 5}).status == 200


def test_twice_is_once(opened: Open) -> None:
    app = opened("once")

    for _ in range(2):
        app.emit("order.taken", {"id": "1", "amount": 7})
        app.settle()
    first = app.request("POST", "/reminders/ada").json
    again = app.request("POST", "/reminders/ada").json

    assert app.state.get("charged", "1")["amount"] == 7
    assert app.state.get("counts", "orders") == 2
    assert first == again
    app.advance(3600)
    assert [line["msg"] for line in app.logs].count("reminded") == 1


def test_views_are_counted_and_a_budget_is_not_overdrawn(opened: Open) -> None:
    app = opened("counters")

    views = [app.request("POST", "/views/home").json["views"] for _ in range(3)]
    spent = [app.request("POST", "/spend/ops", json={"amount": amount}) for amount in (60, 50, 40)]

    assert views == [1, 2, 3]
    assert [answer.status for answer in spent] == [200, 409, 200]
    assert [answer.json.get("left") for answer in spent] == [40, None, 0]


def test_a_session_lives_as_long_as_it_is_used_and_then_half_an_hour(opened: Open) -> None:
    app = opened("counters")
    token = app.request("POST", "/sessions", json={"user": "ada"}).json["token"]

    for seconds, status in ((1799, 200), (1799, 200), (1800, 401)):
        app.advance(seconds)
        assert app.request("GET", f"/me?token={token}").status == status


def test_one_rebuilds_at_a_time_and_a_dead_one_is_in_the_way_for_a_while(opened: Open) -> None:
    app = opened("counters")

    assert app.request("POST", "/rebuild").status == 200
    assert app.request("POST", "/rebuild").status == 200
    app.state.set("locks", "rebuild", "another", ttl=300)
    assert app.request("POST", "/rebuild").status == 409
    app.advance(300)
    assert app.request("POST", "/rebuild").status == 200
