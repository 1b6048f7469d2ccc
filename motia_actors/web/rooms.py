"""Who listens to what: rooms by stream, group and item, fed from the store's log of changes.

Every process reads the same log, so subscribers of all workers see the same changes in the same
order with the same numbers. A join reads its snapshot with its place in the log, and tells the
rooms of all that is older before the newcomer is in one: no write falls between the two. All calls
are made on the loop's thread.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from motia_actors.clock import Clock
from motia_actors.messages import Change
from motia_actors.store import Store

BATCH = 256
COMMIT_MS_MAX = 10_000
MISSED_MAX = 1000
"""Changes that are kept to catch clients up with; past that they get the whole again."""
MISSED_BYTES_MAX = 8 * 1024 * 1024
"""Of those."""
SYNC_BYTES_MAX = 8 * 1024 * 1024
"""Of syncs that are kept for the next who joins, while what they tell is still so."""

logger = logging.getLogger("motia_actors")

Place = tuple[str, str, str | None]


class Subscriber(Protocol):
    """Whoever is sent messages."""

    def push(self, frame: Frame, change: Change) -> None:
        """Take a change; frame makes and keeps its wire form."""
        ...

    def begin_close(self) -> None:
        """Changes were missed: it should come back and begin with the whole."""
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


class _Sent:
    """A change that the rooms were told of, with its timestamp, and its message once it is asked.

    Whoever missed it gets the message that the others got, made once for all of them.
    """

    __slots__ = ("_frame", "change", "time_ms")

    def __init__(self, change: Change, time_ms: int) -> None:
        self.change, self.time_ms = change, time_ms
        self._frame: Frame | None = None

    @property
    def frame(self) -> Frame:
        """The message."""
        if self._frame is None:
            self._frame = Frame(_payload(self.change, self.time_ms), self.change.seq)
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

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._rooms: dict[Place, dict[Subscriber, None]] = {}
        self._seq = store.streams.last_seq()
        self._time_ms = 0
        self._recent: deque[_Sent] = deque()
        self._recent_bytes = 0
        self._syncs: OrderedDict[Place, Frame] = OrderedDict()
        self._sync_bytes = 0
        # What came before tells the next timestamp, in this worker as in those that ran then.
        for change in store.streams.changes(
            after_seq=max(0, self._seq - MISSED_MAX), count_max=MISSED_MAX
        ):
            if change.seq <= self._seq:
                self._tick(change)

    def take_in(self, *, until_seq: int | None = None) -> bool:
        """Send a batch of changes to their rooms; True where there may be more."""
        changes = self._store.streams.changes(after_seq=self._seq, count_max=BATCH)
        for change in changes:
            if until_seq is not None and change.seq > until_seq:
                return False
            if change.seq != self._seq + 1:
                self._start_over()
            self._seq = change.seq
            sent = self._tick(change)
            group = change.stream, change.group
            rooms = [self._rooms.get((*group, None))]
            if change.item_id is not None:
                rooms.append(self._rooms.get((*group, change.item_id)))
            # Once to each, also where it is in both.
            heard = {one: None for room in rooms if room for one in room}
            for subscriber in heard:
                subscriber.push(sent.frame, change)
        return len(changes) == BATCH

    def _start_over(self) -> None:
        """The log dropped changes before we saw them: nobody's view is whole any more."""
        logger.warning("live streams fell behind the log of changes: all clients begin anew")
        self._recent.clear()
        self._syncs.clear()
        self._recent_bytes = self._sync_bytes = 0
        for subscriber in {one: None for room in self._rooms.values() for one in room}:
            subscriber.begin_close()

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
        frames = None
        if after_seq is not None or after_ms is not None:
            self._catch_up(self._store.streams.last_seq())
            missed = self._missed(after_seq, after_ms)
            if missed is not None:
                frames = [sent.frame for sent in missed if _is_about(sent.change, place)]
        if frames is None:
            frames = self._sync(place)
        self._rooms.setdefault(place, {})[subscriber] = None
        return frames

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
        self._catch_up(self._store.streams.last_seq())
        kept = self._syncs.get(place)
        if kept is not None:
            self._syncs.move_to_end(place)
            return [kept]
        seq, items = self._store.streams.snapshot(*place)
        self._catch_up(seq)
        if place[2] is not None and not items:
            return []
        data = items[0] if place[2] is not None else b"[" + b",".join(items) + b"]"
        event = b'{"type":"sync","data":' + data + b"}"
        frame = Frame(_encode(place, event, time_ms=self.now_ms(), seq=self._seq), self._seq)
        self._syncs[place] = frame
        self._sync_bytes += len(frame.payload)
        while self._sync_bytes > SYNC_BYTES_MAX:
            self._forget(next(iter(self._syncs)))
        return [frame]

    def _forget(self, place: Place) -> None:
        """A kept sync is no longer what is there, or one too many."""
        kept = self._syncs.pop(place, None)
        if kept is not None:
            self._sync_bytes -= len(kept.payload)

    def _catch_up(self, seq: int) -> None:
        """Send the rooms all up to seq, and no more."""
        while self._seq < seq and self.take_in(until_seq=seq):
            continue

    def _missed(self, after_seq: int | None, after_ms: float | None) -> list[_Sent] | None:
        """What was sent after seq, or else after a timestamp; None where that is not known."""
        recent = self._recent
        before_seq = recent[0].change.seq - 1 if recent else self._seq
        if after_seq is not None:
            if not before_seq <= after_seq <= self._seq:
                return None
            return [sent for sent in recent if sent.change.seq > after_seq]
        assert after_ms is not None, "one of the two was given"
        if not recent or (before_seq and recent[0].time_ms > after_ms):
            return None  # What came before all that is known may be what it missed.
        return [sent for sent in recent if sent.time_ms > after_ms]

    def _tick(self, change: Change) -> _Sent:
        """Give a change its timestamp, and keep it for those who missed it."""
        self._time_ms = max(self._time_ms + 1, int(change.at_s * 1000))
        sent = _Sent(change, self._time_ms)
        if self._syncs and change.type != "event":
            self._forget((change.stream, change.group, None))
            self._forget((change.stream, change.group, change.item_id))
        self._recent.append(sent)
        self._recent_bytes += len(change.data)
        while len(self._recent) > MISSED_MAX or self._recent_bytes > MISSED_BYTES_MAX:
            self._recent_bytes -= len(self._recent.popleft().change.data)
        return sent


def _is_about(change: Change, place: Place) -> bool:
    """Whoever listens to place hears of change."""
    return (change.stream, change.group) == place[:2] and place[2] in (None, change.item_id)


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
