"""What the workbench asks of a running project beyond what tools ask for: one started process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from motia_actors.actors.ports import target_of
from motia_actors.adjustments import Word, adjust, read_adjustments
from motia_actors.clock import Clock
from motia_actors.errors import UnknownStreamError, UsageError
from motia_actors.payload import decode, encode
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Step
from motia_actors.steps.schedule import Schedule
from motia_actors.store import EventPut, StateItem, Store, StreamDelete, StreamSet
from motia_actors.telemetry.traces import new_event_id, new_trace_id
from motia_actors.workbench.drawing import drawn
from motia_actors.workbench.recorder import event_of, recorded_of

SHOWN_MAX = 2_000
"""State items in one answer."""
VALUE_CHARS_MAX = 400
"""Of a value in a list; the whole is asked for alone."""
STATE_ITEMS_MAX = 50_000
GROUPS_MAX = 1_000


class Actors(Protocol):
    """What the bench needs of the actor system."""

    def fire(self, step_id: str) -> str:
        """Queue a run of a cron step now."""
        ...

    def adjust(self) -> None:
        """Make the steps as they are wanted."""
        ...


class Bench:
    """Looks into a project and acts on it. Any thread.

    Args:
        store: Where events, state, streams and adjustments are.
        actors: The system of this process.
        clock: What time it is.
        catalog: The steps and streams as they are now.
        timezone: Of cron steps that name none; None: the machine's.
    """

    def __init__(
        self,
        *,
        store: Store,
        actors: Actors,
        clock: Clock,
        catalog: Callable[[], Catalog],
        timezone: str | None = None,
    ) -> None:
        self._store, self._actors, self._clock = store, actors, clock
        self._catalog, self._timezone = catalog, timezone
        self._drawn: tuple[Catalog, dict[str, Any]] | None = None

    def project(self, *, version: str) -> dict[str, Any]:
        """All of the project that is drawn; only its version where that is the one given."""
        catalog = self._catalog()
        known = self._drawn
        if known is None or known[0] is not catalog:
            known = self._drawn = catalog, drawn(catalog)
        project = known[1]
        return {"version": version} if project["version"] == version else project

    # Queues and schedules.

    def queues(self) -> dict[str, Any]:
        """Depth and age of each queue: of event and cron steps, and of steps that are gone."""
        now_s = self._clock.now_s()
        steps = {step.id: step for step in self._catalog().steps if step.is_queued}
        found = []
        for step_id in dict.fromkeys([*steps, *self._store.events.steps()]):
            depth = self._store.events.depth(step_id)
            due_s = self._store.events.next_due_s(step_id)
            step = steps.get(step_id)
            found.append(
                {
                    "step": step_id,
                    "name": step_id if step is None else step.name,
                    "type": None if step is None else step.kind,
                    "fifo": step is not None and step.infrastructure.queue.is_fifo,
                    "waiting": depth.waiting,
                    "leased": depth.leased,
                    "dead": depth.dead,
                    # How long the oldest that could run has waited; nothing where none could.
                    "ageMs": None if due_s is None else max(0, int((now_s - due_s) * 1000)),
                    "dueMs": None if due_s is None else int(due_s * 1000),
                }
            )
        return {"now": int(now_s * 1000), "queues": found}

    def cron(self) -> dict[str, Any]:
        """The cron steps: when each ran last, and when it runs next."""
        now_s = self._clock.now_s()
        adjusted = read_adjustments(self._store)
        return {
            "now": int(now_s * 1000),
            "jobs": [
                self._job(
                    step, now_s, is_paused=step.id in adjusted and adjusted[step.id].is_paused
                )
                for step in self._catalog().cron_steps
            ],
        }

    def _job(self, step: Step, now_s: float, *, is_paused: bool) -> dict[str, Any]:
        zone = step.cron_policy.timezone or self._timezone
        schedule = Schedule(step.cron, zone)
        slots: list[int] = []
        at_s: float | None = now_s
        while at_s is not None and len(slots) < 3:
            at_s = schedule.next_s(at_s)
            if at_s is not None:
                slots.append(int(at_s * 1000))
        last_s = self._store.events.last_slot_s(step.id)
        return {
            "step": step.id,
            "name": step.name,
            "description": step.description,
            "cron": step.cron,
            "timezone": str(schedule.zone),
            "overlap": step.cron_policy.overlap,
            "misfire": step.cron_policy.misfire,
            "lastMs": None if last_s is None else int(last_s * 1000),
            "nextMs": slots,
            "paused": is_paused,
        }

    def run_now(self, step_id: str) -> str:
        """Queue a run of a cron step; answers `fired`, `busy` or `taken`."""
        return self._actors.fire(self._step(step_id, "cron").id)

    # What came before, again.

    def recorded(self, trace_id: str) -> list[dict[str, Any]]:
        """Requests and events of a trace that can come again."""
        return recorded_of(self._store, trace_id)

    def replay(self, trace_id: str, call_id: str) -> str:
        """Give a recorded event to its step once more; answers the new trace's id."""
        told = next((one for one in self.recorded(trace_id) if one["id"] == call_id), None)
        if told is None or told["topic"] is None:
            raise UsageError(f"there is no event {call_id!r} of trace {trace_id!r} to replay")
        step = self._step(told["step"], "event")
        now_s = self._clock.now_s()
        event = event_of(
            told,
            event_id=new_event_id(now_s),
            trace_id=new_trace_id(now_s),
            flows=step.flows,
        )
        self._store.write(EventPut(event=event, targets=(target_of(step),)))
        return event.trace_id

    # Steps as an operator wants them.

    def adjustments(self) -> dict[str, Any]:
        """What was changed about steps, by their ids."""
        return {
            step: {
                "mailboxSize": one.mailbox_size_max,
                "concurrency": one.concurrency,
                "suspended": one.is_suspended,
                "paused": one.is_paused,
            }
            for step, one in read_adjustments(self._store).items()
        }

    def adjust(self, step_id: str, word: Word, value: int | bool | None) -> None:
        """Change one thing about a step, here at once and at the other workers within a second."""
        step = self._step(step_id, "cron" if word == "paused" else None)
        if word == "restarts":
            known = read_adjustments(self._store).get(step.id)
            value = 1 + (0 if known is None else known.restarts)
        adjust(self._store, step.id, word, value)
        self._actors.adjust()

    def _step(self, step_id: str, kind: str | None = None) -> Step:
        step = self._catalog().step(step_id)
        if step is None:
            raise UsageError(f"there is no step {step_id!r}")
        if kind is not None and kind not in step.kinds:
            raise UsageError(f"{step_id!r} is no {kind} step")
        return step

    # State and streams.

    def state(self, *, group: str | None, text: str, version: str) -> dict[str, Any]:
        """Groups with their sizes, and the items of one of them, or of all, that hold text.

        Only the version is answered where nothing changed since that of the caller.
        """
        items = self._store.state.items(count_max=STATE_ITEMS_MAX)
        found = hashlib.sha256(f"{group!r}{text!r}".encode())
        groups: dict[str, int] = {}
        for item in items:
            groups[item.group] = groups.get(item.group, 0) + 1
            found.update(f"{item.group}\0{item.key}\0".encode("utf-8", "surrogatepass"))
            found.update(item.value)
        if version == (now := found.hexdigest()[:16]):
            return {"version": version}
        chosen = [item for item in items if group in (None, item.group) and _holds(item, text)]
        return {
            "version": now,
            "groups": [{"group": name, "count": count} for name, count in sorted(groups.items())],
            "items": [_listed(item) for item in chosen[:SHOWN_MAX]],
            "found": len(chosen),
            "total": len(items),
        }

    def state_value(self, group: str, key: str) -> object:
        """A value of the state, whole; None where there is none."""
        value = self._store.state.get(group, key)
        return None if value is None else decode(value)

    def stream_groups(self, name: str) -> list[str]:
        """Groups of the stream that hold an item."""
        return self._store.streams.groups(self._stream(name), count_max=GROUPS_MAX)

    def set_item(self, name: str, group: str, item_id: str, data: object) -> str:
        """Store an item of a stream whole; whoever listens hears of it."""
        if not isinstance(data, dict):
            raise UsageError("an item of a stream is a JSON object")
        stored = encode({**data, "id": item_id})
        write = StreamSet(stream=self._stream(name), group=group, item_id=item_id, data=stored)
        return self._store.write(write)

    def delete_item(self, name: str, group: str, item_id: str) -> bool:
        """Remove an item; whether there was one."""
        write = StreamDelete(stream=self._stream(name), group=group, item_id=item_id)
        return self._store.write(write) is not None

    def _stream(self, name: str) -> str:
        try:
            return self._catalog().stream(name).name
        except UnknownStreamError as error:
            raise UsageError(str(error)) from error


def _holds(item: StateItem, text: str) -> bool:
    if not text:
        return True
    wanted = text.lower()
    if wanted in item.key.lower() or wanted in item.group.lower():
        return True
    return wanted in item.value.decode("utf-8", "replace").lower()


def _listed(item: StateItem) -> dict[str, Any]:
    text = item.value.decode("utf-8", "replace")
    return {
        "group": item.group,
        "key": item.key,
        "preview": text[:VALUE_CHARS_MAX],
        "bytes": len(item.value),
    }
