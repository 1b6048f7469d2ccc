"""All steps and streams of a project, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from motia_actors.errors import UnknownStreamError
from motia_actors.steps.config import Problem, Step, Stream
from motia_actors.steps.naming import find_name


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """A project as it was read: immutable, so any thread may use it.

    `steps` and `streams` are in the order of their ids and hold no broken ones; of several
    streams of one name only the first. `handlers` has the handler of each step that has one,
    under its id, and the `canAccess` of each stream that has one.
    """

    root: Path
    steps: tuple[Step, ...] = ()
    streams: tuple[Stream, ...] = ()
    problems: tuple[Problem, ...] = ()
    handlers: Mapping[str, object] = {}

    @property
    def api_steps(self) -> tuple[Step, ...]:
        """What has a route of its own, as a step of that trigger: of one route only the first."""
        routes: dict[tuple[str, str], Step] = {}
        for step in self._of("api"):
            routes.setdefault((step.method, step.path), step)
        return tuple(routes.values())

    @property
    def event_steps(self) -> tuple[Step, ...]:
        """What takes events, as a step of each trigger."""
        return tuple(self._of("event"))

    @property
    def cron_steps(self) -> tuple[Step, ...]:
        """The steps that run by the clock."""
        return tuple(step for step in self.steps if step.cron)

    def _of(self, kind: str) -> Iterator[Step]:
        return (one for step in self.steps for one in step.bindings if one.kind == kind)

    def step(self, step_id: str) -> Step | None:
        """The step of that id."""
        return next((step for step in self.steps if step.id == step_id), None)

    def subscribers(self, topic: str) -> tuple[Step, ...]:
        """The event steps that an event of topic goes to; virtual subscriptions do not count."""
        return tuple(step for step in self.event_steps if topic in step.subscribes)

    def stream(self, name: str) -> Stream:
        """The stream of that name, exact or in snake_case (`chat_messages`: `chatMessages`).

        Raises:
            UnknownStreamError: there is none, or snake_case fits several.
        """
        found = find_name(name, (stream.name for stream in self.streams))
        if len(found) != 1:
            raise UnknownStreamError(name, [stream.name for stream in self.streams])
        return next(stream for stream in self.streams if stream.name == found[0])

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep a step or stream from running."""
        return tuple(problem for problem in self.problems if problem.severity == "error")
