"""Which disk a data folder is on: LMDB's locks and maps hold between processes of one kernel only.

On a network file system two machines would each believe to be the one that writes, and what one
has mapped is not what the other wrote. There it is refused, since nothing would tell until data
is gone.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from motia_actors.errors import StoreError

logger = logging.getLogger(__name__)

MOUNTS = Path("/proc/self/mountinfo")
SHARED = frozenset(
    (
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "orangefs",
        "pvfs2",
        "smb3",
        "smbfs",
        "fuse.ceph",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.mfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.smbnetfs",
        "fuse.sshfs",
    )
)
"""Types of file systems that other machines may have mounted too."""
FLEETING = "overlay"
"""A container's own files, which go when it goes."""


def check(folder: Path) -> None:
    """Refuse a folder on a disk that other machines share; warn where it will not last.

    Raises:
        StoreError: names the folder, the type of its file system and the way out.
    """
    try:
        mounts = MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:
        return  # No Linux; there the rule stands in the documents alone.
    kind = kind_of(folder, mounts)
    if kind in SHARED:
        raise StoreError(
            f"{folder} is on a network file system ({kind}), where the store would lose data; "
            f"put it on a local disk: MOTIA_STORE=lmdb:///path"
        )
    if kind == FLEETING:
        logger.warning(
            "%s is inside a container and is gone when that is; put it on a volume", folder
        )


def kind_of(folder: Path, mounts: str) -> str:
    """The type of the file system a folder is on, or will be once it is made.

    Args:
        folder: Followed through links.
        mounts: What `/proc/self/mountinfo` says; empty text is answered for what is not in it.
    """
    real = folder.resolve()
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        point = Path(_unescaped(fields.split(" ")[4]))
        # Of several mounts on one point the last one is seen.
        if real.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), rest.split(" ")[0]
    return kind


def _unescaped(text: str) -> str:
    r"""Read `\040` and its like: blanks, tabs, line breaks and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
