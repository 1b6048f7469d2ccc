"""The figures of a system as the control endpoints and the terminal show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from motia_actors.actors.actor import Cell
from motia_actors.steps.config import Step
from motia_actors.store import EventQueue
from motia_actors.telemetry.measures import Samples


def shown(
    steps: Iterable[Step], statistics: Mapping[str, Any], events: EventQueue, counted: Samples
) -> dict[str, Any]:
    """Live figures of each step, and the tree of actors.

    Counts, what is in flight and mailboxes are those of all workers, as counted has them; the
    tree, rates and latencies (milliseconds, over the last few hundred calls) of this process.
    """
    measured = statistics["steps"]
    rows = [_row(step, measured[step.id], events, counted) for step in steps if step.id in measured]
    actors = [_actor(name, figures) for name, figures in statistics["actors"].items()]
    for actor in actors:
        if actor["name"] == "steps":
            actor["children"] = [_actor(step_id, figures) for step_id, figures in measured.items()]
    return {
        "steps": rows,
        "tree": {"name": "system", "status": _root_status(statistics), "children": actors},
        "store": statistics["store"],
    }


def cell_figures(cell: Cell) -> dict[str, Any]:
    """What is known of one actor."""
    return {
        "status": cell.status,
        "restarts": cell.restarts,
        "suspensions": cell.suspensions,
        "last_error": cell.last_error,
        "mailbox": msgspec.to_builtins(cell.mailbox.statistics()),
    }


def _root_status(statistics: Mapping[str, Any]) -> str:
    return "stopping" if statistics["stopping"] else "running"


def _row(
    step: Step, figures: Mapping[str, Any], events: EventQueue, counted: Samples
) -> dict[str, Any]:
    depth = events.depth(step.id)

    def count(metric: str, *labels: str) -> int:
        return int(counted.value(metric, step.id, *labels))

    failures = count("motia_calls", "failed")
    return {
        "id": step.id,
        "name": step.name,
        "type": step.kind,
        "calls": count("motia_calls", "completed") + failures,
        "failures": failures,
        "perSecond": round(figures["per_s"], 3),
        "p50Ms": round(figures["p50_s"] * 1000, 3),
        "p99Ms": round(figures["p99_s"] * 1000, 3),
        "inFlight": count("motia_calls_in_flight"),
        "concurrency": figures["concurrency"],
        "mailbox": {"depth": count("motia_mailbox_depth"), "size": count("motia_mailbox_size")},
        "queue": {"waiting": depth.waiting, "leased": depth.leased, "dead": depth.dead},
        "retries": count("motia_retries"),
        "restarts": count("motia_actor_restarts"),
        "suspended": count("motia_actors_suspended") > 0,
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
