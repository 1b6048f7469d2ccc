"""The flow on Huey: a task that notes how old the event is.

Huey takes a task off its list before it runs it: what a worker holds when it dies is lost.
"""

from __future__ import annotations

import os

import huey as package

from bench import ledger

huey = package.RedisHuey("bench", url=os.environ["BENCH_REDIS"], results=False)


def _handle(event: dict[str, float | str]) -> None:
    ledger.add(float(event["at_s"]))


send = huey.task(name="handle")(_handle)
