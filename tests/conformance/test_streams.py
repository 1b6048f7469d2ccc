"""What every store promises of streams."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from motia_actors.clock import ManualClock
from motia_actors.errors import InvalidInputError, PayloadTooLargeError
from motia_actors.messages import Change
from motia_actors.payload import decode
from motia_actors.store import (
    StateSet,
    Store,
    StreamDelete,
    StreamSend,
    StreamSet,
    StreamUpdate,
)
from tests.conformance.conftest import COUNT_MAX, VALUE_BYTES_MAX
from tests.stores.driving import WAIT_S


def keep(store: Store, item_id: str, data: bytes = b"1", group: str = "g") -> str:
    return store.write(StreamSet(stream="s", group=group, item_id=item_id, data=data))


def test_set_answers_whether_the_item_is_new(store: Store) -> None:
    assert keep(store, "i", b"1") == "create"
    assert keep(store, "i", b"2") == "update"
    assert store.streams.get("s", "g", "i") == b"2"


def update(store: Store, patch: bytes, check: Callable[[bytes], None] | None = None) -> object:
    write = StreamUpdate(stream="s", group="g", item_id="i", patch=patch, check=check)
    return store.write(write)


def test_an_update_puts_its_fields_over_the_items(store: Store) -> None:
    keep(store, "i", b'{"a":1,"b":{"c":2},"d":3}')

    answer = update(store, b'{"b":null,"d":{"e":4},"f":5}')

    expected = {"a": 1, "b": None, "d": {"e": 4}, "f": 5}
    assert decode(answer) == expected  # type: ignore[arg-type]  # bytes, as there was an item
    assert store.streams.get("s", "g", "i") == answer
    last = store.streams.changes(after_seq=0, count_max=9)[-1]
    assert (last.type, last.data) == ("update", answer)


@pytest.mark.parametrize("there", [None, b"[1]"])
def test_an_update_of_what_is_no_object_does_nothing(store: Store, there: bytes | None) -> None:
    if there is not None:
        keep(store, "i", there)
    seq = store.streams.last_seq()

    assert update(store, b'{"a":1}') is None

    assert store.streams.get("s", "g", "i") == there
    assert store.streams.last_seq() == seq


def test_an_updated_item_keeps_its_place(store: Store) -> None:
    keep(store, "i", b'{"n":1}')
    keep(store, "j", b'{"n":2}')
    update(store, b'{"n":3}')

    assert store.streams.group("s", "g") == [b'{"n":3}', b'{"n":2}']


def test_an_update_that_its_check_refuses_leaves_nothing_of_its_commit(store: Store) -> None:
    keep(store, "i", b'{"a":1}')
    seen: list[bytes] = []

    def check(data: bytes) -> None:
        seen.append(data)
        raise InvalidInputError("item", [("a", "is wrong")])

    refused = store.commit(
        [
            StateSet(group="g", key="k", value=b"1"),
            StreamUpdate(stream="s", group="g", item_id="i", patch=b'{"a":2}', check=check),
        ]
    )
    other = store.commit([StateSet(group="g", key="other", value=b"1")])

    with pytest.raises(InvalidInputError, match="is wrong"):
        refused.result(WAIT_S)
    assert other.result(WAIT_S) == [None]
    assert set(seen) == {b'{"a":2}'}
    assert store.state.get("g", "k") is None
    assert store.streams.get("s", "g", "i") == b'{"a":1}'


def test_updates_from_all_sides_lose_nothing_of_each_other(store: Store) -> None:
    keep(store, "i", b"{}")

    def work(name: int) -> None:
        for number in range(20):
            update(store, b'{"%d.%d":1}' % (name, number))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)

    item = store.streams.get("s", "g", "i")
    assert item is not None
    assert len(decode(item)) == 80


def test_items_keep_the_order_of_their_creation(store: Store) -> None:
    for item_id in ("c", "a", "b"):
        keep(store, item_id, item_id.encode())
    keep(store, "c", b"c2")

    assert store.streams.group("s", "g") == [b"c2", b"a", b"b"]


def test_an_item_made_again_is_the_newest(store: Store) -> None:
    for item_id in ("a", "b"):
        keep(store, item_id, item_id.encode())
    store.write(StreamDelete(stream="s", group="g", item_id="a"))
    keep(store, "a", b"a2")

    assert store.streams.group("s", "g") == [b"b", b"a2"]


def test_delete_answers_the_item_and_logs_only_where_there_was_one(store: Store) -> None:
    keep(store, "i", b"1")

    assert store.write(StreamDelete(stream="s", group="g", item_id="i")) == b"1"
    assert store.write(StreamDelete(stream="s", group="g", item_id="i")) is None
    assert store.streams.get("s", "g", "i") is None
    assert [c.type for c in store.streams.changes(after_seq=0, count_max=9)] == [
        "create",
        "delete",
    ]


def test_a_snapshot_is_of_one_moment_with_its_seq(store: Store) -> None:
    assert store.streams.snapshot("s", "g", None) == (0, [])
    keep(store, "i", b"1")
    keep(store, "j", b"2")
    keep(store, "k", b"3", group="other")

    assert store.streams.snapshot("s", "g", None) == (3, [b"1", b"2"])
    assert store.streams.snapshot("s", "g", "j") == (3, [b"2"])
    assert store.streams.snapshot("s", "g", "k") == (3, [])


def test_groups_and_streams_do_not_leak_into_each_other(store: Store) -> None:
    for stream, group in [("s", "a"), ("s", "ab"), ("sa", ""), ("s", "")]:
        data = f"{stream}/{group}".encode()
        store.write(StreamSet(stream=stream, group=group, item_id="", data=data))
    store.write(StreamDelete(stream="s", group="ab", item_id=""))

    assert store.streams.group("s", "a") == [b"s/a"]
    assert store.streams.groups("s", count_max=9) == ["", "a"]
    assert store.streams.groups("s", count_max=1) == [""]
    assert store.streams.groups("sa", count_max=9) == [""]


def test_a_change_tells_all_about_itself(store: Store, clock: ManualClock) -> None:
    store.write(StreamSend(stream="s", group="g", item_id=None, data=b"7"))

    expected = Change(
        seq=1,
        at_s=clock.now_s(),
        stream="s",
        group="g",
        item_id=None,
        type="event",
        data=b"7",
    )
    assert store.streams.changes(after_seq=0, count_max=9) == [expected]
    assert store.streams.group("s", "g") == []


def test_changes_are_read_on_from_a_seq(store: Store) -> None:
    assert store.streams.last_seq() == 0
    for number in range(4):
        keep(store, "i", b"%d" % number)

    later = store.streams.changes(after_seq=1, count_max=2)

    assert [(change.seq, change.data) for change in later] == [(2, b"1"), (3, b"2")]
    assert store.streams.last_seq() == 4
    assert store.streams.changes(after_seq=4, count_max=2) == []


def test_old_changes_are_dropped_past_the_limit(store: Store) -> None:
    for _ in range(COUNT_MAX + 2):
        keep(store, "i")

    seqs = [change.seq for change in store.streams.changes(after_seq=0, count_max=99)]

    assert seqs == list(range(3, COUNT_MAX + 3))


def test_an_item_and_a_sent_event_have_the_values_limit(store: Store) -> None:
    keep(store, "i", b"x" * VALUE_BYTES_MAX)

    with pytest.raises(PayloadTooLargeError):
        keep(store, "i", b"x" * (VALUE_BYTES_MAX + 1))
    too_large = StreamSend(stream="s", group="g", item_id=None, data=b"x" * (VALUE_BYTES_MAX + 1))
    with pytest.raises(PayloadTooLargeError):
        store.write(too_large)
    assert store.streams.last_seq() == 1
