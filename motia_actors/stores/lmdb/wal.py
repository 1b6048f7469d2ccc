"""A write-ahead log of one process: what is appended to it is on disk after one flush.

The file has a few regions, which are written one after the other and round again. A region begins
with its epoch, and each record has a checksum of the epoch and itself: what the region held before
does not pass, so a read ends where the last append ended, or was torn by a power cut. A torn
record was never promised to anybody.

All is written over what is there already, after the first use: a flush has no metadata to keep.
Where the file system allows it, writes pass the kernel's cache by, in whole blocks: one that is not
full is written again with what is appended next, so that each byte of it only stays as it was.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

REGIONS = 4
REGION_BYTES = 2**20
_MAGIC = b"motiawal"
_header = struct.Struct(">8sQI")  # Magic, epoch, bytes of a region.
_record = struct.Struct(">II")
_SUFFIX = ".wal"
_name = re.compile(rf"[0-9a-f]{{16}}{re.escape(_SUFFIX)}").fullmatch
_AND_FLUSH: int = getattr(os, "RWF_DSYNC", 0)  # Linux has it.
_DIRECT: int = getattr(os, "O_DIRECT", 0)  # Likewise.
BLOCK_BYTES = 4096
"""No disk wants larger ones."""


class Wal:
    """The log of this process. One thread at a time appends.

    Args:
        folder: Where the logs of all processes are.
        is_synced: Whether an append waits for the disk.
    """

    def __init__(self, folder: Path, *, is_synced: bool) -> None:
        self.epoch = 0
        """Of the region that is written to; the first is 1."""
        self._folder, self._is_synced, self._region_bytes = folder, is_synced, REGION_BYTES
        self._path = folder
        self._file = -1
        self._at = self._end = 0
        self._region: memoryview | None = None
        """What the region holds, at the addresses that the disk wants, where writes are direct."""

    def open(self, owner: bytes) -> None:
        """Be the log of owner; the file is made at the first append."""
        self.abandon()  # It may be open still: the close before this failed.
        self.epoch = self._at = self._end = 0
        self._path = path_of(self._folder, owner)

    def turn(self) -> None:
        """Write to the next region from now on: all that it held is given up.

        Raises:
            OSError: there is no room on the disk for the file.
        """
        if self._file < 0:
            self._make()
        # Nothing fits as long as its header is not there.
        self._end = 0
        self._at = self.epoch % REGIONS * self._region_bytes
        self.epoch += 1
        start = self._at
        self._write(_header.pack(_MAGIC, self.epoch, self._region_bytes))
        self._end = start + self._region_bytes

    def append(self, records: Sequence[bytes]) -> bool:
        """Write records and wait until they are on disk; False where the region has no room.

        Raises:
            OSError: they may be there or not; the log is not to be used any more.
        """
        seed = self.epoch & 0xFFFFFFFF
        parts: list[bytes] = []
        for record in records:
            parts += _record.pack(len(record), zlib.crc32(record, seed)), record
        data = b"".join(parts)
        if self._at + len(data) > self._end:
            return False
        self._write(data)
        return True

    def close(self) -> None:
        """Remove it: nothing in it is needed any more."""
        if self._file >= 0:
            self.remove(self._path)
        self.abandon()

    def remove(self, path: Path) -> None:
        """Remove a log, this one or one beside it; it is gone on disk too.

        What says in the store that its deliveries ended may be forgotten afterwards.
        """
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            if self._is_synced:
                flush(self._folder)

    def abandon(self) -> None:
        """Let go of it, and leave it to whoever frees what dead processes held."""
        file, self._file = self._file, -1
        self._region = None
        if file >= 0:
            os.close(file)

    def _make(self) -> None:
        """Fill a new file once, so that all later writes find their blocks there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        try:
            for region in range(REGIONS):
                _write_whole(file, bytes(self._region_bytes), region * self._region_bytes)
            if self._is_synced:
                os.fsync(file)
                flush(self._folder)
                flush(self._folder.parent)
                if self._region_bytes % BLOCK_BYTES == 0:
                    self._region = _direct(file, self._region_bytes)
        except BaseException:
            os.close(file)
            self._path.unlink(missing_ok=True)
            raise
        self._file = file

    def _write(self, data: bytes) -> None:
        size_bytes = len(data)
        begin, end = self._at, self._at + size_bytes
        if self._region is None:
            _write_whole(self._file, data, begin, is_flushed=self._is_synced)
        else:
            # What follows is what some other region held, which passes for nothing here.
            offset = begin % self._region_bytes
            self._region[offset : offset + size_bytes] = data
            first, last = offset & -BLOCK_BYTES, -(-(offset + size_bytes) & -BLOCK_BYTES)
            blocks = self._region[first:last]
            _write_whole(self._file, blocks, begin - offset + first, is_flushed=True)
        self._at = end


def path_of(folder: Path, owner: bytes) -> Path:
    """Tell where the log of an owner is, if it has one."""
    return folder / f"{owner.hex()}{_SUFFIX}"


def owners_of(folder: Path) -> list[bytes]:
    """List the owners that have a log; files with other names are none of ours."""
    names = sorted(folder.iterdir()) if folder.is_dir() else []
    return [bytes.fromhex(name.stem) for name in names if _name(name.name)]


class Follower:
    """Reads a log from its oldest record, and on from there each time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._epoch = self._at = 0

    def read(self) -> tuple[bool, list[bytes]]:
        """The records since the last time, oldest first, or all there are; and whether it is all.

        Raises:
            OSError: it cannot be read.
        """
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._epoch = 0
            return True, []
        try:
            return self._read(file)
        finally:
            os.close(file)

    def _read(self, file: int) -> tuple[bool, list[bytes]]:
        begun = dict(sorted(_regions(file)))
        is_all = self._epoch not in begun
        found: list[bytes] = []
        for epoch, (start, end) in begun.items():
            if is_all or epoch > self._epoch:
                at = start + _header.size
            elif epoch == self._epoch:
                at = self._at
            else:
                continue
            records = list(_records(os.pread(file, end - at, at), epoch & 0xFFFFFFFF))
            found += records
            read_bytes = sum(map(len, records)) + _record.size * len(records)
            self._epoch, self._at = epoch, at + read_bytes
        return is_all, found


def read(path: Path) -> list[bytes]:
    """Read the records of a log, oldest first; none where there is no log.

    Raises:
        OSError: it cannot be read.
    """
    return Follower(path).read()[1]


def _regions(file: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """The epoch, start and end of each region that was begun."""
    at = region_bytes = 0
    while len(header := os.pread(file, _header.size, at)) == _header.size:
        magic, epoch, length = _header.unpack(header)
        is_begun = magic == _MAGIC
        region_bytes = length if is_begun else region_bytes
        if region_bytes <= _header.size:
            return  # The first region is begun first; what says otherwise is no log of ours.
        if is_begun:
            yield epoch, (at, at + region_bytes)
        at += region_bytes


def _records(region: bytes, seed: int) -> Iterator[bytes]:
    at = 0
    while at + _record.size <= len(region):
        length, checksum = _record.unpack_from(region, at)
        at += _record.size
        record = region[at : at + length]
        if not length or len(record) != length or zlib.crc32(record, seed) != checksum:
            return
        yield record
        at += length


def _direct(file: int, region_bytes: int) -> memoryview | None:
    """Have writes to a file of zeros pass the cache by: room for a region, None if they cannot."""
    region = memoryview(mmap.mmap(-1, region_bytes))
    try:
        fcntl.fcntl(file, fcntl.F_SETFL, _DIRECT)
        _write_whole(file, region[:BLOCK_BYTES], 0, is_flushed=True)
    except OSError:
        fcntl.fcntl(file, fcntl.F_SETFL, 0)
        return None
    return region


def _write_whole(file: int, data: bytes | memoryview, at: int, *, is_flushed: bool = False) -> None:
    # One call in place of two: each gives the interpreter's lock away.
    written = os.pwritev(file, (data,), at, _AND_FLUSH if is_flushed else 0)
    if is_flushed and not _AND_FLUSH:
        os.fsync(file)
    if written != len(data):
        raise OSError(errno.ENOSPC, f"{written} of {len(data)} bytes were written")


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
