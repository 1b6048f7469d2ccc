"""How large a request may be. Each limit has its status: nothing is read past one."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request may carry.

    Over `path_chars_max` is a 414, over `headers_max` a 431, over `body_bytes_max` (inflated,
    where the body came compressed), `fields_max` (of a form) or `parts_max` (of a multipart
    body) a 413. A multipart body as a whole has `upload_bytes_max` instead, and the files in it
    are kept in memory up to `upload_memory_bytes_max` each, with its fields up to
    `body_bytes_max`. A query keeps its first `fields_max` fields, as Express does.
    """

    body_bytes_max: int = 10 * 1024 * 1024
    path_chars_max: int = 4096
    headers_max: int = 128
    fields_max: int = 1000
    parts_max: int = 128
    upload_bytes_max: int = 256 * 1024 * 1024
    upload_memory_bytes_max: int = 1024 * 1024


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What streamed answers may take of a worker; a time of 0 is none.

    `count_max` at a time, each with a thread. One that has no piece for `idle_s`, or takes over
    `total_s`, is cut; an event stream, whose client comes again, is ended.
    """

    count_max: int = 16
    idle_s: float = 300.0
    total_s: float = 3600.0
    heartbeat_s: float = 15.0
