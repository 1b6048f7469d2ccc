"""What clients of one process hear, and what they can do to each other: nothing."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from motia_actors.clock import SystemClock
from motia_actors.live.limits import Allowance, LiveLimits
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.memory import MemoryStore
from tests.live.rig import Rig, Socket, settled, until

WAIT_S = 10.0


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(WAIT_S):
            await work()

    asyncio.run(within())


def item(number: int) -> dict[str, Any]:
    return {"n": number, "id": "a"}


def test_a_group_hears_its_items_and_an_item_its_own() -> None:
    async def work() -> None:
        rig = Rig()
        group, one = rig.client(), rig.client()
        group.join()
        one.join(id="a")
        await settled()

        rig.set("a", n=1)
        rig.set("b", n=2)
        rig.set("a", group="other", n=3)
        await settled()

        assert group.events[0] == {"type": "sync", "data": []}
        assert [event["data"]["n"] for event in group.events[1:]] == [1, 2]
        assert one.events == [{"type": "create", "data": item(1)}]

    run(work)


def test_two_clients_with_one_subscription_id_do_not_know_of_each_other() -> None:
    async def work() -> None:
        rig = Rig()
        first, second = rig.client(), rig.client()
        first.join(subscription="same")
        second.join(subscription="same")
        await settled()

        first.leave("same")
        rig.set("a", n=1)
        await settled()
        first.gone()
        rig.set("a", n=2)
        await settled()

        assert [event["type"] for event in first.events] == ["sync"]
        assert [event["type"] for event in second.events] == ["sync", "create", "update"]

    run(work)


def test_who_is_in_a_group_and_in_its_item_hears_each_change_once() -> None:
    async def work() -> None:
        rig = Rig()
        client = rig.client()
        client.join(subscription="group")
        client.join(subscription="item", id="a")
        await settled()

        rig.set("a", n=1)
        await settled()

        assert [event["type"] for event in client.events] == ["sync", "create"]

    run(work)


def test_nothing_is_missed_or_doubled_by_who_joins_during_writes() -> None:
    async def work() -> None:
        rig = Rig(MemoryStore(SystemClock()))
        clients: list[Socket] = []
        writer = threading.Thread(target=write, args=(rig, 2_000))
        writer.start()
        while writer.is_alive() or len(clients) < 50:
            if len(clients) < 50:
                clients.append(rig.client())
                clients[-1].join()
            await asyncio.sleep(0.001)
        writer.join()
        await until(lambda: all(view(client) == stored(rig) for client in clients))

        for client in clients:
            stamps = [message["timestamp"] for message in client.messages]
            assert stamps == sorted(stamps)
            assert len(set(stamps[1:])) == len(stamps[1:])
            numbers: dict[str, int] = {}
            for event in client.events[1:]:
                data = event["data"]
                assert data["n"] > numbers.get(data["id"], -1)
                numbers[data["id"]] = data["n"]

    run(work)


def write(rig: Rig, count: int) -> None:
    for number in range(count):
        rig.set(str(number % 7), n=number)


def stored(rig: Rig) -> dict[str, int]:
    items = [json.loads(data) for data in rig.store.streams.group("items", "room")]
    return {one["id"]: one["n"] for one in items}


def view(client: Socket) -> dict[str, int]:
    """What the client believes, as Motia's does."""
    seen: dict[str, int] = {}
    for event in client.events:
        if event["type"] == "sync":
            seen = {one["id"]: one["n"] for one in event["data"]}
        elif event["type"] in ("create", "update"):
            seen[event["data"]["id"]] = event["data"]["n"]
    return seen


@pytest.mark.parametrize("by", ["afterSeq", "afterTimestamp"])
def test_who_comes_back_gets_what_it_missed(by: str) -> None:
    async def work() -> None:
        rig = Rig()
        before = rig.client()
        before.join()
        await settled()
        rig.set("a", n=1)
        await settled()
        last = before.messages[-1]["seq" if by == "afterSeq" else "timestamp"]
        before.gone()
        rig.set("a", n=2)
        rig.set("a", group="other", n=3)
        rig.set("b", n=4)

        after = rig.client()
        after.join(**{by: last})
        await settled()
        rig.set("b", n=5)
        await settled()

        assert [event["data"]["n"] for event in after.events] == [2, 4, 5]
        assert [event["type"] for event in after.events] == ["update", "create", "update"]

    run(work)


@pytest.mark.parametrize("after", [{"afterSeq": 1}, {"afterTimestamp": 5}, {"afterSeq": 10**9}])
def test_who_missed_what_is_gone_gets_the_whole_again(after: dict[str, Any]) -> None:
    async def work() -> None:
        clock = SystemClock()
        rig = Rig(MemoryStore(clock, changes=RingLimits(count_max=3)))
        for number in range(6):
            rig.set("a", n=number)

        client = rig.client()
        client.join(**after)
        await settled()

        assert client.events == [{"type": "sync", "data": [item(5)]}]

    run(work)


@pytest.mark.parametrize(
    "said",
    [
        b"no json",
        b"[]",
        b"7",
        b'{"type":7}',
        b'{"data":{}}',
        b'{"type":"join"}',
        b'{"type":"join","data":{"streamName":"items"}}',
        b'{"type":"join","data":{"streamName":7,"groupId":"g"}}',
        b'{"type":"join","data":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b"[" * 60_000,
    ],
    ids=lambda said: said[:40].decode(),
)
def test_what_is_no_message_gets_an_error_and_the_next_one_is_heard(said: bytes) -> None:
    async def work() -> None:
        rig = Rig()
        client = rig.client()
        client.say(said)
        client.join()
        await settled()

        assert client.errors == ["BAD_MESSAGE"]
        assert client.events[-1] == {"type": "sync", "data": []}

    run(work)


def test_pings_of_the_workbench_are_answered_and_what_is_unknown_passed_over() -> None:
    async def work() -> None:
        rig = Rig()
        client = rig.client()
        client.say({"type": "ping", "timestamp": 7})
        client.say({"type": "hello", "data": 1})
        await settled()

        assert client.messages == [{"type": "pong", "timestamp": 7}]

    run(work)


def test_a_client_has_no_more_subscriptions_than_the_limit() -> None:
    async def work() -> None:
        rig = Rig(limits=LiveLimits(subscriptions_max=2))
        client = rig.client()
        for number in range(3):
            client.join(f"g{number}", f"s{number}")
        client.join("g1", "s1")
        await settled()
        client.leave("s0")
        client.join("g2", "s2")
        await settled()

        assert client.errors == ["TOO_MANY_SUBSCRIPTIONS"]
        synced = [one["groupId"] for one in client.messages if one["event"]["type"] == "sync"]
        assert synced == ["g0", "g1", "g1", "g2"]

    run(work)


def test_joins_past_the_rate_wait_for_their_turn() -> None:
    async def work() -> None:
        rig = Rig(limits=LiveLimits(joins_per_s_max=20))
        client = rig.client()
        begun_s = time.monotonic()
        for number in range(26):
            client.join(f"g{number}", f"s{number}")
        await until(lambda: len(client.messages) >= 20)
        at_once = len(client.messages)
        await until(lambda: len(client.messages) == 26)

        assert 20 <= at_once < 26
        assert time.monotonic() - begun_s >= 5 / 20

    run(work)


def test_an_allowance_fills_with_time_up_to_a_seconds_worth() -> None:
    allowance = Allowance(2, now_s=0.0)

    taken = [allowance.take(0.0), allowance.take(0.0), allowance.take(0.0), allowance.take(0.5)]
    later = [allowance.take(100.0), allowance.take(100.0), allowance.take(100.0)]

    assert taken == [0.0, 0.0, 0.5, 0.0]
    assert later == [0.0, 0.0, 0.5]


def test_who_may_not_hear_a_group_hears_nothing_of_it() -> None:
    async def work() -> None:
        rig = Rig(can_access=lambda subscription, _auth: subscription["groupId"] == "open")
        client = rig.client()
        client.join("shut", "1")
        client.join("open", "2")
        await settled()
        rig.set("a", group="shut", n=1)
        rig.set("a", group="open", n=2)
        await settled()

        assert client.errors == ["STREAM_ACCESS_DENIED"]
        assert [event["data"] for event in client.events[1:]] == [[], item(2)]

    run(work)


def test_who_leaves_costs_nothing_any_more() -> None:
    async def work() -> None:
        rig = Rig()
        client = rig.client()
        client.join()
        await settled()
        client.gone()
        rig.set("a", n=1)
        await settled()

        assert rig.live.count == 0
        assert rig.live.rooms._rooms == {}

    run(work)
