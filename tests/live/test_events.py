"""Event streams on a wire that the test holds."""

from __future__ import annotations

import asyncio

from motia_actors.access import AuthRequest, Pass
from motia_actors.live.events import TYPE, EventClient
from motia_actors.live.limits import LiveLimits
from tests.live.rig import Rig, settled
from tests.live.test_clients import run
from tests.web.test_sockets import Wire


class Stream:
    """One event stream of a group."""

    def __init__(self, rig: Rig) -> None:
        self.wire = Wire()
        place = "items", "room", None
        self.client = EventClient(rig.live, place, AuthRequest(), Pass(), after_seq=None)
        self.client.connection_made(self.wire)

    @property
    def ids(self) -> list[int]:
        lines = self.wire.sent.decode().splitlines()
        return [int(line[4:]) for line in lines if line.startswith("id: ")]


def test_a_stream_that_was_too_slow_ends_before_the_gap() -> None:
    async def work() -> None:
        rig = Rig(limits=LiveLimits(queue_bytes_max=1_000))
        stream = Stream(rig)
        rig.set("first", n=1)
        await settled()
        stream.client.pause_writing()
        for number in range(20):
            rig.set(str(number), n=number, pad="x" * 100)
        await settled()

        # It reads again while the connection is closing.
        stream.client.resume_writing()
        rig.set("last", n=2)
        await settled()

        assert stream.wire.is_closed
        assert stream.ids == [0, 1]

    run(work)


def test_a_stream_that_is_closed_is_cut_in_time_whatever_is_written_meanwhile() -> None:
    async def work() -> None:
        rig = Rig(limits=LiveLimits(queue_bytes_max=100))
        stream = Stream(rig)
        stream.client.pause_writing()
        rig.set("a", pad="x" * 200)
        await settled()
        timer = stream.client._timer

        rig.set("b", pad="x" * 200)
        await settled()

        assert stream.wire.is_closed
        assert stream.client._timer is timer
        assert isinstance(timer, asyncio.TimerHandle)
        assert not timer.cancelled()

    run(work)


def test_a_sign_of_life_takes_no_items_place() -> None:
    async def work() -> None:
        rig = Rig()
        rig.set(TYPE, n=1)
        stream = Stream(rig)
        stream.client.pause_writing()
        rig.set(TYPE, n=2)
        await settled()
        stream.client._keep_alive()

        stream.client.resume_writing()

        assert stream.ids == [1, 2]

    run(work)
