"""State, streams, events, locks and journal in one LMDB environment shared by processes."""

from motia_actors.stores.lmdb.store import LmdbStore

__all__ = ["LmdbStore"]
