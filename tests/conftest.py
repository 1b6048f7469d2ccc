"""What every test leaves as it found it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start below the root, wherever a project that an earlier test ran in this process went.

    A project is run in its own folder, and `python -m tests.…` is found from the root alone.
    """
    monkeypatch.chdir(ROOT)
