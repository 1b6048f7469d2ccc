"""Write a data folder as lines of JSON: to move it, to read it, or to save what can be saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from motia_actors.stores.lmdb import dump_queue, keys, lines, ring, values
from motia_actors.stores.lmdb.dump_queue import UNREADABLE, names
from motia_actors.stores.lmdb.lines import (
    EndLine,
    HeaderLine,
    ItemLine,
    Line,
    RecordLine,
    StateLine,
    value_fields,
)
from motia_actors.stores.lmdb.snapshot import Snapshot, opened


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines of each kind were written, and what could not be read."""

    counts: dict[str, int]
    lost: tuple[str, ...]


def export(path: Path, stream: BinaryIO, *, has_journal: bool = False) -> Exported:
    """Write everything that can be read: one commit of it where the file is whole.

    Processes may use the folder meanwhile. Not for a process that has it open itself.

    Args:
        path: The data folder.
        stream: Where the lines go.
        has_journal: The records of the journal too.

    Raises:
        StoreCorruptError: the file's header is damaged; nothing can be read.
        StoreError: there is no store, or it cannot be opened.
    """
    counts: Counter[str] = Counter()
    stream.write(lines.encode(HeaderLine(format=lines.PROGRAM, version=lines.VERSION)))
    with opened(path) as (snapshot, problems):
        lost = list(problems)
        for line in _lines(snapshot, lost, has_journal=has_journal):
            counts[lines.kind_of(line)] += 1
            stream.write(lines.encode(line))
    stream.write(lines.encode(EndLine(counts=dict(counts), lost=lost)))
    return Exported(counts=dict(counts), lost=tuple(lost))


def _lines(snapshot: Snapshot, lost: list[str], *, has_journal: bool) -> Iterator[Line]:
    yield from _state(snapshot, lost)
    yield from _items(snapshot, lost)
    yield from dump_queue.left(snapshot)
    yield from dump_queue.deliveries(snapshot, lost)
    yield from dump_queue.letters(snapshot, lost)
    yield from dump_queue.slots(snapshot, lost)
    yield from dump_queue.dedupes(snapshot, lost)
    if has_journal:
        for key, record in snapshot.rows("journal"):
            yield RecordLine(journal=key[:16].hex(), **value_fields(ring.value_of(record)))


def _state(snapshot: Snapshot, lost: list[str]) -> Iterator[StateLine]:
    groups = dict(names(snapshot, "state_groups", keys.to_text, lost))
    for key, record in snapshot.rows("state"):
        try:
            plain, end_s = values.split_end(record)
            name, value = keys.split_named(plain)
        except UNREADABLE as error:
            lost.append(f"state {key.hex()}: {error}")
            continue
        if key[:16] in groups:
            yield StateLine(group=groups[key[:16]], key=name, end_s=end_s, **value_fields(value))
        else:
            lost.append(f"state {name!r}: the name of its group is lost")


def _items(snapshot: Snapshot, lost: list[str]) -> Iterator[ItemLine]:
    places = set()
    for key, name in names(snapshot, "stream_groups", keys.to_text, lost):
        stream, place = key[:16], key[16:]
        places.add(place)
        # Keys are hashes: the order of creation is that of the numbers before the data.
        created = sorted(
            (item[:8], item_key) for item_key, item in snapshot.rows("stream_items", place)
        )
        for _, item_key in created:
            item = snapshot.get("stream_items", item_key)
            assert item is not None, "a snapshot does not change"
            yield ItemLine(
                stream=stream.hex(),
                group=name,
                place=place.hex(),
                item=item_key[16:].hex(),
                **value_fields(item[8:]),
            )
    for key, _ in snapshot.rows("stream_items"):
        if key[:16] not in places:
            lost.append(f"stream item {key.hex()}: the name of its group is lost")
