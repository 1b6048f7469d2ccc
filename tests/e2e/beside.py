"""What goes on beside a test until it is left."""

from __future__ import annotations

import threading
from typing import Self


class Beside(threading.Thread):
    """A thread that runs from the beginning of a block to its end; `run` looks at `is_done`."""

    def __init__(self) -> None:
        super().__init__()
        self._done = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self.join()

    @property
    def is_done(self) -> bool:
        """The block is over."""
        return self._done.is_set()

    def pause(self, pause_s: float) -> bool:
        """Wait, no longer than to the end of the block; answers whether it is over."""
        return self._done.wait(pause_s)
