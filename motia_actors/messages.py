"""What travels between actors, processes and the disk: frozen structs, and the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Body = TypeVar("Body", default=Any)
else:
    from typing import TypeVar

    Body = TypeVar("Body")

StepKind = Literal["api", "event", "cron"]


class Trace(msgspec.Struct, frozen=True, array_like=True):
    """Where something stands in a distributed trace, as W3C Trace Context has it.

    `w3c_id` is the trace's 32 and `span_id` the span's 16 hexadecimal digits; `is_sampled`: its
    spans are kept; `state` is the vendors' own tracestate, passed on unread.
    """

    w3c_id: str
    span_id: str
    is_sampled: bool = False
    state: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something emitted, before it is known who hears of it.

    `id` is unique for ever and made by the emitter; `data` is JSON; `flows` are the emitter's;
    `group_id` is Motia's messageGroupId: deliveries of one group to a FIFO step keep order.
    `trace` is the span that emitted it, where there was one.
    """

    id: str
    topic: str
    data: bytes
    trace_id: str
    flows: tuple[str, ...] = ()
    group_id: str | None = None
    trace: Trace | None = None


class Debounce(msgspec.Struct, frozen=True, kw_only=True):
    """How a step hears of a burst of events: only of the last one, once wait_s passed without more.

    A burst lasts wait_s_max at most (None: any time). `key` leads to the field of an event's data
    that tells bursts apart; empty: all events of the step are of one burst.
    """

    wait_s: float
    wait_s_max: float | None = None
    key: tuple[str, ...] = ()

    def due_s(self, *, began_s: float, now_s: float) -> float:
        """When the step hears of a burst that began then, and that an event joins now."""
        due_s = now_s + self.wait_s
        return due_s if self.wait_s_max is None else min(due_s, began_s + self.wait_s_max)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One step an event goes to, with what the queue must know of it when the event is put.

    `step` is the step's id, `delay_s` the seconds before the first delivery, `is_fifo` whether
    the event's group keeps its order there, `depth_max` how many deliveries may be queued there,
    leased ones included, before one more is refused (None: any number). With `debounce`, which no
    FIFO step has, the event takes the place of the earlier one of its burst.
    """

    step: str
    delay_s: float = 0.0
    is_fifo: bool = False
    depth_max: int | None = None
    debounce: Debounce | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An event leased to one step for one run.

    `attempt` counts from 1. `put_s` is when the event was put (seconds since 1970). `token` is
    the store's own handle of the lease: pass it back unread.
    """

    event: Event
    step: str
    attempt: int
    put_s: float
    token: bytes

    @property
    def id(self) -> str:
        """Stable over all attempts, and different for each step the event went to."""
        return f"{self.event.id}:{self.step}"


class Taker(Protocol):
    """Takes deliveries of events in the commit that puts them.

    Called on the writer's thread, where nothing else is said.
    """

    def reserve(self, step: str) -> float | None:
        """Keep a run free: for how many seconds to lease what will take it, None if none is."""
        ...

    def reserve_brief(self, step: str) -> bool:
        """Keep a run free for a delivery that is likely to be done in a moment. Any thread.

        Not where something of the step waits, as far as is known here.
        """
        ...

    def take(self, delivery: Delivery, *, renew_s: float | None = None) -> None:
        """The delivery that a run was kept for, now on disk; it is renewed after renew_s.

        None: as any lease is.
        """
        ...

    def give_up(self, step: str) -> None:
        """Keep the run no more: nothing comes."""
        ...


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was given up: what it was, how often it ran, and what it died of.

    `id` names it among all dead letters there ever are. `error` says what it died of, `stack`
    where.
    """

    id: str
    event: Event
    step: str
    attempts: int
    error: str
    stack: str
    put_s: float
    died_s: float


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a stream, as it is pushed to subscribers.

    `seq` is unique in the store and grows with every change. `type` is what happened to the
    item, or `event` for what `send` sent (then `item_id` may be None and nothing was stored).
    `data` is JSON: the item as stored, or `{"type": …, "data": …}` of a `send`.
    """

    seq: int
    at_s: float
    stream: str
    group: str
    item_id: str | None
    type: Literal["create", "update", "delete", "event"]
    data: bytes


class Wake(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit made interesting: steps that have something due, streams that changed.

    A hint and no more: whoever misses one finds the same in the store a little later.
    """

    steps: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()


class Request(dict[str, Any], Generic[Body]):
    """What an api handler gets: a dict whose keys are attributes too.

    Keys: `body, query, params, headers, cookies, method, path` and Motia's names for them,
    `queryParams, pathParams, rawBody`. Header names are lower case. Middleware and handler share
    one request and may add keys. `Request[Order]` says what the body is.
    """

    __slots__ = ()

    body: Body
    method: str
    path: str
    headers: dict[str, Any]
    cookies: dict[str, str]
    query: dict[str, Any]
    queryParams: dict[str, Any]  # noqa: N815 (Motia's spelling)
    params: dict[str, str]
    pathParams: dict[str, str]  # noqa: N815 (Motia's spelling)
    rawBody: Any  # noqa: N815 (Motia's spelling)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"request has no {name!r}; it has {', '.join(sorted(self))}"
            ) from None

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None


class Trigger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What set a handler off: `method` and `path` of its route, the `topic`, or the schedule."""

    type: StepKind
    method: str | None = None
    path: str | None = None
    topic: str | None = None
    cron: str | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a step's handler.

    `input` is a Request for api, the event's decoded data for event, None for cron.
    `delivery` is set where the call came out of the queue. `trigger` says more than `kind`: which
    of the step's triggers. `trace` is the call's own span, and
    `parent` the id of the span it belongs to.
    """

    kind: StepKind
    trace_id: str
    flows: tuple[str, ...]
    input: Any = None
    delivery: Delivery | None = None
    trigger: Trigger | None = None
    trace: Trace | None = None
    parent: str | None = None


class Returned(msgspec.Struct, frozen=True):
    """The handler came back with value."""

    value: Any


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The handler raised, or ran past its limit.

    `kind` is the exception's class name, `stack` its traceback without frames of ours.
    `is_timeout`: it ran past its time limit. `is_final`: a retry cannot mend it.
    `retry_after_s`: it had no fault but found no room, and there may be some then.
    """

    kind: str
    message: str
    stack: str = ""
    is_timeout: bool = False
    is_final: bool = False
    retry_after_s: float | None = None


Outcome = Returned | Failed
