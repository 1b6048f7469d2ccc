"""Dedupe keys in LMDB: which event stands for others of its topic and key, and until when.

dedupes: pair16(topic, key) -> end(8) event id.  dedupe_ends: end(8) pair16(topic, key) -> nothing.
"""

from __future__ import annotations

from motia_actors.stores.lmdb import keys
from motia_actors.stores.lmdb.work import Work


def standing(work: Work, pair16: bytes) -> str | None:
    """The id of the event that stands for a pair of topic and key now."""
    record = work.txn.get(pair16, db=work.tables.dedupes)
    if record is None or keys.to_time(record[:8]) <= work.now_s:
        return None
    return keys.to_text(record[8:])


def stand(work: Work, pair16: bytes, event_id: str, *, window_s: float) -> None:
    """Let the event stand for the pair from now on; one that stood before is forgotten."""
    end = keys.time(work.now_s + window_s)
    before = work.txn.get(pair16, db=work.tables.dedupes)
    if before is not None:
        work.txn.delete(before[:8] + pair16, db=work.tables.dedupe_ends)
    work.txn.put(pair16, end + keys.to_bytes(event_id), db=work.tables.dedupes)
    work.txn.put(end + pair16, b"", db=work.tables.dedupe_ends)


def sweep(work: Work, *, rows_max: int) -> int:
    """Forget up to rows_max pairs that nothing stands for any more; answers how many."""
    count = 0
    cursor = work.txn.cursor(work.tables.dedupe_ends)
    cursor.first()
    # After delete the cursor stands on the next row, or on none, whose key is empty.
    while count < rows_max and (key := cursor.key()) and keys.to_time(key[:8]) <= work.now_s:
        work.txn.delete(key[8:], db=work.tables.dedupes)
        cursor.delete()
        count += 1
    return count
