"""A Python step in processes of its own: walled off, and else like any other."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest

from motia_actors.effects import CallEffects
from motia_actors.errors import QueueFullError, StepLoadError
from motia_actors.messages import Call, Delivery, Event, Failed, Outcome, Request, Returned
from motia_actors.runner import Handler
from motia_actors.runners import children as children_module
from motia_actors.runners.calling import ChildHandler
from motia_actors.runners.isolated import RAM_MIB_MIN, IsolatedSteps, Recycling
from motia_actors.runners.wall import Wall
from motia_actors.steps.config import Infrastructure, QueuePolicy
from tests.runners.rig import Project, Rig

pytestmark = pytest.mark.slow

CONFIG = 'config = {"infrastructure": {"isolation": "process"}}\n'
PID = "import os\nasync def handler(req, context): return os.getpid()\n"
WAIT_S = 20.0
TABLE = json.loads((Path(__file__).parent / "values.json").read_text("utf-8"))


def isolated(project: Project, text: str, **wall: Any) -> ChildHandler:
    file = project.write("steps/a_step.py", text)
    loaded = project.isolated.load(file, wall=Wall(**wall))
    assert loaded is not None
    assert isinstance(loaded.handler, ChildHandler)
    return loaded.handler


def together(rig: Rig, handler: Handler, count: int) -> list[Outcome]:
    async def run() -> list[Outcome]:
        effects = [rig.effects(value=Request()) for _ in range(count)]
        return await asyncio.gather(*(handler.run_async(one.call, one) for one in effects))

    return asyncio.run(run())


def has_ended(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], WAIT_S)[0])


def test_a_step_that_asks_for_it_runs_elsewhere_and_is_never_imported_here(
    project: Project, rig: Rig
) -> None:
    loaded = project.step(CONFIG + PID, "steps/walled_step.py")

    assert rig.value(loaded.handler) != os.getpid()
    assert "steps.walled_step" not in sys.modules


def test_a_config_that_is_put_together_is_heard_too(project: Project, rig: Rig) -> None:
    loaded = project.step(
        f"{PID}WAY = 'process'\nconfig = {{'infrastructure': {{'isolation': WAY}}}}\n"
    )

    assert rig.value(loaded.handler) != os.getpid()


def test_a_comment_about_it_asks_for_nothing(project: Project, rig: Rig) -> None:
    loaded = project.step(f"# not 'isolation': 'process'\nconfig = {{}}\n{PID}")

    assert rig.value(loaded.handler) == os.getpid()


def test_schemas_arrive_as_json_schema_and_middleware_stays(project: Project, rig: Rig) -> None:
    loaded = project.step(
        """
        from dataclasses import dataclass
        import pydantic
        class Order(pydantic.BaseModel):
            sku: str
        @dataclass
        class Paid:
            id: int
        async def label(req, context, next_fn):
            return {"labelled": await next_fn()}
        config = {
            "type": "api", "bodySchema": Order, "responseSchema": {200: Paid},
            "middleware": [label], "infrastructure": {"isolation": "process"},
        }
        async def handler(req, context): return req.body["sku"]
        """
    )

    assert loaded.config is not None
    assert loaded.config["bodySchema"]["required"] == ["sku"]
    assert "id" in json.dumps(loaded.config["responseSchema"]["200"])
    assert rig.value(loaded.handler, value=Request(body={"sku": "a"})) == {"labelled": "a"}


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("import nowhere_at_all", "package 'nowhere_at_all' is not installed", 2),
        ("raise SystemExit(3)", "SystemExit: 3", 2),
        ("def (", "SyntaxError", 2),
        ("import os; os._exit(7)", "ended with 7", None),
    ],
)
def test_a_broken_file_says_what_to_mend(
    project: Project, text: str, reason: str, line: int | None
) -> None:
    with pytest.raises(StepLoadError, match=reason) as caught:
        project.step(f"{CONFIG}{text}\n")

    assert caught.value.line == line


def test_the_table_of_values_holds(project: Project, rig: Rig) -> None:
    rows = [row for row in TABLE if "python" in row]
    made = ",\n".join(f"{row['what']!r}: lambda: {row['python']}" for row in rows)
    handler = isolated(
        project,
        "from datetime import datetime, timezone\n"
        f"MADE = {{{made}}}\n"
        "async def handler(req, context):\n"
        "    for what, make in MADE.items():\n"
        "        await context.state.set('here', what, make())\n"
        "    values = {what: await context.state.get('there', what) for what in MADE}\n"
        "    return {what: repr(value) for what, value in values.items()}\n",
    )
    names = {"datetime": datetime, "timezone": timezone}
    effects = rig.effects()
    for row in rows:
        value = eval(row["python"], dict(names))  # noqa: S307 (our own table)
        effects.state_set("there", row["what"], value)

    read = rig.value(handler)

    for row in rows:
        kept = rig.store.state.get("here", row["what"])
        assert kept is not None
        assert kept.decode() == row["stored"], row["what"]
        told = row.get("read_python", row["python"])
        expected = eval(told, dict(names))  # noqa: S307 (our own table)
        assert read[row["what"]] == repr(expected), row["what"]


def test_bytes_cross_as_bytes(project: Project, rig: Rig) -> None:
    handler = isolated(
        project,
        """
        async def handler(req, context):
            assert req.rawBody == b"\\x00\\xff" and req.body["file"]["data"] == b"\\x01"
            return {"status": 200, "body": b"\\x00\\xff"}
        """,
    )
    request = Request(rawBody=b"\x00\xff", body={"file": {"data": b"\x01"}})

    assert rig.value(handler, value=request) == {"status": 200, "body": b"\x00\xff"}


def test_errors_of_the_context_have_their_types(project: Project, rig: Rig) -> None:
    handler = isolated(
        project,
        """
        from motia_actors.errors import QueueFullError, UnknownStreamError, UsageError
        async def handler(req, context):
            seen = []
            for kind, call in [
                (UsageError, lambda: context.emit(5)),
                (UnknownStreamError, lambda: context.streams.nowhere),
                (QueueFullError, lambda: context.state.set("g", "k", 1)),
            ]:
                try:
                    await call()
                except kind as error:
                    seen.append([kind.__name__, getattr(error, "retry_after_s", None)])
            return seen
        """,
    )
    rig.store.error = QueueFullError("charge", depth=5, depth_max=5, retry_after_s=3.0)

    assert rig.value(handler) == [
        ["UsageError", None],
        ["UnknownStreamError", None],
        ["QueueFullError", 3.0],
    ]


def test_an_effect_that_nobody_awaited_fails_the_call(project: Project, rig: Rig) -> None:
    handler = isolated(
        project, "async def handler(req, context):\n    context.state.set('g', 'k', 1)\n"
    )
    rig.store.error = QueueFullError("charge", depth=5, depth_max=5, retry_after_s=3.0)

    failure = rig.failure(handler)

    assert (failure.kind, failure.retry_after_s) == ("QueueFullError", 3.0)


def test_what_comes_after_the_end_of_its_call_is_refused_and_hangs_nobody(
    project: Project, rig: Rig
) -> None:
    handler = isolated(
        project,
        """
        import asyncio
        late = []
        async def handler(req, context):
            if late:
                try:
                    await late[0]
                except Exception as error:
                    return type(error).__name__
            async def later():
                await asyncio.sleep(0)
                while not started.is_set():
                    await asyncio.sleep(0.01)
                await context.state.set("g", "k", 1)
            started = asyncio.Event()
            late.append(asyncio.create_task(later()))
            asyncio.get_running_loop().call_later(0.05, started.set)
        """,
    )
    rig.value(handler)

    assert rig.value(handler) == "UsageError"


def test_a_delivery_is_what_it_is_in_a_thread_and_its_writes_wait_for_its_end(
    project: Project, rig: Rig
) -> None:
    handler = isolated(
        project,
        """
        async def handler(data, context):
            one = context.delivery
            await context.state.set("g", "k", data)
            return [one.attempt, one.event.topic, one.id, one.event.data.decode()]
        """,
    )
    queue = QueuePolicy(is_transactional=True)
    step = msgspec.structs.replace(rig.step, infrastructure=Infrastructure(queue=queue))
    event = Event(id="e1", topic="order.created", data=b'{"n":1.0}', trace_id="T", group_id="g")
    delivery = Delivery(event=event, step="steps/a_step.py", attempt=2, put_s=1.0, token=b"t")
    call = Call(kind="event", trace_id="T", flows=(), input={"n": 1.0}, delivery=delivery)
    effects = CallEffects(rig.world, step, call)

    outcome = asyncio.run(handler.run_async(call, effects))

    assert outcome == Returned([2, "order.created", "e1:steps/a_step.py", '{"n":1.0}'])
    assert rig.store.state.get("g", "k") is None
    assert len(effects.uncommitted()) == 1


def test_print_goes_to_the_servers_output(
    project: Project, rig: Rig, capfd: pytest.CaptureFixture[str]
) -> None:
    handler = isolated(project, "def handler(req, context): print('seen here')")

    rig.value(handler)

    assert "seen here" in capfd.readouterr().out


# Ends.

ENDLESS = {
    "sync, asleep": "def handler(req, context):\n    {begin}\n    time.sleep(600)",
    "sync, busy": "def handler(req, context):\n    {begin}\n    while True: pass",
    "async, blocking": "async def handler(req, context):\n    {begin}\n    time.sleep(600)",
    "async, holding all threads": "async def handler(req, context):\n    {begin}\n"
    "    re.match('(a+)+$', 'a' * 64 + 'b')",
    "async, deaf": """async def handler(req, context):
    {begin}
    while True:
        try: await asyncio.sleep(600)
        except asyncio.CancelledError: pass""",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_call_past_its_limit_that_does_not_end_takes_its_child_along(
    project: Project, rig: Rig, kind: str
) -> None:
    begin = "context.logger.info('began', {'pid': os.getpid()}) if req.get('hang') else 1 / 0"
    text = "import asyncio, os, re, time\n" + ENDLESS[kind].format(begin=begin)
    handler = isolated(project, text)

    async def run() -> int:
        effects = rig.effects(value=Request(hang=True))
        task = asyncio.ensure_future(handler.run_async(effects.call, effects))
        while not (lines := rig.lines()):
            await asyncio.wait([task], timeout=0.01)
        watched = os.pidfd_open(lines[0]["pid"])
        task.cancel()
        await asyncio.wait([task])
        return watched

    watched = asyncio.run(run())

    assert has_ended(watched)
    os.close(watched)
    assert rig.failure(handler).kind == "ZeroDivisionError"


def test_calls_that_shared_a_child_with_it_fail_and_say_why(project: Project, rig: Rig) -> None:
    handler = isolated(
        project,
        """
        import threading, time
        both = threading.Barrier(2)
        def handler(req, context):
            both.wait()
            context.logger.info("began")
            time.sleep(600)
        """,
    )

    async def run() -> Outcome:
        first, second = (rig.effects(value=Request()) for _ in range(2))
        late = asyncio.ensure_future(handler.run_async(first.call, first))
        other = asyncio.ensure_future(handler.run_async(second.call, second))
        began = 0
        while began < 2:
            await asyncio.wait([late, other], timeout=0.01)
            began += len(rig.lines())
        late.cancel()
        return await other

    outcome = asyncio.run(run())

    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.is_final) == ("ChildDiedError", False)
    assert "ran past its limit" in outcome.message


def test_an_async_call_past_its_limit_that_ends_spares_the_others(
    project: Project, rig: Rig
) -> None:
    handler = isolated(
        project,
        """
        import asyncio, os
        ended = asyncio.Event()
        async def handler(req, context):
            if req.get("waits"):
                await ended.wait()
                return os.getpid()
            context.logger.info("began", {"pid": os.getpid()})
            try:
                await asyncio.sleep(600)
            finally:
                ended.set()
        """,
    )

    async def run() -> tuple[Outcome, int]:
        first, second = rig.effects(value=Request(waits=True)), rig.effects(value=Request())
        other = asyncio.ensure_future(handler.run_async(first.call, first))
        late = asyncio.ensure_future(handler.run_async(second.call, second))
        while not (lines := rig.lines()):
            await asyncio.wait([late, other], timeout=0.01)
        late.cancel()
        return await other, lines[0]["pid"]

    outcome, pid = asyncio.run(run())

    assert outcome == Returned(pid)


@pytest.mark.parametrize(
    ("ending", "said"),
    [("os._exit(5)", "ended with 5"), ("os.kill(os.getpid(), 9)", "ended with -9"),
     ("os.abort()", "ended with -6")],
)  # fmt: skip
def test_a_child_that_dies_fails_its_calls_and_is_replaced(
    project: Project, rig: Rig, ending: str, said: str
) -> None:
    handler = isolated(
        project,
        f"""
        import os
        def handler(req, context):
            if "die" in req: {ending}
            return os.getpid()
        """,
    )
    before = rig.value(handler)

    failure = rig.run(handler, value=Request(die=1))

    assert isinstance(failure, Failed)
    assert (failure.kind, said in failure.message) == ("ChildDiedError", True)
    assert rig.value(handler) != before


def test_children_that_die_in_a_row_say_when_to_try_again(project: Project, rig: Rig) -> None:
    handler = isolated(project, "import os\ndef handler(req, context): os._exit(5)")

    failures = [rig.failure(handler) for _ in range(10)]

    refused = next(one for one in failures if one.retry_after_s is not None)
    assert "died several times in a row" in refused.message


def test_memory_over_its_limit_is_refused_to_the_handler(project: Project, rig: Rig) -> None:
    handler = isolated(
        project,
        """
        import os
        def handler(req, context):
            return len(b"x" * (req.mib << 20)), os.getpid()
        """,
        ram_mib=128,
    )

    size, pid = rig.value(handler, value=Request(mib=40))
    failure = rig.run(handler, value=Request(mib=512))

    assert size == 40 << 20
    assert isinstance(failure, Failed)
    assert failure.kind == "MemoryError"
    assert rig.value(handler, value=Request(mib=1))[1] == pid


def test_too_little_memory_is_said_at_once(project: Project) -> None:
    with pytest.raises(StepLoadError, match=f"give it {RAM_MIB_MIN} or more"):
        isolated(project, PID, ram_mib=RAM_MIB_MIN - 1)


def test_the_least_memory_is_enough_for_a_step(project: Project, rig: Rig) -> None:
    assert rig.value(isolated(project, PID, ram_mib=RAM_MIB_MIN))


PARENT = """
    from pathlib import Path
    from tests.runners.rig import Project, Rig
    from motia_actors.runners.wall import Wall
    project = Project(Path({root!r}), is_isolated=True)
    Rig().run(project.step({text!r}).handler)
"""


@pytest.mark.parametrize(
    "body", ["time.sleep(600)", "while True: pass", "re.match('(a+)+$', 'a' * 64 + 'b')"]
)
def test_no_child_outlives_a_killed_parent(tmp_path: Path, body: str) -> None:
    text = f"""
import os, re, time
def handler(req, context):
    os.write(1, b"%d\\n" % os.getpid())
    {body}
"""
    program = dedent(PARENT).format(root=str(tmp_path), text=text)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path.cwd()
    ) as parent:
        assert parent.stdout is not None
        watched = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()

    assert has_ended(watched)
    os.close(watched)


# Several, and relieved ones.


def test_busy_calls_spread_over_as_many_children_as_the_step_may_have(
    project: Project, rig: Rig
) -> None:
    # Neither would ever end in one child: its loop is blocked.
    handler = isolated(
        project,
        """
        import os, pathlib, time
        async def handler(req, context):
            here = pathlib.Path("%s")
            (here / str(os.getpid())).touch()
            while len(list(here.iterdir())) < 2:
                pass
            return os.getpid()
        """
        % (project.root / "seen"),
        processes=2,
    )
    (project.root / "seen").mkdir()

    outcomes = together(rig, handler, 2)

    assert len({outcome.value for outcome in outcomes if isinstance(outcome, Returned)}) == 2


def test_children_are_relieved_after_their_calls_and_no_call_is_lost(
    tmp_path: Path, rig: Rig
) -> None:
    project = Project(tmp_path)
    project.isolated = IsolatedSteps(
        tmp_path, state_envelope=False, recycling=Recycling(calls_max=20)
    )
    handler = isolated(project, PID)

    pids: set[int] = set()
    while len(pids) < 3:
        outcomes = together(rig, handler, 30)
        assert not [one for one in outcomes if isinstance(one, Failed)]
        pids |= {one.value for one in outcomes if isinstance(one, Returned)}
    project.isolated.close()


def test_a_child_at_its_memory_mark_is_relieved(
    tmp_path: Path, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children_module, "CALM_S", 0.0)
    monkeypatch.setattr(children_module, "PING_S", 0.02)
    project = Project(tmp_path)
    project.isolated = IsolatedSteps(
        tmp_path, state_envelope=False, recycling=Recycling(memory_bytes=120 << 20)
    )
    handler = isolated(
        project,
        """
        import os
        kept = []
        async def handler(req, context):
            kept.append(b"x" * (1 << 20))
            return os.getpid()
        """,
    )

    first = rig.value(handler)
    last = first
    while last == first:
        last = rig.value(handler)
    project.isolated.close()


def test_children_end_when_nobody_can_call_them_any_more(project: Project, rig: Rig) -> None:
    handler: Handler | None = isolated(project, PID)
    watched = os.pidfd_open(rig.value(handler))

    handler = None

    assert has_ended(watched)
    os.close(watched)
