"""Who may listen to live streams: the project's `streamAuth` and its streams' `canAccess`.

Both are the project's code: they run on threads of their own with a time limit, and whatever goes
wrong in them is a no.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec

from motia_actors.errors import TimeLimitError
from motia_actors.promise import Promise
from motia_actors.threads import allocate_lock, native_selector

logger = logging.getLogger("motia_actors")

T = TypeVar("T")
Submit = Callable[[Callable[[], Any]], Promise[Any]]

ANSWER_S_MAX = 10.0
ASKED_MAX = 64
"""Questions that may be under way at a time; one that hangs counts until it ends."""
WAITING_MAX = 20_000
"""Questions that may wait behind those: a client has one of its joins and one of its renewal."""
QUERY_NAMES = ("authToken", "token")


class RefusedError(Exception):
    """A connection is refused: `status` is the HTTP status line, retry_after_s 0 if it is final."""

    def __init__(self, status: str, message: str, *, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.status, self.retry_after_s = status, retry_after_s


def too_late() -> RefusedError:
    """The project's code has not answered within ANSWER_S_MAX."""
    return RefusedError("503 Service Unavailable", "no answer in time")


class Pass(msgspec.Struct, frozen=True):
    """What `authenticate` answered, and until when it holds (seconds since the epoch)."""

    context: Any = None
    expires_at_s: float | None = None


class AuthRequest(dict[str, Any]):
    """The handshake as `authenticate` sees it: `headers` (lower case), `url` and `token`.

    Keys are attributes as well.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Doorkeeper:
    """Asks the project's code.

    Args:
        submit: Runs a function on a thread that may block.
        origins: The pages that may connect: `*`, `off` for those of this host only, or a list.
        authenticate: Of the project's `streamAuth`, or None.
        broken: Why the project's configuration could not be read: then nobody is let in.
    """

    def __init__(
        self,
        submit: Submit,
        *,
        origins: str | tuple[str, ...] = "*",
        authenticate: Callable[[AuthRequest], Any] | None = None,
        broken: str = "",
    ) -> None:
        self._submit, self._authenticate, self._broken = submit, authenticate, broken
        self._origins = origins
        self._asked, self._lock = 0, allocate_lock()
        self._waiting: deque[_Question] = deque()

    def check_origin(self, environ: Mapping[str, Any]) -> None:
        """Let pass what is no browser, a page of this host, or one of the origins.

        Raises:
            RefusedError: a page of somebody else's.
        """
        origin = str(environ.get("HTTP_ORIGIN") or "").lower()
        if not origin or self._origins == "*":
            return
        host = str(environ.get("HTTP_HOST") or "").lower()
        if origin == f"{environ.get('wsgi.url_scheme', 'http')}://{host}":
            return
        if isinstance(self._origins, tuple) and origin in {
            one.rstrip("/").lower() for one in self._origins
        }:
            return
        raise RefusedError("403 Forbidden", "this origin may not connect; see MOTIA_CORS")

    def admit(self, request: AuthRequest) -> Pass:
        """Ask `authenticate`; blocks for up to ANSWER_S_MAX.

        Raises:
            RefusedError: it raised, took too long, or cannot be asked.
        """
        if self._broken:
            raise RefusedError("503 Service Unavailable", self._broken)
        authenticate = self._authenticate
        if authenticate is None:
            return Pass()
        promise = self._ask(lambda: _called(authenticate, request))
        if promise is None:
            raise RefusedError("503 Service Unavailable", "too many ask at once")
        try:
            context = promise.result(ANSWER_S_MAX)
        except TimeLimitError:
            logger.error("authenticate of streamAuth took over %g s", ANSWER_S_MAX)
            raise too_late() from None
        except RefusedError:
            raise
        except BaseException as error:  # noqa: BLE001 (boundary to user code)
            logger.info("authenticate of streamAuth refused: %s", _shown(error))
            raise RefusedError("401 Unauthorized", "Authentication failed") from None
        return Pass(context, expiry_of(context))

    def readmit(self, request: AuthRequest) -> Promise[Pass]:
        """Ask again, for a client that is served; does not block.

        Whoever waits sets a limit of ANSWER_S_MAX; whatever error comes is a no.
        """
        authenticate = self._authenticate
        if authenticate is None:
            return Promise.of(Pass())
        renewed: Promise[Pass] = Promise()

        def answered(one: Promise[Any]) -> None:
            if one.error is not None:
                renewed.set_error(one.error)
            else:
                renewed.set(Pass(one.result(), expiry_of(one.result())))

        asked = self._ask(lambda: _called(authenticate, request))
        if asked is None:
            return Promise.broken(RefusedError("503 Service Unavailable", "too many ask at once"))
        asked.on_done(answered)
        return renewed

    def may_access(
        self, handler: object, group: str, item_id: str | None, context: object
    ) -> Promise[bool]:
        """Ask a stream's `canAccess`; an error is a no. Does not block.

        Whoever waits sets a limit of ANSWER_S_MAX.
        """
        if not callable(handler):
            return Promise.of(False)
        subscription = {"groupId": group, **({"id": item_id} if item_id else {})}

        def ask() -> bool:
            try:
                return bool(_called(handler, subscription, context))
            except BaseException:  # boundary to user code, which may call sys.exit
                logger.exception("a stream's canAccess failed")
                return False

        return self._ask(ask) or Promise.of(False)

    def _ask(self, question: Callable[[], T]) -> Promise[T] | None:
        """Ask as soon as there is room; the promise fails with `too_late` where that is late.

        None where too many wait already.
        """
        one = _Question(question, until_s=time.monotonic() + ANSWER_S_MAX)
        with self._lock:
            is_room = self._asked < ASKED_MAX
            self._asked += is_room
            if not is_room and len(self._waiting) >= WAITING_MAX:
                logger.error("%d questions of streamAuth or canAccess wait", WAITING_MAX)
                return None
            if not is_room:
                self._waiting.append(one)
        if is_room:
            self._submit(one.ask).on_done(self._answered)
        return one.promise

    def _answered(self, _: Promise[Any]) -> None:
        late = []
        with self._lock:
            following = None
            while self._waiting and following is None:
                following = self._waiting.popleft()
                if time.monotonic() > following.until_s:
                    late.append(following)
                    following = None
            if following is None:
                self._asked -= 1
        for one in late:
            one.promise.set_error(too_late())
        if following is not None:
            self._submit(following.ask).on_done(self._answered)


class _Question:
    """What the project's code is asked, until when somebody waits for it, and its answer."""

    def __init__(self, question: Callable[[], Any], *, until_s: float) -> None:
        self._question, self.until_s = question, until_s
        self.promise: Promise[Any] = Promise()

    def ask(self) -> None:
        """Ask it, on a thread that may block."""
        try:
            answer = self._question()
        except BaseException as error:  # noqa: BLE001 (boundary to user code)
            self.promise.set_error(error)
        else:
            self.promise.set(answer)


def auth_request(environ: Mapping[str, Any]) -> AuthRequest:
    """The request of a handshake, with the token wherever a client can put one."""
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    query = str(environ.get("QUERY_STRING") or "")
    url = str(environ.get("RAW_URI") or f"{environ.get('PATH_INFO') or '/'}?{query}".rstrip("?"))
    return AuthRequest(headers=headers, url=url, token=_token(headers, query))


def _token(headers: Mapping[str, str], query: str) -> str | None:
    # A browser cannot set headers on a WebSocket: it offers the token as a second protocol.
    offered = [one.strip() for one in headers.get("sec-websocket-protocol", "").split(",")]
    if len(offered) == 2 and offered[0].lower() == "authorization":
        return offered[1]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if value:
        return value.strip() if scheme.lower() == "bearer" else None
    given = parse_qs(query, max_num_fields=100)
    return next((given[name][0] for name in QUERY_NAMES if name in given), None)


def expiry_of(context: object) -> float | None:
    """When a context ends: its `exp` in seconds since the epoch, or `expiresAt`, a time."""
    if not isinstance(context, Mapping):
        return None
    value = context.get("exp", context.get("expiresAt"))
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        # JavaScript counts milliseconds.
        return value / 1000 if value > 1e11 else float(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value.timestamp() if isinstance(value, datetime) else None


def _called(function: Callable[..., Any], *arguments: object) -> Any:
    answer = function(*arguments)
    return _waited(answer) if inspect.isawaitable(answer) else answer


def _waited(answer: Any) -> object:
    async def wait() -> object:
        return await answer

    loop = asyncio.SelectorEventLoop(native_selector())
    try:
        return loop.run_until_complete(wait())
    finally:
        loop.close()


def _shown(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 (boundary: `__str__` is the user's)
        return type(error).__name__
