"""gunicorn's configuration, with each setting at hand.

gunicorn looks settings up by name in a table, by way of three calls; a request needs some twenty.
"""

from __future__ import annotations

from gunicorn.config import Config


class SettledConfig(Config):  # type: ignore[misc]  # gunicorn has no types
    """A configuration whose settings are attributes of its own."""

    def set(self, name: str, value: object) -> None:
        """Change a setting; whoever looks it up from now on sees it."""
        super().set(name, value)
        self.keep(name)

    def keep(self, name: str) -> None:
        """Have a setting at hand, unless gunicorn makes a property of it."""
        if not hasattr(Config, name):
            self.__dict__[name] = self.settings[name].get()


def settle(cfg: Config) -> None:
    """Make cfg, which others hold already, a settled one."""
    cfg.__class__ = SettledConfig
    for name in cfg.settings:
        cfg.keep(name)
