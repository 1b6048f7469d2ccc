"""The data folder of a project, for whoever looks after it: check, copy, write out, read in.

Each call opens the folder itself, so none of them is for a process that serves the project.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

from motia_actors.clock import SystemClock
from motia_actors.errors import SettingsError, StoreError
from motia_actors.promise import Promise
from motia_actors.settings import Settings, is_cluster, store_path
from motia_actors.store import Store
from motia_actors.stores.lmdb import backup as copies
from motia_actors.stores.lmdb import check as checks
from motia_actors.stores.lmdb import export as exports
from motia_actors.stores.lmdb import load as loads
from motia_actors.stores.lmdb.backup import Copied
from motia_actors.stores.lmdb.check import Checked
from motia_actors.stores.lmdb.export import Exported
from motia_actors.stores.lmdb.store import LmdbStore
from motia_actors.stores.remote import nats_store
from motia_actors.threads import NativeThread

WRITER_LOOK_S = 0.05
STOP_S_MAX = 10.0
DUMP_BYTES_MAX = 2**30
"""Of a dump that a cluster takes in one commit; each host holds it in memory meanwhile."""


class Cluster(Protocol):
    """What a store on a cluster can do besides."""

    def copy_to(self, folder: Path) -> None:
        """Write a copy of everything to a new folder, as an LMDB data folder."""
        ...

    def import_(self, dump: bytes, *, is_merge: bool) -> dict[str, int]:
        """Take a whole dump in one commit."""
        ...


def folder_of(settings: Settings) -> Path:
    """Where the project's data is.

    Raises:
        SettingsError: it is kept in memory, or in a cluster.
    """
    path = store_path(settings)
    if is_cluster(settings):
        raise SettingsError(
            "MOTIA_STORE=nats://… keeps the data in the cluster; export it, and see docs/nats.md"
        )
    if path is None:
        raise SettingsError("MOTIA_STORE='memory://' keeps nothing on disk; there is no data")
    return path


def place_of(settings: Settings) -> str:
    """Where the data is, for people."""
    return "the NATS cluster" if is_cluster(settings) else str(folder_of(settings))


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
    part = target.with_name(f".{target.name}.partial")
    if target.exists():
        raise StoreError(f"{target} is there already; give the export a new file")
    with contextlib.ExitStack() as stack:
        path = _folder_to_read(settings, stack)
        return _export(path, part, target, has_journal=has_journal)


def _folder_to_read(settings: Settings, stack: contextlib.ExitStack) -> Path:
    """The data folder; of a cluster a copy, which goes when stack is closed."""
    if not is_cluster(settings):
        return folder_of(settings)
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="motia-export-")))
    with opened(settings) as store:
        cast("Cluster", store).copy_to(copy)
    return copy


def _export(path: Path, part: Path, target: Path, *, has_journal: bool) -> Exported:
    try:
        # In a folder of everybody's, `part` may be somebody's link to another file.
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(part, flags, 0o600)
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
        if is_cluster(settings):
            return _import_to_cluster(settings, source, is_merge=is_merge)
        with source.open("rb", buffering=2**20) as stream:
            return loads.import_(
                folder_of(settings), stream, bytes_max=settings.map_bytes_max, is_merge=is_merge
            )
    except OSError as error:
        raise StoreError(f"cannot read {source}: {error}") from error


def _import_to_cluster(settings: Settings, source: Path, *, is_merge: bool) -> dict[str, int]:
    dump = source.read_bytes()
    if len(dump) > DUMP_BYTES_MAX:
        raise StoreError(
            f"{source} has {len(dump)} bytes and a cluster takes {DUMP_BYTES_MAX} at once; "
            f"export without the journal"
        )
    # What is damaged is found here, before every host reads it.
    with tempfile.TemporaryDirectory(prefix="motia-import-") as folder:
        loads.import_(Path(folder), io.BytesIO(dump), bytes_max=settings.map_bytes_max)
    with opened(settings) as store:
        return cast("Cluster", store).import_(dump, is_merge=is_merge)


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store, opened beside the processes that serve the project, if any do.

    Raises:
        MotiaError: there is no store, or it cannot be opened.
    """
    store = _store_of(settings)
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


def _store_of(settings: Settings) -> Store:
    path = store_path(settings)
    if path is not None and is_cluster(settings):
        return nats_store(settings.store, path, SystemClock(), map_bytes_max=settings.map_bytes_max)
    path = folder_of(settings)
    if not path.is_dir():
        raise StoreError(f"there is no data in {path} yet")
    return LmdbStore(path, SystemClock(), map_bytes_max=settings.map_bytes_max)
