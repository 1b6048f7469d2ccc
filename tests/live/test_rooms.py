"""Whoever joins or falls behind, each view is the state: nothing is skipped in silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from motia_actors.clock import ManualClock, SystemClock
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.memory import MemoryStore
from motia_actors.web import rooms
from tests.live.rig import Rig, settled, until
from tests.live.test_clients import run


def before_each_snapshot(rig: Rig, act: Callable[[], None]) -> None:
    """Write between a join and its look at the store, as another process may."""
    reads = rig.store.streams
    snapshot = reads.snapshot

    def late(*place: Any) -> Any:
        act()
        return snapshot(*place)

    reads.snapshot = late  # type: ignore[method-assign,assignment]


def test_a_write_during_a_second_join_is_heard_by_all_who_were_there() -> None:
    async def work() -> None:
        rig = Rig()
        first, second = rig.client(), rig.client()
        first.join(subscription="1")
        second.join(subscription="1")
        await settled()
        rig.set("b", n=0)  # Else the second join would get what the first one got.
        await settled()
        before_each_snapshot(rig, lambda: rig.set("a", n=1))

        first.join(subscription="2")
        await settled()

        assert [event["type"] for event in first.events] == ["sync", "create", "create", "sync"]
        assert [event["type"] for event in second.events] == ["sync", "create", "create"]

    run(work)


def test_writes_without_end_do_not_keep_a_join_from_its_end() -> None:
    async def work() -> None:
        rig = Rig()
        count = iter(range(1_000))
        before_each_snapshot(rig, lambda: rig.set("a", n=next(count)))
        client = rig.client()

        client.join()
        await settled()
        rig.set("a", n=7)
        await settled()

        assert [event["type"] for event in client.events] == ["sync", "update"]
        assert next(count) == 1

    run(work)


def test_a_burst_in_one_millisecond_is_caught_up_with_by_the_timestamps_it_was_sent_with() -> None:
    async def work() -> None:
        rig = Rig(MemoryStore(ManualClock()))
        client = rig.client()
        client.join()
        await settled()
        for number in range(50):
            rig.set("a", n=number)
        await settled()
        told = client.messages[1:]

        for by, name in (("afterSeq", "seq"), ("afterTimestamp", "timestamp")):
            back = rig.client()
            back.join(**{by: told[24][name]})
            await settled()

            assert back.messages == told[25:]

    run(work)


def test_who_comes_back_after_more_bytes_than_are_kept_gets_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rooms, "MISSED_BYTES_MAX", 100)

    async def work() -> None:
        rig = Rig()
        first = rig.client()
        first.join()
        for number in range(9):
            rig.set("a", n=number, pad="x" * 30)
        await settled()

        client = rig.client()
        client.join(afterSeq=1)
        await settled()

        assert [event["type"] for event in client.events] == ["sync"]

    run(work)


def test_clients_of_a_worker_that_fell_behind_the_log_begin_anew() -> None:
    async def work() -> None:
        rig = Rig(MemoryStore(SystemClock(), changes=RingLimits(count_max=3)))
        client = rig.client()
        client.join()
        await settled()

        for number in range(5):  # No turn of the loop in between: two of them are gone.
            rig.set(str(number), n=number)
        await asyncio.sleep(0)
        await settled()

        assert not client.socket.is_open
        back = rig.client()
        back.join()
        await settled()
        assert len(back.events[0]["data"]) == 5

    run(work)


def test_a_join_that_had_to_wait_and_hundreds_behind_it_are_all_answered() -> None:
    async def work() -> None:
        rig = Rig()
        client = rig.client()
        answers: list[Callable[[str], None]] = []
        served = next(iter(rig.live._guests))
        ask = served._visit.ask  # type: ignore[attr-defined]
        served._visit.ask = lambda _place, answered: answers.append(answered)  # type: ignore[attr-defined]
        client.join("held", "held")
        served._visit.ask = ask  # type: ignore[attr-defined]
        for number in range(198):
            client.join(f"g{number}", f"s{number}")
        assert client.wire.sent == b""

        answers[0]("")
        await until(lambda: len(client.messages) == 199)

        assert [one["groupId"] for one in client.messages] == [
            "held",
            *[f"g{number}" for number in range(198)],
        ]

    run(work)


def test_a_kept_sync_is_sent_for_as_long_as_it_is_so() -> None:
    async def work() -> None:
        rig = Rig()
        rig.set("a", n=1)
        reads: list[None] = []
        before_each_snapshot(rig, lambda: reads.append(None))

        async def joined(**more: object) -> Any:
            client = rig.client()
            client.join(**more)  # type: ignore[arg-type]  # what a join has more of
            await settled()
            return client.events[0]["data"]

        first = [await joined(), await joined(), await joined(id="a"), await joined(id="a")]
        rig.set("a", group="other", n=5)
        after_another = await joined()
        read_count = len(reads)
        rig.set("a", n=2)
        changed = [await joined(), await joined(id="a")]

        one, two = {"n": 1, "id": "a"}, {"n": 2, "id": "a"}
        assert (first, after_another, read_count) == ([[one], [one], one, one], [one], 2)
        assert changed == [[two], two]

    run(work)


def test_syncs_are_kept_up_to_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "SYNC_BYTES_MAX", 1_000)

    async def work() -> None:
        rig = Rig()
        client = rig.client()
        for number in range(100):
            client.join(f"g{number}", f"s{number}")
        await until(lambda: len(client.messages) == 100)

        kept = rig.live.rooms._syncs
        assert 0 < rig.live.rooms._sync_bytes <= 1_000
        assert list(kept)[-1] == ("items", "g99", None)
        assert sum(len(frame.payload) for frame in kept.values()) == rig.live.rooms._sync_bytes

    run(work)


def test_a_burst_of_joins_lets_others_be_served_in_between() -> None:
    async def work() -> None:
        rig = Rig()
        crowd, honest = rig.client(), rig.client()
        for number in range(100):
            crowd.join(f"g{number}", f"s{number}")

        honest.join("quiet", "1")
        answered_before = len(crowd.messages)
        await until(lambda: len(crowd.messages) == 100)

        assert len(honest.messages) == 1
        assert answered_before < 5

    run(work)


def test_names_of_any_kind_are_groups_like_others() -> None:
    async def work() -> None:
        rig = Rig()
        client = rig.client()
        names = ["", "\x00", "x" * 20_000, "a/b", "🙂", "%2e"]
        for name in names:
            client.join(name, f"s{name}")
        client.say(b'{"type":"join","data":{"streamName":"items","groupId":"\\ud800"}}')
        await settled()

        assert [one["groupId"] for one in client.messages if one["event"]["type"] == "sync"] == (
            names
        )
        assert client.errors == ["BAD_MESSAGE"]
        assert json.loads(json.dumps(names)) == names

    run(work)
