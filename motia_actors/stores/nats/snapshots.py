"""Keep the log short: whole copies in the cluster's object store, and the log after them.

One process at a time makes them, whoever holds the lock. A host that is new, or was away for
longer than the log reaches back, begins with the newest copy.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError
from nats.js.object_store import ObjectStore

from motia_actors.errors import StoreError
from motia_actors.stores.nats.address import Address
from motia_actors.stores.nats.link import Link
from motia_actors.stores.nats.replica import Replica
from motia_actors.threads import NativeThread, Signal

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LOCK = "motia_actors snapshots"
LOOK_S = 10.0
LOG_SHARE = 4
"""A snapshot is due once the log takes this part of what it may."""
_KEPT = 2
_TAIL_MESSAGES = 1000
"""Stay in the log behind a snapshot, so that a host a little behind needs none."""
_CALL_S_MAX = 600.0
_JOIN_S_MAX = 10.0
"""What it does for the cluster at the end, where that does not answer, takes 6 s."""

logger = logging.getLogger(__name__)


class Snapshots:
    """Makes snapshots while it runs, on a thread of its own."""

    def __init__(
        self, address: Address, path: Path, *, link: Link, try_hold: Callable[[str], bool]
    ) -> None:
        self.made = 0
        self._address, self._path, self._link = address, path, link
        self._try_hold = try_hold
        self._signal = Signal()
        self._is_over = False
        self._thread: NativeThread | None = None
        self._replica: Replica | None = None

    def start(self, replica: Replica) -> None:
        """Look after the log from now on."""
        self._replica = replica
        self._thread = NativeThread(lambda: self._run(replica), name="motia-snapshots")
        self._thread.start()

    def stop(self) -> None:
        """End it, and what it is at: a copy stops where it is, and so does its upload."""
        self._is_over = True
        self._signal.set()
        if self._replica is None or self._thread is None:
            return
        self._replica.env.stop_copies()
        if not self._thread.join(_JOIN_S_MAX):
            logger.warning("a snapshot is still at work after %g s; it is left", _JOIN_S_MAX)

    def make_if_due(self, replica: Replica) -> bool:
        """Make a snapshot and shorten the log, where it is long; answers whether it did.

        Raises:
            StoreError: the cluster or the disk refused; the log is as it was.
        """
        address = self._address

        async def log_bytes(js: JetStreamContext) -> int:
            return (await js.stream_info(address.stream)).state.bytes

        used_bytes = self._link.call(log_bytes, _CALL_S_MAX)
        if used_bytes < address.log_bytes_max // LOG_SHARE or not self._try_hold(LOCK):
            return False
        with contextlib.ExitStack() as stack:
            part = self._path / "snapshot"
            shutil.rmtree(part, ignore_errors=True)
            stack.callback(shutil.rmtree, part, ignore_errors=True)
            seq = replica.copy_to(part)
            file = stack.enter_context(_Stoppable(part / "data.mdb", lambda: self._is_over))
            self._link.call(lambda js: _upload(js, address, file, seq), _CALL_S_MAX)
        self.made += 1
        logger.info("snapshot of the log at %d; it took %d bytes", seq, used_bytes)
        return True

    def _run(self, replica: Replica) -> None:
        while not self._is_over:
            try:
                if self._link.is_up:
                    self.make_if_due(replica)
            except StoreError as error:
                if not self._is_over:
                    logger.warning("no snapshot was made: %s; trying again", error)
            self._signal.wait(LOOK_S)


class _Stoppable(io.FileIO):
    """A file that cannot be read on once is_over: its upload fails, and takes back what it sent."""

    def __init__(self, path: Path, is_over: Callable[[], bool]) -> None:
        super().__init__(path)
        self._is_over = is_over

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._is_over():
            raise OSError("the store is about to be closed")
        return super().readinto(buffer) or 0


def load(address: Address, folder: Path, *, link: Link, first_seq: int) -> None:
    """Put the newest snapshot in the place of the replica in folder, which is closed.

    Raises:
        StoreError: there is none that reaches up to first_seq, or the disk or cluster refused.
    """
    part = folder.with_name("loading")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(mode=0o700)
        seq = link.call(lambda js: _download(js, address, part / "data.mdb"), _CALL_S_MAX)
        if seq < first_seq - 1:
            raise StoreError(
                f"the log of system {address.system} begins at {first_seq} and its newest "
                f"snapshot ends at {seq}: what lies between is lost; restore a backup"
            )
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    except OSError as error:
        raise StoreError(f"cannot put a snapshot into {folder}: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


async def _bucket(js: JetStreamContext, address: Address) -> ObjectStore:
    name = f"{address.stream}_SNAPSHOTS"
    try:
        return await js.object_store(name)
    except NotFoundError:
        return await js.create_object_store(
            name,
            config=api.ObjectStoreConfig(
                bucket=name, replicas=address.replicas, storage=api.StorageType.FILE
            ),
        )


async def _upload(js: JetStreamContext, address: Address, file: io.FileIO, seq: int) -> None:
    bucket = await _bucket(js, address)
    await bucket.put(f"{seq:020d}", cast("io.BufferedIOBase", file))
    # Whole in the cluster: only now is what it stands for given up.
    await js.purge_stream(address.stream, seq=max(1, seq + 1 - _TAIL_MESSAGES))
    names = sorted(str(info.name) for info in await bucket.list(ignore_deletes=True))
    for name in names[:-_KEPT]:
        await bucket.delete(name)


async def _download(js: JetStreamContext, address: Address, file: Path) -> int:
    """Write the newest snapshot to the file; answers its place in the log."""
    bucket = await _bucket(js, address)
    try:
        names = sorted(str(info.name) for info in await bucket.list(ignore_deletes=True))
    except NotFoundError:
        names = []
    if not names:
        return 0
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        await bucket.get(names[-1], writeinto=stream)
    return int(names[-1])
