"""What a store on NATS tells of itself: figures for people, and troubles for probes."""

from __future__ import annotations

import time

from motia_actors.store import Trouble
from motia_actors.stores.nats.proposer import PATIENCE_S, Proposer
from motia_actors.stores.nats.replica import Replica

FULL_SHARE = 0.9
"""From this part of the outbox on nothing more is to be sent here."""


def figures(proposer: Proposer, replica: Replica, *, outbox_bytes_max: int) -> dict[str, float]:
    """Commits, what waits, how far the log was read, and the replica's bytes and rows."""
    with replica.env.read() as txn:
        bytes_used = replica.env.bytes_used(txn)
        rows = replica.env.rows(txn)
    return {
        "commits": proposer.commits,
        "waiting": proposer.waiting,
        "waiting_bytes": proposer.waiting_bytes,
        "outbox_bytes": proposer.outbox_bytes,
        "outbox_bytes_max": outbox_bytes_max,
        "outbox_kept": proposer.kept,
        "is_connected": float(proposer.is_up),
        "log_seq": replica.seq,
        "log_behind": max(0, proposer.last_seq - replica.seq),
        "bytes_used": bytes_used,
        **{f"rows_{table}": count for table, count in rows.items()},
    }


def troubles(proposer: Proposer, *, outbox_bytes_max: int) -> list[Trouble]:
    """That the cluster is away, and whether emits still find room. Names no host: it is public."""
    if not proposer.is_away:
        return []
    share = (proposer.waiting_bytes + proposer.channel.size_bytes) / outbox_bytes_max
    away_s = PATIENCE_S if proposer.is_up else time.monotonic() - proposer.down_since_s
    away = f"the NATS cluster has been away for {away_s:.1f} s"
    if share >= FULL_SHARE:
        return [Trouble(f"{away} and the outbox is full: writes are refused", is_full=True)]
    kept = f"emits are kept in the outbox, which is {share:.0%} full"
    return [Trouble(f"{away}: {kept}, and other writes wait")]
