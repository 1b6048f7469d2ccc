"""The WSGI environment of a request, as gunicorn makes it, in less time."""

from __future__ import annotations

import os
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

from gunicorn.config import Config
from gunicorn.http.errors import ConfigurationProblem
from gunicorn.http.wsgi import base_environ, proxy_environ

from motia_actors.web.heads import Head

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def base_of(cfg: Config, *, peer: object, own: object) -> dict[str, Any]:
    """What all requests of a connection have in common.

    peer and own are its addresses as the socket tells them: a text for unix sockets.
    """
    base = {**base_environ(cfg), "wsgi.multithread": True}
    base["SCRIPT_NAME"] = os.environ.get("SCRIPT_NAME", "")
    if isinstance(peer, tuple):
        base["REMOTE_ADDR"], base["REMOTE_PORT"] = peer[0], str(peer[1])
    else:
        base["REMOTE_ADDR"] = ""
    if isinstance(own, tuple):
        base["SERVER_NAME"], base["SERVER_PORT"] = own[0], str(own[1])
    return base


def environ_of(base: dict[str, Any], head: Head, body: BinaryIO, size: int) -> dict[str, Any]:
    """The environment of one request; size is that of body, once its coding is off.

    Raises:
        ConfigurationProblem: its path is not below SCRIPT_NAME.
    """
    environ = base.copy()
    script_name = base["SCRIPT_NAME"]
    for name, value in head.headers:
        if name == "CONTENT-TYPE":
            environ["CONTENT_TYPE"] = value
        elif name == "CONTENT-LENGTH":
            environ["CONTENT_LENGTH"] = value
        else:
            if name == "SCRIPT_NAME":
                script_name = value
            key = "HTTP_" + name.replace("-", "_")
            former = environ.get(key)
            environ[key] = value if former is None else f"{former},{value}"
    if head.chunks is not None:
        environ["CONTENT_LENGTH"] = str(size)
        del environ["HTTP_TRANSFER_ENCODING"]
    environ["wsgi.input"] = body
    environ["wsgi.url_scheme"] = head.scheme
    environ["REQUEST_METHOD"] = head.method
    environ["RAW_URI"] = head.uri
    environ["QUERY_STRING"] = head.query
    major, minor = head.version
    environ["SERVER_PROTOCOL"] = f"HTTP/{major}.{minor}"
    if "SERVER_NAME" not in environ:
        host, _, port = environ.get("HTTP_HOST", "").partition(":")
        environ["SERVER_NAME"] = host
        environ["SERVER_PORT"] = port or (_DEFAULT_PORTS[head.scheme] if host else "")
    path = head.path
    if script_name:
        if not path.startswith(script_name):
            raise ConfigurationProblem(f"Request path {path!r} does not start with SCRIPT_NAME")
        path = path[len(script_name) :]
    environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1") if "%" in path else path
    environ["SCRIPT_NAME"] = script_name
    if head.proxy_protocol_info:
        environ.update(proxy_environ(head))
    return environ
