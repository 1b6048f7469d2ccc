"""Run benches, tell what came of them, and tune a project.

- `python -m bench`: all benches, about ten minutes
- `python -m bench http emit`: some of them
- `python -m bench --quick`: all of them, too short to mean anything
- `python -m bench --list`: what there is
- `python -m bench report FOLDER`: tables, targets and plots of an earlier run again
- `python -m bench tune PROJECT --url URL`: which mailbox and concurrency its steps should have
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import plots, suite, tune
from bench.options import RESULTS


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    match list(arguments):
        case ["tune", *rest]:
            tune.main(rest)
        case ["report", *rest]:
            _report(rest)
        case rest:
            _run(rest)


def _run(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = suite.names()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--list", action="store_true", help="say what there is, and end")
    parser.add_argument("--quick", action="store_true", help="too short to mean anything")
    parser.add_argument("--seconds", help="of one turn, in place of each bench's own")
    parser.add_argument("--rounds", help="turns of each alternative")
    parser.add_argument("--peers", choices=["installed", "all", "none"], default="installed")
    parser.add_argument("--out", type=Path, help="folder of the results [default: by the time]")
    parser.add_argument("--format", choices=plots.FORMATS, default="svg", help="of the plots")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        parser.error(f"no bench {', '.join(unknown)}; there are {', '.join(known)}")
    if options.list:
        for name in known:
            print(f"{name:10} {suite.about(name)}")
        return
    wanted = {"--peers": options.peers, **(suite.QUICK if options.quick else {})}
    own = {"--seconds": options.seconds, "--rounds": options.rounds}
    wanted |= {name: value for name, value in own.items() if value is not None}
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S")
    folder = options.out or RESULTS / now
    failed = suite.run_all(options.names or known, wanted, folder, plot_format=options.format)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _report(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench report")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--format", choices=plots.FORMATS, default="svg")
    options = parser.parse_args(arguments)
    suite.report(options.folder, plot_format=options.format)


if __name__ == "__main__":
    main(sys.argv[1:])
