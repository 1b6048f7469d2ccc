"""Rings: what is kept of what was appended, however it was committed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from motia_actors.clock import ManualClock
from motia_actors.store import JournalAppend, JournalClear
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb import LmdbStore
from tests.stores.driving import driven

LIMITS = RingLimits(count_max=6, bytes_max=60, age_s=50.0)
DROPS_MAX = 8  # Of one append.

# Commits, each after so many seconds: sizes of the records appended, or a clearance in between.
commits = st.lists(
    st.tuples(
        st.floats(0, 30).map(round),
        st.lists(st.one_of(st.integers(0, 40), st.none()), min_size=1, max_size=12),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(commits=commits)
def test_many_appends_of_one_commit_keep_what_as_many_commits_keep(
    commits: list[tuple[int, list[int | None]]],
) -> None:
    """And that is the newest, by count, bytes and age."""
    expected: list[tuple[float, bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        clock = ManualClock()
        stores = [
            LmdbStore(Path(folder) / name, clock, journal=LIMITS, unsafe_no_sync=True)
            for name in ("together", "each")
        ]
        with driven(stores[0]) as together, driven(stores[1]) as each:
            for number, (wait_s, sizes) in enumerate(commits):
                clock.advance(wait_s)
                writes = [
                    JournalClear(kind="log")
                    if size is None
                    else JournalAppend(kind="log", record=b"%d" % (number % 10) + b"x" * size)
                    for size in sizes
                ]
                together.commit(writes).result()
                for write in writes:
                    each.commit([write]).result()
                    expected = after(expected, write, clock.now_s())

                kept = [record for _, record in expected]
                assert each.journal.tail("log", count_max=100) == kept
                assert together.journal.tail("log", count_max=100) == kept


def after(
    rows: list[tuple[float, bytes]], write: JournalAppend | JournalClear, now_s: float
) -> list[tuple[float, bytes]]:
    """What a ring holds after a write; one append drops only so many."""
    if isinstance(write, JournalClear):
        return []
    rows = [*rows, (now_s, write.record)]
    for _ in range(DROPS_MAX):
        size = sum(len(record) for _, record in rows)
        is_kept = (
            len(rows) <= LIMITS.count_max
            and size <= LIMITS.bytes_max
            and rows[0][0] > now_s - LIMITS.age_s
        )
        if is_kept or len(rows) == 1:
            break
        rows = rows[1:]
    return rows
