"""What runs data as code is refused by the linter in every folder; each exception is counted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("motia_actors", "tests", "bench", "build_backend", "examples", "docs")
BAD = {
    "import pickle": "TID251",
    "import marshal": "TID251",
    "from shelve import open": "TID251",
    "import yaml": "TID251",
    "import dill": "TID251",
    "import os; os.system(text)": "TID251",
    "from os import popen": "TID251",
    "import subprocess; subprocess.getoutput(text)": "TID251",
    "eval(text)": "S307",
    "exec(text)": "S102",
    "import subprocess; subprocess.run(text, shell=True, check=True)": "S602",
    "import asyncio; asyncio.create_subprocess_shell(text)": "TID251",
    "import tempfile; tempfile.mktemp()": "S306",
    "import xml.etree.ElementTree as tree; tree.parse(text)": "S314",
    "import ssl; ssl._create_unverified_context()": "S323",
}
RULES = r"TID251|S102|S3(?!11)\d\d|S506|S60[245]"
"""Those that BAD tries and their kin. S311, chance that guards nothing, is another matter."""
EXCEPTION = re.compile(rf"#\s*(?:ruff:\s*)?noqa(?::[ \w,]*\b(?:{RULES})|\s*$)")
EXCEPTED = {
    "tests/docs/test_nats_files.py": 1,
    "tests/docs/test_pages.py": 1,
    "tests/runners/test_isolated.py": 2,
    "tests/runners/test_node_values.py": 3,
    "tests/telemetry/test_code_frames.py": 1,
}
"""How often each file, of ours alone, runs text that stands beside it; a reason is at the line."""
SCRIPTS = sorted(
    path
    for folder in ("runners/javascript", "scaffold", "workbench/ui/src")
    for path in (ROOT / "motia_actors" / folder).rglob("*")
    if path.suffix in (".mjs", ".js", ".ts", ".tsx", ".in")
)
RUN_IN_JAVASCRIPT = re.compile(
    r"\beval\(|new Function\b|node:vm|child_process|dangerouslySetInnerHTML|v8\.deserialize"
)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_linter_finds_what_runs_data_as_code(folder: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--output-format=json", "--no-cache"]
    text = "\n".join(BAD) + "\n"
    done = subprocess.run(
        [*command, f"--stdin-filename={ROOT / folder / 'bad.py'}", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    found = {(one["location"]["row"], one["code"]) for one in json.loads(done.stdout)}
    missed = {
        line: code for row, (line, code) in enumerate(BAD.items(), 1) if (row, code) not in found
    }
    assert missed == {}


def test_exceptions_are_few_and_each_says_why() -> None:
    found: dict[str, int] = {}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            lines = [line for line in path.read_text("utf-8").split("\n") if EXCEPTION.search(line)]
            if lines and path != Path(__file__):
                assert all("(our own" in line for line in lines), lines
                found[path.relative_to(ROOT).as_posix()] = len(lines)

    assert found == EXCEPTED


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_of_ours_runs_data_as_code(path: Path) -> None:
    assert not RUN_IN_JAVASCRIPT.search(path.read_text("utf-8")), path
