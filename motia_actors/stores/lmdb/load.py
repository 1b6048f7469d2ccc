"""Read the lines of a dump into a data folder, all of them or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from motia_actors.errors import StoreCorruptError, StoreError
from motia_actors.stores import limits
from motia_actors.stores.lmdb import dump_queue, keys, lines, ring, rows, state
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.folder import FolderLock
from motia_actors.stores.lmdb.lines import (
    AnyLine,
    DedupeLine,
    DeliveryLine,
    EndLine,
    HeaderLine,
    ItemLine,
    LetterLine,
    RecordLine,
    SlotLine,
    StateLine,
    kind_of,
)
from motia_actors.stores.lmdb.work import Work


def import_(
    path: Path, stream: BinaryIO, *, bytes_max: int, is_merge: bool = False
) -> dict[str, int]:
    """Read a dump into the folder at path; answers how many lines of each kind there were.

    It is one commit, on disk on return. Values and items take the place of those of their name;
    deliveries, dead letters and records come after those that are there. Changes of streams are
    not logged.

    Args:
        path: The data folder, made where it is missing.
        stream: The lines of one dump.
        bytes_max: Bytes of data the folder may hold, as its store's `map_bytes_max`.
        is_merge: Whether it may hold something already.

    Raises:
        StoreCorruptError: a line is damaged, or the last one is missing.
        StoreFullError: there is no room for it.
        StoreError: processes use the folder, or it holds something and is_merge is False.
    """
    lock = FolderLock(path)
    path.mkdir(parents=True, exist_ok=True)
    with lock.held():
        env = Environment(path / "db", bytes_max=bytes_max, is_synced=True)
        env.open()
        try:
            with env.write() as txn:
                work = Work(txn, env.tables, now_s=0.0, owner=rows.NOBODY)
                if not is_merge:
                    expect_empty(env, work)
                counts = put_all(work, stream)
                work.finish()
                return counts
        finally:
            env.close()


def expect_empty(env: Environment, work: Work) -> None:
    """Accept a store that holds nothing.

    Raises:
        StoreError: it holds something; says what.
    """
    rows_of = env.rows(work.txn)
    filled = {name: count for name, count in rows_of.items() if count and name != "meta"}
    if filled:
        listed = ", ".join(f"{count} {name}" for name, count in filled.items())
        raise StoreError(
            f"the store in {env.path.parent} holds {listed}; import into an empty folder, "
            f"or merge into this one"
        )


def put_all(work: Work, stream: BinaryIO) -> dict[str, int]:
    """Put what the lines of a dump say; answers how many lines of each kind there were.

    Raises:
        StoreCorruptError: a line is damaged, or the last one is missing.
    """
    counts: Counter[str] = Counter()
    for number, line in _body(stream):
        try:
            _put(work, line)
        except (StoreCorruptError, ValueError) as error:
            raise StoreCorruptError(f"line {number} is damaged: {error}") from error
        if not isinstance(line, EndLine):
            counts[kind_of(line)] += 1
        elif line.counts != counts:
            raise StoreCorruptError(f"the dump has {dict(counts)} lines, not {line.counts}")
    return dict(counts)


def _body(stream: BinaryIO) -> Iterator[tuple[int, AnyLine]]:
    """All lines after the header, the last of them included."""
    line: AnyLine | None = None
    for number, text in enumerate(stream, start=1):
        if isinstance(line, EndLine):
            raise StoreCorruptError(f"line {number} comes after the end of the dump")
        line = lines.decode(text, number=number)
        if number == 1:
            _expect_header(line)
        else:
            yield number, line
    if not isinstance(line, EndLine):
        raise StoreCorruptError("the dump is cut off: it has no last line")


def _expect_header(line: AnyLine) -> None:
    if not isinstance(line, HeaderLine) or line.format != lines.PROGRAM:
        raise StoreCorruptError("this is no dump: its first line is no header")
    if line.version != lines.VERSION:
        raise StoreCorruptError(
            f"the dump has version {line.version}, and this program reads {lines.VERSION}"
        )


def _put(work: Work, line: AnyLine) -> None:
    match line:
        case StateLine(group=group, key=key, end_s=end_s):
            state.put(work, group, key, line.content(), end_s=end_s)
        case ItemLine():
            _put_item(work, line)
        case DeliveryLine():
            dump_queue.put_delivery(work, line)
        case LetterLine():
            dump_queue.put_letter(work, line)
        case SlotLine():
            dump_queue.put_slot(work, line)
        case DedupeLine():
            dump_queue.put_dedupe(work, line)
        case RecordLine(journal=journal):
            prefix = _hash(journal)
            ring.append(
                work, work.tables.journal, line.content(), prefix=prefix, limits=limits.JOURNAL
            )
        case HeaderLine():
            raise StoreCorruptError("a second header")
        case EndLine():
            pass


def _put_item(work: Work, line: ItemLine) -> None:
    stream, place, item = _hash(line.stream), _hash(line.place), _hash(line.item)
    old = work.txn.get(place + item, db=work.tables.stream_items)
    created = keys.number(work.next_number()) if old is None else old[:8]
    work.txn.put(place + item, created + line.content(), db=work.tables.stream_items)
    work.txn.put(stream + place, keys.to_bytes(line.group), db=work.tables.stream_groups)


def _hash(text: str) -> bytes:
    data = bytes.fromhex(text)
    if len(data) != 16:
        raise StoreCorruptError(f"{text!r} is no hash of a name")
    return data
