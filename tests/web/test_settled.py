"""gunicorn's configuration, with each setting at hand."""

from __future__ import annotations

from typing import Any

import pytest
from gunicorn.config import Config

from motia_actors.web.settled import settle


@pytest.fixture
def cfg() -> Any:
    cfg: Any = Config()
    cfg.set("threads", 7)
    settle(cfg)
    return cfg


def test_every_setting_is_what_it_was(cfg: Any) -> None:
    plain: Any = Config()
    plain.set("threads", 7)

    differing = [name for name in plain.settings if getattr(cfg, name) != getattr(plain, name)]

    assert differing == []
    assert cfg.threads == vars(cfg)["threads"] == 7


def test_what_is_set_later_is_seen(cfg: Any) -> None:
    cfg.set("keepalive", 11)
    cfg.set("certfile", "some.pem")

    assert (cfg.keepalive, bool(cfg.is_ssl)) == (11, True)


def test_a_wrong_setting_is_refused_as_ever(cfg: Any) -> None:
    with pytest.raises(AttributeError, match="Invalid access"):
        cfg.threads = 3
    with pytest.raises(AttributeError, match="nothing_such"):
        cfg.set("nothing_such", 1)
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = cfg.nothing_such
    assert cfg.threads == 7
