"""Where messages for steps go: a port for each step, and which ports hear of a topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from motia_actors.actors.actor import Cell
from motia_actors.actors.holds import Held
from motia_actors.actors.inline import Trust
from motia_actors.actors.meter import Meter
from motia_actors.messages import Debounce, Failed, Target, Trigger
from motia_actors.steps.config import Step


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """Where messages for a step go: its config, its cell and its limits."""

    step: Step
    cell: Cell
    limit_s: float | None
    concurrency: int
    check: Callable[[str, Any], Failed | None] | None = None
    """Looks at an event's topic and data before the handler does; an answer ends the delivery."""
    held: Held
    meter: Meter = msgspec.field(default_factory=Meter)
    trust: Trust = msgspec.field(default_factory=Trust)
    _triggers: dict[str, Trigger] = msgspec.field(default_factory=dict)

    def trigger_of(self, topic: str) -> Trigger:
        """What sets the step off when an event of the topic is delivered to it."""
        trigger = self._triggers.get(topic)
        if trigger is None:
            trigger = self._triggers[topic] = _trigger_of(self.step, topic)
        return trigger

    @property
    def lease_max(self) -> int:
        """How many deliveries this process may hold: one in work and one at hand for each run.

        Of a quick step, what it does in a moment: fewer and larger batches are less to do.
        """
        count, ahead = 2 * self.concurrency, self.trust.ahead
        if count < ahead:
            count = ahead
        places = self.cell.mailbox.size_max + self.concurrency
        return count if count < places else places

    @property
    def may_take(self) -> bool:
        """Beside those held, one more may be taken as it is put, before another process can.

        They are as many as it runs at once, or of a quick step does in a moment. Room is left for
        what the router may be about to lease.
        """
        held = self.held.count
        if held >= self.concurrency and held >= self.trust.ahead:
            return False
        mailbox = self.cell.mailbox
        return mailbox.size_max - mailbox.depth >= self.lease_max + self.concurrency


class Table:
    """Which steps hear of a topic: swapped whole, read by everybody who emits."""

    def __init__(self) -> None:
        self.ports: Mapping[str, Port] = {}
        self._targets: Mapping[str, tuple[Target, ...]] = {}
        self._watching: dict[str, Target] = {}

    def replace(self, ports: Mapping[str, Port]) -> None:
        """Take over new ports, and with them the topics of their steps."""
        found: dict[str, list[Target]] = {
            topic: [target] for topic, target in self._watching.items()
        }
        for port in ports.values():
            target = target_of(port.step)
            for topic in dict.fromkeys(port.step.subscribes):
                found.setdefault(topic, []).append(target)
        self.ports = ports
        self._targets = {topic: tuple(targets) for topic, targets in found.items()}

    def watch(self, topic: str, target: Target) -> None:
        """Queue the topic's events for a target that is no step of this project, too."""
        self._watching[topic] = target
        self.replace(self.ports)

    def targets(self, topic: str) -> tuple[Target, ...]:
        """The steps an event of the topic goes to."""
        return self._targets.get(topic, ())


def _trigger_of(step: Step, topic: str) -> Trigger:
    if step.is_cron(topic):
        return Trigger(type="cron", cron=step.cron)
    return Trigger(type="event", topic=topic)


def target_of(step: Step) -> Target:
    """The step as the queue knows it."""
    queue = step.infrastructure.queue
    policy = queue.debounce
    return Target(
        step=step.id,
        delay_s=queue.delay_s,
        is_fifo=queue.is_fifo,
        depth_max=queue.depth_max,
        debounce=None
        if policy is None
        else Debounce(wait_s=policy.wait_s, wait_s_max=policy.wait_s_max, key=policy.key),
    )
