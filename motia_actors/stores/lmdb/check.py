"""Check a data folder: its pages, and what its tables promise each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from motia_actors.errors import StoreCorruptError
from motia_actors.stores.lmdb import dump_queue, keys, rows, values
from motia_actors.stores.lmdb.dump_queue import UNREADABLE
from motia_actors.stores.lmdb.env import FORMAT, FORMAT_KEY
from motia_actors.stores.lmdb.folder import living
from motia_actors.stores.lmdb.rows import NO_GROUP, Row
from motia_actors.stores.lmdb.snapshot import Snapshot, opened

FINDINGS_MAX = 100
"""Findings told of each kind; a damaged page makes thousands."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found, nothing where all is well, and how many processes use the folder."""

    findings: tuple[str, ...]
    processes: int


def check(path: Path) -> Checked:
    """Read everything in the folder and compare; processes may use it meanwhile.

    Not for a process that has the folder open itself.

    Raises:
        StoreError: there is no store, or it cannot be opened.
    """
    processes = living(path)
    try:
        with opened(path) as (snapshot, problems):
            findings = problems or [finding for law in _LAWS for finding in _some(law(snapshot))]
    except StoreCorruptError as error:
        findings = [str(error)]
    return Checked(findings=tuple(findings), processes=processes)


def _some(findings: Iterator[str]) -> list[str]:
    found = []
    try:
        for finding in findings:
            found.append(finding)  # noqa: PERF402 (what was found before it broke off counts)
    except UNREADABLE as error:
        found.append(f"a row cannot be read: {error}")
    rest = len(found) - FINDINGS_MAX
    return found if rest <= 0 else [*found[:FINDINGS_MAX], f"and {rest} more of this kind"]


def _format_is_ours(snapshot: Snapshot) -> Iterator[str]:
    found = snapshot.get("meta", FORMAT_KEY)
    if found != FORMAT:
        yield f"table meta: the format is {found!r} and not {FORMAT!r}"


def _state_is_at_its_place(snapshot: Snapshot) -> Iterator[str]:
    groups = set()
    for key, record in snapshot.rows("state"):
        groups.add(key[:16])
        try:
            name, _ = keys.split_named(values.split_end(record)[0])
        except UNREADABLE:
            name = ""
        if keys.name16(name) != key[16:]:
            yield f"table state: row {key.hex()} does not hold its own key"
    named = {key for key, _ in snapshot.rows("state_groups")}
    for group in sorted(groups ^ named):
        yield f"table state: group {group.hex()} is not both named and filled"


def _values_end(snapshot: Snapshot) -> Iterator[str]:
    said = {key for key, _ in snapshot.rows("state_ends")}
    rows_of = snapshot.rows("state")
    ends = {record[4:12] + key for key, record in rows_of if record[:1] >= bytes([values.ENDS])}
    # An end that leads to no value harms nobody, and is swept when its time comes.
    for key in sorted(ends - said):
        yield f"table state_ends: the end of state {key[8:].hex()} is not in it"


def _items_are_in_groups(snapshot: Snapshot) -> Iterator[str]:
    filled = {key[:16] for key, _ in snapshot.rows("stream_items")}
    named = {key[16:] for key, _ in snapshot.rows("stream_groups")}
    for group in sorted(filled ^ named):
        yield f"table stream_items: group {group.hex()} is not both named and filled"


def _bodies_are_referred_to(snapshot: Snapshot) -> Iterator[str]:
    refs = Counter(Row.unpack(record).event for _, record in snapshot.rows("due"))
    heads = {key[:8] + key[16:] for key, _ in snapshot.rows("due")}
    for key, record in snapshot.rows("groups"):
        if key[:8] + key[24:] not in heads:
            refs[record[:8]] += 1
    for key, record in snapshot.rows("dead"):
        try:
            refs[dump_queue.read_letter(record).event] += 1
        except UNREADABLE:
            yield f"table dead: row {key.hex()} cannot be read"
    for key, record in snapshot.rows("events"):
        said, counted = int.from_bytes(record[:4], "big"), refs.pop(key, 0)
        if said != counted:
            yield f"table events: event {keys.to_number(key)} has {counted} users, not {said}"
        try:
            rows.read_event(snapshot.txn, snapshot.tables, key)
        except UNREADABLE:
            yield f"table events: event {keys.to_number(key)} cannot be read"
    for key in sorted(refs):
        yield f"table events: event {keys.to_number(key)} is referred to and missing"


def _leases_are_held(snapshot: Snapshot) -> Iterator[str]:
    for key, _ in snapshot.rows("leases"):
        record = snapshot.get("due", key[8:])
        if record is None or Row.unpack(record).owner != key[:8]:
            yield f"table leases: {key.hex()} holds no delivery"
    for key, record in snapshot.rows("due"):
        row = Row.unpack(record)
        if row.lease and snapshot.get("leases", row.owner + key) is None:
            yield f"table due: the lease of delivery {key.hex()} is listed nowhere"


def _groups_have_their_head_due(snapshot: Snapshot) -> Iterator[str]:
    due = {
        key[:8] + row.group + key[16:]
        for key, record in snapshot.rows("due")
        if (row := Row.unpack(record)).group != NO_GROUP
    }
    last = b""
    for key, _ in snapshot.rows("groups"):
        is_head, last = key[:24] != last, key[:24]
        if is_head != (key in due):
            what = "first and not due" if is_head else "due and not first"
            yield f"table groups: delivery {key.hex()} is {what}"
        due.discard(key)
    for key in sorted(due):
        yield f"table due: delivery {key.hex()} is not in its group"


def _steps_are_counted(snapshot: Snapshot) -> Iterator[str]:
    queued = Counter(key[:8] for key, _ in snapshot.rows("due"))
    heads = {key[:8] + key[16:] for key, _ in snapshot.rows("due")}
    queued.update(key[:8] for key, _ in snapshot.rows("groups") if key[:8] + key[24:] not in heads)
    dead = Counter(key[:8] for key, _ in snapshot.rows("dead"))
    steps = dict(snapshot.rows("steps"))
    for step8 in sorted({*queued, *dead, *steps}):
        said = rows.read_counts(snapshot.txn, snapshot.tables, step8)
        counted = (queued[step8], dead[step8])
        if said != counted:
            name = rows.step_text(steps[step8]) if step8 in steps else step8.hex()
            yield f"table steps: {name} has {counted} queued and dead, not {said}"


def _scheduled_can_be_found(snapshot: Snapshot) -> Iterator[str]:
    due = {
        row.tag + key[:8] + key[16:]: key[8:16] + row.group
        for key, record in snapshot.rows("due")
        if (row := Row.unpack(record)).tag
    }
    waiting = {
        record[16:] + key[:8] + key[24:]: record[8:16] + key[8:24]
        for key, record in snapshot.rows("groups")
        if record[16:]
    }
    # The first of a group is in both, and its time in `groups` is the one it was put with.
    expected = {**waiting, **due}
    for key, record in snapshot.rows("scheduled"):
        if expected.pop(key, None) != record:
            yield f"table scheduled: {key.hex()} leads to no delivery"
    for key in sorted(expected):
        yield f"table scheduled: the delivery of {key.hex()} is not in it"


def _dedupe_keys_end(snapshot: Snapshot) -> Iterator[str]:
    ends = {key for key, _ in snapshot.rows("dedupe_ends")}
    stands = {record[:8] + key for key, record in snapshot.rows("dedupes")}
    for key in sorted(ends ^ stands):
        yield f"table dedupes: {key[8:].hex()} has no end, or an end without a key"


_LAWS: tuple[Callable[[Snapshot], Iterator[str]], ...] = (
    _format_is_ours,
    _state_is_at_its_place,
    _values_end,
    _items_are_in_groups,
    _bodies_are_referred_to,
    _leases_are_held,
    _groups_have_their_head_due,
    _steps_are_counted,
    _scheduled_can_be_found,
    _dedupe_keys_end,
)
