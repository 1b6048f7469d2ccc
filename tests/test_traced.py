"""Every operation of a project is a span of its trace, as the control endpoints show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from motia_actors.testing.harness import Harness

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

ORDER = """
config = {"name": "Order", "type": "api", "method": "POST", "path": "/orders/:id",
          "emits": ["order.made"], "flows": ["shop"]}

async def handler(req, context):
    await context.state.set("orders", req["params"]["id"], req["body"])
    await context.emit({"topic": "order.made", "data": {"id": req["params"]["id"]}})
    context.logger.info("made", {"id": req["params"]["id"]})
    return {"status": 201, "body": {"traceId": context.trace_id}}
"""
SHIP = """
config = {"name": "Ship", "type": "event", "subscribes": ["order.made"], "emits": [],
          "infrastructure": {"queue": {"maxRetries": 1}}}

async def handler(order, context):
    if await context.state.get("broken", order["id"]):
        if order["id"] == "poison" or context.delivery.attempt == 1:
            raise ValueError("no truck")
    await context.streams.shipments.set("all", order["id"], {"to": "here"})
    context.logger.info("shipped")
"""
BREAK = """
config = {"name": "Break", "type": "api", "method": "POST", "path": "/break", "emits": []}

def handler(req, context):
    raise RuntimeError("broken")
"""
TICK = """
config = {"name": "Tick", "type": "cron", "cron": "0 0 1 1 *", "emits": ["order.made"]}

async def handler(context):
    await context.emit({"topic": "order.made", "data": {"id": "tick"}})
"""
TALLY = """
config = {"name": "Tally", "type": "api", "method": "POST", "path": "/tally", "emits": []}

def handler(req, context):
    context.state.increment("tally", "n")
    context.state.update("tally", "o", {"a": 1})
    context.state.update("tally", "o", lambda old: old)
    return {"status": 200, "body": [context.trace_id, context.state.keys("tally")]}
"""
STREAM = 'config = {"name": "shipments", "schema": None, "baseConfig": {"storageType": "default"}}'
FILES = {
    "order_step.py": ORDER,
    "ship_step.py": SHIP,
    "break_step.py": BREAK,
    "tick_step.py": TICK,
    "tally_step.py": TALLY,
    "shipments_stream.py": STREAM,
}


def project_at(folder: Path) -> Path:
    (folder / "steps").mkdir()
    for name, text in FILES.items():
        (folder / "steps" / name).write_text(text, "utf-8")
    return folder


class Shop:
    """The project, asked for its traces by way of HTTP."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness

    def get(self, path: str) -> Any:
        # The journalist writes at its beat.
        self.harness.settle()
        self.harness.logs  # noqa: B018 (has every actor take a turn)
        return self.harness.request("GET", path, headers=TOKEN).json

    def order(self, order_id: str, **headers: str) -> Any:
        path = f"/orders/{order_id}"
        return self.harness.request("POST", path, json={"n": 1}, headers=headers)

    def spans(self, trace_id: str) -> dict[str, Mapping[str, Any]]:
        """The spans of a trace by kind and name; the last of each."""
        trace = self.get(f"/__motia/traces/{trace_id}")
        return {f"{span['kind']} {span['name']}": span for span in trace["spans"]}


TOKEN = {"authorization": "Bearer secret"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    settings = {"control_token": "secret"}
    with Harness(project_at(tmp_path), settings=settings) as harness:
        yield Shop(harness)


def test_a_trace_has_a_span_for_each_thing_that_happened(shop: Shop) -> None:
    answer = shop.order("7")

    spans = shop.spans(answer.json["traceId"])

    tree = {name: parent_of(span, spans) for name, span in spans.items()}
    assert tree == {
        "request POST /orders/:id": None,
        "call Order": "request POST /orders/:id",
        "state state.set": "call Order",
        "emit emit order.made": "call Order",
        "delivery order.made": "emit emit order.made",
        "call Ship": "delivery order.made",
        "state state.get": "call Ship",
        "stream shipments.set": "call Ship",
    }
    assert {span["status"] for span in spans.values()} == {"completed"}
    assert spans["call Ship"]["attempt"] == 1
    request = spans["request POST /orders/:id"]
    assert request["attributes"]["http.response.status_code"] == 201
    assert spans["stream shipments.set"]["attributes"]["id"] == "7"


def test_values_that_are_changed_in_one_step_are_spans(shop: Shop) -> None:
    trace_id, _ = shop.harness.request("POST", "/tally").json

    spans = shop.spans(trace_id)

    places = {
        name: (span["attributes"]["groupId"], span["attributes"].get("key"))
        for name, span in spans.items()
        if span["kind"] == "state"
    }
    assert places == {
        "state state.increment": ("tally", "n"),
        "state state.update": ("tally", "o"),
        "state state.get": ("tally", "o"),
        "state state.compareAndSet": ("tally", "o"),
        "state state.keys": ("tally", None),
    }


def parent_of(span: Mapping[str, Any], spans: Mapping[str, Mapping[str, Any]]) -> str | None:
    names = {one["id"]: name for name, one in spans.items()}
    return names.get(span["parent"])


def test_a_trace_shows_its_logs_with_step_and_attempt(shop: Shop) -> None:
    answer = shop.order("7")

    trace = shop.get(f"/__motia/traces/{answer.json['traceId']}")

    lines = [(line["msg"], line["step"], line["attempt"]) for line in trace["logs"]]
    assert lines == [("made", "Order", 0), ("shipped", "Ship", 1)]
    assert trace["logs"][0]["fields"] == {"id": "7"}
    assert trace["logs"][0]["flows"] == ["shop"]


def test_a_retry_is_a_span_and_the_trace_goes_on_until_it_has_run(shop: Shop) -> None:
    shop.harness.state.set("broken", "7", value=True)
    trace_id = shop.order("7").json["traceId"]

    before = shop.get(f"/__motia/traces/{trace_id}")
    shop.harness.advance(60.0)
    after = shop.get(f"/__motia/traces/{trace_id}")

    assert (before["status"], before["endTime"]) == ("running", None)
    assert (after["status"], after["errors"]) == ("completed", 2)
    retries = [span for span in after["spans"] if span["kind"] == "retry"]
    assert [span["attributes"]["delaySeconds"] for span in retries] == [2.0]
    ends = [span["attributes"]["end"] for span in after["spans"] if span["kind"] == "delivery"]
    assert ends == ["retried", "acknowledged"]
    assert [span["attempt"] for span in after["spans"] if span["name"] == "Ship"] == [1, 2]


def test_a_trace_with_a_dead_letter_failed(shop: Shop) -> None:
    shop.harness.state.set("broken", "poison", value=True)
    trace_id = shop.order("poison").json["traceId"]
    shop.harness.advance(60.0)

    failed = shop.get("/__motia/traces?status=failed")["traces"]

    assert [trace["traceId"] for trace in failed] == [trace_id]
    assert failed[0]["steps"] == ["Order", "Ship"]
    last = [one for one in shop.get(f"/__motia/traces/{trace_id}")["spans"] if one["error"]][-1]
    assert "ValueError: no truck" in last["error"]


def test_a_cron_run_begins_a_trace(shop: Shop) -> None:
    shop.harness.fire("Tick")

    (trace,) = shop.get("/__motia/traces?step=Tick")["traces"]

    assert (trace["name"], trace["status"], trace["steps"]) == (
        "Tick",
        "completed",
        ["Tick", "Ship"],
    )


def test_a_caller_joins_our_trace_to_its_own(shop: Shop) -> None:
    answer = shop.order("7", traceparent=f"00-{TRACE}-{SPAN}-01", tracestate="congo=t61")

    trace = shop.get(f"/__motia/traces/{answer.json['traceId']}")
    by_other_name = shop.get(f"/__motia/traces/{TRACE}")

    request = trace["spans"][0]
    assert trace["w3cTraceId"] == TRACE
    assert request["parent"] == SPAN
    assert answer.header("traceparent") == f"00-{TRACE}-{request['id']}-01"
    assert answer.header("tracestate") == "congo=t61"
    assert answer.header("motia-trace-id") == trace["traceId"]
    assert by_other_name == trace


def test_of_a_trace_that_is_not_kept_only_what_failed_is(shop: Shop) -> None:
    parent = f"00-{TRACE}-{SPAN}-00"
    shop.harness.state.set("broken", "poison", value=True)
    shop.order("fine", traceparent=parent)
    poisoned = shop.order("poison", traceparent=parent)
    shop.harness.advance(60.0)

    (trace,) = shop.get("/__motia/traces")["traces"]

    assert (poisoned.header("traceparent") or "").endswith("-00")
    assert (trace["traceId"], trace["status"]) == (poisoned.json["traceId"], "failed")
    spans = shop.get(f"/__motia/traces/{trace['traceId']}")["spans"]
    assert {span["kind"] for span in spans} == {"delivery", "call", "retry"}


def test_a_request_that_failed_is_a_failed_trace(shop: Shop) -> None:
    assert shop.harness.request("POST", "/break").status == 500

    (trace,) = shop.get("/__motia/traces?status=failed&q=break")["traces"]

    spans = shop.spans(trace["traceId"])
    assert spans["call Break"]["error"] == "RuntimeError: broken"
    assert spans["request POST /break"]["status"] == "failed"


def test_logs_are_asked_for_by_level_text_and_number(shop: Shop) -> None:
    shop.order("7")
    shop.harness.request("POST", "/break")

    every = shop.get("/__motia/logs")
    errors = shop.get("/__motia/logs?level=error")["logs"]
    later = shop.get(f"/__motia/logs?after={every['logs'][-1]['seq'] - 1}")
    shipped = shop.get("/__motia/logs?q=SHIPPED&step=Ship")["logs"]

    assert [line["step"] for line in errors] == ["Break"]
    assert [line["seq"] for line in later["logs"]] == [every["last"]]
    assert [line["msg"] for line in shipped] == ["shipped"]
    numbers = [line["seq"] for line in every["logs"]]
    assert numbers == sorted(numbers)


def test_cleared_traces_are_gone_and_numbers_go_on(shop: Shop) -> None:
    shop.order("7")
    assert shop.get("/__motia/traces")["traces"]

    cleared = shop.harness.request("POST", "/__motia/trace/clear", headers=TOKEN)

    assert cleared.json == {"message": "Traces cleared"}
    assert shop.get("/__motia/traces") == {"traces": []}


def test_stats_show_each_step_and_the_tree(shop: Shop) -> None:
    shop.harness.state.set("broken", "7", value=True)
    shop.order("7")
    shop.harness.settle()

    stats = shop.get("/__motia/stats")

    ship = next(step for step in stats["steps"] if step["name"] == "Ship")
    assert (ship["calls"], ship["failures"], ship["retries"]) == (1, 1, 1)
    assert ship["queue"] == {"waiting": 1, "leased": 0, "dead": 0}
    assert (ship["mailbox"]["depth"], ship["suspended"]) == (0, False)
    steps = next(child for child in stats["tree"]["children"] if child["name"] == "steps")
    assert {child["name"] for child in steps["children"]} >= {"steps/ship_step.py"}


def test_prometheus_is_told_of_requests_calls_queues_and_actors(shop: Shop) -> None:
    shop.order("7")
    shop.harness.request("GET", "/nowhere")
    shop.harness.request("POST", "/break")
    shop.harness.settle()

    page = shop.harness.request("GET", "/metrics", headers=TOKEN).text

    for line in (
        'motia_http_requests_total{method="POST",route="/orders/:id",status="201"} 1.0',
        'motia_http_requests_total{method="GET",route="",status="404"} 1.0',
        'motia_http_request_duration_seconds_count{method="POST",route="/break"} 1.0',
        'motia_calls_total{outcome="failed",step="steps/break_step.py"} 1.0',
        'motia_calls_total{outcome="completed",step="steps/ship_step.py"} 1.0',
        'motia_mailbox_size{step="steps/ship_step.py"} 1024.0',
        'motia_queue_depth{state="waiting",step="steps/ship_step.py"} 0.0',
        'motia_actor_restarts_total{actor="router"} 0.0',
        "motia_sockets 0.0",
    ):
        assert line in page.splitlines()


@pytest.mark.parametrize("query", ["limit=x", "limit=99999", "level=loud", "after=-1", "q=a&q=b"])
def test_a_malformed_question_is_a_400(shop: Shop, query: str) -> None:
    answer = shop.harness.request("GET", f"/__motia/logs?{query}", headers=TOKEN)

    assert answer.status == 400


@pytest.mark.parametrize(
    "path", ["/__motia/logs", "/__motia/traces", "/__motia/traces/x", "/__motia/stats", "/metrics"]
)
def test_nobody_looks_without_the_token(shop: Shop, path: str) -> None:
    assert shop.harness.request("GET", path).status == 401


MANY = """
config = {"name": "Many", "type": "api", "method": "POST", "path": "/many", "emits": ["order.made"]}

def handler(req, context):
    for number in range(20):
        context.state.set("many", str(number), number)
        context.emit({"topic": "order.made", "data": {"id": str(number)}})
    return {"status": 200, "body": {"traceId": context.trace_id}}
"""


def test_a_call_that_does_too_much_within_a_second_is_followed_no_further(tmp_path: Path) -> None:
    (project_at(tmp_path) / "steps" / "many_step.py").write_text(MANY, "utf-8")
    settings = {"control_token": "secret", "spans_per_s_max": 10}
    with Harness(tmp_path, settings=settings) as harness:
        shop = Shop(harness)

        trace_id = harness.request("POST", "/many").json["traceId"]

        spans = shop.get(f"/__motia/traces/{trace_id}")["spans"]
        effects = [span for span in spans if span["kind"] in ("state", "emit")]
        assert 0 < len(effects) <= 11
        assert harness.state.get("many", "19") == 19
        assert "Many" in {span["name"] for span in spans}
