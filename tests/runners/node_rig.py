"""A project of JavaScript and TypeScript files, and a runner with a real Node for them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from motia_actors.runner import Handler, Loaded
from motia_actors.runners.node import NodeRunner


class NodeProject:
    """Files below a folder and a runner for them."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.root = root
        self.runner = NodeRunner(root, **{"count_max": 1, **options})

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), "utf-8")
        return file

    def load(self, text: str, path: str = "steps/a.step.ts") -> Loaded:
        return self.runner.load(self.write(path, text))

    def handler(self, body: str, path: str = "steps/a.step.ts") -> Handler:
        """A step whose handler has this body, with `req` and `ctx`."""
        text = (
            f"export const config = {{}}\nexport const handler = async (req, ctx) => {{\n{body}\n}}"
        )
        handler = self.load(text, path).handler
        assert handler is not None
        return handler
