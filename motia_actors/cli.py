"""The command line: `motia-actors new | dev | start | check | generate | data | dlq`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from motia_actors.cli_data import data
from motia_actors.cli_dlq import dlq
from motia_actors.cli_generate import generate
from motia_actors.cli_new import new
from motia_actors.cli_openapi import openapi
from motia_actors.cli_project import folder_of, project_option, settings_of
from motia_actors.cli_report import console, places, show
from motia_actors.cli_scheduled import scheduled
from motia_actors.cli_watch import COMMANDS
from motia_actors.errors import MotiaError
from motia_actors.parts import read_project
from motia_actors.settings import load_env_file
from motia_actors.web.ports import ensure_free, first_free
from motia_actors.web.server import Server

EXIT_PROBLEMS = 1
EXIT_USAGE = 2
PORT = 3000
DEV_PORTS_MAX = 11
"""As in Motia: the port, and the next ten where it is taken."""
REPORT_S_MAX = 60


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
    show(console(), catalog, settings, now_s=time.time())
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
        urls = [_url(address) for address in server.cfg.address]
        click.echo(f"listening on {', '.join(urls)}; end with Ctrl-C")
        for line in places(urls):
            click.echo(line)
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
