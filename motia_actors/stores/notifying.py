"""Wake-ups within one process."""

from __future__ import annotations

from collections.abc import Callable

from motia_actors.messages import Wake
from motia_actors.store import Notifier


class LocalNotifier(Notifier):
    """Tells those of this process who listen; others need not be told, or hear in another way."""

    def __init__(self) -> None:
        self._callbacks: tuple[Callable[[Wake], None], ...] = ()

    def listen(self, callback: Callable[[Wake], None]) -> None:
        """Call callback after everything that woke something."""
        self._callbacks += (callback,)

    def tell(self, wake: Wake) -> None:
        """Tell all who listen."""
        for callback in self._callbacks:
            callback(wake)
