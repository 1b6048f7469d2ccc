"""The flow on Taskiq: a task that notes how old the event is, from a Redis stream.

Of its brokers on Redis the one on streams is the one that acknowledges, as ours does.
"""

from __future__ import annotations

import os

import taskiq_redis

from bench import ledger

broker = taskiq_redis.RedisStreamBroker(url=os.environ["BENCH_REDIS"])


async def _handle(event: dict[str, float | str]) -> None:
    ledger.add(float(event["at_s"]))


handle = broker.task(task_name="handle")(_handle)
send = handle.kiq
begin = broker.startup
