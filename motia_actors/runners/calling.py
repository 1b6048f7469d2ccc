"""A handler that runs in a child process, whatever its language."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from motia_actors.errors import ChildDiedError, MissingExtraError, PayloadError, SettingsError
from motia_actors.messages import Call, Failed, Outcome, Returned
from motia_actors.pieces import Pieces
from motia_actors.promise import Promise
from motia_actors.runner import Effects, Handler
from motia_actors.runners import frames
from motia_actors.runners.child import Child
from motia_actors.runners.children import Children
from motia_actors.runners.failures import failed
from motia_actors.runners.waiting import wait_for
from motia_actors.threads import start_detached


class ChildHandler(Handler):
    """One step's handler and middleware, in whichever child has the least to do.

    Args:
        children: Which run it.
        file: What they are to run.
        version: How often it was read anew.
        describe: What of a call a child of this language is told, as fields of a frame.
        around: The file, and its version, whose middleware goes before the step's own.
    """

    is_async = True

    def __init__(
        self,
        children: Children,
        file: str,
        *,
        version: int = 0,
        describe: Callable[[Call], dict[str, object]],
        around: Mapping[str, object] | None = None,
    ) -> None:
        self.children, self.file, self._version = children, file, version
        self._describe, self._around = describe, around
        self._origin: ChildHandler | None = None

    def behind(self, config: str) -> ChildHandler:
        """The same handler, with the middleware of a config file of its language around its own."""
        handler = ChildHandler(
            self.children,
            self.file,
            version=self._version,
            describe=self._describe,
            around={"file": config, "version": 0},
        )
        # Children end when the handler that they were made for is let go of.
        handler._origin = self
        return handler

    def run(self, call: Call, effects: Effects) -> Outcome:
        """Call the handler and wait for it and for all its effects."""
        try:
            child, asked_id, answer = self._begin(call, effects)
            outcome = _outcome(answer.result(), child, asked_id)
        except Exception as error:  # noqa: BLE001 (boundary to user code)
            outcome = _broken(error)
        settled = effects.settle()
        with suppress(Exception):  # The child has told whoever awaited it.
            settled.result()
        return outcome

    async def run_async(self, call: Call, effects: Effects) -> Outcome:
        """Do the same on the running loop. Cancelling its task cancels the call in the child."""
        try:
            child, asked_id, answer = self._begin(call, effects)
        except Exception as error:  # noqa: BLE001 (boundary to user code)
            return _broken(error)
        try:
            outcome = _outcome(await wait_for(answer), child, asked_id)
        except asyncio.CancelledError:
            child.give_up(asked_id)
            raise
        except Exception as error:  # noqa: BLE001 (boundary to user code)
            outcome = _broken(error)
        settled = effects.settle()
        if not settled.is_done:
            with suppress(Exception):
                await wait_for(settled)
        return outcome

    def _begin(self, call: Call, effects: Effects) -> tuple[Child, int, Promise[frames.Frame]]:
        places = frames.bytes_places(call.input) if call.kind == "api" else None
        return self.children.ask(
            "call",
            file=self.file,
            effects=effects,
            version=self._version,
            kind=call.kind,
            traceId=call.trace_id,
            flows=call.flows,
            trigger=call.trigger,
            **self._describe(call),
            **({"bytes": places} if places else {}),
            **({"around": self._around} if self._around else {}),
        )


class ChildPieces(Pieces):
    """The body that a call in a child answers with, as it comes."""

    def __init__(self, child: Child, asked_id: int) -> None:
        self._child, self._asked_id = child, asked_id
        self._is_over = False

    def pull(self) -> Promise[bytes | None]:
        """Ask the child."""
        promise = self._child.pull(self._asked_id)
        promise.on_done(self._came)
        return promise

    def close(self) -> None:
        """Have the child end the call; nothing happens where it is over."""
        self._is_over = True
        self._child.give_up(self._asked_id)

    def __del__(self) -> None:
        """Middleware dropped the answer, or it came too late: nobody will close it."""
        if not self._is_over:
            # On a thread of its own: this one may hold any lock at this moment.
            with suppress(RuntimeError):  # No thread starts any more: the process ends.
                start_detached(self.close)

    def _came(self, promise: Promise[bytes | None]) -> None:
        self._is_over = promise.error is not None or promise.result() is None


def _outcome(frame: frames.Frame, child: Child, asked_id: int) -> Outcome:
    if frame.e is not None:
        return frames.failed(frame.e)
    if frame.s:
        return Returned({**frame.v, "body": ChildPieces(child, asked_id)})
    return Returned(frames.returned(frame))


def _broken(error: Exception) -> Failed:
    if isinstance(error, ChildDiedError):
        return Failed(kind="ChildDiedError", message=str(error), retry_after_s=error.retry_after_s)
    if isinstance(error, MissingExtraError | SettingsError | PayloadError):
        return Failed(kind=type(error).__name__, message=str(error))
    return failed(error)
