"""A server on a data file that is damaged, foreign or not to be read says so and keeps off."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from motia_actors.clock import SystemClock
from motia_actors.store import StateSet
from motia_actors.stores.lmdb import LmdbStore
from tests.e2e.server import free_port, write_project
from tests.stores.driving import driven

pytestmark = pytest.mark.slow

END_S_MAX = 20.0
START = (sys.executable, "-m", "motia_actors", "start")
APP_FAILED_TO_LOAD = 4  # As gunicorn has it: no new worker is tried.


def garbage(data: Path) -> None:
    data.write_bytes(os.urandom(20_000))


def cut_off(data: Path) -> None:
    os.truncate(data, data.stat().st_size // 2 // 4096 * 4096)


def of_another_program(data: Path) -> None:
    data.unlink()
    with lmdb.open(str(data.parent)) as env, env.begin(write=True) as txn:
        txn.put(b"k", b"v")


def of_another_version(data: Path) -> None:
    whole = bytearray(data.read_bytes())
    for meta in (0, 4096):
        whole[meta + 20] = 2
    data.write_bytes(whole)


@pytest.mark.parametrize("damage", [garbage, cut_off, of_another_program, of_another_version])
def test_a_server_does_not_start_on_a_damaged_file_and_leaves_it_alone(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    project = write_project(tmp_path / "project", {"steps/.keep": ""})
    folder = project / ".motia" / "data"
    with driven(LmdbStore(folder, SystemClock())) as store:
        for number in range(50):
            store.write(StateSet(group="g", key=str(number), value=b"x" * 5_000))
    data = folder / "db" / "data.mdb"
    damage(data)
    damaged = data.read_bytes()

    ended = subprocess.run(
        [*START, "--project", str(project), "--bind", f"127.0.0.1:{free_port()}"],
        capture_output=True,
        text=True,
        timeout=END_S_MAX,
        check=False,
    )

    said = ended.stdout + ended.stderr
    assert ended.returncode == APP_FAILED_TO_LOAD, said
    assert "data.mdb" in said or "another program" in said, said
    assert "Traceback" not in said
    assert data.read_bytes() == damaged
