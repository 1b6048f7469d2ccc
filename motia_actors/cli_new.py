"""The command line: `motia-actors new`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from motia_actors.scaffold.project import TEMPLATES, write_project


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


def _asks() -> bool:
    return sys.stdin.isatty()


def _asked_template() -> str:
    for name, kind in TEMPLATES.items():
        click.echo(f"  {name:12}{kind.about}")
    template: str = click.prompt("Template", type=click.Choice(list(TEMPLATES)), default="python")
    return template
