"""Who listens to what: rooms by stream, group and item, fed from the store's log of changes.

Every process reads the same log, so subscribers of all workers see the same changes in the same
order with the same numbers. A join first takes in what the log has, then reads its snapshot on
the same thread: no write falls between the two. All calls are made on the loop's thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from motia_actors.clock import Clock
from motia_actors.messages import Change
from motia_actors.store import Store

BATCH = 256
MISSED_MAX = 1000
"""Changes that a client is caught up with; past that it gets the whole again."""

Place = tuple[str, str, str | None]


class Subscriber(Protocol):
    """Whoever is sent messages."""

    def push(self, frame: Frame, change: Change) -> None:
        """Take a change; frame makes and keeps its wire form."""
        ...


class Frame:
    """A payload's wire form, made once for all."""

    __slots__ = ("_frame", "_make", "payload")

    def __init__(self, payload: bytes, make: Callable[[bytes], bytes]) -> None:
        self.payload, self._make = payload, make
        self._frame: bytes | None = None

    def bytes(self) -> bytes:
        """The frame."""
        if self._frame is None:
            self._frame = self._make(self.payload)
        return self._frame


class _Envelope(msgspec.Struct, omit_defaults=True):
    timestamp: int
    seq: int
    streamName: str  # noqa: N815 (Motia's name)
    groupId: str  # noqa: N815 (Motia's name)
    event: msgspec.Raw
    id: str | None = None


class Rooms:
    """The rooms of one process."""

    def __init__(self, store: Store, clock: Clock, *, make_frame: Callable[[bytes], bytes]) -> None:
        self._store, self._clock, self._make = store, clock, make_frame
        self._rooms: dict[Place, dict[Subscriber, None]] = {}
        self._seq = store.streams.last_seq()
        self._time_ms = 0
        # What came before tells the next timestamp, in this worker as in those that ran then.
        for change in store.streams.changes(
            after_seq=max(0, self._seq - MISSED_MAX), count_max=2 * MISSED_MAX
        ):
            if change.seq <= self._seq:
                self._tick(change)

    def take_in(self) -> bool:
        """Send a batch of changes to their rooms; True where there may be more."""
        changes = self._store.streams.changes(after_seq=self._seq, count_max=BATCH)
        for change in changes:
            self._seq = change.seq
            time_ms = self._tick(change)
            group = change.stream, change.group
            rooms = [self._rooms.get((*group, None))]
            if change.item_id is not None:
                rooms.append(self._rooms.get((*group, change.item_id)))
            # Once to each, also where it is in both.
            heard = {one: None for room in rooms if room for one in room}
            if heard:
                frame = Frame(_payload(change, time_ms), self._make)
                for subscriber in heard:
                    subscriber.push(frame, change)
        return len(changes) == BATCH

    def join(self, place: Place, subscriber: Subscriber, *, after_seq: int | None) -> list[bytes]:
        """Put subscriber into a room; answers what it is to be sent first."""
        while self.take_in():
            continue
        self._rooms.setdefault(place, {})[subscriber] = None
        missed = None if after_seq is None else self._missed(place, after_seq)
        if missed is not None:
            return missed
        return self._sync(place)

    def leave(self, place: Place, subscriber: Subscriber) -> None:
        """Take subscriber out of a room."""
        room = self._rooms.get(place)
        if room is not None:
            room.pop(subscriber, None)
            if not room:
                del self._rooms[place]

    def now_ms(self) -> int:
        """A timestamp for what is no change: not before the last one, and before the next."""
        if not self._time_ms:
            self._time_ms = int(self._clock.now_s() * 1000)
        return self._time_ms

    def message(self, place: Place, event: Any) -> bytes:
        """A message about a place that stands for no change."""
        return _encode(place, json.dumps(event).encode(), time_ms=self.now_ms(), seq=self._seq)

    def _sync(self, place: Place) -> list[bytes]:
        stream, group, item_id = place
        reads = self._store.streams
        while True:
            if item_id is None:
                data: bytes | None = b"[" + b",".join(reads.group(stream, group)) + b"]"
            else:
                data = reads.get(stream, group, item_id)
            # Whatever was written meanwhile goes to the rooms, this one included, and the
            # snapshot is read again: it must stand for exactly this place in the log.
            if reads.last_seq() == self._seq:
                break
            self._take_in_silently(place)
        if data is None:
            return []
        event = b'{"type":"sync","data":' + data + b"}"
        return [_encode(place, event, time_ms=self.now_ms(), seq=self._seq)]

    def _take_in_silently(self, place: Place) -> None:
        room = self._rooms[place]
        newest = next(reversed(room))
        room.pop(newest)
        self.take_in()
        self._rooms.setdefault(place, room)[newest] = None

    def _missed(self, place: Place, after_seq: int) -> list[bytes] | None:
        if not 0 <= after_seq <= self._seq or self._seq - after_seq > MISSED_MAX:
            return None
        changes = self._store.streams.changes(after_seq=after_seq, count_max=MISSED_MAX + 1)
        changes = [change for change in changes if change.seq <= self._seq]
        if len(changes) != self._seq - after_seq:
            return None  # The log has dropped some.
        missed, time_ms = [], 0
        for change in changes:
            time_ms = max(time_ms + 1, int(change.at_s * 1000))
            is_here = (change.stream, change.group) == place[:2]
            if is_here and place[2] in (None, change.item_id):
                missed.append(_payload(change, time_ms))
        return missed

    def _tick(self, change: Change) -> int:
        self._time_ms = max(self._time_ms + 1, int(change.at_s * 1000))
        return self._time_ms


def _payload(change: Change, time_ms: int) -> bytes:
    event = change.data
    kind = change.type.encode()
    if change.type == "event":
        event = b'{"type":"event","event":' + event + b"}"
    else:
        event = b'{"type":"' + kind + b'","data":' + event + b"}"
    place = change.stream, change.group, change.item_id
    return _encode(place, event, time_ms=time_ms, seq=change.seq)


def _encode(place: Place, event: bytes, *, time_ms: int, seq: int) -> bytes:
    return msgspec.json.encode(
        _Envelope(
            timestamp=time_ms,
            seq=seq,
            streamName=place[0],
            groupId=place[1],
            id=place[2],
            event=msgspec.Raw(event),
        )
    )
