"""Values that end, on disk: over a kill, beside older folders and older programs."""

from __future__ import annotations

from pathlib import Path

import lmdb
import pytest

from motia_actors.clock import ManualClock, SystemClock
from motia_actors.store import StateSet, Store, Sweep
from motia_actors.stores.lmdb import LmdbStore, keys
from motia_actors.stores.lmdb.check import check
from tests.stores.driving import driven
from tests.stores.filling import a_store, dump, load
from tests.stores.test_processes import child_on

SWEEP = Sweep(dead_age_s=9e9, dead_count_max=9)


def later(path: Path, seconds: float) -> LmdbStore:
    """The folder as a process sees it that is so many seconds ahead."""
    return LmdbStore(path, ManualClock(SystemClock().now_s() + seconds), unsafe_no_sync=True)


def ends(store: Store) -> float:
    return store.statistics()["rows_state_ends"]


@pytest.mark.slow
def test_values_of_a_killed_process_end_and_are_swept_by_another(tmp_path: Path) -> None:
    with child_on(tmp_path) as child:
        assert child.ask("end") == "done"
        child.kill()

    with driven(later(tmp_path, 30.0)) as store:
        assert len(store.state.keys("ends")) == 50
    with driven(later(tmp_path, 90.0)) as store:
        assert store.state.keys("ends") == []
        assert ends(store) == 50
        assert store.write(SWEEP) == 50
        assert ends(store) == store.statistics()["rows_state"] == 0
    assert check(tmp_path).findings == ()


def test_a_folder_that_is_older_than_the_table_opens_as_it_is(tmp_path: Path) -> None:
    with driven(a_store(tmp_path)) as store:
        store.write(StateSet(group="g", key="k", value=b"1"))
    with lmdb.open(str(tmp_path / "db"), max_dbs=32) as env:
        table = env.open_db(b"state_ends")
        with env.begin(write=True) as txn:
            txn.drop(table)

    assert check(tmp_path).findings == ()
    assert b'"key":"k"' in dump(tmp_path)
    with driven(a_store(tmp_path)) as store:
        assert store.state.get("g", "k") == b"1"
        store.write(StateSet(group="g", key="k", value=b"2", ttl_s=9.0))
        assert ends(store) == 1


def test_an_end_that_an_older_version_left_behind_ends_nothing(tmp_path: Path) -> None:
    with driven(a_store(tmp_path)) as store:
        store.write(StateSet(group="g", key="k", value=b"1", ttl_s=9.0))
    with lmdb.open(str(tmp_path / "db"), max_dbs=32) as env:
        table = env.open_db(b"state")
        with env.begin(write=True) as txn:
            txn.put(keys.name16("g") + keys.name16("k"), keys.named("k", b"2"), db=table)

    assert check(tmp_path).findings == ()
    with driven(later(tmp_path, 60.0)) as store:
        assert store.write(SWEEP) == 1
        assert store.state.get("g", "k") == b"2"
        assert ends(store) == 0


def test_an_import_carries_the_ends(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with driven(a_store(old)) as store:
        store.write(StateSet(group="g", key="ends", value=b"1", ttl_s=60.0))
        store.write(StateSet(group="g", key="stays", value=b"1"))

    load(new, dump(old))

    with driven(later(new, 30.0)) as store:
        assert store.state.keys("g") == ["ends", "stays"]
    with driven(later(new, 90.0)) as store:
        assert store.state.keys("g") == ["stays"]
        assert store.write(SWEEP) == 1
    assert check(new).findings == ()
