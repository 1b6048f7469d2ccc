"""One call of a step in each language: latency, calls per second, state, start-up, memory.

Calls go to the handler straight, with effects on a store in memory, so that what is measured is
the runner. Each round measures all kinds, one after the other; what is printed is the median of
the rounds with the lowest and the highest. `--wire FOLDER` compares JSON with msgpack instead, on
both sides; FOLDER has the package msgpackr in its node_modules.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from motia_actors.clock import SystemClock
from motia_actors.effects import CallEffects, World
from motia_actors.messages import Call, Request, Returned
from motia_actors.runner import Handler
from motia_actors.runners.calling import ChildHandler
from motia_actors.runners.child import Child
from motia_actors.runners.languages import Languages
from motia_actors.runners.node import PROGRAM
from motia_actors.runners.node_binary import find_node
from motia_actors.steps.config import Step
from motia_actors.stores.memory import MemoryStore
from motia_actors.telemetry.logs import LogSink

PYTHON = """
config = {{"infrastructure": {{"isolation": "{isolation}", "processes": 2}}}}
async def handler(req, context):
    for number in range(req.body["sets"]):
        await context.state.set("g", "k", number)
    number = 0
    while number < req.body["spins"]:
        number += 1
    return {{"status": 200, "body": {{"ok": True}}}}
"""
SCRIPT = """
export const handler{type} = async (req, {{ state }}) => {{
  for (let number = 0; number < req.body.sets; number++) await state.set('g', 'k', number)
  return {{ status: 200, body: {{ ok: true }} }}
}}
"""
SOURCES = {
    "python in thread": ("a_step.py", PYTHON.format(isolation="thread")),
    "python in process": ("b_step.py", PYTHON.format(isolation="process")),
    "javascript": ("c.step.js", SCRIPT.format(type="")),
    "typescript": ("d.step.ts", SCRIPT.format(type=": (...given: any) => Promise<any>")),
}
SETS = 10
SPINS = 3_000_000
TURNS = 5
WIDTH = 16
Run = Callable[[Handler], Coroutine[Any, Any, None]]
LINE = {"sku": "sku-1", "count": 2, "price": 12.5, "tags": ["a", "b"]}
VALUES: Mapping[str, Any] = {
    "call": {"t": "call", "id": 1, "input": {"body": {"id": "1", "lines": [LINE] * 3}}},
    "17 KB": {"t": "done", "id": 1, "v": {"status": 200, "body": [LINE] * 300}},
}
IN_NODE = """
import { createRequire } from 'node:module'
const { Packr } = createRequire(process.argv[1] + '/_.js')('msgpackr')
const { read, written } = await import(process.argv[2])
const packr = new Packr({ useRecords: false })
const values = JSON.parse(process.argv[3])
for (const [name, value] of Object.entries(values)) {
  const text = Buffer.from(written(value)), packed = packr.pack(value)
  const us = (call) => {
    const turns = Array.from({ length: 5 }, () => {
      const start = performance.now()
      for (let i = 0; i < 2000; i++) call()
      return (performance.now() - start) / 2
    })
    return Number(Math.min(...turns).toFixed(2))
  }
  console.log(JSON.stringify({ side: 'node', value: name,
    json_read_us: us(() => read(text.toString('utf8'))),
    json_write_us: us(() => Buffer.from(written(value))),
    msgpack_read_us: us(() => packr.unpack(packed)),
    msgpack_write_us: us(() => packr.pack(value)) }))
}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row of JSON for each thing measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wire", type=Path)
    options = parser.parse_args(arguments)
    if options.wire:
        compare_wires(options.wire)
    else:
        measure_runners(options.calls, rounds=options.rounds)


def measure_runners(count: int, *, rounds: int) -> None:
    """Print a row for each kind of step, and what TypeScript costs over Python."""
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in SOURCES}
    for _ in range(rounds):
        for name in SOURCES:
            figures[name].append(measure(name, count))
    for name, seen in figures.items():
        row = {key: _spread([one[key] for one in seen]) for key in seen[0]}
        print(json.dumps({"step": name, **row}), flush=True)
    over = [
        (typed["p50_ms"] - plain["p50_ms"])
        for typed, plain in zip(figures["typescript"], figures["python in thread"], strict=True)
    ]
    print(json.dumps({"typescript over python, p50_ms": _spread(over), "target_ms": 1.0}))


def measure(name: str, count: int) -> dict[str, float]:
    """The figures of one kind of step, in processes of its own."""
    clock = SystemClock()
    store = MemoryStore(clock)
    store.open()
    world = World(store=store, route=lambda _: (), log=LogSink(level="error"), clock=clock)
    step = Step(id="steps/a.step.ts", kind="api", name="A")

    def run_with(**body: int) -> Run:
        request = Request(body={"sets": 0, "spins": 0, **body}, headers={"host": "x"})
        call = Call(kind="api", trace_id="K7PQ2-4431022", flows=(), input=request)

        async def run(handler: Handler) -> None:
            outcome = await handler.run_async(call, CallEffects(world, step, call))
            assert isinstance(outcome, Returned), outcome

        return run

    with tempfile.TemporaryDirectory() as folder:
        languages = Languages(Path(folder), node_count=1)
        file, text = SOURCES[name]
        path = Path(folder) / "steps" / file
        path.parent.mkdir()
        path.write_text(text, "utf-8")
        began_s = time.perf_counter()
        runner = languages.python if file.endswith(".py") else languages.node
        handler = runner.load(path).handler
        assert handler is not None
        start_s = time.perf_counter() - began_s
        call, sets = run_with(), run_with(sets=SETS)
        asyncio.run(_one_after_another(call, handler, 100))
        asyncio.run(_at_once(call, handler, 10 * WIDTH))  # A second process is up after this.
        each_s = sorted(asyncio.run(_one_after_another(call, handler, count)))
        sets_s = sorted(asyncio.run(_one_after_another(sets, handler, count // SETS)))
        row = {
            "p50_ms": each_s[count // 2] * 1e3,
            "p99_ms": each_s[count * 99 // 100] * 1e3,
            "calls_per_s": asyncio.run(_at_once(call, handler, count)),
            "state_set_ms": (sets_s[len(sets_s) // 2] * 1e3 - each_s[count // 2] * 1e3) / SETS,
            "start_ms": start_s * 1e3,
        }
        if file.endswith(".py"):
            spin = run_with(spins=SPINS)
            # The quickest of several: what else the machine does falls on both cores.
            rates = [
                [asyncio.run(_at_once(spin, handler, width, width=width)) for width in (1, 2)]
                for _ in range(TURNS)
            ]
            one_per_s, two_per_s = (max(column) for column in zip(*rates, strict=True))
            row["two_busy_calls_to_one"] = 2 * one_per_s / two_per_s
        if isinstance(handler, ChildHandler):
            row["memory_mib"] = sum(map(_rss_mib, handler.children.all()))
            row["processes"] = len(handler.children.all())
        languages.close()
    return row


def _rss_mib(child: Child) -> float:
    pages = int(Path(f"/proc/{child.pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _spread(values: Sequence[float]) -> str:
    middle = sorted(values)[len(values) // 2]
    return f"{middle:.4g} ({min(values):.4g}..{max(values):.4g})"


async def _one_after_another(
    run: Callable[[Handler], Any], handler: Handler, n: int
) -> list[float]:
    took_s = []
    for _ in range(n):
        began_s = time.perf_counter()
        await run(handler)
        took_s.append(time.perf_counter() - began_s)
    return took_s


async def _at_once(run: Run, handler: Handler, count: int, *, width: int = WIDTH) -> float:
    """Calls per second."""

    async def some() -> None:
        for _ in range(count // width):
            await run(handler)

    began_s = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(width)))
    return count / (time.perf_counter() - began_s)


def compare_wires(folder: Path) -> None:
    """Microseconds to read and write the same values as JSON and as msgpack."""
    for name, value in VALUES.items():
        row: dict[str, object] = {"side": "python", "value": name}
        for form, codec in (("json", msgspec.json), ("msgpack", msgspec.msgpack)):
            encoder, decoder = codec.Encoder(), codec.Decoder()
            data = encoder.encode(value)
            row[f"{form}_read_us"] = _best_us(functools.partial(decoder.decode, data))
            row[f"{form}_write_us"] = _best_us(functools.partial(encoder.encode, value))
        print(json.dumps(row), flush=True)
    program = [find_node(), "--input-type=module", "--eval", IN_NODE]
    subprocess.run(
        [
            *program,
            str(folder.resolve()),
            PROGRAM.with_name("wire.mjs").as_uri(),
            json.dumps(VALUES),
        ],
        check=True,
    )


def _best_us(call: Callable[[], object]) -> float:
    turns = []
    for _ in range(5):
        began_s = time.perf_counter()
        for _ in range(2000):
            call()
        turns.append((time.perf_counter() - began_s) / 2000 * 1e6)
    return round(min(turns), 2)


if __name__ == "__main__":
    main()
