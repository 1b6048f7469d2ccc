"""Turns commits into entries of the log, and what the log says into answers.

All of it on one thread, the writer's: each turn takes what the link heard, does it, settles
promises, seals what waits and sends it. While the cluster is away, commits that only add (emits,
sends, log lines) are kept in the outbox and acknowledged; all others wait.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from motia_actors.clock import Clock
from motia_actors.errors import MotiaError, StoreFullError
from motia_actors.messages import Wake
from motia_actors.promise import Promise
from motia_actors.store import Streams, StreamUpdate
from motia_actors.stores.nats import entries, proposals
from motia_actors.stores.nats.channel import Channel, Pending, Sealed
from motia_actors.stores.nats.entries import OwnerDead
from motia_actors.stores.nats.link import Acked, Behind, Came, Down, Link, Refused, Up
from motia_actors.stores.nats.outbox import Outbox
from motia_actors.stores.nats.replica import Done, Replica, StaleItemError
from motia_actors.threads import allocate_lock

PATIENCE_S = 0.5
"""So long a commit that only adds waits for the cluster before the outbox has it."""
AWAY_S_MAX = 10.0
"""So long any other commit waits to be proposed while the cluster is away."""
REFUSED_S = 0.3
"""So long nothing is sent after the cluster took something not."""
BEAT_S = 3.0
APPLY_MAX = 256
_COMMITS_MAX = 256
_ENTRY_BYTES_MAX = 512 * 1024
_WINDOW_MAX = 16
_TRIES_MAX = 100
_ALL = 2**64 - 1

logger = logging.getLogger(__name__)


class AwayError(StoreFullError):
    """The cluster is away, and this write cannot be kept without it. Try again later."""


class Proposer:
    """One process' way into the log and out of it."""

    def __init__(
        self,
        origin: bytes,
        *,
        replica: Replica,
        outbox: Outbox,
        link: Link,
        streams: Streams,
        clock: Clock,
        tell: Callable[[Wake], None],
        outbox_bytes_max: int,
        message_bytes_max: int,
    ) -> None:
        self.channel = Channel(origin)
        self.adopted: list[Channel] = []
        """What earlier processes left in the outbox; it goes first."""
        self.orphans: deque[dict[bytes, list[bytes]]] = deque()
        """The same of other processes of this host that died."""
        self.is_up = False
        self.live_since_s = self.down_since_s = time.monotonic()
        self.heard_s: dict[bytes, float] = {}
        self.last_seq = 0
        self.behind: int | None = None
        self.commits = 0
        self.kept = 0
        self.waiting_bytes = 0
        self._arriving: deque[Pending] = deque()
        self._guard = allocate_lock()
        self._waiting: deque[Pending] = deque()
        self._applied: deque[Sealed] = deque()
        self._replica, self._outbox, self._link = replica, outbox, link
        self._streams, self._clock, self._tell = streams, clock, tell
        self._outbox_bytes_max = outbox_bytes_max
        self._message_bytes_max = message_bytes_max
        self._beat_s = time.monotonic()
        self._resume_s = 0.0
        self._buried: deque[tuple[bytes, Promise[list[object]]]] = deque()

    @property
    def is_idle(self) -> bool:
        """Nothing of ours is anywhere on its way."""
        return not (
            self._arriving or self._waiting or self.channel.window or self._applied or self.adopted
        )

    @property
    def is_away(self) -> bool:
        """The cluster cannot be counted on just now; any thread."""
        oldest_s = self.channel.oldest_s
        return not self.is_up or (oldest_s is not None and time.monotonic() - oldest_s > PATIENCE_S)

    @property
    def outbox_bytes(self) -> int:
        """Bytes that are not known to be in the log, what was left by others included."""
        return self.channel.size_bytes + sum(one.size_bytes for one in list(self.adopted))

    @property
    def waiting(self) -> int:
        """How many commits are not proposed yet."""
        return len(self._arriving) + len(self._waiting)

    def put(self, pending: Pending) -> None:
        """Take a commit; any thread. Its promise is broken where there is no room for it."""
        with self._guard:
            held_bytes = self.waiting_bytes + self.channel.size_bytes
            is_full = held_bytes + pending.size_bytes > self._outbox_bytes_max
            if not (is_full and pending.size_bytes):
                self.waiting_bytes += pending.size_bytes
                self._arriving.append(pending)
                return
        pending.promise.set_error(
            AwayError(
                f"{held_bytes} bytes wait for the NATS cluster, and the outbox takes "
                f"{self._outbox_bytes_max}; try again in {AwayError.retry_after_s:g} s"
            )
        )

    def turn(self) -> int:
        """Do all that can be done now; answers how many commits were settled."""
        before = self.commits
        while self._arriving:
            self._waiting.append(self._arriving.popleft())
        while self.orphans:
            self.adopt(self.orphans.popleft())
        self._take_news()
        self._settle()
        self._expire()
        self._seal()
        if self.is_away:
            self._keep()
        self._send()
        return self.commits - before

    def adopt(self, found: dict[bytes, list[bytes]]) -> None:
        """Take over what an outbox holds."""
        for origin, messages in found.items():
            channel = Channel(origin)
            channel.add_kept(messages)
            self.adopted.append(channel)

    def give_up(self, error: MotiaError) -> None:
        """Keep what can be kept, and break every other promise."""
        while self._arriving:
            self._waiting.append(self._arriving.popleft())
        self.is_up = False
        self._seal()
        self._keep()
        left = [one for sealed in self.channel.window for one in sealed.pendings]
        left += [one for sealed in self._applied for one in sealed.pendings]
        for pending in [*left, *self._waiting]:
            pending.promise.set_error(error)
        self._waiting.clear()

    def _take_news(self) -> None:
        news = self._link.news
        came: list[Came] = []
        while news and len(came) < APPLY_MAX:
            match news.popleft():
                case Came() as one:
                    came.append(one)
                case Acked(origin, number):
                    if origin == self.channel.origin.hex():
                        self.channel.acked = max(self.channel.acked, number)
                case Refused(reason):
                    self._hold_back(reason)
                case Up(last_seq):
                    self.is_up, self.last_seq = True, last_seq
                    self.live_since_s = time.monotonic()
                    self._go_back()
                case Down():
                    if self.is_up:
                        self.down_since_s = time.monotonic()
                    self.is_up = False
                    self._go_back()
                case Behind(first_seq):
                    self.behind = first_seq
        if came:
            self._apply(came)

    def _apply(self, came: Sequence[Came]) -> None:
        messages = [entries.read(one.seq, one.data) for one in came]
        done, wake = self._replica.apply(messages)
        now_s = time.monotonic()
        for message in messages:
            self.heard_s[message.origin] = now_s
        self.last_seq = max(self.last_seq, self._replica.seq)
        if wake.steps or wake.streams:
            self._tell(wake)
        outcomes = {one.number: one for one in done if one.origin == self.channel.origin}
        for sealed in self.channel.done(self._replica.number_of(self.channel.origin)):
            self._answer(sealed, outcomes[sealed.last])
        for channel in self.adopted:
            channel.done(self._replica.number_of(channel.origin))

    def _answer(self, sealed: Sealed, done: Done) -> None:
        """Note the outcomes; they are told once the cluster has acknowledged the message too."""
        left = []
        for pending, outcome in zip(sealed.pendings, done.outcomes, strict=True):
            if isinstance(outcome, StaleItemError) and pending.tries < _TRIES_MAX:
                pending.tries += 1
                pending.writes = pending.writes[pending.expects :]
                pending.expects = 0
                with self._guard:
                    self.waiting_bytes += pending.size_bytes
                self._waiting.appendleft(pending)
                continue
            pending.outcome = outcome
            left.append(pending)
        sealed.pendings = left
        self._applied.append(sealed)

    def _settle(self) -> None:
        kept_last = 0
        while self._applied and self._applied[0].last <= self.channel.acked:
            sealed = self._applied.popleft()
            if sealed.is_kept:
                kept_last = sealed.last
            for pending in sealed.pendings:
                self.commits += 1
                outcome = pending.outcome
                if isinstance(outcome, list):
                    pending.promise.set(outcome[pending.expects :])
                else:
                    assert outcome is not None, "applied"
                    pending.promise.set_error(outcome)

        if kept_last:
            self._outbox.drop(self.channel.origin, up_to=kept_last)
        while self._buried and self._buried[0][1].is_done:
            # The cluster has what came later, so it has this too.
            self._outbox.drop(self._buried.popleft()[0], up_to=_ALL)

    def _expire(self) -> None:
        """Refuse what waited too long for a cluster that is away; it was never proposed."""
        if not self.is_away:
            return
        now_s = time.monotonic()
        later: set[str] = set()
        for pending in reversed(list(self._waiting)):
            step = proposals.fired_step(pending.writes)
            is_late = now_s - pending.since_s > AWAY_S_MAX
            # Of the slots that a schedule missed meanwhile the last one fires, once.
            is_over = step in later if step is not None else is_late and not pending.is_patient
            if step is not None:
                later.add(step)
            if is_over:
                self._waiting.remove(pending)
                self._weigh_less(pending)
                pending.promise.set_error(
                    AwayError(
                        f"the NATS cluster was away for {AWAY_S_MAX:g} s, and this write needs it; "
                        f"nothing of it was kept; try again in {AwayError.retry_after_s:g} s"
                    )
                )

    def _seal(self) -> None:
        """Make entries of what waits; while the cluster is away only of what only adds."""
        is_away = self.is_away
        while self._waiting:
            if not is_away and len(self.channel.window) >= _WINDOW_MAX:
                return
            if is_away and self.channel.size_bytes > self._outbox_bytes_max:
                return
            chosen = self._choose(only_adding=is_away)
            if not chosen:
                return
            now_s = self._clock.now_s()
            body = entries.encode(now_s, [one.writes for one in chosen])
            self.channel.add(body, chosen, message_bytes_max=self._message_bytes_max)
            for pending in chosen:
                self._weigh_less(pending)
            self._beat_s = time.monotonic()

    def _choose(self, *, only_adding: bool) -> list[Pending]:
        chosen: list[Pending] = []
        passed: list[Pending] = []
        size_bytes = 0
        while self._waiting and len(chosen) < _COMMITS_MAX and size_bytes < _ENTRY_BYTES_MAX:
            pending = self._waiting.popleft()
            if only_adding and not proposals.only_adds(pending.writes):
                passed.append(pending)
                continue
            try:
                self._ready(pending, is_away=only_adding)
            except MotiaError as error:
                self._weigh_less(pending)
                pending.promise.set_error(error)
                continue
            chosen.append(pending)
            size_bytes += pending.size_bytes
        self._waiting.extendleft(reversed(passed))
        return chosen

    def _ready(self, pending: Pending, *, is_away: bool) -> None:
        """Make a commit fit to be sent: no callables, and no limits where it is promised early."""
        if any(isinstance(write, StreamUpdate) and write.check for write in pending.writes):
            expects, writes = proposals.checked(pending.writes, self._streams)
            pending.expects, pending.writes = len(expects), [*expects, *writes]
        pending.writes = [proposals.lean(write) for write in pending.writes]
        if is_away:
            pending.writes = [proposals.unlimited(write) for write in pending.writes]
        pending.early = proposals.early_answers(pending.writes)

    def _keep(self) -> None:
        """Have the outbox keep what is under way, and keep the promises that allows."""
        # What was read in the log waits for its acknowledgement, too, and that may be lost.
        under_way = (*self._applied, *self.channel.window)
        sealed_all = [sealed for sealed in under_way if not sealed.is_kept]
        if not sealed_all:
            return
        if not any(one.early is not None for sealed in sealed_all for one in sealed.pendings):
            return
        messages = [message for sealed in sealed_all for message in sealed.messages]
        self._outbox.keep(self.channel.origin, messages)
        for sealed in sealed_all:
            sealed.is_kept = True
            for pending in sealed.pendings:
                if pending.early is not None:
                    self.kept += 1
                    pending.promise.set(pending.early)

    def _send(self) -> None:
        is_up = self.is_up and time.monotonic() >= self._resume_s
        for channel in list(self.adopted):
            if not channel.window:
                self.adopted.remove(channel)
                self.bury(channel.origin)
                continue
            self._link.publish(channel.to_send(is_up=is_up))
            return
        now_s = time.monotonic()
        if self.is_up and not self.channel.window and now_s - self._beat_s > BEAT_S:
            self._beat_s = now_s
            body = entries.encode(self._clock.now_s(), [])
            self.channel.add(body, [], message_bytes_max=self._message_bytes_max)
        if messages := self.channel.to_send(is_up=is_up):
            self._link.publish(messages)

    def bury(self, origin: bytes) -> None:
        """Say that a process is dead, once all that it left is in the log."""
        write = OwnerDead(owner=origin, number=self._replica.number_of(origin))
        promise: Promise[list[object]] = Promise()
        self._buried.append((origin, promise))
        self._waiting.append(Pending([write], promise, 0, time.monotonic(), is_patient=True))

    def _weigh_less(self, pending: Pending) -> None:
        with self._guard:
            self.waiting_bytes -= pending.size_bytes

    def _hold_back(self, reason: str) -> None:
        """Send again from the first, after a moment: an election takes seconds."""
        now_s = time.monotonic()
        if now_s >= self._resume_s:
            logger.warning("the log takes nothing: %s; trying again", reason)
            self._resume_s = now_s + REFUSED_S
            self._go_back()

    def _go_back(self) -> None:
        done = self._replica.number_of(self.channel.origin)
        self.channel.acked = min(self.channel.acked, done)
        for channel in [*self.adopted, self.channel]:
            channel.go_back()
