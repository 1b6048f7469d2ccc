"""Processor time of a process and all below it (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def tree_cpu_s(pid: int) -> float:
    """Add up user and system time of a process and its living descendants; steps of 10 ms."""
    try:
        # The name, in parentheses, may hold blanks: the fields after it are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return own_s + sum(tree_cpu_s(int(child)) for child in children)
