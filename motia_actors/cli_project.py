"""What commands know of the project they are called for."""

from __future__ import annotations

import os
from pathlib import Path

import click

from motia_actors.settings import Settings, read_env_file, read_settings, store_path

project_option = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that holds steps/ or src/ [default: the current one]",
)
json_option = click.option(
    "--json", "is_json", is_flag=True, help="One JSON value a line, for scripts"
)


def folder_of(project: Path | None) -> Path:
    """The project's folder: as told, of the environment, or the current one."""
    return project or Path(os.environ.get("MOTIA_PROJECT") or ".")


def settings_of(project: Path | None) -> Settings:
    """What the project's processes will read, so that they need not fail one by one.

    Raises:
        SettingsError: one of them is malformed.
    """
    environ = {**read_env_file(folder_of(project) / ".env"), **os.environ}
    settings = read_settings(environ, project=project)
    store_path(settings)
    return settings
