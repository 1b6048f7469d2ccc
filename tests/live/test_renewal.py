"""A client's pass ends: it is renewed, what it allowed is asked again, or the client is closed."""

from __future__ import annotations

import time
from typing import Any, NoReturn

import pytest

from motia_actors.access import Pass
from tests.live.rig import Rig, settled, until
from tests.live.test_clients import run

SOON_S = 0.05


def ending_soon(context: object = None) -> Pass:
    return Pass(context, time.time() + SOON_S)


def test_a_renewed_pass_is_asked_for_each_place_and_what_it_allows_goes_on() -> None:
    async def work() -> None:
        seen: list[object] = []

        def can_access(subscription: Any, context: Any) -> bool:
            seen.append((subscription["groupId"], context["round"]))
            return bool(context["round"] == 1 or subscription["groupId"] == "kept")

        rig = Rig(can_access=can_access, authenticate=lambda _: {"round": 2})
        client = rig.client(ending_soon({"round": 1}))
        client.join("kept", "1")
        client.join("lost", "2")
        await until(lambda: len(seen) == 4)
        await settled()

        rig.set("a", group="lost", n=1)
        rig.set("a", group="kept", n=2)
        await settled()

        assert seen == [("kept", 1), ("lost", 1), ("kept", 2), ("lost", 2)]
        assert client.errors == ["STREAM_ACCESS_DENIED"]
        assert client.socket.is_open
        assert client.events[-1]["data"]["n"] == 2
        assert [one["data"] for one in client.events if one["type"] == "create"] == [
            {"n": 2, "id": "a"}
        ]

    run(work)


def refuse(_: object) -> NoReturn:
    raise PermissionError("the session is over")


@pytest.mark.parametrize(
    "authenticate",
    [refuse, lambda _: {"exp": time.time() - 1}],
    ids=["authenticate refuses", "what it answers has ended too"],
)
def test_a_pass_that_is_not_renewed_closes_the_client_with_1008(authenticate: Any) -> None:
    async def work() -> None:
        rig = Rig(authenticate=authenticate)
        client = rig.client(ending_soon())
        client.join()

        await until(lambda: not client.socket.is_open)

        assert client.close_code == 1008

    run(work)
