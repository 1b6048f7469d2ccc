"""The command line: `motia-actors new`, `motia-actors generate step | stream`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from motia_actors.cli_project import folder_of, project_option
from motia_actors.scaffold.project import TEMPLATES, write_project
from motia_actors.scaffold.step import KINDS, LANGUAGES, StepPlan, write_step, write_stream

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")


@click.command()
@click.argument("name", required=False)
@click.option("-t", "--template", type=click.Choice(list(TEMPLATES)), help="[default: python]")
@click.option("--folder", type=click.Path(path_type=Path), help="Where it goes [default: NAME]")
def new(name: str | None, template: str | None, folder: Path | None) -> None:
    """Write a new project that runs: steps, tests, Dockerfile, settings."""
    if name is None:
        if not _asks():
            raise click.UsageError("say how the project is called: motia-actors new NAME")
        name = click.prompt("Name of the project")
    if template is None:
        template = _asked_template() if _asks() else "python"
    folder = folder or Path(name)
    # `.` is the current folder, and the project is called as that is.
    title = folder.resolve().name if name == "." else name
    files = write_project(folder, template, name=title)
    click.echo(f"wrote {len(files)} files into {folder}, from the template {template}\n")
    if folder.resolve() != Path.cwd():
        click.echo(f"    cd {folder}")
    if TEMPLATES[template].needs_node:
        click.echo("    pip install -r requirements.txt    # brings Node")
    click.echo("    motia-actors dev")


@click.group()
def generate() -> None:
    """Write files into the project."""


@generate.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option("-l", "--language", type=click.Choice(LANGUAGES), default="python", show_default=True)
@click.option("-d", "--dir", "directory", default="", help="Folder below steps/")
@click.option("--path", default="", help="Of an api step [default: the name]")
@click.option("--method", type=click.Choice(METHODS, case_sensitive=False), default="POST")
@click.option("--topic", default="", help="That an event step listens to [default: the name]")
@click.option("--cron", default="", help="When a cron step runs [default: every five minutes]")
@click.option("--emits", multiple=True, help="A topic; may be given again")
@click.option("--flow", "flows", multiple=True, help="May be given again")
@project_option
def step(project: Path | None, directory: str, **plan: Any) -> None:
    """Write a step: KIND is what triggers it, NAME is how it is called."""
    written = write_step(_steps(project) / directory, StepPlan(**plan))
    click.echo(f"wrote {written}")


@generate.command()
@click.argument("name")
@click.option("-l", "--language", type=click.Choice(LANGUAGES), default="python", show_default=True)
@project_option
def stream(project: Path | None, name: str, language: Any) -> None:
    """Write a stream called NAME."""
    click.echo(f"wrote {write_stream(_steps(project), name, language=language)}")


def _steps(project: Path | None) -> Path:
    """Where steps of the project are: its `steps/`, or `src/` where it has that alone."""
    folder = folder_of(project)
    is_in_src = not (folder / "steps").is_dir() and (folder / "src").is_dir()
    return folder / ("src" if is_in_src else "steps")


def _asks() -> bool:
    return sys.stdin.isatty()


def _asked_template() -> str:
    for name, kind in TEMPLATES.items():
        click.echo(f"  {name:12}{kind.about}")
    template: str = click.prompt("Template", type=click.Choice(list(TEMPLATES)), default="python")
    return template
