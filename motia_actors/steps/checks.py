"""Check a project's steps and streams against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from motia_actors.steps.config import Problem, Step, Stream
from motia_actors.steps.naming import snake_case

Item = TypeVar("Item", Step, Stream)
Key = TypeVar("Key", bound=Hashable)


def check(steps: Sequence[Step], streams: Sequence[Stream]) -> tuple[Problem, ...]:
    """All warnings that take more than one file to see, in a fixed order."""
    return (
        *_same_names(steps),
        *_same_routes(steps),
        *_same_streams(streams),
        *_unclear_streams(streams),
        *_loose_topics(steps),
    )


def _same_names(steps: Sequence[Step]) -> Iterable[Problem]:
    running = [step for step in steps if step.kind != "noop"]
    for name, group in _several((step.name, step) for step in running).items():
        first = group[0].id
        for step in group[1:]:
            yield _warning(
                step.id, "name", f"{name!r} is also the name of {first}", "both run; rename one"
            )


def _same_routes(steps: Sequence[Step]) -> Iterable[Problem]:
    bindings = (one for step in steps for one in step.bindings if one.kind == "api")
    routes = (((one.method, one.path), one) for one in bindings)
    for (method, path), group in _several(routes).items():
        first = group[0].id
        for step in group[1:]:
            reason = f"{method} {path} is already answered by {first}, so {step.id} never is"
            yield _warning(step.id, step.field("path"), reason, "change path or method of one")


def _same_streams(streams: Sequence[Stream]) -> Iterable[Problem]:
    for name, group in _several((stream.name, stream) for stream in streams).items():
        first = group[0].id
        for stream in group[1:]:
            reason = f"{name!r} is already defined by {first}, which is the one in use"
            yield _warning(stream.id, "name", reason, "remove one, or rename it")


def _unclear_streams(streams: Sequence[Stream]) -> Iterable[Problem]:
    first_of = {stream.name: stream for stream in reversed(streams)}
    firsts = [stream for stream in streams if first_of[stream.name] is stream]
    for name, group in _several((snake_case(stream.name), stream) for stream in firsts).items():
        listed = ", ".join(repr(stream.name) for stream in group)
        reason = f"in snake_case {listed} are all {name!r}, which therefore finds none but itself"
        yield _warning(group[-1].id, "name", reason, "rename one, or use exact names")


def _loose_topics(steps: Sequence[Step]) -> Iterable[Problem]:
    active = [step for step in steps if step.kind != "noop"]
    subscribed = {topic for step in active for topic in step.subscribes}
    emitted = {emit.topic for step in active for emit in step.emits}
    # A step that declares nothing may emit anything, so nothing can be said of its topics.
    is_open = any(not step.emits for step in active)
    for step in active:
        for emit in step.emits:
            if emit.topic not in subscribed:
                reason = f"nobody subscribes to {emit.topic!r}, so its events go nowhere"
                yield _warning(step.id, "emits", reason, "subscribe an event step or remove it")
        for one in () if is_open else step.bindings:
            for topic in one.subscribes:
                if topic not in emitted:
                    reason, way_out = f"no step emits {topic!r}", "add it to the emits of a step"
                    yield _warning(step.id, one.field("subscribes"), reason, way_out)


def _several(pairs: Iterable[tuple[Key, Item]]) -> Mapping[Key, list[Item]]:
    groups: defaultdict[Key, list[Item]] = defaultdict(list)
    for key, item in pairs:
        groups[key].append(item)
    return {key: group for key, group in groups.items() if len(group) > 1}


def _warning(file: str, field: str, reason: str, way_out: str) -> Problem:
    return Problem(severity="warning", file=file, field=field, reason=reason, way_out=way_out)
