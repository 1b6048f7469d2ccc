"""The figures of a system as the control endpoints and the terminal show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from motia_actors.steps.config import Step
from motia_actors.store import EventQueue


def shown(
    steps: Iterable[Step], statistics: Mapping[str, Any], events: EventQueue
) -> dict[str, Any]:
    """Live figures of each step, and the tree of actors.

    Counts and latencies are of this process, queues of the whole store. Latencies are in
    milliseconds, over the last few hundred calls.
    """
    measured = statistics["steps"]
    rows = [_row(step, measured[step.id], events) for step in steps if step.id in measured]
    actors = [_actor(name, figures) for name, figures in statistics["actors"].items()]
    for actor in actors:
        if actor["name"] == "steps":
            actor["children"] = [_actor(step_id, figures) for step_id, figures in measured.items()]
    return {
        "steps": rows,
        "tree": {"name": "system", "status": _root_status(statistics), "children": actors},
        "store": statistics["store"],
    }


def _root_status(statistics: Mapping[str, Any]) -> str:
    return "stopping" if statistics["stopping"] else "running"


def _row(step: Step, figures: Mapping[str, Any], events: EventQueue) -> dict[str, Any]:
    depth, mailbox = events.depth(step.id), figures["mailbox"]
    return {
        "id": step.id,
        "name": step.name,
        "type": step.kind,
        "calls": figures["handled"],
        "failures": figures["failed"],
        "perSecond": round(figures["per_s"], 3),
        "p50Ms": round(figures["p50_s"] * 1000, 3),
        "p99Ms": round(figures["p99_s"] * 1000, 3),
        "inFlight": figures["in_flight"],
        "concurrency": figures["concurrency"],
        "mailbox": {"depth": mailbox["depth"], "size": mailbox["size_max"]},
        "queue": {"waiting": depth.waiting, "leased": depth.leased, "dead": depth.dead},
        "retries": figures["retried"],
        "restarts": figures["restarts"],
        "suspended": figures["status"] == "suspended",
        "lastError": figures["last_error"],
    }


def _actor(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    mailbox = figures["mailbox"]
    return {
        "name": name,
        "status": figures["status"],
        "restarts": figures["restarts"],
        "suspensions": figures["suspensions"],
        "lastError": figures["last_error"],
        "inFlight": figures.get("in_flight", 0),
        "mailbox": {"depth": mailbox["depth"], "size": mailbox["size_max"]},
    }
