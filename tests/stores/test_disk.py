"""Which disk a data folder may be on."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.errors import StoreError
from motia_actors.stores.lmdb import LmdbStore, disk

LOCAL = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw"


def mounted(tmp_path: Path, kind: str) -> str:
    point = str(tmp_path).replace(" ", "\\040")
    return f"{LOCAL}\n40 22 0:40 / {point} rw master:7 - {kind} server:/export rw,vers=4"


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_store_on_a_network_disk_is_refused_with_the_way_out(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mounts").write_text(mounted(tmp_path, kind))
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "mounts")
    folder = tmp_path / "data"

    with pytest.raises(StoreError, match=rf"{kind}.*MOTIA_STORE=lmdb:///path"):
        LmdbStore(folder, SystemClock()).open()

    assert not folder.exists(), "nothing was written there"


def test_a_store_inside_a_container_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mounts").write_text(mounted(tmp_path, "overlay"))
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "mounts")

    with caplog.at_level(logging.WARNING, logger="motia_actors"):
        disk.check(tmp_path / "data")

    assert "put it on a volume" in caplog.text


def test_the_innermost_mount_counts_and_of_several_the_last(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    mounts = "\n".join(
        [
            mounted(tmp_path, "nfs"),
            mounted(folder, "xfs"),
            mounted(folder, "btrfs"),
            mounted(Path(f"{folder}c"), "cifs"),
        ]
    )

    assert disk.kind_of(folder / "data", mounts) == "btrfs"


def test_a_link_is_followed_to_the_disk_it_leads_to(tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    (tmp_path / "near").symlink_to(far)

    assert disk.kind_of(tmp_path / "near" / "data", mounted(far, "nfs")) == "nfs"


def test_the_disk_of_this_machine_has_a_type() -> None:
    assert disk.kind_of(Path.cwd(), disk.MOUNTS.read_text()) != ""


def test_where_mounts_cannot_be_read_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "nowhere")

    disk.check(tmp_path)
