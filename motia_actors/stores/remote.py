"""Stores that need an extra: imported when they are asked for, so that others pay nothing."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, cast

from motia_actors.clock import Clock
from motia_actors.errors import SettingsError
from motia_actors.store import Store


def nats_store(address: str, path: Path, clock: Clock, **options: Any) -> Store:
    """Make a NATS store, still closed; options are those of `NatsStore`.

    Raises:
        SettingsError: the address is malformed, or the extra `nats` is not installed.
    """
    try:
        addresses = importlib.import_module("motia_actors.stores.nats.address")
        stores = importlib.import_module("motia_actors.stores.nats.store")
    except ModuleNotFoundError as error:
        if error.name not in ("nats", "nkeys"):
            raise
        raise SettingsError(
            "MOTIA_STORE=nats://… needs the extra `nats`: pip install 'motia-actors[nats]'"
        ) from error
    where = addresses.parse(address)
    return cast("Store", stores.NatsStore(where, where.folder or path, clock, **options))
