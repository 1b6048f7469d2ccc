"""Who changed something by a control endpoint: one record each, in the journal and in the log.

A record says who (the name of the token), what (method, path, and which step, key or letter the
body named), when, from where and how it ended. No value that was set is in it.
"""

from __future__ import annotations

import logging
from typing import Any

import falcon

from motia_actors.clock import Clock
from motia_actors.errors import MotiaError
from motia_actors.payload import encode
from motia_actors.store import JournalAppend, Store

logger = logging.getLogger("motia_actors")

KIND = "audit"
NAMED = "motia_actors.named"
"""Where in the environ an endpoint leaves what its body named."""
PLACES = ("topic", "step", "word", "stream", "group", "groupId", "key", "id", "ids", "traceId")
CHARS_MAX, IDS_MAX = 200, 20


def named_in(body: object) -> dict[str, Any]:
    """What a body is about, of bounded size; its data is left out."""
    if not isinstance(body, dict):
        return {}
    named: dict[str, Any] = {}
    for place in PLACES:
        match body.get(place):
            case str(text):
                named[place] = text[:CHARS_MAX]
            case list(items):
                named[place] = [one[:CHARS_MAX] for one in items[:IDS_MAX] if isinstance(one, str)]
                if len(items) > IDS_MAX:
                    named["count"] = len(items)
    return named


class Audit:
    """Keeps the records. Any thread may call it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def note(self, req: falcon.Request, *, who: str, status: int) -> None:
        """Record what req did, or tried to, and the status it got."""
        told = {
            "at": int(self._clock.now_s() * 1000),
            "who": who,
            "from": req.env.get("REMOTE_ADDR") or "unix socket",
            "method": req.method,
            "path": req.path[:CHARS_MAX],
            "named": req.env.get(NAMED, {}),
            "status": status,
        }
        logger.info("control action", extra={"fields": told})
        try:
            self._store.commit([JournalAppend(kind=KIND, record=encode(told))])
        except MotiaError:
            # What was done is done, and the line above has it.
            logger.exception("a control action is in the log alone; the journal takes none")
