"""What the workbench asks for, over HTTP, of a project that runs in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import Server, wait_until, write_project

STEPS = {
    "steps/take_step.py": """config = {"name": "Take", "type": "api", "path": "/take/:id",
          "method": "POST", "emits": ["taken"]}


async def handler(req, context):
    req.body["spoiled"] = True
    await context.emit({"topic": "taken", "data": {"n": 1}})
    return {"status": 200, "body": {}, "headers": {"x-trace": context.trace_id}}
""",
    "steps/heard_step.py": """config = {"name": "Heard", "type": "event", "subscribes": ["taken"],
          "emits": []}


async def handler(event, context):
    await context.state.set("heard", context.trace_id, event)
""",
    "steps/room_stream.py": """config = {"name": "rooms", "schema": {"type": "object"},
          "baseConfig": {"storageType": "default"}}
""",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    project = write_project(tmp_path_factory.mktemp("b") / "p", STEPS)
    with Server(project, via="dev", options=()) as server:
        yield server


def take(server: Server) -> str:
    with server.client() as client:
        answer = client.ask(
            "POST",
            "/take/7?q=1&q=2",
            {"a": 1},
            headers={"Authorization": "Bearer secret", "X-Shop": "one", "Cookie": "a=secret"},
        )
    return answer.headers["x-trace"]


def recorded(server: Server, trace_id: str) -> list[Any]:
    calls: list[Any] = server.get(f"/__motia/recorded/{trace_id}").json["calls"]
    return calls


def test_what_came_is_recorded_as_it_came_without_what_logs_in(dev: Server) -> None:
    trace_id = take(dev)
    wait_until(lambda: len(recorded(dev, trace_id)) == 2, what="both calls are recorded")

    request, event = recorded(dev, trace_id)

    assert request["request"] == {
        "method": "POST",
        "path": "/take/7",
        "query": "q=1&q=2",
        "headers": {"content-type": "application/json", "x-shop": "one"},
        "body": '{"a": 1}',
    }
    assert (event["name"], event["topic"], event["data"]) == ("Heard", "taken", {"n": 1})


def test_an_event_comes_again_under_a_trace_of_its_own(dev: Server) -> None:
    trace_id = take(dev)
    wait_until(lambda: len(recorded(dev, trace_id)) == 2, what="both calls are recorded")
    event = recorded(dev, trace_id)[1]

    again = dev.post("/__motia/replay", {"traceId": trace_id, "id": event["id"]}).json["traceId"]

    assert again != trace_id
    path = f"/__motia/state/value?group=heard&key={again}"
    wait_until(lambda: dev.get(path).json["value"] == {"n": 1}, what="the step heard it again")


def test_outside_of_dev_nothing_is_recorded(tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", STEPS)
    with Server(project, env={"MOTIA_CONTROL_TOKEN": "t"}) as server, server.client() as client:
        trace_id = take(server)
        answer = client.ask(
            "GET", f"/__motia/recorded/{trace_id}", headers={"Authorization": "Bearer t"}
        )
        assert answer.json == {"calls": []}


def test_a_known_version_is_answered_by_itself(dev: Server) -> None:
    for path in ("/__motia/project", "/__motia/state/browse"):
        whole = dev.get(path).json
        again = dev.get(f"{path}?version={whole['version']}").json
        assert again == {"version": whole["version"]}
        assert len(whole) > 2


def test_state_is_browsed_by_group_and_text(dev: Server) -> None:
    for key, value in (("ada", {"town": "London"}), ("bob", {"town": "Rome"})):
        dev.post("/__motia/state", {"groupId": "people", "key": key, "value": value})

    found = dev.get("/__motia/state/browse?group=people&q=rome").json

    assert [item["key"] for item in found["items"]] == ["bob"]
    assert {"group": "people", "count": 2} in found["groups"]


def test_an_item_of_a_stream_is_set_told_and_deleted(dev: Server) -> None:
    place = {"stream": "rooms", "group": "g", "id": "i"}
    assert dev.post("/__motia/streams/set", {**place, "data": {"a": 1}}).json == {"type": "create"}
    assert dev.get("/__motia/stream-groups/rooms").json == {"groups": ["g"]}
    assert dev.get("/__motia/streams/item/rooms/g/i").json["data"] == {"a": 1, "id": "i"}
    assert dev.post("/__motia/streams/delete", place).json == {"deleted": True}
    assert dev.post("/__motia/streams/delete", place).json == {"deleted": False}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("adjustments", {"step": "nope", "word": "suspended", "value": True}),
        ("adjustments", {"step": "steps/heard_step.py", "word": "paused", "value": True}),
        ("adjustments", {"step": "steps/heard_step.py", "word": "concurrency", "value": 0}),
        ("adjustments", {"step": "steps/heard_step.py", "word": "suspended", "value": 1}),
        ("adjustments", {"step": "steps/heard_step.py", "word": "mailboxSize", "value": "9"}),
        ("adjustments", {"step": "steps/heard_step.py", "word": "color", "value": 1}),
        ("cron/run", {"step": "steps/heard_step.py"}),
        ("replay", {"traceId": "T", "id": "none"}),
        ("streams/set", {"stream": "rooms", "group": "g", "id": "i", "data": [1]}),
        ("streams/set", {"stream": "nope", "group": "g", "id": "i", "data": {}}),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    dev: Server, path: str, body: dict[str, Any]
) -> None:
    answer = dev.post(f"/__motia/{path}", body)
    assert answer.status == 400
    assert answer.json["error"]


def test_a_page_of_another_origin_changes_nothing(dev: Server) -> None:
    body = {"step": "steps/heard_step.py", "word": "suspended", "value": True}
    with dev.client() as client:
        for headers, status in (
            ({"Origin": "https://evil.example"}, 403),
            ({"Host": "rebound.example"}, 403),
            ({"content-type": "text/plain"}, 415),
        ):
            answer = client.ask("POST", "/__motia/adjustments", body, headers=headers)
            assert answer.status == status
    assert dev.get("/__motia/adjustments").json == {"steps": {}}
