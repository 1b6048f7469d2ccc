"""The runners of all languages, made together and closed together."""

from __future__ import annotations

from pathlib import Path

from motia_actors.runner import Runner
from motia_actors.runners.isolated import IsolatedSteps, Recycling
from motia_actors.runners.node import NodeRunner
from motia_actors.runners.python import PythonRunner


class Languages:
    """One runner for each language; `node` is there apart, for `motia.config.ts`.

    Args are those of `PythonRunner`, `NodeRunner` and `Recycling`.
    """

    def __init__(
        self,
        root: Path,
        *,
        state_envelope: bool = False,
        node: str = "",
        node_count: int = 2,
        node_hang_s: float = 10.0,
        node_heap_mib: int = 0,
        keeps_spare: bool = False,
        child_calls_max: int = 0,
        child_memory_bytes: int = 0,
    ) -> None:
        recycling = Recycling(calls_max=child_calls_max, memory_bytes=child_memory_bytes)
        self.python = PythonRunner(
            root,
            state_envelope=state_envelope,
            isolated=IsolatedSteps(root, state_envelope=state_envelope, recycling=recycling),
        )
        self.node = NodeRunner(
            root,
            node=node,
            count_max=node_count,
            hang_s=node_hang_s,
            heap_mib=node_heap_mib,
            recycling=recycling,
            keeps_spare=keeps_spare,
        )
        self.runners: list[Runner] = [self.python, self.node]

    def close(self) -> None:
        """Let go of what they hold."""
        for runner in self.runners:
            runner.close()
