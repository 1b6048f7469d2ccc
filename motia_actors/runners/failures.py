"""Make an outcome of what a handler raised, with a stack that shows the user's frames."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from traceback import StackSummary, TracebackException

from motia_actors.errors import InvalidInputError, QueueFullError, StoreFullError
from motia_actors.messages import Failed

MESSAGE_CHARS_MAX = 8_192
STACK_CHARS_MAX = 16_384

# Frames of these say nothing to a step's author: this package, and the loop that runs a task.
_LOOP = Path(asyncio.__file__).parent
_HIDDEN = (
    f"{Path(__file__).parents[1]}{os.sep}",
    *(str(_LOOP / name) for name in ("base_events.py", "events.py", "runners.py")),
)

# No fault of the handler's: whoever asked may try again.
_NO_ROOM = (QueueFullError, StoreFullError)


class OutcomeError(Exception):
    """A handler in another process failed; raised in the middleware around it."""

    def __init__(self, outcome: Failed) -> None:
        super().__init__(f"{outcome.kind}: {outcome.message}")
        self.outcome = outcome


def failed(error: BaseException) -> Failed:
    """Describe error; never raises, whatever the error's own methods do."""
    if isinstance(error, OutcomeError):
        return error.outcome
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 (boundary: `__str__` is the user's)
        message = f"<{type(error).__name__} without text>"
    return Failed(
        kind=type(error).__name__,
        message=message[:MESSAGE_CHARS_MAX],
        stack=_stack(error),
        is_final=isinstance(error, InvalidInputError) and error.is_final,
        retry_after_s=error.retry_after_s if isinstance(error, _NO_ROOM) else None,
    )


def _stack(error: BaseException) -> str:
    try:
        described = TracebackException.from_exception(error)
        text = "".join(_without_ours(described).format())
    except Exception:  # noqa: BLE001 (boundary: formatting calls the user's methods)
        return ""
    # The end is where it broke.
    return text if len(text) <= STACK_CHARS_MAX else "…" + text[-STACK_CHARS_MAX + 1 :]


def _without_ours(described: TracebackException) -> TracebackException:
    link: TracebackException | None = described
    for _ in range(20):  # A longer chain is cut by STACK_CHARS_MAX anyhow.
        if link is None:
            break
        frames = [frame for frame in link.stack if not frame.filename.startswith(_HIDDEN)]
        link.stack = StackSummary.from_list(frames)
        link = link.__cause__ or link.__context__
    return described
