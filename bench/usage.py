"""Processor time and memory of a process and all below it (Linux)."""

from __future__ import annotations

import math
import os
import re
import resource
import time
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_LOOK_S = 0.5
_IDLE_SHARE = 0.1
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_RSS = re.compile(r"^Rss:\s+(\d+) kB", re.MULTILINE)


def tree_cpu_s(pid: int) -> float:
    """Add up user and system time of a process and its descendants; steps of 10 ms.

    Descendants that ended count where their parent has waited for them.
    """
    try:
        # The name, in parentheses, may hold blanks: the fields after it are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    own_s = sum(map(int, fields[11:15])) / _TICKS_PER_S
    return own_s + sum(map(tree_cpu_s, children(pid)))


def wait_until_idle(pid: int, *, within_s: float) -> None:
    """Wait until a process and its descendants do next to nothing, no longer than within_s."""
    until_s = time.monotonic() + within_s
    before_s = -math.inf
    while (now_s := tree_cpu_s(pid)) - before_s > _IDLE_SHARE * _LOOK_S:
        if time.monotonic() >= until_s:
            return
        before_s = now_s
        time.sleep(_LOOK_S)


def ended_children_cpu_s() -> float:
    """Add up user and system time of this process' children that ended and were waited for."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def children(pid: int) -> list[int]:
    """List the living children of a process, whichever of its threads started them."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:
        return found
    return found


def rss_mb(pid: int) -> float:
    """Tell how many megabytes of a process are in memory, those shared with others included."""
    return _rollup_mb(pid, _RSS)


def tree_pss_mb(pid: int) -> float:
    """Add up the memory of a process and its descendants; what several share counts once."""
    return _rollup_mb(pid, _PSS) + sum(map(tree_pss_mb, children(pid)))


def _rollup_mb(pid: int, field: re.Pattern[str]) -> float:
    try:
        found = field.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
