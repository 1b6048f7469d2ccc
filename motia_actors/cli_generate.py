"""The command line: `motia-actors generate types | step | stream`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from motia_actors.cli_project import folder_of, project_option, settings_of
from motia_actors.parts import read_project
from motia_actors.scaffold.step import KINDS, LANGUAGES, StepPlan, write_step, write_stream
from motia_actors.settings import load_env_file
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.python_types import NAME as PYTHON
from motia_actors.steps.python_types import motia_types_pyi
from motia_actors.steps.typescript_types import NAME as TYPESCRIPT
from motia_actors.steps.typescript_types import types_d_ts

EXIT_STALE = 1
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")


@click.group()
def generate() -> None:
    """Write files into the project."""


@generate.command()
@project_option
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where a file would change")
def types(project: Path | None, *, check: bool) -> None:
    """Write types.d.ts and motia_types.pyi, so that editors, tsc and mypy check handlers.

    Each is written where the project has steps in its language.
    """
    load_env_file(folder_of(project) / ".env")  # Steps may ask for its variables on import.
    settings = settings_of(project)
    catalog = read_project(settings)
    for problem in catalog.errors:
        click.echo(f"left out: {problem.file}: {problem.reason}", err=True)
    is_stale = False
    for name, text in texts(catalog).items():
        file = settings.project / name
        is_new = not file.is_file() or file.read_text("utf-8") != text
        is_stale = is_stale or is_new
        if is_new and not check:
            file.write_text(text, "utf-8")
        click.echo(
            f"{file}: {('is out of date' if check else 'written') if is_new else 'as it was'}"
        )
    if check and is_stale:
        sys.exit(EXIT_STALE)


def texts(catalog: Catalog) -> dict[str, str]:
    """What the files are to hold, by their names."""
    files = [step.id for step in catalog.steps] + [stream.id for stream in catalog.streams]
    made = {}
    if any(file.endswith((".ts", ".js")) for file in files):
        made[TYPESCRIPT] = types_d_ts(catalog)
    if any(file.endswith(".py") for file in files):
        made[PYTHON] = motia_types_pyi(catalog)
    return made


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
