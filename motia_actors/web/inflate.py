"""Undo a request body's Content-Encoding without ever holding more than its limit."""

from __future__ import annotations

import zlib

import falcon

_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": 15}
# Each member costs a copy of the rest, so a body of tiny members would cost time squared.
_MEMBERS_MAX = 8


def inflate(data: bytes, coding: str, *, bytes_max: int) -> bytes:
    """Decompress data, which came with this Content-Encoding.

    Raises:
        falcon.HTTPError: 415 unknown coding, 413 over bytes_max, 400 malformed or cut short.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return data
    if coding not in _WINDOW_BITS:
        raise falcon.HTTPUnsupportedMediaType(title=f"Unsupported content encoding {coding!r}")
    out = b""
    try:
        for _ in range(_MEMBERS_MAX):  # A gzip file may have several, each a stream of its own.
            stream = zlib.decompressobj(_WINDOW_BITS[coding])
            out += stream.decompress(data, bytes_max + 1 - len(out))
            if len(out) > bytes_max:
                raise falcon.HTTPContentTooLarge(title="Request body is too large")
            if not stream.eof:
                raise falcon.HTTPBadRequest(title="Compressed request body is cut short")
            if stream.unused_data and coding == "deflate":
                raise falcon.HTTPBadRequest(title="Malformed compressed request body")
            data = stream.unused_data
            if not data:
                return out
    except zlib.error as error:
        raise falcon.HTTPBadRequest(title="Malformed compressed request body") from error
    raise falcon.HTTPBadRequest(title="Compressed request body has too many members")
