"""Export and import: what goes out comes in again, and a damaged dump changes nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motia_actors.clock import ManualClock
from motia_actors.errors import StoreCorruptError, StoreError, StoreFullError
from motia_actors.messages import Debounce, Event, Target
from motia_actors.store import Bury, EventCancel, EventPut, Lease, StateSet, StreamSet, Write
from motia_actors.stores.lmdb import LmdbStore
from motia_actors.stores.lmdb.check import check
from motia_actors.stores.lmdb.load import import_
from tests.stores.driving import an_event, driven, ids, lease, put
from tests.stores.filling import a_store, dump, filled, load

TEXTS = st.text(st.characters(), max_size=5) | st.sampled_from(["", "\ud800", "a\nb"])
VALUES = st.binary(max_size=30) | st.sampled_from([b"null", b'{"a": [1, "\xc3\xbc"]}', b" 1", b""])
EVENTS = st.builds(
    Event,
    id=TEXTS,
    topic=TEXTS,
    data=VALUES,
    trace_id=TEXTS,
    flows=st.tuples(TEXTS),
    group_id=st.sampled_from([None, "", "g"]),
)
TARGETS = st.builds(
    Target,
    step=st.sampled_from("abc"),
    delay_s=st.sampled_from([0.0, 0.0, 5.5]),
    is_fifo=st.booleans(),
)
WRITES: st.SearchStrategy[Write[object]] = st.one_of(
    st.builds(
        StateSet,
        group=TEXTS,
        key=TEXTS,
        value=VALUES,
        ttl_s=st.sampled_from([None, None, 0.5, 9.25, 1e9]),
    ),
    st.builds(StreamSet, stream=TEXTS, group=TEXTS, item_id=TEXTS, data=VALUES),
    st.builds(
        EventPut,
        event=EVENTS,
        targets=st.lists(TARGETS, max_size=3).map(tuple),
        dedupe_key=st.none() | TEXTS,
        not_before_s=st.sampled_from([None, None, 1.0, 2e9]),
    ),
    st.builds(Lease, step=st.sampled_from("abc"), count_max=st.just(2), visibility_s=st.just(9.0)),
)


def test_what_is_exported_is_what_an_import_makes(tmp_path: Path) -> None:
    before = dump(filled(tmp_path / "old"))

    load(tmp_path / "new", before)

    assert dump(tmp_path / "new") == before
    assert check(tmp_path / "new").findings == ()


@pytest.mark.slow
@given(writes=st.lists(WRITES, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_store_goes_out_and_comes_in_again(writes: list[Write[object]]) -> None:
    clock = ManualClock()
    with TemporaryDirectory() as folder:
        old, new = Path(folder, "old"), Path(folder, "new")
        with driven(LmdbStore(old, clock, unsafe_no_sync=True)) as store:
            for write in writes:
                answer = store.write(write)
                if isinstance(write, Lease) and isinstance(answer, list) and answer:
                    store.write(Bury(delivery=answer[0], error="x"))
                clock.advance(1.0)
        before = dump(old)

        load(new, before)

        assert dump(new) == before
        assert check(old).findings == check(new).findings == ()


def test_an_imported_store_goes_on_where_the_old_one_was(tmp_path: Path) -> None:
    load(tmp_path / "new", dump(filled(tmp_path / "old")))

    with driven(a_store(tmp_path / "new")) as store:
        leased = lease(store, count_max=20)
        assert ids(leased) == ["fifo0", "two"]
        assert [one.attempt for one in leased] == [2, 2]
        assert store.streams.group("s", "g") == [b"c", b"a", b"b"]
        assert store.state.get("g", "large") == b"x" * 50_000
        assert store.events.last_slot_s("tick") == 60.0
        assert [letter.error for letter in store.events.dead("doomed", count_max=9)] == [
            "it \ud800 broke"
        ]
        (letter,) = store.events.dead("doomed", count_max=9)
        assert letter.stack == "line 1\nline 2"
        assert store.write(EventCancel(event_id="later")) == 2
        again = EventPut(event=an_event("twice"), targets=(Target(step="x"),), dedupe_key="k")
        assert store.write(again) == "once"
        assert store.events.depth("ship").waiting == 1
        assert lease(store, step="ship") == []


def test_every_line_is_json_that_names_its_kind(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in dump(filled(tmp_path)).splitlines()]

    assert lines[0] == {"kind": "header", "format": "motia_actors", "version": 1}
    assert {line["kind"] for line in lines} == {
        *("header", "state", "item", "delivery", "dead", "slot", "dedupe", "record", "end")
    }
    assert sum(lines[-1]["counts"].values()) == len(lines) - 2


def test_a_folder_that_holds_something_is_only_merged_into(tmp_path: Path) -> None:
    lines = dump(filled(tmp_path / "old"))
    with driven(a_store(tmp_path / "new")) as store:
        store.write(StateSet(group="mine", key="k", value=b"1"))
        put(store, "mine")

    with pytest.raises(StoreError, match=r"holds .* state"):
        load(tmp_path / "new", lines)
    load(tmp_path / "new", lines, is_merge=True)

    assert check(tmp_path / "new").findings == ()
    with driven(a_store(tmp_path / "new")) as store:
        assert store.state.get("mine", "k") == b"1"
        assert store.state.get("g", "g") == b'{"a":1}'
        assert "mine" in ids(lease(store, count_max=20))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda lines: lines[:-1], "cut off"),
        (lambda lines: lines[1:], "no header"),
        (lambda lines: [*lines[:2], b"{nonsense\n", *lines[3:]], "line 3 "),
        (lambda lines: [*lines[:2], *lines[3:]], "lines, not"),
        (lambda lines: [*lines, lines[1]], "after the end"),
        (lambda lines: [lines[0], lines[0], *lines[1:]], "second header"),
        (lambda lines: [lines[0].replace(b"1", b"2"), *lines[1:]], "version 2"),
        (lambda _: [], "cut off"),
    ],
)
def test_a_damaged_dump_is_refused_and_nothing_of_it_taken(
    tmp_path: Path, damage: object, reason: str
) -> None:
    assert callable(damage)
    lines = dump(filled(tmp_path / "old")).splitlines(keepends=True)

    with pytest.raises(StoreCorruptError, match=reason):
        load(tmp_path / "new", b"".join(damage(lines)))

    with driven(a_store(tmp_path / "new")) as store:
        assert store.state.items(count_max=9) == []
        assert store.events.steps() == []


@pytest.mark.slow
def test_a_dump_without_room_is_refused_whole(tmp_path: Path) -> None:
    with driven(a_store(tmp_path / "old")) as store:
        for number in range(20):
            store.write(StateSet(group="g", key=str(number), value=b"x" * 2**22))
    lines = dump(tmp_path / "old")

    with pytest.raises(StoreFullError):
        import_(tmp_path / "new", io.BytesIO(lines), bytes_max=2**20)

    assert check(tmp_path / "new").findings == ()


def test_nothing_is_imported_into_a_store_in_use(tmp_path: Path) -> None:
    lines = dump(filled(tmp_path / "old"))

    with driven(a_store(tmp_path / "new")), pytest.raises(StoreError, match="in use"):
        load(tmp_path / "new", lines)


def test_a_burst_goes_on_in_the_store_it_was_moved_to(tmp_path: Path) -> None:
    last = (Target(step="index", debounce=Debounce(wait_s=3600.0)),)
    with driven(a_store(tmp_path / "old")) as store:
        store.write(EventPut(event=an_event("1"), targets=last))
    load(tmp_path / "new", dump(tmp_path / "old"))

    with driven(a_store(tmp_path / "new")) as store:
        store.write(EventPut(event=an_event("2"), targets=last))

        assert store.events.depth("index").waiting == 1
        assert store.write(EventCancel(event_id="1")) == 0
    assert check(tmp_path / "new").findings == ()
