"""State of the LMDB store beside bare LMDB with one flushed transaction for each put."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import lmdb

from bench.callers import call_for
from bench.committing import committing_store
from bench.disk import filesystem, flush_us, folder_on_disk
from bench.options import make_parser
from bench.rows import Sample, make_row, print_row
from bench.turns import Alternative, take_turns
from motia_actors.store import StateSet
from motia_actors.stores.lmdb.store import LmdbStore

CALLERS = (1, 8, 32)
KEYS = 1000
VALUE = b'{"text":"' + b"x" * 100 + b'"}'
MAP_BYTES = 1 << 30


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    options = make_parser("bench_store", __doc__, seconds=0.3, rounds=3).parse_args(arguments)
    with folder_on_disk(options.folder) as data:
        settings = {
            "seconds": options.seconds,
            "filesystem": filesystem(data),
            "flush_us": flush_us(data),
            "value_bytes": len(VALUE),
        }
        with _bare(data / "bare") as bare, _store(data / "store") as store:
            alternatives = []
            for word, bare_way, our_way in (
                ("put", functools.partial(_put, bare), functools.partial(_set, store)),
                ("get", functools.partial(_get, bare), functools.partial(_read, store)),
            ):
                for callers in CALLERS:
                    alternatives += _beside(word, callers, bare_way, our_way)
            alternatives += _groups(bare, store)
            results = take_turns(alternatives, seconds=options.seconds, rounds=options.rounds)
    print_row(
        make_row(
            "bench_store",
            results,
            arguments=arguments,
            rounds=options.rounds,
            settings=settings,
        )
    )


def _beside(
    word: str, callers: int, bare_way: Callable[[int], object], our_way: Callable[[int], object]
) -> list[Alternative]:
    bare = f"bare lmdb {word}, {callers} at once"
    ours = f"LmdbStore {'set' if word == 'put' else 'get'}, {callers} at once"
    return [
        Alternative(name=name, turn=functools.partial(_turn, way, callers), ratio_to=bare)
        for name, way in ((bare, bare_way), (ours, our_way))
    ]


def _groups(bare: lmdb.Environment, store: LmdbStore) -> list[Alternative]:
    """All keys of a group at once; both sides hold the same ones."""
    names = [f"bare lmdb cursor over {KEYS:,}", f"LmdbStore get_group of {KEYS:,}"]
    ways: list[Callable[[int], object]] = [
        functools.partial(_scan, bare),
        functools.partial(_read_group, store),
    ]
    return [
        Alternative(name=name, turn=functools.partial(_turn, way, 1), ratio_to=names[0])
        for name, way in zip(names, ways, strict=True)
    ]


def _scan(env: lmdb.Environment, _number: int) -> list[tuple[bytes, bytes]]:
    with env.begin() as txn:
        return list(txn.cursor())


def _read_group(store: LmdbStore, _number: int) -> object:
    return store.state.group("bench")


def _turn(way: Callable[[int], object], callers: int, seconds: float) -> Sample:
    return call_for(seconds, way, callers=callers)


def _key(number: int) -> str:
    return f"key{number % KEYS}"


def _put(env: lmdb.Environment, number: int) -> None:
    with env.begin(write=True) as txn:
        txn.put(_key(number).encode(), VALUE)


def _get(env: lmdb.Environment, number: int) -> bytes | None:
    with env.begin() as txn:
        found: bytes | None = txn.get(_key(number).encode())
        return found


def _set(store: LmdbStore, number: int) -> None:
    store.write(StateSet(group="bench", key=_key(number), value=VALUE))


def _read(store: LmdbStore, number: int) -> bytes | None:
    return store.state.get("bench", _key(number))


@contextlib.contextmanager
def _bare(path: Path) -> Iterator[lmdb.Environment]:
    path.mkdir()
    env = lmdb.open(str(path), map_size=MAP_BYTES, max_spare_txns=64)
    try:
        with env.begin(write=True) as txn:
            for number in range(KEYS):
                txn.put(_key(number).encode(), VALUE)
        yield env
    finally:
        env.close()


@contextlib.contextmanager
def _store(path: Path) -> Iterator[LmdbStore]:
    with committing_store(path, map_bytes_max=MAP_BYTES) as store:
        group = [StateSet(group="bench", key=_key(key), value=VALUE) for key in range(KEYS)]
        store.commit(group).result()
        yield store


if __name__ == "__main__":
    main(sys.argv[1:])
