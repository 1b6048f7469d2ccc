"""The data folder of a project, for whoever looks after it: check, copy, write out, read in.

Each call opens the folder itself, so none of them is for a process that serves the project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motia_actors.clock import SystemClock
from motia_actors.errors import SettingsError, StoreError
from motia_actors.promise import Promise
from motia_actors.settings import Settings, store_path
from motia_actors.store import Store
from motia_actors.stores.lmdb import backup as copies
from motia_actors.stores.lmdb import check as checks
from motia_actors.stores.lmdb import export as exports
from motia_actors.stores.lmdb import load as loads
from motia_actors.stores.lmdb.backup import Copied
from motia_actors.stores.lmdb.check import Checked
from motia_actors.stores.lmdb.export import Exported
from motia_actors.stores.lmdb.store import LmdbStore
from motia_actors.threads import NativeThread

WRITER_LOOK_S = 0.05
STOP_S_MAX = 10.0


def folder_of(settings: Settings) -> Path:
    """Where the project's data is.

    Raises:
        SettingsError: it is kept in memory.
    """
    path = store_path(settings)
    if path is None:
        raise SettingsError("MOTIA_STORE='memory://' keeps nothing on disk; there is no data")
    return path


def check(settings: Settings) -> Checked:
    """Read everything and say what is wrong.

    Raises:
        MotiaError: there is no store, or it cannot be opened.
    """
    return checks.check(folder_of(settings))


def backup(settings: Settings, target: Path) -> Copied:
    """Copy the folder while it is used; see `stores.lmdb.backup`.

    Raises:
        MotiaError: there is no backup, and why.
    """
    return copies.backup(folder_of(settings), target)


def compact(settings: Settings) -> Copied:
    """Give the disk back what deleted data took.

    Raises:
        MotiaError: everything is as it was, and why.
    """
    return copies.compact(folder_of(settings))


def export(settings: Settings, target: Path, *, has_journal: bool) -> Exported:
    """Write what can be read to a new file, which has its name once it is whole.

    Raises:
        MotiaError: there is no file, and why.
    """
    path, part = folder_of(settings), target.with_name(f".{target.name}.partial")
    if target.exists():
        raise StoreError(f"{target} is there already; give the export a new file")
    try:
        file = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(file, "wb", buffering=2**20) as stream:
                exported = exports.export(path, stream, has_journal=has_journal)
                stream.flush()
                os.fsync(file)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error}") from error
    return exported


def import_(settings: Settings, source: Path, *, is_merge: bool) -> dict[str, int]:
    """Read a file that export wrote, all of it or nothing.

    Raises:
        MotiaError: nothing of it was taken, and why.
    """
    try:
        with source.open("rb", buffering=2**20) as stream:
            return loads.import_(
                folder_of(settings), stream, bytes_max=settings.map_bytes_max, is_merge=is_merge
            )
    except OSError as error:
        raise StoreError(f"cannot read {source}: {error}") from error


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store, opened beside the processes that serve the project, if any do.

    Raises:
        MotiaError: there is no store, or it cannot be opened.
    """
    path = folder_of(settings)
    if not path.is_dir():
        raise StoreError(f"there is no data in {path} yet")
    store = LmdbStore(path, SystemClock(), map_bytes_max=settings.map_bytes_max)
    store.open()
    is_over = Promise[None]()

    def write() -> None:
        while not is_over.is_done:
            store.commit_waiting(wait_s=WRITER_LOOK_S)

    writer = NativeThread(write, name="motia-writer")
    writer.start()
    try:
        yield store
    finally:
        is_over.set(None)
        writer.join(STOP_S_MAX)
        store.close()
