"""Read a data file page by page without mapping it: nothing in it can kill the process.

LMDB trusts its pages, so a damaged one ends in SIGBUS or worse. This is slower, trusts nothing,
says what is wrong and goes on with the rows that can still be reached.

Source: LMDB 0.9, mdb.c: MDB_page, MDB_meta, MDB_db, MDB_node on a 64-bit little-endian machine.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from motia_actors.errors import StoreCorruptError
from motia_actors.stores.lmdb import datafile

_HEAD = struct.Struct("<QHHHH")
_NODE = struct.Struct("<HHHH")
_BRANCH, _LEAF, _OVERFLOW = 0x01, 0x02, 0x04
_BIG_DATA, _SUB_DATA, _DUPLICATES = 0x01, 0x02, 0x04
_HEAD_BYTES = 16
_TREE_BYTES = 48
_NO_PAGE = 2**64 - 1
_PIECE_BYTES = 2**20
_DEPTH_MAX = 32
"""LMDB's own CURSOR_STACK."""


class Tree(msgspec.Struct, frozen=True):
    """A table: its first page, and how many rows and levels it says it has."""

    root: int
    entries: int
    depth: int

    @classmethod
    def unpack(cls, record: bytes) -> Tree:
        """Read an MDB_db."""
        entries, root = struct.unpack_from("<QQ", record, 32)
        return cls(root, entries, int.from_bytes(record[6:8], "little"))


class _BadPageError(Exception):
    """A page cannot be what it is referred to as."""


class PageFile:
    """One data file as of one commit; `problems` grows while it is read.

    Args:
        path: The file `data.mdb`.
        commit: The commit to read, which a transaction of the caller keeps from being reused;
            None: the newest.
        is_salvage: Where one header page is damaged, read by the other one.
    """

    def __init__(self, path: Path, *, commit: int | None = None, is_salvage: bool = False) -> None:
        self.problems: list[str] = []
        self._seen: set[int] = set()
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if is_salvage:
                meta, self.page_bytes, self.problems = datafile.any_meta_of(path, self._file)
            else:
                meta, self.page_bytes = datafile.meta_of(path, self._file, commit=commit)
        except BaseException:
            os.close(self._file)
            raise
        self.pages = os.fstat(self._file).st_size // self.page_bytes
        self._meta = meta
        self._last_page = int.from_bytes(meta[136:144], "little")
        self._free = Tree.unpack(meta[40:88])
        self._main = Tree.unpack(meta[88:136])

    def __enter__(self) -> PageFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def forget(self) -> None:
        """Be ready to read everything once more."""
        self.problems.clear()
        self._seen.clear()

    def copy_to(self, target: Path) -> None:
        """Write the pages of the commit, which a transaction of the caller keeps, to a new file.

        Raises:
            OSError: there is no room for it.
        """
        size_bytes = min(self._last_page + 1, self.pages) * self.page_bytes
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        copy = os.open(target, flags, 0o600)
        try:
            for at in range(0, size_bytes, _PIECE_BYTES):
                piece = os.pread(self._file, min(_PIECE_BYTES, size_bytes - at), at)
                _write_whole(copy, piece, at)
            # Both headers are of this commit: those of the file are of later ones by now.
            header = os.pread(self._file, self.page_bytes, self.page_bytes)
            for number in (0, 1):
                page = number.to_bytes(8, "little") + self._meta[8:] + header[len(self._meta) :]
                _write_whole(copy, page, number * self.page_bytes)
            os.fsync(copy)
        finally:
            os.close(copy)

    def tables(self) -> dict[str, Tree]:
        """The named tables that can be found."""
        found = {}
        for key, flags, record in self._walk(self._main, "the list of tables"):
            name = key.decode("utf-8", "replace")
            if flags & _SUB_DATA and len(record) == _TREE_BYTES:
                found[name] = Tree.unpack(record)
            else:
                self.problems.append(f"the list of tables has {name!r}, which is no table")
        return found

    def rows(self, name: str, tree: Tree) -> Iterator[tuple[bytes, bytes]]:
        """Go through the rows of a table that can be read, in the order of their keys."""
        problems_before, count, last = len(self.problems), 0, b""
        for key, flags, value in self._walk(tree, f"table {name}"):
            if flags & (_SUB_DATA | _DUPLICATES) or (count and key <= last):
                self.problems.append(f"table {name}: row {key.hex()} is out of order")
                continue
            count, last = count + 1, key
            yield key, value
        if count != tree.entries and len(self.problems) == problems_before:
            self.problems.append(f"table {name}: has {count} rows and should have {tree.entries}")

    def check_free(self) -> None:
        """Find pages that are in use and listed as free; call it after reading every table."""
        for _, _, record in self._walk(self._free, "the list of free pages"):
            pages = struct.unpack_from(f"<{len(record) // 8}Q", record)
            both = self._seen.intersection(pages[1 : 1 + pages[0]]) if pages else set()
            self.problems += [f"page {page} is in use and listed as free" for page in sorted(both)]

    def _walk(self, tree: Tree, what: str) -> Iterator[tuple[bytes, int, bytes]]:
        """Key, flags and data of every node in the leaves, from left to right."""
        waiting = [] if tree.root == _NO_PAGE else [(tree.root, 1)]
        while waiting:
            number, depth = waiting.pop()
            try:
                nodes = self._nodes(number, depth)
                if _is_branch(nodes, is_above=depth < tree.depth):
                    waiting += [(child, depth + 1) for child, *_ in reversed(nodes)]
                    continue
            except (_BadPageError, struct.error) as error:
                self.problems.append(f"{what}: page {number}: {error}")
                continue
            for _, key, flags, value in nodes:
                try:
                    data = self._overflow(value) if flags & _BIG_DATA else value
                except (_BadPageError, struct.error) as error:
                    self.problems.append(f"{what}: row {key.hex()}: {error}")
                    continue
                yield key, flags, data

    def _nodes(self, number: int, depth: int) -> list[tuple[int, bytes, int, bytes]]:
        """Nodes of a page: child page (0 in a leaf), key, flags and data."""
        if depth > _DEPTH_MAX:
            raise _BadPageError("the tree is too deep")
        page = self._page(number)
        own_number, _, flags, lower, upper = _HEAD.unpack_from(page)
        if own_number != number or flags not in (_BRANCH, _LEAF):
            raise _BadPageError(f"is damaged: it says page {own_number}, flags {flags:#x}")
        if not _HEAD_BYTES <= lower <= upper <= self.page_bytes or lower % 2:
            raise _BadPageError(f"is damaged: its bounds are {lower} and {upper}")
        nodes = []
        for (at,) in struct.iter_unpack("<H", page[_HEAD_BYTES:lower]):
            low, high, node_flags, key_bytes = _NODE.unpack_from(page, at)
            start = at + 8 + key_bytes
            if flags & _BRANCH:
                nodes.append((low | high << 16 | node_flags << 32, b"", 0, b""))
                continue
            size = 8 if node_flags & _BIG_DATA else low | high << 16
            if at < upper or start + size > self.page_bytes:
                raise _BadPageError(f"is damaged: a row at {at} ends outside")
            data = page[start : start + size]
            if node_flags & _BIG_DATA:
                data += struct.pack("<I", low | high << 16)
            nodes.append((0, page[at + 8 : start], node_flags, data))
        if flags & _BRANCH and any(child < 2 for child, *_ in nodes):
            raise _BadPageError("is damaged: it refers to the file's header")
        return nodes

    def _overflow(self, data: bytes) -> bytes:
        """Read a value that has pages of its own."""
        number, size = struct.unpack("<QI", data)
        count = (_HEAD_BYTES + size + self.page_bytes - 1) // self.page_bytes
        first = self._page(number)
        own_number, _, flags, own_count = struct.unpack_from("<QHHI", first)
        if own_number != number or not flags & _OVERFLOW or own_count < count:
            raise _BadPageError(f"its value's page {number} is damaged")
        if number + count > self.pages:
            raise _BadPageError(f"its value's pages {number} to {number + count} are cut off")
        self._seen.update(range(number + 1, number + count))
        return os.pread(self._file, size, number * self.page_bytes + _HEAD_BYTES)

    def _page(self, number: int) -> bytes:
        if not 2 <= number < self.pages:
            raise _BadPageError(f"page {number} is outside of the file, which has {self.pages}")
        if number in self._seen:
            raise _BadPageError("is referred to twice")
        self._seen.add(number)
        page = os.pread(self._file, self.page_bytes, number * self.page_bytes)
        if len(page) < self.page_bytes:
            raise _BadPageError("is cut off")
        return page


def _write_whole(file: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(file, data, at)
        data, at = data[written:], at + written


def _is_branch(nodes: list[tuple[int, bytes, int, bytes]], *, is_above: bool) -> bool:
    """Whether a page refers to others; pages above the lowest level do, and only they."""
    is_branch = bool(nodes and nodes[0][0])
    if is_branch != is_above:
        raise _BadPageError("is damaged: it is on the wrong level")
    return is_branch


def problems_of(path: Path, *, commit: int | None = None) -> list[str]:
    """Read the whole file; answers what is wrong with its structure."""
    try:
        with PageFile(path, commit=commit) as file:
            for name, tree in file.tables().items():
                for _ in file.rows(name, tree):
                    pass
            file.check_free()
            return file.problems
    except StoreCorruptError as error:
        return [str(error)]
