"""No room: a full map, a full disk, pages that a dead reader pins."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.errors import StoreFullError
from motia_actors.store import StateSet, Store
from motia_actors.stores.lmdb import LmdbStore
from tests.battery.crew import Crew, balance, new_seed, note
from tests.battery.holder import holder_on
from tests.stores.driving import driven

pytestmark = pytest.mark.slow

MAP_BYTES = 2 * 2**20
FILE_BYTES = 2 * 2**20
EVENT_BYTES = 50_000
REFUSALS = 20
SPLIT_BYTES = 16 * 4096
GROWTH_BYTES_MAX = 2**20


def test_a_full_store_refuses_and_under_a_higher_limit_all_it_took_is_worked_off(
    tmp_path: Path,
) -> None:
    folder, options, seed = tmp_path / "data", {"bytes": EVENT_BYTES}, new_seed()
    small, makers = {"map": MAP_BYTES, **options}, ("maker-a", "maker-b", "maker-c")
    with (
        driven(LmdbStore(folder, SystemClock(), map_bytes_max=MAP_BYTES)) as store,
        Crew(folder, makers, seed=seed, options=small) as refused,
    ):
        refused.wait_word("F", REFUSALS)
        assert refused.deaths == 0
        # The last commit may split a page of each table it touches.
        assert store.statistics()["bytes_used"] <= MAP_BYTES + SPLIT_BYTES

    with (
        driven(LmdbStore(folder, SystemClock())) as store,
        Crew(folder, ("std-1", "fifo-1", "sink-1"), seed=seed, options=options) as crew,
    ):
        crew.drain(store)
        crew.lines += refused.lines

        balance(crew, store)


def test_a_full_disk_is_refused_and_once_there_is_room_the_same_processes_go_on(
    tmp_path: Path,
) -> None:
    folder, options = tmp_path / "data", {"file": FILE_BYTES, "bytes": EVENT_BYTES}
    roles = ("maker-a", "maker-b", "std-1", "fifo-1", "sink-1")
    with (
        driven(LmdbStore(folder, SystemClock())) as store,
        Crew(folder, roles, seed=new_seed(), options=options) as crew,
    ):
        crew.wait_word("F", REFUSALS)
        assert (folder / "db" / "data.mdb").stat().st_size <= FILE_BYTES

        for pid in crew.pids():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        crew.wait_word("E", crew.count("E") + 10)
        crew.drain(store)

        balance(crew, store)
        assert crew.deaths == 0


def test_a_write_that_a_limit_of_files_cuts_short_is_refused_as_a_full_disk(
    tmp_path: Path,
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with driven(LmdbStore(tmp_path, SystemClock())) as store:
        store.write(StateSet(group="g", key="first", value=b"1" * FILE_BYTES))
        size = (tmp_path / "db" / "data.mdb").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10_000, limits[1]))
        try:
            with pytest.raises(StoreFullError, match="no room on the disk"):
                store.write(StateSet(group="g", key="second", value=b"2" * 2 * EVENT_BYTES))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        store.write(StateSet(group="g", key="second", value=b"2" * 2 * EVENT_BYTES))

        assert [item.key for item in store.state.group("g")] == ["first", "second"]


def overwrite(store: Store, count: int) -> None:
    """Write one value so many times, each in a commit of its own."""
    for number in range(count):
        store.write(StateSet(group="g", key="k", value=b"%d" % number * 5_000))


def test_a_dead_readers_pages_are_free_again_after_the_next_look(tmp_path: Path) -> None:
    data = tmp_path / "db" / "data.mdb"
    with driven(LmdbStore(tmp_path, SystemClock(), unsafe_no_sync=True)) as store:
        overwrite(store, 50)
        sizes = [data.stat().st_size]
        with holder_on(tmp_path, "read") as reader:
            overwrite(store, 300)
            sizes.append(data.stat().st_size)
            reader.kill()
        store.events.free_dead_owners()
        overwrite(store, 600)
        sizes.append(data.stat().st_size)

    note(f"sizes={sizes}")
    assert sizes[1] - sizes[0] > GROWTH_BYTES_MAX, "the reader pinned nothing"
    assert sizes[2] - sizes[1] < GROWTH_BYTES_MAX
