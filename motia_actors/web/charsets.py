"""Text of a body in the character sets that clients may name."""

from __future__ import annotations

import falcon

# Not every codec Python has: some are slow on purpose-made input, some are no charsets.
_CHARSETS = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii",
    "iso-8859-1": "latin-1", "latin1": "latin-1", "windows-1252": "cp1252",
    "utf-16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
}  # fmt: skip


def text_of(data: bytes, charset: str) -> str:
    """The text, without its byte order mark; what is no text becomes U+FFFD.

    Raises:
        falcon.HTTPUnsupportedMediaType: the character set is not known.
    """
    codec = _CHARSETS.get(charset)
    if codec is None:
        raise falcon.HTTPUnsupportedMediaType(title=f"Unsupported charset {charset!r}")
    return data.decode(codec, "replace").removeprefix("\ufeff")
