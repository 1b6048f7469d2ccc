"""The command line: `motia-actors generate openapi`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from motia_actors.cli_project import folder_of, project_option, settings_of
from motia_actors.parts import read_project
from motia_actors.settings import load_env_file
from motia_actors.steps.openapi import document


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="[default: the terminal]")
@click.option("--title", help="[default: the folder's name]")
@click.option("--api-version", default="1.0.0", show_default=True)
@project_option
def openapi(project: Path | None, output: Path | None, title: str | None, api_version: str) -> None:
    """Describe the project's api steps as OpenAPI 3.1."""
    load_env_file(folder_of(project) / ".env")
    output = None if output is None else output.resolve()  # Reading changes the working directory.
    settings = settings_of(project)
    catalog = read_project(settings)
    described = document(catalog.steps, title=title or settings.project.name, version=api_version)
    text = json.dumps(described, indent=2, ensure_ascii=False)
    if output is None:
        click.echo(text)
        return
    output.write_text(f"{text}\n", "utf-8")
    click.echo(f"wrote {output}", err=True)
