"""gunicorn's configuration, with each setting at hand.

gunicorn looks settings up by name in a table, by way of three calls; a request needs some twenty.
"""

from __future__ import annotations

from gunicorn.config import Config


class SettledConfig(Config):  # type: ignore[misc]  # gunicorn has no types
    """A configuration whose settings are attributes of its own."""

    is_ssl = False  # In place of gunicorn's property.

    def set(self, name: str, value: object) -> None:
        """Change a setting; whoever looks it up from now on sees it."""
        super().set(name, value)
        self.keep(name)

    def keep(self, *names: str) -> None:
        """Have settings at hand, unless gunicorn makes a property of them."""
        for name in names:
            if not hasattr(Config, name):
                self.__dict__[name] = self.settings[name].get()
        self.is_ssl = bool(self.certfile or self.keyfile)


def settle(cfg: Config) -> None:
    """Make cfg, which others hold already, a settled one."""
    cfg.__class__ = SettledConfig
    cfg.keep(*cfg.settings)
