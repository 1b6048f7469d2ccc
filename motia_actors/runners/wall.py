"""How a step is walled off from the others, as its config says under `infrastructure`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import msgspec

from motia_actors.errors import StepLoadError
from motia_actors.steps.infrastructure import PROCESSES_MAX

_WORD = re.compile(r"""\bisolation["']?\s*[:=]\s*["']process["']""")


class Wall(msgspec.Struct, frozen=True, kw_only=True):
    """Children of a step's own: how many, and what each may use.

    `ram_mib` None: any memory; `cpu` None: any share of the processors, else in cores.
    """

    processes: int = 1
    ram_mib: int | None = None
    cpu: float | None = None

    @property
    def ram_bytes(self) -> int | None:
        """The limit of memory, in bytes."""
        return None if self.ram_mib is None else self.ram_mib << 20


def wall_of(config: Mapping[str, Any] | None, *, needs_word: bool) -> Wall | None:
    """Read what a config asks for; None where the step shares a process with others.

    What is out of its range is left out here: whoever checks the config names it.

    Args:
        config: As the step exports it.
        needs_word: Limits alone, without `isolation: "process"`, ask for nothing.
    """
    infrastructure = _mapping(config, "infrastructure")
    handler = _mapping(infrastructure, "handler")
    ram, cpu = handler.get("ram"), handler.get("cpu")
    is_walled = infrastructure.get("isolation") == "process"
    if not is_walled and (needs_word or (ram is None and cpu is None)):
        return None
    processes = infrastructure.get("processes", 1)
    return Wall(
        processes=int(processes)
        if _is_number(processes) and 1 <= processes <= PROCESSES_MAX
        else 1,
        ram_mib=int(ram) if _is_number(ram) and ram >= 1 else None,
        cpu=float(cpu) if _is_number(cpu) and cpu > 0 else None,
    )


def check_ram(wall: Wall | None, *, ram_mib_min: int, language: str, shown: str) -> None:
    """Refuse a limit of memory in which no process of the language can live.

    Raises:
        StepLoadError: the wall gives less than ram_mib_min; shown names the step's file.
    """
    if wall is None or wall.ram_mib is None or wall.ram_mib >= ram_mib_min:
        return
    raise StepLoadError(
        shown,
        f"handler.ram is {wall.ram_mib} MB, too little for a {language} process; "
        f"give it {ram_mib_min} or more",
    )


def may_be_walled(path: Path) -> bool:
    """Whether the file says so in so many words: then it is not to be run here even once."""
    try:
        return _WORD.search(path.read_text("utf-8", "replace")) is not None
    except OSError:
        return False


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    inner = value.get(name) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
