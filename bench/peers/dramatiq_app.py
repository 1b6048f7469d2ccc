"""The flow on Dramatiq: an actor that notes how old the event is."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench import ledger

dramatiq.set_broker(RedisBroker(url=os.environ["BENCH_REDIS"]))


def _handle(event: dict[str, float | str]) -> None:
    ledger.add(float(event["at_s"]))


handle = dramatiq.actor(_handle, actor_name="handle")
send = handle.send
