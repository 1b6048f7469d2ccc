"""Names of traces, spans and events: each is given out once."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from motia_actors.telemetry.traces import new_event_id, new_span_id, new_trace_ids

COUNT = 2000
IN_A_FORK = """
import os
from motia_actors.telemetry.traces import new_span_id

new_span_id()
if os.fork():
    os.wait()  # One prints after the other.
print("\\n".join(new_span_id() for _ in range(300)), flush=True)
"""


def test_trace_and_span_have_the_digits_that_w3c_wants() -> None:
    for _ in range(COUNT):
        trace_id, span_id = new_trace_ids()

        assert re.fullmatch("[0-9a-f]{32}", trace_id)
        assert re.fullmatch("[0-9a-f]{16}", span_id)
        assert re.fullmatch("[0-9a-f]{16}", new_span_id())


def test_no_two_threads_get_the_same() -> None:
    def take(_: int) -> list[str]:
        return [
            one for _ in range(COUNT) for one in (*new_trace_ids(), new_span_id(), new_event_id(0))
        ]

    with ThreadPoolExecutor(8) as pool:
        taken = [one for some in pool.map(take, range(8)) for one in some]

    assert len(set(taken)) == len(taken) == 8 * 4 * COUNT


def test_a_fork_has_none_of_its_parents() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_FORK], capture_output=True, text=True, check=True, timeout=30
    )

    taken = done.stdout.split()
    assert len(set(taken)) == len(taken) == 600
