"""Which peers take part: those that are installed, all or none."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from collections.abc import Callable, Sequence

from bench.peers import motia

NAMES = ("celery", "dramatiq", "huey", "motia", "taskiq")
EXTRAS = {"celery": "bench-celery"}
"""Where a package is in an extra of its own; the others are in `bench`."""


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add `--peers` to a parser."""
    parser.add_argument(
        "--peers",
        choices=["installed", "all", "none", *NAMES],
        default="installed",
        help="others beside us: those that are installed, all or one of them or else an error, "
        "or none",
    )


class Peers:
    """Answers for each peer whether it takes part; `left_out` says why some did not."""

    def __init__(self, choice: str) -> None:
        self._choice = choice
        self.left_out: dict[str, str] = {}

    def has(self, name: str, *packages: str, needs_redis: bool = False) -> bool:
        """Look for packages by the names that they are imported by, and for redis-server.

        Raises:
            SystemExit: something is missing and all peers, or this one, were asked for.
        """
        return self._has(name, lambda: missing(packages, needs_redis=needs_redis))

    def has_motia(self) -> bool:
        """Look for Motia and what it needs; raises as `has` does."""
        return self._has("motia", motia.missing)

    def settings(self) -> dict[str, str]:
        """Tell in a row's settings who is missing and why."""
        told = "; ".join(f"{name}: {reason}" for name, reason in self.left_out.items())
        return {"left out": told} if told else {}

    def _has(self, name: str, look: Callable[[], str]) -> bool:
        is_named = name.partition(" ")[0] == self._choice
        if self._choice not in ("installed", "all") and not is_named:
            return False
        reason = look()
        if reason and (is_named or self._choice == "all"):
            raise SystemExit(reason)
        if reason:
            self.left_out[name] = reason
            print(f"without {name}: {reason}", file=sys.stderr, flush=True)
        return not reason


def missing(packages: Sequence[str], *, needs_redis: bool = False) -> str:
    """Tell what is not there and how to install it; empty: all is."""
    lacking = [package for package in packages if not _is_importable(package)]
    if lacking:
        extras = sorted({EXTRAS.get(package, "bench") for package in lacking})
        wanted = f"python -m pip install -e '.[{','.join(extras)}]'"
        return f"needs {', '.join(lacking)}: {wanted}"
    if needs_redis and shutil.which("redis-server") is None:
        return "needs redis-server: apt-get install redis-server"
    return ""


def _is_importable(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
