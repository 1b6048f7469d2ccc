"""A second process on the store: `python -m tests.stores.child FOLDER WORDS…` does as told.

It says `ready` once open, then obeys one word a line from standard input.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from motia_actors.clock import SystemClock
from motia_actors.messages import Wake
from motia_actors.store import Ack, StateIncrement, StateSet, Store, StreamSet
from motia_actors.stores.lmdb import LmdbStore
from tests.stores.driving import driven, lease, put
from tests.stores.hands import Hands

HANDS = Hands()


def say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def heard(wake: Wake) -> None:
    say(f"woken {','.join(wake.steps)} {','.join(wake.streams)}")


def obey(store: Store, word: str) -> None:
    match word.split():
        case ["put", event_id]:
            put(store, event_id)
            say("done")
        case ["lease"]:
            say(" ".join(one.event.id for one in lease(store, visibility_s=900.0)))
        case ["read"]:
            say((store.state.get("g", "k") or b"none").decode())
        case ["count", times]:
            for _ in range(int(times)):
                store.write(StateIncrement(group="g", key="k", by=b"1"))
            say("done")
        case ["end"]:
            for number in range(50):
                key, value = str(number), b'{"n":1}'
                store.write(StateSet(group="ends", key=key, value=value, ttl_s=60.0))
            say("done")
        case ["hold", name]:
            say(str(store.locks.try_hold(name)))
        case ["flood"]:
            for number in range(10**9):
                store.write(StateSet(group="flood", key=str(number), value=b"x" * 500))
                store.write(StreamSet(stream="s", group="g", item_id=str(number), data=b"1"))
                say(str(number))
        case ["take", count]:
            store.taker = HANDS
            store.write(StateSet(group="g", key="k", value=b"1"))
            for number in range(int(count)):
                put(store, str(number))
            say(" ".join(one.event.id for one in HANDS.taken))
        case ["finish", number]:
            store.write(Ack(delivery=HANDS.taken[int(number)]))
            say(number)
        case ["finish-with" | "finish-and-stop", number]:
            if word.startswith("finish-and-stop"):
                # The commit is the last that is done: the log does not hear of it.
                store._express.end = lambda _ended: None  # type: ignore[attr-defined]
            state = StateSet(group="g", key="f", value=b"1")
            store.commit([state, Ack(delivery=HANDS.taken[int(number)])]).result()
            say(number)
        case _:
            raise AssertionError(word)


def main() -> None:
    with driven(LmdbStore(Path(sys.argv[1]), SystemClock())) as store:
        store.notifier.listen(heard)
        say("ready")
        for line in sys.stdin:
            obey(store, line.strip())


if __name__ == "__main__":
    main()
