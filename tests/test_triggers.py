"""Steps of several triggers run: each call as its trigger gives it, all in one actor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from motia_actors.messages import Trigger
from motia_actors.testing import FakeContext, Harness, request
from tests.e2e.server import write_project

KEEP = """
    ORDER = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    config = {
        "name": "Keep",
        "triggers": [
            {"type": "api", "method": "POST", "path": "/orders", "bodySchema": ORDER},
            {"type": "api", "method": "PUT", "path": "/orders/:id"},
            {"type": "event", "subscribes": ["order.made"], "input": ORDER},
            {"type": "event", "subscribes": ["order.told", "order.kept"]},
            {"type": "cron", "cron": "0 * * * *"},
        ],
        "middleware": [MIDDLEWARE],
        "emits": ["seen"],
        "infrastructure": INFRASTRUCTURE,
    }


    async def handler(input, context):
        trigger = context.trigger
        told = [trigger.type, trigger.method, trigger.path, trigger.topic, trigger.cron]
        value = dict(input.body) if trigger.type == "api" else input
        await context.emit({"topic": "seen", "data": {"by": told, "input": value}})
        return {"status": 201, "body": {"by": told}}
"""
GUARD = """
async def guard(req, context, next):
    if req.headers.get("x-key") != "open":
        return {"status": 401, "body": {}}
    return await next()


"""
SCRIPT = """
    const order = { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] }
    export const config = {
      name: 'Keep',
      triggers: [
        { type: 'api', method: 'POST', path: '/orders', bodySchema: order },
        { type: 'api', method: 'PUT', path: '/orders/:id' },
        { type: 'event', subscribes: ['order.made'], input: order },
        { type: 'event', subscribes: ['order.told', 'order.kept'] },
        { type: 'cron', cron: '0 * * * *' },
      ],
      middleware: [async (req, context, next) => (req.headers['x-key'] === 'open' ? next() : { status: 401, body: {} })],
      emits: ['seen'],
    }
    export const handler = async (input, { trigger, emit }) => {
      const by = [trigger.type, trigger.method ?? null, trigger.path ?? null, trigger.topic ?? null, trigger.cron ?? null]
      await emit({ topic: 'seen', data: { by, input: trigger.type === 'api' ? input.body : input } })
      return { status: 201, body: { by } }
    }
"""  # noqa: E501 (lines of another language)


def python(infrastructure: str) -> str:
    text = GUARD + dedent(KEEP)
    return text.replace("[MIDDLEWARE]", "[guard]").replace("INFRASTRUCTURE", infrastructure)


FILES = {
    "python": {"steps/keep_step.py": python("{}")},
    "process": {"steps/keep_step.py": python('{"isolation": "process"}')},
    "javascript": {"steps/keep.step.js": dedent(SCRIPT)},
    "typescript": {"steps/keep.step.ts": "type Own = string\n" + dedent(SCRIPT)},
}
OPEN = {"x-key": "open"}
TOKEN = {"authorization": "Bearer t"}
SETTINGS = {"control_token": "t"}


@pytest.fixture(
    params=[
        "python",
        *(pytest.param(one, marks=pytest.mark.slow) for one in FILES if one != "python"),
    ]
)
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    with Harness(write_project(tmp_path / "shop", FILES[request.param]), settings=SETTINGS) as app:
        yield app


def test_each_trigger_calls_the_handler_and_says_which_it_was(app: Harness) -> None:
    seen = app.watch("seen")

    posted = app.request("POST", "/orders", json={"id": "1"}, headers=OPEN)
    put = app.request("PUT", "/orders/7", json={"n": 2}, headers=OPEN)
    for topic in ("order.made", "order.kept"):
        app.emit(topic, {"id": topic})
        app.settle()
    app.advance(3600)

    post_by = ["api", "POST", "/orders", None, None]
    put_by = ["api", "PUT", "/orders/:id", None, None]
    assert (posted.status, posted.json["by"]) == (201, post_by)
    assert (put.status, put.json["by"]) == (201, put_by)
    assert seen.data == [
        {"by": post_by, "input": {"id": "1"}},
        {"by": put_by, "input": {"n": 2}},
        {"by": ["event", None, None, "order.made", None], "input": {"id": "order.made"}},
        {"by": ["event", None, None, "order.kept", None], "input": {"id": "order.kept"}},
        {"by": ["cron", None, None, None, "0 * * * *"], "input": None},
    ]


def test_each_input_is_checked_by_the_schema_of_its_trigger(app: Harness) -> None:
    seen = app.watch("seen")

    wrong = app.request("POST", "/orders", json={"n": 2}, headers=OPEN)
    app.emit("order.made", {"n": 2})
    app.emit("order.told", {"n": 3})
    app.settle()

    assert wrong.status == 400
    assert [one["input"] for one in seen.data] == [{"n": 3}]
    assert [letter.event.topic for letter in app.dead_letters("Keep")] == ["order.made"]


def test_its_middleware_guards_all_of_its_routes_and_nothing_else(app: Harness) -> None:
    seen = app.watch("seen")

    refused = [
        app.request("POST", "/orders", json={"id": "1"}),
        app.request("PUT", "/orders/1", json={}),
    ]
    app.emit("order.told", 1)
    app.settle()

    assert [one.status for one in refused] == [401, 401]
    assert len(seen.data) == 1


AROUND = {
    "python": {
        "motia_config.py": GUARD.replace('"open"', '"wide"').replace("x-key", "x-gate")
        + "config = {'middleware': [guard]}\n",
        **FILES["javascript"],
    },
    "node": {
        "motia.config.ts": "export default { middleware: [async (req: any, ctx: any, next: any) =>"
        " (req.headers['x-gate'] === 'wide' ? next() : { status: 401, body: {} })] }",
        **FILES["python"],
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("language", AROUND)
def test_middleware_of_the_project_guards_its_routes_and_nothing_else(
    language: str, tmp_path: Path
) -> None:
    with Harness(write_project(tmp_path / "shop", AROUND[language])) as app:
        seen = app.watch("seen")
        gate = {**OPEN, "x-gate": "wide"}

        refused = app.request("PUT", "/orders/1", json={}, headers=OPEN)
        allowed = app.request("PUT", "/orders/1", json={}, headers=gate)
        app.emit("order.told", 1)
        app.settle()
        app.advance(3600)

        assert (refused.status, allowed.status) == (401, 201)
        assert [one["by"][0] for one in seen.data] == ["api", "event", "cron"]
        assert [one["input"] for one in seen.data] == [{}, 1, None]


def test_only_its_deliveries_are_kept_together_with_their_acknowledgement(tmp_path: Path) -> None:
    text = dedent("""
        config = {
            "name": "Keep", "emits": [],
            "triggers": [
                {"type": "event", "subscribes": ["told"]},
                {"type": "api", "method": "POST", "path": "/told"},
            ],
            "infrastructure": {"queue": {"transactional": True, "maxRetries": 0}},
        }

        async def handler(input, context):
            await context.state.set("kept", context.trigger.type, True)
            if input == "fails":
                raise ValueError(input)
            return {"status": 200, "body": {}}
    """)
    with Harness(write_project(tmp_path / "keep", {"steps/keep_step.py": text})) as app:
        app.emit("told", "fails")
        app.settle()
        assert app.state.group("kept") == {}

        assert app.request("POST", "/told", json={}).status == 200
        assert app.state.group("kept") == {"api": True}

        app.emit("told", 1)
        app.settle()
        assert app.state.group("kept") == {"api": True, "event": True}


def test_it_is_one_actor_with_one_mailbox(app: Harness) -> None:
    app.emit("order.told", 1)
    app.request("PUT", "/orders/1", json={}, headers=OPEN)
    app.settle()

    [step] = app.request("GET", "/__motia/stats", headers=TOKEN).json["steps"]
    assert (step["type"], step["calls"]) == ("multi", 2)


def test_a_schedule_runs_beside_events_that_wait(tmp_path: Path) -> None:
    text = dedent("""
        config = {
            "name": "Count", "emits": [],
            "triggers": [
                {"type": "event", "subscribes": ["later"]},
                {"type": "cron", "cron": "0 * * * *"},
            ],
            "infrastructure": {"queue": {"delaySeconds": 90000}},
        }

        async def handler(input, context):
            await context.state.set("ran", context.trigger.type, True)
    """)
    with Harness(write_project(tmp_path / "count", {"steps/count_step.py": text})) as app:
        app.emit("later", 1)

        app.advance(3600)

        assert app.state.group("ran") == {"cron": True}


TYPED = """
from __future__ import annotations

from dataclasses import dataclass

from motia_actors import Context, api, cron, event


@dataclass
class Order:
    id: str
    n: int = 1


@api(path="/orders", method="POST", emits=["seen"], flows=["shop"])
@event(subscribes=["order.made"])
@cron(cron="0 * * * *")
async def keep(order: Order | None, context: Context) -> Order | None:
    shown = None if order is None else [type(order).__name__, order.n]
    await context.emit({"topic": "seen", "data": [context.trigger.type, shown]})
    return order
"""


def test_decorators_above_one_another_are_triggers_of_one_typed_step(tmp_path: Path) -> None:
    with Harness(
        write_project(tmp_path / "typed", {"steps/keep_step.py": TYPED}), settings=SETTINGS
    ) as app:
        seen = app.watch("seen")
        answer = app.request("POST", "/orders", json={"id": "a", "n": 2})
        wrong = app.request("POST", "/orders", json={"n": 2})
        app.emit("order.made", {"id": "b"})
        app.settle()
        app.emit("order.made", None)
        app.settle()
        app.advance(3600)

        assert (answer.status, answer.json) == (200, {"id": "a", "n": 2})
        assert wrong.status == 400
        assert seen.data == [["api", ["Order", 2]], ["event", ["Order", 1]], ["cron", None]]
        assert [letter.event.data for letter in app.dead_letters("keep")] == [b"null"]
        [step] = app.request("GET", "/__motia/project", headers=TOKEN).json["steps"]
        assert (step["name"], step["flows"]) == ("keep", ["shop"])
        assert [one["type"] for one in step["triggers"]] == ["api", "event", "cron"]


@pytest.mark.parametrize(
    ("decorators", "reason"),
    [
        (
            '@api(path="/", method="GET", flows=["a"])\n@cron(cron="@daily", flows=["b"])',
            "flows twice",
        ),
        ('@api(path="/", method="GET")\n@noop()', "noop step"),
        ('@noop()\n@cron(cron="@daily")', "noop step"),
    ],
)
def test_decorators_that_do_not_go_together_are_refused(
    tmp_path: Path, decorators: str, reason: str
) -> None:
    text = f"from motia_actors import api, cron, noop\n{decorators}\ndef a(x, context): ...\n"
    files = {"steps/a_step.py": text}

    with Harness(write_project(tmp_path / "bad", files)) as app:
        [problem] = app.problems

    assert reason in problem.reason


def test_a_fake_context_tells_of_the_trigger_it_is_given() -> None:
    def handler(value: object, context: FakeContext) -> object:
        return value, context.trigger

    asked = request(method="PUT", path="/a")
    told = Trigger(type="event", topic="order.made")

    assert FakeContext().run(handler, asked)[1].type == "api"
    assert FakeContext(trigger=told).run(handler, 1) == (1, told)
    assert FakeContext(kind="cron").run(handler)[1].type == "cron"
