"""Copies of a data folder: a backup beside running processes, and a compacted file in its place.

A plain copy of the files would be torn, and closing lock.mdb would take the locks of its own
process away. So a backup copies the pages of a commit that a transaction of LMDB pins meanwhile.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import lmdb
import msgspec

from motia_actors.errors import StoreCorruptError, StoreError
from motia_actors.stores.lmdb import logged
from motia_actors.stores.lmdb.express import WAL_FOLDER
from motia_actors.stores.lmdb.folder import FolderLock
from motia_actors.stores.lmdb.pages import problems_of
from motia_actors.stores.lmdb.snapshot import data_file, opened, pinned, read_only
from motia_actors.stores.lmdb.wal import flush


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy made: bytes of the data file before and after."""

    bytes_before: int
    bytes_after: int


def backup(path: Path, target: Path) -> Copied:
    """Copy the folder at path to a new folder, itself a whole store, while others use it.

    Holds every write that was acknowledged before. The copy is read through, on disk and under
    its name on return, or there is none.

    Raises:
        StoreCorruptError: the data file is damaged, and so would its copy be.
        StoreError: there is no store, the target is there already, or there is no room for it.
    """
    if target.exists():
        raise StoreError(f"{target} is there already; give the backup a new folder")
    size_bytes = data_file(path).stat().st_size
    with _partial(target) as part:
        _copy(path, part)
        part.rename(target)
    flush(target.parent)
    return Copied(bytes_before=size_bytes, bytes_after=data_file(target).stat().st_size)


def compact(path: Path) -> Copied:
    """Write the data file anew without its free pages, and put it in the place of the old one.

    Raises:
        StoreCorruptError: the data file is damaged; it was left as it is.
        StoreError: processes use the folder, there is none, or there is no room for the copy.
    """
    file = data_file(path)
    with FolderLock(path).held():
        # LMDB walks all pages to leave the free ones out, and trusts each of them.
        with opened(path) as (_, problems):
            if problems:
                raise _damaged(file, problems)
        size_bytes = file.stat().st_size
        with _partial(file.parent) as part:
            _rewrite(path, part)
            (part / "data.mdb").rename(file)
        flush(file.parent)
    return Copied(bytes_before=size_bytes, bytes_after=file.stat().st_size)


def _copy(path: Path, target: Path) -> None:
    """Copy one moment into the folder target: a commit, and what the logs have besides."""
    file = data_file(path)
    try:
        (target / "db").mkdir(mode=0o700)
        with read_only(path) as env, pinned(env, file) as (_, pages, left):
            pages.copy_to(target / "db" / "data.mdb")
            logged.write(target / WAL_FOLDER, left)
    except (lmdb.Error, OSError) as error:
        raise StoreError(f"cannot copy the store in {path} to {target}: {error}") from error
    _read_through(target / "db", file)


def _rewrite(path: Path, target: Path) -> None:
    """Write the data file anew into the folder target, without its free pages."""
    try:
        with read_only(path) as env:
            env.copy(str(target), compact=True)
        (target / "data.mdb").chmod(0o600)
        flush(target / "data.mdb")
    except (lmdb.Error, OSError) as error:
        raise StoreError(f"cannot copy the store in {path} to {target}: {error}") from error
    _read_through(target, data_file(path))


def _read_through(folder: Path, original: Path) -> None:
    """Flush the name of a copy, and see that it is whole."""
    flush(folder)
    if problems := problems_of(folder / "data.mdb"):
        raise _damaged(original, problems)


@contextlib.contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """Make a folder beside target, of which nothing is left after the block."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(f"cannot write to {target.parent}: {error}") from error
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _damaged(file: Path, problems: list[str]) -> StoreCorruptError:
    return StoreCorruptError(
        f"{file} is damaged: {problems[0]} ({len(problems)} in all); "
        f"restore it from a backup, or export what can be read and import that"
    )
