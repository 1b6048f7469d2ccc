"""Takes the chunked coding off a request's body, however the bytes were split on the way.

As strict as gunicorn's own reader, and with its errors: what two readers could understand
differently is refused, since whatever follows it might be taken for another request.
"""

from __future__ import annotations

import re

from gunicorn.http.body import CHUNK_EXT_RE
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkExtension,
    InvalidChunkSize,
    InvalidHeader,
    LimitRequestHeaders,
)

_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")


class Chunks:
    """Decodes one body.

    Args:
        line_bytes_max: Of a line with a chunk's size.
        trailer_bytes_max: Of all trailers together.
    """

    def __init__(self, *, line_bytes_max: int, trailer_bytes_max: int) -> None:
        self._line_bytes_max, self._trailer_bytes_max = line_bytes_max, trailer_bytes_max
        self._left = 0
        self._is_last = False
        self.trailers = b""
        """The lines behind the last chunk, as they came."""
        self.is_complete = False

    def feed(self, buffer: bytearray) -> bytes:
        """Take what can be decoded off the front of buffer and return it.

        Raises:
            Exception: one of gunicorn's, for a body that is malformed.
        """
        parts: list[bytes] = []
        while buffer and not self.is_complete:
            if self._left > 2:
                part = bytes(buffer[: self._left - 2])
                del buffer[: len(part)]
                self._left -= len(part)
                parts.append(part)
            elif self._left:
                if not b"\r\n".startswith(bytes(buffer[:2])):
                    raise ChunkMissingTerminator(bytes(buffer[:2]))
                if len(buffer) < 2:
                    break
                del buffer[:2]
                self._left = 0
            elif not (self._end(buffer) if self._is_last else self._begin(buffer)):
                break
        return b"".join(parts)

    def _begin(self, buffer: bytearray) -> bool:
        end = buffer.find(b"\r\n", 0, self._line_bytes_max + 2)
        if end < 0:
            if len(buffer) > self._line_bytes_max:
                raise InvalidChunkSize(b"line over %d bytes" % self._line_bytes_max)
            return False
        line = bytes(buffer[:end])
        match = _SIZE.match(line)
        if match is None:
            raise InvalidChunkSize(line)
        rest = line[match.end() :]
        if rest and not CHUNK_EXT_RE.fullmatch(rest):
            # Blanks or digits that are none belong to the size; all else is an extension's.
            raise (InvalidChunkExtension if rest.lstrip()[:1] == b";" else InvalidChunkSize)(line)
        del buffer[: end + 2]
        size = int(match[0], 16)
        self._left, self._is_last = (size + 2 if size else 0), not size
        return True

    def _end(self, buffer: bytearray) -> bool:
        if buffer[:2] == b"\r\n":
            del buffer[:2]
            self.is_complete = True
            return True
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > self._trailer_bytes_max:
                raise LimitRequestHeaders("limit request trailer section size")
            if buffer.count(b"\n") != buffer.count(b"\r\n"):
                raise InvalidHeader("bare LF as line terminator")
            return False
        self.trailers = bytes(buffer[:end])
        del buffer[: end + 4]
        self.is_complete = True
        return True
