"""The composition root: settings and a project's files become a running system behind HTTP."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from motia_actors.access import Doorkeeper
from motia_actors.actors.janitor import Retention
from motia_actors.actors.plan import StepPlan
from motia_actors.actors.system import System
from motia_actors.clock import Clock
from motia_actors.configuration import read_configuration
from motia_actors.desk import Desk
from motia_actors.effects import World
from motia_actors.errors import UsageError
from motia_actors.live.hub import Live
from motia_actors.messages import Event, Failed
from motia_actors.observing import Observatory
from motia_actors.parts import (
    languages_of,
    live_limits_of,
    log_sink_of,
    origins_of,
    project_of,
    rates_of,
    static_of,
    store_of,
    uploads_of,
    web_settings_of,
)
from motia_actors.project import summary
from motia_actors.runner import Handler
from motia_actors.runners.pool import ThreadPool
from motia_actors.settings import Settings
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Problem, Step
from motia_actors.steps.files import with_files
from motia_actors.steps.lines import located
from motia_actors.steps.schedule import Schedule
from motia_actors.steps.schema import Validator, compile_schema
from motia_actors.store import Store
from motia_actors.telemetry.logs import Level, LogRecord, SinkHandler
from motia_actors.telemetry.traces import new_event_id, new_trace_id
from motia_actors.threads import native_calls
from motia_actors.traced import effects_of
from motia_actors.watch import Watcher
from motia_actors.web.api import ApiRoute, Front
from motia_actors.web.audit import Audit
from motia_actors.web.control import control_routes
from motia_actors.web.dead_letters import dead_letter_routes
from motia_actors.workbench.mounting import guarded, workbench_routes
from motia_actors.workbench.recorder import recorded

logger = logging.getLogger("motia_actors")

OFFLOADED_MAX = 256
"""Requests that wait for their step at a time, under gevent."""
EXIT_FATAL = 70
"""EX_SOFTWARE of sysexits.h: gunicorn starts another worker."""


class Running:
    """All parts of one process, from its start to its stop."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        inline_max: int = 0,
        store: Store | None = None,
    ) -> None:
        self.settings, self.clock = settings, clock
        # Steps open files by paths relative to the project, as under Motia.
        os.chdir(settings.project)
        self.log = log_sink_of(settings)
        self.languages = languages_of(settings)
        self.project = project_of(settings, self.languages)
        self.store = store or store_of(settings, clock)
        self.observatory = Observatory(settings, clock, store=self.store, log=self.log)
        self.system = System(
            store=self.store,
            clock=clock,
            new_event=self._new_event,
            drain_logs=self.log.drain,
            on_fatal=self._fatal,
            inline_max=inline_max,
            retention=Retention(
                dead_age_s=settings.dead_age_s,
                dead_count_max=settings.dead_count_max,
                journal_age_s=settings.journal_age_s,
            ),
            tracer=self.observatory.tracer,
            publish=self.observatory.publish,
        )
        self.observatory.attach(
            self.system, lambda: self.project.catalog, sockets=lambda: self.live.count
        )
        self.rates, self.uploads = rates_of(settings, clock), uploads_of(settings)
        self.front = self._front()
        self._askers = ThreadPool(name="access")
        self.live = Live(
            self.store,
            clock,
            lambda: self.project.catalog,
            Doorkeeper(self._askers.submit),
            limits=live_limits_of(settings),
            offload=native_calls(OFFLOADED_MAX),
        )
        self._handler = SinkHandler(self.log, clock=clock)
        self._watcher: Watcher | None = None
        self._around: Callable[[Handler], Handler] | None = None

    def start(self) -> None:
        """Open, read, start, serve; where that fails, let go of everything again."""
        try:
            self._start()
        except BaseException:
            self.stop(drain_s=0.0)
            raise

    def _start(self) -> None:
        logger.addHandler(self._handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        self.store.open()
        self.uploads.clean()
        self.system.start()
        catalog = self.project.read()
        self._report(catalog.problems)
        configuration = read_configuration(self.settings.project, self.languages)
        self._report(configuration.problems)
        self._around = configuration.around
        self._apply(catalog, changed=None)
        self.live.desk.door = Doorkeeper(
            self._askers.submit,
            origins=origins_of(self.settings.cors),
            authenticate=configuration.authenticate,
            broken=configuration.broken,
        )
        if self.settings.is_dev:
            self._watcher = Watcher(self.settings.project, self.reload)
            self._watcher.start()
        logger.info(
            "serving %d steps and %d streams of %s",
            len(catalog.steps),
            len(catalog.streams),
            self.settings.project,
        )

    def reload(self, paths: Iterable[Path]) -> None:
        """Take over changed files; one that does not load leaves its old version running."""
        begun_s, former = self.clock.monotonic_s(), self.project.catalog
        change = self.project.reread(paths)
        self._report(change.problems)
        if change.changed or change.is_layout_new:
            self._apply(change.catalog, changed=change.changed)
        done = summary(former, change)
        if done:
            took_ms = (self.clock.monotonic_s() - begun_s) * 1000
            logger.info("reloaded in %.0f ms: %s", took_ms, done)

    def stop(self, *, drain_s: float) -> bool:
        """Drain, stop, close."""
        if self._watcher is not None:
            self._watcher.stop()
        self.live.stop()
        is_quiet = self.system.stop(drain_s=min(drain_s, self.settings.drain_s))
        if not is_quiet:
            logger.warning("stopped with work unfinished; it is run again")
        self.observatory.close()
        self.store.close()
        self.rates.close()
        self.uploads.close()
        self._askers.close()
        self.languages.close()
        logger.removeHandler(self._handler)
        return is_quiet

    def _apply(self, catalog: Catalog, *, changed: set[str] | None) -> None:
        """Run the catalog's steps and serve its routes."""
        world = World(
            store=self.store,
            route=self.system.table.targets,
            log=self.log,
            clock=self.clock,
            streams={stream.name: _validator(stream.schema) for stream in catalog.streams},
            validate=self.settings.validate,
        )
        plans = {}
        for step in catalog.steps:
            handler = catalog.handlers.get(step.id)
            if step.kind != "noop" and handler is not None:
                # The catalog does not know what a handler is; the runner that made it does.
                wrapped = self._guarded(step, cast("Handler", handler))
                if wrapped is not None:
                    plans[step.id] = self._plan(step, wrapped, world)
        self.system.apply(plans, changed=changed)
        self.front.mount(
            ApiRoute(
                step_id=step.id,
                name=step.name,
                method=step.method,
                path=step.path,
                flows=step.flows,
                body=_compiled(with_files(step.body_schema)),
                rate=step.infrastructure.rate,
            )
            for step in catalog.api_steps
            if step.id in plans
        )

    def _guarded(self, step: Step, handler: Handler) -> Handler | None:
        """The handler behind the project's middleware; None where it cannot be, and must."""
        if "api" not in step.kinds or self._around is None:
            return handler
        try:
            return self._around(handler)
        except UsageError as error:
            self._log("error", f"{step.id} is left out: {error}")
            return None

    def _plan(self, step: Step, handler: Handler, world: World) -> StepPlan:
        settings = self.settings
        schedule = None
        if step.cron:
            schedule = Schedule(step.cron, step.cron_policy.timezone or settings.timezone or None)
        effects_for = functools.partial(effects_of, world, self.observatory.tracer, step)
        return StepPlan(
            step=step,
            handler=handler,
            effects_for=recorded(step, effects_for, self.store) if settings.is_dev else effects_for,
            limit_s=limit_s_of(step, settings),
            concurrency=concurrency_of(step, settings),
            check=self._input_check(step),
            schedule=schedule,
        )

    def _input_check(self, step: Step) -> Callable[[str, Any], Failed | None] | None:
        """What looks at the data of a topic's event before the step's handler does, if any does."""
        validators: dict[str, Validator] = {}
        usual = _compiled(step.input_schema)
        for one in step.triggers:
            if (validator := _compiled(one.input_schema)) is not None:
                validators |= dict.fromkeys(one.subscribes, validator)
        mode = self.settings.validate
        if mode == "off" or (usual is None and not validators):
            return None

        def check(topic: str, data: Any) -> Failed | None:
            validator = validators.get(topic, usual)
            problems = validator.problems(data) if validator is not None else []
            if not problems:
                return None
            shown = "; ".join(f"{field or '(root)'}: {reason}" for field, reason in problems)
            if mode == "warn":
                self._log("warn", f"input of step {step.name!r} breaks its schema: {shown}")
                return None
            return Failed(kind="InvalidInputError", message=shown, is_final=True)

        return check

    def _front(self) -> Front:
        settings, offload = self.settings, native_calls(OFFLOADED_MAX)
        web = web_settings_of(settings)
        limits = web.limits
        desk = Desk(
            store=self.store,
            system=self.system,
            clock=self.clock,
            catalog=lambda: self.project.catalog,
            tracer=self.observatory.tracer,
        )
        return Front(
            web,
            asker=self.system,
            new_trace_id=lambda: new_trace_id(self.clock.now_s()),
            watch=self.observatory.watch,
            log=self._log,
            unready=lambda: [*self.system.is_ready(), *self._troubles(is_full=True)],
            degraded=lambda: self._troubles(is_full=False),
            reserved=guarded(
                settings,
                [
                    *control_routes(desk, limits, offload=offload),
                    *dead_letter_routes(desk, limits, offload=offload),
                    *self.observatory.routes(limits, offload=offload),
                    *workbench_routes(self, limits, offload=offload),
                ],
                audit=Audit(self.store, self.clock),
            ),
            fallback=static_of(settings),
            offload=offload,
            rates=self.rates,
            uploads=self.uploads,
        )

    def _troubles(self, *, is_full: bool) -> list[str]:
        return [one.reason for one in self.store.troubles() if one.is_full == is_full]

    def _new_event(self, topic: str, step: Step) -> Event:
        now_s = self.clock.now_s()
        return Event(
            id=new_event_id(now_s),
            topic=topic,
            data=b"null",
            trace_id=new_trace_id(now_s),
            flows=step.flows,
            trace=self.observatory.tracer.begin(),
        )

    def _log(self, level: str, message: str, /, **fields: Any) -> None:
        """Log a line; step, trace_id and flows are places of their own in it."""
        places = {name: fields.pop(name) for name in ("step", "trace_id", "flows") & fields.keys()}
        self.log.write(
            LogRecord(
                level=cast("Level", level),
                at_s=self.clock.now_s(),
                message=message,
                fields=fields,
                **places,
            )
        )

    def _report(self, problems: Iterable[Problem]) -> None:
        for one in problems:
            problem = located(one, self.settings.project)
            level: Level = "error" if problem.severity == "error" else "warn"
            at = {} if problem.line is None else {"line": problem.line}
            self._log(level, describe(problem), file=problem.file, **at)

    def _fatal(self, reason: str) -> None:
        logger.critical("%s; the process ends", reason)
        sys.stderr.flush()
        # Not sys.exit: this is an actor's thread, and the process must not go on without its tree.
        os._exit(EXIT_FATAL)


def limit_s_of(step: Step, settings: Settings) -> float | None:
    """The time limit of the step's handler, whatever triggers it; None: it has none."""
    limit_s = step.infrastructure.timeout_s
    if limit_s is None:
        limit_s = settings.api_limit_s if "api" in step.kinds else settings.event_limit_s
    return limit_s or None


def concurrency_of(step: Step, settings: Settings) -> int:
    """How many calls of the step run at a time; of a cron step one, unless it says more."""
    usual = {"api": settings.api_concurrency, "event": settings.event_concurrency}
    return step.infrastructure.concurrency or max(usual.get(kind, 1) for kind in step.kinds)


def describe(problem: Problem) -> str:
    """The problem in one line: where, what, way out."""
    where = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
    field = f" {problem.field}" if problem.field else ""
    return f"{where}{field}: {problem.reason}; {problem.way_out}"


def _compiled(schema: Mapping[str, Any] | None) -> Validator | None:
    return None if schema is None else compile_schema(schema)


def _validator(
    schema: Mapping[str, Any] | None,
) -> Callable[[object], list[tuple[str, str]]] | None:
    validator = _compiled(schema)
    return None if validator is None else validator.problems
