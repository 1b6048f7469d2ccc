"""How large a request may be. Each limit has its status: nothing is read past one."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request may carry.

    Over `path_chars_max` is a 414, over `headers_max` a 431, over `body_bytes_max` (inflated,
    where the body came compressed), `fields_max` (of a form) or `parts_max` (of a multipart
    body) a 413. A query keeps its first `fields_max` fields, as Express does.
    """

    body_bytes_max: int = 10 * 1024 * 1024
    path_chars_max: int = 4096
    headers_max: int = 128
    fields_max: int = 1000
    parts_max: int = 128
