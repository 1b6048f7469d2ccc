"""All replicas are alike, whatever is refused, and however the log is cut into transactions."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from motia_actors.errors import StoreError
from motia_actors.messages import Event, Target
from motia_actors.store import (
    CronFire,
    EventPut,
    JournalAppend,
    Lease,
    StateExpect,
    StateSet,
    StreamDelete,
    StreamSet,
    Sweep,
    Write,
)
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb.export import export
from motia_actors.stores.nats import entries
from motia_actors.stores.nats.entries import LockDrop, LockHold, Message, OwnerDead
from motia_actors.stores.nats.replica import Replica

RINGS = RingLimits(count_max=5)
ORIGINS = (b"origin-a", b"origin-b")

_numbers = itertools.count()
names = st.sampled_from(["a", "b"])


def put(event_id: str, group: str, depth_max: int | None) -> EventPut:
    event = Event(id=event_id, topic="t", data=b"{}", trace_id="t", group_id=group)
    fifo = Target(step="fifo", is_fifo=True, depth_max=depth_max)
    return EventPut(event=event, targets=(Target(step="std"), fifo), dedupe_key=None)


writes: st.SearchStrategy[Write[object]] = st.one_of(
    st.builds(StateSet, group=names, key=names, value=names.map(str.encode)),
    st.builds(StateExpect, group=names, key=names, value=names.map(str.encode)),
    st.builds(StreamSet, stream=names, group=names, item_id=names, data=names.map(str.encode)),
    st.builds(StreamDelete, stream=names, group=names, item_id=names),
    st.builds(put, names, names, st.sampled_from([None, 2])),
    st.builds(
        Lease,
        step=st.sampled_from(["std", "fifo"]),
        count_max=st.integers(1, 3),
        visibility_s=st.sampled_from([0.0, 5.0]),
    ),
    st.builds(JournalAppend, kind=names, record=names.map(str.encode)),
    st.builds(
        CronFire,
        step=names,
        slot_s=st.integers(1, 5).map(float),
        event=st.just(Event(id="c", topic="t", data=b"", trace_id="t")),
        allow_overlap=st.booleans(),
    ),
    st.just(Sweep(dead_age_s=0.0, dead_count_max=0)),
    st.builds(LockHold, name=names),
    st.builds(LockDrop, name=names),
    st.builds(OwnerDead, owner=st.sampled_from(ORIGINS), number=st.integers(0, 5)),
)
Commits = list[list[Write[object]]]
proposals = st.lists(
    st.tuples(
        st.sampled_from(ORIGINS),
        st.lists(st.lists(writes, max_size=3), max_size=3),
        st.booleans(),
    ),
    max_size=12,
)


def log_of(said: list[tuple[bytes, Commits, bool]]) -> list[Message]:
    """The messages, some of them twice, and some after one of their origin that is missing."""
    found: list[Message] = []
    numbers = dict.fromkeys(ORIGINS, 1)
    for index, (origin, commits, is_twice) in enumerate(said):
        body = entries.encode(1000.0 + index, commits)
        cut = entries.cut(body, origin=origin, number=numbers[origin], message_bytes_max=100)
        numbers[origin] += len(cut)
        sent = [*cut, *cut] if is_twice else cut
        if is_twice and len(cut) > 1:
            sent = [*cut[1:], *sent]
        found += [entries.read(len(found) + 1 + place, one) for place, one in enumerate(sent)]
    return found


def a_replica(folder: Path) -> Replica:
    replica = Replica(folder / "db", bytes_max=2**24, journal=RINGS, changes=RINGS)
    replica.open()
    return replica


def content_of(folder: Path) -> bytes:
    stream = io.BytesIO()
    export(folder, stream, has_journal=True)
    return stream.getvalue()


@settings(max_examples=60, deadline=None)
@given(said=proposals, cuts=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_a_replica_that_is_opened_again_and_again_is_like_one_that_reads_all_at_once(
    said: list[tuple[bytes, Commits, bool]],
    cuts: list[int],
    tmp_path_factory: object,
) -> None:
    base = Path(tmp_path_factory.mktemp("replicas"))  # type: ignore[attr-defined]
    log = log_of(said)
    whole = a_replica(base / "whole")
    done, _ = whole.apply(log)
    whole.close()
    rest, again, sizes = log, [], itertools.cycle(cuts)
    while rest:
        size = next(sizes)
        parts = a_replica(base / "parts")
        again += parts.apply(rest[:size])[0]
        assert parts.seq == rest[:size][-1].seq
        parts.close()
        rest = rest[size:]
    if not log:
        a_replica(base / "parts").close()

    def plain(outcome: list[object] | Exception) -> object:
        return str(outcome) if isinstance(outcome, StoreError) else outcome

    assert [[plain(one) for one in entry.outcomes] for entry in done] == [
        [plain(one) for one in entry.outcomes] for entry in again
    ]
    assert [entry.number for entry in done] == [entry.number for entry in again]
    assert len(done) == len(said)
    assert content_of(base / "whole") == content_of(base / "parts")
