"""Looks for known holes in what is pinned, of Python and of the workbench's front end.

    python build_backend/audit.py

Exit code 0: none known. 1: some are, as shown. 2: an advisory service could not be asked, so
nothing is known; that is never a pass.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LIMIT_S = 300

# What they write where there is a finding, and not where the service gave no answer.
PYTHON = (sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "-r", "constraints.txt")
FRONT = ("npm", "audit", "--package-lock-only", "--prefix", "motia_actors/workbench/ui")
PYTHON_ASKED = ("No known vulnerabilities found", "known vulnerabilit")
FRONT_ASKED = ("found 0 vulnerabilities", "npm audit report")
# pip-audit calls it a pass all the same when a service knows none of the packages.
SKIPPED = "could not be audited"


class Finding(NamedTuple):
    """What one of them says: its code as ours, and its text."""

    code: int
    text: str


def ask(command: tuple[str, ...], asked: tuple[str, ...]) -> Finding:
    """Run a command; it was answered where its text has one of asked, and nothing was left out."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(2, str(error))
    text = f"{done.stdout}{done.stderr}".strip()
    if SKIPPED in text or not any(word in text for word in asked):
        return Finding(2, text)
    return Finding(min(done.returncode, 1), text)


def main() -> int:
    """Ask both and say what came of it."""
    worst = 0
    for name, command, asked in (
        ("constraints.txt", PYTHON, PYTHON_ASKED),
        ("package-lock.json", FRONT, FRONT_ASKED),
    ):
        code, text = ask(command, asked)
        if code == 2:
            skipped = text.count(SKIPPED)
            text += "\nthe advisory service could not be asked"
            text += f" about {skipped} packages: nothing is known of them" if skipped else ""
        sys.stdout.write(f"== {name}\n{text}\n")
        worst = max(worst, code)
    return worst


if __name__ == "__main__":
    sys.exit(main())
