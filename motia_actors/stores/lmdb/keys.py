"""How names become keys of a fixed width, and numbers become keys that sort as they do.

LMDB's keys end at 511 bytes and may not be empty, names are of any length: so a name is hashed,
and its full text stands in the record. Integers are big-endian and times are IEEE doubles,
which for times after 1970 sort as their bytes.
"""

from __future__ import annotations

import functools
import hashlib
import struct

NUMBER_MAX = b"\xff" * 8

counts = struct.Struct(">QQ")
_number = struct.Struct(">Q")
_time = struct.Struct(">d")
_length = struct.Struct(">I")


def to_bytes(text: str) -> bytes:
    """Write any text as bytes, a lone surrogate included."""
    return text.encode("utf-8", "surrogatepass")


def to_text(data: bytes) -> str:
    """Read what to_bytes wrote."""
    return data.decode("utf-8", "surrogatepass")


def name16(text: str) -> bytes:
    """Hash one name to 16 bytes."""
    return hashlib.blake2b(to_bytes(text), digest_size=16).digest()


@functools.lru_cache(maxsize=4096)  # A project has few steps, and each of them many events.
def step8(step: str) -> bytes:
    """Hash a step's id to 8 bytes: ids are the project's own, nobody hunts for collisions."""
    return hashlib.blake2b(to_bytes(step), digest_size=8).digest()


def pair16(first: str, second: str) -> bytes:
    """Hash two names to 16 bytes, so that ("a", "bc") and ("ab", "c") differ."""
    head = to_bytes(first)
    return hashlib.blake2b(
        _length.pack(len(head)) + head + to_bytes(second), digest_size=16
    ).digest()


def number(value: int) -> bytes:
    """Write a number from 0 on; bytes sort as numbers do."""
    return _number.pack(value)


def to_number(data: bytes) -> int:
    """Read what number wrote."""
    return int.from_bytes(data, "big")


def time(at_s: float) -> bytes:
    """Write a time; bytes sort as times do."""
    return _time.pack(max(0.0, at_s))


def to_time(data: bytes) -> float:
    """Read what time wrote."""
    value: float = _time.unpack(data)[0]
    return value


def named(text: str, value: bytes) -> bytes:
    """Put a full name before its value, in one record."""
    name = to_bytes(text)
    return _length.pack(len(name)) + name + value


def split_named(record: bytes) -> tuple[str, bytes]:
    """Take apart what named put together."""
    start = 4 + int.from_bytes(record[:4], "big")
    return to_text(record[4:start]), record[start:]


def value_of(record: bytes) -> bytes:
    """Read only the value of what named put together."""
    return record[4 + int.from_bytes(record[:4], "big") :]
