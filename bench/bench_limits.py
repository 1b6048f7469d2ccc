"""What this machine allows at best: flushes, hand-overs between threads, requests, interpreters.

No runtime in Python with one durable write an event, one hand-over a call and one process can
be faster than these.
"""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.callers import call_for
from bench.disk import filesystem, folder_on_disk
from bench.load import Request, sample_of_load, usual_client
from bench.options import make_parser
from bench.rows import Sample, make_row, print_row
from bench.servers import free_port, launched
from bench.turns import Alternative, take_turns

PAGE_BYTES = 4096
HELLO = Request(path="/hello")


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    parser = make_parser("bench_limits", __doc__, seconds=0.5, rounds=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--client", choices=["wrk", "python"], default=usual_client())
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(folder_on_disk(options.folder))
        flush = stack.enter_context(_flushing(data / "page"))
        hand_over = stack.enter_context(_echoing())
        port = free_port()
        command = [sys.executable, "-m", "bench.canned", str(port)]
        canned = stack.enter_context(launched(command, port=port, ready=HELLO.path))
        alternatives = [
            _alternative("fdatasync of a page", functools.partial(call_for, operation=flush)),
            _alternative(
                "to another thread and back", functools.partial(call_for, operation=hand_over)
            ),
            _alternative(
                "canned answers from epoll",
                lambda seconds: sample_of_load(
                    options.client,
                    canned,
                    HELLO,
                    connections=options.connections,
                    seconds=seconds,
                ),
            ),
            _alternative(
                "start of an interpreter", functools.partial(call_for, operation=_interpreter)
            ),
        ]
        results = take_turns(alternatives, seconds=options.seconds, rounds=options.rounds)
        settings = {
            "client": options.client,
            "connections": options.connections,
            "seconds": options.seconds,
            "filesystem": filesystem(data),
        }
    print_row(
        make_row(
            "bench_limits", results, arguments=arguments, rounds=options.rounds, settings=settings
        )
    )


def _alternative(name: str, turn: Callable[[float], Sample]) -> Alternative:
    return Alternative(name=name, turn=turn, ratio_to=name)


@contextlib.contextmanager
def _flushing(path: Path) -> Iterator[Callable[[int], None]]:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)

    def flush(_number: int) -> None:
        os.pwrite(descriptor, bytes(PAGE_BYTES), 0)
        os.fdatasync(descriptor)

    try:
        yield flush
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _echoing() -> Iterator[Callable[[int], object]]:
    """Two threads that wait for each other, by the standard library's fastest queue."""
    there: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    back: queue.SimpleQueue[int] = queue.SimpleQueue()

    def echo() -> None:
        while (item := there.get()) is not None:
            back.put(item)

    def hand_over(number: int) -> int:
        there.put(number)
        return back.get()

    thread = threading.Thread(target=echo)
    thread.start()
    try:
        yield hand_over
    finally:
        there.put(None)
        thread.join()


def _interpreter(_number: int) -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
