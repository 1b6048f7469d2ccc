"""The process that emits: threads or asyncio tasks that send one event after the other.

Each is awaited before the next one. Its module is named on the command line: `send` is a function,
or a coroutine function, whose `begin` is awaited first. Each line on stdin is an order, each on
stdout what came of it.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

TEXT = "x" * 64


class Order(msgspec.Struct, frozen=True):
    """How many threads emit, and for how long."""

    emitters: int
    seconds: float


class Produced(msgspec.Struct, frozen=True):
    """When the first event was emitted, by the machine's monotonic clock, and what each took."""

    first_s: float
    taken_s: list[float]


def produce(send: Callable[[dict[str, float | str]], object], order: Order) -> Produced:
    """Carry out an order.

    Raises:
        RuntimeError: a thread did not get to its end.
    """
    taken_s: list[list[float]] = []
    gate = threading.Barrier(order.emitters + 1)

    def emit() -> None:
        taken = []
        gate.wait()
        first_s = begin_s = time.monotonic()
        while begin_s - first_s < order.seconds:
            send({"at_s": begin_s, "text": TEXT})
            end_s = time.monotonic()
            taken.append(end_s - begin_s)
            begin_s = end_s
        taken_s.append(taken)

    threads = [threading.Thread(target=emit) for _ in range(order.emitters)]
    for thread in threads:
        thread.start()
    first_s = time.monotonic()
    gate.wait()
    for thread in threads:
        thread.join()
    if len(taken_s) != order.emitters:
        raise RuntimeError(f"{order.emitters - len(taken_s)} of {order.emitters} emitters failed")
    return Produced(first_s=first_s, taken_s=[one for taken in taken_s for one in taken])


async def produce_async(send: Callable[[Any], Awaitable[object]], order: Order) -> Produced:
    """Carry out an order by as many tasks of one event loop."""
    taken_s: list[float] = []
    first_s = time.monotonic()

    async def emit() -> None:
        begin_s = time.monotonic()
        while begin_s - first_s < order.seconds:
            await send({"at_s": begin_s, "text": TEXT})
            end_s = time.monotonic()
            taken_s.append(end_s - begin_s)
            begin_s = end_s

    await asyncio.gather(*(emit() for _ in range(order.emitters)))
    return Produced(first_s=first_s, taken_s=taken_s)


def main() -> None:
    """Carry out orders until stdin ends."""
    module = importlib.import_module(sys.argv[1])
    if inspect.iscoroutinefunction(module.send):
        with asyncio.Runner() as runner:
            runner.run(module.begin())
            _obey(lambda order: runner.run(produce_async(module.send, order)))
    else:
        _obey(lambda order: produce(module.send, order))


def _obey(carry_out: Callable[[Order], Produced]) -> None:
    for line in sys.stdin:
        produced = carry_out(msgspec.json.decode(line, type=Order))
        sys.stdout.write(msgspec.json.encode(produced).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
