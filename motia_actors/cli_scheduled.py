"""The command line: `motia-actors scheduled list | cancel`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from motia_actors.cli_project import json_option, project_option, settings_of
from motia_actors.data import opened
from motia_actors.payload import decode, encode
from motia_actors.store import EventCancel
from motia_actors.telemetry.terminal import clean

EXIT_NOT_FOUND = 1


@click.group()
def scheduled() -> None:
    """Look at events that wait for their time and take them back, while the project runs or not."""


@scheduled.command(name="list")
@click.option("--topic", help="Only events of this topic")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
@project_option
def list_(topic: str | None, limit: int, project: Path | None, *, is_json: bool) -> None:
    """List events with `delay` or `at`, and bursts of debounced steps, first due first."""
    with opened(settings_of(project)) as store:
        waiting = store.events.scheduled(count_max=sys.maxsize)
    chosen = [one for one in waiting if topic is None or one.event.topic == topic]
    for one in chosen[:limit]:
        due = datetime.fromtimestamp(one.due_s, UTC).isoformat(timespec="milliseconds")
        if is_json:
            line = {
                "id": one.event.id,
                "dueAt": due,
                "topic": one.event.topic,
                "step": one.step,
                "data": decode(one.event.data),
                "traceId": one.event.trace_id,
                "debounced": one.is_burst,
            }
            click.echo(encode(line).decode())
        else:
            kind = "  (debounced)" if one.is_burst else ""
            click.echo(clean(f"{due}  {one.event.id}  {one.event.topic}  {one.step}{kind}"))
    if len(chosen) > limit:
        click.echo(f"{len(chosen) - limit} more; raise --limit", err=True)


@scheduled.command()
@click.argument("event_id")
@project_option
def cancel(event_id: str, project: Path | None) -> None:
    """Take back what was not handed out yet of an event with `delay` or `at`."""
    with opened(settings_of(project)) as store:
        count = store.write(EventCancel(event_id=event_id))
    if not count:
        click.echo(f"no event {event_id} waits for its time", err=True)
        sys.exit(EXIT_NOT_FOUND)
    click.echo(f"{count} cancelled")
