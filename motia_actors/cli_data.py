"""The command line: `motia-actors data check | backup | compact | export | import`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

import motia_actors.data as tools
from motia_actors.cli_project import project_option, settings_of

EXIT_FINDINGS = 1
_file = click.Path(path_type=Path)


@click.group()
def data() -> None:
    """Look after the data folder: exit 0 is fine, 1 says what is wrong, 2 did nothing."""


@data.command()
@project_option
def check(project: Path | None) -> None:
    """Read everything and say what is damaged; others may use it meanwhile."""
    settings = settings_of(project)
    checked = tools.check(settings)
    for finding in checked.findings:
        click.echo(f"error: {finding}")
    users = f"in use by {checked.processes} process{'es' * (checked.processes != 1)}"
    if not checked.processes:
        users = "in use by nobody"
    found = f"{len(checked.findings)} findings" if checked.findings else "all is well"
    click.echo(f"{tools.folder_of(settings)}: {found}, {users}")
    if checked.findings:
        click.echo("restore a backup, or export what can be read and import it elsewhere")
        sys.exit(EXIT_FINDINGS)


@data.command()
@click.argument("target", type=_file)
@project_option
def backup(target: Path, project: Path | None) -> None:
    """Copy everything to the new folder TARGET; others may use it meanwhile."""
    copied = tools.backup(settings_of(project), target)
    click.echo(f"{target}: {_megabytes(copied.bytes_after)}, checked")


@data.command()
@project_option
def compact(project: Path | None) -> None:
    """Make the data file as small as its content; nobody may use it."""
    copied = tools.compact(settings_of(project))
    click.echo(f"{_megabytes(copied.bytes_before)} before, {_megabytes(copied.bytes_after)} now")


@data.command()
@click.argument("target", type=_file)
@click.option("--journal", is_flag=True, help="The logs too")
@project_option
def export(target: Path, project: Path | None, *, journal: bool) -> None:
    """Write everything that can be read to the new file TARGET, as lines of JSON."""
    exported = tools.export(settings_of(project), target, has_journal=journal)
    for lost in exported.lost:
        click.echo(f"lost: {lost}")
    click.echo(f"{target}: {_counted(exported.counts)}")
    if exported.lost:
        sys.exit(EXIT_FINDINGS)


@data.command("import")
@click.argument("source", type=_file)
@click.option("--merge", is_flag=True, help="Into a folder that holds something")
@project_option
def import_(source: Path, project: Path | None, *, merge: bool) -> None:
    """Read the file SOURCE that export wrote, whole or not at all; nobody may use the folder."""
    settings = settings_of(project)
    counts = tools.import_(settings, source, is_merge=merge)
    click.echo(f"{tools.place_of(settings)}: {_counted(counts)}")


def _counted(counts: Mapping[str, int]) -> str:
    shown: Iterable[str] = (f"{count} {kind}" for kind, count in counts.items())
    return ", ".join(shown) or "nothing"


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB"
