"""What becomes of the events that a load sets off: how many are handled, and how old they get.

The queue is looked at from outside, in the store that the server works on. By Little's law an event
that finds n before it is done after n over what is handled a second; that is its age here.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.load import Request
from bench.open_load import Seen, load
from bench.rows import percentile_ms
from motia_actors.clock import SystemClock
from motia_actors.store import Store
from motia_actors.stores.lmdb import LmdbStore

LOOK_S = 0.005
DRAIN_S_MAX = 60.0
TOKEN = secrets.token_hex(16)
"""Opens `/emit` and `/metrics` of the servers that are measured."""


class EventLoad:
    """Sends requests to one server, and counts what an event step makes of them.

    Args:
        port: Of the server.
        store: The folder of its store.
        step: Its id.
    """

    def __init__(self, port: int, store: Path, step: str) -> None:
        self._port, self._folder, self._step = port, store, step

    def run(self, requests: Sequence[Request], *, per_s: float, seconds: float) -> Seen:
        """What was handled a second while the load came, and the ages of what waited."""
        with self._store() as store:
            before = self._ended()
            begun_s = time.monotonic()
            depths, stop = list[int](), threading.Event()
            looker = threading.Thread(target=self._look, args=(store, depths, stop))
            looker.start()
            try:
                sent = load(self._port, requests, per_s=per_s, seconds=seconds)
                loaded, loaded_s = self._ended(), time.monotonic() - begun_s
            finally:
                stop.set()
                looker.join()
            self._drain(store)
        done, failed = (after - was for after, was in zip(self._ended(), before, strict=True))
        handled_per_s = (loaded[0] - before[0]) / loaded_s
        ages_s = [depth / max(handled_per_s, 1e-9) for depth in depths] or [0.0]
        return Seen(
            per_s=handled_per_s,
            p50_ms=percentile_ms(ages_s, 0.5),
            p99_ms=percentile_ms(ages_s, 0.99),
            mean_ms=sum(ages_s) / len(ages_s) * 1000,
            rejected=sent.rejected,
            failed=max(sent.failed, failed / max(1, done + failed)),
        )

    @contextlib.contextmanager
    def _store(self) -> Iterator[Store]:
        store = LmdbStore(self._folder, SystemClock())
        store.open()
        try:
            yield store
        finally:
            store.close()

    def _look(self, store: Store, depths: list[int], stop: threading.Event) -> None:
        while not stop.wait(LOOK_S):
            depth = store.events.depth(self._step)
            depths.append(depth.waiting + depth.leased)

    def _drain(self, store: Store) -> None:
        """Wait until nothing of the step is left, so that the counts are whole."""
        until_s = time.monotonic() + DRAIN_S_MAX
        while time.monotonic() < until_s:
            depth = store.events.depth(self._step)
            if not depth.waiting + depth.leased:
                return
            time.sleep(LOOK_S)

    def _ended(self) -> tuple[int, int]:
        """How many of its runs were completed, and how many failed, since the server began."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10.0)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            text = connection.getresponse().read().decode()
        counts = {}
        for labels, value in re.findall(r"^motia_calls_total\{(.*)\} (\S+)$", text, re.MULTILINE):
            if f'step="{self._step}"' in labels:
                counts["failed" if 'outcome="failed"' in labels else "completed"] = float(value)
        return int(counts.get("completed", 0)), int(counts.get("failed", 0))
