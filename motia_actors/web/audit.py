"""Who changed something by a control endpoint: one record each, in the journal and in the log.

A record says who (the name of the token), what (method, path, and which step, key or letter the
body named), when, from where and how it ended. No value that was set is in it.

What a token was refused for is recorded too, in a ring of its own, so that whoever guesses tokens
pushes no action out, and no more often than REFUSALS_AT_ONCE_MAX and one each REFUSAL_S: neither
the journal nor the log can be filled. The next record says how many were left out.
"""

from __future__ import annotations

import logging
from typing import Any, Literal

import falcon

from motia_actors.clock import Clock
from motia_actors.errors import MotiaError
from motia_actors.payload import decode, encode
from motia_actors.store import JournalAppend, Store
from motia_actors.threads import allocate_lock

logger = logging.getLogger("motia_actors")

_ACTIONS, _REFUSALS = "audit", "audit-refused"
NAMED = "motia_actors.named"
"""Where in the environ an endpoint leaves what its body named."""
PLACES = ("topic", "step", "word", "stream", "group", "groupId", "key", "id", "ids", "traceId")
CHARS_MAX, IDS_MAX = 200, 20
REFUSALS_AT_ONCE_MAX, REFUSAL_S = 20, 10.0
"""Of one worker."""

Reason = Literal["scope", "token"]
"""The token may not do it, or there is no such token."""


def newest(store: Store, *, count_max: int) -> list[dict[str, Any]]:
    """What was done and what was refused, newest first."""
    records = [
        decode(record)
        for kind in (_ACTIONS, _REFUSALS)
        for record in reversed(store.journal.tail(kind, count_max=count_max))
    ]
    return sorted(records, key=lambda told: -told["at"])[:count_max]


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
        self._lock = allocate_lock()
        # When all of REFUSALS_AT_ONCE_MAX may be recorded again, by the monotonic clock.
        self._full_s = clock.monotonic_s()
        self._left_out = 0

    def note(self, req: falcon.Request, *, who: str, status: int) -> None:
        """Record what req did, or tried to, and the status it got."""
        told = {"who": who, **_told(req), "named": req.env.get(NAMED, {}), "status": status}
        self._keep(_ACTIONS, "control action", told)

    def refuse(self, req: falcon.Request, *, who: str, status: int, reason: Reason) -> None:
        """Record that req was refused, unless too many were; `who` is empty for nobody known."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            full_s = max(self._full_s, now_s) + REFUSAL_S
            if full_s > now_s + REFUSALS_AT_ONCE_MAX * REFUSAL_S:
                self._left_out += 1
                return
            self._full_s, left_out, self._left_out = full_s, self._left_out, 0
        told = {"who": who, **_told(req), "status": status, "refused": reason, "leftOut": left_out}
        self._keep(_REFUSALS, "control action refused", told)

    def _keep(self, kind: str, message: str, told: dict[str, Any]) -> None:
        told = {"at": int(self._clock.now_s() * 1000), **told}
        logger.info(message, extra={"fields": told})
        try:
            self._store.commit([JournalAppend(kind=kind, record=encode(told))])
        except MotiaError:
            # What was done is done, and the line above has it.
            logger.exception("a control action is in the log alone; the journal takes none")


def _told(req: falcon.Request) -> dict[str, Any]:
    return {
        "from": req.env.get("REMOTE_ADDR") or "unix socket",
        "method": req.method,
        "path": req.path[:CHARS_MAX],
    }
