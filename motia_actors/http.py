"""What an api step may return besides plain data: redirects, cookies, events. For step authors.

    from motia_actors.http import cookie, events, redirect

Each is a plain value: `redirect` and `events` make an answer, `cookie` a header's value.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import quote

from motia_actors.errors import UsageError
from motia_actors.payload import encode

EVENT_STREAM = "text/event-stream; charset=utf-8"
FIELDS = frozenset(("event", "data", "id", "retry"))
SameSite = Literal["Strict", "Lax", "None"]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BREAK = re.compile(r"\r\n|\r|\n")
# Left as they are in a Location: what a URI is made of, and escapes that are there already.
_URI = "!#$%&'()*+,/:;=?@[]~"
_REDIRECTS = (301, 302, 303, 307, 308)


def redirect(location: str, status: int = 302, *, cookies: Sequence[str] = ()) -> dict[str, Any]:
    """An answer that sends the client to location; 303 has it ask with GET.

    Raises:
        UsageError: status is no redirect, or location has control characters.
    """
    if status not in _REDIRECTS:
        raise UsageError(f"redirect with status {status}; write one of 301, 302, 303, 307, 308")
    if _CONTROL.search(location):
        raise UsageError(f"redirect to {location!r:.80}, which has control characters")
    headers: dict[str, Any] = {"location": quote(location, safe=_URI)}
    if cookies:
        headers["set-cookie"] = list(cookies)
    return {"status": status, "headers": headers}


def cookie(
    name: str,
    value: str,
    *,
    max_age: float | None = None,
    expires: datetime | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    http_only: bool = True,
    same_site: SameSite | None = "Lax",
) -> str:
    """A value for the header `set-cookie`; a list of them sets several.

    The value is percent-encoded, and decoded again in `req.cookies`. Scripts of the page cannot
    read it unless http_only is False. max_age, in seconds, 0 deletes the cookie.

    Raises:
        UsageError: the name, path or domain has characters that none may have, or same_site is
            `None` without secure, which browsers drop.
    """
    if not _TOKEN.fullmatch(name):
        raise UsageError(f"cookie name {name!r:.80} has characters that no name may have")
    if same_site == "None" and not secure:
        raise UsageError(f"cookie {name!r} is SameSite=None and not secure; write secure=True")
    parts = [f"{name}={quote(value, safe='')}"]
    for word, given in (("Path", path), ("Domain", domain)):
        if given is not None:
            if not _ATTRIBUTE.fullmatch(given):
                raise UsageError(
                    f"cookie {name!r}: {word} is {given!r:.80}; leave out ; and controls"
                )
            parts.append(f"{word}={given}")
    if max_age is not None:
        parts.append(f"Max-Age={int(max_age)}")
    if expires is not None:
        parts.append(f"Expires={format_datetime(expires.astimezone(UTC), usegmt=True)}")
    flags = (("Secure", secure), ("HttpOnly", http_only), (f"SameSite={same_site}", same_site))
    return "; ".join([*parts, *(word for word, is_set in flags if is_set)])


def events(
    source: Iterable[Any] | AsyncIterable[Any], *, headers: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An answer of Server-Sent Events: each value of source is one, sent when it is yielded.

    A dict of `data` and perhaps `event`, `id` and `retry` (milliseconds) is those fields; any
    other value is the data: text as it is, the rest as JSON.
    """
    body = _events_async(source) if isinstance(source, AsyncIterable) else _events(source)
    own = {"content-type": EVENT_STREAM, "cache-control": "no-store", "x-accel-buffering": "no"}
    return {"status": 200, "headers": {**own, **(headers or {})}, "body": body}


def event_of(value: object) -> bytes:
    """One event as it is sent.

    Raises:
        UsageError: `event` or `id` has a line break.
    """
    fields: Mapping[str, Any] = {"data": value}
    if isinstance(value, Mapping) and "data" in value and value.keys() <= FIELDS:
        fields = value
    lines = []
    for name in ("event", "id", "retry"):
        given = fields.get(name)
        if given is None:
            continue
        text = str(int(given)) if name == "retry" else str(given)
        if _CONTROL.search(text):
            raise UsageError(f"{name} of an event is {text!r:.80}, with control characters")
        lines.append(f"{name}: {text}")
    data = fields["data"]
    text = data if isinstance(data, str) else encode(data).decode()
    lines += [f"data: {line}" for line in _BREAK.split(text)]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


def _events(source: Iterable[Any]) -> Iterator[bytes]:
    iterator = iter(source)
    try:
        for value in iterator:
            yield event_of(value)
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


async def _events_async(source: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    iterator = aiter(source)
    try:
        async for value in iterator:
            yield event_of(value)
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()
