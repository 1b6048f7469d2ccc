"""What an operator changed about steps while they run: kept in the store, so every worker obeys.

An adjustment outlives its process: a step that was suspended by hand is still suspended after a
restart. It is one item of a stream of our own, one for each step and word, so that two operators
who change different things do not undo each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from motia_actors.errors import UsageError
from motia_actors.payload import decode, encode
from motia_actors.store import Store, StreamDelete, StreamSet

STREAM = "$motia.adjustments"
GROUP = "steps"

Word = Literal["mailboxSize", "concurrency", "suspended", "restarts", "paused"]
LIMITS: Mapping[str, tuple[int, int]] = {
    "mailboxSize": (1, 1_000_000),
    "concurrency": (1, 10_000),
}


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed about one step. None: as its config says.

    `restarts` counts how often somebody asked for a new start. `is_paused`: a cron step skips
    its slots; a run by hand is still possible.
    """

    mailbox_size_max: int | None = None
    concurrency: int | None = None
    is_suspended: bool = False
    is_paused: bool = False
    restarts: int = 0


NONE = Adjustment()


def read_adjustments(store: Store) -> dict[str, Adjustment]:
    """Those of all steps that have any, by step id. Any thread."""
    found: dict[str, dict[str, Any]] = {}
    for data in store.streams.group(STREAM, GROUP):
        item = decode(data)
        found.setdefault(item["step"], {})[item["word"]] = item["value"]
    return {step: _read(words) for step, words in found.items()}


def is_paused(store: Store, step: str) -> bool:
    """A cron step's slots are to be skipped."""
    data = store.streams.get(STREAM, GROUP, _item_id(step, "paused"))
    return data is not None and decode(data)["value"] is True


def adjust(store: Store, step: str, word: Word, value: int | bool | None) -> None:
    """Change one thing about a step; None: as its config says. Durable on return.

    Raises:
        UsageError: the value is out of its limits.
    """
    if value is None:
        store.write(StreamDelete(stream=STREAM, group=GROUP, item_id=_item_id(step, word)))
        return
    if word in LIMITS:
        low, high = LIMITS[word]
        if isinstance(value, bool) or not low <= value <= high:
            raise UsageError(f"{word} is {value!r}; it may be {low} to {high}")
    item_id = _item_id(step, word)
    data = encode({"id": item_id, "step": step, "word": word, "value": value})
    store.write(StreamSet(stream=STREAM, group=GROUP, item_id=item_id, data=data))


def _item_id(step: str, word: str) -> str:
    return f"{word}:{step}"


def _read(words: Mapping[str, Any]) -> Adjustment:
    return Adjustment(
        mailbox_size_max=words.get("mailboxSize"),
        concurrency=words.get("concurrency"),
        is_suspended=words.get("suspended", False),
        is_paused=words.get("paused", False),
        restarts=words.get("restarts", 0),
    )
