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
from falcon.media.multipart import BodyPart, MultipartFormHandler, MultipartParseOptions

from motia_actors.errors import PayloadError
from motia_actors.payload import decode
from motia_actors.web.inflate import inflate
from motia_actors.web.limits import Limits
from motia_actors.web.queries import add_value, parse_query

_READ_BYTES = 65536
_FORM_DEPTH_MAX = 32
_FORM_INDEX_MAX = 100
# Not every codec Python has: some are slow on purpose-made input, some are no charsets.
_CHARSETS = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii",
    "iso-8859-1": "latin-1", "latin1": "latin-1", "windows-1252": "cp1252",
    "utf-16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
}  # fmt: skip

Body = tuple[Any, str | bytes]


def read_body(environ: dict[str, Any], limits: Limits) -> Body:
    """The parsed body and the raw one.

    Raises:
        falcon.HTTPError: 400 malformed or cut short, 413 over a limit, 415 unknown encoding.
    """
    data = _read(environ, limits.body_bytes_max)
    if not data:
        return {}, ""
    coding = environ.get("HTTP_CONTENT_ENCODING")
    if coding:
        data = inflate(data, coding, bytes_max=limits.body_bytes_max)
        if not data:
            return {}, ""
    declared: str = environ.get("CONTENT_TYPE") or ""
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
        return _form(_text(data, charset), limits)
    if media_type == "multipart/form-data":
        return _multipart(data, declared, limits), ""
    if media_type == "text/plain":
        text = _text(data, charset)
        return text, text
    if media_type.startswith("text/") or media_type.endswith(("/xml", "+xml", "/javascript")):
        return {}, _text(data, charset)
    return {}, data


def _read(environ: dict[str, Any], bytes_max: int) -> bytes:
    declared = environ.get("CONTENT_LENGTH")
    if declared:
        if not (declared.isascii() and declared.isdigit()):
            raise falcon.HTTPBadRequest(title="Malformed Content-Length")
        # Compared as text first: reading a number of a million digits takes its time.
        if len(declared.lstrip("0")) > 18 or int(declared) > bytes_max:
            raise falcon.HTTPContentTooLarge(title="Request body is too large")
        size = int(declared)
        data = _take(environ, size) if size else b""
        if len(data) < size:
            raise falcon.HTTPBadRequest(title="Request body is shorter than its Content-Length")
        return data
    if "HTTP_TRANSFER_ENCODING" not in environ:
        return b""
    data = _take(environ, bytes_max + 1)
    if len(data) > bytes_max:
        raise falcon.HTTPContentTooLarge(title="Request body is too large")
    return data


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


def _text(data: bytes, charset: str) -> str:
    codec = _CHARSETS.get(charset)
    if codec is None:
        raise falcon.HTTPUnsupportedMediaType(title=f"Unsupported charset {charset!r}")
    return data.decode(codec, "replace").removeprefix("\ufeff")


def _json(data: bytes, charset: str) -> Body:
    if charset not in ("utf-8", "utf8"):
        if not charset.startswith("utf-"):
            raise falcon.HTTPUnsupportedMediaType(title=f"Unsupported charset {charset!r}")
        data = _text(data, charset).encode()
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


def _multipart(data: bytes, declared: str, limits: Limits) -> dict[str, Any]:
    options = MultipartParseOptions()
    options.max_body_part_buffer_size = limits.body_bytes_max
    options.max_body_part_count = limits.parts_max + 1
    handler = MultipartFormHandler(options)
    values: dict[str, Any] = {}
    try:
        form = handler.deserialize(io.BytesIO(data), declared, len(data))
        for count, part in enumerate(form, start=1):
            if count > limits.parts_max:
                raise falcon.HTTPContentTooLarge(title="Multipart body has too many parts")
            name, value = _part(part)
            add_value(values, name, value)
    except (ValueError, LookupError) as error:  # Part headers that are not even text.
        raise falcon.HTTPBadRequest(title="Malformed multipart body") from error
    return values


def _part(part: BodyPart) -> tuple[str, str | dict[str, Any]]:
    name = part.name
    if not name:
        raise falcon.HTTPBadRequest(title="A part of the multipart body has no name")
    data = part.get_data()
    if part.filename is None:
        charset = falcon.parse_header(part.content_type)[1].get("charset", "utf-8")
        return name, _text(data, charset.strip().lower())
    return name, {"filename": part.filename, "contentType": part.content_type, "data": data}
