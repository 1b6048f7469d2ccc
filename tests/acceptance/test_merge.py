"""Motia's own acceptance programs, written in Python."""

from __future__ import annotations

import re
from functools import partial

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.looking import seen
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

RUN_COUNT = 20


@pytest.fixture(scope="module")
def server(serve: Serve) -> Server:
    return serve("merge")


def test_steps_that_run_side_by_side_are_joined_once(server: Server) -> None:
    with server.client() as client:
        post = partial(client.post, "/api/parallel-merge", {"message": "hello"})
        answers = [post().json for _ in range(RUN_COUNT)]

    assert {answer["message"] for answer in answers} == {"Started parallel merge"}
    joined = {one["traceId"]: one for one in seen(server, "complete", RUN_COUNT)}
    assert set(joined) == {answer["traceId"] for answer in answers}
    one = next(iter(joined.values()))
    assert one["flows"] == ["parallel-merge"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["data"]["mergedAt"])
    for name in "ABC":
        assert one["data"][f"step{name}"]["msg"] == f"Hello from Step {name}"
    for trace in joined:
        assert server.get(f"/seen/{trace}").json == [], "the state of the run is cleared"
    assert len(seen(server, "complete", RUN_COUNT)) == RUN_COUNT


def test_what_middleware_adds_reaches_the_event(server: Server) -> None:
    answer = server.post("/test-python", {"message": "hello world"})

    assert (answer.status, answer.json) == (200, {"message": "payload processed"})
    [tested] = seen(server, "tested", 1)
    assert tested["flows"] == ["simple-python"]
    assert tested["data"] == {"message": "hello world", "enriched": "yes"}
