"""Copies of an environment that is closed while they run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from motia_actors.errors import StoreClosedError, StoreError
from motia_actors.stores.lmdb import copies
from motia_actors.stores.lmdb.env import Environment

WAIT_S = 20.0


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    env = Environment(tmp_path / "db", bytes_max=2**28, is_synced=False)
    env.open()
    with env.write() as txn:
        for number in range(1500):
            txn.put(b"%d" % number, b"x" * 3000, db=env.tables.state)
    yield env
    env.close()


def a_folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_copy_is_whole(env: Environment, tmp_path: Path) -> None:
    env.copy(a_folder(tmp_path / "copy"))

    copy = Environment(tmp_path / "copy", bytes_max=2**28, is_synced=False)
    copy.open()
    with copy.read() as txn:
        assert copy.rows(txn)["state"] == 1500
    copy.close()
    assert (tmp_path / "copy" / "data.mdb").stat().st_mode & 0o777 == 0o600


def test_a_copy_ends_when_the_environment_is_closed(
    env: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, is_closing = threading.Event(), threading.Event()
    sizes: list[int] = []
    write = os.write

    def held(file: int, data: memoryview) -> int:
        began.set()
        assert is_closing.wait(WAIT_S)
        sizes.append(len(data))
        return write(file, data)

    def close() -> None:
        assert began.wait(WAIT_S)
        closing = threading.Thread(target=env.close)
        closing.start()
        while not env._copies._is_over:
            closing.join(0.001)
        is_closing.set()
        closing.join(WAIT_S)
        assert not closing.is_alive()

    monkeypatch.setattr(copies, "_write", held)
    closer = threading.Thread(target=close)
    closer.start()
    with pytest.raises(StoreClosedError, match="not whole"):
        env.copy(a_folder(tmp_path / "copy"))
    closer.join(WAIT_S)

    assert not closer.is_alive()
    assert len(sizes) == 1, "the piece that was under way, and no more"
    with pytest.raises(StoreClosedError):
        env.copy(a_folder(tmp_path / "other"))


def test_an_environment_is_not_closed_under_a_copy_that_does_not_end(
    env: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, goes_on = threading.Event(), threading.Event()
    failures: list[Exception] = []
    write = os.write

    def stuck(file: int, data: memoryview) -> int:
        began.set()
        assert goes_on.wait(WAIT_S)
        return write(file, data)

    def copy() -> None:
        try:
            env.copy(a_folder(tmp_path / "copy"))
        except StoreError as error:
            failures.append(error)

    monkeypatch.setattr(copies, "_write", stuck)
    monkeypatch.setattr("motia_actors.stores.lmdb.env.COPY_END_S_MAX", 0.05)
    copier = threading.Thread(target=copy)
    copier.start()
    assert began.wait(WAIT_S)
    env.close()
    goes_on.set()  # The disk answers again, and what LMDB reads is still there.
    copier.join(WAIT_S)

    assert not copier.is_alive()
    assert [type(one) for one in failures] == [StoreClosedError]


def test_a_disk_that_refuses_is_told(
    env: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int, _data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copies, "_write", full)

    with pytest.raises(StoreError, match="No space left on device"):
        env.copy(a_folder(tmp_path / "copy"))
