"""How the store grows: with events that wait, with keys of a group, with the size of a value.

One thread puts, leases and acknowledges an event, or sets and gets a value, in a store that holds
so much already. `--million` adds a queue of 1,000,000 events, which takes a minute to fill.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.callers import call_for
from bench.committing import committing_store
from bench.disk import filesystem, flush_us, folder_on_disk
from bench.options import make_parser
from bench.rows import Curve, Sample, make_row, print_row
from bench.turns import Alternative, take_turns
from motia_actors.messages import Event, Target
from motia_actors.store import Ack, EventPut, Lease, StateSet
from motia_actors.stores.lmdb.store import LmdbStore

DEPTHS = (1_000, 10_000, 100_000)
MILLION = 1_000_000
KEYS = (100, 1_000, 10_000)
VALUE_BYTES = (100, 10_000, 1_000_000)
MAP_BYTES = 8 << 30
FILL_COUNT = 1_000
VISIBILITY_S = 600.0
DATA = b'{"at_s":1234567.123456,"text":"' + b"x" * 64 + b'"}'
TARGETS = (Target(step="steps/waiting_step.py"),)


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    parser = make_parser("bench_growth", __doc__, seconds=0.4, rounds=3)
    parser.add_argument("--million", action="store_true", help="a queue of 1,000,000 events too")
    parser.add_argument("--depths", type=int, nargs="*", default=list(DEPTHS))
    options = parser.parse_args(arguments)
    depths = [*options.depths, *([MILLION] if options.million else [])]
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(folder_on_disk(options.folder))
        settings = {
            "seconds": options.seconds,
            "filesystem": filesystem(data),
            "flush_us": flush_us(data),
        }
        alternatives = [
            *_queues(stack, data, depths),
            *_states(stack, data),
        ]
        results = take_turns(alternatives, seconds=options.seconds, rounds=options.rounds)
    print_row(
        make_row(
            "bench_growth", results, arguments=arguments, rounds=options.rounds, settings=settings
        )
    )


def _opened(stack: contextlib.ExitStack, path: Path) -> LmdbStore:
    return stack.enter_context(committing_store(path, map_bytes_max=MAP_BYTES))


def _event() -> EventPut:
    event = Event(id=uuid.uuid4().hex, topic="bench", data=DATA, trace_id="K7PQ2-4431022")
    return EventPut(event=event, targets=TARGETS)


def _queues(stack: contextlib.ExitStack, data: Path, depths: Sequence[int]) -> list[Alternative]:
    found = []
    for depth in depths:
        store = _opened(stack, data / f"queue-{depth}")
        for _ in range(0, depth, FILL_COUNT):
            store.commit([_event() for _ in range(min(FILL_COUNT, depth))]).result()
        found.append(
            _alternative(
                f"put, lease and ack, {depth:,} waiting",
                functools.partial(_pass_on, store),
                first=f"put, lease and ack, {depths[0]:,} waiting",
                curve=Curve(of="put, lease and ack", axis="events waiting", at=depth),
            )
        )
    return found


def _pass_on(store: LmdbStore, _number: int) -> None:
    """Put an event, take the oldest and acknowledge it: as many wait as before."""
    store.write(_event())
    (delivery,) = store.write(Lease(step=TARGETS[0].step, count_max=1, visibility_s=VISIBILITY_S))
    store.write(Ack(delivery=delivery))


def _states(stack: contextlib.ExitStack, data: Path) -> list[Alternative]:
    found = []
    for count in KEYS:
        store = _opened(stack, data / f"keys-{count}")
        for start in range(0, count, FILL_COUNT):
            keys = range(start, min(start + FILL_COUNT, count))
            sets = [StateSet(group="g", key=f"key{key}", value=DATA) for key in keys]
            store.commit(sets).result()
        for word, way in (("set", _set), ("get", _get), ("get_group", _get_group)):
            found.append(
                _alternative(
                    f"{word}, {count:,} keys",
                    functools.partial(way, store, count, DATA),
                    first=f"{word}, {KEYS[0]:,} keys",
                    curve=Curve(of=word, axis="keys of the group", at=count),
                )
            )
    store = _opened(stack, data / "values")
    for size in VALUE_BYTES:
        value = b'"' + b"x" * size + b'"'
        for word, way in (("set", _set), ("get", _get)):
            found.append(
                _alternative(
                    f"{word} of {size:,} bytes",
                    functools.partial(way, store, 1, value),
                    first=f"{word} of {VALUE_BYTES[0]:,} bytes",
                    curve=Curve(of=f"{word} of a value", axis="bytes of the value", at=size),
                )
            )
    return found


def _set(store: LmdbStore, count: int, value: bytes, number: int) -> None:
    store.write(StateSet(group="g", key=f"key{number % count}", value=value))


def _get(store: LmdbStore, count: int, _value: bytes, number: int) -> object:
    return store.state.get("g", f"key{number % count}")


def _get_group(store: LmdbStore, _count: int, _value: bytes, _number: int) -> object:
    return store.state.group("g")


def _alternative(
    name: str, operation: Callable[[int], object], *, first: str, curve: Curve
) -> Alternative:
    turn: Callable[[float], Sample] = functools.partial(_turn, operation)
    return Alternative(name=name, turn=turn, ratio_to=first, curve=curve)


def _turn(operation: Callable[[int], object], seconds: float) -> Sample:
    return call_for(seconds, operation)


if __name__ == "__main__":
    main(sys.argv[1:])
