"""What a system is to run of one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from motia_actors.messages import Call, Failed
from motia_actors.runner import Effects, Handler
from motia_actors.steps.config import Step
from motia_actors.steps.schedule import Schedule


class StepPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One step, ready to run: its config, its handler and what was decided for it."""

    step: Step
    handler: Handler
    effects_for: Callable[[Call], Effects]
    limit_s: float | None
    concurrency: int
    check: Callable[[str, Any], Failed | None] | None = None
    schedule: Schedule | None = None
