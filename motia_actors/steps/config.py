"""What a step is, after its config was read and checked: one struct for all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Kind = Literal["api", "event", "cron", "noop"]
CRON_TOPIC = "$cron"
"""The topic of the events that a schedule makes."""
Overflow = Literal["reject", "block", "drop_oldest", "drop_newest"]


class Emit(msgspec.Struct, frozen=True, kw_only=True):
    """A topic that a step may emit; label and conditional are for drawing."""

    topic: str
    label: str | None = None
    is_conditional: bool = False


class MailboxPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages may wait for the step, and what happens to one more."""

    size_max: int = 1024
    overflow: Overflow = "reject"


class SupervisionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """At most restarts_max restarts in window_s, the n-th of them after backoff_s * 2^(n-1)."""

    restarts_max: int = 5
    window_s: float = 60.0
    backoff_s: float = 0.1
    backoff_s_max: float = 30.0


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How long a failed delivery waits. The default is Motia's: 2 s each time."""

    type: Literal["fixed", "linear", "exponential"] = "fixed"
    delay_s: float = 2.0
    delay_s_max: float = 900.0
    jitter: float = 0.0


class DebouncePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Only the last event of a burst, after wait_s without more; bursts last wait_s_max at most.

    `key` is the path to the field of the data that tells bursts apart; empty: all are of one.
    """

    wait_s: float
    wait_s_max: float | None = None
    key: tuple[str, ...] = ()


class QueuePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How the step's deliveries are handed out: 1 + retries_max runs, then a dead letter.

    `is_transactional`: what the handler writes and emits is committed with its ack or not at all.
    `depth_max`: deliveries that may be queued, leased ones included; then emits are refused.
    """

    is_fifo: bool = False
    is_transactional: bool = False
    depth_max: int | None = None
    retries_max: int = 3
    visibility_s: float = 900.0
    delay_s: float = 0.0
    backoff: Backoff = Backoff()
    debounce: DebouncePolicy | None = None


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """At most count requests at once and as many over period_s, of each client.

    `by` says who one client is: `ip`, `all` (everybody together), or `header:` and its name.
    """

    count: int
    period_s: float = 60.0
    by: str = "ip"


class CronPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to slots that meet a running handler, or that nobody was up for.

    `misfire`: `skip` forgets slots that passed while no process ran, as Motia does; `once` runs
    the last of them if it is younger than grace_s.
    """

    timezone: str | None = None
    overlap: Literal["skip", "allow"] = "skip"
    misfire: Literal["skip", "once"] = "skip"
    grace_s: float = 3600.0


class Infrastructure(msgspec.Struct, frozen=True, kw_only=True):
    """How a step runs. timeout_s None: the default of its kind.

    `ram_mb`, `cpu` (in cores) and `processes` bind where `isolation` is `process`; the first two
    also where a step runs in Node, which then has a process of its own.
    """

    timeout_s: float | None = None
    ram_mb: int | None = None
    cpu: float | None = None
    concurrency: int | None = None
    isolation: Literal["thread", "process"] = "thread"
    processes: int = 1
    mailbox: MailboxPolicy = MailboxPolicy()
    supervision: SupervisionPolicy = SupervisionPolicy()
    queue: QueuePolicy = QueuePolicy()
    rate: RateLimit | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a project.

    `id` is the path of its file relative to the project, with forward slashes: a step is known
    by its file, since real projects give several steps one name. Schemas are JSON Schema, None
    where there is none. `has_handler` is False for most noop steps.

    A step of several triggers is of the kind `multi`: `triggers` has it once for each of them, as
    a step of that kind with that trigger alone and its `index`. Its own `subscribes` are those of
    all, and `cron` is that of its one schedule.
    """

    id: str
    kind: Kind | Literal["multi"]
    name: str
    description: str | None = None
    flows: tuple[str, ...] = ()
    emits: tuple[Emit, ...] = ()
    virtual_emits: tuple[Emit, ...] = ()
    virtual_subscribes: tuple[str, ...] = ()
    infrastructure: Infrastructure = Infrastructure()
    has_handler: bool = True
    # api
    method: str = ""
    path: str = ""
    body_schema: Mapping[str, Any] | None = None
    response_schema: Mapping[str, Mapping[str, Any]] = {}
    query_params: tuple[tuple[str, str], ...] = ()
    # event
    subscribes: tuple[str, ...] = ()
    input_schema: Mapping[str, Any] | None = None
    # cron
    cron: str = ""
    cron_policy: CronPolicy = CronPolicy()
    # multi
    triggers: tuple[Step, ...] = ()
    index: int | None = None

    @property
    def bindings(self) -> tuple[Step, ...]:
        """The step as each of its triggers sees it: for most steps, the step itself."""
        return self.triggers or (self,)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its triggers, each once."""
        return tuple(dict.fromkeys(one.kind for one in self.bindings))

    @property
    def is_queued(self) -> bool:
        """It is run by deliveries: of events, or of its schedule."""
        return self.kind in ("event", "cron") or bool(self.subscribes or self.cron)

    def is_cron(self, topic: str) -> bool:
        """A delivery of the topic is a run of its schedule."""
        return self.kind == "cron" or (self.cron != "" and topic == CRON_TOPIC)

    def field(self, key: str) -> str:
        """The dotted name of a trigger's key in the config."""
        return key if self.index is None else f"triggers.{self.index}.{key}"

    def may_emit(self, topic: str) -> bool:
        """The topic is declared, or nothing is: an empty `emits` allows every topic."""
        # A loop, which costs half of `any` with a generator: every emit passes here.
        for emit in self.emits:
            if emit.topic == topic:
                return True
        return not self.emits


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of a project; `can_access` is whether its file exports such a function."""

    id: str
    name: str
    schema: Mapping[str, Any] | None = None
    has_can_access: bool = False


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with a project, said so that its author can mend it.

    `file` is relative to the project, `field` dotted (empty: the file as a whole), `reason`
    says what is wrong and `way_out` what to write instead. `error` keeps the step from
    running, `warning` does not.
    """

    severity: Literal["error", "warning"]
    file: str
    field: str
    reason: str
    way_out: str
    line: int | None = None
