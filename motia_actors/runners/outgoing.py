"""The streamed bodies of a Python child: kept until their last piece went to the parent."""

from __future__ import annotations

import base64
from collections.abc import Callable

from motia_actors.messages import Outcome, Returned
from motia_actors.pieces import Pieces
from motia_actors.promise import Promise
from motia_actors.runners import frames
from motia_actors.threads import allocate_lock


class OutgoingBodies:
    """Bodies by the id of their call. Any thread may call."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send, self._guard = send, allocate_lock()
        self._bodies: dict[int, Pieces] = {}

    def keep(self, call_id: int, outcome: Outcome) -> tuple[Outcome, bool]:
        """The outcome as it crosses; True where its body stays here, to be pulled."""
        value = outcome.value if isinstance(outcome, Returned) else None
        body = value.get("body") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(body, Pieces):
            return outcome, False
        with self._guard:
            self._bodies[call_id] = body
        return Returned({**value, "body": None}), True

    def pull(self, call_id: int) -> None:
        """Send the next piece once it is made."""
        with self._guard:
            body = self._bodies.get(call_id)
        if body is None:
            self._send(frames.write("piece", id=call_id))
        else:
            body.pull().on_done(lambda promise: self._tell(call_id, promise))

    def close(self, call_id: int) -> bool:
        """Let go of a body that nobody wants; False where there is none."""
        with self._guard:
            body = self._bodies.pop(call_id, None)
        if body is None:
            return False
        body.close()
        self._send(frames.write("gone", id=call_id))
        return True

    def _tell(self, call_id: int, promise: Promise[bytes | None]) -> None:
        error = promise.error
        piece = None if error is not None else promise.result()
        if piece is not None:
            self._send(frames.write("piece", id=call_id, b=base64.b64encode(piece).decode()))
            return
        with self._guard:
            self._bodies.pop(call_id, None)
        told = {} if error is None else {"e": frames.told(error)}
        self._send(frames.write("piece", id=call_id, **told))
