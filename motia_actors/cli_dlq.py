"""The command line: `motia-actors dlq list | show | replay | purge`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from motia_actors.cli_project import folder_of, json_option, project_option, settings_of
from motia_actors.data import opened
from motia_actors.errors import UsageError
from motia_actors.letters import counts, find_step, listed, purge, replay, shown
from motia_actors.parts import read_project
from motia_actors.payload import decode, encode
from motia_actors.settings import load_env_file
from motia_actors.store import Store
from motia_actors.telemetry.terminal import clean

EXIT_NOT_FOUND = 1

_step = click.option(
    "--step", required=True, help="A step by its id, its name or the name of its file"
)
_ids = click.option("--id", "ids", multiple=True, help="A letter; may be given again")
_all = click.option("--all", "is_all", is_flag=True, help="All letters of the step")


@click.group()
def dlq() -> None:
    """Look at dead letters and deal with them, while the project runs or not."""


@dlq.command(name="list")
@click.option("--step", help="Show its letters; without it, how many each step has")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@json_option
@project_option
def list_(step: str | None, limit: int, project: Path | None, *, is_json: bool) -> None:
    """List steps with dead letters, or the letters of one."""
    with opened(settings_of(project)) as store:
        if step is None:
            for name, dead in counts(store).items():
                count = {"step": name, "dead": dead}
                click.echo(encode(count).decode() if is_json else f"{dead:>6}  {name}")
            return
        for letter in listed(store, _find(store, step, project), count_max=limit):
            if is_json:
                click.echo(encode(letter).decode())
                continue
            error = letter["error"].splitlines()[0] if letter["error"] else ""
            line = f"{letter['id']}  {letter['diedAt']}  {letter['topic']}  {error}"
            click.echo(clean(line))


@dlq.command()
@click.argument("letter_id")
@_step
@project_option
def show(letter_id: str, step: str, project: Path | None) -> None:
    """Show one letter whole, as JSON."""
    with opened(settings_of(project)) as store:
        letter = store.events.dead_letter(_find(store, step, project), letter_id)
    if letter is None:
        click.echo(f"no dead letter {letter_id}", err=True)
        sys.exit(EXIT_NOT_FOUND)
    click.echo(encode(shown(letter)).decode())


@dlq.command(name="replay")
@_step
@_ids
@_all
@click.option("--data", help="JSON that the event carries now; with one --id alone")
@project_option
def replay_(project: Path | None, *, data: str | None, **chosen: Any) -> None:
    """Give letters back to their step: it runs them as if they had just come."""
    ids = _chosen(**chosen)
    payload = ... if data is None else decode(data.encode())
    with opened(settings_of(project)) as store:
        step = _find(store, chosen["step"], project)
        missing = _missing(store, step, ids)
        click.echo(f"{replay(store, step, ids, data=payload)} replayed")
    _tell(step, missing)


@dlq.command(name="purge")
@_step
@_ids
@_all
@project_option
def purge_(project: Path | None, **chosen: Any) -> None:
    """Forget letters for good."""
    ids = _chosen(**chosen)
    with opened(settings_of(project)) as store:
        step = _find(store, chosen["step"], project)
        missing = _missing(store, step, ids)
        click.echo(f"{purge(store, step, ids)} purged")
    _tell(step, missing)


def _find(store: Store, text: str, project: Path | None) -> str:
    """The id of a step; the project is read where only that can say what text names."""
    known = counts(store)
    try:
        return find_step(text, known)
    except UsageError:
        load_env_file(folder_of(project) / ".env")
        catalog = read_project(settings_of(project))
        return find_step(text, known, {step.id: step.name for step in catalog.steps})


def _missing(store: Store, step: str, ids: list[str] | None) -> list[str]:
    return [one for one in ids or () if store.events.dead_letter(step, one) is None]


def _tell(step: str, missing: list[str]) -> None:
    if missing:
        click.echo(f"no dead letter {', '.join(missing)} of {step}", err=True)
        sys.exit(EXIT_NOT_FOUND)


def _chosen(*, step: str, ids: tuple[str, ...], is_all: bool) -> list[str] | None:
    if bool(ids) == is_all:
        raise UsageError(f"say which letters of {step}: --id …, or --all")
    return list(ids) or None
