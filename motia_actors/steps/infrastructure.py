"""Read `infrastructure`: how a step runs, on every kind of step.

Motia 0.17 allows it on event steps, with `handler` and `queue`; the rest is ours. Its upper
limits (900 s for a handler or a delay) were those of its cloud and do not bind here; the rule
that ties processor share to memory is left out for the same reason.

Source: Motia 0.17 `infrastructure`.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Collection

from motia_actors.steps.config import (
    Backoff,
    CronPolicy,
    DebouncePolicy,
    Infrastructure,
    MailboxPolicy,
    Overflow,
    QueuePolicy,
    RateLimit,
    SupervisionPolicy,
)
from motia_actors.steps.fields import Fields, shown
from motia_actors.steps.report import Report

MAILBOX_SIZE_MAX = 1_000_000
CONCURRENCY_MAX = 10_000
RETRIES_MAX = 10_000
DEPTH_MAX = 1_000_000_000
RESTARTS_MAX = 10_000
PROCESSES_MAX = 64
RATE_MAX = 1_000_000
RATE_PERIOD_S_MAX = 31 * 86_400.0

# A delivery must outlive its handler, and the handler's end must still be written down.
VISIBILITY_MARGIN_S = 30.0

QUEUE_HINTS = {
    "retries": "write maxRetries",
    "retry": "write maxRetries",
    "maxAttempts": "write maxRetries, which does not count the first run",
    "attempts": "write maxRetries, which does not count the first run",
    "backoffRate": 'write backoff: "exponential", which doubles the wait',
    "delay": "write delaySeconds",
    "visibility": "write visibilityTimeout",
    "timeout": "write infrastructure.handler.timeout",
    "messageGroupId": 'give it to emit, and write type: "fifo" here',
    "maxDepth": "write depth",
    "size": "write depth",
}
DEBOUNCE_HINTS = {
    "delay": "write wait, in seconds",
    "window": "write wait, in seconds",
    "maxDelay": "write maxWait, in seconds",
    "by": "write key, the path to a field of the data",
}
HANDLER_HINTS = {"memory": "write ram, in MB", "timeoutSeconds": "write timeout"}
RATE_HINTS = {"max": "write limit", "count": "write limit", "window": "write period, in seconds"}
RATE_BY = re.compile(r"ip|all|header:[A-Za-z0-9-]{1,100}")
HINTS = {
    "timeout": "write handler: {timeout}",
    "maxRetries": "write queue: {maxRetries}",
    "retries": "write queue: {maxRetries}",
    "timezone": "write cron: {timezone}",
    "messageGroupId": "give it to emit",
}


def read_infrastructure(
    config: Fields, report: Report, *, kinds: Collection[object] = ()
) -> tuple[Infrastructure, CronPolicy]:
    """Read the key `infrastructure` of a config; defaults stand where nothing is written.

    `kinds` are the types of the step's triggers, as they are written.
    """
    fields = config.inner("infrastructure")
    fields.check_known(
        (
            "handler",
            "queue",
            "mailbox",
            "concurrency",
            "supervision",
            "isolation",
            "processes",
            "cron",
            "rateLimit",
        ),
        hints=HINTS,
    )
    handler = fields.inner("handler")
    handler.check_known(("ram", "cpu", "timeout"), hints=HANDLER_HINTS)
    timeout_s = handler.seconds("timeout", default=0.0) or None
    ram_mb = handler.count("ram", default=0, minimum=1) or None
    cpu = handler.number("cpu", default=0.0, is_above=True) or None
    queue_fields = fields.inner("queue")
    infrastructure = Infrastructure(
        timeout_s=timeout_s,
        ram_mb=ram_mb,
        cpu=cpu,
        concurrency=_concurrency(fields, queue_fields),
        isolation=fields.choice("isolation", ("thread", "process"), default="thread"),
        processes=fields.count("processes", default=1, minimum=1, maximum=PROCESSES_MAX),
        mailbox=_mailbox(fields.inner("mailbox")),
        supervision=_supervision(fields.inner("supervision")),
        queue=_queue(queue_fields, report, timeout_s=timeout_s, kinds=kinds),
        rate=_rate(fields, report, kinds=kinds),
    )
    _check_isolation(fields, handler, infrastructure, report)
    cron = fields.inner("cron")
    if cron.has("overlap") and {"event", "cron"} <= set(kinds):
        reason = "has no effect beside event triggers: runs wait in one queue with their events"
        report.warn(cron.name("overlap"), reason, "remove it, or write two steps")
    return infrastructure, _cron(cron)


def _check_isolation(
    fields: Fields, handler: Fields, infrastructure: Infrastructure, report: Report
) -> None:
    """Name what binds in a process of the step's own alone, where it has none."""
    if infrastructure.isolation == "process" or report.has_error():
        return
    idle = [fields.name("processes")] if fields.has("processes") else []
    if report.file.endswith(".py"):
        idle += [handler.name(word) for word in ("ram", "cpu") if handler.has(word)]
    for name in idle:
        report.warn(
            name,
            "has no effect on a step that shares its process",
            'write infrastructure.isolation: "process", or remove it',
        )


def _concurrency(fields: Fields, queue: Fields) -> int | None:
    # Motia's types have it under queue; ours holds for every kind, so it stands a level up.
    of = fields if fields.has("concurrency") else queue
    return of.count("concurrency", default=0, minimum=1, maximum=CONCURRENCY_MAX) or None


def _mailbox(fields: Fields) -> MailboxPolicy:
    fields.check_known(("size", "overflow"))
    default = MailboxPolicy()
    words: tuple[Overflow, ...] = typing.get_args(Overflow)
    return MailboxPolicy(
        size_max=fields.count(
            "size", default=default.size_max, minimum=1, maximum=MAILBOX_SIZE_MAX
        ),
        overflow=fields.choice("overflow", words, default=default.overflow),
    )


def _supervision(fields: Fields) -> SupervisionPolicy:
    fields.check_known(("restarts", "window", "backoff"), hints={"maxRestarts": "write restarts"})
    default = SupervisionPolicy()
    delay_s, delay_s_max = default.backoff_s, default.backoff_s_max
    if isinstance(fields.get("backoff"), int | float):
        delay_s = fields.seconds("backoff", default=delay_s)
    elif fields.has("backoff"):
        backoff = fields.inner("backoff")
        backoff.check_known(("delay", "maxDelay"))
        delay_s = backoff.seconds("delay", default=delay_s)
        delay_s_max = backoff.seconds("maxDelay", default=delay_s_max)
    return SupervisionPolicy(
        restarts_max=fields.count("restarts", default=default.restarts_max, maximum=RESTARTS_MAX),
        window_s=fields.seconds("window", default=default.window_s),
        backoff_s=delay_s,
        backoff_s_max=max(delay_s, delay_s_max),
    )


def _queue(
    fields: Fields, report: Report, *, timeout_s: float | None, kinds: Collection[object]
) -> QueuePolicy:
    fields.check_known(
        (
            "type",
            "maxRetries",
            "visibilityTimeout",
            "delaySeconds",
            "concurrency",
            "backoff",
            "transactional",
            "depth",
            "debounce",
        ),
        hints=QUEUE_HINTS,
    )
    default = QueuePolicy()
    is_fifo = fields.choice("type", ("standard", "fifo"), default="standard") == "fifo"
    return QueuePolicy(
        is_fifo=is_fifo,
        is_transactional=fields.flag("transactional", default=False),
        depth_max=fields.count("depth", default=0, minimum=1, maximum=DEPTH_MAX) or None,
        retries_max=fields.count("maxRetries", default=default.retries_max, maximum=RETRIES_MAX),
        visibility_s=_visibility_s(fields, report, timeout_s=timeout_s),
        delay_s=fields.number("delaySeconds", default=default.delay_s),
        backoff=_backoff(fields),
        debounce=_debounce(fields, report, is_fifo=is_fifo, kinds=kinds),
    )


def _debounce(
    queue: Fields, report: Report, *, is_fifo: bool, kinds: Collection[object]
) -> DebouncePolicy | None:
    if not queue.has("debounce"):
        return None
    fields = queue.inner("debounce")
    if not isinstance(queue.get("debounce"), dict):
        return None  # Which inner reported.
    if "event" not in kinds:
        report.warn(queue.name("debounce"), "has no effect but on event steps", "remove it")
        return None
    fields.check_known(("wait", "maxWait", "key"), hints=DEBOUNCE_HINTS)
    if not fields.has("wait"):
        report.error(fields.name("wait"), "is missing", "write debounce: {wait: 2}, in seconds")
        return None
    if is_fifo:
        report.error(
            queue.name("debounce"),
            "drops events of a burst, and a fifo queue keeps each in its place",
            'remove it, or type: "fifo"',
        )
    wait_s = fields.seconds("wait", default=1.0)
    wait_s_max = fields.seconds("maxWait", default=wait_s)
    if wait_s_max < wait_s:
        report.error(
            fields.name("maxWait"),
            f"is {wait_s_max:g} s, below wait of {wait_s:g} s",
            f"write maxWait: {wait_s * 10:g} or leave it out",
        )
    path = fields.text("key")
    key = () if path is None else tuple(path.split("."))
    if not all(key):
        report.error(fields.name("key"), f"is {shown(path)}", 'write key: "id" or "order.id"')
    return DebouncePolicy(
        wait_s=wait_s, wait_s_max=wait_s_max if fields.has("maxWait") else None, key=key
    )


def _rate(config: Fields, report: Report, *, kinds: Collection[object]) -> RateLimit | None:
    fields = config.inner("rateLimit")
    if not config.has("rateLimit"):
        return None
    if "api" not in kinds:
        report.warn(fields.name("limit"), "has no effect but on api steps", "remove rateLimit")
        return None
    fields.check_known(("limit", "period", "by"), hints=RATE_HINTS)
    if not fields.has("limit"):
        report.error(
            fields.name("limit"), "is missing", "write rateLimit: {limit: 100, period: 60}"
        )
        return None
    by = fields.text("by") or "ip"
    if not RATE_BY.fullmatch(by):
        report.error(
            fields.name("by"), f"is {shown(by)}", 'write "ip", "all" or "header:x-api-key"'
        )
    return RateLimit(
        count=fields.count("limit", default=1, minimum=1, maximum=RATE_MAX),
        period_s=fields.number("period", default=60.0, minimum=0.001, maximum=RATE_PERIOD_S_MAX),
        by=by,
    )


def _visibility_s(fields: Fields, report: Report, *, timeout_s: float | None) -> float:
    default_s = QueuePolicy().visibility_s
    visibility_s = fields.seconds("visibilityTimeout", default=default_s)
    if timeout_s is None or visibility_s > timeout_s:
        return visibility_s
    if fields.has("visibilityTimeout"):
        report.error(
            fields.name("visibilityTimeout"),
            f"is {visibility_s:g} s, not above handler.timeout of {timeout_s:g} s: "
            "events would be given out again while their handler runs",
            f"write visibilityTimeout: {timeout_s + VISIBILITY_MARGIN_S:g} or leave it out",
        )
    return timeout_s + VISIBILITY_MARGIN_S


def _backoff(fields: Fields) -> Backoff:
    default = Backoff()
    kinds: tuple[typing.Literal["fixed", "linear", "exponential"], ...] = (
        "fixed",
        "linear",
        "exponential",
    )
    if isinstance(fields.get("backoff"), str):
        return Backoff(type=fields.choice("backoff", kinds, default=default.type))
    inner = fields.inner("backoff")
    inner.check_known(("type", "delay", "maxDelay", "jitter"))
    delay_s = inner.number("delay", default=default.delay_s)
    return Backoff(
        type=inner.choice("type", kinds, default=default.type),
        delay_s=delay_s,
        delay_s_max=max(delay_s, inner.seconds("maxDelay", default=default.delay_s_max)),
        jitter=inner.number("jitter", default=default.jitter, maximum=1.0),
    )


def _cron(fields: Fields) -> CronPolicy:
    fields.check_known(("timezone", "overlap", "misfire", "grace"))
    default = CronPolicy()
    return CronPolicy(
        timezone=fields.text("timezone"),
        overlap=fields.choice("overlap", ("skip", "allow"), default=default.overlap),
        misfire=fields.choice("misfire", ("skip", "once"), default=default.misfire),
        grace_s=fields.seconds("grace", default=default.grace_s),
    )
