"""The body of an answer that is made while it is sent: piece by piece, as they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod

from motia_actors.errors import UsageError
from motia_actors.promise import Promise

FORMS = "yield bytes or text; for events of a browser's EventSource, return events(…)"


class Pieces(ABC):
    """A source of pieces. Any thread may call; one pull at a time."""

    @abstractmethod
    def pull(self) -> Promise[bytes | None]:
        """Ask for the next piece; None is the end. Nothing is made before it is asked for."""

    @abstractmethod
    def close(self) -> None:
        """Nobody wants more: end what makes the pieces. Does not wait; twice does no harm."""


def piece_of(value: object) -> bytes:
    """What a handler's generator yielded, as bytes.

    Raises:
        UsageError: it is neither text nor bytes.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise UsageError(f"a streamed body yielded a {type(value).__name__}; {FORMS}")
