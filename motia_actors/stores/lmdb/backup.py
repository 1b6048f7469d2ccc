"""Copies of a data folder: a backup beside running processes, and a compacted file in its place.

LMDB makes the copies. A plain copy of the files would be torn, and closing lock.mdb would take
the locks of its own process away.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import lmdb
import msgspec

from motia_actors.errors import StoreCorruptError, StoreError
from motia_actors.stores.lmdb import pages
from motia_actors.stores.lmdb.folder import FolderLock
from motia_actors.stores.lmdb.snapshot import data_file, opened, read_only


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
        _copy(path, part / "db", is_compact=False)
        part.rename(target)
    _flush(target.parent)
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
            _copy(path, part, is_compact=True)
            (part / "data.mdb").rename(file)
        _flush(file.parent)
    return Copied(bytes_before=size_bytes, bytes_after=file.stat().st_size)


def _copy(path: Path, target: Path, *, is_compact: bool) -> None:
    """Copy the data file into the folder target, read the copy through and flush it."""
    target.mkdir(mode=0o700, exist_ok=True)
    try:
        with read_only(path) as env:
            env.copy(str(target), compact=is_compact)
        copy = target / "data.mdb"
        copy.chmod(0o600)
        _flush(copy)
        _flush(target)
    except (lmdb.Error, OSError) as error:
        raise StoreError(f"cannot copy the store in {path} to {target}: {error}") from error
    if problems := pages.problems_of(copy):
        raise _damaged(data_file(path), problems)


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


def _flush(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
