"""The page "What is a Step?": each line of it does what the page says, in each language."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import PROJECTS, Serve
from tests.acceptance.looking import lines, seen
from tests.e2e.server import Server, copy_project, wait_until

pytestmark = pytest.mark.slow

PLACE = {
    "type": "state-stream",
    "streamName": "chatMessages",
    "groupId": "room-123",
    "id": "msg-456",
}


@pytest.fixture(scope="module", params=["seed", "seed_typescript", "seed_javascript"])
def server(serve: Serve, request: pytest.FixtureRequest) -> Server:
    return serve(request.param, MOTIA_LOG_FORMAT="json")


def test_the_first_step_answers(server: Server) -> None:
    answer = server.post("/endpoint")

    assert (answer.status, answer.json) == (200, {"success": True, "result": {}})


def test_a_message_reaches_both_of_its_listeners_with_its_trace(server: Server) -> None:
    sent = server.post("/messages", {"text": "hello"})

    assert sent.status == 200
    trace = sent.json["trace"]
    assert trace == sent.json["same"]
    kept = seen(server, "seen", 2)
    data = {"text": "hello", "trace": trace}
    assert kept == [
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
    assert info["flows"] == ["my-flow"]
    assert info["step"] == "Logs"


def test_state_is_set_read_and_cleared(server: Server) -> None:
    preferences = {"theme": "dark", "lang": "en"}

    assert server.post("/state").json == {
        "preferences": preferences,
        "all": [preferences],
        "after": None,
        "left": [],
    }


@pytest.mark.parametrize("spelling", ["snake", "camel"])
def test_a_stream_of_two_words_has_two_spellings(server: Server, spelling: str) -> None:
    answer = server.post(f"/stream/{spelling}").json

    message = answer["message"]
    assert (message["text"], message["userId"]) == ("Hello!", "123")
    assert datetime.fromisoformat(message["timestamp"])
    assert (message["id"], message["__motia"]) == ("msg-456", PLACE)
    assert answer["all"] == [message]
    assert (answer["after"], answer["left"]) == (None, [])


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
        "as a dict": [{"n": 1}, query, {"id": "7"}, "PUT"],
        "has": ["emit", "logger", "state", "streams", "traceId"],
    }


def test_a_cron_step_runs_by_its_expression_with_the_context_alone(server: Server) -> None:
    assert seen(server, "summaries", 1)[0] == {"same": True}


def test_the_log_has_nothing_to_complain_of(server: Server) -> None:
    trace = server.post("/log").json["trace"]

    bad = [
        line
        for line in lines(server)
        if line["level"] in ("warn", "error")
        and line.get("step") != "Logs"
        and "nobody subscribes to" not in line["msg"]
    ]
    assert (trace != "", bad) == (True, [])


def test_a_step_changes_its_trigger_with_its_type(tmp_path: Path) -> None:
    project = copy_project(PROJECTS / "seed", tmp_path / "seed")
    step = project / "steps" / "my_step.py"
    text = step.read_text("utf-8")
    as_event = text.replace('"type": "api"', '"type": "event", "subscribes": ["go"]')
    step.write_text(
        as_event.replace(
            "    # write your business logic here\n",
            '    await context.state.set("changed", "to event", req)\n',
        ),
        "utf-8",
    )

    with Server(project, via="dev", options=()) as server:
        assert server.post("/endpoint").status == 404
        emitted = server.post("/emit", {"topic": "go", "data": {"n": 1}})
        assert emitted.json == {"success": True, "emitted": {"topic": "go", "data": {"n": 1}}}
        assert seen(server, "changed", 1) == [{"n": 1}]
        assert server.get("/__motia").json["isDev"] is True
        server.stop_cleanly()


def test_the_control_endpoints_show_state_and_streams(tmp_path: Path) -> None:
    project = copy_project(PROJECTS / "seed", tmp_path / "seed")

    with Server(project, via="dev", options=()) as server:
        value = {"theme": "dark"}
        entry = {"groupId": "g", "key": "k", "value": value}
        assert server.post("/__motia/state", entry).json == entry
        listed = server.get("/__motia/state?groupId=g").json
        assert listed == [{"groupId": "g", "key": "k", "type": "object", "value": value}]
        assert server.get("/seen/g").json == [value]
        assert server.post("/__motia/state/delete", {"ids": ["g:k"]}).status == 204
        assert server.get("/seen/g").json == []
        streams = server.get("/__motia/streams").json["streams"]
        assert [stream["name"] for stream in streams] == ["chatMessages"]
        group = server.get("/__motia/streams/group/chatMessages/room-123").json
        assert (group["items"], group["count"]) == ([], 0)
        server.stop_cleanly()


def test_a_server_without_control_endpoints_has_none(server: Server) -> None:
    assert server.post("/emit", {"topic": "message.sent", "data": {}}).status == 404
    assert server.get("/__motia/state").status == 404
