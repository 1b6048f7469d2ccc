"""How a step runs: 0.17's keys, ours, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from motia_actors.steps.config import Backoff, CronPolicy, DebouncePolicy, Infrastructure, RateLimit
from tests.steps.reports import API, CRON, EVENT, NOOP, read, step_of

READ: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"handler": {"timeout": 0.5}}, {"timeout_s": 0.5}),
    ({"handler": {"timeout": 3600}}, {"timeout_s": 3600.0, "queue": {"visibility_s": 3630.0}}),
    (
        {"isolation": "process", "processes": 2, "handler": {"ram": 256, "cpu": 0.25}},
        {"isolation": "process", "processes": 2, "ram_mb": 256, "cpu": 0.25},
    ),
    (
        {"handler": {"timeout": 30}, "queue": {"maxRetries": 5, "visibilityTimeout": 60}},
        {"timeout_s": 30.0, "queue": {"retries_max": 5, "visibility_s": 60.0}},
    ),
    ({"queue": {"type": "fifo", "maxRetries": 0}}, {"queue": {"is_fifo": True, "retries_max": 0}}),
    ({"queue": {"delaySeconds": 1.5}}, {"queue": {"delay_s": 1.5}}),
    ({"queue": {"depth": 1000}}, {"queue": {"depth_max": 1000}}),
    ({"queue": {"debounce": {"wait": 2}}}, {"queue": {"debounce": DebouncePolicy(wait_s=2.0)}}),
    (
        {"queue": {"debounce": {"wait": 0.5, "maxWait": 10, "key": "order.id"}}},
        {"queue": {"debounce": DebouncePolicy(wait_s=0.5, wait_s_max=10.0, key=("order", "id"))}},
    ),
    ({"queue": {"transactional": True}}, {"queue": {"is_transactional": True}}),
    ({"queue": {"concurrency": 4}}, {"concurrency": 4}),
    ({"concurrency": 2, "queue": {"concurrency": 4}}, {"concurrency": 2}),
    ({"queue": {"backoff": "exponential"}}, {"queue": {"backoff": {"type": "exponential"}}}),
    (
        {"queue": {"backoff": {"type": "linear", "delay": 1, "maxDelay": 60, "jitter": 0.5}}},
        {"queue": {"backoff": Backoff(type="linear", delay_s=1, delay_s_max=60, jitter=0.5)}},
    ),
    ({"mailbox": {"size": 1}}, {"mailbox": {"size_max": 1}}),
    ({"mailbox": {"overflow": "drop_oldest"}}, {"mailbox": {"overflow": "drop_oldest"}}),
    ({"mailbox": {"overflow": "drop-newest"}}, {"mailbox": {"overflow": "drop_newest"}}),
    ({"supervision": {"restarts": 0}}, {"supervision": {"restarts_max": 0}}),
    (
        {"supervision": {"window": 5, "backoff": 1}},
        {"supervision": {"window_s": 5.0, "backoff_s": 1.0}},
    ),
    (
        {"supervision": {"backoff": {"delay": 1, "maxDelay": 9}}},
        {"supervision": {"backoff_s": 1.0, "backoff_s_max": 9.0}},
    ),
    ({"isolation": "process"}, {"isolation": "process"}),
]

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"handler": {"timeout": 0}}, "handler.timeout"),
    ({"handler": {"timeout": -1}}, "handler.timeout"),
    ({"handler": {"timeout": "30"}}, "handler.timeout"),
    ({"handler": {"timeout": True}}, "handler.timeout"),
    ({"handler": {"timeout": float("inf")}}, "handler.timeout"),
    ({"handler": {"ram": 1.5}}, "handler.ram"),
    ({"handler": 30}, "handler"),
    ({"queue": {"type": "lifo"}}, "queue.type"),
    ({"queue": {"maxRetries": -1}}, "queue.maxRetries"),
    ({"queue": {"maxRetries": 2.5}}, "queue.maxRetries"),
    ({"queue": {"delaySeconds": -1}}, "queue.delaySeconds"),
    ({"queue": {"transactional": "yes"}}, "queue.transactional"),
    ({"queue": {"depth": 0}}, "queue.depth"),
    ({"queue": {"depth": -5}}, "queue.depth"),
    ({"queue": {"depth": 1.5}}, "queue.depth"),
    ({"queue": {"depth": "many"}}, "queue.depth"),
    ({"queue": {"depth": 1_000_000_001}}, "queue.depth"),
    ({"queue": {"debounce": 2}}, "queue.debounce"),
    ({"queue": {"debounce": {"key": "id"}}}, "queue.debounce.wait"),
    ({"queue": {"debounce": {"wait": 0}}}, "queue.debounce.wait"),
    ({"queue": {"debounce": {"wait": 5, "maxWait": 4}}}, "queue.debounce.maxWait"),
    ({"queue": {"debounce": {"wait": 5, "key": "order..id"}}}, "queue.debounce.key"),
    ({"queue": {"type": "fifo", "debounce": {"wait": 5}}}, "queue.debounce"),
    ({"queue": {"concurrency": 0}}, "queue.concurrency"),
    ({"queue": {"backoff": "random"}}, "queue.backoff"),
    ({"queue": {"backoff": {"jitter": 2}}}, "queue.backoff.jitter"),
    ({"concurrency": 0}, "concurrency"),
    ({"concurrency": 10_001}, "concurrency"),
    ({"mailbox": {"size": 0}}, "mailbox.size"),
    ({"mailbox": {"size": 1_000_001}}, "mailbox.size"),
    ({"mailbox": {"overflow": "explode"}}, "mailbox.overflow"),
    ({"supervision": {"window": 0}}, "supervision.window"),
    ({"isolation": "container"}, "isolation"),
    ({"cron": {"overlap": "maybe"}}, "cron.overlap"),
    ({"cron": {"grace": -1}}, "cron.grace"),
]

UNKNOWN: list[tuple[dict[str, Any], str, str]] = [
    ({"queue": {"retries": 3}}, "queue.retries", "maxRetries"),
    ({"queue": {"backoffRate": 2}}, "queue.backoffRate", "exponential"),
    ({"queue": {"maxDepth": 3}}, "queue.maxDepth", "depth"),
    ({"queue": {"debounce": {"wait": 1, "maxDelay": 3}}}, "queue.debounce.maxDelay", "maxWait"),
    ({"queue": {"maxRetry": 3}}, "queue.maxRetry", "maxRetries"),
    ({"handler": {"memory": 128}}, "handler.memory", "ram"),
    ({"timeout": 3}, "timeout", "handler"),
    ({"messageGroupId": "x"}, "messageGroupId", "emit"),
    ({"mailbox": {"capacity": 3}}, "mailbox.capacity", "remove it"),
]


def merged(expected: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = msgspec.to_builtins(Infrastructure())
    for key, value in msgspec.to_builtins(expected).items():
        if isinstance(value, dict):
            inner = value.get("backoff")
            if isinstance(inner, dict):
                value["backoff"] = whole[key]["backoff"] | inner
            whole[key] |= value
        else:
            whole[key] = value
    return whole


@pytest.mark.parametrize(("written", "expected"), READ, ids=repr)
def test_what_is_written_is_kept_and_the_rest_is_default(
    written: dict[str, Any], expected: dict[str, Any]
) -> None:
    step, problems = read(EVENT | {"infrastructure": written})

    assert problems == []
    assert step is not None
    assert msgspec.to_builtins(step.infrastructure) == merged(expected)


@pytest.mark.parametrize(("written", "field"), WRONG, ids=repr)
def test_a_value_out_of_range_is_an_error_at_its_field(written: dict[str, Any], field: str) -> None:
    step, problems = read(EVENT | {"infrastructure": written})

    assert step is None
    assert [problem.field for problem in problems] == [f"infrastructure.{field}"]
    assert problems[0].way_out


@pytest.mark.parametrize(("written", "field", "way_out"), UNKNOWN, ids=repr)
def test_an_unknown_key_warns_of_the_right_one(
    written: dict[str, Any], field: str, way_out: str
) -> None:
    step, problems = read(EVENT | {"infrastructure": written})

    assert step is not None
    assert [problem.field for problem in problems] == [f"infrastructure.{field}"]
    assert way_out in problems[0].way_out


@pytest.mark.parametrize("timeout", [30, 31])
def test_an_event_must_stay_leased_for_longer_than_its_handler_may_run(timeout: int) -> None:
    written = {"handler": {"timeout": timeout}, "queue": {"visibilityTimeout": 30}}

    step, problems = read(EVENT | {"infrastructure": written})

    assert step is None
    assert "30 s" in problems[0].reason
    assert f"{timeout} s" in problems[0].reason


@pytest.mark.parametrize("base", [API, EVENT, CRON, NOOP], ids=lambda base: str(base["type"]))
def test_infrastructure_is_allowed_on_every_kind(base: dict[str, Any]) -> None:
    step, problems = read(base | {"infrastructure": {"concurrency": 3}})

    assert problems == []
    assert step is not None
    assert step.infrastructure.concurrency == 3


def test_a_cron_step_says_where_it_is_and_what_it_missed() -> None:
    written = {"timezone": "Europe/Berlin", "overlap": "allow", "misfire": "once", "grace": 60}

    step = step_of(CRON | {"infrastructure": {"cron": written}})

    assert step.cron_policy == CronPolicy(
        timezone="Europe/Berlin", overlap="allow", misfire="once", grace_s=60.0
    )


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ({"handler": {"ram": 256}}, "infrastructure.handler.ram"),
        ({"handler": {"cpu": 1}}, "infrastructure.handler.cpu"),
        ({"processes": 2}, "infrastructure.processes"),
    ],
)
def test_what_needs_a_process_of_its_own_says_so(written: dict[str, Any], name: str) -> None:
    _, problems = read(EVENT | {"infrastructure": written})

    assert [(problem.severity, problem.field) for problem in problems] == [("warning", name)]


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ({"limit": 5}, RateLimit(count=5, period_s=60.0, by="ip")),
        ({"limit": 5, "period": 0.5, "by": "all"}, RateLimit(count=5, period_s=0.5, by="all")),
        ({"limit": 1, "by": "header:X-Api-Key"}, RateLimit(count=1, by="header:X-Api-Key")),
    ],
)
def test_a_rate_limit_is_read(written: object, rate: RateLimit) -> None:
    step = step_of(API | {"infrastructure": {"rateLimit": written}})

    assert step.infrastructure.rate == rate


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ({}, "limit"),
        ({"limit": 0}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"limit": 5, "period": 0}, "period"),
        ({"limit": 5, "by": "user"}, "by"),
        ({"limit": 5, "by": "header:a b"}, "by"),
        ({"limit": 5, "by": 7}, "by"),
    ],
)
def test_a_rate_limit_that_cannot_be_held_is_an_error(written: object, field: str) -> None:
    step, problems = read(API | {"infrastructure": {"rateLimit": written}})

    assert step is None
    assert [problem.field for problem in problems] == [f"infrastructure.rateLimit.{field}"]


def test_a_rate_limit_of_an_event_step_has_no_effect_and_says_so() -> None:
    step, problems = read(EVENT | {"infrastructure": {"rateLimit": {"limit": 5}}})

    assert step is not None
    assert step.infrastructure.rate is None
    assert [problem.severity for problem in problems] == ["warning"]


@pytest.mark.parametrize("kind", [API, CRON], ids=["api", "cron"])
def test_debounce_is_for_event_steps_alone(kind: dict[str, Any]) -> None:
    step, problems = read(kind | {"infrastructure": {"queue": {"debounce": {"wait": 1}}}})

    assert step is not None
    assert step.infrastructure.queue.debounce is None
    assert [problem.field for problem in problems] == ["infrastructure.queue.debounce"]
