"""The command line: `motia-actors top | logs | traces | state | emit`, of a running server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from motia_actors.cli_project import json_option, project_option, settings_of
from motia_actors.control_client import ControlClient
from motia_actors.payload import decode, encode
from motia_actors.telemetry.terminal import clean, readable

LOOK_S = 1.0
LEVELS = ("debug", "info", "warn", "error")
STATUSES = ("running", "completed", "failed")

_limit = click.option("--limit", type=click.IntRange(1, 5000), default=100, show_default=True)
_text = click.option("-q", "q", help="Only what holds this text")


def _of_server(function: Any) -> Any:
    """Options that say which server is asked."""
    url = click.option(
        "--url", default="http://127.0.0.1:3000", envvar="MOTIA_URL", show_default=True
    )
    return url(project_option(function))


def _client(url: str, project: Path | None) -> ControlClient:
    return ControlClient(url, settings_of(project).control_token)


@click.command()
@_of_server
@json_option
@click.option("--once", is_flag=True, help="Show the figures once and end")
def top(url: str, project: Path | None, *, is_json: bool, once: bool) -> None:
    """Show actors and queues, live."""
    client = _client(url, project)
    stats = client.get("__motia", "stats")
    if is_json:
        click.echo(encode(stats).decode())
        return
    console = Console(highlight=False)
    if once or not console.is_terminal:
        console.print(table_of(stats))
        return
    with Live(table_of(stats), console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(LOOK_S)
                live.update(table_of(client.get("__motia", "stats")), refresh=True)
        except KeyboardInterrupt:
            return


def table_of(stats: Mapping[str, Any]) -> Table:
    """The figures of every step, and below it our own actors."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step", no_wrap=True)
    for title in ("calls", "/s", "p50 ms", "p99 ms", "failed", "running", "mailbox", "waiting"):
        table.add_column(title, justify="right")
    for title in ("leased", "dead", "retries", "restarts"):
        table.add_column(title, justify="right")
    for step in stats["steps"]:
        queue, mailbox = step["queue"], step["mailbox"]
        name = Text(clean(step["name"]), style="bold red" if step["suspended"] else "")
        figures = (
            step["calls"], f"{step['perSecond']:.1f}", f"{step['p50Ms']:.1f}",
            f"{step['p99Ms']:.1f}", step["failures"], step["inFlight"],
            f"{mailbox['depth']}/{mailbox['size']}", queue["waiting"], queue["leased"],
            queue["dead"], step["retries"], step["restarts"],
        )  # fmt: skip
        table.add_row(name, *map(str, figures))
    store = stats["store"]
    if store.get("is_connected") == 0:
        kept = 100 * store["outbox_bytes"] / store["outbox_bytes_max"]
        table.add_row(Text(f"(cluster away, outbox {kept:.0f} % full)", style="bold red"))
    for actor in stats["tree"]["children"]:
        mailbox = actor["mailbox"]
        style = "" if actor["status"] == "running" else "bold red"
        row = [""] * 6 + [f"{mailbox['depth']}/{mailbox['size']}"] + [""] * 4
        table.add_row(
            Text(f"({actor['name']} {actor['status']})", style=style or "dim"),
            *row,
            str(actor["restarts"]),
        )
    return table


@click.command()
@_of_server
@json_option
@_limit
@_text
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes")
@click.option("--level", type=click.Choice(LEVELS), help="This and worse")
@click.option("--step", help="Of a step, by its name")
@click.option("--trace", help="Of a trace")
def logs(url: str, project: Path | None, *, is_json: bool, follow: bool, **wanted: Any) -> None:
    """Show log lines of all workers, the newest last."""
    client = _client(url, project)
    last = 0
    while True:
        found = client.get("__motia", "logs", after=last or None, **wanted)
        for line in found["logs"]:
            _show_line(line, is_json=is_json)
        last = found["last"]
        if not follow:
            return
        wanted["limit"] = 5000  # Of what comes none is left out.
        try:
            time.sleep(LOOK_S)
        except KeyboardInterrupt:
            return


def _show_line(line: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        click.echo(encode(line).decode())
        return
    head = {key: line[key] for key in ("level", "time", "traceId", "flows", "step", "msg")}
    click.echo(readable({**head, **line["fields"]}), nl=False)


@click.command()
@_of_server
@json_option
@_limit
@_text
@click.argument("trace_id", required=False)
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--step", help="With a step, by its name")
def traces(
    url: str, project: Path | None, *, is_json: bool, trace_id: str | None, **wanted: Any
) -> None:
    """List traces, the newest first; or show the spans of TRACE_ID."""
    client = _client(url, project)
    if trace_id is not None:
        _show_trace(client.get("__motia", "traces", trace_id), is_json=is_json)
        return
    for trace in client.get("__motia", "traces", **wanted)["traces"]:
        if is_json:
            click.echo(encode(trace).decode())
            continue
        took_ms = (trace["endTime"] or trace["startTime"]) - trace["startTime"]
        steps = " > ".join(trace["steps"])
        row = (
            f"{trace['traceId']}  {trace['status']:9}  {took_ms:9.1f} ms  {trace['name']}  {steps}"
        )
        click.echo(clean(row))


def _show_trace(trace: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        click.echo(encode(trace).decode())
        return
    depths: dict[str | None, int] = {}
    for span in trace["spans"]:
        depth = depths[span["id"]] = depths.get(span["parent"], -1) + 1
        begun_ms = span["startTime"] - trace["startTime"]
        took_ms = (span["endTime"] or span["startTime"]) - span["startTime"]
        error = f"  {span['error']}" if span["error"] else ""
        name = f"{'  ' * depth}{span['kind']} {span['name']}"
        click.echo(clean(f"{begun_ms:9.1f} +{took_ms:8.1f} ms  {name}{error}"))


@click.command()
@_of_server
@json_option
@click.argument("group", required=False)
def state(url: str, project: Path | None, *, is_json: bool, group: str | None) -> None:
    """Show the state, all or that of GROUP."""
    for item in _client(url, project).get("__motia", "state", groupId=group):
        if is_json:
            click.echo(encode(item).decode())
        else:
            value = encode(item["value"]).decode()
            click.echo(clean(f"{item['groupId']}  {item['key']}  {value}"))


@click.command()
@_of_server
@json_option
@click.argument("topic")
@click.argument("data", default="null")
def emit(url: str, project: Path | None, *, is_json: bool, topic: str, data: str) -> None:
    """Emit an event of TOPIC with DATA, which is JSON."""
    answer = _client(url, project).post(
        "emit", body={"topic": topic, "data": decode(data.encode())}
    )
    click.echo(encode(answer).decode() if is_json else f"emitted {topic}")


COMMANDS = (top, logs, traces, state, emit)
