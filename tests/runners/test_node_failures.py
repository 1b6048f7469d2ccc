"""Whatever a step in Node does fails its own call, with the author's file and line."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from motia_actors.errors import QueueFullError, StepLoadError
from motia_actors.messages import Failed, Outcome, Request, Returned
from motia_actors.runners import children as children_module
from motia_actors.runners.children import DELAY_S_MAX, delay_s
from motia_actors.runners.isolated import Recycling
from motia_actors.telemetry.code_frames import CodeFrames
from motia_actors.telemetry.terminal import without_colours
from tests.runners.node_rig import NodeProject
from tests.runners.rig import Rig

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("throw new TypeError('boom')", "TypeError", "boom"),
        ("throw 'just text'", "Error", "just text"),
        ("throw undefined", "Error", "undefined"),
        ("process.exit(3)", "ExitError", "process.exit(3) was called; return or throw instead"),
        (
            "setTimeout(() => { throw new RangeError('later') }); await new Promise(() => {})",
            "RangeError",
            "later",
        ),
        (
            "Promise.reject(new Error('floating')); await new Promise(() => {})",
            "Error",
            "floating",
        ),
        ("return { body: { toJSON() { throw new Error('no') } } }", "PayloadError", "no"),
    ],
)
def test_what_a_handler_does_fails_its_call_and_no_other(
    rig: Rig, node: NodeProject, body: str, kind: str, message: str
) -> None:
    handler = node.handler(body)
    other = node.handler("return { body: process.pid }", "steps/b.step.ts")
    before = rig.value(other)

    failure = rig.failure(handler)

    assert failure.kind == kind
    assert message in failure.message
    assert rig.value(other) == before


def test_an_error_shows_the_authors_file_and_line(rig: Rig, node: NodeProject) -> None:
    handler = node.load(
        """\
        import { Handlers } from 'motia'
        interface Unused { a: string }
        enum Colour { Red }
        export const handler: Handlers['A'] = async (req) => {
          const inner = (colour: Colour): never => {
            throw new Error('here')
          }
          return inner(Colour.Red)
        }
        """
    ).handler

    failure = rig.failure(handler)

    file = node.root / "steps" / "a.step.ts"
    assert f"{file}:6:" in failure.stack
    assert "child.mjs" not in failure.stack
    frame = CodeFrames(node.root).explain({"error": {"stack": failure.stack}})
    assert [line for line in without_colours(frame).splitlines() if ">" in line.split()] == [
        "  > 6 |     throw new Error('here')"
    ]
    assert frame.endswith("  called from steps/a.step.ts:8\n")


def test_a_stack_leads_through_awaits_to_the_authors_lines(rig: Rig, node: NodeProject) -> None:
    node.write(
        "src/shop.ts",
        """\
        import { Unused } from './types'
        enum Stage { Paid }
        interface Order { id: string }
        export class Shop {
          constructor(private readonly stage: Stage = Stage.Paid) {}
          async pay(order: Order): Promise<never> {
            await new Promise((resolve) => setTimeout(resolve, 1))
            throw new Error(`cannot pay ${order.id}`)
          }
        }
        """,
    )
    node.write("src/types.d.ts", "export type Unused = 1")
    handler = node.load(
        """\
        import { Handlers } from 'motia'
        import { Shop } from '../src/shop'
        type Body = { id: string }

        export const handler: Handlers['A'] = async (req: { body: Body }) => {
          const shop = new Shop()
          return await shop.pay({ id: '7' })
        }
        """
    ).handler

    lines = rig.failure(handler).stack.splitlines()

    assert lines[0] == "Error: cannot pay 7"
    assert "src/shop.ts:8:" in lines[1]
    assert "steps/a.step.ts:7:" in lines[2]


def test_slips_that_motia_lets_pass_are_let_pass_and_told(rig: Rig, node: NodeProject) -> None:
    handler = node.handler(
        """
        const set = await ctx.state.set('k', { n: 1 })
        const got = await ctx.state.get('k')
        await ctx.emit('order.created', { id: 'positional' })
        await ctx.emit({ type: 'order.created', payload: { id: 'named' } })
        return { status: 200, body: [set, got] }
        """
    )

    assert rig.value(handler)["body"] == [None, None]
    assert rig.store.events.depth("steps/charge_step.py").waiting == 2
    told = [line["msg"] for line in rig.lines() if line["level"] == "warn"]
    assert told == [
        (
            "context.state.set with 2 arguments is not Motia's way; write "
            "context.state.set(group, key, value)"
        ),
        (
            "context.state.get with 1 arguments is not Motia's way; write "
            "context.state.get(group, key)"
        ),
        (
            "context.emit('order.created', data) is not Motia's way; write "
            "context.emit({ topic: 'order.created', data })"
        ),
        "context.emit({ type: … }) is not Motia's way; write context.emit({ topic: … })",
        "context.emit({ payload: … }) is not Motia's way; write context.emit({ data: … })",
    ]


@pytest.mark.parametrize(
    ("call", "name", "code"),
    [
        ("ctx.emit(7)", "UsageError", "USAGE"),
        ("ctx.streams.chatMessages.set('g', 'i', [1])", "UsageError", "USAGE"),
        ("ctx.state.set('g', 'k', (() => { const a = {}; a.a = a; return a })())",
         "PayloadError", "PAYLOAD"),
    ],
)  # fmt: skip
def test_errors_of_the_context_have_name_and_code(
    rig: Rig, node: NodeProject, call: str, name: str, code: str
) -> None:
    handler = node.handler(
        f"""
        const {{ MotiaError }} = await import('motia')
        try {{
          await {call}
        }} catch (error) {{
          return {{ body: [error instanceof MotiaError, error.name, error.code] }}
        }}
        """
    )

    assert rig.value(handler) == {"body": [True, name, code]}


def test_an_effect_that_nobody_awaited_fails_the_call(rig: Rig, node: NodeProject) -> None:
    handler = node.handler("ctx.state.set('g', 'k', 1); return { body: 1 }")
    rig.store.error = QueueFullError("charge", depth=5, depth_max=5, retry_after_s=3.0)

    failure = rig.failure(handler)

    assert (failure.kind, failure.retry_after_s) == ("QueueFullError", 3.0)
    assert "a.step.ts:3:" in failure.stack


def test_an_error_that_was_caught_fails_nothing(rig: Rig, node: NodeProject) -> None:
    handler = node.handler("try { await ctx.state.set('g', 'k', 1) } catch {}; return { body: 1 }")
    rig.store.error = QueueFullError("charge", depth=5, depth_max=5)

    assert rig.value(handler) == {"body": 1}


def test_a_read_waits_for_the_writes_before_it(rig: Rig, node: NodeProject) -> None:
    handler = node.handler(
        "ctx.state.set('g', 'k', 1); return { body: await ctx.state.get('g', 'k') }"
    )

    async def run() -> object:
        effects = rig.effects(value=Request())
        rig.store.is_held = True
        running = asyncio.ensure_future(handler.run_async(effects.call, effects))
        await asyncio.to_thread(rig.store.began.acquire, timeout=10.0)
        rig.store.let_go()
        return (await running).value  # type: ignore[union-attr] # it returned

    assert asyncio.run(run()) == {"body": 1}


def test_an_unknown_stream_is_undefined_and_named_in_the_log(rig: Rig, node: NodeProject) -> None:
    handler = node.handler("return { body: typeof ctx.streams.chat }")

    assert rig.value(handler) == {"body": "undefined"}
    [line] = rig.lines()
    assert (line["level"], "chatMessages" in line["msg"]) == ("warn", True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("while (true) {}", "no sign of life"),
        ("process.abort()", "ended with -6"),
        ("process.kill(process.pid, 'SIGKILL')", "ended with -9"),
        ("console.error('last words'); process.reallyExit(5)", "last words"),
    ],
)
def test_a_child_that_dies_fails_its_calls_and_is_replaced(
    rig: Rig, node: NodeProject, body: str, said: str
) -> None:
    handler = node.handler(body)
    other = node.handler("return { body: process.pid }", "steps/b.step.ts")
    before = rig.value(other)

    failure = rig.failure(handler)

    assert failure.kind == "ChildDiedError"
    assert said in failure.message
    assert not failure.is_final
    assert rig.value(other)["body"] != before["body"]


def test_a_full_heap_is_told_with_what_node_wrote_last(rig: Rig, tmp_path: Path) -> None:
    node = NodeProject(tmp_path, heap_mib=32)
    handler = node.handler("const kept = []; for (;;) kept.push(new Array(1000).fill({ a: 1 }))")

    failure = rig.failure(handler)
    node.runner.close()

    assert (failure.kind, "heap" in failure.message) == ("ChildDiedError", True)


def test_a_call_past_its_limit_is_cancelled_in_the_child(rig: Rig, node: NodeProject) -> None:
    handler = node.handler(
        """
        globalThis.aborted = false
        ctx.signal.addEventListener('abort', () => { globalThis.aborted = true })
        await new Promise(() => {})
        """
    )
    other = node.handler("return { body: globalThis.aborted }", "steps/b.step.ts")

    async def run() -> None:
        effects = rig.effects(value=Request())
        await asyncio.wait_for(handler.run_async(effects.call, effects), 0.5)

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert rig.value(other) == {"body": True}


def test_a_call_past_its_limit_that_spins_takes_its_child_along_at_once(
    rig: Rig, tmp_path: Path
) -> None:
    node = NodeProject(tmp_path, hang_s=600.0)
    handler = node.handler(
        """
        ctx.logger.info('began', { pid: process.pid })
        setTimeout(() => { for (;;) {} }, 5)
        await new Promise(() => {})
        """
    )
    other = node.handler("return { body: process.pid }", "steps/b.step.ts")

    async def run() -> int:
        effects = rig.effects(value=Request())
        task = asyncio.ensure_future(handler.run_async(effects.call, effects))
        while not (lines := rig.lines()):
            await asyncio.wait([task], timeout=0.01)
        watched = os.pidfd_open(lines[0]["pid"])
        task.cancel()
        await asyncio.wait([task])
        return watched

    watched = asyncio.run(run())

    assert _wait_readable(watched, 20.0)
    os.close(watched)
    assert rig.value(other)["body"] > 0
    node.runner.close()


def walled(body: str, infrastructure: str) -> str:
    return (
        f"export const config = {{ infrastructure: {infrastructure} }}\n"
        f"export const handler = async (req, ctx) => {{ {body} }}"
    )


def test_a_step_with_a_limit_of_memory_has_a_process_of_its_own(
    rig: Rig, node: NodeProject
) -> None:
    hungry = node.load(
        walled(
            "const kept = []; for (;;) kept.push(new Array(1000).fill({ a: 1 }))",
            "{ handler: { ram: 128 } }",
        )
    ).handler
    other = node.handler("return { body: process.pid }", "steps/b.step.ts")
    before = rig.value(other)

    failure = rig.failure(hungry)

    assert (failure.kind, "heap" in failure.message) == ("ChildDiedError", True)
    assert rig.value(other) == before


def test_memory_outside_of_the_heap_counts_too(
    rig: Rig, node: NodeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children_module, "PING_S", 0.05)
    handler = node.load(
        walled(
            "const kept = []; for (let i = 0; i < 20; i++) { kept.push(Buffer.alloc(16 << 20, 1)); "
            "await new Promise(setImmediate) } await new Promise(() => {})",
            "{ handler: { ram: 128 } }",
        )
    ).handler

    assert "over its handler.ram of 128 MB" in rig.failure(handler).message


def test_too_little_memory_for_node_is_said_at_once(node: NodeProject) -> None:
    with pytest.raises(StepLoadError, match="too little for a Node process; give it 96"):
        node.load(walled("", "{ handler: { ram: 64 } }"))


def test_walled_steps_have_processes_of_their_own(rig: Rig, node: NodeProject) -> None:
    shared = node.handler("return process.pid", "steps/b.step.ts")
    own = node.load(walled("return process.pid", "{ isolation: 'process' }")).handler

    assert rig.value(own) != rig.value(shared)


def test_children_are_relieved_after_their_calls_and_no_call_is_lost(
    rig: Rig, tmp_path: Path
) -> None:
    node = NodeProject(tmp_path, recycling=Recycling(calls_max=20))
    handler = node.handler("await ctx.state.set('g', 'k', 1); return process.pid")

    async def run() -> list[Outcome]:
        effects = [rig.effects(value=Request()) for _ in range(30)]
        return await asyncio.gather(*(handler.run_async(one.call, one) for one in effects))

    pids: set[int] = set()
    while len(pids) < 3:
        outcomes = asyncio.run(run())
        assert not [one for one in outcomes if isinstance(one, Failed)]
        pids |= {one.value for one in outcomes if isinstance(one, Returned)}
    node.runner.close()


def test_many_calls_are_in_flight_on_one_child(rig: Rig, node: NodeProject) -> None:
    handler = node.handler(
        """
        const waiting = (globalThis.waiting ??= [])
        await new Promise((resolve) => {
          waiting.push(resolve)
          if (waiting.length === 200) waiting.forEach((one) => one())
        })
        return { body: await ctx.state.get('g', 'k') }
        """
    )

    async def run() -> list[object]:
        effects = [rig.effects(value=Request()) for _ in range(200)]
        return await asyncio.gather(*(handler.run_async(one.call, one) for one in effects))

    assert not [one for one in asyncio.run(run()) if isinstance(one, Failed)]


def test_a_file_that_spins_while_it_loads_does_not_load(node: NodeProject) -> None:
    with pytest.raises(StepLoadError, match="no sign of life"):
        node.load("while (true) {}")


def test_starts_wait_longer_with_each_death() -> None:
    delays = [delay_s(deaths) for deaths in range(12)]

    assert delays[:4] == [0.0, 0.0, 0.2, 0.4]
    assert delays == sorted(delays)
    assert delays[-1] == DELAY_S_MAX


@pytest.mark.parametrize("body", ["while (true) {}", "await new Promise(() => {})"])
def test_no_child_outlives_a_killed_parent(tmp_path: Path, body: str) -> None:
    step = tmp_path / "steps" / "a.step.js"
    step.parent.mkdir()
    step.write_text(
        "export const handler = async () => {"
        f" require('fs').writeSync(1, process.pid + '\\n'); {body} }}".replace(
            "require('fs')", "(await import('node:fs')).default"
        )
    )
    program = f"""
        from pathlib import Path
        from tests.runners.rig import Rig
        from motia_actors.runners.node import NodeRunner
        handler = NodeRunner(Path({str(tmp_path)!r})).load(Path({str(step)!r})).handler
        Rig().run(handler)
    """
    with subprocess.Popen(
        [sys.executable, "-c", dedent(program)], stdout=subprocess.PIPE, cwd=Path.cwd()
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        watched = os.pidfd_open(child)
        parent.kill()
        parent.wait()
    try:
        os.set_blocking(watched, False)
        ended = _wait_readable(watched, 10.0)
    finally:
        os.close(watched)
    if not ended:
        os.kill(child, signal.SIGKILL)
    assert ended


def _wait_readable(descriptor: int, limit_s: float) -> bool:
    return bool(select.select([descriptor], [], [], limit_s)[0])
