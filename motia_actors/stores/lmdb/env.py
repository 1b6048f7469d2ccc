"""The LMDB environment: opened once in each process, refused in a child that inherits it.

The map is sparse and larger than our own limit in bytes, which refuses what would grow the data
past it: deleting takes pages too, so the room between the two is what a full store is emptied
with. One size for all means that no process ever has to follow another one's resize.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import lmdb
import msgspec

from motia_actors.errors import StoreClosedError, StoreCorruptError, StoreError, StoreFullError
from motia_actors.stores.lmdb import datafile
from motia_actors.stores.lmdb.copies import Copies
from motia_actors.stores.lmdb.transaction import Transaction

FORMAT_KEY = b"format"
FORMAT = b"motia_actors 2"
COPY_END_S_MAX = 10.0
"""So long `close` waits for copies, which only a disk that does not answer holds up."""
_READERS_MAX = 512
_MAP_BYTES_MIN = 64 * 2**20
_RESERVE_SHARE = 8
_RESERVE_BYTES_MAX = 2**30

# LMDB passes the system's words on, and calls a write that stopped half way an I/O error: with
# so little free that one is a full disk too.
_FULL_TEXTS = tuple(os.strerror(n) for n in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_SHORT_WRITE_TEXT = os.strerror(errno.EIO)
_FREE_BYTES_MIN = 16 * 2**20


class Tables(msgspec.Struct, frozen=True):
    """Handles of the tables; each module of this package says what is in its own."""

    meta: object
    state: object
    state_groups: object
    stream_items: object
    stream_groups: object
    changes: object
    events: object
    due: object
    groups: object
    leases: object
    steps: object
    dead: object
    slots: object
    journal: object
    dedupes: object
    dedupe_ends: object
    scheduled: object
    state_ends: object


class Environment:
    """Read and write transactions on one folder."""

    def __init__(self, path: Path, *, bytes_max: int, is_synced: bool) -> None:
        self.path = path
        self.bytes_max = bytes_max
        self.reserve_bytes = min(bytes_max // _RESERVE_SHARE, _RESERVE_BYTES_MAX)
        """What the handlers of queued events may use above bytes_max: the map has room for it."""
        self._is_synced = is_synced
        self._pid = 0
        self._env: lmdb.Environment | None = None
        self._tables: Tables | None = None
        self._copies = Copies()

    @property
    def tables(self) -> Tables:
        """The tables' handles.

        Raises:
            StoreClosedError: the environment is not open in this process.
        """
        if self._tables is None or self._pid != os.getpid():
            raise self._closed()
        return self._tables

    def open(self) -> None:
        """Open or make the environment.

        Raises:
            StoreCorruptError: the file is damaged or not ours; it was left as it is.
            StoreError: it is open in this process already, or the system refused it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            datafile.check(self.path / "data.mdb")
            env = self._opened()
        except (lmdb.InvalidError, lmdb.VersionMismatchError, lmdb.CorruptedError) as error:
            raise StoreCorruptError(f"{self.path} is not a store of ours: {error}") from error
        except (lmdb.Error, OSError) as error:
            raise StoreError(f"cannot open the store in {self.path}: {error}") from error
        try:
            self._tables = self._open_tables(env)
        except BaseException:
            env.close()
            raise
        self._env, self._pid = env, os.getpid()
        self._copies = Copies()
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def read(self) -> Transaction:
        """Begin a snapshot; use it with `with` and be quick, it pins old pages.

        Raises:
            StoreClosedError: the environment is not open in this process.
        """
        env = self._env
        if env is None or self._pid != os.getpid():
            raise self._closed()
        try:
            return cast("Transaction", env.begin())
        except lmdb.Error as error:
            if self._env is None:
                raise self._closed() from error
            raise StoreError(f"cannot read the store in {self.path}: {error}") from error

    @contextlib.contextmanager
    def write(self) -> Iterator[Transaction]:
        """Begin the one write transaction; what is done in it is on disk after the block.

        Raises:
            StoreFullError: the disk or the map is full; nothing of it was kept.
            StoreClosedError: the environment is not open in this process.
            lmdb.Error: anything else, after which the environment is not to be trusted.
        """
        env = self._env
        if env is None or self._pid != os.getpid():
            raise self._closed()
        try:
            with env.begin(write=True) as txn:
                yield cast("Transaction", txn)
        except lmdb.MapFullError as error:
            raise StoreFullError(f"the map of {self.path} is full") from error
        except lmdb.Error as error:
            if not self._is_full(error):
                raise
            raise StoreFullError(f"no room on the disk of {self.path}: {error}") from error

    @contextlib.contextmanager
    def part(self, txn: Transaction) -> Iterator[Transaction]:
        """Begin a part of a write transaction: only the part is undone where the block raises."""
        env = self._env
        assert env is not None, "who writes has it open"
        with env.begin(parent=cast("Any", txn), write=True) as inner:
            yield cast("Transaction", inner)

    def rows(self, txn: Transaction) -> dict[str, int]:
        """Count the rows of each table."""
        return {
            name: txn.stat(getattr(self.tables, name))["entries"]
            for name in Tables.__struct_fields__
        }

    def bytes_used(self, txn: Transaction) -> int:
        """Count the bytes of all pages in use; those freed and not yet reused do not count."""
        pages = page_bytes = 0
        for name in Tables.__struct_fields__:
            stat = txn.stat(getattr(self.tables, name))
            pages += stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
            page_bytes = stat["psize"]
        return int(pages * page_bytes)

    def map_bytes(self) -> int:
        """Tell the size of the map, which is address space and not disk."""
        env = self._env
        if env is None:
            raise self._closed()
        return int(env.info()["map_size"])

    def copy(self, folder: Path) -> None:
        """Write a compact copy of one moment to an empty folder; writers go on meanwhile.

        Raises:
            StoreClosedError: the environment is not open, or was closed meanwhile.
            StoreError: there is no room for it.
        """
        env = self._env
        if env is None or self._pid != os.getpid():
            raise self._closed()
        try:
            file = os.open(folder / "data.mdb", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try:
                self._copies.write(env, file)
            finally:
                os.close(file)
        except (lmdb.Error, OSError) as error:
            raise StoreError(f"cannot copy {self.path} to {folder}: {error}") from error

    def check_readers(self) -> None:
        """Free the pages that readers of dead processes still pin."""
        env = self._env
        if env is not None and self._pid == os.getpid():
            env.reader_check()

    def stop_copies(self) -> bool:
        """End copies that run and take no more; False where one could not be ended."""
        return self._copies.stop(COPY_END_S_MAX)

    def close(self) -> None:
        """Let go of the environment; reads and copies that still run fail."""
        env, self._env, self._tables = self._env, None, None
        if env is None or self._pid != os.getpid():
            return
        if self.stop_copies():
            env.close()
        else:
            # Closing it under a copy would end the process: it stays open as long as that.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(env))

    def _opened(self) -> lmdb.Environment:
        map_bytes = 2 * self.bytes_max + _MAP_BYTES_MIN
        while True:
            try:
                return lmdb.open(
                    str(self.path),
                    map_size=map_bytes,
                    max_dbs=len(Tables.__struct_fields__),
                    max_readers=_READERS_MAX,
                    max_spare_txns=64,
                    sync=self._is_synced,
                    mode=0o600,
                )
            except (lmdb.MemoryError, MemoryError):
                # The address space is limited (RLIMIT_AS): a smaller map still works.
                map_bytes //= 2
                if map_bytes < _MAP_BYTES_MIN:
                    raise

    def _open_tables(self, env: lmdb.Environment) -> Tables:
        with env.begin() as txn:
            is_new = txn.stat()["entries"] == 0
        if not is_new:
            self._check_format(env)
        with env.begin(write=True) as txn:
            tables = {
                name: env.open_db(name.encode(), txn=txn) for name in Tables.__struct_fields__
            }
            if is_new:
                txn.put(FORMAT_KEY, FORMAT, db=tables["meta"])
        return Tables(**tables)

    def _check_format(self, env: lmdb.Environment) -> None:
        """Tell a store of ours from another program's without writing to it."""
        try:
            meta = env.open_db(b"meta", create=False)
        except lmdb.Error as error:
            raise StoreCorruptError(f"{self.path} was made by another program") from error
        with env.begin() as txn:
            found = txn.get(FORMAT_KEY, db=meta)
        if found != FORMAT:
            raise StoreCorruptError(f"{self.path} has format {found!r}, not {FORMAT!r}")

    def _closed(self) -> StoreClosedError:
        if self._pid not in (0, os.getpid()):
            return StoreClosedError(
                f"the store in {self.path} was opened by process {self._pid} and this is "
                f"{os.getpid()}, its fork; open the store after the fork instead"
            )
        return StoreClosedError(f"the store in {self.path} is closed; call open() first")

    def _is_full(self, error: lmdb.Error) -> bool:
        text = str(error)
        if text.endswith(_SHORT_WRITE_TEXT):
            return self._free_bytes() < _FREE_BYTES_MIN
        return text.endswith(_FULL_TEXTS)

    def _free_bytes(self) -> int:
        """Count what the data file may grow by, on the disk and by this process' limit of files."""
        free_bytes = shutil.disk_usage(self.path).free
        limit_bytes, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        if limit_bytes == resource.RLIM_INFINITY:
            return free_bytes
        return min(free_bytes, limit_bytes - (self.path / "data.mdb").stat().st_size)

    def _forget(self) -> None:
        """Drop what a fork brought along, in the child, without ever closing it.

        Closing, or collecting, the inherited environment frees the reader slots that it shares
        with the parent, whose next read then fails with MDB_BAD_RSLOT. So it is made immortal.
        """
        env, self._env, self._tables = self._env, None, None
        if env is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(env))
