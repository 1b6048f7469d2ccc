"""The flow on Celery: a task that notes how old the event is.

It is acknowledged once it has run, as in the others, and its result is nobody's.
"""

from __future__ import annotations

import os

import celery

from bench import ledger

EMITTERS_MAX = 64
PREFETCH = 16
"""Tasks at hand for each run: the default of 4 makes it ask Redis more often."""

app = celery.Celery("bench", broker=os.environ["BENCH_REDIS"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_pool_limit=EMITTERS_MAX,
    task_acks_late=True,
    task_ignore_result=True,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=PREFETCH,
)


def _handle(event: dict[str, float | str]) -> None:
    ledger.add(float(event["at_s"]))


handle = app.task(_handle, name="handle")
send = handle.delay
