"""The commands that look at a running server, and its workers' figures together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from motia_actors.cli import cli
from tests.e2e.server import EXAMPLES, OWN, Server, copy_project, wait_until

pytestmark = pytest.mark.slow
Invoke = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    project = copy_project(EXAMPLES / "orders", tmp_path_factory.mktemp("watch") / "orders")
    (project / ".env").write_text("MOTIA_CONTROL_TOKEN=secret\n")
    with Server(project, options=("-w", "2", "-k", OWN, "--threads", "4")) as server:
        yield server


@pytest.fixture
def invoke(server: Server) -> Invoke:
    """Run a command with --json; answers its values."""

    def run(*words: str) -> list[Any]:
        told = ["--project", str(server.project), "--url", f"http://127.0.0.1:{server.port}"]
        result = CliRunner().invoke(cli, [*words, *told, "--json"])
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.output.splitlines()]

    return run


def shown(server: Server, *words: str) -> str:
    told = ["--project", str(server.project), "--url", f"http://127.0.0.1:{server.port}"]
    return CliRunner().invoke(cli, [*words, *told]).output


def test_a_trace_over_two_workers_is_found_with_its_logs(server: Server, invoke: Invoke) -> None:
    order = server.post("/orders", {"item": "tea", "quantity": 2})
    trace_id = order.headers["motia-trace-id"]

    def whole() -> Any:
        found = invoke("traces", "-q", trace_id)
        return found if found and "ShipOrder" in found[0]["steps"] else None

    (trace,) = wait_until(whole, what="the order is shipped")
    (spans,) = invoke("traces", trace_id)
    lines = invoke("logs", "--trace", trace_id)

    assert trace["name"] == "POST /orders"
    assert {"request", "call", "emit", "delivery", "state"} <= {
        span["kind"] for span in spans["spans"]
    }
    assert "order placed" in [line["msg"] for line in lines]
    assert f"  {'  ' * 1}call CreateOrder" in shown(server, "traces", trace_id)


def test_figures_are_those_of_all_workers(server: Server, invoke: Invoke) -> None:
    # Each connection goes to whichever worker takes it.
    for _ in range(20):
        server.get("/orders")

    def counted() -> bool:
        (stats,) = invoke("top")
        calls = {step["name"]: step["calls"] for step in stats["steps"]}
        return bool(calls["ListOrders"] >= 20)

    assert wait_until(counted, what="both workers have told their figures")
    assert "ListOrders" in shown(server, "top", "--once")


def test_state_is_shown_and_an_event_is_emitted(server: Server, invoke: Invoke) -> None:
    order_id = server.post("/orders", {"item": "tea", "quantity": 1}).json["id"]

    keys = [item["key"] for item in invoke("state", "orders")]
    emitted = invoke("emit", "order.created", json.dumps({"id": order_id}))

    assert order_id in keys
    assert emitted[0]["success"] is True


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    result = CliRunner().invoke(cli, ["top", "--url", "http://127.0.0.1:1"])

    assert result.exit_code == 2
    assert "no server answers at http://127.0.0.1:1" in result.output
