"""Read a request's body by its Content-Type, within limits.

    application/json, …+json             the object or array       rawBody: text
    application/x-www-form-urlencoded    as `qs` reads it          rawBody: text
    text/plain                           the text                  rawBody: text
    multipart/form-data                  fields, files as objects  rawBody: ""
    other text, XML                      {}                        rawBody: text
    anything else                        {}                        rawBody: bytes
    no body                              {}                        rawBody: ""

Motia leaves rawBody empty for what it does not parse; here nothing that was sent is lost.
"""

from __future__ import annotations

import io
from typing import Any

import falcon

from motia_actors.errors import PayloadError
from motia_actors.payload import decode
from motia_actors.web.charsets import text_of
from motia_actors.web.inflate import inflate
from motia_actors.web.limits import Limits
from motia_actors.web.queries import parse_query
from motia_actors.web.uploads import Bounded, MultipartReader, Uploads

_READ_BYTES = 65536
_FORM_DEPTH_MAX = 32
_FORM_INDEX_MAX = 100
MULTIPART = "multipart/form-data"

Body = tuple[Any, str | bytes]


def read_body(environ: dict[str, Any], limits: Limits, uploads: Uploads | None = None) -> Body:
    """The parsed body and the raw one; uploads is where large files of a multipart body go.

    Raises:
        falcon.HTTPError: 400 malformed or cut short, 413 over a limit, 415 unknown encoding.
    """
    if not environ.get("CONTENT_LENGTH") and "HTTP_TRANSFER_ENCODING" not in environ:
        return {}, ""
    declared: str = environ.get("CONTENT_TYPE") or ""
    if (
        declared != "application/json"  # As most are, which is quick to see.
        and declared[:19].lower() == MULTIPART
        and "HTTP_CONTENT_ENCODING" not in environ
    ):
        return _multipart(environ, declared, limits, uploads), ""
    data = _read(environ, limits.body_bytes_max)
    if not data:
        return {}, ""
    coding = environ.get("HTTP_CONTENT_ENCODING")
    if coding:
        data = inflate(data, coding, bytes_max=limits.body_bytes_max)
        if not data:
            return {}, ""
    if declared == "application/json":
        return _json(data, "utf-8")
    media_type, options = falcon.parse_header(declared)
    media_type = media_type.strip().lower()
    charset = options.get("charset", "utf-8").strip().lower()
    return _parse(data, media_type, declared=declared, charset=charset, limits=limits)


def _parse(data: bytes, media_type: str, *, declared: str, charset: str, limits: Limits) -> Body:
    if media_type == "application/json" or media_type.endswith("+json"):
        return _json(data, charset)
    if media_type == "application/x-www-form-urlencoded":
        return _form(text_of(data, charset), limits)
    if media_type == "multipart/form-data":
        reader = MultipartReader({}, limits, None)
        return reader.read(io.BytesIO(data), declared, size=len(data)), ""
    if media_type == "text/plain":
        text = text_of(data, charset)
        return text, text
    if media_type.startswith("text/") or media_type.endswith(("/xml", "+xml", "/javascript")):
        return {}, text_of(data, charset)
    return {}, data


def _read(environ: dict[str, Any], bytes_max: int) -> bytes:
    size = _size(environ, bytes_max)
    if size is not None:
        data = _take(environ, size) if size else b""
        if len(data) < size:
            raise falcon.HTTPBadRequest(title="Request body is shorter than its Content-Length")
        return data
    data = _take(environ, bytes_max + 1)
    if len(data) > bytes_max:
        raise falcon.HTTPContentTooLarge(title="Request body is too large")
    return data


def _size(environ: dict[str, Any], bytes_max: int) -> int | None:
    declared = environ.get("CONTENT_LENGTH")
    if not declared:
        return None
    if not (declared.isascii() and declared.isdigit()):
        raise falcon.HTTPBadRequest(title="Malformed Content-Length")
    # Compared as text first: reading a number of a million digits takes its time.
    if len(declared.lstrip("0")) > 18 or int(declared) > bytes_max:
        raise falcon.HTTPContentTooLarge(title="Request body is too large")
    return int(declared)


def _multipart(
    environ: dict[str, Any], declared: str, limits: Limits, uploads: Uploads | None
) -> dict[str, Any]:
    bytes_max = limits.upload_bytes_max
    size = _size(environ, bytes_max)
    if size == 0:
        return {}
    stream = Bounded(environ["wsgi.input"], bytes_max)
    reader = MultipartReader(environ, limits, uploads)
    return reader.read(stream, declared, size=bytes_max + 1 if size is None else size)


def _take(environ: dict[str, Any], size: int) -> bytes:
    """Up to size bytes: fewer only where the client sent no more."""
    stream = environ["wsgi.input"]
    try:
        data: bytes = stream.read(min(size, _READ_BYTES))
        if len(data) == size or not data:
            return data
        parts, missing = [data], size - len(data)
        while missing and (data := stream.read(min(missing, _READ_BYTES))):
            parts.append(data)
            missing -= len(data)
    # Each server has its own errors for a client that broke off or chunked wrongly.
    except Exception as error:
        raise falcon.HTTPBadRequest(title="Request body could not be read") from error
    return b"".join(parts)


def _json(data: bytes, charset: str) -> Body:
    if charset not in ("utf-8", "utf8"):
        if not charset.startswith("utf-"):
            raise falcon.HTTPUnsupportedMediaType(title=f"Unsupported charset {charset!r}")
        data = text_of(data, charset).encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        value, raw = decode(data), data.decode()
    except (PayloadError, UnicodeDecodeError) as error:
        raise falcon.HTTPBadRequest(title=f"Invalid JSON body: {error}") from error
    if not isinstance(value, dict | list):
        raise falcon.HTTPBadRequest(title="Invalid JSON body: must be an object or an array")
    return value, raw


def _form(text: str, limits: Limits) -> Body:
    if text.count("&") >= limits.fields_max:
        raise falcon.HTTPContentTooLarge(title="Form has too many fields")
    try:
        value = parse_query(
            text,
            fields_max=limits.fields_max,
            depth_max=_FORM_DEPTH_MAX,
            index_max=_FORM_INDEX_MAX,
        )
    except ValueError as error:
        raise falcon.HTTPBadRequest(title=f"Invalid form body: {error}") from error
    return value, text
