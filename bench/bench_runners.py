"""One call of a step in Python, JavaScript and TypeScript: latency, calls per second, memory.

Calls go to the handler straight, with effects on a store in memory, so that what is measured is
the runner. `--wire FOLDER` compares JSON with msgpack instead, on both sides; FOLDER has the
package msgpackr in its node_modules.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
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
from motia_actors.runners.languages import Languages
from motia_actors.runners.node import PROGRAM
from motia_actors.runners.node_binary import find_node
from motia_actors.steps.config import Step
from motia_actors.stores.memory import MemoryStore
from motia_actors.telemetry.logs import LogSink

ANSWER = "async (req, { state }) => ({ status: 200, body: { ok: true } })"
SOURCES = {
    "python": ("a_step.py", "async def handler(req, ctx):\n    return {'status': 200, 'body': {}}"),
    "javascript": ("b.step.js", f"exports.handler = {ANSWER}"),
    "typescript": ("c.step.ts", f"export const handler: (...a: any) => any = {ANSWER}"),
    "typescript, 10 state.set": (
        "d.step.ts",
        """export const handler = async (req, { state }) => {
          for (let i = 0; i < 10; i++) await state.set('g', 'k', i)
          return { status: 200 }
        }""",
    ),
}
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
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--wire", type=Path)
    options = parser.parse_args(arguments)
    if options.wire:
        compare_wires(options.wire)
    else:
        measure_runners(options.calls)


def measure_runners(count: int) -> None:
    """Latency of one caller, and calls per second of 16."""
    clock = SystemClock()
    store = MemoryStore(clock)
    store.open()
    world = World(store=store, route=lambda _: (), log=LogSink(level="error"), clock=clock)
    step = Step(id="steps/a.step.ts", kind="api", name="A")
    request = Request(body={"id": 1}, headers={"host": "x"}, method="POST", path="/a")
    call = Call(kind="api", trace_id="K7PQ2-4431022", flows=(), input=request)

    async def run(handler: Handler) -> None:
        outcome = await handler.run_async(call, CallEffects(world, step, call))
        assert isinstance(outcome, Returned), outcome

    with tempfile.TemporaryDirectory() as folder:
        languages = Languages(Path(folder), node_count=1)
        for name, (file, text) in SOURCES.items():
            path = Path(folder) / "steps" / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            began_s = time.perf_counter()
            runner = languages.python if file.endswith(".py") else languages.node
            handler = runner.load(path).handler
            assert handler is not None
            load_s = time.perf_counter() - began_s
            each_s = sorted(asyncio.run(_one_after_another(run, handler, count)))
            row = {
                "step": name,
                "load_ms": round(load_s * 1e3, 1),
                "p50_us": round(each_s[count // 2] * 1e6),
                "p99_us": round(each_s[count * 99 // 100] * 1e6),
                "calls_per_s": round(asyncio.run(_at_once(run, handler, count))),
            }
            print(json.dumps(row), flush=True)
        languages.close()


async def _one_after_another(
    run: Callable[[Handler], Any], handler: Handler, n: int
) -> list[float]:
    took_s = []
    for _ in range(n):
        began_s = time.perf_counter()
        await run(handler)
        took_s.append(time.perf_counter() - began_s)
    return took_s


async def _at_once(run: Run, handler: Handler, count: int) -> float:
    async def some() -> None:
        for _ in range(count // WIDTH):
            await run(handler)

    began_s = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(WIDTH)))
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
