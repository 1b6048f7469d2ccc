"""Look at a data file before LMDB maps it: a truncated one would kill the process by SIGBUS.

Source: LMDB 0.9, mdb.c: MDB_page, MDB_meta, MDB_db, MDB_node on a 64-bit little-endian machine.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from motia_actors.errors import StoreCorruptError

_MAGIC = 0xBEEFC0DE
_VERSION = 1
_HEAD = struct.Struct("<QHHHH")
_BRANCH, _LEAF = 0x01, 0x02
_BIG_DATA, _SUB_DATA = 0x01, 0x02
_NO_PAGE = 2**64 - 1
_PAGES_BYTES = (4096, 8192, 16384, 32768, 65536)


def check(path: Path) -> None:
    """Accept a file that is missing, empty or whole.

    Raises:
        StoreCorruptError: it is not LMDB's, of another version, or ends too early.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if os.fstat(file).st_size > 0:
            _check(path, file)
    finally:
        os.close(file)


def _check(path: Path, file: int) -> None:
    newest, page_bytes = meta_of(path, file)
    last_page = int.from_bytes(newest[136:144], "little")
    if os.fstat(file).st_size >= (last_page + 1) * page_bytes:
        return
    # The file may rightly be shorter: pages that were taken and freed inside one transaction
    # are never written. It is whole if every page in use is there, so they are all visited.
    roots = [int.from_bytes(newest[at : at + 8], "little") for at in (80, 128)]
    pages = os.fstat(file).st_size // page_bytes
    try:
        is_whole = all(_is_whole(file, root, page_bytes, pages) for root in roots)
    except struct.error as error:
        raise StoreCorruptError(
            f"{path} is cut off and damaged; restore it from a backup"
        ) from error
    if not is_whole:
        raise StoreCorruptError(
            f"{path} is cut off: it has {pages} pages of {page_bytes} bytes and refers to more; "
            f"restore it from a backup"
        )


def meta_of(path: Path, file: int, *, commit: int | None = None) -> tuple[bytes, int]:
    """Read the header page of a commit, the newest where it is None, and the bytes of a page.

    Raises:
        StoreCorruptError: the file is not LMDB's, of another version, or cut off in its header;
            or the commit's header is no longer there.
    """
    first = os.pread(file, 152, 0)
    page_bytes = _page_bytes(path, first)
    second = os.pread(file, 152, page_bytes)
    _page_bytes(path, second)
    metas = {int.from_bytes(meta[144:152], "little"): meta for meta in (second, first)}
    number = max(metas) if commit is None else commit
    if number not in metas:
        raise StoreCorruptError(f"{path} has no header of commit {number}, only of {list(metas)}")
    return metas[number], page_bytes


def any_meta_of(path: Path, file: int) -> tuple[bytes, int, list[str]]:
    """Read the newest header page that is whole, the bytes of a page, and what is wrong.

    For whoever saves what can be read: with one of the two damaged the other one stands for it,
    which may be of the commit before.

    Raises:
        StoreCorruptError: none is whole.
    """
    metas: dict[int, tuple[bytes, int]] = {}
    problems: list[str] = []
    # Where the first one is damaged the bytes of a page are unknown: the second one says them.
    for page_bytes in _PAGES_BYTES:
        for number in (0, 1):
            meta = os.pread(file, 152, number * page_bytes)
            try:
                is_there = _page_bytes(path, meta) == page_bytes
            except StoreCorruptError:
                continue
            if is_there and _HEAD.unpack_from(meta)[0] == number:
                metas[number] = meta, page_bytes
        if metas:
            break
    if not metas:
        meta_of(path, file)
        raise StoreCorruptError(f"{path} has no whole header; restore it from a backup")
    problems += [f"header page {number} is damaged" for number in (0, 1) if number not in metas]
    newest = max(metas.values(), key=lambda found: int.from_bytes(found[0][144:152], "little"))
    return *newest, problems


def _page_bytes(path: Path, meta: bytes) -> int:
    if len(meta) < 152:
        raise StoreCorruptError(f"{path} is cut off inside its header; restore it from a backup")
    magic, version = struct.unpack_from("<II", meta, 16)
    page_bytes = int.from_bytes(meta[40:44], "little")
    if magic != _MAGIC or version != _VERSION or page_bytes not in _PAGES_BYTES:
        raise StoreCorruptError(
            f"{path} is not an LMDB file of version {_VERSION}: magic {magic:#x}, "
            f"version {version}; give the store another folder or restore it from a backup"
        )
    return page_bytes


def _is_whole(file: int, root: int, page_bytes: int, pages: int) -> bool:
    """Visit the tree below root; True where every page of it is inside the file."""
    waiting, visited = [root], 0
    while waiting:
        number, visited = waiting.pop(), visited + 1
        # A damaged page may refer to one above it.
        if visited > pages:
            return False
        if number == _NO_PAGE:
            continue
        if number >= pages:
            return False
        page = os.pread(file, page_bytes, number * page_bytes)
        _, _, flags, lower, _ = _HEAD.unpack_from(page)
        if not flags & (_BRANCH | _LEAF):
            return False
        for (at,) in struct.iter_unpack("<H", page[16:lower]):
            low, high, node_flags, key_bytes = struct.unpack_from("<HHHH", page, at)
            data_at = at + 8 + key_bytes
            if flags & _BRANCH:
                waiting.append(low | high << 16 | node_flags << 32)
            elif node_flags & _SUB_DATA:
                waiting.append(int.from_bytes(page[data_at + 40 : data_at + 48], "little"))
            elif node_flags & _BIG_DATA:
                first = int.from_bytes(page[data_at : data_at + 8], "little")
                if first + (((low | high << 16) + 15) // page_bytes) >= pages:
                    return False
    return True
