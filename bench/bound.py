"""A configuration of gunicorn that binds each worker to a CPU, as docs/tuning.md has it."""

import os
from typing import Any


def post_fork(_server: Any, worker: Any) -> None:
    """Bind the worker that was just forked."""
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[worker.age % len(cpus)]})
