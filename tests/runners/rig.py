"""A world in memory, a project on disk, and a store whose disk is as slow as the test wants."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec

from motia_actors.clock import ManualClock
from motia_actors.effects import CallEffects, Validator, World
from motia_actors.messages import Call, Failed, Outcome, Request, Returned, StepKind, Target
from motia_actors.promise import Promise
from motia_actors.runner import Handler, Loaded
from motia_actors.runners.isolated import IsolatedSteps, Recycling
from motia_actors.runners.python import PythonRunner
from motia_actors.runners.wall import Wall
from motia_actors.steps.config import Emit, Step
from motia_actors.store import Write
from motia_actors.stores.memory import MemoryStore
from motia_actors.telemetry.logs import LogSink


class HeldStore(MemoryStore):
    """Commits nothing before `let_go`, or fails everything that is committed."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.error: Exception | None = None
        self.is_held = False
        self.reserved: list[bool] = []
        """Of each commit, whether it may use the reserve."""
        self.began = threading.Semaphore(0)
        """Released for each commit that is held."""
        self._held: list[tuple[Sequence[Write[object]], Promise[list[object]]]] = []

    def commit(
        self, writes: Sequence[Write[object]], *, may_use_reserve: bool = False
    ) -> Promise[list[object]]:
        self.reserved.append(may_use_reserve)
        if self.error is not None:
            return Promise.broken(self.error)
        if not self.is_held:
            return super().commit(writes)
        promise: Promise[list[object]] = Promise()
        self._held.append((writes, promise))
        self.began.release()
        return promise

    def let_go(self, error: Exception | None = None) -> None:
        held, self._held, self.is_held = self._held, [], False
        for writes, promise in held:
            if error is not None:
                promise.set_error(error)
            else:
                promise.set(super().commit(writes).result())


class Rig:
    """Everything one call needs."""

    def __init__(
        self,
        *,
        emits: Sequence[str] = (),
        streams: Mapping[str, Validator | None] | None = None,
        validate: str = "enforce",
    ) -> None:
        self.clock = ManualClock()
        self.store = HeldStore(self.clock)
        self.store.open()
        self.log = LogSink(level="debug", stream=io.StringIO(), is_terminal=False)
        self.topics = {"order.created": (Target(step="steps/charge_step.py"),)}
        self.world = World(
            store=self.store,
            route=lambda topic: self.topics.get(topic, ()),
            log=self.log,
            clock=self.clock,
            streams={"chatMessages": None} if streams is None else streams,
            validate=validate,  # type: ignore[arg-type] # tests name it as text
        )
        self.step = Step(
            id="steps/order_step.py",
            kind="api",
            name="Order",
            flows=("shop",),
            emits=tuple(Emit(topic=topic) for topic in emits),
        )

    def effects(self, kind: StepKind = "api", value: object = None) -> CallEffects:
        call = Call(kind=kind, trace_id="K7PQ2-4431022", flows=("shop",), input=value)
        return CallEffects(self.world, self.step, call)

    def lines(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.log.drain()]

    def run(self, handler: Handler | None, kind: StepKind = "api", value: object = None) -> Outcome:
        assert handler is not None
        effects = self.effects(kind, Request() if value is None and kind == "api" else value)
        if handler.is_async:
            return asyncio.run(handler.run_async(effects.call, effects))
        return handler.run(effects.call, effects)

    def value(self, handler: Handler | None, kind: StepKind = "api", value: object = None) -> Any:
        outcome = self.run(handler, kind, value)
        assert isinstance(outcome, Returned), outcome
        return outcome.value

    def failure(self, handler: Handler | None, kind: StepKind = "api") -> Failed:
        outcome = self.run(handler, kind)
        assert isinstance(outcome, Failed), outcome
        return outcome


class Project:
    """Files below a folder and a runner for them; `is_isolated`: each step in a child."""

    def __init__(
        self, root: Path, *, state_envelope: bool = False, is_isolated: bool = False
    ) -> None:
        self.root = root
        self.isolated = IsolatedSteps(root, state_envelope=state_envelope, recycling=Recycling())
        self.runner = PythonRunner(root, state_envelope=state_envelope, isolated=self.isolated)
        self._is_isolated = is_isolated

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), "utf-8")
        return file

    def step(self, text: str, path: str = "steps/a_step.py") -> Loaded:
        file = self.write(path, text)
        if not self._is_isolated:
            return self.runner.load(file)
        loaded = self.isolated.load(file, wall=Wall())
        assert loaded is not None
        return loaded
