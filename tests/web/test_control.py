from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import pytest
from falcon.testing import TestClient

from motia_actors.clock import ManualClock
from motia_actors.errors import StoreFullError
from motia_actors.payload import encode
from motia_actors.steps.config import Stream
from motia_actors.store import StateSet, StreamSet
from motia_actors.stores.memory import MemoryStore
from motia_actors.web.api import Front, WebSettings
from motia_actors.web.control import Control, StepSource, control_routes
from motia_actors.web.limits import Limits
from tests.web.front import Steps, answering

T = TypeVar("T")


class Project(Control):
    """A project of one step and one stream, on a store in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore(ManualClock())
        self.store.open()
        self.version = "1.2.3"
        self.emitted: list[tuple[str, object, tuple[str, ...]]] = []
        self.is_full = False

    def emit(self, topic: str, data: object, *, flows: tuple[str, ...]) -> None:
        if self.is_full:
            raise StoreFullError("the store is full")
        self.emitted.append((topic, data, flows))

    def streams(self) -> Sequence[Stream]:
        return [Stream(id="src/chat_stream.py", name="chat", schema={"type": "object"})]

    def step_source(self, step_uuid: str) -> StepSource | None:
        if step_uuid == "unreadable":
            raise OSError
        return StepSource(id="one", content="config = {}") if step_uuid == "one" else None

    def statistics(self) -> Mapping[str, object]:
        return {"actors": 3}


@pytest.fixture
def project() -> Iterator[Project]:
    project = Project()
    yield project
    project.store.close()


@pytest.fixture
def client(project: Project) -> TestClient:
    steps = Steps()
    front = Front(
        WebSettings(), asker=steps, new_trace_id=str, log=steps.log,
        reserved=control_routes(project, Limits()),
    )  # fmt: skip
    steps.add("GET", "*", answering({"status": 200, "body": "mine"}))
    front.mount(steps.routes)
    return TestClient(front.app)


def keep(project: Project, values: Mapping[tuple[str, str], object]) -> None:
    for (group, key), value in values.items():
        project.store.write(StateSet(group=group, key=key, value=encode(value)))


def test_emit_answers_what_was_emitted(client: TestClient, project: Project) -> None:
    result = client.simulate_post("/emit", json={"topic": "declared.ts", "data": {}})

    assert result.text == '{"success":true,"emitted":{"topic":"declared.ts","data":{}}}'
    assert project.emitted == [("declared.ts", {}, ("_system",))]


@pytest.mark.parametrize("body", [{}, {"topic": 1}, []])
def test_emit_without_topic_is_a_400(client: TestClient, project: Project, body: object) -> None:
    result = client.simulate_post("/emit", json=body)

    assert (result.status_code, result.json) == (400, {"error": "topic must be a string"})
    assert not project.emitted


def test_a_failing_store_is_a_500_that_says_why(client: TestClient, project: Project) -> None:
    project.is_full = True

    result = client.simulate_post("/emit", json={"topic": "a"})

    assert (result.status_code, result.json) == (500, {"error": "the store is full"})


@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        ("/__motia", 200, {"version": "1.2.3", "isDev": True, "isTutorialDisabled": True,
                           "workbenchBase": ""}),
        ("/__motia/statistics", 200, {"actors": 3}),
        ("/__motia/step/one", 200, {"id": "one", "content": "config = {}", "features": []}),
        ("/__motia/step/none", 404, {"error": "Step not found"}),
        ("/__motia/step/unreadable", 500, {"error": "Failed to read step file"}),
        ("/__motia/state", 200, []),
        ("/__motia/streams/details/nope", 404, {"error": "Stream 'nope' not found"}),
        ("/__motia/streams/group/nope/g", 404, {"error": "Stream 'nope' not found"}),
        ("/__motia/streams/item/nope/g/i", 404, {"error": "Stream 'nope' not found"}),
        ("/__motia/streams/group/chat/g", 200,
         {"streamName": "chat", "groupId": "g", "items": [], "count": 0}),
        ("/__motia/streams/item/chat/g/i", 200,
         {"streamName": "chat", "groupId": "g", "itemId": "i", "data": None}),
    ],
)  # fmt: skip
def test_what_tools_read(client: TestClient, path: str, status: int, answer: object) -> None:
    result = client.simulate_get(path)

    assert (result.status_code, result.json) == (status, answer)


def test_state_is_listed_by_group_and_filter(client: TestClient, project: Project) -> None:
    keep(project, {("g", "a"): {"n": 1}, ("g", "b"): {"n": 2}, ("h", "c"): "x"})

    everything = client.simulate_get("/__motia/state").json
    group = client.simulate_get("/__motia/state", params={"groupId": "h"}).json
    matches = client.simulate_get(
        "/__motia/state", params={"filter": '[{"valueKey":"n","operation":"gt","value":1}]'}
    ).json

    assert [item["key"] for item in everything] == ["a", "b", "c"]
    assert group == [{"groupId": "h", "key": "c", "type": "string", "value": "x"}]
    assert matches == [{"groupId": "g", "key": "b", "type": "object", "value": {"n": 2}}]


@pytest.mark.parametrize("text", ["{", "{}", '[{"valueKey":"n","operation":"like"}]'])
def test_a_malformed_filter_is_a_400(client: TestClient, text: str) -> None:
    assert client.simulate_get("/__motia/state", params={"filter": text}).status_code == 400


def test_state_is_set_and_deleted(client: TestClient, project: Project) -> None:
    set_body = {"key": "k:1", "groupId": "g", "value": {"a": 1}}

    result = client.simulate_post("/__motia/state", json=set_body)
    assert result.json == set_body
    assert project.store.state.get("g", "k:1") == b'{"a":1}'

    result = client.simulate_post("/__motia/state/delete", json={"ids": ["g:k:1", "nope"]})
    assert (result.status_code, result.content) == (204, b"")
    assert project.store.state.get("g", "k:1") is None


@pytest.mark.parametrize(
    ("path", "body"),
    [("/__motia/state", {"key": "k"}), ("/__motia/state/delete", {"ids": "x"}),
     ("/__motia/state/delete", {"ids": [1]}), ("/__motia/state/delete", [])],
)  # fmt: skip
def test_a_malformed_write_is_a_400(client: TestClient, path: str, body: object) -> None:
    assert client.simulate_post(path, json=body).status_code == 400


def test_streams_are_listed_with_their_items(client: TestClient, project: Project) -> None:
    item = encode({"id": "i", "text": "hi"})
    project.store.write(StreamSet(stream="chat", group="g", item_id="i", data=item))
    about = {"id": "chat", "name": "chat", "hidden": False, "filePath": "src/chat_stream.py"}

    assert client.simulate_get("/__motia/streams").json == {"streams": [about]}
    assert client.simulate_get("/__motia/streams/all").json == {"streams": [about]}
    details = client.simulate_get("/__motia/streams/details/chat").json
    assert details == {**about, "schema": {"type": "object"}}
    group = client.simulate_get("/__motia/streams/group/chat/g").json
    assert (group["count"], group["items"]) == (1, [{"id": "i", "text": "hi"}])
    found = client.simulate_get("/__motia/streams/item/chat/g/i").json
    assert found["data"] == {"id": "i", "text": "hi"}


def test_a_step_on_every_path_leaves_the_tools_theirs(client: TestClient) -> None:
    assert client.simulate_get("/anything").text == "mine"
    assert client.simulate_get("/__motia").json["isDev"]


def test_writes_are_offloaded_where_asked(project: Project) -> None:
    works: list[object] = []

    def offload(work: Callable[[], T]) -> T:
        works.append(work)
        return work()

    steps = Steps()
    routes = control_routes(project, Limits(), offload=offload)
    front = Front(
        WebSettings(), asker=steps, new_trace_id=str, log=steps.log, reserved=routes
    )  # fmt: skip

    TestClient(front.app).simulate_post("/emit", json={"topic": "a"})

    assert len(works) == 1
