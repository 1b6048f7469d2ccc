"""Look at a data folder without changing it, whether or not processes use it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import lmdb

from motia_actors.errors import StoreCorruptError, StoreError
from motia_actors.messages import Delivery
from motia_actors.stores.lmdb import datafile
from motia_actors.stores.lmdb.env import Tables
from motia_actors.stores.lmdb.express import WAL_FOLDER
from motia_actors.stores.lmdb.logged import Place, ended_in, left_beside
from motia_actors.stores.lmdb.pages import PageFile
from motia_actors.stores.lmdb.transaction import Transaction

_READERS_MAX = 512
_TABLES_MAX = 64
_PIN_TRIES_MAX = 100
_SALVAGE_BYTES_MIN = 64 * 2**20


class Snapshot:
    """One commit, read with LMDB: only for files whose structure was found whole.

    `left` are the deliveries that had no rows then, and were at work.
    """

    def __init__(
        self, env: lmdb.Environment, txn: Transaction, left: Sequence[Delivery] = ()
    ) -> None:
        self.txn, self.left = txn, left
        self.tables = Tables(**{name: _handle(env, txn, name) for name in Tables.__struct_fields__})

    def rows(self, name: str, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Go through the rows of a table whose keys begin with prefix, in their order."""
        table = getattr(self.tables, name)
        if table is None:
            return
        cursor = self.txn.cursor(table)
        is_there = cursor.set_range(prefix) if prefix else cursor.first()
        while is_there and cursor.key().startswith(prefix):
            yield cursor.item()
            is_there = cursor.next()

    def get(self, name: str, key: bytes) -> bytes | None:
        """Read a row; None too where the folder is older than the table."""
        table = getattr(self.tables, name)
        return None if table is None else self.txn.get(key, db=table)


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[lmdb.Environment]:
    """Open the folder's environment for reading.

    Raises:
        StoreCorruptError: the file is cut off, or its header is damaged.
        StoreError: there is no store, this process has it open already, or the system refused.
    """
    file = data_file(path)
    datafile.check(file)
    try:
        # Without a map size of ours LMDB takes the file's, which all processes share.
        env = lmdb.open(
            str(file.parent),
            readonly=True,
            create=False,
            map_size=0,
            max_dbs=_TABLES_MAX,
            max_readers=_READERS_MAX,
            mode=0o600,
        )
    except lmdb.Error as error:
        raise StoreError(f"cannot open the store in {path}: {error}") from error
    try:
        yield env
    finally:
        env.close()


def data_file(path: Path) -> Path:
    """Find the data file of a folder.

    Raises:
        StoreError: there is none.
    """
    file = path / "db" / "data.mdb"
    if not file.is_file() or not file.stat().st_size:
        raise StoreError(f"there is no store in {path}: {file} is missing or empty")
    return file


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Snapshot, list[str]]]:
    """Read a folder, as much of it as can be read; answers with what is wrong with its pages.

    Where nothing is wrong the snapshot is the folder itself, and pins one commit of it.
    Otherwise it is a copy of the rows that could be reached.

    Raises:
        StoreCorruptError: both pages of the file's header are damaged; nothing can be read.
        StoreError: there is no store, or it cannot be opened.
    """
    try:
        with _opened(data_file(path)) as found:
            yield found
    except lmdb.Error as error:
        raise StoreCorruptError(f"{path} cannot be read: {error}; restore a backup") from error


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[tuple[Snapshot, list[str]]]:
    try:
        datafile.check(file)
    except StoreCorruptError:
        # No commit is known for certain: what ended may be among it, but nothing is missing.
        found = list(left_beside(file.parents[1] / WAL_FOLDER, lambda: None)[1].values())
        with PageFile(file, is_salvage=True) as pages, _salvaged(pages, found) as snapshot:
            yield snapshot, _known(pages.problems, file)
        return
    with read_only(file.parents[1]) as env, pinned(env, file) as (txn, pages, left):
        for name, tree in pages.tables().items():
            for _ in pages.rows(name, tree):
                pass
        pages.check_free()
        if not pages.problems:
            yield Snapshot(env, txn, left), []
            return
        problems = list(pages.problems)
        pages.forget()
        with _salvaged(pages, left) as snapshot:
            yield snapshot, problems


@contextlib.contextmanager
def pinned(
    env: lmdb.Environment, file: Path
) -> Iterator[tuple[Transaction, PageFile, list[Delivery]]]:
    """Begin a transaction, find the pages of its commit, and what had no rows at that moment.

    Raises:
        StoreError: there was another commit each time.
    """
    for _ in range(_PIN_TRIES_MAX):
        with contextlib.ExitStack() as stack:
            begin = partial(_begin, env, stack)
            txn, left = left_beside(file.parents[1] / WAL_FOLDER, begin)
            try:
                # Two commits later another one's header stands where this one's was.
                pages = stack.enter_context(PageFile(file, commit=txn.id()))
            except StoreCorruptError:
                continue
            yield cast("Transaction", txn), pages, _but_ended(left, pages)
            return
    raise StoreError(f"{file} is written too fast to be looked at; try again")


def _begin(env: lmdb.Environment, stack: contextlib.ExitStack) -> lmdb.Transaction:
    return stack.enter_context(env.begin())


def _but_ended(left: dict[Place, Delivery], pages: PageFile) -> list[Delivery]:
    """Of what the logs had, what did not end with a commit before they said so."""
    if left:
        # Not with LMDB: nothing is known yet of the pages.
        meta = pages.tables().get("meta")
        for place in set() if meta is None else ended_in(pages.rows("meta", meta)):
            left.pop(place, None)
        pages.forget()
    return list(left.values())


@contextlib.contextmanager
def _salvaged(pages: PageFile, left: Sequence[Delivery]) -> Iterator[Snapshot]:
    """Copy what can be reached into an environment of its own."""
    size_bytes = 2 * pages.pages * pages.page_bytes + _SALVAGE_BYTES_MIN
    with (
        tempfile.TemporaryDirectory(prefix="motia_actors_salvage_") as folder,
        lmdb.open(folder, map_size=size_bytes, max_dbs=_TABLES_MAX, sync=False) as env,
    ):
        with env.begin(write=True) as txn:
            for name, tree in pages.tables().items():
                if name in Tables.__struct_fields__:
                    table = env.open_db(name.encode(), txn=txn)
                    for key, value in pages.rows(name, tree):
                        txn.put(key, value, db=table, append=True)
        with env.begin() as txn:
            yield Snapshot(env, cast("Transaction", txn), left)


def _known(problems: list[str], file: Path) -> list[str]:
    return problems or [f"{file} is shorter than it says"]


def _handle(env: lmdb.Environment, txn: Transaction, name: str) -> object:
    try:
        return env.open_db(name.encode(), txn=cast("Any", txn), create=False)
    except lmdb.NotFoundError:
        return None
