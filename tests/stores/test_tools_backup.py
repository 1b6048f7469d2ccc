"""Backup and compact: whole copies while others write, and no file replaced under anybody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from motia_actors.errors import StoreCorruptError, StoreError
from motia_actors.store import StateClear, StateSet
from motia_actors.stores.lmdb.backup import backup, compact
from motia_actors.stores.lmdb.check import check
from motia_actors.stores.lmdb.folder import FolderLock
from tests.stores.driving import driven
from tests.stores.filling import a_store, dump, filled
from tests.stores.test_processes import Child, child_on
from tests.stores.test_tools_check import data_of, numbered, overwrite


def names(path: Path) -> list[str]:
    return sorted(str(one.relative_to(path)) for one in path.rglob("*"))


def test_a_backup_is_a_store_with_the_same_content(tmp_path: Path) -> None:
    before = dump(filled(tmp_path / "data"))

    copied = backup(tmp_path / "data", tmp_path / "deep" / "backup")

    assert dump(tmp_path / "deep" / "backup") == before
    assert check(tmp_path / "deep" / "backup").findings == ()
    assert copied.bytes_after == data_of(tmp_path / "deep" / "backup").stat().st_size
    assert data_of(tmp_path / "deep" / "backup").stat().st_mode & 0o077 == 0
    assert names(tmp_path / "deep") == ["backup", *(f"backup/{n}" for n in _of_a_dump())]


def _of_a_dump() -> list[str]:
    """What is in a backup that was looked at: LMDB adds its lock file."""
    return ["db", "db/data.mdb", "db/lock.mdb"]


def next_number(child: Child) -> int:
    """The next write that the flood had acknowledged, past what its notifier says."""
    said = child.hear()
    while not said.isdecimal():
        assert said.startswith("woken")
        said = child.hear()
    return int(said)


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(3))
def test_a_backup_under_writes_is_whole_and_has_what_was_acknowledged(
    tmp_path: Path, round_: int
) -> None:
    with child_on(tmp_path / "data") as child:
        child.tell("flood")
        acknowledged = max(next_number(child) for _ in range(20 * (round_ + 1)))

        backup(tmp_path / "data", tmp_path / "backup")
        checked = check(tmp_path / "data")

        assert next_number(child) > acknowledged
        child.kill()

    assert checked.processes == 1
    assert checked.findings == check(tmp_path / "backup").findings == ()
    with driven(a_store(tmp_path / "backup")) as store:
        for number in range(acknowledged + 1):
            assert store.state.get("flood", str(number)) is not None
            assert store.streams.get("s", "g", str(number)) is not None


@pytest.mark.slow
def test_a_store_in_use_is_exported_and_never_compacted(tmp_path: Path) -> None:
    filled(tmp_path)
    with child_on(tmp_path) as child:
        inode = data_of(tmp_path).stat().st_ino

        with pytest.raises(StoreError, match="in use by 1 process; stop it first"):
            compact(tmp_path)

        assert dump(tmp_path).endswith(b"}\n")
        assert data_of(tmp_path).stat().st_ino == inode
        child.kill()

    compact(tmp_path)
    assert check(tmp_path).findings == ()


def test_nobody_opens_a_store_whose_file_is_being_replaced(tmp_path: Path) -> None:
    filled(tmp_path)

    with FolderLock(tmp_path).held(), pytest.raises(StoreError, match="being compacted"):
        a_store(tmp_path).open()

    with driven(a_store(tmp_path)) as store:
        assert store.state.get("g", "g") == b'{"a":1}'


def test_compacting_gives_back_what_was_deleted(tmp_path: Path) -> None:
    filled(tmp_path)
    with driven(a_store(tmp_path)) as store:
        for number in range(50):
            store.write(StateSet(group="gone", key=str(number), value=b"x" * 100_000))
        store.write(StateClear(group="gone"))
    before = dump(tmp_path)

    copied = compact(tmp_path)

    assert copied.bytes_after < copied.bytes_before / 10
    assert dump(tmp_path) == before
    with driven(a_store(tmp_path)) as store:
        store.write(StateSet(group="new", key="k", value=b"1"))
    assert check(tmp_path).findings == ()
    assert names(tmp_path / "db") == ["data.mdb", "lock.mdb"]


def test_a_backup_never_writes_into_what_is_there(tmp_path: Path) -> None:
    filled(tmp_path / "data")
    (tmp_path / "backup").mkdir()

    with pytest.raises(StoreError, match="is there already"):
        backup(tmp_path / "data", tmp_path / "backup")

    assert names(tmp_path / "backup") == []


@pytest.mark.slow
def test_a_damaged_file_is_neither_backed_up_nor_compacted(tmp_path: Path) -> None:
    numbered(tmp_path / "data")
    data = data_of(tmp_path / "data")
    overwrite(tmp_path / "data", data.read_bytes().rindex(b"399" * 50) // 4096, b"\xff" * 4096)
    before = data.read_bytes()

    with pytest.raises(StoreCorruptError, match="export what can be read"):
        backup(tmp_path / "data", tmp_path / "backup")
    with pytest.raises(StoreCorruptError, match="export what can be read"):
        compact(tmp_path / "data")

    assert names(tmp_path)[0] == "data"
    assert not (tmp_path / "backup").exists()
    assert data.read_bytes() == before


def test_a_target_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    filled(tmp_path / "data")
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="cannot write"):
        backup(tmp_path / "data", tmp_path / "file" / "backup")


WATCHED = """
import sys

from motia_actors.cli import cli

opened = []
sys.addaudithook(lambda name, args: opened.append(str(args[0])) if name == "open" else None)
cli(sys.argv[1:], standalone_mode=False)
touched = [name for name in opened if name.endswith("lock.mdb")]

assert not touched, touched
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [("check",), ("backup", "{out}/copy"), ("compact",), ("export", "{out}/dump.jsonl")],
    ids=lambda words: words[0],
)
def test_no_command_opens_the_lock_file_itself(words: tuple[str, ...], tmp_path: Path) -> None:
    # Whoever closes it drops the locks that LMDB holds in the same process.
    filled(tmp_path / "project" / ".motia" / "data")
    words = tuple(word.format(out=tmp_path) for word in words)

    ended = subprocess.run(
        [sys.executable, "-c", WATCHED, "data", *words, "--project", tmp_path / "project"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
