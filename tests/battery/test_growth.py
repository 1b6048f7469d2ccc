"""A folder under steady load: what is over makes room for what comes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from motia_actors.clock import ManualClock
from motia_actors.messages import Target
from motia_actors.store import Ack, Bury, EventPut, JournalAppend, Lease, Store, Sweep, Write
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb import LmdbStore
from tests.battery.crew import note
from tests.stores.driving import an_event, driven

pytestmark = pytest.mark.slow

CHUNK = 500
LOOKS = 10
JOURNAL_COUNT_MAX = 2_000
GROWTH_MAX = 1.1
PAYLOAD = b'{"text":"' + b"x" * 200 + b'"}'


def work_off(store: Store, clock: ManualClock, first: int, *, dead_count_max: int) -> None:
    """Put a chunk of events, each with a log, a span and a dedupe key; ack all, bury one."""
    names = [str(first + index) for index in range(CHUNK)]
    puts: list[Write[object]] = [
        EventPut(
            event=an_event(name, data=PAYLOAD),
            targets=(Target(step="charge"),),
            dedupe_key=name,
        )
        for name in names
    ]
    journal = [JournalAppend(kind=kind, record=PAYLOAD) for kind in ("log", "trace") for _ in names]
    store.commit([*puts, *journal]).result()
    leased = store.write(Lease(step="charge", count_max=CHUNK, visibility_s=30.0))
    assert [delivery.event.id for delivery in leased] == names
    head, *rest = leased
    store.commit([Bury(delivery=head, error="no"), *(Ack(delivery=one) for one in rest)]).result()
    clock.advance(10.0)
    sweep = Sweep(dead_age_s=3600.0, dead_count_max=dead_count_max, rows_max=CHUNK)
    while store.write(sweep) == CHUNK:
        continue


def sizes(folder: Path, *, events: int, dead_count_max: int) -> list[tuple[int, int]]:
    """Handle events; answers bytes used and bytes of the file at ten evenly spread looks."""
    clock = ManualClock()
    found = []
    journal = RingLimits(count_max=JOURNAL_COUNT_MAX)
    store = LmdbStore(folder, clock, journal=journal, unsafe_no_sync=True)
    with driven(store):
        for number, first in enumerate(
            itertools.islice(itertools.count(0, CHUNK), events // CHUNK)
        ):
            work_off(store, clock, first, dead_count_max=dead_count_max)
            if (number + 1) * CHUNK % (events // LOOKS) == 0:
                used = int(store.statistics()["bytes_used"])
                file_bytes = (folder / "db" / "data.mdb").stat().st_size
                found.append((used, file_bytes))
                note(f"events={first + CHUNK} bytes_used={used} file_bytes={file_bytes}")
    return found


def assert_flat(found: list[tuple[int, int]]) -> None:
    """No later look may find more than the first, but for a little."""
    assert len(found) == LOOKS
    for column in zip(*found[1:], strict=True):
        assert max(column) <= column[0] * GROWTH_MAX, found


def test_the_file_stays_as_large_as_it_was_under_steady_load(tmp_path: Path) -> None:
    assert_flat(sizes(tmp_path / "data", events=30_000, dead_count_max=5))


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_the_file_stays_as_large_over_a_million_events(tmp_path: Path) -> None:
    assert_flat(sizes(tmp_path / "data", events=1_000_000, dead_count_max=100))
