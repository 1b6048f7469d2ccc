"""The page "What is a Step?": each TypeScript and JavaScript line of it does what the page says."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.looking import lines, seen
from tests.e2e.server import Server, wait_until

pytestmark = pytest.mark.slow

PLACE = {
    "type": "state-stream",
    "streamName": "chatMessages",
    "groupId": "room-123",
    "id": "msg-456",
}


@pytest.fixture(scope="module", params=["seed_typescript", "seed_javascript"])
def server(serve: Serve, request: pytest.FixtureRequest) -> Server:
    return serve(request.param, MOTIA_LOG_FORMAT="json")


def test_the_first_step_answers(server: Server) -> None:
    answer = server.post("/endpoint")

    assert (answer.status, answer.json) == (200, {"success": True})


def test_a_message_reaches_both_of_its_listeners_with_its_trace(server: Server) -> None:
    sent = server.post("/messages", {"text": "hello"})

    assert sent.status == 200
    trace = sent.json["trace"]
    data = {"text": "hello", "trace": trace}
    assert seen(server, "seen", 2) == [
        {"step": "EventStep", "input": data, "trace": trace},
        {"step": "ProcessMessage", "input": data, "trace": trace},
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "text"), ({"text": 3}, "text"), ({"text": ""}, "text"), ([], "")],
)
def test_a_body_that_breaks_its_schema_is_refused(server: Server, body: object, field: str) -> None:
    answer = server.post("/messages", body)

    assert answer.status == 400
    assert field in json.dumps(answer.json)


def test_an_emitted_user_arrives(server: Server) -> None:
    assert server.post("/users", {}).status == 201

    assert seen(server, "users", 1) == [{"userId": "123", "email": "user@example.com"}]


def test_the_three_levels_of_the_logger_are_lines_with_their_fields(server: Server) -> None:
    trace = server.post("/log").json["trace"]

    def mine() -> list[dict[str, Any]]:
        return [line for line in lines(server) if line.get("traceId") == trace]

    wait_until(lambda: len(mine()) >= 3, what="three lines")
    info, error, warn = mine()
    assert (info["level"], info["msg"], info["userId"]) == ("info", "Processing started", "123")
    assert (error["level"], error["error"]) == ("error", "no such thing")
    assert (warn["level"], warn["requests"]) == ("warn", 1000)
    assert (info["flows"], info["step"]) == (["my-flow"], "Logs")


def test_state_is_set_read_and_cleared(server: Server) -> None:
    preferences = {"theme": "dark", "lang": "en"}

    assert server.post("/state").json == {
        "preferences": preferences,
        "all": [preferences],
        "after": None,
        "left": [],
    }


def test_a_stream_keeps_items_with_dates_as_text(server: Server) -> None:
    answer = server.post("/stream").json

    message = answer["message"]
    assert (message["text"], message["userId"]) == ("Hello!", "123")
    assert datetime.fromisoformat(message["timestamp"]).tzinfo is not None
    assert (message["id"], message["__motia"]) == ("msg-456", PLACE)
    assert (answer["all"], answer["after"], answer["left"]) == ([message], None, [])


def test_a_request_has_all_that_the_page_lists(server: Server) -> None:
    with server.client() as client:
        answer = client.ask(
            "PUT", "/users/7?page=2&tag=x&tag=y", {"n": 1}, headers={"X-Agent": "test"}
        ).json

    query = {"page": "2", "tag": ["x", "y"]}
    assert answer == {
        "body": {"n": 1},
        "query": query,
        "params": {"id": "7"},
        "agent": "test",
        "method": "PUT",
        "path": "/users/7",
        "motia": [query, {"id": "7"}],
        "has": ["emit", "logger", "state", "streams", "traceId"],
    }


def test_a_cron_step_runs_by_its_expression_with_the_context_alone(server: Server) -> None:
    assert seen(server, "summaries", 1)[0] == {"same": True}


def test_the_log_has_nothing_to_complain_of(server: Server) -> None:
    bad = [
        line
        for line in lines(server)
        if line["level"] in ("warn", "error")
        and line.get("step") != "Logs"
        and "nobody subscribes to" not in line["msg"]
    ]

    assert bad == []
