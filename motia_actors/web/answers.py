"""The response as the rest of `web` fills it, and the shape of every error.

Errors are JSON, `{"error": "…"}`, and say nothing about the inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import falcon
import msgspec

from motia_actors.errors import (
    ActorError,
    MailboxFullError,
    MotiaError,
    QueueFullError,
    StepSuspendedError,
    StoppingError,
    StoreError,
    StoreFullError,
    TimeLimitError,
)
from motia_actors.messages import Trace
from motia_actors.payload import encode

T = TypeVar("T")


class Asked(msgspec.Struct, frozen=True):
    """A request for a step, from its begin to its answer."""

    trace: Trace
    """Its own span."""
    parent: str | None
    trace_id: str
    step: str
    route: str
    begun_s: float


JSON = "application/json; charset=utf-8"
INTERNAL_ERROR = "Internal server error"
NO_ROOM = "The server cannot take the request now"


class Offload(Protocol):
    """Runs work that blocks where it holds up nobody, such as a pool of threads."""

    def __call__(self, work: Callable[[], T], /) -> T:
        """Wait for the work; answer or raise what it does."""
        ...


class Log(Protocol):
    """Takes a line of the log: level is debug, info, warn or error."""

    def __call__(self, level: str, message: str, /, **fields: object) -> None:
        """Log it; must not raise."""
        ...


class Response(falcon.Response):
    """Falcon's response, filled in one go instead of header by header."""

    asked: Asked | None = None
    """The request that a step was asked with, once one is."""

    def fill(
        self,
        status: int,
        headers: dict[str, str],
        data: bytes,
        *,
        cookies: Sequence[str] = (),
    ) -> None:
        """Answer this. Header names are lower case; the dict becomes the response's own."""
        self.status = status
        self._headers = headers
        self.data = data
        if cookies:
            self._extra_headers = [("set-cookie", cookie) for cookie in cookies]

    def fill_pieces(self, pieces: Iterable[bytes]) -> None:
        """Send these in the place of the data that it was filled with; the server closes them."""
        self.data = None
        self.stream = pieces

    def fill_json(self, status: int, value: object, headers: Mapping[str, str] = {}) -> None:
        """Answer value as JSON."""
        self.fill(status, {"content-type": JSON, **headers}, encode(value))

    def add_missing(self, headers: Mapping[str, str]) -> None:
        """Set those of headers that are not set; names are lower case."""
        self._headers = {**headers, **self._headers}


class Endpoint(Protocol):
    """Answers the requests of a route."""

    def __call__(self, req: falcon.Request, resp: Response, params: dict[str, str], /) -> None:
        """Fill resp, or raise."""
        ...


def fault_of(error: MotiaError) -> tuple[int, str, dict[str, str]]:
    """The status, text and headers that tell a client of error."""
    match error:
        case TimeLimitError():
            return 504, "The step did not answer in time", {}
        case MailboxFullError() | StepSuspendedError():
            return 503, "The step cannot take the request now", retry_after(error.retry_after_s)
        case StoppingError() | StoreFullError() | QueueFullError():
            return 503, NO_ROOM, retry_after(error.retry_after_s)
        case ActorError() | StoreError():
            return 503, "The step could not answer", retry_after(1.0)
    return 500, INTERNAL_ERROR, {}


def retry_after(after_s: float) -> dict[str, str]:
    """The header that says when to try again."""
    # Whole seconds, as the header wants them; zero would ask for the same again at once.
    return {"retry-after": str(max(1, math.ceil(after_s)) if math.isfinite(after_s) else 60)}


def on_http_error(_req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    """Serialize what falcon or we raise as an HTTP status."""
    resp.data = encode({"error": error.description or error.title or error.status})
    resp.content_type = JSON
