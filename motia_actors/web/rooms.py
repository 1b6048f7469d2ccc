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
COMMIT_MS_MAX = 10_000
MISSED_MAX = 1000
"""Changes that a client is caught up with; past that it gets the whole again."""

Place = tuple[str, str, str | None]


class Subscriber(Protocol):
    """Whoever is sent messages."""

    def push(self, frame: Frame, change: Change) -> None:
        """Take a change; frame makes and keeps its wire form."""
        ...


class Frame:
    """A message for any number of clients, and its forms on their wires, each made once for all."""

    __slots__ = ("_forms", "payload", "seq")

    def __init__(self, payload: bytes, seq: int) -> None:
        self.payload, self.seq = payload, seq
        self._forms: dict[Callable[[Frame], bytes], bytes] = {}

    def form(self, make: Callable[[Frame], bytes]) -> bytes:
        """What make makes of it."""
        form = self._forms.get(make)
        if form is None:
            form = self._forms[make] = make(self)
        return form


class _Envelope(msgspec.Struct, omit_defaults=True):
    timestamp: int
    seq: int
    streamName: str  # noqa: N815 (Motia's name)
    groupId: str  # noqa: N815 (Motia's name)
    event: msgspec.Raw
    id: str | None = None


class Rooms:
    """The rooms of one process."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
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
                frame = Frame(_payload(change, time_ms), change.seq)
                for subscriber in heard:
                    subscriber.push(frame, change)
        return len(changes) == BATCH

    def join(
        self,
        place: Place,
        subscriber: Subscriber,
        *,
        after_seq: int | None = None,
        after_ms: float | None = None,
    ) -> list[Frame]:
        """Put subscriber into a room; answers what it is to be sent first.

        after_seq or after_ms, the seq or timestamp of the last message it saw, asks for what came
        since, where that is still known; else, and without, it gets the whole.
        """
        while self.take_in():
            continue
        self._rooms.setdefault(place, {})[subscriber] = None
        missed = None
        if after_seq is not None:
            missed = self._missed(place, after_seq)
        elif after_ms is not None:
            missed = self._missed_since(place, after_ms)
        return self._sync(place) if missed is None else missed

    def leave(self, place: Place, subscriber: Subscriber) -> None:
        """Take subscriber out of a room."""
        room = self._rooms.get(place)
        if room is not None:
            room.pop(subscriber, None)
            if not room:
                del self._rooms[place]

    def now_ms(self) -> int:
        """A timestamp for what is no change: not before the last one, and before the next.

        It leaves no mark: the timestamps of changes follow from the log alone.
        """
        # A commit that is under way began a little ago, and its change must come later than this.
        return self._time_ms or int(self._clock.now_s() * 1000) - COMMIT_MS_MAX

    def message(self, place: Place, event: Any) -> Frame:
        """A message about a place that stands for no change."""
        data = json.dumps(event).encode()
        return Frame(_encode(place, data, time_ms=self.now_ms(), seq=self._seq), self._seq)

    def _sync(self, place: Place) -> list[Frame]:
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
        return [Frame(_encode(place, event, time_ms=self.now_ms(), seq=self._seq), self._seq)]

    def _take_in_silently(self, place: Place) -> None:
        room = self._rooms[place]
        newest = next(reversed(room))
        room.pop(newest)
        self.take_in()
        self._rooms.setdefault(place, room)[newest] = None

    def _missed(self, place: Place, after_seq: int) -> list[Frame] | None:
        if not 0 <= after_seq <= self._seq or self._seq - after_seq > MISSED_MAX:
            return None
        timed = self._timed(after_seq)
        if len(timed) != self._seq - after_seq:
            return None  # The log has dropped some.
        return _about(place, timed)

    def _missed_since(self, place: Place, after_ms: float) -> list[Frame] | None:
        timed = self._timed(max(0, self._seq - MISSED_MAX))
        is_from_the_start = bool(timed) and timed[0][0].seq == 1
        if not timed or (timed[0][1] > after_ms and not is_from_the_start):
            return None  # What came before that may be what it missed.
        return _about(place, [one for one in timed if one[1] > after_ms])

    def _timed(self, after_seq: int) -> list[tuple[Change, int]]:
        """Changes up to what was sent, each with its timestamp."""
        changes = self._store.streams.changes(after_seq=after_seq, count_max=MISSED_MAX + 1)
        timed, time_ms = [], 0
        for change in changes:
            if change.seq <= self._seq:
                time_ms = max(time_ms + 1, int(change.at_s * 1000))
                timed.append((change, time_ms))
        return timed

    def _tick(self, change: Change) -> int:
        self._time_ms = max(self._time_ms + 1, int(change.at_s * 1000))
        return self._time_ms


def _about(place: Place, timed: list[tuple[Change, int]]) -> list[Frame]:
    """Of these changes, what whoever listens to place would have heard."""
    return [
        Frame(_payload(change, time_ms), change.seq)
        for change, time_ms in timed
        if (change.stream, change.group) == place[:2] and place[2] in (None, change.item_id)
    ]


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
