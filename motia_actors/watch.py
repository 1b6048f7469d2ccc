"""Tells of edited files: the reload of `dev`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import watchfiles

from motia_actors.threads import NativeThread

logger = logging.getLogger(__name__)

SUFFIXES = (".py", ".ts", ".js", ".mjs", ".cjs", ".json", ".toml")
STOP_S_MAX = 5.0
SETTLE_MS = 20
"""Edits this close together are one: an editor writes a file in several steps."""


class _Filter(watchfiles.DefaultFilter):
    """Sources alone, and none that tools and the system itself write."""

    ignore_dirs = (*watchfiles.DefaultFilter.ignore_dirs, ".motia", "python_modules", "dist")

    def __call__(self, change: watchfiles.Change, path: str) -> bool:
        return path.endswith(SUFFIXES) and super().__call__(change, path)


class Watcher:
    """Calls on_change with the files below root that were added, changed or removed.

    One call at a time, on a thread of its own. What on_change raises is logged, and watching
    goes on.
    """

    def __init__(self, root: Path, on_change: Callable[[list[Path]], object]) -> None:
        self._root, self._on_change = root, on_change
        self._stop = threading.Event()
        self._thread = NativeThread(self._watch, name="motia-watch")

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the call that runs, if one does."""
        self._stop.set()
        self._thread.join(STOP_S_MAX)

    def _watch(self) -> None:
        for changes in watchfiles.watch(
            self._root,
            watch_filter=_Filter(),
            stop_event=self._stop,
            step=SETTLE_MS,
            rust_timeout=500,
            raise_interrupt=False,
        ):
            paths = sorted({Path(path) for _change, path in changes})
            try:
                self._on_change(paths)
            except Exception:
                logger.exception("reload of %s failed; the old versions run on", paths)
