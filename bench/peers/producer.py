"""The process that emits: threads that send one event after the other, each awaited.

Its module is named on the command line; each line on stdin is an order, each on stdout what came
of it.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Callable

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


def main() -> None:
    """Carry out orders until stdin ends."""
    send = importlib.import_module(sys.argv[1]).send
    for line in sys.stdin:
        produced = produce(send, msgspec.json.decode(line, type=Order))
        sys.stdout.write(msgspec.json.encode(produced).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
