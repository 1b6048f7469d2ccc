"""A data folder that somebody else owns, or that may only be read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.errors import StoreError
from motia_actors.stores.lmdb import LmdbStore
from tests.stores.filling import filled

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A store in a place that every user may enter."""
    home = Path(tempfile.mkdtemp(prefix="motia-actors-"))
    home.chmod(0o755)
    filled(home / "data")
    yield home / "data"
    shutil.rmtree(home)


def of_somebody_else(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)


def only_to_be_read(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.name != "data.mdb" and os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
    (folder / "db" / "data.mdb").chmod(0o444)


@pytest.mark.parametrize("hinder", [of_somebody_else, only_to_be_read])
def test_a_folder_that_may_not_be_written_is_refused_in_a_sentence_and_left_alone(
    folder: Path, hinder: Callable[[Path], None]
) -> None:
    data = folder / "db" / "data.mdb"
    before = data.read_bytes()
    hinder(folder)
    if hinder is of_somebody_else and os.geteuid() != 0:
        pytest.skip("only root can make files of somebody else")

    said = as_nobody(lambda: LmdbStore(folder, SystemClock()).open())

    assert said.startswith(f"{StoreError.__name__}: cannot open the store in {folder}")
    assert "Permission denied" in said
    assert data.read_bytes() == before


def as_nobody(work: Callable[[], None]) -> str:
    """What work raised, in a process that is not root's."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.seteuid(NOBODY)
            work()
            os.write(writer, b"nothing")
        except BaseException as error:  # noqa: BLE001 (it is told to the parent)
            os.write(writer, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        text = said.read().decode()
    os.waitpid(child, 0)
    return text
