"""The command line: `motia-actors start | dev | check | version`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from motia_actors.app import concurrency_of, limit_s_of, read_project
from motia_actors.errors import MotiaError
from motia_actors.settings import Settings, read_settings
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Problem, Step
from motia_actors.web.server import Server

EXIT_PROBLEMS = 1
EXIT_USAGE = 2
STYLES = {"error": "bold red", "warning": "yellow"}

project_option = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that holds steps/ or src/ [default: the current one]",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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
@click.option("-k", "--worker-class", help="gthread, sync or gevent [default: gthread]")
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
    os.environ["MOTIA_DEV"] = "on"
    _serve({"workers": 1}, **to)


@cli.command()
@project_option
@click.option("--strict", is_flag=True, help="Fail on warnings too")
def check(project: Path | None, *, strict: bool) -> None:
    """Read the project and say what is wrong; exit 1 where something is."""
    settings = _settings(project)
    catalog = read_project(settings)
    console = Console()
    _show_steps(console, catalog, settings)
    _show_problems(console, catalog.problems)
    errors = sum(problem.severity == "error" for problem in catalog.problems)
    warnings = len(catalog.problems) - errors
    console.print(
        f"{len(catalog.steps)} steps, {len(catalog.streams)} streams, "
        f"{errors} errors, {warnings} warnings"
    )
    if not catalog.steps and not errors:
        console.print(f"nothing to run: {settings.project} has no steps/*_step.py")
    if errors or (strict and warnings) or not catalog.steps:
        sys.exit(EXIT_PROBLEMS)


def main() -> None:
    """Run the command line; an error of ours is a sentence and exit status 2."""
    try:
        cli()
    except MotiaError as error:
        click.echo(f"motia-actors: {error}", err=True)
        sys.exit(EXIT_USAGE)


def _serve(options: dict[str, Any], *, project: Path | None, **to: Any) -> None:
    settings = _settings(project)
    os.environ["MOTIA_PROJECT"] = str(settings.project)
    os.chdir(settings.project)
    # Imports of the project are the runner's business; gunicorn would add the folder first.
    options["bind"] = _bind(**to)
    options["threads"] = to["threads"]
    Server(options).run()


def _bind(*, bind: str | None, host: str | None, port: int | None, threads: object) -> str | None:
    del threads
    if bind is not None:
        return bind
    if host is None and port is None and Path("gunicorn.conf.py").exists():
        return None
    return f"{host or '127.0.0.1'}:{3000 if port is None else port}"


def _settings(project: Path | None) -> Settings:
    return read_settings(project=project)


def _show_steps(console: Console, catalog: Catalog, settings: Settings) -> None:
    if not catalog.steps:
        return
    table = Table("step", "kind", "trigger", "emits", "limits", "file", box=None, pad_edge=False)
    for step in catalog.steps:
        emits = ", ".join(emit.topic for emit in step.emits)
        table.add_row(step.name, step.kind, _trigger(step), emits, _limits(step, settings), step.id)
    console.print(table)


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


def _show_problems(console: Console, problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        where = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
        field = f" {problem.field}" if problem.field else ""
        console.print(f"{problem.severity}: ", style=STYLES[problem.severity], end="")
        console.print(
            f"{where}{field}: {problem.reason}\n    {problem.way_out}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
