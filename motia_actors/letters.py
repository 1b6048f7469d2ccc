"""Dead letters for people: found by their step, shown as JSON, replayed and purged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from motia_actors.errors import UsageError
from motia_actors.messages import DeadLetter
from motia_actors.payload import decode, encode
from motia_actors.store import DeadPurge, DeadReplay, Store

COUNT_MAX = 1000


def find_step(text: str, ids: Iterable[str], names: Mapping[str, str] | None = None) -> str:
    """The id of the step that text means: its id, its name, or the name of its file.

    Args:
        text: What a person wrote.
        ids: Steps that the store knows.
        names: Names of the project's steps by id, where they are known.

    Raises:
        UsageError: it means none of them, or several.
    """
    known = sorted({*ids, *(names or {})})
    if text in known:
        return text
    meant = [one for one in known if (names or {}).get(one) == text]
    meant = meant or [one for one in known if one.rpartition("/")[2] == text]
    if len(meant) == 1:
        return meant[0]
    listed = ", ".join(meant or known)
    known_ones = f"known: {listed}" if listed else "none has dead letters"
    raise UsageError(f"step {text!r} is {'several' if meant else 'not known'}; {known_ones}")


def counts(store: Store) -> dict[str, int]:
    """How many dead letters each step has, of those that have any."""
    found = {step: store.events.depth(step).dead for step in store.events.steps()}
    return {step: dead for step, dead in found.items() if dead}


def listed(
    store: Store, step: str, *, count_max: int = 100, after_id: str | None = None
) -> list[dict[str, Any]]:
    """The step's dead letters, oldest first, from behind after_id on."""
    count_max = max(1, min(count_max, COUNT_MAX))
    return [
        shown(letter) for letter in store.events.dead(step, count_max=count_max, after_id=after_id)
    ]


def shown(letter: DeadLetter) -> dict[str, Any]:
    """The letter as JSON has it."""
    event = letter.event
    return {
        "id": letter.id,
        "step": letter.step,
        "topic": event.topic,
        "data": decode(event.data),
        "traceId": event.trace_id,
        "flows": list(event.flows),
        "messageGroupId": event.group_id,
        "attempts": letter.attempts,
        "error": letter.error,
        "stack": letter.stack,
        "putAt": _iso(letter.put_s),
        "diedAt": _iso(letter.died_s),
    }


def replay(store: Store, step: str, ids: Sequence[str] | None = None, *, data: object = ...) -> int:
    """Put letters back into the queue, all of the step where ids is None; answers how many.

    With data, which wants exactly one id, the event carries that instead of what it had.
    """
    edited = None if data is ... else encode(data)
    chosen = None if ids is None else tuple(ids)
    return store.write(DeadReplay(step=step, ids=chosen, data=edited))


def purge(store: Store, step: str, ids: Sequence[str] | None = None) -> int:
    """Forget letters, all of the step where ids is None; answers how many."""
    return store.write(DeadPurge(step=step, ids=None if ids is None else tuple(ids)))


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
