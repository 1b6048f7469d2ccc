"""Asks the control endpoints of a running server, for the command line."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from motia_actors.errors import PayloadError, UsageError
from motia_actors.payload import decode, encode

ANSWER_S_MAX = 30.0


class ControlClient:
    """One server, by its address, such as `http://127.0.0.1:3000`; makes a connection a question.

    Args:
        url: Of its root.
        token: Its MOTIA_CONTROL_TOKEN; empty: it runs in `dev`, on this machine.

    Raises:
        UsageError: url is no address.
    """

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        try:
            self._port, self._host = parts.port, parts.hostname
        except ValueError as error:
            raise UsageError(f"{url!r} is no address: {error}") from error
        if parts.scheme not in ("http", "https") or not self._host:
            raise UsageError(f"{url!r} is no address; write http://127.0.0.1:3000")
        self._is_tls = parts.scheme == "https"
        self._root, self._url = parts.path.rstrip("/"), url
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def get(self, *path: str, **query: object) -> Any:
        """Ask; parts of path are escaped, and what is None or empty in query left out."""
        given = {name: value for name, value in query.items() if value not in (None, "")}
        text = "/".join(quote(part, safe="") for part in path)
        return self._ask("GET", f"/{text}" + (f"?{urlencode(given)}" if given else ""), None)

    def post(self, *path: str, body: Mapping[str, object]) -> Any:
        """Ask with a body."""
        return self._ask("POST", f"/{'/'.join(path)}", encode(body))

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        """Answer the JSON value.

        Raises:
            UsageError: nobody answers there, or not what was asked for.
        """
        kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
        assert self._host is not None
        connection = kind(self._host, self._port, timeout=ANSWER_S_MAX)
        headers = {**self._headers, **({"content-type": "application/json"} if body else {})}
        try:
            connection.request(method, self._root + path, body, headers)
            answer = connection.getresponse()
            status, data = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise UsageError(
                f"no server answers at {self._url}: {error}; start it, or say --url"
            ) from error
        finally:
            connection.close()
        try:
            value = decode(data) if data else None
        except PayloadError as error:
            raise UsageError(f"{self._url}{path} answered {status}, not in JSON") from error
        if status >= 400:
            reason = value.get("error", "") if isinstance(value, dict) else ""
            raise UsageError(f"{self._url}{path} answered {status}: {reason}")
        return value
