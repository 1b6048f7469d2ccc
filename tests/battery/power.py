"""A disk whose power can be cut: ext4 on a loop device, which wants root.

`EXT4_IOC_SHUTDOWN` without a flush of the journal drops whatever was not yet forced to the disk,
as a power cut does on a disk that keeps its own promises.

Source: linux/fs/ext4/ioctl.c, include/uapi/linux/ext4.h.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from pathlib import Path
from typing import Self

from tests.e2e.server import wait_until

SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
DISK_BYTES = 256 * 2**20
UMOUNT_S_MAX = 10.0


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class PowerDisk:
    """The disk, mounted at `path` inside the block."""

    def __init__(self, folder: Path, *, size_bytes: int = DISK_BYTES) -> None:
        self.path = folder / "disk"
        self._image, self._size_bytes, self._loop = folder / "disk.img", size_bytes, ""

    def __enter__(self) -> Self:
        self.path.mkdir()
        self._image.touch()
        os.truncate(self._image, self._size_bytes)
        run("mkfs.ext4", "-q", "-F", str(self._image))
        self._loop = run("losetup", "-f", "--show", str(self._image))
        self._mount()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.path.is_mount():
            run("umount", "-l", str(self.path))
        run("losetup", "-d", self._loop)

    def cut(self) -> None:
        """Cut the power: from now on every write fails, and what was not synced is gone."""
        disk = os.open(self.path, os.O_RDONLY)
        fcntl.ioctl(disk, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(disk)

    def restore(self) -> None:
        """Let the machine come up again; nobody may have a file open."""
        wait_until(self._is_unmounted, what="the disk is free", limit_s=UMOUNT_S_MAX)
        self._mount()

    def _mount(self) -> None:
        run("mount", "-o", "data=ordered", self._loop, str(self.path))

    def _is_unmounted(self) -> bool:
        return (
            subprocess.run(["umount", self.path], check=False, capture_output=True).returncode == 0
        )
