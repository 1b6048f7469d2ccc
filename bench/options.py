"""The options that every bench has."""

from __future__ import annotations

import argparse
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def make_parser(
    bench: str, about: str | None, *, seconds: float, rounds: int = 5
) -> argparse.ArgumentParser:
    """Make a parser with the options of every bench and these defaults."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{bench}", description=about)
    parser.add_argument("--seconds", type=float, default=seconds, help="of one turn")
    parser.add_argument("--rounds", type=int, default=rounds, help="turns of each alternative")
    parser.add_argument(
        "--folder", type=Path, default=RESULTS, help="on a disk; data is made there and removed"
    )
    return parser
