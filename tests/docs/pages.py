"""The pages of the documentation as their code blocks.

A comment right before a block says how it is tried where the usual way is not right:

    <!-- test: compile WHY -->   its syntax is checked, and it is not run
    <!-- test: skip WHY -->      it is not tried at all
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.e2e.server import ROOT

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])
TUTORIAL = sorted(ROOT.glob("docs/tutorial/*.md"))
FIVE_MINUTES = ROOT / "docs" / "five_minutes.md"

_FENCE = re.compile(
    r"(?:^<!-- test: (?P<how>compile|skip) (?P<why>[^>]+) -->\n\s*)?"
    r"^```(?P<language>[^\n`]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PATH = re.compile(r"(?:#|//|;) ((?:[\w.-]+/)*[\w-][\w.-]*\.[a-z]{2,5})(?:$|[:,] )")


class Block(NamedTuple):
    """One fenced block; `how` is compile, skip or, for the usual way, empty."""

    page: Path
    line: int
    language: str
    text: str
    how: str

    @property
    def id(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def path(self) -> str | None:
        """The file that the first line names, if it names one."""
        match = _PATH.match(self.text.partition("\n")[0])
        return match[1] if match else None


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, from its top."""
    text = page.read_text("utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, match.start("language")) + 1,
            match["language"].strip(),
            match["text"],
            match["how"] or "",
        )
        for match in _FENCE.finditer(text)
    ]


ALL = [block for page in PAGES for block in blocks(page)]


def of(*languages: str) -> list[Block]:
    """All blocks in these languages that are to be tried."""
    return [block for block in ALL if block.language in languages and block.how != "skip"]
