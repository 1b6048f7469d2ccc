"""What `check` and `dev` say of a project: its steps, topics, schedules, streams and problems."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from motia_actors.running import concurrency_of, limit_s_of
from motia_actors.settings import Settings
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Problem, Step
from motia_actors.steps.lines import located
from motia_actors.steps.schedule import Schedule

PIPED_COLUMNS = 10_000
STYLES = {"error": "bold red", "warning": "yellow"}
NOBODY = "nobody"
PAGES = (("workbench", "/__workbench"), ("OpenAPI", "/openapi"))


def console() -> Console:
    """Colours and the terminal's width at a terminal; lines as long as they are elsewhere."""
    return Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS, highlight=False)


def places(urls: Iterable[str]) -> list[str]:
    """Where a browser finds what `dev` offers beside the project; nothing of a socket's file."""
    first = next((url for url in urls if url.startswith("http")), None)
    if first is None:
        return []
    return [f"{name:9}  {first}{path}" for name, path in PAGES]


def show(console: Console, catalog: Catalog, settings: Settings, *, now_s: float) -> None:
    """Everything there is to say of a project: steps, topics, streams, problems, and how many.

    Args:
        console: Takes the text.
        catalog: The project as it was read.
        settings: For the limits and the time zone where steps name none.
        now_s: Cron steps are shown with their next slot after it, in seconds since 1970.
    """
    if catalog.steps:
        _show_steps(console, catalog.steps, settings)
        console.print()
    _show_pairs(console, ("topic", "from", "to"), _topics(catalog))
    _show_pairs(console, ("cron", "next run", "schedule"), _slots(catalog, settings, now_s))
    if catalog.streams:
        names = ", ".join(stream.name for stream in catalog.streams)
        _say(console, f"streams: {names}\n")
    for problem in catalog.problems:
        _show_problem(console, located(problem, catalog.root))
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
            ", ".join(step.kinds),
            "; ".join(map(_trigger, step.bindings)),
            ", ".join(emit.topic for emit in step.emits),
            _limits(step, settings),
            step.id,
        )
        for step in steps
    ]
    titles = ("step", "kind", "trigger", "emits", "limits", "file")
    if _show_table(console, titles, rows):
        return
    width = max(len(step.name) for step in steps)
    for name, kind, trigger, emits, limits, file in rows:
        onward = f" -> {emits}" if emits else ""
        _say(console, Text.assemble((f"{name:{width}}", "bold"), f"  {kind:5}  {trigger}{onward}"))
        _say(console, Text(f"    {file}" + (f"  ({limits})" if limits else ""), style="dim"))


def _topics(catalog: Catalog) -> list[tuple[str, str, str]]:
    """Of each topic: its name, who emits it, who takes it. In the order of names."""
    emitters: dict[str, list[str]] = {}
    takers: dict[str, list[str]] = {}
    for step in catalog.steps:
        for emit in step.emits:
            emitters.setdefault(emit.topic, []).append(step.name)
        for topic in step.subscribes:
            takers.setdefault(topic, []).append(step.name)
    return [
        (topic, ", ".join(emitters.get(topic, [NOBODY])), ", ".join(takers.get(topic, [NOBODY])))
        for topic in sorted(emitters.keys() | takers.keys())
    ]


def _slots(catalog: Catalog, settings: Settings, now_s: float) -> list[tuple[str, str, str]]:
    """Of each cron step: its name, its next run in its own zone, its schedule."""
    rows = []
    for step in catalog.cron_steps:
        schedule = Schedule(step.cron, step.cron_policy.timezone or settings.timezone or None)
        next_s = schedule.next_s(now_s)
        at = "never"
        if next_s is not None:
            at = format(datetime.fromtimestamp(next_s, schedule.zone), "%Y-%m-%d %H:%M:%S %Z")
        rows.append((step.name, at, step.cron))
    return rows


def _show_pairs(
    console: Console, titles: tuple[str, str, str], rows: Sequence[tuple[str, str, str]]
) -> None:
    """A table of three columns and an empty line; two lines a row in a narrow terminal."""
    if not rows:
        return
    if not _show_table(console, titles, rows):
        for name, left, right in rows:
            _say(console, Text(f"{titles[0]} {name}", style="bold"))
            _say(console, f"    {titles[1]}: {left}\n    {titles[2]}: {right}")
    console.print()


def _show_table(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Print the rows as a table; False, and nothing, where the terminal is too narrow for it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    unbound = console.options.update(max_width=PIPED_COLUMNS)
    if console.measure(table, options=unbound).maximum > console.width:
        return False
    console.print(table)
    return True


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
