"""The command line: `motia-actors new | dev | start | check | generate | data | dlq`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from motia_actors.cli_data import data
from motia_actors.cli_dlq import dlq
from motia_actors.cli_generate import generate
from motia_actors.cli_new import new
from motia_actors.cli_openapi import openapi
from motia_actors.cli_project import folder_of, project_option, settings_of
from motia_actors.cli_scheduled import scheduled
from motia_actors.cli_watch import COMMANDS
from motia_actors.errors import MotiaError
from motia_actors.parts import read_project
from motia_actors.running import concurrency_of, limit_s_of
from motia_actors.settings import Settings, load_env_file
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Problem, Step
from motia_actors.web.ports import ensure_free, first_free
from motia_actors.web.server import Server

EXIT_PROBLEMS = 1
EXIT_USAGE = 2
PORT = 3000
DEV_PORTS_MAX = 11
"""As in Motia: the port, and the next ten where it is taken."""
PIPED_COLUMNS = 10_000
REPORT_S_MAX = 60
STYLES = {"error": "bold red", "warning": "yellow"}


class _Commands(click.Group):
    """Commands whose errors of ours are a sentence and exit status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MotiaError as error:
            click.echo(f"motia-actors: {error}", err=True)
            ctx.exit(EXIT_USAGE)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("motia-actors"), "-V", "--version", prog_name="motia-actors")
def cli() -> None:
    """Run Steps as supervised actors: HTTP endpoints, durable events, cron, state and streams."""


def _server_options(function: Any) -> Any:
    for option in (
        click.option("-p", "--port", type=click.IntRange(0, 65_535), help="[default: 3000]"),
        click.option("-H", "--host", help="Address to listen on [default: 127.0.0.1]"),
        click.option("-b", "--bind", help="host:port or unix:path, in place of host and port"),
        click.option("--threads", type=click.IntRange(1, 1000), help="Requests at a time"),
        project_option,
    ):
        function = option(function)
    return function


@cli.command()
@_server_options
@click.option("-w", "--workers", type=click.IntRange(1, 256), help="[default: one per core]")
@click.option("-k", "--worker-class", help="our own, or gthread, sync, gevent [default: our own]")
@click.option("--preload", is_flag=True, default=None, help="Import before forking")
def start(workers: int | None, worker_class: str | None, preload: bool | None, **to: Any) -> None:
    """Serve the project with gunicorn."""
    _serve(
        {
            "workers": workers or min(os.cpu_count() or 1, 8),
            "worker_class": worker_class,
            "preload_app": preload,
        },
        **to,
    )


@cli.command()
@_server_options
def dev(**to: Any) -> None:
    """Serve the project and take over edits as they are saved."""
    _serve({"workers": 1}, is_dev=True, **to)


@cli.command()
@project_option
@click.option("--strict", is_flag=True, help="Fail on warnings too")
@click.option("--compat", is_flag=True, help="Say what of a Motia 0.17 project will be otherwise")
@click.option("--json", "is_json", is_flag=True, help="With --compat: for programs")
def check(project: Path | None, *, strict: bool, compat: bool, is_json: bool) -> None:
    """Read the project and say what is wrong; exit 1 where something is.

    With --compat nothing of the project is run, and exit 1 means that something must be changed.
    """
    if is_json and not compat:
        raise click.UsageError("--json is for --compat")
    if compat:
        # Only here: what it imports is of no use to a server, which starts the sooner without.
        from motia_actors.cli_compat import tell

        is_fine = tell(folder_of(project), is_json=is_json, is_strict=strict)
        sys.exit(0 if is_fine else EXIT_PROBLEMS)
    load_env_file(folder_of(project) / ".env")  # Steps may ask for its variables on import.
    settings = settings_of(project)
    catalog = read_project(settings)
    _show(_console(), catalog, settings)
    if catalog.errors or (strict and catalog.problems) or not catalog.steps:
        sys.exit(EXIT_PROBLEMS)


cli.add_command(data)
cli.add_command(dlq)
cli.add_command(scheduled)
cli.add_command(new)
cli.add_command(generate)
generate.add_command(openapi)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    cli()


def _serve(
    options: dict[str, Any], *, project: Path | None, is_dev: bool = False, **to: Any
) -> None:
    settings = settings_of(project)
    os.environ["MOTIA_PROJECT"] = str(settings.project)
    # Imports of the project are the runner's business; gunicorn would add the folder first.
    os.chdir(settings.project)
    if is_dev:
        os.environ["MOTIA_DEV"] = "on"
        _report(settings.project)
        if not Path("gunicorn.conf.py").exists():
            options["loglevel"] = "warning"  # What else it tells, we tell.
    options["bind"] = _bind(**to, count_max=DEV_PORTS_MAX if is_dev else 1)
    options["threads"] = to["threads"]
    server = Server(options)
    ensure_free(server.cfg.address, is_shared=server.cfg.reuse_port)
    if is_dev:
        click.echo(f"listening on {', '.join(map(_url, server.cfg.address))}; end with Ctrl-C")
    server.run()


def _bind(
    *, bind: str | None, host: str | None, port: int | None, count_max: int, **_: object
) -> str | None:
    """Where to listen; None: where gunicorn.conf.py says. A default port may move by count_max."""
    if bind is not None:
        return bind
    if host is None and port is None and Path("gunicorn.conf.py").exists():
        return None
    host = host or "127.0.0.1"
    if port is None:
        port = first_free(host, PORT, count_max=count_max) if count_max > 1 else PORT
        if port != PORT:
            click.echo(f"port {PORT} is in use, so this is on port {port}")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _url(address: object) -> str:
    match address:
        case (str(host), int(port)):
            return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        case _:
            return str(address)


def _report(project: Path) -> None:
    """Show what `check` shows, from a process of its own.

    Reading a project runs its files, and what they open or start must not be inherited by the
    worker that is forked next.
    """
    command = [sys.executable, "-P", "-m", "motia_actors", "check", "--project", str(project)]
    try:
        subprocess.run(command, check=False, timeout=REPORT_S_MAX)  # noqa: S603 (all ours)
    except subprocess.TimeoutExpired:
        click.echo(f"no report: reading the project takes over {REPORT_S_MAX} s")


def _console() -> Console:
    """Colours and the terminal's width at a terminal; lines as long as they are elsewhere."""
    return Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS, highlight=False)


def _show(console: Console, catalog: Catalog, settings: Settings) -> None:
    """Everything there is to say of a project: steps, streams, problems, and how many."""
    if catalog.steps:
        _show_steps(console, catalog.steps, settings)
        console.print()
    if catalog.streams:
        names = ", ".join(stream.name for stream in catalog.streams)
        _say(console, f"streams: {names}\n")
    for problem in catalog.problems:
        _show_problem(console, problem)
    if catalog.problems:
        console.print()
    errors = len(catalog.errors)
    counts = {"step": len(catalog.steps), "stream": len(catalog.streams)}
    counts |= {"error": errors, "warning": len(catalog.problems) - errors}
    _say(
        console, ", ".join(f"{count} {word}{'s' * (count != 1)}" for word, count in counts.items())
    )
    if not catalog.steps and not errors:
        _say(console, f"nothing to run: {catalog.root} has no steps/*_step.py")


def _show_steps(console: Console, steps: Sequence[Step], settings: Settings) -> None:
    """One line each; two where the terminal is too narrow for that."""
    rows = [
        (
            step.name,
            step.kind,
            _trigger(step),
            ", ".join(emit.topic for emit in step.emits),
            _limits(step, settings),
            step.id,
        )
        for step in steps
    ]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("step", "kind", "trigger", "emits", "limits", "file"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    unbound = console.options.update(max_width=PIPED_COLUMNS)
    if console.measure(table, options=unbound).maximum <= console.width:
        console.print(table)
        return
    width = max(len(step.name) for step in steps)
    for name, kind, trigger, emits, limits, file in rows:
        onward = f" -> {emits}" if emits else ""
        _say(console, Text.assemble((f"{name:{width}}", "bold"), f"  {kind:5}  {trigger}{onward}"))
        _say(console, Text(f"    {file}" + (f"  ({limits})" if limits else ""), style="dim"))


def _trigger(step: Step) -> str:
    match step.kind:
        case "api":
            return f"{step.method} {step.path}"
        case "event":
            return ", ".join(step.subscribes)
        case "cron":
            return step.cron
        case _:
            return ", ".join(step.virtual_subscribes)


def _limits(step: Step, settings: Settings) -> str:
    if step.kind == "noop":
        return ""
    limit_s = limit_s_of(step, settings)
    mailbox = step.infrastructure.mailbox
    within = "" if limit_s is None else f", {limit_s:g} s"
    return f"{concurrency_of(step, settings)} at a time, mailbox {mailbox.size_max}{within}"


def _show_problem(console: Console, problem: Problem) -> None:
    where = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
    field = f" {problem.field}" if problem.field else ""
    style = STYLES[problem.severity]
    _say(console, Text.assemble((f"{problem.severity}: ", style), f"{where}{field}: "), end="")
    _say(console, f"{problem.reason}\n    {problem.way_out}")


def _say(console: Console, text: str | Text, *, end: str = "\n") -> None:
    """Print text as it is: no markup, and broken by the terminal alone, so that it can be found."""
    console.print(text, markup=False, soft_wrap=True, end=end)
