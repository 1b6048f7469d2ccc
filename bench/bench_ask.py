"""An ask of a step's actor beside an ask of a bare pykka actor, in one process."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.asks import asks
from bench.options import make_parser
from bench.rows import make_row, print_row
from bench.turns import take_turns


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    options = make_parser("bench_ask", __doc__, seconds=0.4, rounds=3).parse_args(arguments)
    with asks() as alternatives:
        results = take_turns(alternatives, seconds=options.seconds, rounds=options.rounds)
    settings = {"seconds": options.seconds}
    print_row(
        make_row(
            "bench_ask", results, arguments=arguments, rounds=options.rounds, settings=settings
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
